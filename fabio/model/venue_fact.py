"""Facts of live trading: what became true between the machine and the venue."""

from decimal import Decimal

import msgspec

from fabio.model.order import Fill

# -- who trades where ---------------------------------------------------------------------


class Armed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Orders go to the venue from now on; the account is the venue's."""

    account: str
    balance: Decimal
    day_start_balance: Decimal
    loss_floor: Decimal
    until_ns: int


class ArmRefused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Arming was asked for and is not possible; `reason` says what would have to be otherwise."""

    reason: str


class ArmingEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No more entries; orders and positions stay the venue's until it is proven flat."""

    reason: str


class Disarmed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue is flat and nothing of ours works there: observing again, on paper."""

    reason: str


class BalanceAdopted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue's closed balance took the place of ours."""

    balance: Decimal
    before: Decimal


# -- what is known of the venue -----------------------------------------------------------


class VenueChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue is lost, or heard again under a new generation; no entries until its picture agrees."""

    connected: bool
    generation: int
    reason: str


class PictureAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue was asked for a picture."""

    reason: str


class PictureSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A whole picture of the current generation was compared with the book."""

    generation: int
    taken_ns: int
    clock_skew_ns: int
    can_trade: bool
    refused_markets: dict[int, str]


class VenueAgreed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Venue and book say the same: entries may be decided on this generation."""

    generation: int


class VenueDiffers(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Before venue and book agreed: what of a picture does not, in words."""

    what: tuple[str, ...]


class GapSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue holds something else than the book; nothing is done before a second look."""

    market: int
    held_steps: int
    venue_steps: int
    taken_ns: int


class GapClosed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A difference is gone, or was settled."""

    market: int
    reason: str


class ForeignSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Orders and positions that are not ours, in words; none when empty. They are never touched.

    `steps` is what of each of our markets is held by somebody else.  # market -> signed steps
    """

    what: tuple[str, ...]
    steps: dict[int, int]


class VenueRefused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A command did not work (`known`), or nobody knows whether it did."""

    command: str
    market: int
    order_id: str
    known: bool
    reason: str


# -- fills that are not what they should be ------------------------------------------------


class FillHeld(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An exit, or an untagged execution that may be one, overtook its entry's fill: it waits for it, unbooked."""

    order_id: str
    fill: Fill


class FillReleased(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fill that waited is taken now."""

    order_id: str
    fill_id: str


class FillStray(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """So much of an execution belongs to nothing that we hold: it is not booked, the venue is asked."""

    fill: Fill
    size_steps: int
    reason: str


class FillExplained(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An execution came that was adopted before from a picture: it is booked already."""

    fill: Fill
    size_steps: int


class PositionAdopted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A change of our position that no execution explains was taken from the venue.

    `fill` stands for it; it is booked next. `price_known` is False where its price is the last trade.
    """

    fill: Fill
    price_known: bool
    reason: str


class ClosedElsewhere(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody else closed so much of our position."""

    market: int
    size_steps: int


# -- orders -------------------------------------------------------------------------------


class LookUpAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue was asked for an order by its tag."""

    order_id: str
    market: int
    reason: str


class OrderNotFound(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue does not know the order, at this look."""

    order_id: str
    market: int


class CancelAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What is left of an entry is to be cancelled."""

    order_id: str
    market: int
    reason: str


class OrphanAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order of ours that protects nothing, or should not be, is to be cancelled."""

    market: int
    venue_id: str
    what: str


# -- protection ---------------------------------------------------------------------------


class BracketKnown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The bracket of an order works before its fill was heard of."""

    market: int
    order_id: str
    stop_ticks: int
    target_ticks: int | None
    size_steps: int


class StopDoubted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A look at the venue did not show the position's stop: it has to be seen, soon."""

    market: int
    reason: str


class StopLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The position's stop is gone."""

    market: int
    reason: str


class StopAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A stop of its own was asked for in place of the bracket's."""

    market: int
    order_id: str
    stop_ticks: int
    number: int


class ProtectionAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The stop was not seen in time: the venue was asked for it."""

    market: int


class StopThrough(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Price traded through the stop, and its fill has not come."""

    market: int
    last_ticks: int


class StopThroughAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue was asked what became of the stop."""

    market: int


class StopHeld(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Price is back on the right side, and the stop works still."""

    market: int


# -- proof --------------------------------------------------------------------------------


class FlatWanted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue has to show the market flat, without an order of ours.

    `closing` where we asked to close it; `kill` where a halt or a person's flatten did.
    """

    market: int
    reason: str
    closing: bool
    kill: bool


class FlatAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Closing, or the proof of it, was asked for again; `tries` counts."""

    market: int
    tries: int


class FlatProven(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A picture of the venue shows it: nothing held, nothing of ours works; `taken_ns` is its time."""

    market: int
    reason: str
    taken_ns: int


VenueFact = (
    Armed | ArmRefused | ArmingEnded | Disarmed | BalanceAdopted | VenueChanged | PictureAsked | PictureSeen
    | VenueAgreed | VenueDiffers | GapSeen | GapClosed | ForeignSeen | VenueRefused | FillHeld | FillReleased
    | FillStray | FillExplained | PositionAdopted | ClosedElsewhere | LookUpAsked | OrderNotFound | CancelAsked
    | OrphanAsked | BracketKnown | StopDoubted | StopLost | StopAsked | ProtectionAsked | StopThrough | StopThroughAsked
    | StopHeld | FlatWanted | FlatAsked | FlatProven
)
