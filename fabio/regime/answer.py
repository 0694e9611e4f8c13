"""Reading a model's answer: any bytes in, an assessment within bounds or a reason out.

One bad field refuses the whole answer. The text is repaired only by taking off a byte order mark,
white space and one outer code fence: who guesses what was meant guesses an action sooner or later.
The order of the checks: length, JSON, shape, id, statistics named, contradictions, bounds.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from fabio.model.assessment import Assessment
from fabio.regime.answer_checks import check_contradictions, check_statistics, locate
from fabio.regime.answer_context import AnswerContext, AnswerReading, Refused, Taking, question_id
from fabio.regime.answer_effects import (
    take_decisions,
    take_notes,
    take_updates,
    take_zones,
    tell_claim,
    tell_decision,
    tell_update,
    tell_zone,
)
from fabio.regime.answer_shape import REASONING_MOST, Answer, shaped
from fabio.regime.wording import mask_all, mask_keys

__all__ = ["AnswerContext", "AnswerReading", "read_answer"]

BYTES_MOST = 32_768
"""Longest answer, without the white space around it; a good one has 1,000 to 4,000."""
LEVELS_MOST = 16
"""Deepest nesting; a good answer has 5 levels."""
SPACE = " \t\r\n"
BYTE_ORDER_MARK = "\ufeff"
_FENCE = re.compile(r"```[A-Za-z]{0,12}[ \t]*\r?\n(.*)```", re.DOTALL)


def read_answer(raw: str | bytes | None, context: AnswerContext) -> AnswerReading:
    """Read an answer; whatever its bytes, this raises nothing.

    Cost about 2 ms for a usual answer, 12 ms for the worst (the shell's, never the machine's).
    """
    parsed: dict[str, Any] | None = None
    taking = Taking()
    try:
        text = _text(raw)
        whole = _parse(text)
        # walking through is what takes long: only where a key stands, or may hide behind an escape
        parsed = mask_all(whole) if "\\" in text or mask_keys(text) != text else whole
        answer = _shape(whole, context)
        assessment = _take(answer, context, taking)
    except Refused as refused:
        return AnswerReading(reason=str(refused), parsed=parsed, clamped=taking.changed)
    return AnswerReading(assessment=assessment, parsed=parsed, response=_tell(assessment, context),
                         clamped=taking.changed)


def _text(raw: str | bytes | None) -> str:
    if raw is None:
        raise Refused("empty", "there is no answer")
    if isinstance(raw, bytes):
        raw = raw.strip(SPACE.encode())
        if len(raw) > BYTES_MOST:
            raise Refused("too_long", f"the answer has {len(raw)} bytes; at most {BYTES_MOST} are read")
        try:
            raw = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("not_json", f"the answer is no UTF-8 from byte {error.start} on") from None
    text = raw.strip(SPACE + BYTE_ORDER_MARK)
    if len(text) > BYTES_MOST:
        raise Refused("too_long", f"the answer has {len(text)} characters; at most {BYTES_MOST} are read")
    fenced = _FENCE.fullmatch(text)
    if fenced is not None:
        text = fenced[1].strip(SPACE)
    if not text:
        raise Refused("empty", "the answer has no text")
    return text


def _parse(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_real)
        if not _is_flat(value):
            raise RecursionError
        orjson.dumps(value)  # lone surrogates and numbers beyond 64 bits cannot be kept
    except RecursionError:
        raise Refused("not_json", "the answer is nested too deeply") from None
    except (ValueError, TypeError) as error:
        raise Refused("not_json", f"the answer is not one JSON object: {error}") from None
    if not isinstance(value, dict):
        raise Refused("wrong_shape", f"the answer is a JSON {type(value).__name__}; expected an object")
    return value


def _is_flat(value: Any) -> bool:
    level = [value]
    for _ in range(LEVELS_MOST):
        level = [inner for each in level if isinstance(each, dict | list)
                 for inner in (each.values() if isinstance(each, dict) else each)]
        if not level:
            return True
    return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return held


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _real(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def _shape(whole: dict[str, Any], context: AnswerContext) -> Answer:
    answer = shaped(whole, context.states)
    expected = question_id(context.request_hash)
    if answer.id != expected:
        raise Refused("wrong_id", f"the answer's id is {answer.id}; expected {expected}")
    return answer


def _take(answer: Answer, context: AnswerContext, taking: Taking) -> Assessment:
    question: Mapping[str, Any] = orjson.loads(context.body)
    said = answer.market_assessment
    check_statistics(answer, question, context)
    check_contradictions(said, question)
    value, poc = locate(said, question, context.bounds.location_slack_ticks, taking)
    return Assessment(
        market_state=said.market_state,
        regime=said.regime,
        direction=said.direction,
        location_vs_value=value,
        location_vs_poc=poc,
        chosen_model=said.chosen_model,
        confidence=taking.hold("market_assessment.confidence", said.confidence, 0.0, 1.0),
        reasoning=taking.text("market_assessment.reasoning", said.reasoning, REASONING_MOST),
        trade_decisions=take_decisions(answer.trade_decisions, said, context, taking),
        strategy_updates=take_updates(answer.strategy_updates, context, taking),
        zones=take_zones(answer.importance_zones, context, taking),
        notes=take_notes(answer.notes_to_future_self, context, taking),
    )


def _tell(assessment: Assessment, context: AnswerContext) -> dict[str, Any]:
    """Write an assessment in the answer's shape; `active_strategies` are those enabled once it has taken effect."""
    updates = assessment.strategy_updates
    switched = {update.name: update.enabled for update in updates if update.enabled is not None}
    instrument = context.instrument
    return {
        "market_assessment": {
            "market_state": assessment.market_state, "regime": assessment.regime, "direction": assessment.direction,
            "location_vs_value": assessment.location_vs_value, "location_vs_poc": assessment.location_vs_poc,
            "chosen_model": assessment.chosen_model, "confidence": assessment.confidence,
            "reasoning": assessment.reasoning,
        },
        "trade_decisions": [tell_decision(decision, instrument) for decision in assessment.trade_decisions],
        "strategy_updates": {
            "active_strategies": [
                name for name in sorted(context.states) if switched.get(name, context.states[name].enabled)],
            "strategy_tweaks": [tell_update(update) for update in updates],
        },
        "importance_zones": [tell_zone(zone, instrument) for zone in assessment.zones],
        "notes_to_future_self": [tell_claim(claim) for claim in assessment.notes],
    }
