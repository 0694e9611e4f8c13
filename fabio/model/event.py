"""Events: everything the outside can do. Past tense; each names its market, or the account.

`ts_ns` is the runtime clock. All events but ticks are journaled.
"""

from typing import Literal

import msgspec

from fabio.model.order import Fill
from fabio.model.regime import Assessment
from fabio.model.tick import Ticks


class TicksArrived(msgspec.Struct, frozen=True, gc=False):
    """A batch of prints of any length; those before `start` were taken already."""

    ticks: Ticks
    start: int = 0


class TimerFired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The moment asked for with `next_timer_ns` has come."""

    ts_ns: int


class RegimeAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model answered."""

    ts_ns: int
    market: int
    ask_id: str
    source: str
    assessment: Assessment


class RegimeFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model did not answer, or not usably; `reason` is from a closed set of the adapter."""

    ts_ns: int
    market: int
    ask_id: str
    source: str
    reason: str


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
    """Stop and target of an order work at the venue, at these prices, for this size."""

    ts_ns: int
    market: int
    order_id: str
    stop_ticks: int
    target_ticks: int
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

    `name` is the strategy for enable and disable, else empty.
    """

    ts_ns: int
    id: str
    verb: Literal["stop", "flatten", "halt", "resume", "enable", "disable"]
    name: str = ""
    reason: str = ""


class HistoryLoaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Earlier sessions were put behind this one; their content has this hash."""

    ts_ns: int
    market: int
    source: str
    sessions: int
    content_hash: str


VenueEvent = (
    OrderAccepted | OrderRejected | OrderFilled | BracketWorking | OrderCancelled | OrderExpired
)
JournaledEvent = (
    TimerFired | RegimeAnswered | RegimeFailed | OrderAccepted | OrderRejected | OrderFilled
    | BracketWorking | OrderCancelled | OrderExpired | FeedLost | FeedRestored | OperatorAsked
    | HistoryLoaded
)
Event = TicksArrived | JournaledEvent
