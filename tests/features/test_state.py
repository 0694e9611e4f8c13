"""State: any chunking gives the same, snapshots restore, reading disturbs nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tapes import START, TABLE, random_tape
from tapes import NQ, S, ticks_of

from fabio.features import layout
from fabio.features.arrays import MarketArrays
from fabio.features.hours import Gap
from fabio.features.market import MarketFeatures, NoTradeYet
from fabio.model.session import NoSession


def everything(market: MarketFeatures):
    """All a market can be asked."""
    stats = market.stats() if market.has_traded else None
    return (stats, market.nodes(), market.big_prints(), market.bars(), market.running_bar(),
            market.footprint(), market.rejected())


def fed(rows, chunks=None) -> MarketFeatures:
    market = MarketFeatures(NQ, TABLE)
    ticks = ticks_of(rows)
    position = 0
    for chunk in chunks or [len(rows)]:
        market.update(ticks.slice(position, position + chunk))
        position += chunk
    market.update(ticks.slice(position, len(rows)))
    return market


TAPE = st.builds(
    lambda seed, length: random_tape(seed, length, 0.7, True, 0.1).rows,
    st.integers(0, 2**32 - 1), st.integers(50, 700),
)


@settings(max_examples=15, deadline=None)
@given(rows=TAPE, chunks=st.lists(st.integers(1, 60), max_size=20))
def test_any_chunk_lengths_give_the_same_state(rows, chunks):
    whole, chunked = fed(rows), fed(rows, chunks)
    singly = MarketFeatures(NQ, TABLE)
    for row in rows:
        singly.update_one(*row)
    for other in (chunked, singly):
        assert np.array_equal(whole.s, other.s)
        assert np.array_equal(whole.rows, other.rows)
        assert np.array_equal(whole.trades, other.trades)
        assert everything(whole) == everything(other)


@settings(max_examples=15, deadline=None)
@given(rows=TAPE, share=st.floats(0, 1))
def test_a_restored_snapshot_goes_on_as_if_nothing_happened(rows, share):
    whole = fed(rows)
    cut = int(share * len(rows))
    snapshot = fed(rows[:cut]).snapshot() if cut else MarketFeatures(NQ, TABLE).snapshot()
    restored = MarketFeatures(NQ, TABLE, MarketArrays(2, 16, 32), 1)
    restored.restore(snapshot)
    if cut < len(rows):
        restored.update(ticks_of(rows[cut:]))
    assert everything(restored) == everything(whole)


@settings(max_examples=15, deadline=None)
@given(rows=TAPE, seed=st.integers(0, 1000))
def test_reading_at_any_time_changes_nothing(rows, seed):
    rng = np.random.default_rng(seed)
    quiet, asked = fed(rows), MarketFeatures(NQ, TABLE)
    for row in rows:
        asked.update_one(*row)
        if asked.has_traded and rng.random() < 0.1:
            before = asked.snapshot()
            asked.stats(asked.latest_ns + int(rng.integers(0, 4000 * S)))
            everything(asked)
            assert all(np.array_equal(before[name], array) for name, array in asked.snapshot().items())
    assert everything(asked) == everything(quiet)


@settings(max_examples=10, deadline=None)
@given(rows=TAPE, others=TAPE)
def test_stacked_markets_grow_together_and_do_not_touch_each_other(rows, others):
    arrays = MarketArrays(2, 16, 16)
    stacked = [MarketFeatures(NQ, TABLE, arrays, i) for i in range(2)]
    for i in range(max(len(rows), len(others))):
        for market, tape in zip(stacked, (rows, others), strict=True):
            if i < len(tape):
                market.update(ticks_of([tape[i]]))
    for market, tape in zip(stacked, (rows, others), strict=True):
        market.update(ticks_of(tape[-1:]), start=1)     # takes nothing, but looks at grown arrays
        assert everything(market) == everything(fed(tape))


def test_the_mask_says_what_happened():
    t = START * S
    rows = [(t, 1000, 10, 1), (t + S, 1010, 10, 1), (t + 2 * S, 1000, 5, 1), (t + 3 * S, 990, 1, -1),
            (t + 4 * S, 1010, 1, 1), (t + 5 * S, 1010, 5, 1), (t + 6 * S, 0, 5, 1), (t + 60 * S, 1011, 1, 1),
            (t + 21 * 60 * S, 1011, 1, 1), (t + 60 * 60 * S, 1011, 1, 0)]
    market = MarketFeatures(NQ, TABLE)
    masks = [market.update_one(*row) for row in rows]
    assert masks[0] == layout.SESSION_ROLLED | layout.POC_MOVED
    assert masks[1] == 0                                # both rows are in value: 10 of 20 is too little
    assert masks[2] == 0
    assert masks[3] == layout.VALUE_LEFT | layout.POC_CROSSED
    assert masks[4] == layout.VALUE_ENTERED | layout.POC_CROSSED
    assert masks[5] == layout.POC_MOVED
    assert masks[6] == layout.REJECTED
    assert masks[7] == layout.BAR_CLOSED
    assert masks[8] & layout.BAR_CLOSED
    assert masks[9] == layout.SESSION_ROLLED | layout.BAR_CLOSED | layout.POC_MOVED


def test_the_opening_range_wakes_once_at_the_first_trade_after_it():
    t = START * S
    market = MarketFeatures(NQ, TABLE)
    times = [0, 300, 301, 1199, 1200, 1500]             # regular hours open after 300 s
    masks = [market.update_one(t + s * S, 1000 + s % 7, 1, 1) for s in times]
    assert [bool(mask & layout.OPENING_RANGE_SET) for mask in masks] == [False] * 4 + [True, False]
    stats = market.stats()
    assert (stats.opening_range_high_ticks, stats.opening_range_low_ticks) == (1006, 1000)


def test_statistics_before_the_first_trade_are_an_error():
    with pytest.raises(NoTradeYet):
        MarketFeatures(NQ, TABLE).stats()


def test_a_trade_outside_the_table_is_an_error():
    with pytest.raises(NoSession):
        MarketFeatures(NQ, TABLE).update(ticks_of([(START * S - 1, 1000, 1, 1)]))


def test_bad_input_is_counted_by_kind_and_never_advances_time():
    t = START * S
    market = MarketFeatures(NQ, TABLE)
    market.update(ticks_of([
        (t + 10 * S, 1000, 1, 1), (t + 900 * S, 1000, 0, 1), (t + 900 * S, 1000, -3, 1),
        (t + 900 * S, -4, 1, 1), (t + 9 * S, 1000, 1, 1), (t + 9 * S + 1, 1001, 1, 1),
        (t + 10 * S, 10**9, 1, 1),
    ]))
    market.reject("off_grid", 2)
    assert market.rejected() == {"size": 2, "price": 1, "late": 1, "far": 1, "off_grid": 2, "ahead": 0}
    stats = market.stats()
    assert (stats.rejected_ticks, stats.trades_session, stats.ts_ns) == (7, 2, t + 10 * S)


def test_a_trade_less_than_a_second_late_is_taken_at_the_latest_time():
    t = START * S
    late = fed([(t + 10 * S, 1000, 1, 1), (t + 9 * S + 1, 1001, 4, 1)])
    assert late.stats() == fed([(t + 10 * S, 1000, 1, 1), (t + 10 * S, 1001, 4, 1)]).stats()


def test_a_gap_that_is_open_at_first_is_closed_later():
    t = START * S
    market = fed([(t, 1000, 1, 1)])
    market.mark_gap(Gap(t + 5 * S, layout.FOREVER))
    assert market.stats(t + 600 * S).in_value_ns == 5 * S
    assert not market.is_open(t + 600 * S)
    market.mark_gap(Gap(t + 5 * S, t + 15 * S))
    assert market.stats(t + 20 * S).in_value_ns == 10 * S
    market.update(ticks_of([(t + 30 * S, 1000, 1, 1)]))
    assert market.stats().in_value_ns == 20 * S


def test_a_pre_opening_trade_belongs_to_the_next_session_and_books_no_time_before_it():
    t = START * S
    market = fed([(t, 1000, 1, 1), (t + 55 * 60 * S, 1000, 1, 1), (t + 61 * 60 * S, 1000, 1, 1)])
    stats = market.stats()
    assert (stats.session_date, stats.trades_session, stats.in_value_ns) == (20231116, 2, 60 * S)


def test_a_far_price_of_a_new_session_moves_the_rows():
    t = START * S
    market = MarketFeatures(NQ, TABLE, MarketArrays(1, 16, 16))
    market.update(ticks_of([(t, 1000, 1, 1), (t + 61 * S, 1002, 1, 1), (t + 3600 * S, 500_000_000, 1, 1)]))
    assert market.rows.shape == (6, 16)
    assert market.footprint() is None
    assert market.stats().poc_ticks == 500_000_000
