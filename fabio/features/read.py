"""All statistics as of one moment, in the field order of `MarketStats`.

Reading writes nothing to the state, so it may happen at any time at or after the latest
trade. Cost: about 2 us.
"""

import math

import numpy as np
from numpy.typing import NDArray

from fabio.features.bars import mean_bar_range
from fabio.features.cvd import slope_of_cvd
from fabio.features.history import OPENING_NS, range_percentile
from fabio.features.inlined import piece
from fabio.features.layout import (
    CROSSES,
    CVD,
    HIGH,
    LAST,
    LAST_CROSS_NS,
    LATEST_NS,
    LOW,
    MINUTE_NS,
    NULL,
    OPENING_HIGH,
    OPENING_LOW,
    POC,
    PREV_HIGH,
    REFERENCE,
    REGULAR_OPEN_NS,
    REJECTED_AHEAD,
    REJECTED_SIZE,
    SECOND,
    SECOND_HIGH,
    SECOND_LOW,
    SECOND_NS,
    SESSION_DATE,
    TRADES,
    UNKNOWN,
    VAH,
    VAL,
    VOLUME,
    WEIGHTED,
    WEIGHTED_SQUARES,
)
from fabio.features.orderflow import absorption, exhaustion
from fabio.features.seconds import booked_until, crosses_until, extremes, flow_until
from fabio.features.volatility import realized_vol

INTS, NULLABLE_FROM, FLOATS = 37, 26, 14
"""How many integers a reading has, where the nullable ones begin, and how many floats."""


@piece
def read(
    s: NDArray[np.int64], trades: NDArray[np.int64], history: NDArray[np.int32], now_ns: int,
    ints: NDArray[np.int64], floats: NDArray[np.float64],
) -> None:
    """Write the statistics as of `now_ns` (the latest trade's time, if that is later).

    A null integer is `NULL`, a null float NaN. There must have been a trade.
    """
    now_ns = max(now_ns, s[LATEST_NS])
    minute_ago = now_ns - MINUTE_NS
    before = flow_until(s, trades, minute_ago)
    flow = (s[TRADES] - before[0], s[VOLUME] - before[1], s[UNKNOWN] - before[2], s[CVD] - before[3])
    _read_levels(s, now_ns, ints)
    _read_crosses(s, trades, now_ns, ints)
    _read_times(s, trades, now_ns, ints)
    ints[22] = s[TRADES]
    ints[23] = flow[1]
    ints[24] = flow[0]
    ints[25] = np.sum(s[REJECTED_SIZE : REJECTED_AHEAD + 1])
    ints[26] = NULL if 2 * s[UNKNOWN] > s[VOLUME] else s[CVD]
    ints[36] = NULL if 2 * flow[2] > flow[1] else flow[3]
    _read_opening_range(s, now_ns, ints)
    for i in range(6):
        ints[30 + i] = s[PREV_HIGH + i]

    floats[0] = range_percentile(s, history, now_ns)
    floats[1], floats[3] = slope_of_cvd(s, now_ns, 300)
    floats[2], floats[4] = slope_of_cvd(s, now_ns, 900)
    floats[5] = realized_vol(s, now_ns)
    floats[6] = mean_bar_range(s, now_ns, 5 * MINUTE_NS)
    floats[7] = mean_bar_range(s, now_ns, 15 * MINUTE_NS)
    floats[8], floats[9] = _vwap(s)
    extreme = extremes(s, trades, minute_ago, now_ns)
    floats[10], floats[11] = absorption(s, trades, flow, extreme, floats[6])
    floats[12], floats[13] = exhaustion(s, trades, now_ns, extreme)


@piece
def _read_levels(s: NDArray[np.int64], now_ns: int, ints: NDArray[np.int64]) -> None:
    ints[0] = now_ns
    ints[1] = s[SESSION_DATE]
    ints[2] = s[LAST]
    ints[3] = s[LATEST_NS]
    ints[4] = s[POC]
    ints[5] = s[VAH]
    ints[6] = s[VAL]
    ints[7] = s[VOLUME]
    ints[14] = s[HIGH]
    ints[15] = s[LOW]


@piece
def _read_crosses(
    s: NDArray[np.int64], trades: NDArray[np.int64], now_ns: int, ints: NDArray[np.int64],
) -> None:
    total = s[CROSSES]
    ints[8] = ints[9] = ints[10] = 0
    ints[11] = total
    ints[12] = (s[LAST] > s[POC]) - (s[LAST] < s[POC])
    if total == 0:
        ints[27] = NULL
        return
    since = now_ns - s[LAST_CROSS_NS]
    ints[27] = since
    if since < 5 * MINUTE_NS:
        ints[8] = total - crosses_until(s, trades, now_ns - 5 * MINUTE_NS)
    if since < 15 * MINUTE_NS:
        ints[9] = total - crosses_until(s, trades, now_ns - 15 * MINUTE_NS)
    if since < 30 * MINUTE_NS:
        ints[10] = total - crosses_until(s, trades, now_ns - 30 * MINUTE_NS)


@piece
def _read_times(
    s: NDArray[np.int64], trades: NDArray[np.int64], now_ns: int, ints: NDArray[np.int64],
) -> None:
    now = booked_until(s, trades, now_ns)
    then = booked_until(s, trades, now_ns - 30 * MINUTE_NS)
    ints[13] = now[3] - then[3]
    for i in range(3):
        ints[16 + i] = now[i]
        ints[19 + i] = now[i] - then[i]


@piece
def _read_opening_range(s: NDArray[np.int64], now_ns: int, ints: NDArray[np.int64]) -> None:
    ints[28] = ints[29] = NULL
    start_ns = s[REGULAR_OPEN_NS]
    if start_ns == NULL or now_ns < start_ns + OPENING_NS:
        return
    ints[28], ints[29] = s[OPENING_HIGH], s[OPENING_LOW]
    if start_ns <= s[SECOND] * SECOND_NS < start_ns + OPENING_NS:
        # the second of the last trade has not ended for the state
        ints[28] = max(ints[28], s[SECOND_HIGH])
        ints[29] = s[SECOND_LOW] if ints[29] == NULL else min(ints[29], s[SECOND_LOW])


@piece
def _vwap(s: NDArray[np.int64]) -> tuple[float, float]:
    """VWAP and its volume-weighted standard deviation, in ticks.

    The sums are moved to the whole tick below the mean, in integers, before floats are made.
    """
    volume = s[VOLUME]
    whole = s[WEIGHTED] // volume
    rest = s[WEIGHTED] - whole * volume
    squares = s[WEIGHTED_SQUARES] - 2 * whole * s[WEIGHTED] + whole * whole * volume
    part = rest / volume
    variance = squares / volume - part * part
    return s[REFERENCE] + whole + part, math.sqrt(max(variance, 0.0))
