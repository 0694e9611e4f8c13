"""The decision record: its fields, and a run's moments made into records."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson

from fabio.integrations.backtrader.encoding import Template, Tokens, alike, numbers, text, times
from fabio.integrations.backtrader.lines import Feed, IndicatorLine
from fabio.integrations.backtrader.orders import Made, TradeMoved
from fabio.integrations.backtrader.reading import Column, Reader, Row

ACTIONS = ("BUY", "SELL", "HOLD")
LEAD = 4
"""A row begins with: cash, value, reasoning, confidence; then size and price of each feed's position; then
what the reader keeps of the strategy's time and of all lines."""
_ABSENT, _FREE = b"null", b"[]"


class _Day(NamedTuple):
    """Where a batch begins: the day, what the portfolio was worth before it, and at the last decision."""

    day: float
    before: float
    last: float


class Notes(msgspec.Struct):
    """What some moments have: orders made at it, trades closed since the one before."""

    orders: list[Made] = []
    trades: list[TradeMoved] = []


class Records:
    """Turns rows into decision records.

    Parameters
    ----------
    prefix
        What decision ids begin with (letters, digits and `._-`); the number of the decision follows.
    feeds, multipliers
        The feeds, and for each what one unit is worth per point of price.
    indicators
        Their lines, as `reader` reads them after the strategy's time and the lines of the feeds.
    value
        What the portfolio is worth before the first decision.
    """

    def __init__(self, prefix: str, feeds: list[tuple[Feed, float]], indicators: list[IndicatorLine],
                 reader: Reader, value: float) -> None:
        self._prefix, self._feeds, self._indicators, self._reader = prefix, feeds, indicators, reader
        self._day = _Day(-1.0, value, value)
        self._next_day = self._day

    def lines(self, first: int, rows: Sequence[Sequence[Any]], notes: Mapping[int, Notes],
              fixed: dict[str, str]) -> tuple[list[str], list[bytes]]:
        """Return ids and JSON lines of the decisions `first`, `first + 1`, ...; `settle` when they are written.

        Parameters
        ----------
        rows
            The columns of their rows; at least one row.
        notes
            By the decision's number.
        fixed
            Fields that are the same in all of them.
        """
        count, inside = len(rows[0]), LEAD + 2 * len(self._feeds)
        lead, (when, *columns) = rows[:inside], self._reader.columns(rows[inside:])
        noted = {number - first: notes[number] for number in range(first, first + count) if number in notes}
        ids = decision_ids(self._prefix, first, count)

        value = _floats(lead[1])
        base, self._next_day = _day_values(when, value, self._day)
        template = Template()
        template.place("decision_id", orjson.dumps(ids)[1:-1].split(b","))
        stamps = times(when)
        template.place("timestamp", stamps)
        template.fixed(fixed)
        clock = (when.tobytes(), stamps)
        held, price = self._market_part(template, lead, columns, noted, clock)
        made = {place: note.orders[0] for place, note in noted.items() if note.orders}
        symbol = self._feeds[0][0].symbol if self._feeds else None
        fields: list[tuple[str, Tokens, str]] = [
            ("symbol", [orjson.dumps(symbol)] * count, "symbol"), ("action_type", [b'"HOLD"'] * count, "side"),
            ("quantity", [b"0"] * count, "quantity"), ("price", price, "price")]
        for name, usual, said in fields:
            template.place(name, _with(usual, {place: text(getattr(order, said)) for place, order in made.items()}))
        template.place("confidence", alike(lead[3]))
        template.place("reasoning", alike(lead[2]))
        template.place("portfolio_value", numbers(value))
        template.place("position_value", numbers(held))
        pnls = {place: text(sum(trade.pnl_net or 0.0 for trade in note.trades))
                for place, note in noted.items() if note.trades}
        template.place("trade_pnl", _with([_ABSENT] * count, pnls))
        with np.errstate(divide="ignore", invalid="ignore"):
            template.place("daily_return", numbers(value / base - 1.0))
        return ids, template.lines(count)

    def settle(self) -> None:
        """Go on after the rows of the last `lines`."""
        self._day = self._next_day

    def _close_of(self, feed: int) -> int:
        """Number the column of a feed's close; of its first line where it has none."""
        before = sum(1 + len(known.lines) for known, _ in self._feeds[:feed])
        names = list(self._feeds[feed][0].lines)
        return before + 1 + (names.index("close") if "close" in names else 0)

    def _market_part(self, template: Template, lead: Sequence[Row], columns: list[Column],
                     noted: dict[int, Notes], clock: tuple[bytes, Tokens]) -> tuple[Column, Tokens]:
        """Add `indicators` and `market_context`; return what all positions are worth, and the first feed's close.

        `clock` has the strategy's times, as they are and written: most feeds have the same.
        """
        cash, value = _floats(lead[0]), _floats(lead[1])
        at = sum(1 + len(feed.lines) for feed, _ in self._feeds)
        template.open("indicators")
        for indicator, column in zip(self._indicators, columns[at:], strict=True):
            template.place(indicator.name, numbers(column))
        template.close()
        template.open("market_context")
        template.open("bars")
        at = 0
        price: Tokens = [_ABSENT] * len(value)
        for place, (feed, _) in enumerate(self._feeds):
            template.open(feed.symbol)
            template.place("datetime", clock[1] if columns[at].tobytes() == clock[0] else times(columns[at]))
            for name, column in zip(feed.lines, columns[at + 1:], strict=False):
                written = numbers(column)
                template.place(name, written)
                price = written if place == 0 and name == "close" else price
            template.close()
            at += 1 + len(feed.lines)
        template.close()
        held, gross = self._positions(template, lead, columns)
        template.place("cash", numbers(cash))
        with np.errstate(divide="ignore", invalid="ignore"):
            template.place("leverage", numbers(np.where(value > 0.0, gross / value, np.nan)))
        for name in ("orders", "trades"):
            sparse = {place: text(getattr(note, name)) for place, note in noted.items()}
            template.place(name, _with([_FREE] * len(value), sparse))
        template.close()
        return held, price

    def _positions(self, template: Template, lead: Sequence[Row], columns: list[Column]) -> tuple[Column, Column]:
        held = np.zeros(len(lead[0]))
        gross = np.zeros(len(lead[0]))
        template.open("positions")
        for place, (feed, multiplier) in enumerate(self._feeds):
            size, price = _floats(lead[LEAD + 2 * place]), _floats(lead[LEAD + 2 * place + 1])
            close = columns[self._close_of(place)]
            open_ = size != 0.0
            worth = np.where(open_, size * close * multiplier, 0.0)
            held += worth
            gross += np.abs(worth)
            template.open(feed.symbol)
            template.place("size", numbers(size))
            template.place("price", numbers(np.where(open_, price, np.nan)))
            template.place("value", numbers(worth))
            template.place("pnl", numbers(np.where(open_, size * (close - price) * multiplier, 0.0)))
            template.close()
        template.close()
        return held, gross


def decision_ids(prefix: str, first: int, count: int) -> list[str]:
    """Number decisions.

    >>> decision_ids("nightly-0a1b2c3d", 9, 2)
    ['nightly-0a1b2c3d-00000009', 'nightly-0a1b2c3d-00000010']
    """
    prefix += "-"
    return [prefix + str(number).zfill(8) for number in range(first, first + count)]  # faster than a format


def _day_values(when: Column, value: Column, day: _Day) -> tuple[Column, _Day]:
    """For each decision, what the portfolio was worth at the last one of an earlier day."""
    days = np.floor(when)
    begins = days != np.concatenate(([day.day], days[:-1]))
    earlier = np.concatenate(([day.last], value[:-1]))
    latest_begin = np.maximum.accumulate(np.where(begins, np.arange(len(days)), -1))
    base = np.where(latest_begin >= 0, earlier[latest_begin], day.before)
    return base, _Day(float(days[-1]), float(base[-1]), float(value[-1]))


def _floats(values: Sequence[Any]) -> Column:
    return np.array(values, dtype=np.float64)


def _with(usual: Tokens, sparse: Mapping[int, bytes]) -> Tokens:
    """Return the usual texts, but where a moment has its own."""
    if not sparse:
        return usual
    column = list(usual)
    for place, written in sparse.items():
        column[place] = written
    return column
