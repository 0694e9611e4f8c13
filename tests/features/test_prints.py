"""Big prints, also over a full window of 10,000 and a changing market."""

from datetime import date

import numpy as np
import pytest
from brute_force import Brute
from tapes import CL, NQ, S, chicago_table, ticks_of

from fabio.features import layout
from fabio.features.market import MarketFeatures

TABLE = chicago_table(date(2025, 1, 6), 3)
OPEN = int(TABLE.opens_ns[0])


@pytest.mark.parametrize("sizes", ["geometric", "all_equal", "heavy", "growing", "falling"])
def test_the_rolling_threshold_equals_brute_force_over_a_full_window(sizes):
    rng = np.random.default_rng(3)
    n = 26_000
    size = {
        "geometric": rng.geometric(0.4, n),
        "all_equal": np.full(n, 3),
        "heavy": np.maximum(1, (rng.pareto(1.1, n) * 5).astype(np.int64)),
        "growing": 1 + np.arange(n) // 50,
        "falling": 1 + (n - np.arange(n)) // 50,
    }[sizes]
    times = OPEN + np.sort(rng.integers(0, 30 * 3600, n)) * S
    sides = rng.choice([-1, 0, 1], n)
    rows = list(zip(times.tolist(), [1000] * n, size.tolist(), sides.tolist(), strict=True))
    rows = [row for row in rows if TABLE.is_open(row[0])]
    brute, market = Brute(NQ, TABLE, rows), MarketFeatures(NQ, TABLE)
    thresholds = {}
    for row in rows:
        market.update_one(*row)
        thresholds[row[0] // (60 * S)] = int(market.s[layout.PRINT_THRESHOLD])
    wanted = {minute: value or layout.FOREVER for minute, value in brute.thresholds.items()}
    assert thresholds == wanted
    assert market.big_prints() == brute.big_prints(len(rows))
    assert market.s[layout.PRINTS] == 10_000


def test_a_print_grows_while_time_and_side_stay_and_is_reported_once():
    market = MarketFeatures(CL, TABLE)      # fixed threshold of 7
    masks = [market.update_one(*row) for row in [
        (OPEN, 100, 5, 1), (OPEN, 101, 2, 1), (OPEN, 102, 4, 1), (OPEN, 102, 6, -1), (OPEN, 103, 1, 1),
        (OPEN + 1, 104, 7, -1)]]
    assert [bool(mask & layout.BIG_PRINT) for mask in masks] == [False, True, False, False, False, True]
    got = [(p.ts_ns - OPEN, p.price_ticks, p.size_steps, p.side) for p in market.big_prints()]
    assert got == [(0, 102, 11, 1), (1, 104, 7, -1)]


def test_no_threshold_before_1000_prints_and_none_of_the_current_minute():
    market = MarketFeatures(NQ, TABLE)
    for i in range(1000):
        market.update_one(OPEN + i, 1000, 50, 1)
    assert market.update_one(OPEN + 2000, 1000, 500, 1) & layout.BIG_PRINT == 0
    assert market.update_one(OPEN + 60 * S, 1000, 51, 1) & layout.BIG_PRINT
    assert market.update_one(OPEN + 61 * S, 1000, 49, 1) & layout.BIG_PRINT == 0


def test_the_threshold_is_carried_over_the_roll_and_the_list_is_not():
    market = MarketFeatures(NQ, TABLE)
    market.update(ticks_of([(OPEN + i * S, 1000, 4, 1) for i in range(1100)]))
    assert market.big_prints()
    following = int(TABLE.opens_ns[1])
    market.update_one(following, 1000, 3, 1)
    assert market.big_prints() == ()
    assert market.update_one(following + 1, 1000, 4, 1) & layout.BIG_PRINT
