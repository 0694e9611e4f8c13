"""Loop: the arrays of all markets side by side, and the jitted loop over them.

One row a market: the statistics come stacked, the shadow books are stacked here, and anew
when one of them grew.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.engine.advance import (
    ASK_DUE_NS,
    ASKING,
    BAND_HIGH,
    BAND_LOW,
    CONTROL_SIZE,
    INTERVAL_AT,
    LAST_ASK_NS,
    MAX_ZONES,
    WANTED,
    WATCH_DOWN,
    WATCH_UP,
    advance,
)
from fabio.engine.seams import MarketConfig
from fabio.exchange.assumptions import Assumptions
from fabio.exchange.shadow import ShadowBook, ShadowSnapshot
from fabio.features.arrays import MarketArrays
from fabio.features.market import MarketFeatures
from fabio.model.tick import Ticks
from fabio.regime.cadence import CadenceSettings, intervals_ns

TRADES_AT_FIRST = 1 << 17
"""Trades held per market, 16 bytes each: half an hour of a very busy day, so that they seldom have to grow."""
FAR = 1 << 62
LONG_AGO_NS = -(1 << 62)


class Loop:
    """Arrays of the statistics, the shadow books and the control words of every market."""

    def __init__(
        self, markets: Sequence[MarketConfig], assumptions: Assumptions, cadence: CadenceSettings,
        wanted: int,
    ) -> None:
        self._arrays = MarketArrays(len(markets), trade_capacity=TRADES_AT_FIRST)
        self.features = [
            MarketFeatures(market.instrument, market.table, self._arrays, place)
            for place, market in enumerate(markets)
        ]
        self.shadows = [ShadowBook(market.instrument, assumptions) for market in markets]
        self.control = np.zeros((len(markets), CONTROL_SIZE), dtype=np.int64)
        self.zones = np.zeros((len(markets), MAX_ZONES, 3), dtype=np.int64)
        for row in self.control:
            row[WANTED] = wanted
            row[WATCH_UP], row[WATCH_DOWN] = FAR, -FAR
            row[BAND_LOW], row[BAND_HIGH] = -FAR, FAR
            row[LAST_ASK_NS] = row[ASK_DUE_NS] = LONG_AGO_NS
            row[ASKING] = 1
        self.pace(cadence)
        self.stack_shadows()

    def pace(self, cadence: CadenceSettings) -> None:
        """Ask in these intervals from the next question on."""
        self.control[:, INTERVAL_AT : INTERVAL_AT + 3] = intervals_ns(cadence)

    def stack_shadows(self) -> None:
        """Put the shadow books side by side, as wide as the widest, and hand out views."""
        width = max(book.slots.shape[1] for book in self.shadows)
        for book in self.shadows:
            book.reserve(width)
        self._book = np.stack([book.b for book in self.shadows])
        self._slots = np.stack([book.slots for book in self.shadows])
        for place, book in enumerate(self.shadows):
            book.b, book.slots = self._book[place], self._slots[place]

    def stack_shadows_if_grown(self, market: int) -> None:
        """Stack anew where a book has replaced its slots by more."""
        if self.shadows[market].slots.shape != self._slots.shape[1:]:
            self.stack_shadows()

    def advance(self, ticks: Ticks, start: int, until_ns: int) -> tuple[int, int, int]:
        """Consume ticks up to the first wake; give the place after it, why, and whose it is."""
        arrays = self._arrays
        while True:
            start, why, market = advance(
                arrays.s, arrays.rows, arrays.trades, self.control, self.zones, self._book, self._slots,
                ticks.ts_event_ns, ticks.ts_recv_ns, ticks.price_ticks, ticks.size_steps, ticks.side,
                ticks.market, start, until_ns,
            )
            if why >= 0:
                return start, why, market
            tick = ticks.row(start)
            self.features[market].supply(why, tick.ts_event_ns, tick.price_ticks)
            for features in self.features:
                features.view_again()

    def snapshot(self) -> "LoopSnapshot":
        """Give all arrays as plain data."""
        return LoopSnapshot(
            control=ArrayCopy.of(self.control),
            zones=ArrayCopy.of(self.zones),
            features=[
                {name: ArrayCopy.of(array) for name, array in features.snapshot().items()}
                for features in self.features
            ],
            shadows=[book.snapshot() for book in self.shadows],
        )

    def restore(self, snapshot: "LoopSnapshot") -> None:
        """Become what the snapshot was taken of."""
        self.control[:] = snapshot.control.array()
        self.zones[:] = snapshot.zones.array()
        for features, kept in zip(self.features, snapshot.features, strict=True):
            features.restore({name: copy.array() for name, copy in kept.items()})
        for features in self.features:
            features.view_again()
        for book, shadows in zip(self.shadows, snapshot.shadows, strict=True):
            book.restore(shadows)
        self.stack_shadows()


class ArrayCopy(msgspec.Struct, frozen=True):
    """An array as plain data."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: NDArray[Any]) -> "ArrayCopy":
        """Copy an array."""
        return cls(array.dtype.str, array.shape, array.tobytes())

    def array(self) -> NDArray[Any]:
        """Give the array back."""
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


class LoopSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The loop's arrays as plain data."""

    control: ArrayCopy
    zones: ArrayCopy
    features: list[dict[str, ArrayCopy]]
    shadows: list[ShadowSnapshot]
