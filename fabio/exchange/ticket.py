"""One order of any kind at a venue, alone or in a family: an entry and its two children.

`group` is our own order with its bracket, which always has both children, of one size and
with fixed distances. A ticket is what anybody may send to a venue: each member of a family
can be changed or cancelled by itself, and a child may trail. While nobody does so, a family
trades exactly like a group.
"""

from typing import Literal

import msgspec

from fabio.exchange.queue import watch_ticks
from fabio.exchange.scan import NO_HIGH, NO_LOW

TicketKind = Literal["market", "limit", "stop"]


class Ticket(msgspec.Struct, kw_only=True):
    """An order; mutable, owned by its pit.

    Parameters
    ----------
    id
        Unique in the pit.
    side
        1 buys, -1 sells.
    kind
        A stop that was triggered, and not filled whole, goes on as `market`.
    left_steps
        What works of it; 0 of a child that waits for its entry's fill.
    price_ticks
        Of a limit, or the trigger of a stop; None for `market`, and for a child that waits.
    trail_ticks
        Distance at which a stop follows the best price, > 0; None where it stands still.
    offset_ticks
        Of a child: signed distance from its entry's first fill; above is positive.
    children
        Ids of an entry's children.
    parent_id, sibling_id
        Of a child; the sibling goes with it when it fills.
    filled_steps
        Executed so far.
    ahead_steps
        Volume ahead of a limit in the queue; None for trade-through only.
    """

    id: int
    side: int
    kind: TicketKind
    left_steps: int = 0
    price_ticks: int | None = None
    trail_ticks: int | None = None
    offset_ticks: int | None = None
    children: tuple[int, ...] = ()
    parent_id: int | None = None
    sibling_id: int | None = None
    filled_steps: int = 0
    ahead_steps: int | None = None

    def bounds(self) -> tuple[int, int]:
        """Give the prices, below and above, at or beyond which a trade matters to it."""
        if self.left_steps == 0:
            return NO_LOW, NO_HIGH
        if self.price_ticks is None:  # the rest of a market order: any trade matters
            return NO_HIGH, NO_LOW
        if self.kind == "limit":
            price = watch_ticks(self.price_ticks, self.side, self.ahead_steps)
            return (price, NO_HIGH) if self.side > 0 else (NO_LOW, price)
        # a sell stop waits below; where it trails, a new best price above moves it
        beyond = None if self.trail_ticks is None else self.price_ticks - self.side * (self.trail_ticks + 1)
        if self.side < 0:
            return self.price_ticks, NO_HIGH if beyond is None else beyond
        return NO_LOW if beyond is None else beyond, self.price_ticks

    def follow(self, price_ticks: int) -> bool:
        """Let a trailing stop follow a trade; tell whether it moved."""
        if self.trail_ticks is None or self.price_ticks is None:
            return False
        wanted = price_ticks + self.side * self.trail_ticks
        if (self.price_ticks - wanted) * self.side <= 0:
            return False
        self.price_ticks = wanted
        return True


class Executed(msgspec.Struct, frozen=True):
    """Report: so many steps of a ticket traded at a price, and so many are left of it."""

    ticket_id: int
    ts_ns: int
    steps: int
    price_ticks: int
    left_steps: int


class Working(msgspec.Struct, frozen=True):
    """Report: a ticket works from now on, or at another price or size than before; no price at market."""

    ticket_id: int
    ts_ns: int
    left_steps: int
    price_ticks: int | None


class Over(msgspec.Struct, frozen=True):
    """Report: what was left of a ticket is gone, not filled."""

    ticket_id: int
    ts_ns: int
    reason: str


Report = Executed | Working | Over
