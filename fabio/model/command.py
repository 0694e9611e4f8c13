"""Commands: what the machine asks of the outside. Imperatives."""

import msgspec

from fabio.model.order import Order


class AskRegime(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ask the model; nobody waits. `request_hash` is SHA-256 of the request's canonical JSON."""

    ask_id: str
    market: int
    request_hash: str


class SubmitOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Send an entry with its bracket."""

    order: Order


class MoveStop(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Modify the working stop of an order; only ever closer."""

    order_id: str
    market: int
    stop_ticks: int


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cancel what is left of an entry."""

    order_id: str
    market: int


class ClosePosition(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cancel the bracket and close what is held, at market."""

    market: int
    reason: str


Command = AskRegime | SubmitOrder | MoveStop | CancelOrder | ClosePosition
ACCOUNT_COMMANDS = (SubmitOrder, MoveStop, CancelOrder, ClosePosition)
"""Commands that can change the account: durable in the journal before they leave."""
