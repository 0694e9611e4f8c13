"""Our orders as events: accepted, over, protected, no longer protected.

What is told follows from what is known, not from what has just come: after every change the
whole family of an order (entry, children, own stops) is looked at, and what is true and was
not told is told. So neither order nor number of the venue's messages matters.

Two things wait a moment. That an entry is over is told after its executions. That a stop is
gone is told when it is sure that it is a loss: when the target fills the venue cancels the
stop, and may say so first.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from fabio.adapters.topstepx.broker.book import Book, filled, is_live
from fabio.adapters.topstepx.broker.errands import Errands
from fabio.adapters.topstepx.broker.executions import Executions
from fabio.adapters.topstepx.broker.protection import Guardian
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.translate import optional_ns
from fabio.adapters.topstepx.enums import OrderStatus
from fabio.adapters.topstepx.records import Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.model.event import OrderAccepted, OrderCancelled, OrderExpired, OrderRejected

REMEMBERED = 10_000
EXECUTIONS_COME_S = 1.0
LOOKS_S = (1.0, 2.0, 4.0, 0.0)
EARLIER_NS = 120_000_000_000
"""Clocks differ: executions are searched from so long before their order was made."""


class Told(msgspec.Struct):
    """What was told of an entry."""

    accepted: bool = False
    over: int = OrderStatus.NONE  # the final status


class Orders:
    """Tells what becomes of our orders.

    Parameters
    ----------
    doubt
        Told, in words, when something can only be cleared by a picture.

    Attributes
    ----------
    flying
        Entries that are on their way: what the hub says of their refusal waits for the
        answer, which says why.  # order id -> market
    """

    def __init__(
        self, reach: Reach, book: Book, errands: Errands, executions: Executions, guardian: Guardian,
        doubt: Callable[[str], None],
    ) -> None:
        self.flying: dict[str, int] = {}
        self._reach = reach
        self._book = book
        self._errands = errands
        self._executions = executions
        self._guardian = guardian
        self._doubt = doubt
        self._told: OrderedDict[str, Told] = OrderedDict()  # order id -> what was told of it
        self._complete: OrderedDict[int, int] = OrderedDict()  # venue id -> filled size that nobody waits for any more

    def take(self, record: Order) -> None:
        """Take a record from the hub, or one that was asked for; what it means for brackets waits for `settle`."""
        if not self._book.update(record):
            self._reach.counts["order records without news"] += 1  # a picture may have brought them, silently
        known = self._book.record(record.id)
        if known is None or self._reach.traded.named(known.contract_id) is None:
            return
        for child in self._book.children(record.id):
            self._executions.identified(child)
        if self._book.identifies(record.id):
            self._executions.identified(record.id)
        self._look_for_executions(known)
        tag = self._book.tag_of(record.id)
        if tag is not None:
            self.review(tag.order_id)

    def review(self, order_id: str) -> None:
        """Tell what is true of an entry and was not told; its bracket is looked at with the next `settle`."""
        self._guardian.touch(order_id)
        entry = self._book.entry(order_id)
        traded = self._reach.traded.named(entry.contract_id) if entry is not None else None
        if entry is None or traded is None:
            return
        told = self._memory(order_id)
        if entry.status in (OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.PENDING_CANCELLATION):
            self.accepted(order_id, traded.market)
        if is_live(entry) or entry.status == OrderStatus.FILLED or told.over == entry.status:
            return
        if self._executions_missing(entry) or (entry.status == OrderStatus.REJECTED and order_id in self.flying):
            return
        told.over = entry.status
        self._tell_over(order_id, traded.market, entry)

    def accepted(self, order_id: str, market: int) -> None:
        """Tell, once, that the venue has an entry."""
        told = self._memory(order_id)
        if not told.accepted:
            told.accepted = True
            self._reach.emit(OrderAccepted(ts_ns=self._reach.now_ns(), market=market, order_id=order_id))

    def refused(self, order_id: str, market: int, reason: str) -> None:
        """Tell that an entry was refused, with the words of the answer; the hub's own report has none."""
        self._memory(order_id).over = OrderStatus.REJECTED
        self._reach.emit(OrderRejected(ts_ns=self._reach.now_ns(), market=market, order_id=order_id, reason=reason))

    def repeat(self, order_id: str) -> None:
        """Tell everything about an order once more: the engine asks as if it had not heard."""
        self._told.pop(order_id, None)
        self.review(order_id)

    def settle(self) -> None:
        """Look at the brackets of all orders that were touched: at the end of each batch of records."""
        self._guardian.settle()

    def _tell_over(self, order_id: str, market: int, entry: Order) -> None:
        now_ns = self._reach.now_ns()
        if entry.status == OrderStatus.REJECTED:
            self._reach.emit(OrderRejected(ts_ns=now_ns, market=market, order_id=order_id,
                                           reason="the venue rejected it and does not say why"))
        elif entry.status == OrderStatus.EXPIRED:
            self._reach.emit(OrderExpired(ts_ns=now_ns, market=market, order_id=order_id))
        else:
            part = f" after {filled(entry)} of {entry.size} were filled" if filled(entry) else ""
            self._reach.emit(OrderCancelled(ts_ns=now_ns, market=market, order_id=order_id,
                                            reason=f"the venue says it is cancelled{part}"))

    # -- executions that the hub owes -------------------------------------------------------

    def _executions_missing(self, record: Order) -> bool:
        known = max(self._executions.told_size(record.id), self._complete.get(record.id, 0))
        return filled(record) > known

    def _look_for_executions(self, record: Order) -> None:
        if not self._executions_missing(record):
            return
        venue_id = record.id
        if not self._errands.go(f"executions of {venue_id}", lambda: self._fetch_executions(venue_id)):
            self._doubt(f"executions of order {venue_id} are missing")

    async def _fetch_executions(self, venue_id: int) -> None:
        """Search for the executions that an order's record counts and the hub has not told."""
        reach = self._reach
        await reach.clock.sleep(EXECUTIONS_COME_S)
        for pause_s in LOOKS_S:
            record = self._book.record(venue_id)
            if record is None or not self._executions_missing(record):
                break
            reach.counts["looks for executions"] += 1
            made_ns = optional_ns(record.creation_timestamp) or reach.now_ns()
            try:
                trades = await reach.rest.trades(reach.account_id, max(0, made_ns - EARLIER_NS),
                                                 urgency=Urgency.PROTECT)
            except READ_ERRORS:
                trades = ()
            for trade in trades:
                if trade.order_id == venue_id:
                    self._executions.take(trade)
            if not self._executions_missing(record):
                break
            await reach.clock.sleep(pause_s)
        else:
            self._doubt(f"order {venue_id} says it filled more than its executions do")
        self._no_longer_missing(venue_id)

    def _no_longer_missing(self, venue_id: int) -> None:
        record, tag = self._book.record(venue_id), self._book.tag_of(venue_id)
        if record is not None:
            self._complete[venue_id] = filled(record)
            if len(self._complete) > REMEMBERED:
                self._complete.popitem(last=False)
        if tag is not None:
            self.review(tag.order_id)
            self.settle()

    def _memory(self, order_id: str) -> Told:
        told = self._told.setdefault(order_id, Told())
        self._told.move_to_end(order_id)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return told
