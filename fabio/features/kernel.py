"""One trade into one market's state: the composition that every loop calls.

`update` takes a trade and answers with a mask of what happened, or with a need (negative):
then nothing was consumed, and the caller supplies what is needed (`MarketFeatures.supply`)
and calls again. Nothing is allocated. Cost: about 25 ns a trade, all statistics included.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.bars import begin_bar, close_bar, end_bar_second
from fabio.features.compiled import kernel
from fabio.features.crosses import count_cross
from fabio.features.history import begin_trading, end_opening_second, note_ranges, opening_range_ended
from fabio.features.hours import book
from fabio.features.inlined import inlined, piece
from fabio.features.layout import (
    ABOVE_VALUE,
    BAR_CLOSED,
    BAR_START_NS,
    BARS_AT_OPEN,
    BASE_ROW,
    BELOW_VALUE,
    BIG_PRINT,
    CODE_SIZE_SHIFT,
    CVD,
    FRESH,
    HIGH,
    IN_VALUE,
    KEEP_NS,
    LAST,
    LATEST_NS,
    LOW,
    MAX_ROWS,
    MINUTE_NS,
    NEAR,
    NEED_ROWS,
    NEED_SESSION,
    NEED_TRADES,
    NEGATIVE_ALLOWED,
    OPENING_RANGE_SET,
    PARITY,
    POC,
    POC_CROSSED,
    POC_MOVED,
    REFERENCE,
    REJECTED,
    REJECTED_FAR,
    REJECTED_LATE,
    REJECTED_PRICE,
    REJECTED_SIZE,
    ROW_BUY,
    SECOND_END_NS,
    SECOND_HIGH,
    SECOND_LOW,
    SECOND_NS,
    SESSION_CLOSE_NS,
    SESSION_ROLLED,
    STATE,
    TRADE_CODE,
    TRADE_NS,
    TRADE_PRICE,
    TRADES,
    UNKNOWN,
    VAH,
    VAL,
    VALUE_ENTERED,
    VALUE_LEFT,
    VOLUME,
    WEIGHTED,
    WEIGHTED_SQUARES,
)
from fabio.features.prints import add_to_print, end_print, set_threshold
from fabio.features.profile import add_to_profile, begin_profile
from fabio.features.seconds import end_seconds

NEAR_TICKS = 3
"""At most this far from the POC is near it."""


@inlined
def update(
    s: NDArray[np.int64], rows: NDArray[np.int64], trades: NDArray[np.int64],
    ts_ns: int, price: int, size: int, side: int,
) -> int:
    """Take one trade; answer a mask of what happened, or a negative need (nothing consumed)."""
    refused = _refusal(s, ts_ns, price, size)
    if refused != 0:
        s[refused] += 1
        return REJECTED
    ts_ns = max(ts_ns, s[LATEST_NS])
    if ts_ns >= s[SESSION_CLOSE_NS]:
        return NEED_SESSION
    row = price - s[BASE_ROW]
    if row < 0 or row >= rows.shape[1]:
        if s[FRESH] == 0 and max(price, s[HIGH]) - min(price, s[LOW]) >= MAX_ROWS:
            s[REJECTED_FAR] += 1
            return REJECTED
        return NEED_ROWS
    place = s[TRADES] & (len(trades) - 1)
    if s[TRADES] >= len(trades) and trades[place, TRADE_NS] > ts_ns - KEEP_NS:
        return NEED_TRADES

    happened = 0
    fresh = s[FRESH] != 0
    if fresh:
        begin_trading(s, ts_ns, price)
        happened = SESSION_ROLLED | BAR_CLOSED if s[BARS_AT_OPEN] > 0 else SESSION_ROLLED
    elif ts_ns >= s[SECOND_END_NS]:
        happened = _end_time(s, rows, ts_ns, price)
    book(s, ts_ns)
    s[LATEST_NS] = ts_ns
    s[LAST] = price
    s[SECOND_HIGH] = max(s[SECOND_HIGH], price)
    s[SECOND_LOW] = min(s[SECOND_LOW], price)
    s[HIGH] = max(s[HIGH], price)
    s[LOW] = min(s[LOW], price)
    s[TRADES] += 1
    s[VOLUME] += size
    offset = price - s[REFERENCE]
    s[WEIGHTED] += size * offset
    s[WEIGHTED_SQUARES] += size * offset * offset
    if side == 0:
        s[UNKNOWN] += size
    else:
        s[CVD] += side * size
        rows[ROW_BUY + 2 * s[PARITY] + (1 - side) // 2, row] += size

    code = (size << CODE_SIZE_SHIFT) | ((side + 1) << 4)
    poc_moved = fresh
    if fresh:
        begin_profile(s, rows, price, size)
    else:
        poc_moved = add_to_profile(s, rows, price, size)
    if poc_moved:
        happened |= POC_MOVED
    if count_cross(s, ts_ns, price, poc_moved):
        happened |= POC_CROSSED
        code |= 8
    state = ABOVE_VALUE if price > s[VAH] else BELOW_VALUE if price < s[VAL] else IN_VALUE
    happened |= _change(s[STATE], state)
    s[STATE] = state
    near = 1 if abs(price - s[POC]) <= NEAR_TICKS else 0
    s[NEAR] = near
    if add_to_print(s, ts_ns, price, size, side):
        happened |= BIG_PRINT
    trades[place, TRADE_NS] = ts_ns
    trades[place, TRADE_PRICE] = price
    trades[place, TRADE_CODE] = code | state | (near << 2)
    return happened


@inlined
def _change(before: int, after: int) -> int:
    """Say whether a change of state left or entered value; from one side to the other is neither."""
    if before == after:
        return 0
    if after == IN_VALUE:
        return VALUE_ENTERED
    return VALUE_LEFT if before == IN_VALUE else 0


@inlined
def _refusal(s: NDArray[np.int64], ts_ns: int, price: int, size: int) -> int:
    """Where to count this trade as bad input; 0 if it is good."""
    if size <= 0:
        return REJECTED_SIZE
    if price <= 0 and s[NEGATIVE_ALLOWED] == 0:
        return REJECTED_PRICE
    if ts_ns <= s[LATEST_NS] - SECOND_NS:
        return REJECTED_LATE
    return 0


@piece
def _end_time(s: NDArray[np.int64], rows: NDArray[np.int64], ts_ns: int, price: int) -> int:
    """End the seconds, and the bar, that a trade at `ts_ns` leaves behind."""
    happened = 0
    end_bar_second(s)
    end_opening_second(s)
    end_seconds(s, ts_ns)
    if ts_ns >= s[BAR_START_NS] + MINUTE_NS:
        end_print(s)
        set_threshold(s)
        close_bar(s, rows)
        note_ranges(s, ts_ns)
        begin_bar(s, ts_ns, price)
        happened = BAR_CLOSED
    if opening_range_ended(s, ts_ns):
        happened |= OPENING_RANGE_SET
    return happened


@kernel
def run(
    s: NDArray[np.int64], rows: NDArray[np.int64], trades: NDArray[np.int64],
    ts_event_ns: NDArray[np.int64], price_ticks: NDArray[np.int64], size_steps: NDArray[np.int64],
    side: NDArray[np.int8], start: int, stop: int, until_ns: int,
) -> tuple[int, int]:
    """Take trades `[start, stop)` of the columns (ten parameters: columns, not objects).

    Stops before the first good trade later than `until_ns`, and where something is needed.
    Answers the position of the first trade not taken, and the need (0 when there is none).
    """
    for i in range(start, stop):
        ts_ns, price, size = ts_event_ns[i], price_ticks[i], size_steps[i]
        if ts_ns > until_ns and _refusal(s, ts_ns, price, size) == 0:
            return i, 0
        answer = update(s, rows, trades, ts_ns, price, size, int(side[i]))
        if answer < 0:
            return i, answer
    return stop, 0
