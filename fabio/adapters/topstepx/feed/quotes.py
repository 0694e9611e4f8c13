"""The last quote of each market: the hub sends only what has changed, and joins changes.

For the panel and for checks of the spread only. Conflated quotes lag behind the prints: in a published
capture 40 % of the prints lay outside the quoted bid and ask. So nothing is filled at one, and no
aggressor is told by one.
"""

from collections import Counter
from decimal import Decimal

import msgspec

from fabio.adapters.topstepx.events import QuoteChange
from fabio.model.instrument import Instrument, OffGrid


class Quote(msgspec.Struct, frozen=True):
    """What was last said of each field; None until it was said. `recv_ns` is the runtime clock of the last change."""

    bid_ticks: int | None = None
    ask_ticks: int | None = None
    last_ticks: int | None = None
    volume: int | None = None
    recv_ns: int = 0

    @property
    def spread_ticks(self) -> int | None:
        """Ask less bid; None while one is not known or they cross, which happens as changes are joined."""
        if self.bid_ticks is None or self.ask_ticks is None or self.ask_ticks < self.bid_ticks:
            return None
        return self.ask_ticks - self.bid_ticks

    def age_ns(self, now_ns: int) -> int | None:
        """Time since the last change, on the runtime clock; None before the first."""
        return now_ns - self.recv_ns if self.recv_ns else None


class QuoteTaker:
    """Keeps the quote of one market.

    Attributes
    ----------
    counts
        `taken`, `off_grid` fields that were passed over, and quotes that left bid and ask `crossed`.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.quote = Quote()
        self.counts: Counter[str] = Counter()
        self._instrument = instrument

    def take(self, change: QuoteChange, recv_ns: int) -> Quote:
        """Take a change; give the quote it leaves."""
        self.counts["taken"] += 1
        before = self.quote
        self.quote = quote = Quote(
            self._ticks(change.best_bid, before.bid_ticks), self._ticks(change.best_ask, before.ask_ticks),
            self._ticks(change.last_price, before.last_ticks),
            before.volume if change.volume is None else change.volume, max(recv_ns, before.recv_ns),
        )
        if quote.bid_ticks is not None and quote.ask_ticks is not None and quote.bid_ticks > quote.ask_ticks:
            self.counts["crossed"] += 1
        return quote

    def _ticks(self, price: Decimal | None, before: int | None) -> int | None:
        if price is None:
            return before
        try:
            return self._instrument.price_ticks(price)
        except OffGrid:
            self.counts["off_grid"] += 1
            return before
