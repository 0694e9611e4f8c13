"""POC crosses: price passing the POC by at least the instrument's band.

A cross is counted at a trade that is beyond the POC on the side opposite to the remembered
one, the last side on which a trade was beyond it. When the POC moves it moves to the row
just traded; the remembered side is then forgotten.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.inlined import inlined
from fabio.features.layout import BAND, BEYOND, CROSSES, LAST_CROSS_NS, POC


@inlined
def count_cross(s: NDArray[np.int64], ts_ns: int, price: int, poc_moved: bool) -> bool:
    """Take one trade, already in the profile; tell whether it crossed the POC."""
    if poc_moved:
        s[BEYOND] = 0
        return False
    distance = price - s[POC]
    if abs(distance) < s[BAND]:
        return False
    side = 1 if distance > 0 else -1
    crossed = s[BEYOND] == -side
    s[BEYOND] = side
    if crossed:
        s[CROSSES] += 1
        s[LAST_CROSS_NS] = ts_ns
    return bool(crossed)
