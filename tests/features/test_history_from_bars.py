"""Minute bars become prints, and prints a history: what is exact, what is near, what stays unknown."""

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tapes import ES, NQ, S, chicago_table, es_tape, nq_tape, read_parquet, table_of, ticks_of

from fabio.features.from_bars import MinuteBars, history_behind, prints_of, spread
from fabio.features.layout import PRINT_THRESHOLD, PRINTS, SESSION_MINUTES
from fabio.features.market import MarketFeatures
from fabio.features.remembered import History, Lacking, Remembered, lacking
from fabio.model.tick import Ticks

MIN = 60 * S
START = 1_700_000_040
LENGTH_S, APART_S = 3600, 7200
TABLE = table_of([(20230101 + i, START + i * APART_S, START + i * APART_S + LENGTH_S, None) for i in range(30)])
NO_SESSIONS = np.zeros((0, SESSION_MINUTES), dtype=np.int32)


@st.composite
def a_bar(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    """Open, high, low, close, volume, as four trades or more can make them."""
    low = draw(st.integers(1_000, 1_020))
    high = low + draw(st.integers(0, 40))
    within = st.integers(low, high)
    return draw(within), high, low, draw(within), draw(st.integers(4, 5_000))


def bars_of(rows: list[tuple[int, int, int, int, int, int]]) -> MinuteBars:
    """Columns from rows of start_ns, open, high, low, close, volume."""
    return MinuteBars(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


def bars_of_trades(ticks: Ticks) -> MinuteBars:
    """The bars that a vendor would give for these trades."""
    minute, price, size = ticks.ts_event_ns // MIN, ticks.price_ticks, ticks.size_steps
    first = np.flatnonzero(np.r_[True, minute[1:] != minute[:-1]])
    last = np.r_[first[1:], len(minute)] - 1
    return MinuteBars(
        minute[first] * MIN, price[first], np.maximum.reduceat(price, first), np.minimum.reduceat(price, first),
        price[last], np.add.reduceat(size, first),
    )


def days_of_bars(days: int, seed: int = 3, share: float = 1.0) -> list[list[tuple[int, int, int, int, int, int]]]:
    """Sessions of minute bars; each covers a share of its hour."""
    rng = np.random.default_rng(seed)
    price, out = 5_000, []
    for day in range(days):
        rows = []
        for minute in range(int(LENGTH_S / 60 * share)):
            opened = price
            price += int(rng.integers(-6, 7))
            high = max(opened, price) + int(rng.integers(0, 5))
            low = min(opened, price) - int(rng.integers(0, 5))
            start_ns = (START + day * APART_S + 60 * minute) * S
            rows.append((start_ns, opened, high, low, price, int(rng.integers(4, 900))))
        out.append(rows)
    return out


def all_of(days):
    """The bars of several sessions in a row."""
    return [row for day in days for row in day]


# -- prints of a bar


@given(a_bar())
def test_the_prints_of_a_bar_make_that_bar(bar):
    opened, high, low, close, volume = bar
    prints = spread(*bar)
    prices = [price for price, _ in prints]
    assert (prices[0], max(prices), min(prices), prices[-1]) == (opened, high, low, close)
    assert sum(size for _, size in prints) == volume
    assert all(size > 0 for _, size in prints)


@given(a_bar())
def test_every_row_of_a_bar_gets_the_same_volume_within_one_step(bar):
    _, high, low, _, volume = bar
    rows = high - low + 1
    if volume < 2 * rows:
        return
    totals = Counter()
    for price, size in spread(*bar):
        totals[price] += size
    assert sorted(totals) == list(range(low, high + 1))
    assert max(totals.values()) - min(totals.values()) <= 1


@given(a_bar(), st.integers(1, 60))
def test_a_volume_smaller_than_the_rows_still_touches_what_it_can(bar, volume):
    prints = spread(*bar[:4], volume)
    _, high, low, close, _ = bar
    prices = [price for price, _ in prints]
    assert sum(size for _, size in prints) == volume
    assert all(low <= price <= high for price in prices)
    if volume >= 3:
        assert (max(prices), min(prices), prices[-1]) == (high, low, close)
    elif volume == 1:
        assert prices == [close]


def test_a_rising_bar_sees_its_low_first_and_a_falling_one_its_high():
    rising = [price for price, _ in spread(10, 14, 8, 12, 700)]
    falling = [price for price, _ in spread(12, 14, 8, 10, 700)]
    assert rising.index(8) < rising.index(14)
    assert falling.index(14) < falling.index(8)


def test_prints_lie_inside_their_minute_and_a_bar_in_the_making_ends_now():
    bars = bars_of([(600 * S, 10, 14, 8, 12, 700), (660 * S, 12, 13, 11, 12, 5)])
    ticks = prints_of(bars, until_ns=660 * S + 7)
    times = ticks.ts_event_ns.tolist()
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert times[0] == 600 * S
    assert [time for time in times if time >= 660 * S][-1] < 660 * S + 7
    assert not ticks.side.any()


@settings(max_examples=20)
@given(st.lists(a_bar(), min_size=1, max_size=40))
def test_the_kernel_makes_the_same_bars_of_the_prints(bars):
    rows = [((START + 60 * minute) * S, *bar) for minute, bar in enumerate(bars)]
    market = MarketFeatures(NQ, TABLE)
    market.update(prints_of(bars_of(rows)))
    seen = [(bar.start_ns, bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks, bar.volume_steps)
            for bar in (*market.bars(), market.running_bar())]
    assert seen == rows[-len(seen):]


# -- sessions behind


def brute_levels(rows):
    """POC candidates and, for each, the value area, of one session's bars, row by row."""
    volume = Counter()
    for _, _, high, low, _, total in rows:
        count = high - low + 1
        for place in range(count):
            volume[low + place] += (place + 1) * total // count - place * total // count
    lowest, highest, whole = min(volume), max(volume), sum(volume.values())
    found = {}
    for poc in [price for price, size in volume.items() if size == max(volume.values())]:
        top = bottom = poc
        while 10 * sum(volume[price] for price in range(bottom, top + 1)) < 7 * whole:
            upper = volume[top + 1] if top < highest else -1
            lower = volume[bottom - 1] if bottom > lowest else -1
            if upper >= lower:
                top += 1
            else:
                bottom -= 1
        found[poc] = (top, bottom)
    return found


def busy(days):
    """The same bars with so much volume that every row of each is touched."""
    return [[(*row[:5], row[5] + 200) for row in day] for day in days]


def test_a_history_of_bars_equals_a_slow_reading_of_them():
    days = busy(days_of_bars(24))
    history = history_behind(NQ, TABLE, bars_of(all_of(days)), 24)
    assert len(history.running_range_ticks) == 20
    for number, rows in enumerate(days[4:]):
        for minute in (0, 1, 17, 59, 60, 1439):
            seen = rows[: minute + 1]
            assert history.running_range_ticks[number, minute] == (
                max(row[2] for row in seen) - min(row[3] for row in seen))
            bar = rows[minute] if minute < len(rows) else None
            assert history.bar_range_ticks[number, minute] == (-1 if bar is None else bar[2] - bar[3])
    last, levels = days[-1], history.previous
    assert levels is not None
    assert (levels.high_ticks, levels.low_ticks, levels.close_ticks) == (
        max(row[2] for row in last), min(row[3] for row in last), last[-1][4])
    assert brute_levels(last)[levels.poc_ticks] == (levels.vah_ticks, levels.val_ticks)


def test_a_session_of_which_too_little_is_there_does_not_count():
    whole, cut = days_of_bars(2), days_of_bars(3, share=0.7)[2]
    history = history_behind(NQ, TABLE, bars_of([*whole[0], *whole[1], *cut]), 3)
    assert len(history.running_range_ticks) == 2
    assert history.previous is not None
    assert history.previous.close_ticks == whole[1][-1][4]


def test_bars_of_the_session_itself_are_no_history():
    days = days_of_bars(3)
    with_today = history_behind(NQ, TABLE, bars_of(all_of(days)), 2)
    without = history_behind(NQ, TABLE, bars_of(all_of(days[:2])), 2)
    assert np.array_equal(with_today.running_range_ticks, without.running_range_ticks)
    assert with_today.previous == without.previous


def test_without_a_bar_there_is_no_history():
    history = history_behind(NQ, TABLE, bars_of([((START - 999) * S, 1, 1, 1, 1, 1)]), 2)
    assert len(history.running_range_ticks) == 0
    assert history.previous is None


# -- the running session


def test_a_session_begun_by_bars_goes_on_with_trades():
    days = days_of_bars(3)
    bars = bars_of(all_of(days))
    now_ns = (START + 2 * APART_S + 30 * 60) * S
    history = replace(
        history_behind(NQ, TABLE, bars, 2), before_date=20230103,
        today=prints_of(bars.between(int(TABLE.opens_ns[2]), now_ns)),
    )
    market = MarketFeatures(NQ, TABLE)
    market.load_history(history)
    seen = days[2][:30]
    market.update(ticks_of([(now_ns + S, seen[-1][4] + 40, 3, 1)]))
    stats = market.stats()
    assert stats.session_high_ticks == seen[-1][4] + 40
    assert stats.session_low_ticks == min(row[3] for row in seen)
    assert stats.volume_steps == sum(row[5] for row in seen) + 3
    assert stats.prev_close_ticks == days[1][-1][4]
    assert stats.range_percentile is not None
    assert stats.cvd_steps is None  # more than half of the volume has no aggressor
    assert market.big_prints() == ()
    assert market.is_approximate
    assert [bar.close_ticks for bar in market.bars()] == [row[4] for row in seen]


def test_a_session_of_bars_is_approximate_until_it_rolls():
    days = days_of_bars(2)
    market = MarketFeatures(NQ, TABLE)
    market.load_history(History(NO_SESSIONS, NO_SESSIONS, None, 20230101, prints_of(bars_of(days[0]))))
    assert market.is_approximate
    market.update(ticks_of([(days[1][0][0], 5_000, 1, 1)]))
    assert not market.is_approximate
    assert market.stats().prev_close_ticks == days[0][-1][4]


def test_the_flag_is_kept_in_a_snapshot():
    market, other = MarketFeatures(NQ, TABLE), MarketFeatures(NQ, TABLE)
    market.load_history(History(NO_SESSIONS, NO_SESSIONS, None, 20230101, prints_of(bars_of(days_of_bars(1)[0]))))
    other.restore(market.snapshot())
    assert other.is_approximate


def test_an_old_session_that_still_runs_is_left_for_the_history_that_replaces_it():
    days = days_of_bars(6)
    market = MarketFeatures(NQ, TABLE)
    market.update(prints_of(bars_of(days[0])))
    history = replace(history_behind(NQ, TABLE, bars_of(all_of(days[:5])), 5), before_date=20230106)
    market.load_history(history)
    market.update(ticks_of([(days[5][0][0], 5_000, 1, 1)]))
    fresh = MarketFeatures(NQ, TABLE)
    fresh.load_history(history)
    fresh.update(ticks_of([(days[5][0][0], 5_000, 1, 1)]))
    assert market.stats() == fresh.stats()
    assert market.stats().prev_close_ticks == days[4][-1][4]
    assert market.export_history().running_range_ticks.tolist() == history.running_range_ticks.tolist()
    assert market.nodes() == fresh.nodes()


def test_a_hole_filled_from_bars_changes_nothing_of_what_is_known_of_prints_and_earlier_days():
    days = days_of_bars(3)
    rng = np.random.default_rng(8)
    start_ns = int(TABLE.opens_ns[2])
    trades = [(start_ns + i * S // 3, 5_000 + int(rng.integers(0, 9)), int(rng.integers(1, 30)), 1)
              for i in range(3_000)]
    market = MarketFeatures(NQ, TABLE)
    market.load_history(replace(history_behind(NQ, TABLE, bars_of(all_of(days[:2])), 2), before_date=20230103))
    market.update(ticks_of(trades))
    before, big = market.stats(), market.big_prints()
    count, percentile = int(market.s[PRINTS]), market.export_history().previous
    hole = bars_of(days[2]).between(start_ns + 20 * MIN, start_ns + 40 * MIN)
    market.load_history(History(NO_SESSIONS, NO_SESSIONS, None, 20230103, prints_of(hole), only_today=True))
    after = market.stats()
    assert after.volume_steps == before.volume_steps + int(hole.volume_steps.sum())
    assert after.rejected_ticks == 0
    assert market.big_prints() == big
    assert len(big) > 0
    assert int(market.s[PRINTS]) == count + 1  # the print that ran has ended
    assert 20 <= int(market.s[PRINT_THRESHOLD]) <= 30
    assert market.export_history().previous == percentile
    assert market.is_approximate


# -- what is lacking

DATES = [20230101 + i for i in range(30)]
NOW_NS = (START + 5 * APART_S + 1800) * S  # half an hour into row 5
OPEN_NS = (START + 5 * APART_S) * S


@pytest.mark.parametrize(("remembered", "wanted"), [
    (Remembered(0, False, 0, 0), Lacking(True, OPEN_NS)),
    (Remembered(DATES[5], False, NOW_NS - 30 * S, 20), Lacking(False, None)),
    (Remembered(DATES[5], False, NOW_NS - 30 * S, 0), Lacking(True, None)),
    (Remembered(DATES[5], False, NOW_NS - 600 * S, 20), Lacking(False, NOW_NS - 540 * S)),
    (Remembered(DATES[5], False, NOW_NS - 601 * S, 20), Lacking(False, NOW_NS - 600 * S)),
    (Remembered(DATES[4], True, OPEN_NS - 3700 * S, 3), Lacking(False, OPEN_NS)),
    (Remembered(DATES[4], False, OPEN_NS - 5000 * S, 3), Lacking(True, OPEN_NS)),
    (Remembered(DATES[2], True, OPEN_NS - 20_000 * S, 3), Lacking(True, OPEN_NS)),
])
def test_what_a_market_lacks_is_what_it_did_not_see(remembered, wanted):
    assert lacking(remembered, TABLE, NOW_NS) == wanted


def test_before_the_session_opens_nothing_of_it_is_lacking():
    assert lacking(Remembered(0, False, 0, 0), TABLE, OPEN_NS - 600 * S) == Lacking(True, None)
    assert lacking(Remembered(0, False, 0, 0), TABLE, OPEN_NS + 119 * S) == Lacking(True, None)


def test_a_market_says_what_it_remembers():
    days = days_of_bars(3)
    market = MarketFeatures(NQ, TABLE)
    assert market.remembered() == Remembered(0, False, 0, 0)
    market.update(prints_of(bars_of(days[0] + days[1][:20])))
    seen = market.remembered()
    assert seen[:2] == (20230102, False)
    assert seen.sessions == 1
    market.update(prints_of(bars_of(days[1][20:])))
    assert market.remembered().counts


# -- against the trades of real sessions

REAL = {
    # tape: instrument, table, reader, most the POC and the ends of value may be off in the mean, in ticks
    "es": (ES, lambda: chicago_table(date(2013, 9, 2), 3), es_tape, 2.0, 1.0),
    "nq": (NQ, lambda: chicago_table(date(2025, 11, 27), 2), nq_tape, 12.0, 1.0),
    "nq_30min": (NQ, lambda: chicago_table(date(2025, 10, 9), 2),
                 lambda: read_parquet("nq_trades_20251009_30min.parquet", NQ), 8.5, 2.0),
}


@pytest.mark.parametrize("name", REAL)
def test_bars_of_a_real_session_give_its_range_exactly_and_its_value_nearly(name):
    instrument, make_table, read_tape, poc_off, value_off = REAL[name]
    table, ticks = make_table(), read_tape()
    off = []
    for index in range(table.index_at(int(ticks.ts_event_ns[0])), table.index_at(int(ticks.ts_event_ns[-1])) + 1):
        first, stop = np.searchsorted(ticks.ts_event_ns, [table.opens_ns[index], table.closes_ns[index]])
        for part in (1, 2, 3, 4):
            trades = ticks.slice(int(first), int(first + (stop - first) * part // 4))
            of_trades, of_bars = MarketFeatures(instrument, table), MarketFeatures(instrument, table)
            of_trades.update(trades)
            of_bars.update(prints_of(bars_of_trades(trades)))
            true, made = of_trades.stats(), of_bars.stats()
            for field in ("session_high_ticks", "session_low_ticks", "last_ticks", "volume_steps",
                          "bar_range_15min_ticks", "opening_range_high_ticks", "opening_range_low_ticks"):
                assert getattr(made, field) == getattr(true, field), field
            assert made.vwap_ticks == pytest.approx(true.vwap_ticks, abs=1.0)
            off.append([abs(getattr(made, field) - getattr(true, field))
                        for field in ("poc_ticks", "vah_ticks", "val_ticks")])
    poc, high, low = np.mean(off, axis=0)
    assert poc <= poc_off
    assert max(high, low) <= value_off
