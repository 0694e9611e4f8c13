"""Orders and trades: caught where a strategy makes them, followed until they end, joined to decisions."""

from collections.abc import Callable
from typing import Any

import msgspec

ORDERS_FOLLOWED_AT_MOST = 100_000
"""Orders that are remembered; the oldest is forgotten first."""


class Caught:
    """Stands in for a strategy's `buy` or `sell`: makes the order the same way, and shows it.

    Orders given to the broker directly are not seen here; their first notification tells of them.
    """

    def __init__(self, strategy: Any, name: str, orders: list[Any]) -> None:
        self.strategy, self.name, self.orders = strategy, name, orders
        self.earlier = vars(strategy).get(name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Make the order; an error of the strategy or the broker passes unchanged."""
        make: Callable[..., Any] = self.earlier or getattr(type(self.strategy), self.name).__get__(self.strategy)
        order = make(*arguments, **named)
        if order is not None:
            self.orders.append(order)
        return order

    def install(self) -> None:
        """Take the method's place on this one strategy."""
        setattr(self.strategy, self.name, self)

    def remove(self) -> None:
        """Give the place back, unless somebody else has taken it since."""
        if vars(self.strategy).get(self.name) is self:
            if self.earlier is None:
                delattr(self.strategy, self.name)
            else:
                setattr(self.strategy, self.name, self.earlier)


class Made(msgspec.Struct, gc=False):
    """An order as it was made, and by which decision (None: before the first)."""

    order_id: int
    symbol: str
    side: str
    type: str
    quantity: float
    price: float | None
    limit_price: float | None
    parent_order_id: int | None
    oco_order_id: int | None
    decision_id: str | None


class OrderMoved(msgspec.Struct, gc=False):
    """What became of an order."""

    status: str
    executed_quantity: float
    executed_price: float | None
    remaining_quantity: float
    commission: float
    pnl: float


class TradeMoved(msgspec.Struct, gc=False):
    """A trade that opened or closed, and the decisions whose orders did it."""

    decision_id: str | None
    closing_decision_id: str | None
    trade_id: int
    symbol: str
    status: str
    side: str
    quantity: float
    price: float
    pnl: float | None
    pnl_net: float | None
    commission: float
    bars: int


class Following:
    """Knows which decision made an order, and which orders opened and closed a trade."""

    def __init__(self) -> None:
        self._made: dict[int, Made] = {}  # order reference -> order
        self._last_fill: dict[tuple[int, int], str | None] = {}  # feed, trade id -> decision of the last order filled
        self._opened_by: dict[int, str | None] = {}  # trade reference -> decision id

    def made(self, order: Any, symbol: str, decision_id: str | None) -> Made:
        """Remember an order and who made it."""
        asked, created = order.params, order.created
        made = self._made[order.ref] = Made(
            order.ref, symbol, "BUY" if order.isbuy() else "SELL", order.getordername(), abs(created.size),
            created.price, created.pricelimit if asked.pricelimit else None, getattr(asked.parent, "ref", None),
            getattr(asked.oco, "ref", None), decision_id)
        if len(self._made) > ORDERS_FOLLOWED_AT_MOST:
            del self._made[next(iter(self._made))]
        return made

    def get(self, order: Any) -> Made | None:
        """Return an order that is known."""
        return self._made.get(order.ref)

    def moved(self, order: Any, made: Made) -> OrderMoved:
        """Note what became of an order."""
        done, status = order.executed, order.status
        if status in (order.Partial, order.Completed):
            self._last_fill[id(order.data), order.tradeid] = made.decision_id
        if status > order.Partial:  # Completed and all that follow are ends
            self._made.pop(order.ref, None)
        return OrderMoved(order.Status[status], abs(done.size), done.price if done.size else None,
                          abs(done.remsize), done.comm, done.pnl)

    def trade(self, trade: Any, symbol: str) -> TradeMoved:
        """Note that a trade opened or closed."""
        last, closed = self._last_fill.get((id(trade.data), trade.tradeid)), trade.isclosed
        opened = self._opened_by.pop(trade.ref, last) if closed else self._opened_by.setdefault(trade.ref, last)
        return TradeMoved(
            opened, last if closed else None, trade.ref, symbol, trade.status_names[trade.status],
            "LONG" if trade.long else "SHORT", abs(trade.size), trade.price, trade.pnl if closed else None,
            trade.pnlcomm if closed else None, trade.commission, trade.barlen)


Moved = OrderMoved | TradeMoved
