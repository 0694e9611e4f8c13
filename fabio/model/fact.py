"""Facts: what became true. `Engine.apply` folds them; recovery folds them again.

A fact holds all that its fold needs, so that no state but the kernels' arrays is ever
computed twice.
"""

from decimal import Decimal

import msgspec

from fabio.model.assessment import ModelTerms
from fabio.model.order import Fill, Order, OrderState, Position, ShadowTrade, Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.strategy import Note, NoteStatus, StrategyState, StrategyUpdate
from fabio.model.told import Told
from fabio.model.venue_fact import VenueFact
from fabio.model.zone import Zone


class SessionRolled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The instrument's next session began."""

    market: int
    session: str


class TradeDateBegan(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The account's next day began: day limits start again, the loss floor may have risen."""

    trade_date: str
    day_start_balance: Decimal
    loss_floor: Decimal


class RegimeAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question was put; `band` is where price stood among the zones, the hash that of its content."""

    market: int
    ask_id: str
    ts_ns: int
    band: str
    request_hash: str = ""


class RegimeInferred(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The rules answered; in force where no answer of a model stands."""

    market: int
    regime: Regime


class ModelSet(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Who is asked beside the rules from now on; None for nobody."""

    terms: ModelTerms | None


class ModelAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question left for the model outside.

    Parameters
    ----------
    why
        What had moved, or happened, since the last one.
    reserved
        The most it may cost, in USD.
    told
        What it tells, in short: the next one leaves when something of it has moved.
    """

    market: int
    ask_id: str
    ts_ns: int
    why: str
    request_hash: str
    reserved: Decimal
    told: Told


class ModelAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model outside answered in time; `stands` where its authority makes it the regime in force.

    `cost` in USD, None where it is not known: then what was reserved counts.
    """

    market: int
    regime: Regime
    stands: bool
    cost: Decimal | None


class ModelFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question to the model outside ended without effect: the rules' label stands."""

    market: int
    ask_id: str
    reason: str
    cost: Decimal | None


class ModelHeld(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model outside is asked less, or not at all, and why; empty: it is asked again."""

    reason: str


class ZonesSet(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody's importance zones stand beside the profile's; `before` is what stood there."""

    id: str
    market: int
    zones: tuple[Zone, ...]
    before: tuple[Zone, ...]
    source: str


class StrategyChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A strategy's state changed; `source` is who did it (`rules`, a model, `operator`)."""

    id: str
    name: str
    before: StrategyState
    after: StrategyState
    source: str
    reason: str


class UpdateRefused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A change somebody wanted was not made, and why not."""

    update: StrategyUpdate
    source: str
    reason: str


class NoteMade(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A note to the future self; pending until outcomes speak."""

    note: Note


class NoteJudged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Outcomes, age or a person changed what a note is worth."""

    note_id: str
    status: NoteStatus
    reason: str


class SignalApproved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Every guard let the signal pass and it has a size."""

    decision: Decision


class SignalBlocked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """At least one guard (or sizing) refused."""

    decision: Decision


class OrderBooked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order of ours exists, in flight."""

    order: Order


class OrderMoved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order changed its state."""

    order_id: str
    market: int
    state: OrderState
    reason: str = ""


class FillBooked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An own execution; `position` is what is held after it, None when flat."""

    fill: Fill
    position: Position | None


class StopPlaced(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """The bracket of a position works at these prices; `target_ticks` is None where only a stop does.

    `size_steps` is what the stop covers; 0 is all that is held.
    """

    market: int
    stop_ticks: int
    target_ticks: int | None
    size_steps: int = 0


class StopTightened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A closer stop was asked for."""

    market: int
    strategy: str
    stop_ticks: int
    reason: str


class ExitAsked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The position is to be closed at market."""

    market: int
    reason: str


class TradeClosed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A round trip ended; `balance` is the account's closed balance after it."""

    market: int
    trade: Trade
    balance: Decimal


class ShadowOpened(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A signal runs in the shadow book."""

    market: int
    shadow_id: str
    decision_id: str


class ShadowClosed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A shadow trade ended."""

    market: int
    shadow: ShadowTrade


class Halted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No entries until a person resumes."""

    reason: str
    until_trade_date: str = ""


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Entries are allowed again."""

    reason: str


class FeedChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The feed was lost (`lost_since_ns` set) or is back (None)."""

    market: int
    lost_since_ns: int | None
    reason: str


class HistoryKnown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Earlier sessions stand behind this one."""

    market: int
    source: str
    sessions: int
    content_hash: str


Fact = (
    SessionRolled | TradeDateBegan | RegimeAsked | RegimeInferred | ModelAsked | ModelAnswered | ModelFailed
    | ModelHeld | ZonesSet | StrategyChanged | UpdateRefused | NoteMade | NoteJudged
    | SignalApproved | SignalBlocked | OrderBooked | OrderMoved | FillBooked | StopPlaced | StopTightened
    | ExitAsked | TradeClosed | ShadowOpened | ShadowClosed | ModelSet | Halted | Resumed
    | FeedChanged | HistoryKnown | VenueFact
)
