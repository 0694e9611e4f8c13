"""What takes a whole list of orders: a complete query, and the order that carries a tag.

The second settles an `Unknown` new order. Three answers are possible, and "not there" is given
only on complete answers of both endpoints that could show it. Even then it is one look: a request
that hangs on its way may still make the order, so the caller looks again before it gives up (three
looks over 10 s) and never sends again.
"""

from collections.abc import Awaitable, Callable

import msgspec

from fabio.adapters.topstepx.contracts import same_contract
from fabio.adapters.topstepx.enums import LIVE, OrderStatus
from fabio.adapters.topstepx.errors import CredentialsRefused, PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import Order
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.endpoints import OrderQuery, Rest

MOST_PAGES = 200
EARLIER_NS = 120_000_000_000
"""Clocks differ: the search begins so much before the order was sent."""


class TagFound(msgspec.Struct, frozen=True, tag=True):
    """Orders with the tag: one, but where a reused tag was rejected the record of that as well.

    What may still change a position stands first, then what has changed one, refusals last.
    """

    orders: tuple[Order, ...]

    @property
    def order(self) -> Order:
        """The one that counts."""
        return self.orders[0]


class TagNotFound(msgspec.Struct, frozen=True, tag=True):
    """At this moment the venue has no order with the tag."""


class TagUnclear(msgspec.Struct, frozen=True, tag=True):
    """No order was seen, but not everything could be looked at."""

    why: str


TagAnswer = TagFound | TagNotFound | TagUnclear


async def query_orders(
    rest: Rest, query: OrderQuery, contract_id: str | None = None, urgency: Urgency = Urgency.ASK
) -> tuple[Order, ...]:
    """List all orders of a query, by ascending id: the pages go by the venue's total.

    Parameters
    ----------
    contract_id
        Only orders of this contract, compared here: the venue's own filter does nothing.

    Raises
    ------
    WireError
        If the pages end before the total is reached: what is missing is not known.
    """
    found: dict[int, Order] = {}  # order id -> order
    row = 0
    for _ in range(MOST_PAGES):
        page = await rest.orders_page(query, row, urgency)
        found.update((order.id, order) for order in page.orders)
        row += len(page.orders)
        if page.total is not None and len(found) >= page.total:
            break
        if not page.orders:
            if page.total is None:
                break
            raise WireError(f"/api/Order/v2/query tells of {page.total} orders and hands out {len(found)}")
    else:
        raise WireError(f"/api/Order/v2/query has more than {MOST_PAGES} pages")
    return tuple(found[order_id] for order_id in sorted(found)
                 if contract_id is None or same_contract(found[order_id].contract_id, contract_id))


async def find_order_by_tag(
    rest: Rest, account_id: int, tag: str, since_ns: int, urgency: Urgency = Urgency.PROTECT
) -> TagAnswer:
    """Look for the order that carries a tag, in both endpoints that could show it.

    Parameters
    ----------
    since_ns
        When it was sent, by our clock; orders made up to two minutes before are looked at.
    """
    start_ns = max(0, since_ns - EARLIER_NS)
    wrong: list[str] = []
    found: dict[int, Order] = {}  # order id -> order
    query = OrderQuery(account_id=account_id, created_after_ns=start_ns)
    looks: tuple[Callable[[], Awaitable[tuple[Order, ...]]], ...] = (
        lambda: query_orders(rest, query, urgency=urgency),
        lambda: rest.orders_since(account_id, start_ns, urgency=urgency),
    )
    for look in looks:
        try:
            orders = await look()
        except (TemporaryError, WireError, PermanentError, CredentialsRefused) as error:
            wrong.append(str(error))
            continue
        found.update((order.id, order) for order in orders if order.custom_tag == tag)
        if found:
            break
    if found:
        return TagFound(tuple(sorted(found.values(), key=lambda order: (_weight(order), order.id))))
    return TagUnclear("; ".join(wrong)) if wrong else TagNotFound()


def _weight(order: Order) -> int:
    if order.status in LIVE:
        return 0
    if order.fill_volume or order.status == OrderStatus.FILLED:
        return 1
    return 3 if order.status == OrderStatus.REJECTED else 2
