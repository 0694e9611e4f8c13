"""Find an order and all that belongs to it by its tag: at the venue, done ones too.

"Not there" is said only on complete answers of both endpoints that could show it, and if the
hub never told of it either. It is one look; the engine takes three before it believes it.
"""

from collections.abc import Awaitable, Callable

import msgspec

from fabio.adapters.topstepx.broker.book import Book
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.broker.translate import fill_of, venue_order
from fabio.adapters.topstepx.records import HalfTurn, Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.endpoints import OrderQuery
from fabio.adapters.topstepx.rest.lookup import query_orders
from fabio.model.command import LookUpOrder
from fabio.model.event import CommandFailed, OrderLookedUp
from fabio.model.order import Fill

EARLIER_NS = 24 * 3600 * 1_000_000_000
"""How long before the beginning of the record an order is looked for: it may be of the day before."""


class Found(msgspec.Struct, frozen=True):
    """An order's family at the venue, by id, and its executions; no orders: it is not there."""

    orders: tuple[Order, ...]
    trades: tuple[HalfTurn, ...]


class LookUps:
    """Looks orders up by tag.

    Parameters
    ----------
    since_ns
        From when on orders are told; asked at each look.
    """

    def __init__(self, reach: Reach, book: Book, tags: Tags, since_ns: Callable[[], int]) -> None:
        self._reach = reach
        self._book = book
        self._tags = tags
        self._since_ns = since_ns

    async def find(self, order_id: str) -> Found:
        """Look at both endpoints that list orders, and for the executions of what is found.

        Raises
        ------
        TemporaryError, WireError, PermanentError, CredentialsRefused
            If not everything could be looked at, and nothing was found.
        """
        reach = self._reach
        start_ns = max(0, self._since_ns() - EARLIER_NS)
        query = OrderQuery(account_id=reach.account_id, created_after_ns=start_ns)
        failure: Exception | None = None
        looks: tuple[Callable[[], Awaitable[tuple[Order, ...]]], ...] = (
            lambda: query_orders(reach.rest, query, urgency=Urgency.PROTECT),
            lambda: reach.rest.orders_since(reach.account_id, start_ns, urgency=Urgency.PROTECT),
        )
        for look in looks:
            try:
                self._book.newest(await look())
            except READ_ERRORS as error:
                failure = error
            if self._book.entry(order_id) is not None:
                break
        family = self._book.family(order_id)
        if not family and failure is not None:
            raise failure
        trades: tuple[HalfTurn, ...] = ()
        if family:
            ids = {each.id for each in family}
            trades = tuple(
                each for each in await reach.rest.trades(reach.account_id, start_ns, urgency=Urgency.PROTECT)
                if each.order_id in ids and not each.voided
            )
        return Found(tuple(family), trades)

    async def look_up(self, command: LookUpOrder) -> None:
        """Answer a command with what one look finds."""
        reach = self._reach
        asked_ns = reach.now_ns()
        try:
            found = await self.find(command.order_id)
            fills = self._fills(found)
        except READ_ERRORS as error:
            reach.emit(CommandFailed(ts_ns=reach.now_ns(), market=command.market, command="LookUpOrder",
                                     order_id=command.order_id, known=False, reason=str(error)))
            return
        reach.emit(OrderLookedUp(
            ts_ns=reach.now_ns(), market=command.market, order_id=command.order_id, asked_ns=asked_ns,
            orders=tuple(venue_order(each, self._book.tag_of(each.id), reach.traded.named(each.contract_id))
                         for each in found.orders),
            fills=fills,
        ))

    def _fills(self, found: Found) -> tuple[Fill, ...]:
        fills = []
        for trade in found.trades:
            traded = self._reach.traded.named(trade.contract_id)
            if traded is not None:
                fills.append(fill_of(trade, self._book.tag_of(trade.order_id), traded, self._reach.now_ns()))
        return tuple(fills)
