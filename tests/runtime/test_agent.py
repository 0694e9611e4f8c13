"""The asyncio shell: it answers while it works, ends when asked, and goes on where it stopped."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from recovery_lab import MNQ, SETTINGS
from run_tapes import write_csv

from fabio.engine.halting import halt
from fabio.journal.inbox import post
from fabio.journal.world import FolderBusy, OtherWorld, is_running, read_status
from fabio.model.tick import Ticks
from fabio.runtime.demo import Demo
from fabio.runtime.recovery import RecoveryFailed
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.start import prepare

FAST = math.inf


@pytest.fixture(scope="module")
def ticks() -> Ticks:
    return Demo(SETTINGS, MNQ, 3).day(0, 20_000).ticks


@pytest.fixture
def tape(tmp_path: Path, ticks: Ticks) -> Path:
    return write_csv(tmp_path / "mnq.csv", ticks, 0, 6_000)


def opened(tmp_path: Path, **changes: Any) -> Ready:
    plan = RunPlan(**{"logs": tmp_path / "logs", "symbol": "MNQ", "speed": FAST, **changes})
    return prepare(plan, SETTINGS, lambda line: None)


def run(ready: Ready, **watchers: Callable[[], Any]) -> None:
    try:
        asyncio.run(ready.agent.run(watchers))
    finally:
        ready.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another task brings about."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.005)


def answer_to(folder: Path, request_id: str) -> dict[str, Any] | None:
    path = folder / "inbox" / "done" / f"{request_id}.json"
    return orjson.loads(path.read_bytes()) if path.exists() else None


def test_a_tape_is_lived_through_and_then_done(tmp_path: Path, tape: Path) -> None:
    first = opened(tmp_path, feed=str(tape))
    run(first)
    assert first.agent.finished
    assert first.driver.engine.state.tape_pos == 6_000
    second = opened(tmp_path, feed=str(tape))
    run(second)
    assert second.agent.finished
    assert second.recovered.ticks == second.driver.engine.state.tape_pos == 6_000
    assert second.driver.digest == first.driver.digest


def test_the_heartbeat_tells_a_running_agent_from_a_stopped_one(tmp_path: Path, tape: Path) -> None:
    folder = tmp_path / "logs"
    ready = opened(tmp_path, feed=str(tape))
    seen: list[dict[str, Any]] = []

    async def look() -> None:
        await until(lambda: (read_status(folder) or {}).get("tape_pos") is not None)
        seen.append(read_status(folder) or {})
        assert is_running(folder)
        await until(lambda: ready.agent.finished)

    run(ready, look=look)
    assert seen[0]["state"] == "running"
    last = read_status(folder) or {}
    assert (last["state"], last["finished"], last["tape_pos"]) == ("stopped", True, 6_000)
    assert not is_running(folder)
    assert set(last) >= {"pid", "mode", "feed", "symbol", "price", "regime", "position", "account", "strategies"}


def test_requests_are_answered_while_the_feed_runs(tmp_path: Path, tape: Path) -> None:
    folder = tmp_path / "logs"
    ready = opened(tmp_path, feed=str(tape), speed=5_000.0)
    answers: list[Any] = []

    async def person() -> None:
        for verb, name in (("disable", "mean_reversion"), ("enable", "nobody"), ("arm", ""), ("dance", "")):
            request = post(folder, verb, name=name)
            await until(lambda id_=request.id: answer_to(folder, id_) is not None)
            answers.append((answer_to(folder, request.id) or {})["outcome"])

    run(ready, person=person)
    assert answers == ["done", "refused", "refused", "invalid"]
    assert not ready.driver.engine.state.strategies["mean_reversion"].enabled
    assert not ready.agent.finished  # the first task to end ended all


def test_the_file_halt_halts_and_a_restart_stays_halted(tmp_path: Path, tape: Path) -> None:
    folder = tmp_path / "logs"
    ready = opened(tmp_path, feed=str(tape), speed=5_000.0)
    account = ready.driver.engine.state

    async def person() -> None:
        (folder / "HALT").write_text("lunch")
        await until(lambda: bool(account.account.halted))

    run(ready, person=person)
    assert ready.driver.engine.state.account.halted == "the file HALT: lunch"
    (folder / "HALT").unlink()
    again = opened(tmp_path, feed=str(tape))
    again.close()
    assert again.driver.engine.state.account.halted


def test_the_file_halt_outlives_a_halt_that_was_for_the_day_alone(tmp_path: Path, tape: Path) -> None:
    folder = tmp_path / "logs"
    ready = opened(tmp_path, feed=str(tape), speed=5_000.0)
    turn = ready.driver.engine._turn
    turn.begin()
    halt(turn, "the daily loss limit", "2999-01-01")

    async def person() -> None:
        (folder / "HALT").write_text("lunch")
        await until(lambda: not turn.state.halted_for_date)

    run(ready, person=person)
    assert turn.state.account.halted == "the file HALT: lunch"


def test_a_stop_request_ends_the_run_and_the_next_one_goes_on(tmp_path: Path, tape: Path) -> None:
    folder = tmp_path / "logs"
    ready = opened(tmp_path, feed=str(tape), speed=5_000.0)

    async def person() -> None:
        await until(lambda: ready.driver.engine.state.tape_pos > 100)
        post(folder, "stop", reason="enough")
        await asyncio.sleep(120)

    run(ready, person=person)
    assert ready.agent.stopping == "enough"
    place = ready.driver.engine.state.tape_pos
    assert 100 < place < 6_000
    again = opened(tmp_path, feed=str(tape))
    assert again.recovered.ticks == place
    run(again)
    assert again.driver.engine.state.tape_pos == 6_000


def test_until_flattens_what_is_open(tmp_path: Path) -> None:
    # the default demo is short two contracts from 08:51 to 08:56
    ready = opened(tmp_path, until="08:53")
    run(ready)
    state = ready.driver.engine.state
    assert state.markets[0].position is None
    assert ready.driver.exchange.held_steps(0) == 0
    assert [trade.exit_leg for trade in ready.board.summary.trades] == ["close"]
    assert "--until" in ready.agent.stopping


def test_a_failing_root_task_ends_all_with_its_own_error(tmp_path: Path, tape: Path) -> None:
    ready = opened(tmp_path, feed=str(tape), speed=5_000.0)

    async def broken() -> None:
        raise LookupError("the panel broke")

    with pytest.raises(LookupError, match="the panel broke"):
        run(ready, broken=broken)


def test_a_demo_folder_keeps_its_seed_and_symbol(tmp_path: Path) -> None:
    opened(tmp_path, seed=11, symbol="MES").close()
    again = opened(tmp_path, symbol=None)
    again.close()
    assert again.agent.life.name == "synthetic session 2026-06-01, seed 11"
    assert again.agent.life.instrument.symbol == "MES"
    with pytest.raises(OtherWorld, match="--logs"):
        opened(tmp_path, seed=12, symbol="MES")


def test_a_folder_has_one_agent_at_a_time(tmp_path: Path, tape: Path) -> None:
    ready = opened(tmp_path, feed=str(tape))
    with pytest.raises(FolderBusy, match="fabio stop"):
        opened(tmp_path, feed=str(tape))
    ready.close()


def test_a_tape_whose_content_changed_is_not_gone_on_with(tmp_path: Path, ticks: Ticks) -> None:
    tape = write_csv(tmp_path / "mnq.csv", ticks, 0, 3_000)
    run(opened(tmp_path, feed=str(tape)))
    write_csv(tape, ticks, 1_000, 5_000)
    with pytest.raises(RecoveryFailed, match="another --logs"):
        opened(tmp_path, feed=str(tape))


def test_a_tape_that_grew_is_gone_on_with(tmp_path: Path, ticks: Ticks) -> None:
    tape = write_csv(tmp_path / "mnq.csv", ticks, 0, 3_000)
    run(opened(tmp_path, feed=str(tape)))
    write_csv(tape, ticks, 0, 5_000)
    ready = opened(tmp_path, feed=str(tape))
    run(ready)
    assert ready.driver.engine.state.tape_pos == 5_000
