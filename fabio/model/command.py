"""Commands: what the machine asks of the outside. Imperatives."""

from decimal import Decimal

import msgspec

from fabio.model.order import Order


class AskRegime(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask the model outside; nobody waits.

    `request_hash` is SHA-256 of the question's canonical JSON; `reserved` the most the asking may
    cost, in USD.
    """

    ask_id: str
    market: int
    request_hash: str
    reserved: Decimal


class SubmitOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Send an entry with its bracket.

    `generation` is the picture it was decided on: a broker with a newer one refuses it; 0 on paper.
    """

    order: Order
    generation: int = 0


class MoveStop(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Modify the working stop of an order; only ever closer."""

    order_id: str
    market: int
    stop_ticks: int


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cancel what is left of an entry."""

    order_id: str
    market: int


class ClosePosition(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Cancel our entries and brackets of a market and close what is held, at market.

    `size_steps` is set where only so much of it is ours; 0 closes all.
    """

    market: int
    reason: str
    size_steps: int = 0


class LookUpOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Find an order and its children by tag, done ones too; the answer is `OrderLookedUp`."""

    order_id: str
    market: int


class PlaceStop(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Protect what is held of an order, whose bracket is gone, with a stop of its own.

    `side` is the stop's. `number` makes its tag unique: it counts the stops placed for this order, from 1.
    """

    order_id: str
    market: int
    side: int
    size_steps: int
    stop_ticks: int
    number: int


class CancelVenueOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cancel an order of ours that should not be there, by the venue's id."""

    venue_id: str
    market: int
    reason: str


class TakePicture(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask the venue for everything, now; the answer is `VenueSeen`."""

    reason: str


VenueCommand = (
    SubmitOrder | MoveStop | CancelOrder | ClosePosition | LookUpOrder | PlaceStop | CancelVenueOrder | TakePicture
)
Command = AskRegime | VenueCommand
ORDER_COMMANDS = (SubmitOrder, MoveStop, CancelOrder, ClosePosition)
"""Commands for whoever has the orders now: the paper exchange, or the broker (`VenueRecord.has_orders`)."""
VENUE_COMMANDS = (LookUpOrder, PlaceStop, CancelVenueOrder, TakePicture)
"""Commands that only the broker understands."""
ACCOUNT_COMMANDS = (*ORDER_COMMANDS, PlaceStop, CancelVenueOrder)
"""Commands that can change the account: durable in the journal before they leave."""
