"""Ticks: public prints, one by one or as columns.

The columns are what travels: from a tape or a socket into the machine, in
batches of one to millions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

BUY, SELL, UNKNOWN_SIDE = 1, -1, 0
SIDE_LETTERS = {BUY: "B", SELL: "A", UNKNOWN_SIDE: "N"}
"""Aggressor as Databento writes it: B lifted the ask, A hit the bid, N unknown."""


class Tick(msgspec.Struct, frozen=True):
    """One public print; `side` is the aggressor (BUY, SELL or UNKNOWN_SIDE)."""

    ts_event_ns: int
    ts_recv_ns: int
    price_ticks: int
    size_steps: int
    side: int
    market: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """Prints as columns of one length, in tape order.

    Parameters
    ----------
    ts_event_ns
        Exchange time, int64 ns UTC: what statistics use.
    ts_recv_ns
        Runtime clock, int64 ns UTC: what ages and cadence use. Never falls.
    price_ticks, size_steps
        int64.
    side
        int8: BUY, SELL or UNKNOWN_SIDE.
    market
        int8: the row of the instrument in the engine's list; all 0 for one instrument.
    """

    ts_event_ns: NDArray[np.int64]
    ts_recv_ns: NDArray[np.int64]
    price_ticks: NDArray[np.int64]
    size_steps: NDArray[np.int64]
    side: NDArray[np.int8]
    market: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ts_event_ns)

    def slice(self, start: int, stop: int) -> "Ticks":
        """Give rows `[start, stop)` as views, without copying."""
        return Ticks(
            self.ts_event_ns[start:stop], self.ts_recv_ns[start:stop], self.price_ticks[start:stop],
            self.size_steps[start:stop], self.side[start:stop], self.market[start:stop],
        )

    def row(self, index: int) -> Tick:
        """Give one row as a value."""
        return Tick(
            int(self.ts_event_ns[index]), int(self.ts_recv_ns[index]), int(self.price_ticks[index]),
            int(self.size_steps[index]), int(self.side[index]), int(self.market[index]),
        )

    @classmethod
    def of(cls, rows: Sequence[Tick]) -> "Ticks":
        """Build columns from values."""
        return cls(
            np.array([row.ts_event_ns for row in rows], dtype=np.int64),
            np.array([row.ts_recv_ns for row in rows], dtype=np.int64),
            np.array([row.price_ticks for row in rows], dtype=np.int64),
            np.array([row.size_steps for row in rows], dtype=np.int64),
            np.array([row.side for row in rows], dtype=np.int8),
            np.array([row.market for row in rows], dtype=np.int8),
        )

    @classmethod
    def joined(cls, parts: Sequence["Ticks"]) -> "Ticks":
        """Put parts one behind the other; one alone is given as it is."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.ts_event_ns for part in parts]),
            np.concatenate([part.ts_recv_ns for part in parts]),
            np.concatenate([part.price_ticks for part in parts]),
            np.concatenate([part.size_steps for part in parts]),
            np.concatenate([part.side for part in parts]),
            np.concatenate([part.market for part in parts]),
        )

    @classmethod
    def merge(cls, parts: Sequence["Ticks"]) -> "Ticks":
        """Merge several instruments' ticks by `ts_recv_ns`; equal times keep the order given.

        The market column is set to each part's place in `parts`.
        """
        if len(parts) == 1:
            return parts[0]
        markets = [np.full(len(part), place, dtype=np.int8) for place, part in enumerate(parts)]
        ts_recv_ns = np.concatenate([part.ts_recv_ns for part in parts])
        order = np.argsort(ts_recv_ns, kind="stable")
        return cls(
            np.concatenate([part.ts_event_ns for part in parts])[order],
            ts_recv_ns[order],
            np.concatenate([part.price_ticks for part in parts])[order],
            np.concatenate([part.size_steps for part in parts])[order],
            np.concatenate([part.side for part in parts])[order],
            np.concatenate(markets)[order],
        )
