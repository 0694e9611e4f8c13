"""Folds of what was asked, answered, changed and learned: the part of the state that a mind is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from fabio.model import fact as facts
from fabio.model.order import ShadowTrade, Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.strategy import Outcome, StrategyEvidence
from fabio.regime import budget, evidence, notes

if TYPE_CHECKING:
    from fabio.engine.state import State

NOTES_KEPT = 50
ANSWERS_KEPT = 5
OPERATOR = "operator"
"""Who changed it, where a person did: no rule and no model takes that back."""
NEVER_LEFT = ("breaker_open:", "over_budget:")
"""Reasons of questions that nobody was asked: they are no calls."""
CHANGES_KEPT = 100
"""Changes of strategies and zones that can still be undone."""


class Asking(msgspec.Struct, frozen=True):
    """A question to the model outside, on its way."""

    ask_id: str
    ts_ns: int


class Change(msgspec.Struct, frozen=True):
    """A change that can be undone, with its time."""

    ts_ns: int
    fact: facts.StrategyChanged | facts.ZonesSet


def _regime_asked(state: "State", fact: facts.RegimeAsked) -> None:
    state.asks += 1


def _regime_inferred(state: "State", fact: facts.RegimeInferred) -> None:
    market, regime = state.markets[fact.market], fact.regime
    market.rules = regime
    market.last_answers = [*market.last_answers[1 - ANSWERS_KEPT :], regime]
    if market.stands is not None and not still_stands(market.stands, market.stands_with, regime):
        market.stands = None
    market.regime = regime if market.stands is None else market.stands


def still_stands(answer: Regime, given_with: tuple[str, str], rules: Regime) -> bool:
    """Tell whether a model's answer stands once the rules have spoken again.

    `given_with` is the rules' label and direction that it was told.
    """
    return rules.answered_at_ns <= answer.good_until_ns and (rules.label, rules.direction) == given_with


def _model_set(state: "State", fact: facts.ModelSet) -> None:
    state.model = fact.terms
    state.model_held = ""
    for market in state.markets:  # what was said on other terms holds no more
        if market.stands is not None:
            market.stands, market.regime = None, market.rules


def _model_asked(state: "State", fact: facts.ModelAsked) -> None:
    market = state.markets[fact.market]
    market.asking, market.told = Asking(fact.ask_id, fact.ts_ns), fact.told
    state.model_asks += 1
    state.ledger = budget.reserve(state.ledger, fact.ts_ns, fact.reserved)


def _model_answered(state: "State", fact: facts.ModelAnswered) -> None:
    market, regime = state.markets[fact.market], fact.regime
    market.asking = None
    market.model_answers = [*market.model_answers[1 - ANSWERS_KEPT :], regime]
    state.ledger = budget.settle(state.ledger, fact.cost)
    if fact.stands and market.told is not None:
        market.stands = market.regime = regime
        market.stands_with = (market.told.label, market.told.direction)


def _model_failed(state: "State", fact: facts.ModelFailed) -> None:
    state.markets[fact.market].asking = None
    state.ledger = budget.settle(state.ledger, fact.cost, left=not fact.reason.startswith(NEVER_LEFT))


def _model_held(state: "State", fact: facts.ModelHeld) -> None:
    state.model_held = fact.reason


def _zones_set(state: "State", fact: facts.ZonesSet) -> None:
    state.markets[fact.market].zones = fact.zones
    _remember_change(state, fact)


def _strategy_changed(state: "State", fact: facts.StrategyChanged) -> None:
    state.strategies[fact.name] = fact.after
    _remember_change(state, fact)
    known = state.evidence.get(fact.name, StrategyEvidence(name=fact.name))
    changed = evidence.changed(known, fact.before, fact.after, fact.source)
    if fact.source == OPERATOR and not fact.after.enabled:
        changed = msgspec.structs.replace(changed, switched_off_by=OPERATOR)  # whoever did so before
    state.evidence[fact.name] = changed


def _remember_change(state: "State", fact: facts.StrategyChanged | facts.ZonesSet) -> None:
    state.changes += 1
    state.model_changes += state.model is not None and fact.source == state.model.name
    state.last_changes = [*state.last_changes[1 - CHANGES_KEPT :], Change(state.now_ns, fact)]


def _update_refused(state: "State", fact: facts.UpdateRefused) -> None:
    """Nothing to fold: it did not happen."""


def _note_made(state: "State", fact: facts.NoteMade) -> None:
    state.notes = list(notes.add_note(state.notes, fact.note, NOTES_KEPT))


def _note_judged(state: "State", fact: facts.NoteJudged) -> None:
    state.notes = [
        msgspec.structs.replace(note, status=fact.status) if note.id == fact.note_id else note for note in state.notes
    ]


def _book_outcome(state: "State", outcome: Outcome) -> None:
    """Let an outcome speak for or against its strategy, and the notes whose scope it is in."""
    known = state.evidence.get(outcome.strategy, StrategyEvidence(name=outcome.strategy))
    booked = evidence.book_outcome(known, outcome, state.reference)
    if booked is known:
        return  # another part of a signal that has counted
    state.evidence[outcome.strategy] = booked
    state.notes = [notes.book(note, outcome) if notes.in_scope(note, outcome) else note for note in state.notes]


def book_trade_outcome(state: "State", trade: Trade, decision: Decision) -> None:
    """Let a closed trade speak."""
    _book_outcome(state, Outcome(
        id=decision.id, strategy=trade.strategy, setup=trade.setup, side=trade.side, regime=trade.regime,
        zone=decision.zone, session=decision.session, ts_ns=trade.exit_ns, r_multiple=trade.r_multiple,
        net_pnl=float(trade.net_pnl), is_shadow=False,
    ))


def book_shadow_outcome(state: "State", shadow: ShadowTrade, decision: Decision) -> None:
    """Let the shadow trade of a signal that was not taken speak."""
    _book_outcome(state, Outcome(
        id=decision.id, strategy=shadow.strategy, setup=shadow.setup, side=shadow.side, regime=shadow.regime,
        zone=decision.zone, session=decision.session, ts_ns=shadow.exit_ns, r_multiple=shadow.r_multiple,
        net_pnl=float(shadow.net_pnl), is_shadow=True,
    ))


FOLDS: dict[type, Callable[["State", Any], None]] = {
    facts.RegimeAsked: _regime_asked,
    facts.RegimeInferred: _regime_inferred,
    facts.ModelSet: _model_set,
    facts.ModelAsked: _model_asked,
    facts.ModelAnswered: _model_answered,
    facts.ModelFailed: _model_failed,
    facts.ModelHeld: _model_held,
    facts.ZonesSet: _zones_set,
    facts.StrategyChanged: _strategy_changed,
    facts.UpdateRefused: _update_refused,
    facts.NoteMade: _note_made,
    facts.NoteJudged: _note_judged,
}
