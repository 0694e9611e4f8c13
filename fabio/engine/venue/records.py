"""What the machine keeps of a live venue, as plain data; all of it is folded from facts."""

from typing import Literal

import msgspec

from fabio.model.order import Fill

NS = 1_000_000_000
Phase = Literal["observing", "armed", "leaving"]
FILLS_KEPT = 10_000


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """So much was booked from a picture; the executions behind it may still come, and count no more.

    `ts_ns` is when that was, `opened_ns` when the position it changed was opened, in the venue's time.
    """

    market: int
    order_id: str
    entry: bool
    side: int
    steps: int
    ts_ns: int = 0
    opened_ns: int = 0


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What the venue holds of a market beside what the book says, when it was first seen."""

    held_steps: int
    venue_steps: int
    taken_ns: int


class Unproven(msgspec.Struct, frozen=True, kw_only=True):
    """A market that has to be seen flat at the venue; `asked_ns` is when that was last asked for."""

    reason: str
    since_ns: int
    asked_ns: int
    tries: int
    closing: bool
    kill: bool


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A bracket that works, as the venue told it."""

    stop_ticks: int
    target_ticks: int | None
    size_steps: int


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of the venue for an order: when last, when first, how often."""

    asked_ns: int
    first_ns: int
    tries: int


class AtVenue(msgspec.Struct, kw_only=True):
    """What an order's record has beside its state, where it went to the venue."""

    moved_ns: int = 0
    exit_steps: int = 0
    trades: int = 0
    stops_placed: int = 0
    bracket: Sighting | None = None  # of a bracket seen before the fill
    early: list[Fill] = []  # exits that overtook their entry
    early_ns: int = 0
    look: Errand | None = None
    misses: int = 0  # looks that found nothing
    cancel: Errand | None = None


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """The last round trip of a market, in the venue's time; `side` is the entry's."""

    side: int
    opened_ns: int
    closed_ns: int


class Care(msgspec.Struct, kw_only=True):
    """What has to be watched of one market while its orders are the venue's.

    Parameters
    ----------
    touched_ns
        Last time anything happened to our orders or position here.
    bracket_ns, stop_steps
        When the bracket was last told of, and what its stop covers.
    unsound_ns
        Since when the position's stop is missing, or of the wrong size; None while all is well.
    unsound_asked
        Whether the venue was asked for it.
    stop_lost
        Whether the venue said that the stop is gone.
    through_ns, through_asked
        The same for a price beyond the stop.
    trip
        The one that runs, or the last.
    stray_steps
        What executions that could not be booked make together: so much is held that the book does not have.
    """

    touched_ns: int = 0
    bracket_ns: int = 0
    stop_steps: int = 0
    unsound_ns: int | None = None
    unsound_asked: bool = False
    stop_lost: bool = False
    through_ns: int | None = None
    through_asked: bool = False
    unproven: Unproven | None = None
    trip: Trip | None = None
    stray_steps: int = 0


class VenueRecord(msgspec.Struct, kw_only=True):
    """The venue as the machine knows it.

    Parameters
    ----------
    phase
        `observing`: orders go to the paper exchange. `armed`: they go to the venue. `leaving`: no
        entries any more; what there is is the venue's until it is proven flat.
    until_ns
        When arming ends by itself: closing begins for the flat-by time.
    agreed
        The last generation whose picture said what the book says; 0 for none.
    picture_ns
        `taken_ns` of the last whole picture of this generation; None before its first.
    asked_ns
        When a picture was asked for that has not come.
    differs
        What of the last picture did not agree, in words; empty where it did.
    foreign_steps
        What somebody else holds.  # market -> signed steps
    fills
        Ids of the venue's executions that were dealt with, newest last.
    """

    phase: Phase = "observing"
    account: str = ""
    armed_ns: int = 0
    until_ns: int = 0
    leaving_because: str = ""
    connected: bool = False
    lost_because: str = ""
    generation: int = 0
    agreed: int = 0
    picture_ns: int | None = None
    asked_ns: int | None = None
    skew_ns: int = 0
    can_trade: bool = True
    refused_markets: dict[int, str] = {}
    differs: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    foreign_steps: dict[int, int] = {}
    gaps: dict[int, Gap] = {}  # market -> difference that is not settled
    adopted: list[Adopted] = []
    fills: list[str] = []

    @property
    def has_orders(self) -> bool:
        """Whether orders go to the venue, not to the paper exchange."""
        return self.phase != "observing"

    @property
    def is_known(self) -> bool:
        """Whether there is a venue at all; on paper alone there never is."""
        return self.generation > 0
