"""The numbers of a question: the statistics, and what is told in other units than they are kept in."""

import numpy as np
from numpy.typing import NDArray

from fabio.features.compiled import kernel
from fabio.features.layout import APPROXIMATE, BIG_AT, BIG_COUNT, BIG_KEPT, BIG_WIDTH, NULL, SECOND_NS
from fabio.features.read import FLOATS, INTS, read
from fabio.model.session import Session
from fabio.model.stats import MarketStats

MINUTE_NS = 60 * SECOND_NS
BIG_PRINTS_NS = 300 * SECOND_NS

INTEGERS_OF = {name: place for place, name in enumerate(MarketStats.__struct_fields__[:INTS])}
REALS_OF = {name: place for place, name in enumerate(MarketStats.__struct_fields__[INTS : INTS + FLOATS])}
"""Where the statistics stand; # field of `MarketStats` -> place"""
(
    LAST_TICKS,             # these four are what the rules look at, side by side: `BRIEF`
    POC_SIDE,
    TO_VAH_TICKS,
    TO_VAL_TICKS,
    TO_POC_TICKS,
    IN_VALUE_30MIN_S,
    ABOVE_VALUE_30MIN_S,
    BELOW_VALUE_30MIN_S,
    IN_VALUE_S,
    ABOVE_VALUE_S,
    BELOW_VALUE_S,
    NEAR_POC_30MIN_S,
    SINCE_CROSS_S,
    RANGE_TICKS,
    SINCE_OPEN_MIN,
    TO_CLOSE_MIN,
    TO_FLAT_BY_MIN,
    IS_REGULAR,             # 0 or 1
    ZONE_BAND,              # 0 none, 1 outer, 2 inner
    BIG_PRINTS,             # in the last 5 minutes, of the 10 kept
    BIG_NET_STEPS,          # bought less sold
    BIG_LAST_AGE_S,
    BIG_LAST_TICKS,
    BIG_LAST_STEPS,
    BIG_LAST_SIDE,          # 0 sold, 1 unknown, 2 bought
    IS_APPROXIMATE,         # 0 or 1: part of the session's profile was made of bars
) = range(INTS, INTS + 26)
COUNT = INTS + 26
BRIEF = slice(LAST_TICKS, TO_VAL_TICKS + 1)
OPEN_NS, CLOSE_NS, REGULAR_OPEN_NS, REGULAR_CLOSE_NS, FLAT_BY_NS = range(5)
"""Columns of a session's hours, NULL where it has none."""

_STATS = INTEGERS_OF  # short, for the places below
_LAST, _POC, _VAH, _VAL = (_STATS[f"{name}_ticks"] for name in ("last", "poc", "vah", "val"))
_HIGH, _LOW = _STATS["session_high_ticks"], _STATS["session_low_ticks"]
_SIDE, _SINCE_CROSS = _STATS["poc_side"], _STATS["since_last_cross_ns"]
_IN_VALUE, _IN_VALUE_30MIN, _NEAR = _STATS["in_value_ns"], _STATS["in_value_30min_ns"], _STATS["near_poc_30min_ns"]


def hours_of(session: Session) -> NDArray[np.int64]:
    """Give a session's hours as a row for `measure`."""
    times = (session.open_ns, session.close_ns, session.regular_open_ns, session.regular_close_ns,
             session.flat_by_ns)
    return np.array([NULL if time is None else time for time in times], dtype=np.int64)


@kernel
def _rounded(duration_ns: int, unit_ns: int) -> int:
    return NULL if duration_ns == NULL else (duration_ns + unit_ns // 2) // unit_ns


@kernel
def _minutes_to(then_ns: int, now_ns: int) -> int:
    return NULL if then_ns == NULL else (then_ns - now_ns) // MINUTE_NS


@kernel
def measure(
    s: NDArray[np.int64], trades: NDArray[np.int64], history: NDArray[np.int32], hours: NDArray[np.int64],
    now_ns: int, band: int, integers: NDArray[np.int64], reals: NDArray[np.float64],
) -> None:
    """Write the numbers of a question as of the last trade; there must have been one.

    Parameters
    ----------
    hours
        The session's.
    now_ns
        Runtime clock, for the time left.
    band
        Number of the band price stands in.
    """
    read(s, trades, history, 0, integers, reals)
    last = integers[_LAST]
    integers[LAST_TICKS] = last
    integers[POC_SIDE] = integers[_SIDE]
    integers[TO_POC_TICKS] = last - integers[_POC]
    integers[TO_VAH_TICKS] = last - integers[_VAH]
    integers[TO_VAL_TICKS] = last - integers[_VAL]
    for place in range(3):
        integers[IN_VALUE_S + place] = _rounded(integers[_IN_VALUE + place], SECOND_NS)
        integers[IN_VALUE_30MIN_S + place] = _rounded(integers[_IN_VALUE_30MIN + place], SECOND_NS)
    integers[NEAR_POC_30MIN_S] = _rounded(integers[_NEAR], SECOND_NS)
    integers[SINCE_CROSS_S] = _rounded(integers[_SINCE_CROSS], SECOND_NS)
    integers[RANGE_TICKS] = integers[_HIGH] - integers[_LOW]
    integers[SINCE_OPEN_MIN] = (now_ns - hours[OPEN_NS]) // MINUTE_NS
    integers[TO_CLOSE_MIN] = _minutes_to(hours[CLOSE_NS], now_ns)
    integers[TO_FLAT_BY_MIN] = _minutes_to(hours[FLAT_BY_NS], now_ns)
    integers[IS_REGULAR] = NULL
    if hours[REGULAR_OPEN_NS] != NULL and hours[REGULAR_CLOSE_NS] != NULL:
        integers[IS_REGULAR] = hours[REGULAR_OPEN_NS] <= now_ns < hours[REGULAR_CLOSE_NS]
    integers[ZONE_BAND] = band
    integers[IS_APPROXIMATE] = s[APPROXIMATE]
    _measure_big_prints(s, integers)


@kernel
def _measure_big_prints(s: NDArray[np.int64], integers: NDArray[np.int64]) -> None:
    """Sum the big prints of the last 5 minutes up, and tell the newest one."""
    count = s[BIG_COUNT]
    integers[BIG_PRINTS] = integers[BIG_NET_STEPS] = 0
    integers[BIG_LAST_AGE_S : BIG_LAST_SIDE + 1] = NULL
    ts_ns = integers[0]
    for number in range(count - 1, max(count - BIG_KEPT, 0) - 1, -1):
        at = BIG_AT + number % BIG_KEPT * BIG_WIDTH
        print_ns, price, size, side = s[at], s[at + 1], s[at + 2], s[at + 3]
        if number == count - 1:
            integers[BIG_LAST_AGE_S] = _rounded(ts_ns - print_ns, SECOND_NS)
            integers[BIG_LAST_TICKS] = price
            integers[BIG_LAST_STEPS] = size
            integers[BIG_LAST_SIDE] = side + 1
        if print_ns <= ts_ns - BIG_PRINTS_NS:
            return
        integers[BIG_PRINTS] += 1
        integers[BIG_NET_STEPS] += side * size
