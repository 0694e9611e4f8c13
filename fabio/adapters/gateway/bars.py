"""History bars, made from ticks on demand: newest first, cut at whole units since 1970, UTC."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.adapters.gateway.messages import Refusal, plain
from fabio.adapters.topstepx.enums import BarsError, BarUnit
from fabio.adapters.topstepx.stamps import SECOND_NS
from fabio.model.instrument import Instrument
from fabio.model.tick import Ticks

MOST_BARS = 20_000
_UNIT_S = {BarUnit.SECOND: 1, BarUnit.MINUTE: 60, BarUnit.HOUR: 3_600, BarUnit.DAY: 86_400, BarUnit.WEEK: 604_800}
_MONDAY_S = 4 * 86_400  # the first Monday after 1970-01-01


class BarsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; times in ns UTC."""

    start_ns: int
    end_ns: int
    unit: int
    unit_number: int
    limit: int
    include_partial: bool


class BarRow(msgspec.Struct, frozen=True):
    """A bar as the wire has it; `d` and `k` came up in 2026 and are null."""

    t: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741  the wire's name
    c: Decimal
    v: int
    d: None = None
    k: None = None


class History:
    """Ticks behind the bars of one market.

    Parameters
    ----------
    instrument
        Gives ticks their prices.
    live
        Gives the ticks of today that have come so far.
    stamp
        Writes the start of a bar.
    """

    def __init__(self, instrument: Instrument, live: Callable[[], Sequence[Ticks]],
                 stamp: Callable[[int], str]) -> None:
        self._instrument = instrument
        self._live = live
        self._stamp = stamp
        self._earlier: list[Ticks] = []

    def supply(self, ticks: Ticks) -> None:
        """Add an earlier session; they have to come in order."""
        self._earlier.append(ticks)

    def bars(self, query: BarsQuery, now_ns: int) -> list[BarRow] | Refusal:
        """Make the newest bars of a span, at most `limit`, newest first."""
        if query.unit not in set(BarUnit):
            return Refusal(BarsError.UNIT_INVALID)
        if query.unit_number < 1:
            return Refusal(BarsError.UNIT_NUMBER_INVALID)
        if not 1 <= query.limit <= MOST_BARS:
            return Refusal(BarsError.LIMIT_INVALID)
        rows: list[BarRow] = []
        for ticks in reversed([*self._earlier, *self._live()]):
            rows += self._made(ticks, query, now_ns)
            if len(rows) > query.limit:
                break
        return _merged(rows)[: query.limit]

    def _made(self, ticks: Ticks, query: BarsQuery, now_ns: int) -> list[BarRow]:
        """Make the bars of one part that begin in the span; the outer ones may go on in its neighbours."""
        first = int(ticks.ts_recv_ns.searchsorted(query.start_ns))
        ticks = ticks.slice(first, int(ticks.ts_recv_ns.searchsorted(now_ns, side="right")))
        starts_ns = _starts_ns(np.maximum.accumulate(ticks.ts_event_ns), query)
        places = np.flatnonzero(np.diff(starts_ns, prepend=-1))  # where each bar's first tick stands
        begins = starts_ns[places]
        ends = np.append(places[1:], len(starts_ns))
        wanted = (begins >= query.start_ns) & (begins < query.end_ns)
        if not query.include_partial and len(begins) and _end_ns(int(begins[-1]), query) > now_ns:
            wanted[-1] = False
        if not wanted.any():
            return []
        prices, sizes = ticks.price_ticks, ticks.size_steps
        columns = (
            begins, prices[places], np.maximum.reduceat(prices, places), np.minimum.reduceat(prices, places),
            prices[ends - 1], np.add.reduceat(sizes, places),
        )
        newest = [column[wanted][: -query.limit - 2 : -1].tolist() for column in columns]
        price, stamp = self._price, self._stamp
        return [
            BarRow(stamp(start_ns), price(first), price(high), price(low), price(close), volume)
            for start_ns, first, high, low, close, volume in zip(*newest, strict=True)
        ]

    def _price(self, ticks: int) -> Decimal:
        return plain(self._instrument.price(ticks))


def _merged(rows: list[BarRow]) -> list[BarRow]:
    """Join the two halves of a bar that lies in two parts; newest first."""
    merged: list[BarRow] = []
    for row in rows:
        if merged and merged[-1].t == row.t:
            later = merged[-1]
            merged[-1] = BarRow(row.t, row.o, max(row.h, later.h), min(row.l, later.l), later.c, row.v + later.v)
        else:
            merged.append(row)
    return merged


def _starts_ns(times_ns: NDArray[np.int64], query: BarsQuery) -> NDArray[np.int64]:
    if query.unit == BarUnit.MONTH:
        months = times_ns.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        months -= months % query.unit_number
        return months.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
    length_ns, origin_ns = _grid(query)
    return times_ns - (times_ns - origin_ns) % length_ns


def _end_ns(start_ns: int, query: BarsQuery) -> int:
    if query.unit != BarUnit.MONTH:
        return start_ns + _grid(query)[0]
    start = dt.datetime.fromtimestamp(start_ns // SECOND_NS, dt.UTC)
    months = start.year * 12 + start.month - 1 + query.unit_number
    return int(dt.datetime(months // 12, months % 12 + 1, 1, tzinfo=dt.UTC).timestamp()) * SECOND_NS


def _grid(query: BarsQuery) -> tuple[int, int]:
    unit = BarUnit(query.unit)
    return _UNIT_S[unit] * query.unit_number * SECOND_NS, _MONDAY_S * SECOND_NS if unit == BarUnit.WEEK else 0
