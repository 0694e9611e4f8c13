"""A session begun by bars: the machine goes on with ticks, and comes back from its records the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recovery_lab import SETTINGS, Lab, killed_after, live
from views import make_view

from fabio.features.from_bars import MinuteBars, prints_of
from fabio.features.layout import MINUTE_NS, SESSION_MINUTES
from fabio.features.remembered import History
from fabio.journal.lines import step_digest_bytes
from fabio.journal.reader import read_steps, verify
from fabio.model.event import HistoryLoaded
from fabio.model.fact import HistoryKnown, SessionRolled, ShadowClosed, ShadowOpened, TradeDateBegan
from fabio.model.tick import Ticks
from fabio.model.view import View
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.history import keep_history, read_history
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.strategies import mean_reversion, trend_continuation

NONE = np.zeros((0, SESSION_MINUTES), dtype=np.int32)
SEED, STOP = 82, 110_000


def bars_of(ticks: Ticks) -> MinuteBars:
    """The bars that a vendor would give for these ticks."""
    minute, price = ticks.ts_event_ns // MINUTE_NS, ticks.price_ticks
    first = np.flatnonzero(np.r_[True, minute[1:] != minute[:-1]])
    last = np.r_[first[1:], len(minute)] - 1
    return MinuteBars(
        minute[first] * MINUTE_NS, price[first], np.maximum.reduceat(price, first),
        np.minimum.reduceat(price, first), price[last], np.add.reduceat(ticks.size_steps, first),
    )


class Begun:
    """A generated day that an agent joins two hours before the regular open, with bars for what it missed."""

    def __init__(self) -> None:
        self.lab = Lab(SEED)
        day = self.lab.day
        opens_ns = day.session.regular_open_ns
        assert opens_ns is not None
        self.join_ns = opens_ns - 120 * MINUTE_NS
        self.date = int(day.session.date.replace("-", ""))
        whole = day.ticks.slice(0, STOP)
        self.join = int(whole.ts_event_ns.searchsorted(self.join_ns))
        self.missed, self.ticks = whole.slice(0, self.join), whole.slice(self.join, STOP)

    def history(self) -> History:
        """Twenty generated sessions, and today's bars up to the moment of joining."""
        return replace(self.lab.demo.history(), before_date=self.date, today=prints_of(bars_of(self.missed)))

    def load(self, driver: Driver, folder: Path, history: History, ts_ns: int) -> None:
        """Put a history behind the market as the runtime does."""
        content_hash = keep_history(folder, history)
        driver.engine.markets[0].load_history(history)
        driver.happen(HistoryLoaded(ts_ns=ts_ns, market=0, source="bars", sessions=len(history.running_range_ticks),
                                    content_hash=content_hash))

    def begin(self, folder: Path) -> tuple[Driver, FolderSink]:
        driver, sink = self.lab.open(folder)
        self.load(driver, folder, self.history(), self.join_ns)
        sink.journal.sync()
        return driver, sink


@pytest.fixture(scope="module")
def begun() -> Begun:
    return Begun()


@pytest.fixture(scope="module")
def lived(begun: Begun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bytes]:
    """A folder that joined by bars and lived on; its digest and its machine's state."""
    folder = tmp_path_factory.mktemp("joined") / "logs"
    driver, sink = begun.begin(folder)
    live(driver, begun.ticks)
    sink.close()
    return folder, driver.digest, driver.engine.snapshot()


def facts_of(folder: Path, *kinds: type) -> list[Any]:
    return [fact for step in read_steps(folder) for fact in step.facts if isinstance(fact, kinds)]


def test_the_session_begins_with_the_history_and_not_again_with_the_first_tick(
    begun: Begun, lived: tuple[Path, str, bytes],
) -> None:
    folder, _, _ = lived
    first = next(iter(read_steps(folder)))
    assert isinstance(first.event, HistoryLoaded)
    assert [type(fact) for fact in first.facts] == [HistoryKnown, SessionRolled, TradeDateBegan]
    assert len(facts_of(folder, SessionRolled)) == 1


def test_statistics_go_on_from_the_bars(begun: Begun, tmp_path: Path) -> None:
    driver, sink = begun.begin(tmp_path / "logs")
    live(driver, begun.ticks.slice(0, 5_000))
    sink.close()
    stats, whole = driver.engine.markets[0].fresh_stats(), begun.lab.day.ticks.slice(0, begun.join + 5_000)
    assert stats.volume_steps == whole.size_steps.sum()
    assert (stats.session_high_ticks, stats.session_low_ticks) == (whole.price_ticks.max(), whole.price_ticks.min())
    assert driver.engine.markets[0].is_approximate
    assert len(driver.engine.markets[0].bars()) == 32


def test_a_strategy_sees_that_the_profile_is_approximate_until_the_next_session(begun: Begun, tmp_path: Path) -> None:
    driver, sink = begun.begin(tmp_path / "logs")
    seen: list[bool] = []
    strategy = driver.engine.config.policy.strategies[0].part
    propose = strategy.propose

    def watched(view: View) -> Any:
        seen.append(view.is_approximate)
        return propose(view)

    strategy.propose = watched  # type: ignore[method-assign]
    try:
        live(driver, begun.ticks.slice(0, 3_000))
        tomorrow = begun.lab.demo.day(1, 5_000).ticks
        live(driver, tomorrow.slice(0, 2_000))
    finally:
        strategy.propose = propose  # type: ignore[method-assign]
        sink.close()
    assert seen[0]
    assert not seen[-1]
    assert not driver.engine.markets[0].is_approximate


def test_strategies_may_refuse_such_a_session() -> None:
    for part in (mean_reversion, trend_continuation):
        refusing = part.Strategy(part.Settings(refuse_approximate_profile=True))
        assert refusing.conditions(make_view(is_approximate=True))[0][:2] == ("exact_profile", False)
        assert refusing.propose(make_view(is_approximate=True)) is None
        assert refusing.conditions(make_view())[0][0] != "exact_profile"
        taking = part.Strategy(part.Settings())
        assert taking.conditions(make_view(is_approximate=True)) == taking.conditions(make_view())


@pytest.mark.parametrize(("seq", "ahead"), [(1, 0), (1, 700), (40, 3_000)])
def test_a_killed_run_comes_back_with_the_same_state(
    begun: Begun, lived: tuple[Path, str, bytes], tmp_path: Path, seq: int, ahead: int,
) -> None:
    source, digest, snapshot = lived
    folder = tmp_path / "logs"
    killed_after(source, folder, seq, ahead)
    driver, sink, _ = begun.lab.resume(folder)
    live(driver, begun.ticks.slice(sink.tape.pos, len(begun.ticks)))
    sink.close()
    assert driver.digest == digest
    assert driver.engine.snapshot() == snapshot
    assert verify(folder).code == 0
    assert [step_digest_bytes(step) for step in read_steps(folder)] == [
        step_digest_bytes(step) for step in read_steps(source)]


def test_a_replay_against_the_record_finds_no_difference(lived: tuple[Path, str, bytes]) -> None:
    folder, _, _ = lived
    recorded = Recorded(SETTINGS, folder)
    again = Again(empty_machine(recorded), recorded)
    assert again.run() is None
    assert again.steps > 100


def test_a_hole_filled_after_a_restart_comes_back_too(begun: Begun, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    driver, sink = begun.begin(folder)
    before, hole, after = 4_000, 9_000, 14_000
    live(driver, begun.ticks.slice(0, before))
    sink.close()

    driver, sink, _ = begun.lab.resume(folder)
    last_ns = driver.engine.markets[0].latest_ns()
    missed = bars_of(begun.ticks.slice(before, hole)).between((last_ns // MINUTE_NS + 1) * MINUTE_NS, 2**62)
    now_ns = int(begun.ticks.ts_event_ns[hole])
    fill = History(NONE, NONE, None, before_date=begun.date, today=prints_of(missed, now_ns), only_today=True)
    begun.load(driver, folder, fill, int(begun.ticks.ts_recv_ns[hole]))
    live(driver, begun.ticks.slice(hole, after))
    sink.close()
    volume = driver.engine.markets[0].fresh_stats().volume_steps
    seen = begun.missed.size_steps.sum() + begun.ticks.slice(0, before).size_steps.sum()
    assert volume == seen + missed.volume_steps.sum() + begun.ticks.slice(hole, after).size_steps.sum()
    assert len(facts_of(folder, SessionRolled)) == 1
    assert len(facts_of(folder, HistoryKnown)) == 2

    again, sink, _ = begun.lab.resume(folder)
    sink.close()
    assert again.digest == driver.digest
    assert again.engine.snapshot() == driver.engine.snapshot()
    recorded = Recorded(SETTINGS, folder)
    assert Again(empty_machine(recorded), recorded).run() is None


def test_yesterday_s_shadows_end_when_bars_begin_the_session(begun: Begun, tmp_path: Path) -> None:
    """The agent was off overnight: what ran in the shadow book ends as at any other session's begin."""
    folder = tmp_path / "logs"
    driver, sink = begun.lab.begin(tmp_path / "whole")
    live(driver, begun.lab.day.ticks.slice(0, STOP))
    sink.close()
    opening = next(step for step in read_steps(tmp_path / "whole")
                   if any(isinstance(fact, ShadowOpened) for fact in step.facts))
    driver, sink = begun.lab.begin(folder)
    live(driver, begun.lab.day.ticks.slice(0, opening.tape_pos))
    sink.close()

    driver, sink, _ = begun.lab.resume(folder)
    day = begun.lab.demo.day(1, 5_000)
    join_ns = day.session.open_ns + 120 * MINUTE_NS
    missed = day.ticks.slice(0, int(day.ticks.ts_event_ns.searchsorted(join_ns)))
    history = replace(begun.lab.demo.history(), before_date=int(day.session.date.replace("-", "")),
                      today=prints_of(bars_of(missed)))
    begun.load(driver, folder, history, join_ns)
    live(driver, day.ticks.slice(len(missed), len(missed) + 500))
    sink.close()
    assert len(facts_of(folder, ShadowClosed)) == 1
    assert len(facts_of(folder, SessionRolled)) == 2

    again, sink, _ = begun.lab.resume(folder)
    sink.close()
    assert again.digest == driver.digest
    assert again.engine.snapshot() == driver.engine.snapshot()


def test_an_only_today_file_reads_back_as_it_was(tmp_path: Path) -> None:
    today = prints_of(MinuteBars(*(np.array([each], dtype=np.int64) for each in (60 * 10**9, 5, 9, 2, 4, 300))))
    kept = History(NONE, NONE, None, before_date=20261120, today=today, only_today=True)
    back = read_history(tmp_path, keep_history(tmp_path, kept))
    assert (back.before_date, back.only_today, back.previous) == (20261120, True, None)
    assert back.running_range_ticks.shape == (0, SESSION_MINUTES)
    assert back.today is not None
    for name in ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side", "market"):
        column = getattr(back.today, name)
        assert column.tolist() == getattr(today, name).tolist()
        assert column.dtype == getattr(today, name).dtype
