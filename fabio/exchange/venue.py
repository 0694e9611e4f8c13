"""The simulated venue: commands in, reports out, ticks decide.

Theory. Everything that happens here has a moment on the runtime clock: a command's
arrival (its leaving plus the latency; commands never overtake each other), an entry's
good-until, or a tick. The venue lives through these moments in order, and what is due
at the very time of a tick comes before the tick. What happens is therefore a function
of the ticks and the commands alone: it does not depend on how ticks are cut into
slices, nor on whether time or a tick brought a moment about.

Harmless, without a report: cancelling or moving what is unknown or done, an order id
sent twice. A fill that raced such a command has been reported already.
"""

from bisect import insort
from collections.abc import Sequence

import msgspec
import numpy as np

from fabio.exchange.assumptions import NEVER_NS, Assumptions
from fabio.exchange.book import Book, BookSnapshot
from fabio.exchange.scan import NO_HIGH, NO_LOW, NO_PRICE, next_that_matters, note_last
from fabio.model.command import CancelOrder, ClosePosition, MoveStop, SubmitOrder
from fabio.model.event import VenueEvent
from fabio.model.instrument import Instrument
from fabio.model.tick import Ticks

AccountCommand = SubmitOrder | MoveStop | CancelOrder | ClosePosition
LAST = 0  # column of the watch table: last price; then nearest working price below, above


class Pending(msgspec.Struct, frozen=True):
    """A command on its way."""

    due_ns: int
    command: AccountCommand


class ExchangeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that the venue knows, as plain data; `books` by market."""

    books: list[BookSnapshot]
    pending: list[Pending]


class Exchange:
    """A venue for one account and several markets.

    Parameters
    ----------
    instruments
        By market: the row in a tick's `market` column; at most 62.
    assumptions
        How it treats us; None takes the defaults.
    """

    def __init__(self, instruments: Sequence[Instrument], assumptions: Assumptions | None = None) -> None:
        self._assumptions = Assumptions() if assumptions is None else assumptions
        self._events: list[VenueEvent] = []
        self._books = [Book(market, instrument, self._assumptions, self._events)
                       for market, instrument in enumerate(instruments)]
        self._watch = np.empty((len(self._books), 3), dtype=np.int64)
        self._watch[:] = (NO_PRICE, NO_LOW, NO_HIGH)
        self._pending: list[Pending] = []  # as submitted, which is by due time
        self._due_ns = NEVER_NS
        self._idle = True  # no order works and nothing is held

    def submit(self, command: AccountCommand, ts_ns: int) -> None:
        """Take a command that leaves at `ts_ns`; it takes effect one latency later, in order."""
        due_ns = self._assumptions.arrival_ns(ts_ns)
        if self._pending:
            due_ns = max(due_ns, self._pending[-1].due_ns)
        self._pending.append(Pending(due_ns, command))
        self._due_ns = min(self._due_ns, due_ns)

    def next_due_ns(self) -> int:
        """Tell when something happens next without a tick, on the runtime clock; `NEVER_NS` if nothing."""
        return self._due_ns

    def working_prices(self, market: int) -> list[int]:
        """Give the prices at or beyond which a tick of `market` may fill something, ascending.

        Those below the last price are reached by trading at or below them, those above by
        trading at or above; one at the last price (a limit with a queue) by any trade there.
        """
        prices: list[int] = []
        for group in self._books[market].groups.values():
            for price, _ in group.watched():
                insort(prices, price)
        return prices

    def held_steps(self, market: int) -> int:
        """Give the signed sum of what is held of a market."""
        return sum(group.held_steps * group.order.side for group in self._books[market].groups.values())

    def on_ticks(self, ticks: Ticks, start: int = 0, stop: int | None = None) -> list[VenueEvent]:
        """Live through the consecutive ticks `[start, stop)` of any markets, by default all.

        Costs nothing per tick while no order works and nothing is due, else about 1 ns.
        """
        index, end = start, len(ticks) if stop is None else stop
        if index == end:
            return []
        if self._idle and self._due_ns > ticks.ts_recv_ns.item(end - 1):
            note_last(ticks.price_ticks, ticks.market, start, end, self._watch)
            return []
        while True:
            index = next_that_matters(ticks.ts_recv_ns, ticks.price_ticks, ticks.market, index, end,
                                      self._due_ns, self._watch)
            if index == end:
                return self._reports()
            ts_ns = int(ticks.ts_recv_ns[index])
            if ts_ns >= self._due_ns:
                self._live_until(ts_ns)
                continue
            market = int(ticks.market[index])
            price_ticks = int(ticks.price_ticks[index])
            self._watch[market, LAST] = price_ticks
            self._books[market].trade(ts_ns, price_ticks, int(ticks.size_steps[index]))
            self._rewatch()
            index += 1

    def on_time(self, now_ns: int) -> list[VenueEvent]:
        """Apply everything due at or before `now_ns`."""
        self._live_until(now_ns)
        return self._reports()

    def halt_market(self, market: int, reason: str) -> None:
        """Refuse entries of a market from now on; what works there goes on."""
        self._books[market].halted = reason

    def resume_market(self, market: int) -> None:
        """Take entries of a market again."""
        self._books[market].halted = ""

    def snapshot(self) -> ExchangeSnapshot:
        """Give all state as plain data; nothing in it is shared with the exchange."""
        return ExchangeSnapshot(
            books=[
                BookSnapshot(
                    last_ticks=self._last(market),
                    halted=book.halted,
                    groups=[msgspec.structs.replace(group) for group in book.groups.values()],
                    done=sorted(book.done),
                )
                for market, book in enumerate(self._books)
            ],
            pending=list(self._pending),
        )

    def restore(self, snapshot: ExchangeSnapshot) -> None:
        """Become what the snapshot was taken of; instruments and assumptions have to be the same.

        Raises
        ------
        ValueError
            If it was taken with another number of markets.
        """
        if len(snapshot.books) != len(self._books):
            raise ValueError(f"the snapshot has {len(snapshot.books)} markets, this venue {len(self._books)}")
        for market, (book, saved) in enumerate(zip(self._books, snapshot.books, strict=True)):
            self._watch[market, LAST] = NO_PRICE if saved.last_ticks is None else saved.last_ticks
            book.halted = saved.halted
            book.groups = {group.order.id: msgspec.structs.replace(group) for group in saved.groups}
            book.done = set(saved.done)
        self._pending = list(snapshot.pending)
        self._events.clear()
        self._rewatch()

    def _live_until(self, now_ns: int) -> None:
        while self._due_ns <= now_ns:
            due_ns = self._due_ns
            # at one time the good-until comes first: an order that ends now no longer trades
            for book in self._books:
                book.expire(due_ns)
            while self._pending and self._pending[0].due_ns <= due_ns:
                self._take(self._pending.pop(0).command, due_ns)
            self._rewatch()

    def _take(self, command: AccountCommand, ts_ns: int) -> None:
        market = command.order.market if isinstance(command, SubmitOrder) else command.market
        book, last_ticks = self._books[market], self._last(market)
        if isinstance(command, SubmitOrder):
            book.enter(command.order, ts_ns, last_ticks)
        elif isinstance(command, CancelOrder):
            book.cancel(command.order_id, ts_ns)
        elif isinstance(command, ClosePosition):
            book.close(command.reason, ts_ns, last_ticks)
        elif last_ticks is not None:
            book.move_stop(command.order_id, command.stop_ticks, ts_ns, last_ticks)

    def _rewatch(self) -> None:
        self._due_ns = self._pending[0].due_ns if self._pending else NEVER_NS
        self._idle = True
        for market, book in enumerate(self._books):
            self._watch[market, 1:] = book.bounds()
            self._due_ns = min(self._due_ns, book.next_expiry_ns())
            self._idle = self._idle and not book.groups

    def _last(self, market: int) -> int | None:
        last_ticks = int(self._watch[market, LAST])
        return None if last_ticks == NO_PRICE else last_ticks

    def _reports(self) -> list[VenueEvent]:
        events = list(self._events)
        self._events.clear()
        return events
