"""Own executions: each told once, none lost, whichever way and however often it comes.

A half-turn may arrive before the order it belongs to. Then it waits: for the hub to tell of the
order, for the answer to our own `place`, and after a moment it asks the venue for that order by
id. What cannot be resolved that way is in the next picture.
"""

from collections import OrderedDict
from collections.abc import Callable

from fabio.adapters.topstepx.broker.book import Book
from fabio.adapters.topstepx.broker.errands import Errands
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.translate import cost, fill_of
from fabio.adapters.topstepx.errors import WireError
from fabio.adapters.topstepx.records import HalfTurn, Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.model.event import OrderFilled

REMEMBERED = 20_000
MOST_WAITING = 512
FIRST_LOOK_S = 0.3
LOOKS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
NOT_THERE_LOOKS = 5
"""Looks, over 8 s, that have to say that an order does not exist before its execution is told without one.

Lists were seen to lag by 5 s.
"""


class Executions:
    """Tells own executions as events.

    Parameters
    ----------
    heard
        Takes an order's record that was asked for.
    doubt
        Told, in words, when something can only be cleared by a picture.
    """

    def __init__(
        self, reach: Reach, book: Book, errands: Errands,
        heard: Callable[[Order], None], doubt: Callable[[str], None],
    ) -> None:
        self._reach = reach
        self._book = book
        self._errands = errands
        self._heard = heard
        self._doubt = doubt
        self._seen: OrderedDict[int, bool] = OrderedDict()  # half-turn's id -> whether it counts (False: voided)
        self._sizes: OrderedDict[int, int] = OrderedDict()  # venue id of the order -> contracts told of
        self._waiting: dict[int, HalfTurn] = {}  # half-turn's id -> one whose order is not known

    @property
    def waiting(self) -> int:
        """How many wait for their order."""
        return len(self._waiting)

    def told_size(self, venue_id: int) -> int:
        """Give how many contracts of an order's executions were told."""
        return self._sizes.get(venue_id, 0)

    def take(self, trade: HalfTurn) -> None:
        """Take a half-turn from the hub, or from a search for it."""
        if self._reach.traded.named(trade.contract_id) is None:
            self._reach.counts["executions of other contracts"] += 1
        elif trade.id in self._seen:
            self._again(trade)
        elif trade.voided:
            self._waiting.pop(trade.id, None)
            self._remember(trade)
        elif trade.order_id == 0 or self._book.identifies(trade.order_id):
            self._tell(trade)
        else:
            self._wait(trade)

    def note(self, trade: HalfTurn) -> None:
        """Take a half-turn that a picture tells: it is not told again."""
        self._waiting.pop(trade.id, None)
        if trade.id in self._seen:
            self._seen[trade.id] = self._seen[trade.id] and not trade.voided
        else:
            self._remember(trade)

    def identified(self, venue_id: int) -> None:
        """Tell what waited for this order."""
        for trade in [each for each in self._waiting.values() if each.order_id == venue_id]:
            self._tell(trade)

    def _again(self, trade: HalfTurn) -> None:
        self._reach.counts["executions again"] += 1
        if trade.voided and self._seen[trade.id]:
            self._seen[trade.id] = False
            self._doubt(f"the venue voided execution {trade.id}, which it had told")

    def _remember(self, trade: HalfTurn) -> None:
        self._seen[trade.id] = not trade.voided
        if not trade.voided:
            self._sizes[trade.order_id] = self._sizes.get(trade.order_id, 0) + trade.size
            self._sizes.move_to_end(trade.order_id)
        for memory in (self._seen, self._sizes):
            if len(memory) > REMEMBERED:
                memory.popitem(last=False)

    def _tell(self, trade: HalfTurn) -> None:
        self._waiting.pop(trade.id, None)  # the same one may wait, since before its order was known
        traded = self._reach.traded.named(trade.contract_id)
        if traded is None:
            return
        self._remember(trade)
        try:
            fill = fill_of(trade, self._book.tag_of(trade.order_id), traded, self._reach.now_ns())
        except WireError as error:
            self._reach.counts["unreadable executions"] += 1
            self._doubt(str(error))
            return
        fees_from = cost(trade, traded)[1]
        if fees_from != "venue":
            self._reach.counts["executions with fees from the table"] += 1
        if not traded.is_on_grid(trade.price):
            self._reach.counts["executions off the grid"] += 1
        self._reach.emit(OrderFilled(ts_ns=self._reach.now_ns(), market=traded.market, fill=fill))

    def _wait(self, trade: HalfTurn) -> None:
        self._reach.counts["executions before their order"] += 1
        self._waiting[trade.id] = trade
        venue_id = trade.order_id
        if len(self._waiting) > MOST_WAITING:
            self._leave_to_picture(next(iter(self._waiting.values())).order_id, "too many executions wait")
        if not self._errands.go(f"order {venue_id} of an execution", lambda: self._resolve(venue_id)):
            self._leave_to_picture(venue_id, "too much has to be looked up")

    async def _resolve(self, venue_id: int) -> None:
        """Ask for an order until it is known; the pauses give the hub time to tell by itself."""
        await self._reach.clock.sleep(FIRST_LOOK_S)
        missing = 0
        for pause_s in (*LOOKS_S, 0.0):
            if not any(each.order_id == venue_id for each in self._waiting.values()):
                return
            try:
                record = await self._reach.rest.order(self._reach.account_id, venue_id, Urgency.PROTECT)
            except READ_ERRORS:
                record = None
            else:
                missing += record is None
            if record is not None:
                self._heard(record)
                await self._resolve_parent(record)
            if self._book.identifies(venue_id) or missing >= NOT_THERE_LOOKS:
                self.identified(venue_id)
                return
            await self._reach.clock.sleep(pause_s)
        self._leave_to_picture(venue_id, f"order {venue_id} of an execution cannot be looked up")

    async def _resolve_parent(self, record: Order) -> None:
        if record.parent_order_id is None or self._book.identifies(record.id):
            return
        try:
            parent = await self._reach.rest.order(self._reach.account_id, record.parent_order_id, Urgency.PROTECT)
        except READ_ERRORS:
            return
        if parent is not None:
            self._heard(parent)

    def _leave_to_picture(self, venue_id: int, why: str) -> None:
        for trade_id in [each.id for each in self._waiting.values() if each.order_id == venue_id]:
            del self._waiting[trade_id]
        self._doubt(why)
