"""What the venue says of itself: its orders, its positions, and a whole picture of both.

The venue owns positions and orders, the journal owns why. Everything here is as the venue
tells it, in the house's units. A market of `NO_MARKET` is a contract that the machine does
not trade.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from fabio.model.order import Fill, Leg

NO_MARKET = -1
VenueStatus = Literal["suspended", "pending", "working", "filled", "cancelled", "expired", "rejected", "unknown"]
"""`suspended` children wait for their entry's fill; `pending` may still work or is being cancelled."""
VenueKind = Literal["market", "limit", "stop", "other"]
LIVE_STATUSES = frozenset({"suspended", "pending", "working", "unknown"})
"""Statuses in which an order may still change what is held; a status we cannot read is one of them."""


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the venue has it.

    Parameters
    ----------
    venue_id
        The venue's own id, as text.
    tag
        As the venue has it; empty without one.
    order_id
        Id of our entry that it is, or belongs to; empty for an order that is not ours.
    leg
        `entry`, `stop` (a bracket's child or a stop of `PlaceStop`), `target`; `close` where the tag does not say.
    native
        Whether a `stop` is a child of the entry's own bracket; False for one of `PlaceStop`.
    market
        `NO_MARKET` where the machine does not trade the contract.
    contract
        The venue's name of it, for people.
    side
        1 buys, -1 sells.
    size_steps, filled_steps
        Ordered, and filled of it so far.
    filled_ticks
        Average price of what is filled; None while nothing is.
    limit_ticks, stop_ticks
        Absolute; None where it has none (suspended children have neither).
    created_ns
        The venue's time of its creation; None where it does not say.
    """

    venue_id: str
    tag: str = ""
    order_id: str = ""
    leg: Leg = "close"
    native: bool = True
    market: int
    contract: str = ""
    kind: VenueKind
    side: int
    size_steps: int
    filled_steps: int = 0
    filled_ticks: float | None = None
    limit_ticks: int | None = None
    stop_ticks: int | None = None
    status: VenueStatus
    created_ns: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether it may still change what is held."""
        return self.status in LIVE_STATUSES

    @property
    def is_ours(self) -> bool:
        """Whether its tag is one of ours."""
        return self.order_id != ""

    @property
    def protects(self) -> bool:
        """Whether it is a child or a stop of ours, not an entry."""
        return self.is_ours and self.leg != "entry"


class VenuePosition(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue holds for us of one contract; `size_steps` is signed and never 0."""

    market: int
    contract: str = ""
    size_steps: int
    entry_ticks: float


class VenuePicture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the venue says at one time, from REST.

    Parameters
    ----------
    generation
        Of the connection it was taken in; the broker counts them from 1, one more for each
        time the picture may have changed unseen.
    taken_ns
        Runtime clock just before its first request left: whatever happened before is in it,
        unless the venue's queries lag.
    complete
        Whether every query answered; an incomplete one proves nothing but its fills.
    balance
        Closed balance.
    can_trade
        False when the venue has locked the account.
    positions
        Of all contracts, also those that the machine does not trade.
    orders
        All that may still work, of anybody, and our own of the last while that are done.
    fills
        Own executions of the last while (at least since arming), voided ones left out.
        `Fill.order_id` is that of our entry (no `-SL`, `-TP`), empty where the order has no tag
        of ours; `leg` is that of the tag, `close` without one.
    clock_skew_ns
        Venue's clock minus the runtime clock.
    refused_markets
        Why a market's contract takes no entries (expired, about to, not active), by market.
    """

    generation: int
    taken_ns: int
    complete: bool
    balance: Decimal
    can_trade: bool = True
    positions: tuple[VenuePosition, ...] = ()
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[Fill, ...] = ()
    clock_skew_ns: int = 0
    refused_markets: dict[int, str] = {}
