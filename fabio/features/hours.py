"""Open time: trading hours less breaks and known gaps, and who gets the time booked.

From one trade to the next the market is where the earlier one left it. Only open time
counts: inside the session, outside its breaks, outside the gaps in which the feed was
known to be down. Cost: two comparisons a trade while nothing of that is near.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabio.features.inlined import inlined, piece
from fabio.features.layout import (
    BOOKED,
    BOOKED_NEAR,
    BOOKED_UNTIL_NS,
    BREAK_COUNT,
    BREAKS_AT,
    CLEAR_UNTIL_NS,
    FOREVER,
    GAP_COUNT,
    GAPS_AT,
    KEEP_NS,
    LATEST_NS,
    MAX_GAPS,
    NEAR,
    NULL,
    SESSION_CLOSE_NS,
    SESSION_OPEN_NS,
    STATE,
)


class Gap(NamedTuple):
    """The feed is known to have been down in `[from_ns, to_ns)`."""

    from_ns: int
    to_ns: int


@piece
def _trading_ns(s: NDArray[np.int64], from_ns: int, to_ns: int) -> int:
    """Trading time between two times: inside the session, outside its breaks."""
    start = max(from_ns, s[SESSION_OPEN_NS])
    end = min(to_ns, s[SESSION_CLOSE_NS])
    if end <= start:
        return 0
    total = end - start
    for i in range(s[BREAK_COUNT]):
        overlap = min(end, s[BREAKS_AT + 2 * i + 1]) - max(start, s[BREAKS_AT + 2 * i])
        if overlap > 0:
            total -= overlap
    return int(total)


@piece
def open_between(s: NDArray[np.int64], from_ns: int, to_ns: int) -> int:
    """Open time between two times of the running session, in ns."""
    total = _trading_ns(s, from_ns, to_ns)
    for i in range(s[GAP_COUNT]):
        start = max(from_ns, s[GAPS_AT + 2 * i])
        end = min(to_ns, s[GAPS_AT + 2 * i + 1])
        if end > start:
            total -= _trading_ns(s, start, end)
    return int(total)


@piece
def clear_until(s: NDArray[np.int64], ts_ns: int) -> int:
    """Until when all time from `ts_ns` on is open; NULL if it is closed at `ts_ns`."""
    until = s[SESSION_CLOSE_NS]
    if ts_ns < s[SESSION_OPEN_NS] or ts_ns >= until:
        return NULL
    for i in range(s[BREAK_COUNT]):
        if ts_ns < s[BREAKS_AT + 2 * i + 1]:
            if ts_ns >= s[BREAKS_AT + 2 * i]:
                return NULL
            until = min(until, s[BREAKS_AT + 2 * i])
    for i in range(s[GAP_COUNT]):
        if ts_ns < s[GAPS_AT + 2 * i + 1]:
            if ts_ns >= s[GAPS_AT + 2 * i]:
                return NULL
            until = min(until, s[GAPS_AT + 2 * i])
    return int(until)


@inlined
def book(s: NDArray[np.int64], until_ns: int) -> None:
    """Book the open time up to `until_ns` to the state that the last trade left."""
    elapsed_ns = until_ns - s[BOOKED_UNTIL_NS]
    if elapsed_ns <= 0:
        return
    if until_ns > s[CLEAR_UNTIL_NS]:
        elapsed_ns = open_between(s, s[BOOKED_UNTIL_NS], until_ns)
        s[CLEAR_UNTIL_NS] = clear_until(s, until_ns)
    s[BOOKED + s[STATE]] += elapsed_ns
    if s[NEAR] != 0:
        s[BOOKED_NEAR] += elapsed_ns
    s[BOOKED_UNTIL_NS] = until_ns


@piece
def mark_gap(s: NDArray[np.int64], from_ns: int, to_ns: int) -> None:
    """Note that the feed was down in `[from_ns, to_ns)`; no time is booked there.

    Call it before the first trade after the gap. What lies before the latest trade is
    booked already and stays. A gap whose end is not known yet is marked up to FOREVER, and
    again with the same start once it is; one that overlaps the last one is joined to it.
    More than `MAX_GAPS` within half an hour: the oldest is forgotten for 30-minute windows.
    """
    start = max(from_ns, s[LATEST_NS])
    if to_ns <= start:
        last = GAPS_AT + 2 * s[GAP_COUNT] - 2
        if s[GAP_COUNT] > 0 and s[last + 1] == FOREVER:
            s[last + 1] = max(s[last], to_ns)
            s[CLEAR_UNTIL_NS] = clear_until(s, s[BOOKED_UNTIL_NS])
        return
    kept = 0
    for i in range(s[GAP_COUNT]):
        if s[GAPS_AT + 2 * i + 1] > s[LATEST_NS] - KEEP_NS:
            s[GAPS_AT + 2 * kept] = s[GAPS_AT + 2 * i]
            s[GAPS_AT + 2 * kept + 1] = s[GAPS_AT + 2 * i + 1]
            kept += 1
    last = GAPS_AT + 2 * kept - 2
    if kept > 0 and s[last] == start and s[last + 1] == FOREVER:
        s[last + 1] = to_ns
    elif kept > 0 and start <= s[last + 1]:
        s[last + 1] = max(s[last + 1], to_ns)
    else:
        if kept == MAX_GAPS:
            for i in range(2 * (MAX_GAPS - 1)):
                s[GAPS_AT + i] = s[GAPS_AT + i + 2]
            kept -= 1
        s[GAPS_AT + 2 * kept] = start
        s[GAPS_AT + 2 * kept + 1] = to_ns
        kept += 1
    s[GAP_COUNT] = kept
    s[CLEAR_UNTIL_NS] = clear_until(s, s[BOOKED_UNTIL_NS])


@piece
def in_gap(s: NDArray[np.int64], ts_ns: int) -> bool:
    """Tell whether the feed is known to have been down at `ts_ns`."""
    inside = False
    for i in range(s[GAP_COUNT]):
        inside |= s[GAPS_AT + 2 * i] <= ts_ns < s[GAPS_AT + 2 * i + 1]
    return inside
