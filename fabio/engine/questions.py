"""When the model is asked, what it is asked, and what its answer changes."""

from fabio.engine.entries import day_tag
from fabio.engine.limits import apply_strategy_updates
from fabio.engine.turn import Turn
from fabio.model import event as events
from fabio.model.command import AskRegime
from fabio.model.fact import NoteMade, RegimeAsked, RegimeAskFailed, RegimeInferred, ZonesSet
from fabio.model.regime import Regime
from fabio.model.step import Question
from fabio.model.strategy import Note
from fabio.regime.request import request_hash

NS = 1_000_000_000
MINUTE_NS = 60 * NS


def ask(turn: Turn, index: int) -> None:
    """Ask about one market, unless a question is in flight already."""
    state, market, record = turn.state, turn.markets[index], turn.state.markets[index]
    if record.ask_in_flight:
        return
    ask_id = f"A{day_tag(state.account.trade_date)}-{state.asks + 1}"
    question = put(turn, index, ask_id)
    turn.note(RegimeAsked(market=index, ask_id=ask_id, ts_ns=state.now_ns, band=market.band()))
    turn.command(AskRegime(ask_id=ask_id, market=index, request_hash=question.request_hash))
    turn.questions.append(question)
    market.question_left(state.now_ns)


def put(turn: Turn, index: int, ask_id: str) -> Question:
    """Write a question as of now; asks nothing."""
    state, market, record = turn.state, turn.markets[index], turn.state.markets[index]
    now_ns = state.now_ns
    version = (turn.version, now_ns // MINUTE_NS if state.notes else 0)  # notes are told with their age
    if record.position is not None or market.told_version != version:
        market.tell_agent(turn.own_record(index), now_ns)
        market.told_version = version
    body, brief = market.write_question(now_ns, record.zones, record.last_answers)
    return Question(ask_id, index, market.instrument.symbol, body, request_hash(body), brief)


def on_answered(turn: Turn, event: events.RegimeAnswered) -> None:
    """Make an answer the market's regime, and let its updates take effect within bounds."""
    record = turn.state.markets[event.market]
    if record.ask_in_flight != event.ask_id or record.last_ask_ns is None:
        return  # late or superseded: recorded by the journal, without effect
    answer = event.assessment
    market = turn.markets[event.market]
    turn.note(RegimeInferred(market=event.market, regime=Regime(
        label=answer.regime,
        direction=answer.direction,
        confidence=answer.confidence,
        source=event.source,
        ask_id=event.ask_id,
        asked_at_ns=record.last_ask_ns,
        answered_at_ns=event.ts_ns,
        good_until_ns=event.ts_ns + int(turn.policy.regime_good_for_s * NS),
        reasoning=answer.reasoning,
    )))
    if answer.zones and answer.zones != record.zones:
        turn.note(ZonesSet(market=event.market, zones=answer.zones))
        market.rezone(answer.zones)
    market.question_ended()
    apply_strategy_updates(turn, answer.strategy_updates, event.source)
    for place, text in enumerate(answer.notes):
        note = Note(id=f"N{event.ask_id}-{place + 1}", ts_ns=event.ts_ns, text=text, source=event.source)
        turn.note(NoteMade(note=note))


def on_failed(turn: Turn, event: events.RegimeFailed) -> None:
    """Let the last regime stay, ageing."""
    if turn.state.markets[event.market].ask_in_flight == event.ask_id:
        turn.note(RegimeAskFailed(market=event.market, ask_id=event.ask_id, reason=event.reason))
        turn.markets[event.market].question_ended()
