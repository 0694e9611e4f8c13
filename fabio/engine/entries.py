"""From wishes to decisions to bracketed orders."""

import msgspec

from fabio.engine.halting import close_market
from fabio.engine.leaving import exit_verdict
from fabio.engine.turn import Turn
from fabio.engine.venue.arming import entry_refusal, venue_verdict
from fabio.model.assessment import Authority, TradeDecision
from fabio.model.command import MoveStop, SubmitOrder
from fabio.model.fact import (
    OrderBooked,
    ShadowOpened,
    SignalApproved,
    SignalBlocked,
    StopTightened,
)
from fabio.model.order import Order, Position
from fabio.model.signal import Decision, Exit, Signal, Tighten, Verdict
from fabio.model.strategy import StrategyState
from fabio.model.view import View, Wake
from fabio.portfolio.sizing import size_steps
from fabio.regime.zones import strongest_band

NS = 1_000_000_000
UNCERTAIN_SHARE = 0.5
"""Share of the risk that is taken in a volatile market, or where model and rules do not agree."""
OF_MODEL = "model"
"""Setup of the signals that a model wished for."""


class Wanted(msgspec.Struct, frozen=True):
    """What stands beside a wish that is not a strategy's own: the most it may risk, and a verdict on who wishes."""

    most_risk: float | None = None
    verdict: Verdict | None = None


OWN_WISH = Wanted()


def ask_strategies(turn: Turn, index: int, wake: int) -> None:
    """Show the view to every strategy whose trigger fired, and act on what it wishes."""
    view, version = None, 0
    for triggers, named in turn.triggers:
        if not triggers & wake:
            continue
        if view is None or turn.version != version:
            view, version = turn.view(index, named.name, Wake(wake)), turn.version
        else:
            view = msgspec.structs.replace(view, state=turn.state.strategies[named.name])
        wish = named.part.propose(view)
        if isinstance(wish, Signal):
            decide(turn, wish, view)
        elif isinstance(wish, Tighten):
            tighten(turn, index, wish)
        elif isinstance(wish, Exit):
            ask_exit(turn, index, wish.strategy, wish.reason)


def act_on(turn: Turn, index: int, wanted: TradeDecision, authority: Authority) -> None:
    """Do what a model wants done in a strategy's name, as any strategy's wish.

    What makes smaller is done unless it may only observe; an entry has to be allowed to it, and
    meets every guard. One that is not allowed runs in the shadow book all the same.
    """
    if wanted.strategy not in turn.state.strategies:
        return
    if wanted.action == "exit":
        if authority != "observe":
            ask_exit(turn, index, wanted.strategy, f"model: {wanted.reason}")
        return
    if wanted.stop_ticks is None:
        return
    if wanted.action == "modify":
        if authority != "observe":
            tighten(turn, index, Tighten(strategy=wanted.strategy, stop_ticks=wanted.stop_ticks, reason=wanted.reason))
        return
    if wanted.target_ticks is None:
        return
    view = turn.view(index, wanted.strategy, Wake(0))
    entry = view.stats.last_ticks if wanted.entry_ticks is None else wanted.entry_ticks
    confidence = 0.0 if view.regime is None else view.regime.confidence
    decide(turn, Signal(
        strategy=wanted.strategy, setup=OF_MODEL, side=wanted.side, kind=wanted.kind, entry_ticks=entry,
        stop_ticks=wanted.stop_ticks, target_ticks=wanted.target_ticks, confidence=confidence, reason=wanted.reason,
    ), view, Wanted(most_risk=wanted.risk_fraction, verdict=Verdict(
        "authority", authority == "trade", None, None, f"the model's authority is {authority}, entries need trade",
    )))


def decide(turn: Turn, wish: Signal, view: View, wanted: Wanted = OWN_WISH) -> Decision:
    """Let every guard speak, size the signal, and record what came out."""
    state, index = turn.state, view.market
    signal = governed(wish, turn.state.strategies[wish.strategy])
    verdicts = tuple(guard.part.check(signal, view) for guard in turn.policy.guards)
    if wanted.verdict is not None:
        verdicts = (*verdicts, wanted.verdict)
    sizing = size_steps(
        signal, view.instrument, careful(view, wanted.most_risk), view.account, turn.policy.sizing, turn.held(index)
    )
    venue = venue_verdict(state, index)
    if venue is not None:
        verdicts = (*verdicts, venue)
    refused = [verdict.guard for verdict in verdicts if not verdict.passed]
    if sizing.steps == 0:
        refused.append("sizing")
    decision_id = f"{day_tag(state.account.trade_date)}-{state.decisions + 1}"
    if not refused:
        outside = exit_verdict(turn, signal, index, sizing.steps, f"O{decision_id}")
        if outside is not None:
            verdicts = (*verdicts, outside)
            refused.append(outside.guard)
    decision = Decision(
        id=decision_id,
        ts_ns=state.now_ns,
        tape_pos=state.tape_pos,
        market=index,
        symbol=view.instrument.symbol,
        session=view.session.date,
        signal=signal,
        verdicts=verdicts,
        approved=not refused,
        refused_by=tuple(refused),
        size_steps=0 if refused else sizing.steps,
        size_reason=sizing.reason,
        regime=view.regime,
        stats=view.stats,
        zone=zone_at(view),
        portfolio=turn.portfolio(view.account),
    )
    turn.note(SignalBlocked(decision=decision) if refused else SignalApproved(decision=decision))
    shadow_id = turn.markets[index].open_shadow(decision, state.now_ns, good_until_ns(turn, decision))
    if shadow_id is not None:
        turn.note(ShadowOpened(market=index, shadow_id=shadow_id, decision_id=decision.id))
    if not refused:
        process_trade_decision(turn, decision)
    return decision


def careful(view: View, most_risk: float | None) -> StrategyState:
    """Give the state a signal is sized by: less risk in a volatile market, and where model and rules disagree."""
    risk = view.state.risk_fraction if most_risk is None else min(view.state.risk_fraction, most_risk)
    rules = view.rules_regime
    labels = {regime.label for regime in (view.regime, rules) if regime is not None}
    if "volatile" in labels or len(labels) > 1:
        risk *= UNCERTAIN_SHARE
    return msgspec.structs.replace(view.state, risk_fraction=risk)


def zone_at(view: View) -> str:
    """Name the importance zone in whose band price stands; empty outside all."""
    zone = strongest_band(view.zones, view.stats.last_ticks)[1]
    return "" if zone is None else zone.name


def governed(signal: Signal, state: StrategyState) -> Signal:
    """Put the strategy state's own stop and target distances in place of the levels, where set."""
    if state.stop_ticks is None and state.target_ticks is None:
        return signal
    stop, target = signal.stop_ticks, signal.target_ticks
    if state.stop_ticks is not None:
        stop = signal.entry_ticks - signal.side * state.stop_ticks
    if state.target_ticks is not None:
        target = signal.entry_ticks + signal.side * state.target_ticks
    return msgspec.structs.replace(signal, stop_ticks=stop, target_ticks=target)


def process_trade_decision(turn: Turn, decision: Decision) -> Order:
    """Turn an approved decision into an order with its bracket, booked before it leaves.

    Raises
    ------
    ValueError
        If it was not approved, or left before: whoever calls has not asked.
    """
    signal = decision.signal
    if not decision.approved or f"O{decision.id}" in turn.state.entry_ids:
        raise ValueError(f"decision {decision.id} {'left before' if decision.approved else 'was not approved'}")
    order = Order(
        id=f"O{decision.id}",
        decision_id=decision.id,
        strategy=signal.strategy,
        market=decision.market,
        symbol=decision.symbol,
        side=signal.side,
        kind=signal.kind,
        size_steps=decision.size_steps,
        limit_ticks=signal.entry_ticks if signal.kind == "limit" else None,
        stop_offset_ticks=signal.stop_ticks - signal.entry_ticks,
        target_offset_ticks=signal.target_ticks - signal.entry_ticks,
        ts_ns=decision.ts_ns,
        good_until_ns=good_until_ns(turn, decision),
    )
    turn.note(OrderBooked(order=order))
    venue = turn.state.venue
    turn.command(SubmitOrder(order=order, generation=venue.generation if venue.has_orders else 0))
    return order


def good_until_ns(turn: Turn, decision: Decision) -> int | None:
    """When a limit entry expires; None for market entries."""
    if decision.signal.kind == "market":
        return None
    return decision.ts_ns + int(turn.policy.orders.limit_good_for_s * NS)


def tighten(turn: Turn, index: int, wish: Tighten) -> None:
    """Move the stop of the strategy's own position closer; anything else is left undone."""
    record = turn.state.markets[index]
    position = record.position
    if position is None or position.strategy != wish.strategy or record.exit_asked:
        return
    if position.stop_ticks is None or not is_tighter(position, wish.stop_ticks):
        return
    turn.note(StopTightened(
        market=index, strategy=wish.strategy, stop_ticks=wish.stop_ticks, reason=wish.reason
    ))
    turn.command(MoveStop(order_id=position.order_id, market=index, stop_ticks=wish.stop_ticks))


def is_tighter(position: Position, stop_ticks: int) -> bool:
    """Tell whether a stop lies closer to the market than the working one."""
    if position.stop_ticks is None:
        return False
    return (stop_ticks - position.stop_ticks) * position.side > 0


def ask_exit(turn: Turn, index: int, strategy: str, reason: str) -> None:
    """Close a strategy's own position at market."""
    record = turn.state.markets[index]
    if record.position is None or record.position.strategy != strategy:
        return
    close_market(turn, index, reason)


def can_trade(turn: Turn, index: int, strategy: str) -> bool:
    """Tell whether a strategy may open a position at all, whatever its signal."""
    state = turn.state.strategies.get(strategy)
    if state is None or not state.enabled or turn.state.account.halted or entry_refusal(turn.state, index):
        return False
    entries = turn.state.markets[index].entries_by_strategy.get(strategy, 0)
    return entries < state.max_trades_per_session


def day_tag(trade_date: str) -> str:
    """Shorten a trade date for ids.

    >>> day_tag("2025-06-04")
    '250604'
    """
    return trade_date[2:].replace("-", "")
