"""Walk a slice of ticks to the next one that matters to a working order."""

import numpy as np
from numpy.typing import NDArray

from fabio.features.compiled import kernel

NO_LOW = -(1 << 62)
NO_HIGH = 1 << 62
NO_PRICE = -(1 << 63)
"""Stands for "this market has not traded" in a column of last prices."""


@kernel
def next_that_matters(ts_recv_ns: NDArray[np.int64], price_ticks: NDArray[np.int64], market: NDArray[np.int8],
                      start: int, end: int, due_ns: int, watch: NDArray[np.int64]) -> int:
    """Give the first tick in `[start, end)` that is due or touches a working price, else `end`.

    `watch` has a row per market: last price, nearest working price below, above. Last
    prices are kept up to the tick before the one returned. Cost: about 1 ns a tick.
    """
    for index in range(start, end):
        if ts_recv_ns[index] >= due_ns:
            return index
        row = market[index]
        price = price_ticks[index]
        if price <= watch[row, 1] or price >= watch[row, 2]:
            return index
        watch[row, 0] = price
    return end


@kernel
def note_last(price_ticks: NDArray[np.int64], market: NDArray[np.int8], start: int, end: int,
              watch: NDArray[np.int64]) -> None:
    """Set every market's last price from the ticks `[start, end)`, in which nothing works.

    Walks backwards until every market was seen, so a slice's length does not matter
    while all markets trade.
    """
    markets = watch.shape[0]
    missing = (1 << markets) - 1
    for index in range(end - 1, start - 1, -1):
        bit = 1 << market[index]
        if missing & bit:
            watch[market[index], 0] = price_ticks[index]
            missing &= ~bit
            if missing == 0:
                return
