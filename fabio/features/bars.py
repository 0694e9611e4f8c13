"""1-minute bars (UTC-aligned minutes with at least one trade) and their footprint rows.

A bar is made of ended seconds; it is closed by the first trade of a later minute. The last
32 finished bars stay, and the buy and sell volume per row of the running and of the last
finished one. Cost: nothing per trade but the footprint's row, about 50 ns a bar.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.inlined import piece
from fabio.features.layout import (
    BAR_FIRST_CVD,
    BAR_FIRST_TRADE,
    BAR_FIRST_VOLUME,
    BAR_HIGH,
    BAR_LOW,
    BAR_OPEN,
    BAR_RANGE_AT,
    BAR_START_NS,
    BAR_WIDTH,
    BARS,
    BARS_AT,
    BARS_AT_OPEN,
    BARS_KEPT,
    BASE_ROW,
    CVD,
    FOOTPRINT_DELTA,
    FOOTPRINT_HIGH,
    FOOTPRINT_LOW,
    FOOTPRINT_START_NS,
    LAST,
    MINUTE_NS,
    NULL,
    PARITY,
    ROW_BUY,
    SECOND_HIGH,
    SECOND_LOW,
    SESSION_CLOSE_NS,
    SESSION_MINUTES,
    SESSION_OPEN_NS,
    TRADES,
    VOLUME,
)
from fabio.features.seconds import NO_HIGH, NO_LOW


@piece
def begin_bar(s: NDArray[np.int64], ts_ns: int, price: int) -> None:
    """Start a bar with its first trade, which is not yet in the session's totals."""
    s[BAR_START_NS] = ts_ns - ts_ns % MINUTE_NS
    s[BAR_OPEN] = price
    s[BAR_HIGH] = NO_HIGH
    s[BAR_LOW] = NO_LOW
    s[BAR_FIRST_TRADE] = s[TRADES]
    s[BAR_FIRST_VOLUME] = s[VOLUME]
    s[BAR_FIRST_CVD] = s[CVD]


@piece
def end_bar_second(s: NDArray[np.int64]) -> None:
    """Take the running second, about to end, into the running bar."""
    s[BAR_HIGH] = max(s[BAR_HIGH], s[SECOND_HIGH])
    s[BAR_LOW] = min(s[BAR_LOW], s[SECOND_LOW])


@piece
def close_bar(s: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    """Put the running bar, whose seconds have all ended, among the finished ones."""
    at = BARS_AT + (s[BARS] % BARS_KEPT) * BAR_WIDTH
    s[at] = s[BAR_START_NS]
    s[at + 1] = s[BAR_OPEN]
    s[at + 2] = s[BAR_HIGH]
    s[at + 3] = s[BAR_LOW]
    s[at + 4] = s[LAST]
    s[at + 5] = s[VOLUME] - s[BAR_FIRST_VOLUME]
    s[at + 6] = s[CVD] - s[BAR_FIRST_CVD]
    s[at + 7] = s[TRADES] - s[BAR_FIRST_TRADE]
    s[BARS] += 1
    if s[SESSION_OPEN_NS] <= s[BAR_START_NS] < s[SESSION_CLOSE_NS]:
        minute = (s[BAR_START_NS] - s[SESSION_OPEN_NS]) // MINUTE_NS
        if minute < SESSION_MINUTES:
            s[BAR_RANGE_AT + minute] = s[BAR_HIGH] - s[BAR_LOW]
    _turn_footprint(s, rows)
    s[FOOTPRINT_DELTA] = s[at + 6]


@piece
def _turn_footprint(s: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    """Make the running bar's footprint the finished one, and empty the other for the next."""
    other = 1 - s[PARITY]
    if s[FOOTPRINT_START_NS] != NULL:
        base = s[BASE_ROW]
        for kind in range(ROW_BUY + 2 * other, ROW_BUY + 2 * other + 2):
            rows[kind, s[FOOTPRINT_LOW] - base : s[FOOTPRINT_HIGH] - base + 1] = 0
    s[FOOTPRINT_START_NS] = s[BAR_START_NS]
    s[FOOTPRINT_HIGH] = s[BAR_HIGH]
    s[FOOTPRINT_LOW] = s[BAR_LOW]
    s[PARITY] = other


@piece
def mean_bar_range(s: NDArray[np.int64], now_ns: int, window_ns: int) -> float:
    """Mean high - low of the session's bars that ended in `(now - window, now]`; NaN if none."""
    total = 0
    count = 0
    if s[BAR_START_NS] + MINUTE_NS <= now_ns and s[BAR_START_NS] + MINUTE_NS > now_ns - window_ns:
        total = max(s[BAR_HIGH], s[SECOND_HIGH]) - min(s[BAR_LOW], s[SECOND_LOW])
        count = 1
    bar = s[BARS] - 1
    while bar >= max(s[BARS_AT_OPEN], s[BARS] - BARS_KEPT):
        at = BARS_AT + (bar % BARS_KEPT) * BAR_WIDTH
        end_ns = s[at] + MINUTE_NS
        if end_ns <= now_ns - window_ns:
            break
        if end_ns <= now_ns:
            total += s[at + 2] - s[at + 3]
            count += 1
        bar -= 1
    if count == 0:
        return np.nan
    return total / count
