"""An order at the venue with its bracket, from arrival to its last fill.

TopstepX calls it an Auto OCO group: an entry and two children, stop and target. The
children exist for what is filled of the entry and not yet closed (`held_steps`), so the
working stop always covers exactly what is open (I20), there is never more than one stop
per entry (I23), and when one child fills the other is gone with it.
"""

import msgspec

from fabio.exchange.assumptions import NEVER_NS
from fabio.exchange.queue import watch_ticks
from fabio.exchange.scan import NO_HIGH, NO_LOW
from fabio.model.order import Order


class Group(msgspec.Struct, kw_only=True):
    """One order at the venue; mutable, owned by the exchange.

    Parameters
    ----------
    order
        As it arrived.
    left_steps
        What works of the entry; 0 when it is filled or gone.
    entry_ahead_steps, target_ahead_steps
        Volume ahead of entry and target in the queue; None for trade-through only.
    held_steps
        Open quantity, unsigned.
    stop_ticks, target_ticks
        The children's prices; they work while `held_steps` is above 0.
    fills
        Executions so far; numbers their ids.
    """

    order: Order
    left_steps: int
    entry_ahead_steps: int | None = None
    target_ahead_steps: int | None = None
    held_steps: int = 0
    stop_ticks: int = 0
    target_ticks: int = 0
    fills: int = 0

    @property
    def exit_side(self) -> int:
        """Side of stop, target and close."""
        return -self.order.side

    @property
    def good_until_ns(self) -> int:
        """When what is left of the entry ends; `NEVER_NS` when nothing is, or it has no such time."""
        if self.left_steps == 0 or self.order.good_until_ns is None:
            return NEVER_NS
        return self.order.good_until_ns

    @property
    def done(self) -> bool:
        """Nothing works and nothing is held."""
        return self.left_steps == 0 and self.held_steps == 0

    def watched(self) -> list[tuple[int, int]]:
        """Give the working prices, each with the side of the order that works there."""
        prices = []
        if self.left_steps > 0 and self.order.limit_ticks is not None:
            side = self.order.side
            prices.append((watch_ticks(self.order.limit_ticks, side, self.entry_ahead_steps), side))
        if self.held_steps > 0:
            target = watch_ticks(self.target_ticks, self.exit_side, self.target_ahead_steps)
            prices.append((target, self.exit_side))
            # a sell stop waits below like a buy limit: the other side of its target
            prices.append((self.stop_ticks, self.order.side))
        return prices

    def bounds(self) -> tuple[int, int]:
        """Give the nearest prices, below and above, at or beyond which a trade matters."""
        low, high = NO_LOW, NO_HIGH
        for price, side in self.watched():
            if side > 0:
                low = max(low, price)
            else:
                high = min(high, price)
        return low, high


def refusal(order: Order) -> str:
    """Say why the venue would refuse an order by its own fields; empty when it would not."""
    if order.size_steps <= 0:
        return f"size of {order.size_steps} steps, at least 1 is needed"
    if (order.kind == "limit") != (order.limit_ticks is not None):
        return f"a {order.kind} order with limit price {order.limit_ticks}"
    if order.stop_offset_ticks * order.side >= 0:
        return f"invalid stop-loss ticks {order.stop_offset_ticks}: not on the losing side of the entry"
    if order.target_offset_ticks * order.side <= 0:
        return f"invalid take-profit ticks {order.target_offset_ticks}: not on the winning side of the entry"
    return ""
