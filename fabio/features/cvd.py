"""Slopes of the CVD: least squares over its samples at the ends of seconds.

Running sums of the samples, and of the samples times their index, make a window's sums a
difference of two records, exact in integers; silent seconds after the last trade carry its
value and are added in closed form. Cost: about 30 ns a slope when read.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.inlined import piece
from fabio.features.layout import (
    CVD,
    FIRST_SECOND,
    R_CVD,
    R_SUM_CVD,
    R_SUM_INDEX_CVD,
    R_UNKNOWN,
    R_VOLUME,
    SECOND,
    SECOND_NS,
    SUM_CVD,
    SUM_INDEX_CVD,
    UNKNOWN,
    VOLUME,
)
from fabio.features.seconds import record_at


@piece
def sampled_seconds(s: NDArray[np.int64], now_ns: int, window: int) -> int:
    """How many seconds of a window of `window` seconds have ended since the session's first."""
    return int(min(window, now_ns // SECOND_NS - s[FIRST_SECOND]))


@piece
def _sums_at(s: NDArray[np.int64], second: int) -> tuple[int, int, int, int, int]:
    """CVD, its sum, its sum times index, volume and unknown volume at the end of `second`."""
    if second < s[FIRST_SECOND]:
        return 0, 0, 0, 0, 0
    if second < s[SECOND]:
        at = record_at(second)
        return s[at + R_CVD], s[at + R_SUM_CVD], s[at + R_SUM_INDEX_CVD], s[at + R_VOLUME], s[at + R_UNKNOWN]
    carried = second - s[SECOND] + 1
    index = s[SECOND] - s[FIRST_SECOND]
    cvd = s[CVD]
    return (
        cvd,
        s[SUM_CVD] + carried * cvd,
        s[SUM_INDEX_CVD] + cvd * (carried * index + carried * (carried - 1) // 2),
        s[VOLUME],
        s[UNKNOWN],
    )


@piece
def slope_of_cvd(s: NDArray[np.int64], now_ns: int, window: int) -> tuple[float, float]:
    """Slope of the CVD over a window of seconds, and the same over the mean volume per second.

    In steps per second, and as a share; NaN for both below half a window of samples or while
    more than half of the volume is of unknown side, for the share also without volume.
    """
    n = sampled_seconds(s, now_ns, window)
    if 2 * n < window:
        return np.nan, np.nan
    last = now_ns // SECOND_NS - 1
    _, end_sum, end_indexed, end_volume, end_unknown = _sums_at(s, last)
    _, start_sum, start_indexed, start_volume, start_unknown = _sums_at(s, last - n)
    volume = end_volume - start_volume
    if 2 * (end_unknown - start_unknown) > volume:
        return np.nan, np.nan
    # samples are taken relative to the first and indexed from it, which keeps the products small
    first_cvd = _sums_at(s, last - n + 1)[0]
    total = end_sum - start_sum
    indexed = end_indexed - start_indexed - (last - n + 1 - s[FIRST_SECOND]) * total
    index_sum = n * (n - 1) // 2
    total -= n * first_cvd
    indexed -= index_sum * first_cvd
    square_sum = index_sum * (2 * n - 1) // 3
    slope = (n * indexed - index_sum * total) / (n * square_sum - index_sum * index_sum)
    if volume == 0:
        return slope, np.nan
    return slope, slope / (volume / n)
