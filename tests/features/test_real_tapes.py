"""The kernel against the brute-force reading, on real tapes, at every minute's line."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from brute_force import Brute
from compare import assert_same_lists, assert_same_stats
from tapes import (
    ES,
    LTC,
    NQ,
    S,
    chicago_table,
    databento_tape,
    es_tape,
    ltc_tape,
    nq_tape,
    rows_of,
    utc_table,
)

from fabio.features.market import MarketFeatures
from fabio.model.tick import Ticks


def with_made_up_sides(ticks: Ticks) -> Ticks:
    """Give a tape without aggressors some, by the tick rule, so that order flow has work."""
    moves = np.sign(np.diff(ticks.price_ticks, prepend=ticks.price_ticks[0]))
    filled = moves[np.maximum.accumulate(np.where(moves != 0, np.arange(len(moves)), 0))].astype(np.int8)
    return replace(ticks, side=filled)


TAPES = {
    "es": (ES, lambda: chicago_table(date(2013, 9, 2), 3), es_tape, 1800),
    "es_with_sides": (ES, lambda: chicago_table(date(2013, 9, 2), 3),
                      lambda: with_made_up_sides(es_tape()), 300),
    "nq": (NQ, lambda: chicago_table(date(2025, 11, 27), 2), nq_tape, 60),
    "nq_with_sides": (NQ, lambda: chicago_table(date(2025, 11, 27), 2),
                      lambda: with_made_up_sides(nq_tape()), 60),
    "nq_databento": (NQ, lambda: chicago_table(date(2025, 5, 5), 1), databento_tape, 10),
    "ltc": (LTC, lambda: utc_table(date(2025, 6, 21), 1), ltc_tape, 60),
}


@pytest.mark.parametrize("name", TAPES)
def test_every_snapshot_of_a_real_tape_equals_brute_force(name):
    instrument, make_table, read_tape, every_s = TAPES[name]
    ticks = read_tape()
    market = MarketFeatures(instrument, make_table())
    brute = Brute(instrument, make_table(), rows_of(ticks))
    step = every_s * S
    first, last = int(ticks.ts_event_ns[0]), int(ticks.ts_event_ns[-1])
    position = 0
    for number, now_ns in enumerate([*range(-(-first // step) * step, last + 1, step), last]):
        position = market.update(ticks, position, now_ns)
        assert_same_stats(market, brute, position, now_ns)
        if number % 20 == 0 or now_ns == last:
            assert_same_lists(market, brute, position)
    assert position == len(ticks)
