"""What price did: one-minute bars and each session's volume profile, made from the tape."""

from bisect import bisect_left
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.journal.tape import TapeDamaged, TapeReader
from fabio.model.instrument import Instrument
from fabio.model.session import NoSession, SessionTable

NS_PER_MINUTE = 60_000_000_000
MOST_BARS = 2_000
PROFILE_ROWS = 48

_Column = NDArray[np.int64]


class SessionShape(msgspec.Struct, frozen=True):
    """One session's part of the picture; prices in USD, `rows` as (lowest price, highest price, volume)."""

    date: str
    first_ns: int
    last_ns: int
    poc: float
    vah: float
    val: float
    volume: float
    rows: list[tuple[float, float, float]]


class MarketPath(msgspec.Struct, frozen=True):
    """Bars of `minutes` minutes, as columns, and the sessions they lie in; `problem` says what is missing."""

    symbol: str
    minutes: int
    ts_ns: list[int]
    high: list[float]
    low: list[float]
    close: list[float]
    sessions: list[SessionShape]
    problem: str = ""


class _Fold:
    """Ticks in, minute bars and volumes by price out."""

    def __init__(self, table: SessionTable, bars_from_ns: int) -> None:
        self._table = table
        self._bars_from_ns = bars_from_ns
        self._bars: list[list[int]] = []  # minute, high, low, close
        self._volumes: dict[int, dict[int, int]] = {}  # session -> price -> volume
        self._spans: dict[int, tuple[int, int]] = {}

    def take(self, ts_ns: _Column, price: _Column, size: _Column) -> None:
        ts_ns = np.maximum.accumulate(ts_ns)
        minute = ts_ns // NS_PER_MINUTE
        first = np.flatnonzero(np.diff(minute, prepend=minute[0] - 1))
        last = np.append(first[1:], len(minute)) - 1
        highs, lows = np.maximum.reduceat(price, first), np.minimum.reduceat(price, first)
        for at, high, low, close in zip(minute[first], highs, lows, price[last], strict=True):
            self._add_bar(int(at), int(high), int(low), int(close))
        session = np.searchsorted(self._table.closes_ns, ts_ns, side="right")
        for index in np.unique(session):
            chosen = session == index
            prices, place = np.unique(price[chosen], return_inverse=True)
            sums = np.bincount(place, weights=size[chosen])
            volumes = self._volumes.setdefault(int(index), {})
            for at, volume in zip(prices, sums, strict=True):
                volumes[int(at)] = volumes.get(int(at), 0) + int(volume)
            times = ts_ns[chosen]
            began = self._spans.get(int(index), (int(times[0]), 0))[0]
            self._spans[int(index)] = (began, int(times[-1]))

    def _add_bar(self, minute: int, high: int, low: int, close: int) -> None:
        if minute * NS_PER_MINUTE < self._bars_from_ns:
            return
        if self._bars and self._bars[-1][0] >= minute:
            bar = self._bars[-1]
            bar[1], bar[2], bar[3] = max(bar[1], high), min(bar[2], low), close
        else:
            self._bars.append([minute, high, low, close])

    def path(self, instrument: Instrument, problem: str) -> MarketPath:
        bars, minutes = _thinned(self._bars)
        tick, step = float(instrument.tick_size), float(instrument.size_step)
        sessions = []
        for index, volumes in sorted(self._volumes.items()):
            began, ended = self._spans[index]
            if ended < self._bars_from_ns or index >= len(self._table.dates):
                continue
            poc, vah, val = value_area(volumes)
            sessions.append(SessionShape(
                self._table.session(index).date, max(began, self._bars_from_ns), ended,
                _price(poc, tick), _price(vah, tick), _price(val, tick), sum(volumes.values()) * step,
                _rows(volumes, tick, step),
            ))
        return MarketPath(
            instrument.symbol, minutes, [bar[0] * NS_PER_MINUTE for bar in bars],
            [_price(bar[1], tick) for bar in bars], [_price(bar[2], tick) for bar in bars],
            [_price(bar[3], tick) for bar in bars], sessions, problem,
        )


def _price(ticks: float, tick: float) -> float:
    return round(ticks * tick, 10)


def _thinned(bars: list[list[int]]) -> tuple[list[list[int]], int]:
    """Join neighbouring minutes until there are few enough."""
    minutes = next(each for each in (1, 2, 5, 10, 15, 30, 60, 240, 1440, 10_080) if len(bars) <= each * MOST_BARS
                   or each == 10_080)
    joined: list[list[int]] = []
    for minute, high, low, close in bars:
        start = minute - minute % minutes
        if joined and joined[-1][0] == start:
            bar = joined[-1]
            bar[1], bar[2], bar[3] = max(bar[1], high), min(bar[2], low), close
        else:
            joined.append([start, high, low, close])
    return joined, minutes


def value_area(volumes: dict[int, int]) -> tuple[int, int, int]:
    """Give POC, VAH and VAL of volumes by price in ticks, by the rule of `docs/features.md`.

    Two rows of equal volume: the lower one is the POC here, because nobody remembers which came first.

    >>> value_area({10: 5, 11: 9, 12: 6, 14: 1})
    (11, 12, 11)
    """
    poc = max(sorted(volumes), key=lambda price: volumes[price])
    high, low = max(volumes), min(volumes)
    top = bottom = poc
    taken, wanted = volumes[poc], 7 * sum(volumes.values())
    while 10 * taken < wanted:
        upper = volumes.get(top + 1, 0) if top < high else -1
        lower = volumes.get(bottom - 1, 0) if bottom > low else -1
        if upper >= lower:
            top += 1
            taken += upper
        else:
            bottom -= 1
            taken += lower
    return poc, top, bottom


def _rows(volumes: dict[int, int], tick: float, step: float) -> list[tuple[float, float, float]]:
    low, high = min(volumes), max(volumes)
    height = max(1, -(-(high - low + 1) // PROFILE_ROWS))
    sums: dict[int, int] = {}
    for price, volume in volumes.items():
        row = (price - low) // height
        sums[row] = sums.get(row, 0) + volume
    return [
        (_price(low + row * height, tick), _price(low + (row + 1) * height, tick), volume * step)
        for row, volume in sorted(sums.items())
    ]


def read_market(folder: Path, market: int, instrument: Instrument, table: SessionTable, since_ns: int) -> MarketPath:
    """Make bars since a time, and the profile of each session that reaches into it.

    A tape that is missing or damaged is no failure: `problem` says so, and what stands before the damage counts.
    """
    fold, problem = _Fold(table, since_ns), ""
    try:
        reader = TapeReader(folder)
        if reader.total == reader.first_pos:
            return fold.path(instrument, "no tick is recorded, so there is no price to draw")
        units = reader.markets[market] if market < len(reader.markets) else None
        if units is None or units.tick_size != str(instrument.tick_size):
            return fold.path(instrument, f"the tape does not count {instrument.symbol} in ticks of "
                                         f"{instrument.tick_size}: its prices cannot be drawn")
        for ticks in reader.read(_first_position(reader, _session_open(table, since_ns))):
            mine = ticks.market == market
            if mine.any():
                fold.take(ticks.ts_event_ns[mine], ticks.price_ticks[mine], ticks.size_steps[mine])
    except TapeDamaged as damage:
        problem = f"the tape is damaged, and price is drawn up to there: {damage}"
    return fold.path(instrument, problem)


def _session_open(table: SessionTable, ts_ns: int) -> int:
    try:
        return min(ts_ns, table.session(table.index_at(ts_ns)).open_ns)
    except NoSession:
        return ts_ns


def _first_position(reader: TapeReader, ts_ns: int) -> int:
    positions = range(reader.first_pos, reader.total)

    def time_of(position: int) -> int:
        return int(next(reader.read(position, position + 1, 1)).ts_event_ns[0])

    return reader.first_pos + bisect_left(positions, ts_ns, key=time_of)
