"""Market events: prints gathered into arrays, sparse quotes, rows of a book around the price.

The tape has trades only, so the book is made up: volumes follow from price and seed. What a
client can learn from it is the form, not the market.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.messages import plain
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.enums import DepthType, TradeType
from fabio.model.tick import SELL

QUOTE, TRADE, DEPTH = "GatewayQuote", "GatewayTrade", "GatewayDepth"
LEVELS, FIRST_LEVELS = 10, 200
"""Levels a side that are kept up, and those of the first frame: it is seen to be a big one."""

_MOST_PRICES = 10_000
_FIRST_NS = 1_000_000  # from a subscription to its first event


class Audience(Protocol):
    """Whoever listens on the market hub."""

    def listens(self, target: str, contract_id: str) -> bool:
        """Tell whether anybody listens to an event of a contract."""

    def tell(self, target: str, contract_id: str, data: Any) -> None:
        """Send an event to all who listen."""


class Publisher:
    """What is told of one market.

    Parameters
    ----------
    later
        Takes a delay and a deed.
    """

    def __init__(self, street: Street, clock: VenueClock, switches: Switches, audience: Audience,
                 later: Callable[[int, Callable[[], None]], None], seed: int) -> None:
        self._street = street
        self._clock = clock
        self._switches = switches
        self._audience = audience
        self._later = later
        self._seed = seed
        self._prints: list[tuple[int, int, int, int]] = []  # event ns, price, size, side
        self._told: dict[str, Any] = {}  # field of the quote -> what was told last
        self._book_bid: int | None = None
        self._anchor = ""
        self._due = False
        self._prices: dict[int, Decimal] = {}  # ticks -> price as written; days repeat themselves

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to this market."""
        listens, contract_id = self._audience.listens, self._street.listing.id
        return listens(TRADE, contract_id) or listens(QUOTE, contract_id) or listens(DEPTH, contract_id)

    def note(self, ts_event_ns: int, price_ticks: int, size_steps: int, side: int) -> None:
        """Take a print that the street has taken; it is told a moment later."""
        self._prints.append((ts_event_ns, price_ticks, size_steps, side))
        self._soon(self._switches.print_delay_ns)

    def welcome(self, target: str) -> None:
        """Begin anew for somebody who has just subscribed: the next quote is whole, the book comes with a reset."""
        if target == QUOTE:
            self._told.clear()
        if target == DEPTH:
            self._book_bid = None
        if self._street.last_ticks is not None:
            self._soon(_FIRST_NS)

    def flush(self) -> None:
        """Tell what was gathered."""
        self._due = False
        prints, self._prints = self._prints, []
        contract_id, audience = self._street.listing.id, self._audience
        if audience.listens(TRADE, contract_id):
            for first in range(0, len(prints), self._switches.most_prints):
                audience.tell(TRADE, contract_id, [self._print(*row) for row in
                                                   prints[first : first + self._switches.most_prints]])
        if audience.listens(QUOTE, contract_id):
            quote = self._quote_changes()
            if quote:
                audience.tell(QUOTE, contract_id, quote)
        if audience.listens(DEPTH, contract_id):
            self._tell_depth(prints)

    def _soon(self, delay_ns: int) -> None:
        if not self._due:
            self._due = True
            self._later(delay_ns, self.flush)

    def _print(self, ts_event_ns: int, price_ticks: int, size_steps: int, side: int) -> dict[str, Any]:
        listing = self._street.listing
        return {
            "symbolId": listing.contract.symbol_id, "contractId": listing.id, "price": self._price(price_ticks),
            "timestamp": self._clock.hub(ts_event_ns), "type": int(TradeType.SELL if side == SELL else TradeType.BUY),
            "volume": size_steps,
        }

    def _quote_changes(self) -> dict[str, Any]:
        street = self._street
        if street.last_ticks is None or street.open_ticks is None:
            return {}
        if not self._anchor:
            self._anchor = self._clock.hub(street.last_event_ns)
        change = street.last_ticks - street.open_ticks
        now: dict[str, Any] = {
            "lastPrice": self._price(street.last_ticks), "bestBid": self._price(street.bid_ticks),
            "bestAsk": self._price(street.ask_ticks), "change": self._price(change),
            "changePercent": round(change / max(abs(street.open_ticks), 1), 6),
            "open": self._price(street.open_ticks), "high": self._price(street.high_ticks),
            "low": self._price(street.low_ticks), "volume": street.volume,
        }
        changed = {name: value for name, value in now.items() if self._told.get(name) != value}
        self._told.update(changed)
        if not changed:
            return {}
        return {"symbol": street.listing.contract.symbol_id, **changed,
                "lastUpdated": self._clock.hub(street.last_event_ns), "timestamp": self._anchor}

    # -- the book -----------------------------------------------------------------------

    def _tell_depth(self, prints: list[tuple[int, int, int, int]]) -> None:
        bid, ts_ns = self._street.bid_ticks, self._street.last_event_ns
        if bid is None:
            return
        stamp = self._clock.hub(ts_ns)
        rows: list[dict[str, Any] | None] = [
            self._row(DepthType.TRADE, each[1], each[2], stamp) for each in prints]
        if self._book_bid is None:
            rows = [self._row(DepthType.RESET, None, 0, stamp), *self._ladder(bid, range(FIRST_LEVELS), stamp)]
        elif bid != self._book_bid:
            new = abs(bid - self._book_bid)
            rows += self._ladder(bid, range(min(new + 1, LEVELS)), stamp)
        elif prints:
            rows += self._ladder(bid, range(1), stamp)
        self._book_bid = bid
        if self._switches.depth == "object":
            for row in rows:
                self._audience.tell(DEPTH, self._street.listing.id, row)
        elif rows:
            padding = [None] * (len(rows) % 3 if self._switches.null_padding else 0)
            self._audience.tell(DEPTH, self._street.listing.id, [*rows, *padding])

    def _ladder(self, bid: int, levels: range, stamp: str) -> list[dict[str, Any] | None]:
        rows: list[dict[str, Any] | None] = []
        for level in levels:
            sides = ((DepthType.BID, DepthType.NEW_BEST_BID, bid - level),
                     (DepthType.ASK, DepthType.NEW_BEST_ASK, bid + 1 + level))
            for kind, best, price_ticks in sides:
                volume = self._volume(price_ticks, level)
                if level == 0:
                    rows.append(self._row(best, price_ticks, volume, stamp))
                rows.append(self._row(kind, price_ticks, volume, stamp))
        return rows

    def _volume(self, price_ticks: int, level: int) -> int:
        mixed = (price_ticks * 2_654_435_761 + self._seed * 40_503 + self._street.volume // 50) % 4_294_967_291
        return 1 + level * 2 + mixed % 17

    def _row(self, kind: DepthType, price_ticks: int | None, volume: int, stamp: str) -> dict[str, Any]:
        return {"timestamp": stamp, "type": int(kind), "price": self._price(price_ticks or 0),
                "volume": volume, "currentVolume": volume if kind != DepthType.RESET else 0}

    def _price(self, ticks: int | None) -> Any:
        if ticks is None:
            return None
        price = self._prices.get(ticks)
        if price is None:
            if len(self._prices) >= _MOST_PRICES:
                self._prices.clear()
            price = self._prices[ticks] = plain(self._street.listing.instrument.price(ticks))
        return price


def as_json(value: Any) -> msgspec.Raw:
    """Write a part of an event once, for all who listen."""
    return msgspec.Raw(_encoder.encode(value))


_encoder = msgspec.json.Encoder(decimal_format="number")
