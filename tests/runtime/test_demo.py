"""The demo shows what it promises, and the same on every machine."""

from pathlib import Path

import numpy as np
import pytest
from recovery_lab import MNQ, SETTINGS, Lab, live

from fabio.runtime.demo import Demo, DemoOver
from fabio.runtime.demo_names import DEFAULT_SEED
from fabio.runtime.history import HistoryMissing, keep_history, read_history
from fabio.runtime.summary import Summary


def test_the_default_demo_shows_trades_refusals_and_regimes(tmp_path: Path) -> None:
    lab = Lab(DEFAULT_SEED)
    driver, sink = lab.begin(tmp_path / "logs")
    summary = Summary()
    driver.sinks = (*driver.sinks, summary)
    live(driver, lab.day.ticks)
    driver.pass_time(lab.day.end_ns)
    sink.close()
    assert 3 <= len(summary.trades) <= 8
    assert {trade.net_pnl > 0 for trade in summary.trades} == {True, False}
    assert len(summary.by_guard) >= 3
    assert sum(share > 0.02 for share in summary.regime_share().values()) >= 3
    assert driver.engine.state.markets[0].position is None


def test_days_follow_each_other_in_date_and_price() -> None:
    demo = Demo(SETTINGS, MNQ, 5)
    first, second = demo.day(0, 3_000), demo.day(1, 3_000)
    assert (first.session.date, second.session.date) == ("2026-06-01", "2026-06-02")
    assert demo.number_of("2026-06-02") == 1
    assert abs(int(second.ticks.price_ticks[0]) - int(first.ticks.price_ticks[-1])) < 400
    assert int(first.ticks.ts_recv_ns[-1]) <= first.end_ns
    opens = first.session.regular_open_ns
    assert opens is not None
    assert int(first.ticks.ts_recv_ns[first.watched_from - 1]) < opens <= int(
        first.ticks.ts_recv_ns[first.watched_from])


def test_a_calendar_that_ends_says_so() -> None:
    with pytest.raises(DemoOver, match="--logs"):
        Demo(SETTINGS, MNQ, 5).day(2_000)


def test_history_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    history = Demo(SETTINGS, MNQ, 5).history()
    assert len(history.running_range_ticks) == 20
    content_hash = keep_history(tmp_path, history)
    again = read_history(tmp_path, content_hash)
    assert np.array_equal(again.running_range_ticks, history.running_range_ticks)
    assert np.array_equal(again.bar_range_ticks, history.bar_range_ticks)
    assert again.previous == history.previous


def test_a_changed_history_is_refused(tmp_path: Path) -> None:
    content_hash = keep_history(tmp_path, Demo(SETTINGS, MNQ, 5).history())
    kept = next((tmp_path / "tape").glob("history-*.json"))
    kept.write_bytes(kept.read_bytes().replace(b'"v":1', b'"v":2'))
    with pytest.raises(HistoryMissing, match="not what the journal names"):
        read_history(tmp_path, content_hash)
    kept.unlink()
    with pytest.raises(HistoryMissing, match="not here"):
        read_history(tmp_path, content_hash)
