"""When the model is asked, what it is asked, and what its answer changes."""

from fabio.engine.entries import day_tag
from fabio.engine.limits import apply_strategy_updates
from fabio.engine.turn import Turn
from fabio.model import event as events
from fabio.model.command import AskRegime
from fabio.model.fact import NoteMade, RegimeAsked, RegimeAskFailed, RegimeInferred, ZonesSet
from fabio.model.regime import Assessment, Regime
from fabio.model.step import Question
from fabio.model.strategy import Note
from fabio.regime.request import request_hash

NS = 1_000_000_000
MINUTE_NS = 60 * NS
RULES = "rules"
"""Who answered, where the rules did."""


def ask(turn: Turn, index: int) -> None:
    """Ask about one market, unless a question is in flight already.

    The rules answer within the step. A model outside is sent a command, and nobody waits.
    """
    state, market = turn.state, turn.markets[index]
    if state.markets[index].ask_in_flight:
        return
    ask_id = f"A{day_tag(state.account.trade_date)}-{state.asks + 1}"
    question, answer = put(turn, index, ask_id)
    turn.questions.append(question)
    turn.note(RegimeAsked(
        market=index, ask_id=ask_id, ts_ns=state.now_ns, band=market.band(), request_hash=question.request_hash,
    ))
    market.question_left(state.now_ns)
    if answer is None:
        turn.command(AskRegime(ask_id=ask_id, market=index, request_hash=question.request_hash))
    else:
        _take(turn, index, RULES, answer)


def put(turn: Turn, index: int, ask_id: str) -> tuple[Question, Assessment | None]:
    """Write a question as of now; asks nobody but the rules, whose answer comes with it."""
    state, market, record = turn.state, turn.markets[index], turn.state.markets[index]
    now_ns = state.now_ns
    version = (turn.version, now_ns // MINUTE_NS if state.notes else 0)  # notes are told with their age
    if record.position is not None or market.told_version != version:
        market.tell_agent(turn.own_record(index), now_ns)
        market.told_version = version
    body, brief = market.write_question(now_ns, record.zones, record.last_answers)
    answer, response = (None, None) if turn.policy.asks_outside else turn.rules.answer(brief)
    return Question(ask_id, index, market.instrument.symbol, body, request_hash(body), brief, response), answer


def on_answered(turn: Turn, event: events.RegimeAnswered) -> None:
    """Make an answer the market's regime, and let its updates take effect within bounds."""
    if turn.state.markets[event.market].ask_in_flight == event.ask_id:
        _take(turn, event.market, event.source, event.assessment)
    # else late or superseded: recorded by the journal, without effect


def _take(turn: Turn, index: int, source: str, answer: Assessment) -> None:
    record, market, now_ns = turn.state.markets[index], turn.markets[index], turn.state.now_ns
    ask_id, asked_at_ns = record.ask_in_flight, record.last_ask_ns
    turn.note(RegimeInferred(market=index, regime=Regime(
        label=answer.regime,
        direction=answer.direction,
        confidence=answer.confidence,
        source=source,
        ask_id=ask_id,
        asked_at_ns=now_ns if asked_at_ns is None else asked_at_ns,
        answered_at_ns=now_ns,
        good_until_ns=now_ns + int(turn.policy.regime_good_for_s * NS),
        reasoning=answer.reasoning,
        last_ticks=market.last_ticks(),
    )))
    if answer.zones and answer.zones != record.zones:
        turn.note(ZonesSet(market=index, zones=answer.zones))
        market.rezone(answer.zones)
    market.question_ended()
    if answer.strategy_updates:
        apply_strategy_updates(turn, answer.strategy_updates, source)
    for place, text in enumerate(answer.notes):
        turn.note(NoteMade(note=Note(id=f"N{ask_id}-{place + 1}", ts_ns=now_ns, text=text, source=source)))


def on_failed(turn: Turn, event: events.RegimeFailed) -> None:
    """Let the last regime stay, ageing."""
    if turn.state.markets[event.market].ask_in_flight == event.ask_id:
        turn.note(RegimeAskFailed(market=event.market, ask_id=event.ask_id, reason=event.reason))
        turn.markets[event.market].question_ended()
