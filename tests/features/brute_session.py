"""One session of the brute-force reading: its trades as lists, and what holds for every prefix."""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numba import njit


@njit
def levels_after_each_trade(prices, sizes):
    """POC, VAH and VAL after each trade, the area taken anew from the POC every time."""
    low, high = prices.min(), prices.max()
    volume = np.zeros(high - low + 3, dtype=np.int64)     # one empty row beyond each end
    levels = np.empty((len(prices), 3), dtype=np.int64)
    poc = prices[0] - low + 1
    session_low = session_high = poc
    total = 0
    for i in range(len(prices)):
        row = prices[i] - low + 1
        volume[row] += sizes[i]
        total += sizes[i]
        session_low, session_high = min(session_low, row), max(session_high, row)
        if volume[row] > volume[poc]:
            poc = row
        top = bottom = poc
        taken = volume[poc]
        while 10 * taken < 7 * total:
            can_rise, can_fall = top < session_high, bottom > session_low
            if can_rise and (not can_fall or volume[top + 1] >= volume[bottom - 1]):
                top += 1
                taken += volume[top]
            else:
                bottom -= 1
                taken += volume[bottom]
        levels[i] = poc + low - 1, top + low - 1, bottom + low - 1
    return levels


@dataclass
class Trades:
    """One session's good trades as plain lists, and the running sums of them."""

    open_ns: int
    close_ns: int
    regular_open_ns: int | None
    date: int
    closed: list[tuple[int, int]]           # breaks and gaps, no two overlapping
    ts: list[int] = field(default_factory=list)
    price: list[int] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    side: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)     # position on the tape


class Session(Trades):
    def prepare(self, band: int) -> None:
        """Sum up what holds for every prefix of the trades."""
        self.levels = levels_after_each_trade(np.array(self.price), np.array(self.size)).tolist()
        self.volume = [0, *accumulate(self.size)]
        sized = list(zip(self.size, self.side, strict=True))
        self.unknown = [0, *accumulate(size if side == 0 else 0 for size, side in sized)]
        self.cvd = [0, *accumulate(size * side for size, side in sized)]
        self.high = list(accumulate(self.price, max))
        self.low = list(accumulate(self.price, min))
        self.weighted = [0, *accumulate(n * p for n, p in zip(self.size, self.price, strict=True))]
        self.squares = [0, *accumulate(n * p * p for n, p in zip(self.size, self.price, strict=True))]
        self.crosses = self.find_crosses(band)
        self.booked = self.book()

    def find_crosses(self, band: int) -> list[int]:
        """Positions of the trades that crossed the POC."""
        crosses, remembered, poc = [], 0, None
        for i, price in enumerate(self.price):
            if self.levels[i][0] != poc:
                poc, remembered = self.levels[i][0], 0
            if abs(price - poc) >= band:
                side = 1 if price > poc else -1
                if remembered == -side:
                    crosses.append(i)
                remembered = side
        return crosses

    def place(self, i: int) -> tuple[int, bool]:
        """Where trade i left the market: in value 0, above 1, below 2; and whether near the POC."""
        poc, vah, val = self.levels[i]
        price = self.price[i]
        return 1 if price > vah else 2 if price < val else 0, abs(price - poc) <= 3

    def open_ns_between(self, start: int, end: int) -> int:
        start, end = max(start, self.open_ns), min(end, self.close_ns)
        total = max(0, end - start)
        for closed_from, closed_to in self.closed:
            total -= max(0, min(end, closed_to) - max(start, closed_from))
        return total

    def book(self) -> list[tuple[int, int, int, int]]:
        """Time in, above, below value and near the POC, from the first trade to each trade."""
        booked = [(0, 0, 0, 0)]
        for i in range(1, len(self.ts)):
            booked.append(self.add_time(booked[-1], i - 1, self.ts[i]))
        return booked

    def add_time(self, booked, i, until):
        """Add the open time from trade i to `until` to where that trade left the market."""
        elapsed = self.open_ns_between(self.ts[i], until)
        state, near = self.place(i)
        times = list(booked)
        times[state] += elapsed
        times[3] += elapsed if near else 0
        return tuple(times)

    def booked_at(self, count: int, until: int):
        """Times booked from the first of `count` trades to `until`."""
        i = bisect_right(self.ts, until, 0, count) - 1
        return (0, 0, 0, 0) if i < 0 else self.add_time(self.booked[i], i, until)


def apart(breaks: list[tuple[int, int]], gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join closed intervals that overlap, so that none is subtracted twice."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted([*breaks, *gaps]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
