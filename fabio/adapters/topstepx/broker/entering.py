"""Entries: sent once, whatever happens; cancelled; and orders of ours that should not be there.

| what became of `place` | what is told |
| --- | --- |
| accepted | `OrderAccepted` |
| refused, or certainly never sent | `OrderRejected` with the reason |
| not known, but the hub has told of the order | what the hub told |
| not known | `OrderUnknown`: the engine looks it up |

A refused place may carry an id: it is remembered, as an execution under it would be money.
"""

from collections.abc import Callable

from fabio.adapters.topstepx.broker.book import is_live
from fabio.adapters.topstepx.broker.confirm import Confirm, tell_failed, why_not
from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.life import Life
from fabio.adapters.topstepx.broker.lookups import LookUps
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.tags import Tag
from fabio.adapters.topstepx.broker.translate import place_entry
from fabio.adapters.topstepx.enums import OrderStatus
from fabio.adapters.topstepx.records import Order, PlaceOrder
from fabio.adapters.topstepx.rest.outcomes import Accepted, Outcome, Refused, Unknown
from fabio.model.command import CancelOrder, CancelVenueOrder, SubmitOrder
from fabio.model.event import OrderUnknown

HUB_TELLS_S = 0.5
"""How long the hub has to tell of an entry before its outcome is called unknown."""


class Entering:
    """Sends entries, and cancels orders.

    Attributes
    ----------
    against
        Says why the engine wants no entry of a market now; empty where it does.
    """

    def __init__(self, reach: Reach, known: Known, life: Life, confirm: Confirm, look_ups: LookUps) -> None:
        self.against: Callable[[int], str] = lambda market: ""
        self._reach = reach
        self._known = known
        self._life = life
        self._confirm = confirm
        self._look_ups = look_ups
        self._sent: set[str] = set()  # order ids that a place was made for, in this process

    async def submit(self, command: SubmitOrder) -> None:
        """Send an entry, if it was decided on what is true still, and if it never was sent."""
        order = command.order
        if order.id in self._sent or self._known.book.entry_ids(order.id):
            self._sent_before(command)
            return
        try:
            traded = self._reach.traded.of_market(order.market)
            body = place_entry(order, traded, self._reach.account_id, self._known.tags.entry(order.id))
        except ValueError as error:  # `BadRequest` is one
            self._reject(command, f"it cannot be sent: {error}")
            return
        stale = self._stale(command)
        if stale:
            self._reject(command, stale)
            return
        await self._place(command, body)

    def drop(self, command: SubmitOrder, reason: str) -> None:
        """Tell that an entry that waited will not be sent; not so where it was sent, and this asked for it again."""
        if command.order.id not in self._sent:
            self._reject(command, reason)

    def _reject(self, command: SubmitOrder, reason: str) -> None:
        self._reach.counts["entries not sent"] += 1
        self._known.orders.refused(command.order.id, command.order.market, reason)

    async def cancel(self, command: CancelOrder) -> None:
        """Cancel what is left of an entry."""
        book, orders = self._known.book, self._known.orders
        entry = book.entry(command.order_id)
        if entry is None:
            try:
                await self._look_ups.find(command.order_id)
            except READ_ERRORS as error:
                tell_failed(self._reach, command, True, f"not sent: the order cannot be looked up ({error})")
                return
            entry = book.entry(command.order_id)
        if entry is None:
            tell_failed(self._reach, command, True, "the venue has no order with its tag")
        elif is_live(entry):
            await self._cancel(command, entry)
        else:
            orders.repeat(command.order_id)
            orders.settle()

    async def cancel_venue_order(self, command: CancelVenueOrder) -> None:
        """Cancel one order by the venue's id, if it is ours."""
        book = self._known.book
        venue_id = int(command.venue_id) if command.venue_id.isascii() and command.venue_id.isdecimal() else 0
        record = book.record(venue_id)
        if venue_id and (record is None or not book.identifies(venue_id)):
            record = await self._confirm.look(venue_id)
        if record is None:
            tell_failed(self._reach, command, True, f"not sent: order {command.venue_id} cannot be looked up")
        elif book.tag_of(record.id) is None:
            tell_failed(self._reach, command, True, f"not sent: order {command.venue_id} is not ours")
        elif is_live(record):
            await self._cancel(command, record)

    async def _cancel(self, command: CancelOrder | CancelVenueOrder, record: Order) -> None:
        outcome = await self._reach.cancel(record.id)
        if await self._confirm.seen(record.id, lambda each: not is_live(each)):
            return
        known, reason = why_not(outcome)
        tell_failed(self._reach, command, known, reason)

    def _stale(self, command: SubmitOrder) -> str:
        """Say why an entry must not be sent any more; empty where it may."""
        if not self._life.is_up:
            return f"decided on generation {command.generation}, and the venue is not heard now"
        if command.generation != self._life.generation:
            return f"decided on generation {command.generation}, it is {self._life.generation} now"
        if command.order.market in self._known.guardian.closing:
            return "its market is being closed"
        return self.against(command.order.market)

    async def _place(self, command: SubmitOrder, body: PlaceOrder) -> None:
        order, orders = command.order, self._known.orders
        self._sent.add(order.id)
        orders.flying[order.id] = order.market
        try:
            outcome = await self._reach.rest.place(body, against=lambda: self._stale(command))
        except ValueError as error:
            self._reject(command, f"it cannot be sent: {error}")
            return
        finally:
            del orders.flying[order.id]
        if isinstance(outcome, Unknown) and self._life.hub_up:
            await self._known.changes.until(lambda: self._known.book.entry(order.id) is not None, HUB_TELLS_S)
        self._placed(command, outcome)
        orders.review(order.id)
        orders.settle()
        self._known.changes.happened()

    def _placed(self, command: SubmitOrder, outcome: Outcome) -> None:
        order, orders, book = command.order, self._known.orders, self._known.book
        venue_id = outcome.order_id if isinstance(outcome, Accepted | Refused) else None
        if venue_id is not None:
            book.learn(venue_id, Tag(order.id, "entry"))
        entry = book.entry(order.id)
        if isinstance(outcome, Accepted):
            orders.accepted(order.id, order.market)
        elif isinstance(outcome, Unknown):
            self._reach.counts["entries of unknown outcome"] += 1
            if entry is None:
                self._reach.emit(OrderUnknown(ts_ns=self._reach.now_ns(), market=order.market, order_id=order.id,
                                              reason=outcome.why))
            elif is_live(entry):
                orders.accepted(order.id, order.market)
        elif entry is None or entry.status == OrderStatus.REJECTED:
            orders.refused(order.id, order.market, why_not(outcome)[1])
        else:
            self._known.doubt(f"entry {order.id} was refused ({why_not(outcome)[1]}), and the venue has it")
        if venue_id is not None:
            self._known.executions.identified(venue_id)

    def _sent_before(self, command: SubmitOrder) -> None:
        """Answer for an entry that was sent already: what is known of it, or that it has to be looked up."""
        order = command.order
        self._reach.counts["entries asked for twice"] += 1
        if order.id in self._known.orders.flying:
            return
        if self._known.book.entry(order.id) is None:
            self._reach.emit(OrderUnknown(ts_ns=self._reach.now_ns(), market=order.market, order_id=order.id,
                                          reason="it was sent before, and is not sent again"))
            return
        self._known.orders.repeat(order.id)
        self._known.orders.settle()
