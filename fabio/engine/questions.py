"""When the rules are asked, what a question holds, and what an answer of the rules changes."""

from fabio.engine.effects import change_strategies
from fabio.engine.entries import day_tag
from fabio.engine.learning import take_note
from fabio.engine.turn import Turn
from fabio.model.fact import RegimeAsked, RegimeInferred
from fabio.model.regime import Regime
from fabio.model.step import Question
from fabio.regime.request import request_hash
from fabio.regime.rule_model import Brief

NS = 1_000_000_000
RULES = "rules"
"""Who answered, where the rules did."""


def ask(turn: Turn, index: int) -> None:
    """Ask the rules about one market: they answer within the step."""
    state, market = turn.state, turn.markets[index]
    now_ns = state.now_ns
    ask_id = f"A{day_tag(state.account.trade_date)}-{state.asks + 1}"
    body, brief = write(turn, index)
    answer, response = turn.rules.answer(brief)
    question = Question(ask_id, index, market.instrument.symbol, body, request_hash(body), response)
    turn.questions.append(question)
    turn.note(RegimeAsked(
        market=index, ask_id=ask_id, ts_ns=now_ns, band=market.band(), request_hash=question.request_hash,
    ))
    market.question_put(now_ns)
    turn.note(RegimeInferred(market=index, regime=Regime(
        label=answer.regime,
        direction=answer.direction,
        confidence=answer.confidence,
        source=RULES,
        ask_id=ask_id,
        asked_at_ns=now_ns,
        answered_at_ns=now_ns,
        good_until_ns=now_ns + int(turn.policy.regime_good_for_s * NS),
        reasoning=answer.reasoning,
        last_ticks=market.last_ticks(),
    )))
    if answer.strategy_updates:
        change_strategies(turn, answer.strategy_updates, RULES)
    for place, claim in enumerate(answer.notes):
        take_note(turn, f"N{ask_id}-{place + 1}", claim, RULES)


def put_again(turn: Turn, index: int, ask_id: str) -> Question:
    """Write a recorded question of the rules again, with their answer."""
    body, brief = write(turn, index)
    response = turn.rules.answer(brief)[1]
    return Question(ask_id, index, turn.markets[index].instrument.symbol, body, request_hash(body), response)


def write(turn: Turn, index: int) -> tuple[bytes, Brief]:
    """Write a question about one market as of now."""
    state, market, record = turn.state, turn.markets[index], turn.state.markets[index]
    now_ns = state.now_ns
    is_told = market.told_version == turn.version
    if not is_told:
        market.tell_agent(turn.own_record())
        market.told_version = turn.version
    if not is_told or record.position is not None:
        market.tell_account(turn.account_record(index), now_ns)
    answers = record.last_answers if state.model is None else record.model_answers
    return market.write_question(now_ns, record.zones, answers)
