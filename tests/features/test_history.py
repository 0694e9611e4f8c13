"""Finished sessions: percentiles, previous levels, usual bar ranges."""

import numpy as np
from brute_force import Brute
from compare import assert_same_lists, assert_same_stats
from tapes import NQ, S, table_of, ticks_of

from fabio.features.market import MarketFeatures

START = 1_700_000_040
DAYS = 27
LENGTH_S = 600
TABLE = table_of([(20230101 + i, START + i * 1200, START + i * 1200 + LENGTH_S, None) for i in range(DAYS)])


def tape_of_days(seed: int = 5):
    """Trades of 27 ten-minute days; every fifth day ends after a third, so it does not count."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(DAYS):
        until = LENGTH_S // 3 if day % 5 == 4 else LENGTH_S
        times = np.sort(rng.integers(0 if day % 7 else 70, until, 60))
        price = 1000 + np.cumsum(rng.integers(-4, 5, 60))
        rows += [((START + day * 1200 + int(s)) * S, int(p), int(rng.integers(1, 9)), 1)
                 for s, p in zip(times, price, strict=True)]
    return rows


def test_percentiles_and_previous_levels_over_more_than_20_sessions_equal_brute_force():
    rows = tape_of_days()
    brute, market = Brute(NQ, TABLE, rows), MarketFeatures(NQ, TABLE)
    ticks = ticks_of(rows)
    percentiles = set()
    for count in range(5, len(rows) + 1, 5):
        market.update(ticks.slice(count - 5, count))
        assert_same_stats(market, brute, count, market.latest_ns)
        assert_same_lists(market, brute, count)
        percentiles.add(market.stats().range_percentile)
    assert len(brute.finished(DAYS - 1)) > 20
    assert len(percentiles) > 10
    assert any(bar.usual_range_ticks is not None for bar in market.bars())


def test_history_moves_to_another_market():
    rows = tape_of_days()
    first, second = MarketFeatures(NQ, TABLE), MarketFeatures(NQ, TABLE)
    ticks = ticks_of(rows)
    cut = 60 * (DAYS - 1)
    first.update(ticks.slice(0, cut + 1))
    second.load_history(first.export_history())
    second.update(ticks.slice(cut, cut + 1))
    first.update(ticks.slice(cut + 1, len(rows)))
    second.update(ticks.slice(cut + 1, len(rows)))
    assert first.bars() == second.bars()
    assert first.stats() == second.stats()


def test_an_empty_history_is_no_history():
    market = MarketFeatures(NQ, TABLE)
    market.load_history(MarketFeatures(NQ, TABLE).export_history())
    market.update(ticks_of(tape_of_days()[:3]))
    assert market.stats().range_percentile is None
    assert market.stats().prev_high_ticks is None
