"""The arrays of several markets, stacked, so that one jitted loop can hold them all.

All markets share one capacity of rows and of trades; when one needs more, all get more.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.features.layout import (
    BASE_ROW,
    FOOTPRINT_HIGH,
    FOOTPRINT_LOW,
    FOOTPRINT_START_NS,
    FRESH,
    HIGH,
    HISTORY_KINDS,
    HISTORY_SESSIONS,
    LOW,
    NULL,
    ROW_KINDS,
    SESSION_MINUTES,
    STATE_SIZE,
    TRADE_WIDTH,
    TRADES,
)


class MarketArrays:
    """State of `markets` markets: give the loop `.s`, `.rows`, `.trades` anew after each need.

    Parameters
    ----------
    row_capacity
        Price rows held per market, at least 16; grows by doubling.
    trade_capacity
        Trades held per market, a power of two; grows by doubling.

    Attributes
    ----------
    version
        Rises whenever an array was replaced, which makes earlier views stale.
    """

    def __init__(self, markets: int, row_capacity: int = 4096, trade_capacity: int = 16384) -> None:
        if row_capacity < 16 or trade_capacity < 16 or trade_capacity & (trade_capacity - 1):
            raise ValueError(f"capacities must be at least 16, that of trades a power of two: "
                             f"{row_capacity} rows, {trade_capacity} trades")
        self.s: NDArray[np.int64] = np.zeros((markets, STATE_SIZE), dtype=np.int64)
        self.rows: NDArray[np.int64] = np.zeros((markets, ROW_KINDS, row_capacity), dtype=np.int64)
        self.trades: NDArray[np.int64] = np.zeros((markets, trade_capacity, TRADE_WIDTH), dtype=np.int64)
        self.history: NDArray[np.int32] = np.zeros(
            (markets, HISTORY_KINDS, HISTORY_SESSIONS, SESSION_MINUTES), dtype=np.int32
        )
        self.version = 0

    def make_room(self, market: int, price: int) -> None:
        """Move the rows of a market so that `price` lies among them; grow all if they are too few."""
        s = self.s[market]
        low, high = _used_rows(s)
        if s[FOOTPRINT_START_NS] != NULL and max(high, price) - min(low, price) >= self.rows.shape[2] // 2:
            if s[FRESH] != 0:
                # a footprint of the last session, out of reach of the new one
                s[FOOTPRINT_START_NS] = NULL
                self.rows[market] = 0
            low, high = _used_rows(s)
        if high < low:
            low = high = price
        low, high = min(low, price), max(high, price)
        self._grow_rows(high - low + 1)
        rows = self.rows[market]
        base = int(s[BASE_ROW])
        first, stop = max(low - base, 0), min(high - base + 1, rows.shape[1])
        kept = rows[:, first:stop].copy()
        new_base = (low + high) // 2 - rows.shape[1] // 2
        rows[:] = 0
        if stop > first:
            start = first + base - new_base
            rows[:, start : start + stop - first] = kept
        s[BASE_ROW] = new_base

    def _grow_rows(self, wanted: int) -> None:
        capacity = self.rows.shape[2]
        while capacity < 2 * wanted:
            capacity *= 2
        if capacity > self.rows.shape[2]:
            self.fit(capacity, self.trades.shape[1])

    def double_trades(self) -> None:
        """Hold twice as many trades."""
        self.fit(self.rows.shape[2], 2 * self.trades.shape[1])

    def fit(self, row_capacity: int, trade_capacity: int) -> None:
        """Grow to at least these capacities; what is held stays."""
        if row_capacity > self.rows.shape[2]:
            rows = np.zeros((*self.rows.shape[:2], row_capacity), dtype=np.int64)
            rows[:, :, : self.rows.shape[2]] = self.rows
            self.rows = rows
            self.version += 1
        if trade_capacity > self.trades.shape[1]:
            trades = np.zeros((len(self.trades), trade_capacity, TRADE_WIDTH), dtype=np.int64)
            for market, s in enumerate(self.s):
                copy_ring(self.trades[market], trades[market], int(s[TRADES]))
            self.trades = trades
            self.version += 1


def copy_ring(source: NDArray[np.int64], target: NDArray[np.int64], count: int) -> None:
    """Copy the last of `count` trades from one ring into another at least as large."""
    numbers = np.arange(max(0, count - len(source)), count)
    target[numbers & (len(target) - 1)] = source[numbers & (len(source) - 1)]


def _used_rows(s: NDArray[np.int64]) -> tuple[int, int]:
    """Lowest and highest price that the rows hold anything of; low above high when none."""
    low, high = 2**62, -(2**62)
    if s[FRESH] == 0 and s[TRADES] > 0:
        low, high = int(s[LOW]), int(s[HIGH])
    if s[FOOTPRINT_START_NS] != NULL:
        low, high = min(low, int(s[FOOTPRINT_LOW])), max(high, int(s[FOOTPRINT_HIGH]))
    return low, high
