"""All state of the machine but the kernels' arrays, and the one function that changes it.

`apply` folds one fact. Recovery folds the recorded facts with the same function, so that
a restarted agent knows exactly what the running one knew.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from fabio.engine import mind
from fabio.engine.mind import Asking, Change
from fabio.engine.venue import folds
from fabio.engine.venue.records import AtVenue, Care, VenueRecord
from fabio.model import fact as facts
from fabio.model import venue_fact as venue_facts
from fabio.model.account import Account
from fabio.model.assessment import ModelTerms
from fabio.model.fact import Fact
from fabio.model.order import DONE_STATES, Order, OrderState, Position
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.strategy import Note, StrategyEvidence, StrategyPerformance, StrategyState
from fabio.model.told import Told
from fabio.model.zone import Zone
from fabio.portfolio.account import book_result
from fabio.portfolio.performance import book_trade
from fabio.portfolio.positions import with_bracket
from fabio.regime import budget, notes
from fabio.regime import evidence as tests

COMMANDS_KEPT_NS, COMMANDS_KEPT = 60_000_000_000, 140
"""No setting of the exit counts further back, or more."""
_OF_COMMANDS = frozenset({
    facts.OrderBooked, facts.ExitAsked, facts.StopTightened, venue_facts.StopAsked, venue_facts.CancelAsked,
    venue_facts.OrphanAsked,
})
"""Facts beside a command that changes something at the venue; a close asked for again is none: entries wait then."""


class OrderRecord(msgspec.Struct):
    """An order of ours with what became of it so far; `venue` matters where it went to a real one."""

    order: Order
    state: OrderState
    filled_steps: int = 0
    at_venue: bool = False
    venue: AtVenue = msgspec.field(default_factory=AtVenue)


class MarketRecord(msgspec.Struct, kw_only=True):
    """What the machine knows of one instrument beside its statistics.

    Parameters
    ----------
    regime
        In force: the model's answer while it stands, else the rules'.
    rules
        What the rules said last.
    stands
        The model's answer that stands; it falls with its time, or when the rules change their label.
    told
        What the last question to the model told.
    zones
        Those a model set, beside the profile's.
    """

    session: str = ""
    regime: Regime | None = None
    rules: Regime | None = None
    stands: Regime | None = None
    stands_with: tuple[str, str] = ("", "")  # the rules' label and direction it was given with
    asking: Asking | None = None
    told: Told | None = None
    zones: tuple[Zone, ...] = ()
    last_answers: list[Regime] = []  # the rules'
    model_answers: list[Regime] = []
    position: Position | None = None
    exit_asked: bool = False
    entries_by_strategy: dict[str, int] = {}  # strategy -> entries filled this session
    last_signal_ns: dict[str, int] = {}  # "strategy/setup/side" -> time of the last approved one
    last_exit_ns: int | None = None
    feed_lost_since_ns: int | None = None
    care: Care = msgspec.field(default_factory=Care)


class State(msgspec.Struct, kw_only=True):
    """The whole machine as plain data; `msgspec` writes and reads it."""

    seq: int = 0
    tape_pos: int = 0
    now_ns: int = 0
    asks: int = 0
    model_asks: int = 0
    changes: int = 0
    model_changes: int = 0  # of them by the model that is asked
    decisions: int = 0
    account: Account
    halted_for_date: str = ""
    losses_in_a_row: int = 0
    last_loss_ns: int | None = None
    markets: list[MarketRecord]
    strategies: dict[str, StrategyState]
    performance: dict[str, StrategyPerformance]
    reference: float = tests.REFERENCE  # of the sequential tests
    evidence: dict[str, StrategyEvidence] = {}  # strategy -> what its outcomes say
    notes: list[Note] = []
    last_changes: list[Change] = []  # oldest first
    ledger: budget.Ledger = budget.Ledger()
    model: ModelTerms | None = None
    model_held: str = ""  # why the model is not asked, empty while it is
    orders: dict[str, OrderRecord] = {}  # order id -> record, while it or its position lives
    open_decisions: dict[str, Decision] = {}  # decision id -> decision, while an order or shadow lives
    shadows: dict[str, str] = {}  # shadow id -> decision id, while it is open
    seen_fills: list[str] = []  # fill ids of living orders on paper
    entry_times: list[int] = []  # when this trade date's entries left, oldest first
    entry_ids: list[str] = []  # their orders' ids
    command_times: list[int] = []  # when commands of the last minute left, oldest first
    venue: VenueRecord = msgspec.field(default_factory=VenueRecord)


def apply(state: State, fact: Fact) -> None:
    """Fold one fact into the state."""
    kind = type(fact)
    _FOLDS[kind](state, fact)
    if kind in _OF_COMMANDS:
        _remember_command(state)
    if state.venue.has_orders:
        also = folds.ALSO.get(kind)
        if also is not None:
            also(state, fact)


def _remember_command(state: State) -> None:
    """Count a command to whoever has the orders; only a minute of them matters."""
    times = [ts_ns for ts_ns in state.command_times if ts_ns > state.now_ns - COMMANDS_KEPT_NS]
    state.command_times = [*times[1 - COMMANDS_KEPT :], state.now_ns]


def _session_rolled(state: State, fact: facts.SessionRolled) -> None:
    market = state.markets[fact.market]
    market.session = fact.session
    market.entries_by_strategy = {}
    market.last_signal_ns = {}
    market.zones = ()
    market.stands = market.told = None


def _trade_date_began(state: State, fact: facts.TradeDateBegan) -> None:
    state.account = msgspec.structs.replace(
        state.account,
        trade_date=fact.trade_date,
        day_start_balance=fact.day_start_balance,
        loss_floor=fact.loss_floor,
    )
    state.losses_in_a_row = 0
    state.last_loss_ns = None
    state.entry_times, state.entry_ids = [], []
    state.ledger = budget.begin_date(state.ledger, fact.trade_date)
    state.notes = [notes.age(note) for note in state.notes]
    forget_done(state, also_at_venue=True)


def _signal_approved(state: State, fact: facts.SignalApproved) -> None:
    _remember(state, fact.decision)
    signal = fact.decision.signal
    key = f"{signal.strategy}/{signal.setup}/{signal.side}"
    state.markets[fact.decision.market].last_signal_ns[key] = fact.decision.ts_ns


def _signal_blocked(state: State, fact: facts.SignalBlocked) -> None:
    _remember(state, fact.decision)


def _remember(state: State, decision: Decision) -> None:
    state.decisions += 1
    state.open_decisions[decision.id] = decision


def _order_booked(state: State, fact: facts.OrderBooked) -> None:
    state.orders[fact.order.id] = OrderRecord(fact.order, "in_flight")
    state.entry_times.append(fact.order.ts_ns)
    state.entry_ids.append(fact.order.id)


def _order_moved(state: State, fact: facts.OrderMoved) -> None:
    record = state.orders.get(fact.order_id)
    if record is not None:
        record.state = fact.state
        forget_done(state)


def _fill_booked(state: State, fact: facts.FillBooked) -> None:
    market = state.markets[fact.fill.market]
    was_flat = market.position is None
    market.position = fact.position
    if state.venue.has_orders:
        folds.remember_fill(state, fact.fill.id)
    else:
        state.seen_fills.append(fact.fill.id)
    record = state.orders.get(fact.fill.order_id)
    if fact.fill.leg == "entry" and record is not None:
        record.filled_steps += fact.fill.size_steps
        if was_flat:
            entries = market.entries_by_strategy
            entries[record.order.strategy] = entries.get(record.order.strategy, 0) + 1
    if fact.position is None:
        market.exit_asked = False


def _stop_placed(state: State, fact: facts.StopPlaced) -> None:
    market = state.markets[fact.market]
    if market.position is not None:
        market.position = with_bracket(market.position, fact.stop_ticks, fact.target_ticks)


def _stop_tightened(state: State, fact: facts.StopTightened) -> None:
    market = state.markets[fact.market]
    if market.position is not None:
        market.position = with_bracket(market.position, fact.stop_ticks, market.position.target_ticks)


def _exit_asked(state: State, fact: facts.ExitAsked) -> None:
    state.markets[fact.market].exit_asked = True


def _trade_closed(state: State, fact: facts.TradeClosed) -> None:
    trade = fact.trade
    state.account = book_result(state.account, trade.net_pnl)
    before = state.performance.get(trade.strategy, StrategyPerformance(name=trade.strategy))
    state.performance[trade.strategy] = book_trade(before, trade)
    state.markets[fact.market].last_exit_ns = trade.exit_ns
    if trade.net_pnl < 0:
        state.losses_in_a_row += 1
        state.last_loss_ns = trade.exit_ns
    else:
        state.losses_in_a_row = 0
    decision = state.open_decisions.get(trade.decision_id)
    if decision is not None:
        mind.book_trade_outcome(state, trade, decision)
    forget_done(state)


def _shadow_opened(state: State, fact: facts.ShadowOpened) -> None:
    state.shadows[fact.shadow_id] = fact.decision_id


def _shadow_closed(state: State, fact: facts.ShadowClosed) -> None:
    shadow = fact.shadow
    state.shadows.pop(shadow.id, None)
    decision = state.open_decisions.get(shadow.decision_id)
    if decision is not None and not shadow.approved and shadow.exit_leg != "never_filled":
        mind.book_shadow_outcome(state, shadow, decision)
    forget_done(state)


def _halted(state: State, fact: facts.Halted) -> None:
    state.account = msgspec.structs.replace(state.account, halted=fact.reason)
    state.halted_for_date = fact.until_trade_date


def _resumed(state: State, fact: facts.Resumed) -> None:
    state.account = msgspec.structs.replace(state.account, halted="")
    state.halted_for_date = ""


def _feed_changed(state: State, fact: facts.FeedChanged) -> None:
    state.markets[fact.market].feed_lost_since_ns = fact.lost_since_ns


def _history_known(state: State, fact: facts.HistoryKnown) -> None:
    """Nothing to fold: the content lies in the kernel's arrays."""


def forget_done(state: State, also_at_venue: bool = False) -> None:
    """Drop orders and decisions that nothing refers to any more, so that state stays small.

    What went to a real venue is kept until the trade date ends: its fills may come late, or twice.
    """
    held = {market.position.order_id for market in state.markets if market.position is not None}
    done = [
        key for key, record in state.orders.items()
        if record.state in DONE_STATES and key not in held and (also_at_venue or not record.at_venue)
    ]
    for key in done:
        del state.orders[key]
    wanted = {record.order.decision_id for record in state.orders.values()} | set(state.shadows.values())
    wanted |= {market.position.decision_id for market in state.markets if market.position is not None}
    state.open_decisions = {key: value for key, value in state.open_decisions.items() if key in wanted}
    state.seen_fills = [
        fill for fill in state.seen_fills if any(fill.startswith(f"{key}-") for key in state.orders)
    ]


_FOLDS: dict[type, Callable[[State, Any], None]] = {
    facts.SessionRolled: _session_rolled,
    facts.TradeDateBegan: _trade_date_began,
    facts.SignalApproved: _signal_approved,
    facts.SignalBlocked: _signal_blocked,
    facts.OrderBooked: _order_booked,
    facts.OrderMoved: _order_moved,
    facts.FillBooked: _fill_booked,
    facts.StopPlaced: _stop_placed,
    facts.StopTightened: _stop_tightened,
    facts.ExitAsked: _exit_asked,
    facts.TradeClosed: _trade_closed,
    facts.ShadowOpened: _shadow_opened,
    facts.ShadowClosed: _shadow_closed,
    facts.Halted: _halted,
    facts.Resumed: _resumed,
    facts.FeedChanged: _feed_changed,
    facts.HistoryKnown: _history_known,
    **mind.FOLDS,
    **folds.FOLDS,
}
