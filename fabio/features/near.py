"""Seconds spent near the POC, for the playbook's chop row."""

import numpy as np
from numpy.typing import NDArray

from fabio.features.compiled import kernel
from fabio.features.layout import FIRST_SECOND, LAST, POC, PRICES_AT, RING_MASK, SECOND, SECOND_NS

WINDOW_S = 1800


@kernel
def seconds_near_poc(s: NDArray[np.int64], now_ns: int, distance_ticks: float) -> int:
    """Count the ended seconds of the last 30 minutes that closed within a distance of today's POC.

    The POC is the present one. Cost: about 1 us.
    """
    last = now_ns // SECOND_NS - 1
    count = 0
    for second in range(max(last - WINDOW_S + 1, s[FIRST_SECOND]), last + 1):
        price = s[LAST] if second >= s[SECOND] else s[PRICES_AT + (second & RING_MASK)]
        if abs(price - s[POC]) <= distance_ticks:
            count += 1
    return count
