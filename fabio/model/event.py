"""Events: everything the outside can do. Past tense; each names its market, or the account.

`ts_ns` is the runtime clock. All events but ticks are journaled.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from fabio.model.assessment import Assessment, ModelTerms
from fabio.model.order import Fill
from fabio.model.strategy import StateConfigured, StrategyUpdate
from fabio.model.tick import Ticks
from fabio.model.venue import VenueOrder, VenuePicture


class TicksArrived(msgspec.Struct, frozen=True, gc=False):
    """A batch of prints of any length; those before `start` were taken already."""

    ticks: Ticks
    start: int = 0


class TimerFired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The moment asked for with `next_timer_ns` has come."""

    ts_ns: int


class ModelConnected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A run began with a model outside, or (None) without one."""

    ts_ns: int
    terms: ModelTerms | None


class RegimeAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model outside answered; `cost` in USD, None where it is not known."""

    ts_ns: int
    market: int
    ask_id: str
    source: str
    assessment: Assessment
    cost: Decimal | None = None


class RegimeFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model did not answer, or not usably.

    `reason` begins with a word of a closed set; `cost` in USD, None where it is not known.
    """

    ts_ns: int
    market: int
    ask_id: str
    source: str
    reason: str
    cost: Decimal | None = None


class OrderAccepted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue took the order."""

    ts_ns: int
    market: int
    order_id: str


class OrderRejected(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue refused it."""

    ts_ns: int
    market: int
    order_id: str
    reason: str


class OrderFilled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An own execution, of an entry, a bracket child or a close."""

    ts_ns: int
    market: int
    fill: Fill


class BracketWorking(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Stop and target of an order work at the venue, at these prices, for this size.

    `target_ticks` is None where only a stop works (one of `PlaceStop`).
    """

    ts_ns: int
    market: int
    order_id: str
    stop_ticks: int
    target_ticks: int | None
    size_steps: int


class OrderCancelled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What was left of an entry is gone from the venue."""

    ts_ns: int
    market: int
    order_id: str
    reason: str


class OrderExpired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An entry reached its good-until time unfilled."""

    ts_ns: int
    market: int
    order_id: str


class FeedLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No ticks are to be had; `from_ns` is the exchange time of the last one."""

    ts_ns: int
    market: int
    from_ns: int
    reason: str


class FeedRestored(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ticks are back; `to_ns` is the exchange time from which they are whole again."""

    ts_ns: int
    market: int
    from_ns: int
    to_ns: int


class OperatorAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person (or a program, through the inbox) asks something of the agent.

    `name` is the strategy for enable and disable, for undo the id of what is to be undone, else empty.
    """

    ts_ns: int
    id: str
    verb: Literal["stop", "flatten", "halt", "resume", "enable", "disable", "undo"]
    name: str = ""
    reason: str = ""


class SettingsChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Settings came into force while the agent ran, or with its start.

    Parameters
    ----------
    values
        Every setting that may change in place, by its path, as text.
    changed
        The paths whose value is new.
    states
        Of the strategies whose configured state is another.
    """

    ts_ns: int
    values: dict[str, str]
    changed: tuple[str, ...]
    states: tuple[StateConfigured, ...]


class LessonArrived(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The learning cycle, a process of its own, sends what a paired replay confirmed.

    Parameters
    ----------
    id
        Of the request in the inbox.
    update
        What is to change, with the trial's figures as its reason.
    against
        What stood of the same fields where it was tried; it holds for nothing else.
    """

    ts_ns: int
    id: str
    update: StrategyUpdate
    against: StrategyUpdate


class HistoryLoaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Earlier sessions were put behind this one; their content has this hash."""

    ts_ns: int
    market: int
    source: str
    sessions: int
    content_hash: str


class OrderUnknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An entry was sent and what became of it is not known: it may work, or not be there."""

    ts_ns: int
    market: int
    order_id: str
    reason: str


class OrderLookedUp(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a `LookUpOrder` found: the entry and its children, and their executions; empty: nothing.

    `asked_ns` is the runtime clock when the query left. A query that failed is a
    `CommandFailed`, never an empty answer.
    """

    ts_ns: int
    market: int
    order_id: str
    asked_ns: int
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[Fill, ...] = ()


class BracketLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The stop of an order is definitely gone from the venue, without a fill: cancelled, refused, expired."""

    ts_ns: int
    market: int
    order_id: str
    reason: str


class CommandFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A command other than an entry did not do what it says.

    `command` is its class name; `known` tells a refusal (it had no effect) from an outcome
    nobody knows.
    """

    ts_ns: int
    market: int
    command: str
    order_id: str = ""
    known: bool
    reason: str


class VenueSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A picture of the venue: after each connection, when asked for, on the broker's own account."""

    ts_ns: int
    picture: VenuePicture


class VenueLost(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What happens at the venue may go unseen from now on: the user hub or REST is away, or we restarted."""

    ts_ns: int
    reason: str


class VenueRestored(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue is heard and answers again, under a new generation; its picture follows."""

    ts_ns: int
    generation: int


class AccountSeen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The venue said something of the account by itself; `can_trade` False is its lock."""

    ts_ns: int
    balance: Decimal
    can_trade: bool


class ArmAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person wants this account traded until the end of this trade date.

    Parameters
    ----------
    account
        Its name at the venue.
    balance, day_start_balance
        Closed balance now, and when the trade date began, in USD.
    loss_floor
        From the settings: the venue tells none.
    until_ns
        The flat-by time of the trade date; trading ends where closing for it begins.
    """

    ts_ns: int
    id: str
    account: str
    balance: Decimal
    day_start_balance: Decimal
    loss_floor: Decimal
    until_ns: int
    reason: str = ""


class DisarmAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person wants trading to end: no entries; what is held keeps its bracket until it is closed."""

    ts_ns: int
    id: str
    reason: str = ""


VenueEvent = (
    OrderAccepted | OrderRejected | OrderFilled | BracketWorking | OrderCancelled | OrderExpired
)
JournaledEvent = (
    TimerFired | ModelConnected | RegimeAnswered | RegimeFailed | OrderAccepted | OrderRejected | OrderFilled
    | BracketWorking | OrderCancelled | OrderExpired | FeedLost | FeedRestored | OperatorAsked
    | LessonArrived | SettingsChanged | HistoryLoaded | OrderUnknown | OrderLookedUp | BracketLost | CommandFailed
    | VenueSeen | VenueLost | VenueRestored | AccountSeen | ArmAsked | DisarmAsked
)
Event = TicksArrived | JournaledEvent
