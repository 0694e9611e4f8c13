"""Recall: recorded steps folded again, with what they once did to the loop's arrays.

Between two steps the ticks run through the same loop with the same watched prices and the
same cadence, so it stops at the same ticks and keeps the same readings; only the decisions
are taken from the record.
"""

from fabio.engine.asking import EVENTS
from fabio.engine.entries import good_until_ns
from fabio.engine.limits import is_begun_by_bars
from fabio.engine.questions import put_again
from fabio.engine.turn import Turn
from fabio.engine.watch import rewatch
from fabio.model.event import FeedRestored, HistoryLoaded, TimerFired
from fabio.model.fact import (
    Fact,
    FillBooked,
    ModelSet,
    RegimeAsked,
    ShadowOpened,
    ZonesSet,
)
from fabio.model.step import Question, Step
from fabio.model.view import Wake

SESSION_ROLLED = int(Wake.SESSION_ROLLED)


def warmed(turn: Turn, index: int, wake: int) -> None:
    """Do what a wake does without deciding: the facts of it are in the record."""
    market = turn.markets[index]
    market.refresh(wake, turn.state.markets[index].zones)
    if wake & SESSION_ROLLED:
        market.close_shadows(turn.state.now_ns)
    market.forget_shadow_fills()
    if any(record.position is not None for record in turn.state.markets):
        rewatch(turn)


def recall(turn: Turn, step: Step, rebuild: bool) -> Question | None:
    """Fold one step.

    Parameters
    ----------
    rebuild
        Write the question of the step's `RegimeAsked` again.

    Returns
    -------
    Question or None
        None where the step asked nothing, or `rebuild` is not set.
    """
    turn.begin()
    state, event = turn.state, step.event
    state.now_ns = max(state.now_ns, step.ts_ns)
    if isinstance(event, TimerFired):
        for index, market in enumerate(turn.markets):
            closing_ns = turn.closing_ns(index)
            if closing_ns is not None and event.ts_ns >= closing_ns:
                market.close_shadows(event.ts_ns)
    elif isinstance(event, FeedRestored):
        turn.markets[event.market].mark_gap(event.from_ns, event.to_ns)
    elif isinstance(event, HistoryLoaded) and is_begun_by_bars(turn, event.market):
        turn.markets[event.market].close_shadows(state.now_ns)
    question = None
    for fact in step.facts:
        if rebuild and isinstance(fact, RegimeAsked):
            question = put_again(turn, fact.market, fact.ask_id)
        if isinstance(fact, FillBooked) and state.markets[fact.fill.market].position is None:
            turn.markets[fact.fill.market].start_excursion(fact.fill.price_ticks)
        turn.note(fact)
        _redo(turn, fact)
    if isinstance(event, HistoryLoaded) and turn.markets[event.market].is_approximate:
        turn.markets[event.market].rezone(state.markets[event.market].zones)
    state.seq = step.seq
    if step.facts or any(record.position is not None for record in state.markets):
        rewatch(turn)
    return question


def _redo(turn: Turn, fact: Fact) -> None:
    """Do to the loop what stood beside a fact when it was first noted."""
    match fact:
        case RegimeAsked(market=index):
            turn.markets[index].question_put(turn.state.now_ns)
        case ModelSet(terms=terms):
            for market in turn.markets:
                market.wake_on(EVENTS, terms is not None)
        case ZonesSet(market=index, zones=zones):
            turn.markets[index].rezone(zones)
        case ShadowOpened(market=index, decision_id=decision_id):
            decision = turn.state.open_decisions[decision_id]
            turn.markets[index].open_shadow(decision, turn.state.now_ns, good_until_ns(turn, decision))
        case _:
            pass
