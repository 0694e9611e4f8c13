"""Order records as clients see them, with every version they ever had."""

from bisect import bisect_right

import msgspec

from fabio.adapters.topstepx.enums import LIVE, OrderStatus
from fabio.adapters.topstepx.records import Order

FIRST_ORDER_ID = 2_815_000_101
"""Real ids exceed 32 bits."""


class Orders:
    """All orders of all accounts; an id is never used twice."""

    def __init__(self) -> None:
        self._versions: dict[int, list[tuple[int, Order]]] = {}  # order id -> (since ns, record), oldest first
        self._created_ns: dict[int, int] = {}
        self._of_account: dict[int, list[int]] = {}  # account id -> order ids, ascending
        self._tags: set[tuple[int, str]] = set()  # account id, tag
        self._live: dict[int, dict[int, None]] = {}  # account id -> ids of orders that may still trade, ascending
        self._hidden: set[int] = set()
        self._next_id = FIRST_ORDER_ID

    def new_id(self) -> int:
        """Give the next order's id."""
        self._next_id += 1
        return self._next_id - 1

    def keep(self, ts_ns: int, order: Order) -> None:
        """Keep a new order, or a new version of one."""
        if order.id not in self._versions:
            self._versions[order.id] = []
            self._created_ns[order.id] = ts_ns
            self._of_account.setdefault(order.account_id, []).append(order.id)
            if order.custom_tag is not None:
                self._tags.add((order.account_id, order.custom_tag))
        self._versions[order.id].append((ts_ns, order))
        live = self._live.setdefault(order.account_id, {})
        if order.status in LIVE:
            live[order.id] = None
        else:
            live.pop(order.id, None)

    def get(self, order_id: int) -> Order:
        """Give an order as it is now."""
        return self._versions[order_id][-1][1]

    def find(self, account_id: int, order_id: int, as_of_ns: int) -> Order | None:
        """Give an account's order as it was at a time; None where it does not exist, or is hidden."""
        if order_id in self._hidden:
            return None
        order = self._as_of(order_id, as_of_ns)
        return order if order is not None and order.account_id == account_id else None

    def of(self, account_id: int, as_of_ns: int) -> list[Order]:
        """Give an account's orders as they were at a time, oldest first."""
        found = (self._as_of(order_id, as_of_ns) for order_id in self._of_account.get(account_id, ())
                 if order_id not in self._hidden)
        return [order for order in found if order is not None]

    def live(self, account_id: int) -> list[Order]:
        """Give an account's orders that may still change what is held, hidden ones too."""
        return [self.get(order_id) for order_id in self._live.get(account_id, ())]

    def ids(self, account_id: int) -> tuple[int, ...]:
        """Give the ids of all orders of an account, hidden ones too, oldest first."""
        return tuple(self._of_account.get(account_id, ()))

    def versions(self, order_id: int) -> tuple[tuple[int, Order], ...]:
        """Give every version of an order with the time since when it is so, oldest first."""
        return tuple(self._versions[order_id])

    def created_ns(self, order_id: int) -> int:
        """When an order was made."""
        return self._created_ns[order_id]

    def has_tag(self, account_id: int, tag: str) -> bool:
        """Tell whether an order of the account has this tag, whatever became of it."""
        return (account_id, tag) in self._tags

    def hide(self, order_id: int) -> None:
        """Let an order be nowhere to be seen from now on."""
        self._hidden.add(order_id)

    def is_hidden(self, order_id: int) -> bool:
        """Tell whether nobody is told of an order."""
        return order_id in self._hidden

    def _as_of(self, order_id: int, as_of_ns: int) -> Order | None:
        versions = self._versions.get(order_id)
        if versions is None:
            return None
        if versions[-1][0] <= as_of_ns:  # nearly always
            return versions[-1][1]
        place = bisect_right(versions, as_of_ns, key=lambda version: version[0])
        return versions[place - 1][1] if place else None


def with_status(order: Order, status: OrderStatus, stamp: str) -> Order:
    """Give an order with another status, as of a time."""
    return msgspec.structs.replace(order, status=int(status), update_timestamp=stamp)
