"""Reel: the ticks that are still to come, and those that came, for history."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.gateway.agenda import NEVER_NS
from fabio.model.tick import Ticks

_ROWS = 4_096

Row = tuple[int, int, int, int, int, int]
"""ts_event_ns, ts_recv_ns, price_ticks, size_steps, side, market"""


class Reel:
    """A tape that is wound on; what is supplied comes after what was supplied before.

    Attributes
    ----------
    past
        Everything that was taken, in parts, oldest first.
    """

    def __init__(self) -> None:
        self.past: list[Ticks] = []
        self._parts: deque[Ticks] = deque()
        self._place = 0  # row of the first part
        self._rows: list[Row] = []  # the next ones as numbers, the last of them comes first

    def supply(self, ticks: Ticks) -> None:
        """Add what comes later."""
        if len(ticks):
            self._parts.append(ticks)

    @property
    def waiting(self) -> int:
        """Ticks that are still to come."""
        return sum(map(len, self._parts)) - self._place

    @property
    def next_ns(self) -> int:
        """When the next tick comes; `NEVER_NS` without one."""
        if self._rows:
            return self._rows[-1][1]
        return int(self._parts[0].ts_recv_ns[self._place]) if self._parts else NEVER_NS

    def take(self) -> Row:
        """Take the next tick."""
        if not self._rows:
            self._unroll()
        row = self._rows.pop()
        self._wind_on(1)
        return row

    def take_until(self, stop_ns: int) -> list[Ticks]:
        """Take all ticks that come at or before a time, as columns."""
        taken: list[Ticks] = []
        while self.next_ns <= stop_ns:
            part = self._parts[0]
            stop = int(part.ts_recv_ns.searchsorted(stop_ns, side="right"))
            taken.append(part.slice(self._place, stop))
            self._rows.clear()
            self._wind_on(stop - self._place)
        return taken

    def _unroll(self) -> None:
        part, first = self._parts[0], self._place
        some = part.slice(first, min(first + _ROWS, len(part)))
        columns: tuple[NDArray[np.int64] | NDArray[np.int8], ...] = (
            some.ts_event_ns, some.ts_recv_ns, some.price_ticks, some.size_steps, some.side, some.market)
        self._rows = list(zip(*(column[::-1].tolist() for column in columns), strict=True))

    def _wind_on(self, rows: int) -> None:
        self._place += rows
        if self._place >= len(self._parts[0]):
            self.past.append(self._parts.popleft())
            self._place = 0

    def past_and_present(self) -> list[Ticks]:
        """Give everything that was taken so far, in parts."""
        return [*self.past, self._parts[0].slice(0, self._place)] if self._parts else list(self.past)
