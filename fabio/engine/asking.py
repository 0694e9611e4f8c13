"""The model outside: when it is asked, and what becomes of its answer.

The rules have answered already, and their label stands whatever comes of this. One question is on
its way at a time; when it has ended, the market is compared anew with what was told last, so the
newest reason to ask is always the one that counts.
"""

from decimal import Decimal

from fabio.engine.effects import change_as_model, set_zones
from fabio.engine.entries import act_on, day_tag
from fabio.engine.learning import take_note
from fabio.engine.questions import write
from fabio.engine.turn import Turn
from fabio.model import event as events
from fabio.model.command import AskRegime
from fabio.model.fact import ModelAnswered, ModelAsked, ModelFailed, ModelHeld, ModelSet
from fabio.model.regime import Regime
from fabio.model.step import Question
from fabio.model.told import Told
from fabio.model.view import Wake
from fabio.regime import budget, material
from fabio.regime.request import request_hash

NS = 1_000_000_000
EVENTS = int(Wake.VALUE_LEFT | Wake.POC_CROSSED)
"""Happenings that may be a reason to ask before the time has come."""
_NO_DIGITS = {ord(digit): None for digit in "0123456789."}


def on_connected(turn: Turn, event: events.ModelConnected) -> None:
    """Ask this model from now on; or nobody."""
    if event.terms != turn.state.model:
        turn.note(ModelSet(terms=event.terms))
        for market in turn.markets:
            market.wake_on(EVENTS, event.terms is not None)


def consider(turn: Turn, index: int) -> None:
    """Ask the model outside, if something that it was told has moved and the budget allows."""
    state, policy = turn.state, turn.policy
    model = state.model
    record, market = state.markets[index], turn.markets[index]
    if model is None or record.asking is not None or record.rules is None or not _is_time(turn, index):
        return
    if state.ledger.in_flight:
        return  # about another market
    size = 0 if record.position is None else record.position.size_steps
    told = material.tell(
        market.stats(), market.readings(), market.band(), size, state.changes - state.model_changes, state.now_ns,
    )
    wanted = material.wanted(record.told, told, policy.material, market.lines)
    if not wanted.why:
        return
    terms = (state.now_ns, model.reserve_usd)
    held = budget.may_ask(state.ledger, policy.budget, *terms, False, model.is_paid)
    if _kind(held) != _kind(state.model_held):
        turn.note(ModelHeld(reason=held))
    if not held or (wanted.is_event and not budget.may_ask(
        state.ledger, policy.budget, *terms, True, model.is_paid,
    )):
        _send(turn, index, wanted.why, told, model.reserve_usd)


def _kind(held: str) -> str:
    """Leave out the numbers of a reason."""
    return held.translate(_NO_DIGITS)


def _is_time(turn: Turn, index: int) -> bool:
    model = turn.state.model
    if model is None or turn.state.account.halted:
        return False
    return not model.is_paid or budget.in_hours(turn.policy.budget, turn.markets[index].session, turn.state.now_ns)


def _send(turn: Turn, index: int, why: str, told: Told, reserved: Decimal) -> None:
    state = turn.state
    ask_id = f"M{day_tag(state.account.trade_date)}-{state.model_asks + 1}"
    body, _ = write(turn, index)
    question = Question(ask_id, index, turn.markets[index].instrument.symbol, body, request_hash(body))
    turn.questions.append(question)
    turn.note(ModelAsked(
        market=index, ask_id=ask_id, ts_ns=state.now_ns, why=why, request_hash=question.request_hash,
        reserved=reserved, told=told,
    ))
    turn.command(AskRegime(
        ask_id=ask_id, market=index, request_hash=question.request_hash, reserved=reserved,
    ))


def on_answered(turn: Turn, event: events.RegimeAnswered) -> None:
    """Let an answer take effect as far as the model's authority goes; a late one has none."""
    asking = turn.state.markets[event.market].asking
    if asking is None or asking.ask_id != event.ask_id:
        return
    superseded = _superseded(turn, event.market)
    if superseded:
        turn.note(ModelFailed(market=event.market, ask_id=event.ask_id, reason=f"superseded: {superseded}",
                              cost=event.cost))
    else:
        _take(turn, event)
    consider(turn, event.market)


def on_failed(turn: Turn, event: events.RegimeFailed) -> None:
    """Let the rules' label stand."""
    record = turn.state.markets[event.market]
    if record.asking is not None and record.asking.ask_id == event.ask_id:
        turn.note(ModelFailed(market=event.market, ask_id=event.ask_id, reason=event.reason, cost=event.cost))


def _superseded(turn: Turn, index: int) -> str:
    """Say what of the question holds no more; empty where the answer is still one to it."""
    told, rules = turn.state.markets[index].told, turn.markets[index].readings()
    if told is None or turn.state.model is None:
        return "the session it was about is over"
    if turn.state.account.halted:
        return "trading was halted"
    if (rules.label, rules.direction) != (told.label, told.direction):
        return f"the rules went from {told.label} {told.direction} to {rules.label} {rules.direction}"
    moved = abs(turn.markets[index].last_ticks() - told.last_ticks)
    most = turn.policy.model.superseded_after_bar_ranges * max(told.bar_range_ticks or 0.0, 1.0)
    return f"price moved {moved} ticks since, {most:.0f} at most" if moved > most else ""


def _take(turn: Turn, event: events.RegimeAnswered) -> None:
    state, index, answer = turn.state, event.market, event.assessment
    asking, model, now_ns = state.markets[index].asking, state.model, state.now_ns
    if model is None or asking is None:
        return
    stands = model.authority != "observe"
    turn.note(ModelAnswered(market=index, stands=stands, cost=event.cost, regime=Regime(
        label=answer.regime, direction=answer.direction, confidence=answer.confidence, source=event.source,
        ask_id=event.ask_id, asked_at_ns=asking.ts_ns, answered_at_ns=now_ns,
        good_until_ns=now_ns + int(turn.policy.model.good_for_s * NS), reasoning=answer.reasoning,
        last_ticks=turn.markets[index].last_ticks(),
    )))
    if stands:
        if answer.zones:
            set_zones(turn, index, answer.zones, event.source)
        change_as_model(turn, answer.strategy_updates, event.source)
    for place, claim in enumerate(answer.notes):
        take_note(turn, f"N{event.ask_id}-{place + 1}", claim, event.source)
    for wanted in answer.trade_decisions:
        act_on(turn, index, wanted, model.authority)
