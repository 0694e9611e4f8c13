"""Settings come into force while the agent runs, are journaled whole, and can be lived through again."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from recovery_lab import MNQ, SETTINGS, live

from fabio import __version__
from fabio.journal.reader import read_remarks, read_steps
from fabio.model.event import SettingsChanged
from fabio.model.fact import RegimeAsked, SignalBlocked, StrategyChanged
from fabio.model.tick import Ticks
from fabio.runtime.demo import Demo
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reloading import IN_PLACE, Reloading, values_in_place
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.start import prepare
from fabio.settings.load import Settings, load
from fabio.settings.show import texts

HALF = 40_000


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    return Demo(SETTINGS, MNQ, 82).day(0, 2 * HALF).ticks


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Settings]:
    """Write a configuration, and read it."""
    folder = tmp_path / "config"
    folder.mkdir()

    def read(text: str, overrides: tuple[str, ...] = ()) -> Settings:
        (folder / "fabio.toml").write_text(text)
        return load(config=folder, overrides=overrides, environment={}, directory=tmp_path)

    return read


@contextlib.contextmanager
def opened(tmp_path: Path, settings: Settings, **changes: Any) -> Iterator[Ready]:
    plan = RunPlan(**{"logs": tmp_path / "logs", "symbol": "MNQ", "speed": float("inf"), "seed": 82, **changes})
    ready = prepare(plan, settings, lambda line: None)
    try:
        yield ready
    finally:
        ready.close()


def reloading(ready: Ready, settings: Settings, read: Callable[[], Settings]) -> Reloading:
    return Reloading(settings, read, ready.driver, lambda: ready.driver.engine.state.now_ns, ready.board)


def changes_in(folder: Path) -> list[SettingsChanged]:
    return [step.event for step in read_steps(folder) if isinstance(step.event, SettingsChanged)]


def lives_again(settings: Settings, folder: Path) -> bool:
    recorded = Recorded(settings, folder)
    return Again(empty_machine(recorded), recorded).run() is None


def test_a_change_comes_into_force_in_place_and_the_record_lives_again(
    tmp_path: Path, config: Callable[..., Settings], ticks: Ticks
) -> None:
    before = config("")
    changed = "[guards.min_confidence]\nminimum = 0.99\n[cadence]\ninterval_default_s = 60\n" \
              "[strategies.mean_reversion]\nenabled = false\n"
    with opened(tmp_path, before) as ready:
        live(ready.driver, ticks.slice(0, HALF))
        reloading(ready, before, lambda: config(changed)).read_again()
        live(ready.driver, ticks.slice(HALF, 2 * HALF))
        state = ready.driver.engine.state
        assert not state.strategies["mean_reversion"].enabled
        ready.sink.flush()
        digest, at = ready.driver.digest, ready.driver.engine.state.tape_pos
    folder = tmp_path / "logs"
    [event] = changes_in(folder)
    assert set(event.changed) == {
        "guards.min_confidence.minimum", "cadence.interval_default_s", "strategies.mean_reversion.enabled",
    }
    assert event.values == values_in_place(config(changed))  # whole, not only what is new
    steps = list(read_steps(folder))
    place = next(place for place, step in enumerate(steps) if step.event == event)
    [fact] = [fact for fact in steps[place].facts if isinstance(fact, StrategyChanged)]
    assert (fact.name, fact.source, fact.after.enabled) == ("mean_reversion", "operator", False)
    refused = [fact.decision.refused_by for step in steps[place:] for fact in step.facts
               if isinstance(fact, SignalBlocked)]
    assert refused
    assert all("min_confidence" in each for each in refused)
    asked = [step.ts_ns for step in steps for fact in step.facts if isinstance(fact, RegimeAsked)]
    gaps_after = [late - early for early, late in pairwise(asked) if early > steps[place].ts_ns]
    assert max(gaps_after) >= 59_000_000_000
    assert lives_again(before, folder)  # whatever the files say now
    assert lives_again(config(changed), folder)
    with opened(tmp_path, config(changed)) as again:  # and a start comes to the same
        assert again.recovered.ticks == at
        assert again.driver.engine.config.policy.guards is not None
        assert len(changes_in(folder)) == 1
        assert again.driver.digest == digest


def test_what_does_not_validate_is_refused_and_the_old_stays(
    tmp_path: Path, config: Callable[..., Settings], ticks: Ticks
) -> None:
    before = config("[guards.min_confidence]\nminimum = 0.7\n")
    with opened(tmp_path, before) as ready:
        live(ready.driver, ticks.slice(0, 1000))
        policy = ready.driver.engine.config.policy
        watcher = reloading(ready, before, lambda: config("[guards.min_confidence]\nminimum = 7\n"))
        watcher.read_again()
        assert ready.driver.engine.config.policy is policy
        assert "guards.min_confidence.minimum" in ready.board.settings_refused
        assert ready.board.status()["settings_refused"]
        watcher._load = lambda: config("[guards.min_confidence]\nminimum = 0.7\n")
        watcher.read_again()  # mended
        assert ready.board.settings_refused == ""
        ready.sink.flush()
    assert changes_in(tmp_path / "logs") == []


def test_what_belongs_to_the_start_waits_for_it(
    tmp_path: Path, config: Callable[..., Settings], ticks: Ticks, caplog: pytest.LogCaptureFixture
) -> None:
    before = config("")
    with opened(tmp_path, before) as ready:
        live(ready.driver, ticks.slice(0, 1000))
        account = ready.driver.engine.config.policy.account
        changed = "[account]\ndaily_loss = 500\n[notes]\nshown_most = 3\n"
        with caplog.at_level("WARNING"):
            reloading(ready, before, lambda: config(changed)).read_again()
        ready.sink.flush()
        assert ready.driver.engine.config.policy.account == account
        assert ready.driver.engine.config.policy.notes.shown_most == 3
    assert "account.daily_loss" in caplog.text
    [event] = changes_in(tmp_path / "logs")
    assert event.changed == ("notes.shown_most",)
    assert not any(path.startswith("account.") for path in event.values)


def test_settings_that_changed_while_nothing_ran_come_as_an_event_with_the_start(
    tmp_path: Path, config: Callable[..., Settings], ticks: Ticks
) -> None:
    before, folder = config(""), tmp_path / "logs"
    with opened(tmp_path, before) as ready:
        live(ready.driver, ticks.slice(0, HALF))
    after = config("[cadence]\ninterval_default_s = 45\n[strategies.trend_continuation]\nmin_rr = 3.5\n")
    with opened(tmp_path, after) as ready:
        live(ready.driver, ticks.slice(HALF, 2 * HALF))
        assert ready.driver.engine.state.strategies["trend_continuation"].min_rr == 3.5
    [event] = changes_in(folder)
    assert event.changed == ("cadence.interval_default_s", "strategies.trend_continuation.min_rr")
    assert lives_again(after, folder)
    with opened(tmp_path, after):
        pass
    assert len(changes_in(folder)) == 1  # nothing is new


def test_the_first_line_of_a_run_holds_every_setting_but_secrets(
    tmp_path: Path, config: Callable[..., Settings]
) -> None:
    settings = config("[zones]\n", overrides=("guards.cooldown.enabled=false",))
    with opened(tmp_path, settings):
        pass
    [remark] = list(read_remarks(tmp_path / "logs"))
    assert remark.data["version"] == __version__
    assert remark.data["values"] == texts(settings)
    assert remark.data["values"]["guards.cooldown.enabled"] == "false"
    assert not any("key" in path.rpartition(".")[2] for path in remark.data["values"])


@pytest.mark.parametrize("overrides", [
    (), ("guards.cooldown.enabled=false", "regime.playbook.strong_flow=0.3", "strategies.mean_reversion.stop_ticks=24"),
    ("exchange.market_slippage_ticks=3", "account.daily_loss=700"),
])
def test_settings_come_back_from_their_texts(overrides: tuple[str, ...]) -> None:
    given = load(overrides=overrides, environment={})
    back = load(environment={}).with_values(texts(given))
    assert texts(back) == texts(given)
    assert [each.name for each in back.guards] == [each.name for each in given.guards]
    assert (back.regime, back.account, back.exchange) == (given.regime, given.account, given.exchange)
    only = load(environment={}).with_values(texts(given), IN_PLACE)
    assert only.account == load(environment={}).account


def test_a_file_that_is_edited_is_seen(tmp_path: Path, config: Callable[..., Settings]) -> None:
    before = config("")
    read = partial(load, config=tmp_path / "config", environment={}, directory=tmp_path)

    file = tmp_path / "config" / "fabio.toml"

    async def edited(ready: Ready) -> None:
        watcher = asyncio.create_task(reloading(ready, before, read).run())
        async with asyncio.timeout(120):
            while ready.driver.engine.config.policy.notes.shown_most != 4:
                await asyncio.to_thread(file.write_text, "[notes]\nshown_most = 4\n")  # until the watch has begun
                await asyncio.sleep(0.05)
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)

    with opened(tmp_path, before) as ready:
        asyncio.run(edited(ready))
