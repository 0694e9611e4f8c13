"""All state of the machine but the kernels' arrays, and the one function that changes it.

`apply` folds one fact. Recovery folds the recorded facts with the same function, so that
a restarted agent knows exactly what the running one knew.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from fabio.engine.venue import folds
from fabio.engine.venue.records import AtVenue, Care, VenueRecord
from fabio.model import fact as facts
from fabio.model.account import Account
from fabio.model.fact import Fact
from fabio.model.order import DONE_STATES, Order, OrderState, Position
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.strategy import Note, StrategyPerformance, StrategyState
from fabio.model.zone import Zone
from fabio.portfolio.account import book_result
from fabio.portfolio.performance import book_trade
from fabio.portfolio.positions import with_bracket

NOTES_KEPT = 50
ANSWERS_KEPT = 5


class OrderRecord(msgspec.Struct):
    """An order of ours with what became of it so far; `venue` matters where it went to a real one."""

    order: Order
    state: OrderState
    filled_steps: int = 0
    at_venue: bool = False
    venue: AtVenue = msgspec.field(default_factory=AtVenue)


class MarketRecord(msgspec.Struct, kw_only=True):
    """What the machine knows of one instrument beside its statistics."""

    session: str = ""
    regime: Regime | None = None
    zones: tuple[Zone, ...] = ()
    ask_in_flight: str = ""
    last_ask_ns: int | None = None
    last_answers: list[Regime] = []
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
    decisions: int = 0
    account: Account
    halted_for_date: str = ""
    losses_in_a_row: int = 0
    last_loss_ns: int | None = None
    markets: list[MarketRecord]
    strategies: dict[str, StrategyState]
    performance: dict[str, StrategyPerformance]
    notes: list[Note] = []
    orders: dict[str, OrderRecord] = {}  # order id -> record, while it or its position lives
    open_decisions: dict[str, Decision] = {}  # decision id -> decision, while an order or shadow lives
    shadows: dict[str, str] = {}  # shadow id -> decision id, while it is open
    seen_fills: list[str] = []  # fill ids of living orders on paper
    entry_times: list[int] = []  # when this trade date's entries left, oldest first
    venue: VenueRecord = msgspec.field(default_factory=VenueRecord)


def apply(state: State, fact: Fact) -> None:
    """Fold one fact into the state."""
    kind = type(fact)
    _FOLDS[kind](state, fact)
    if state.venue.has_orders:
        also = folds.ALSO.get(kind)
        if also is not None:
            also(state, fact)


def _session_rolled(state: State, fact: facts.SessionRolled) -> None:
    market = state.markets[fact.market]
    market.session = fact.session
    market.entries_by_strategy = {}
    market.last_signal_ns = {}


def _trade_date_began(state: State, fact: facts.TradeDateBegan) -> None:
    state.account = msgspec.structs.replace(
        state.account,
        trade_date=fact.trade_date,
        day_start_balance=fact.day_start_balance,
        loss_floor=fact.loss_floor,
    )
    state.losses_in_a_row = 0
    state.last_loss_ns = None
    state.entry_times = []
    forget_done(state, also_at_venue=True)


def _regime_asked(state: State, fact: facts.RegimeAsked) -> None:
    market = state.markets[fact.market]
    market.ask_in_flight = fact.ask_id
    market.last_ask_ns = fact.ts_ns
    state.asks += 1


def _regime_inferred(state: State, fact: facts.RegimeInferred) -> None:
    market = state.markets[fact.market]
    market.regime = fact.regime
    market.last_answers = [*market.last_answers[1 - ANSWERS_KEPT :], fact.regime]
    if market.ask_in_flight == fact.regime.ask_id:
        market.ask_in_flight = ""


def _regime_ask_failed(state: State, fact: facts.RegimeAskFailed) -> None:
    market = state.markets[fact.market]
    if market.ask_in_flight == fact.ask_id:
        market.ask_in_flight = ""


def _zones_set(state: State, fact: facts.ZonesSet) -> None:
    state.markets[fact.market].zones = fact.zones


def _strategy_changed(state: State, fact: facts.StrategyChanged) -> None:
    state.strategies[fact.name] = fact.after


def _note_made(state: State, fact: facts.NoteMade) -> None:
    state.notes = [*state.notes[1 - NOTES_KEPT :], fact.note]


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
    forget_done(state)


def _shadow_opened(state: State, fact: facts.ShadowOpened) -> None:
    state.shadows[fact.shadow_id] = fact.decision_id


def _shadow_closed(state: State, fact: facts.ShadowClosed) -> None:
    state.shadows.pop(fact.shadow.id, None)
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
    facts.RegimeAsked: _regime_asked,
    facts.RegimeInferred: _regime_inferred,
    facts.RegimeAskFailed: _regime_ask_failed,
    facts.ZonesSet: _zones_set,
    facts.StrategyChanged: _strategy_changed,
    facts.NoteMade: _note_made,
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
    **folds.FOLDS,
}
