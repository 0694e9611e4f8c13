"""The last 2,048 seconds: what stood at the end of each, and the running one.

When a trade arrives in a later second, the running second and all silent ones after it are
ended: each gets a record of the session's running totals and an entry in the columns that
reads scan. Reading at a time t looks up the record of the second before a window's start
and walks that one second's trades, so that windows are exact to the nanosecond. Nothing is
written when read. Cost: about 15 ns a second.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.hours import book, open_between
from fabio.features.inlined import inlined, piece
from fabio.features.layout import (
    BOOKED,
    BOOKED_ABOVE,
    BOOKED_BELOW,
    BOOKED_NEAR,
    CODE_SIZE_SHIFT,
    CROSSES,
    CVD,
    DELTAS_AT,
    FIRST_NS,
    FIRST_SECOND,
    HIGHS_AT,
    LAST,
    LATEST_NS,
    LOWS_AT,
    NEAR,
    PRICES_AT,
    R_BOOKED,
    R_BOOKED_ABOVE,
    R_BOOKED_BELOW,
    R_BOOKED_NEAR,
    R_CROSSES,
    R_CVD,
    R_STATE,
    R_SUM_CVD,
    R_SUM_INDEX_CVD,
    R_TRADES,
    R_UNKNOWN,
    R_VOLUME,
    RECORD_WIDTH,
    RECORDS_AT,
    RING,
    RING_MASK,
    SECOND,
    SECOND_END_NS,
    SECOND_HIGH,
    SECOND_LOW,
    SECOND_NS,
    STATE,
    SUM_CVD,
    SUM_INDEX_CVD,
    TRADE_CODE,
    TRADE_NS,
    TRADES,
    UNKNOWN,
    VOLUME,
)

NO_HIGH, NO_LOW = -(2**62), 2**62
"""High and low of a second without a trade."""


@inlined
def record_at(second: int) -> int:
    """Where the record of an ended second begins in `s`."""
    return RECORDS_AT + (second & RING_MASK) * RECORD_WIDTH


@piece
def _write_record(s: NDArray[np.int64], second: int) -> None:
    place = second & RING_MASK
    cvd = s[CVD]
    s[SUM_CVD] += cvd
    s[SUM_INDEX_CVD] += (second - s[FIRST_SECOND]) * cvd
    earlier = second - 60
    delta = cvd
    if earlier >= s[FIRST_SECOND]:
        delta -= s[record_at(earlier) + R_CVD]
    s[HIGHS_AT + place] = s[SECOND_HIGH]
    s[LOWS_AT + place] = s[SECOND_LOW]
    s[PRICES_AT + place] = s[LAST]
    s[DELTAS_AT + place] = delta
    at = RECORDS_AT + place * RECORD_WIDTH
    s[at + R_TRADES] = s[TRADES]
    s[at + R_VOLUME] = s[VOLUME]
    s[at + R_UNKNOWN] = s[UNKNOWN]
    s[at + R_CVD] = cvd
    s[at + R_SUM_CVD] = s[SUM_CVD]
    s[at + R_SUM_INDEX_CVD] = s[SUM_INDEX_CVD]
    s[at + R_CROSSES] = s[CROSSES]
    s[at + R_STATE] = s[STATE] | (s[NEAR] << 2)
    s[at + R_BOOKED] = s[BOOKED]
    s[at + R_BOOKED_ABOVE] = s[BOOKED_ABOVE]
    s[at + R_BOOKED_BELOW] = s[BOOKED_BELOW]
    s[at + R_BOOKED_NEAR] = s[BOOKED_NEAR]


@piece
def end_seconds(s: NDArray[np.int64], ts_ns: int) -> None:
    """End the running second and the silent ones before that of `ts_ns`, which now runs."""
    second = ts_ns // SECOND_NS
    running = s[SECOND]
    book(s, s[SECOND_END_NS])
    _write_record(s, running)
    s[SECOND_HIGH] = NO_HIGH
    s[SECOND_LOW] = NO_LOW
    silent = running + 1
    skipped = second - RING - silent
    if skipped > 0:
        # no window reaches back into these; only the sums go on
        index = silent - s[FIRST_SECOND]
        s[SUM_CVD] += skipped * s[CVD]
        s[SUM_INDEX_CVD] += s[CVD] * (skipped * index + skipped * (skipped - 1) // 2)
        silent += skipped
        book(s, silent * SECOND_NS)
    for k in range(silent, second):
        book(s, (k + 1) * SECOND_NS)
        _write_record(s, k)
    s[SECOND] = second
    s[SECOND_END_NS] = (second + 1) * SECOND_NS


@piece
def trades_until(s: NDArray[np.int64], trades: NDArray[np.int64], until_ns: int) -> int:
    """Number of the session's trades at or before `until_ns` (at most 30 minutes back)."""
    if until_ns >= s[LATEST_NS]:
        return int(s[TRADES])
    second = until_ns // SECOND_NS
    if second < s[FIRST_SECOND]:
        return 0
    count = _trades_before_second(s, second)
    mask = len(trades) - 1
    while trades[count & mask, TRADE_NS] <= until_ns:
        count += 1
    return count


@piece
def _trades_before_second(s: NDArray[np.int64], second: int) -> int:
    if second <= s[FIRST_SECOND]:
        return 0
    if second > s[SECOND]:
        return int(s[TRADES])
    return int(s[record_at(second - 1) + R_TRADES])


@piece
def flow_until(s: NDArray[np.int64], trades: NDArray[np.int64], until_ns: int) -> tuple[int, int, int, int]:
    """Trades, volume, volume of unknown side and CVD of the session up to `until_ns`."""
    if until_ns >= s[LATEST_NS]:
        return s[TRADES], s[VOLUME], s[UNKNOWN], s[CVD]
    count = trades_until(s, trades, until_ns)
    second = until_ns // SECOND_NS
    first = _trades_before_second(s, second)
    volume = unknown = cvd = 0
    if second > s[FIRST_SECOND]:
        at = record_at(second - 1)
        volume, unknown, cvd = s[at + R_VOLUME], s[at + R_UNKNOWN], s[at + R_CVD]
    mask = len(trades) - 1
    for i in range(first, count):
        code = trades[i & mask, TRADE_CODE]
        size = code >> CODE_SIZE_SHIFT
        side = ((code >> 4) & 3) - 1
        volume += size
        cvd += side * size
        if side == 0:
            unknown += size
    return count, volume, unknown, cvd


@piece
def crosses_until(s: NDArray[np.int64], trades: NDArray[np.int64], until_ns: int) -> int:
    """POC crosses of the session at or before `until_ns` (at most 30 minutes back)."""
    if until_ns >= s[LATEST_NS]:
        return int(s[CROSSES])
    second = until_ns // SECOND_NS
    first = _trades_before_second(s, second)
    crosses = 0
    if second > s[FIRST_SECOND]:
        crosses = s[record_at(second - 1) + R_CROSSES]
    mask = len(trades) - 1
    for i in range(first, trades_until(s, trades, until_ns)):
        crosses += (trades[i & mask, TRADE_CODE] >> 3) & 1
    return crosses


@piece
def booked_until(s: NDArray[np.int64], trades: NDArray[np.int64], until_ns: int) -> tuple[int, int, int, int]:
    """Time in value, above, below and near the POC from the session's start to `until_ns`."""
    inside, above, below, near = s[BOOKED], s[BOOKED_ABOVE], s[BOOKED_BELOW], s[BOOKED_NEAR]
    if until_ns <= s[FIRST_NS]:
        return 0, 0, 0, 0
    second = until_ns // SECOND_NS
    position = s[LATEST_NS]
    code = s[STATE] | (s[NEAR] << 2)
    first = last = s[TRADES]
    if until_ns < position:
        first = _trades_before_second(s, second)
        last = trades_until(s, trades, until_ns)
        if second <= s[FIRST_SECOND]:
            position = s[FIRST_NS]
            inside = above = below = near = code = 0
        else:
            position = second * SECOND_NS
            at = record_at(second - 1)
            inside, above = s[at + R_BOOKED], s[at + R_BOOKED_ABOVE]
            below, near = s[at + R_BOOKED_BELOW], s[at + R_BOOKED_NEAR]
            code = s[at + R_STATE]
    mask = len(trades) - 1
    for i in range(first, last + 1):
        end = until_ns
        if i < last:
            end = trades[i & mask, TRADE_NS]
        if end > position:
            elapsed_ns = open_between(s, position, end)
            if code & 3 == 0:
                inside += elapsed_ns
            elif code & 3 == 1:
                above += elapsed_ns
            else:
                below += elapsed_ns
            if code & 4 != 0:
                near += elapsed_ns
            position = end
        if i < last:
            code = trades[i & mask, TRADE_CODE]
    return inside, above, below, near


@inlined
def highest(s: NDArray[np.int64], column: int, first: int, last: int, high: int) -> int:
    """Highest of `high` and a column's entries for the ended seconds `first` to `last`, both included.

    One column at a time and counted from a place that cannot be negative, which numba makes vectors of.
    """
    while first <= last:
        place = first & RING_MASK
        count = min(last - first + 1, RING - place)
        start = np.uint64(column + place)
        for i in range(np.uint64(count)):
            high = max(high, s[start + i])
        first += count
    return high


@inlined
def lowest(s: NDArray[np.int64], column: int, first: int, last: int, low: int) -> int:
    """Lowest of `low` and a column's entries, as `highest`."""
    while first <= last:
        place = first & RING_MASK
        count = min(last - first + 1, RING - place)
        start = np.uint64(column + place)
        for i in range(np.uint64(count)):
            low = min(low, s[start + i])
        first += count
    return low


@piece
def extremes(s: NDArray[np.int64], trades: NDArray[np.int64], from_ns: int, to_ns: int) -> tuple[int, int]:
    """High and low over the trades in `(from_ns, to_ns]`; NO_HIGH and NO_LOW without one.

    `from_ns` is at most 30 minutes before the latest trade.
    """
    first = trades_until(s, trades, from_ns)
    last = trades_until(s, trades, to_ns)
    high, low = NO_HIGH, NO_LOW
    if last <= first:
        return high, low
    first_second = max(from_ns // SECOND_NS, s[FIRST_SECOND] - 1)
    last_second = min(to_ns // SECOND_NS, s[SECOND])
    head_end = min(_trades_before_second(s, first_second + 1), last)
    tail_start = max(_trades_before_second(s, last_second), head_end)
    mask = len(trades) - 1
    for i in range(first, head_end):
        price = trades[i & mask, 1]
        high = max(high, price)
        low = min(low, price)
    if to_ns >= s[LATEST_NS] and last_second > first_second:
        high = max(high, s[SECOND_HIGH])
        low = min(low, s[SECOND_LOW])
    else:
        for i in range(tail_start, last):
            price = trades[i & mask, 1]
            high = max(high, price)
            low = min(low, price)
    if last_second - 1 >= first_second + 1:
        high = highest(s, HIGHS_AT, first_second + 1, last_second - 1, high)
        low = lowest(s, LOWS_AT, first_second + 1, last_second - 1, low)
    return high, low
