"""Sessions: how one begins and ends, and what is kept of the last 20 finished ones.

A session counts as finished when the open time from its first to its last trade, less known
gaps, is at least 80 % of its trading hours. Of a finished one two rows are kept: its running
range at the end of each minute of the session, and the range of each minute's bar (-1
without one). Minute m of a session is `[open + 60 m, open + 60 m + 60)`.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.bars import begin_bar, close_bar, end_bar_second
from fabio.features.compiled import kernel
from fabio.features.inlined import piece
from fabio.features.layout import (
    APPROXIMATE,
    BAR_RANGE_AT,
    BARS,
    BARS_AT_OPEN,
    BASE_ROW,
    BEYOND,
    BIG_COUNT,
    BOOKED,
    BOOKED_ABOVE,
    BOOKED_BELOW,
    BOOKED_NEAR,
    BOOKED_UNTIL_NS,
    BREAK_COUNT,
    BREAKS_AT,
    CLEAR_UNTIL_NS,
    CROSSES,
    CVD,
    FIRST_NS,
    FIRST_SECOND,
    FRESH,
    HIGH,
    HISTORY_BAR,
    HISTORY_COUNT,
    HISTORY_NEXT,
    HISTORY_RANGE,
    HISTORY_SESSIONS,
    LAST,
    LAST_CROSS_NS,
    LOW,
    MAX_BREAKS,
    MINUTE_NS,
    NEAR,
    NULL,
    OPENING_DONE,
    OPENING_HIGH,
    OPENING_LOW,
    POC,
    PREV_CLOSE,
    PREV_HIGH,
    PREV_LOW,
    PREV_POC,
    PREV_VAH,
    PREV_VAL,
    RANGE_AT,
    RANGE_MINUTE,
    REFERENCE,
    REGULAR_OPEN_NS,
    ROW_VOLUME,
    SECOND,
    SECOND_END_NS,
    SECOND_HIGH,
    SECOND_LOW,
    SECOND_NS,
    SESSION_CLOSE_NS,
    SESSION_DATE,
    SESSION_INDEX,
    SESSION_MINUTES,
    SESSION_OPEN_NS,
    SESSION_OPEN_TIME_NS,
    STATE,
    SUM_CVD,
    SUM_INDEX_CVD,
    TRADES,
    UNKNOWN,
    VAH,
    VAL,
    VOLUME,
    WEIGHTED,
    WEIGHTED_SQUARES,
)
from fabio.features.prints import end_print, set_threshold
from fabio.features.seconds import NO_HIGH, NO_LOW

SESSION_FIELDS = 5
"""Session as a row: index, date, open, close, regular open (NULL where there is none)."""


@piece
def begin_session(
    s: NDArray[np.int64], rows: NDArray[np.int64], history: NDArray[np.int32],
    session: NDArray[np.int64], breaks: NDArray[np.int64],
) -> None:
    """Leave the running session and make ready for the first trade of the next.

    `breaks` holds those inside the session, at most `MAX_BREAKS`.
    """
    if s[TRADES] > 0:
        _finish_session(s, rows, history)
    s[SESSION_INDEX], s[SESSION_DATE] = session[0], session[1]
    s[SESSION_OPEN_NS], s[SESSION_CLOSE_NS] = session[2], session[3]
    s[REGULAR_OPEN_NS] = session[4]
    s[BREAK_COUNT] = min(len(breaks), MAX_BREAKS)
    open_ns = session[3] - session[2]
    for i in range(s[BREAK_COUNT]):
        s[BREAKS_AT + 2 * i] = breaks[i, 0]
        s[BREAKS_AT + 2 * i + 1] = breaks[i, 1]
        open_ns -= breaks[i, 1] - breaks[i, 0]
    s[SESSION_OPEN_TIME_NS] = open_ns
    for i in (VOLUME, UNKNOWN, CVD, TRADES, WEIGHTED, WEIGHTED_SQUARES, BEYOND, CROSSES, STATE, NEAR,
              BOOKED, BOOKED_ABOVE, BOOKED_BELOW, BOOKED_NEAR, SUM_CVD, SUM_INDEX_CVD, BIG_COUNT,
              OPENING_DONE, RANGE_MINUTE, APPROXIMATE):
        s[i] = 0
    s[LAST_CROSS_NS] = s[OPENING_HIGH] = s[OPENING_LOW] = NULL
    s[BAR_RANGE_AT : BAR_RANGE_AT + SESSION_MINUTES] = -1
    s[BARS_AT_OPEN] = s[BARS]
    s[FRESH] = 1


@piece
def leave_session(s: NDArray[np.int64], rows: NDArray[np.int64], history: NDArray[np.int32]) -> None:
    """End the running session now: the next trade begins one, whatever its time."""
    if s[TRADES] > 0:
        _finish_session(s, rows, history)
    s[TRADES] = 0
    s[SESSION_CLOSE_NS] = NULL


@piece
def begin_trading(s: NDArray[np.int64], ts_ns: int, price: int) -> None:
    """Take the time and price of the session's first trade."""
    s[FRESH] = 0
    s[FIRST_NS] = s[BOOKED_UNTIL_NS] = ts_ns
    s[CLEAR_UNTIL_NS] = NULL        # the next booking finds out
    s[SECOND] = s[FIRST_SECOND] = ts_ns // SECOND_NS
    s[SECOND_END_NS] = (s[SECOND] + 1) * SECOND_NS
    s[REFERENCE] = s[HIGH] = s[LOW] = s[SECOND_HIGH] = s[SECOND_LOW] = price
    note_ranges(s, ts_ns)
    end_print(s)
    set_threshold(s)
    begin_bar(s, ts_ns, price)


@piece
def note_ranges(s: NDArray[np.int64], ts_ns: int) -> None:
    """Note the running range at the end of each minute of the session that ended by `ts_ns`."""
    minute = min((ts_ns - s[SESSION_OPEN_NS]) // MINUTE_NS, SESSION_MINUTES)
    while s[RANGE_MINUTE] < minute:
        s[RANGE_AT + s[RANGE_MINUTE]] = 0 if s[TRADES] == 0 else s[HIGH] - s[LOW]
        s[RANGE_MINUTE] += 1


@piece
def counts_as_finished(s: NDArray[np.int64]) -> bool:
    """Tell whether the running session, if it ended now, would span enough of its trading hours."""
    covered_ns = s[BOOKED] + s[BOOKED_ABOVE] + s[BOOKED_BELOW]
    return bool(s[TRADES] > 0 and 10 * covered_ns >= 8 * s[SESSION_OPEN_TIME_NS])


@piece
def _finish_session(s: NDArray[np.int64], rows: NDArray[np.int64], history: NDArray[np.int32]) -> None:
    end_opening_second(s)
    end_bar_second(s)
    close_bar(s, rows)
    s[SECOND_HIGH], s[SECOND_LOW] = NO_HIGH, NO_LOW
    note_ranges(s, s[SESSION_OPEN_NS] + SESSION_MINUTES * MINUTE_NS)
    base = s[BASE_ROW]
    rows[ROW_VOLUME, s[LOW] - base : s[HIGH] - base + 1] = 0
    if not counts_as_finished(s):
        return
    slot = s[HISTORY_NEXT]
    for minute in range(SESSION_MINUTES):
        history[HISTORY_RANGE, slot, minute] = s[RANGE_AT + minute]
        history[HISTORY_BAR, slot, minute] = s[BAR_RANGE_AT + minute]
    s[HISTORY_NEXT] = (slot + 1) % HISTORY_SESSIONS
    s[HISTORY_COUNT] = min(s[HISTORY_COUNT] + 1, HISTORY_SESSIONS)
    s[PREV_HIGH], s[PREV_LOW], s[PREV_CLOSE] = s[HIGH], s[LOW], s[LAST]
    s[PREV_POC], s[PREV_VAH], s[PREV_VAL] = s[POC], s[VAH], s[VAL]


OPENING_NS = 15 * MINUTE_NS


@piece
def end_opening_second(s: NDArray[np.int64]) -> None:
    """Take the running second, about to end, into the opening range if it lies in it."""
    if s[REGULAR_OPEN_NS] == NULL or s[OPENING_DONE] != 0 or s[SECOND_HIGH] == NO_HIGH:
        return
    start_ns = s[SECOND] * SECOND_NS
    if s[REGULAR_OPEN_NS] <= start_ns < s[REGULAR_OPEN_NS] + OPENING_NS:
        if s[OPENING_HIGH] == NULL:
            s[OPENING_HIGH], s[OPENING_LOW] = s[SECOND_HIGH], s[SECOND_LOW]
        else:
            s[OPENING_HIGH] = max(s[OPENING_HIGH], s[SECOND_HIGH])
            s[OPENING_LOW] = min(s[OPENING_LOW], s[SECOND_LOW])


@piece
def opening_range_ended(s: NDArray[np.int64], ts_ns: int) -> bool:
    """Tell once, at the first trade after it, that the opening range is set."""
    if s[OPENING_DONE] != 0 or s[OPENING_HIGH] == NULL or ts_ns < s[REGULAR_OPEN_NS] + OPENING_NS:
        return False
    s[OPENING_DONE] = 1
    return True


@piece
def range_percentile(s: NDArray[np.int64], history: NDArray[np.int32], now_ns: int) -> float:
    """Share of finished sessions with a smaller range at the same minute; NaN without one."""
    count = s[HISTORY_COUNT]
    if count == 0:
        return np.nan
    minute = min(max((now_ns - s[SESSION_OPEN_NS]) // MINUTE_NS, 0), SESSION_MINUTES - 1)
    smaller = 0
    for i in range(count):
        if history[HISTORY_RANGE, i, minute] < s[HIGH] - s[LOW]:
            smaller += 1
    return float(smaller / count)


@kernel
def usual_ranges(s: NDArray[np.int64], history: NDArray[np.int32], usual: NDArray[np.float64]) -> None:
    """Write the median bar range of each minute of the session; NaN where there never was a bar."""
    sorted_ranges = np.empty(HISTORY_SESSIONS, dtype=np.int32)
    for minute in range(SESSION_MINUTES):
        count = 0
        for i in range(s[HISTORY_COUNT]):
            value = history[HISTORY_BAR, i, minute]
            if value >= 0:
                place = count
                while place > 0 and sorted_ranges[place - 1] > value:
                    sorted_ranges[place] = sorted_ranges[place - 1]
                    place -= 1
                sorted_ranges[place] = value
                count += 1
        if count == 0:
            usual[minute] = np.nan
        else:
            usual[minute] = (sorted_ranges[(count - 1) // 2] + sorted_ranges[count // 2]) / 2
