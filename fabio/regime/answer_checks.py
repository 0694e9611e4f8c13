"""Whether an answer agrees with the question: its statistics exist, and it does not contradict their numbers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from fabio.model.regime import Balance, Direction, Label, PocLocation, ValueLocation
from fabio.regime.answer_context import AnswerContext, Refused, Taking
from fabio.regime.answer_shape import Answer, MarketAssessment, chosen_models
from fabio.regime.wording import fold

STATISTIC_PARTS = (
    "account", "market_stats", "orderflow", "poc_cross_stats", "profile", "rules", "session_stats",
    "strategy_performance",
)
LOOSE_STATISTICS = ("last_price", "zone_band")
SHORT_STATISTICS = frozenset({"cvd", "hvn", "lvn", "poc", "rotation", "vah", "val", "vwap"})
"""Keys without an underscore that are still the names of statistics and no plain words."""
AGAINST_EFFICIENCY = 0.2
"""A trend against an efficiency ratio beyond this is a contradiction."""
ENUM_WORDS = frozenset(
    word for words in (Balance, Direction, Label, PocLocation, ValueLocation) for word in get_args(words))
# what people write for enum values in running text, and the units of the glossary
PLAIN_WORDS = frozenset({
    "out_of_balance", "trend_up", "trend_down", "bar_range", "bar_ranges", "r_multiple", "order_flow", "price_action",
    "value_area", "big_prints", "stop_loss", "take_profit", "risk_reward",
})
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


def check_statistics(answer: Answer, question: Mapping[str, Any], context: AnswerContext) -> None:
    """Refuse reasoning that names no statistic of the question, or one that is not there.

    Raises
    ------
    Refused
        `unknown_statistic`.
    """
    reasoning = fold(answer.market_assessment.reasoning)
    statistics = statistic_names(question) - set(context.states)
    known = statistics | _known_words(answer, question, context)
    for word in _SNAKE.findall(reasoning):
        if word not in known:
            raise Refused("unknown_statistic", f"the reasoning names {word}, which the question does not have")
    if statistics.isdisjoint(_WORD.findall(reasoning)):
        raise Refused("unknown_statistic", "the reasoning names no statistic of the question by its key")


def statistic_names(question: Mapping[str, Any]) -> set[str]:
    """Give the names of the question's statistics, as a reasoning may write them."""
    names = {name for name in LOOSE_STATISTICS if name in question}
    for part in STATISTIC_PARTS:
        for name in _keys(question.get(part)):
            if "_" in name or name in SHORT_STATISTICS:
                names.add(name)
    return names - ENUM_WORDS - {"market_state"}


def _known_words(answer: Answer, question: Mapping[str, Any], context: AnswerContext) -> set[str]:
    zones = [zone["name"] for zone in question.get("importance_zones", ())]
    zones += [zone.name for zone in answer.importance_zones]
    return {
        *_keys(question), *ENUM_WORDS, *PLAIN_WORDS, *_keys(answer.model_dump()), *context.states,
        *chosen_models(tuple(context.states)), *(fold(zone) for zone in zones),
    }


def _keys(value: Any, above: str = "") -> Iterator[str]:
    """Give every key in a JSON value, and each also behind the key above it: `prev_session_high`, `prev_high`."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            if above:
                yield f"{above}_{name}"
            if above == "prev_session":
                yield f"prev_{name}"
            yield from _keys(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def check_contradictions(said: MarketAssessment, question: Mapping[str, Any]) -> None:
    """Refuse an assessment that contradicts itself or the question's numbers.

    Raises
    ------
    Refused
        `contradiction`.
    """
    for holds, words in _contradictions(said, question):
        if holds:
            raise Refused("contradiction", words)


def _contradictions(said: MarketAssessment, question: Mapping[str, Any]) -> Iterable[tuple[bool, str]]:
    """Give the table: what must not hold, and in words."""
    regime, direction, state, model = said.regime, said.direction, said.market_state, said.chosen_model
    is_trend = regime == "trend"
    efficiency = _number(question, "rules", "efficiency_ratio") or 0.0
    above = _number(question, "market_stats", "time_above_value_sec_last_30min") or 0.0
    below = _number(question, "market_stats", "time_below_value_sec_last_30min") or 0.0
    yield is_trend and direction == "none", "regime is trend and direction none"
    yield not is_trend and direction != "none", f"regime is {regime} and direction {direction}; only a trend has one"
    yield direction == "up" and efficiency < -AGAINST_EFFICIENCY, f"trend up while efficiency_ratio is {efficiency}"
    yield direction == "down" and efficiency > AGAINST_EFFICIENCY, f"trend down while efficiency_ratio is {efficiency}"
    yield direction == "up" and state == "out_of_balance_down", "trend up in a market out of balance down"
    yield direction == "down" and state == "out_of_balance_up", "trend down in a market out of balance up"
    yield (state == "out_of_balance_up" and said.location_vs_value == "below_value" and below > above,
           "out_of_balance_up with price and most of the time below value")
    yield (state == "out_of_balance_down" and said.location_vs_value == "above_value" and above > below,
           "out_of_balance_down with price and most of the time above value")
    yield is_trend and model == "mean_reversion", "chosen_model is mean_reversion in a trend"
    yield (regime in ("range", "chop") and model == "trend_continuation",
           f"chosen_model is trend_continuation in a {regime}")


def locate(said: MarketAssessment, question: Mapping[str, Any], slack_ticks: int, taking: Taking) -> tuple[
        ValueLocation, PocLocation]:
    """Give where price stands by the question's numbers, which the answer has to agree with.

    As near to a level as `slack_ticks` a wrong location is corrected and said.

    Raises
    ------
    Refused
        `contradiction`.
    """
    to_poc = _number(question, "market_stats", "distance_to_poc_ticks")
    to_vah = _number(question, "market_stats", "distance_to_vah_ticks")
    to_val = _number(question, "market_stats", "distance_to_val_ticks")
    value: ValueLocation = said.location_vs_value
    poc: PocLocation = said.location_vs_poc
    if to_vah is not None and to_val is not None:
        value = "above_value" if to_vah > 0 else "below_value" if to_val < 0 else "in_value"
        if value != said.location_vs_value:
            # the distance to the edge that the answer took to be on the other side
            wrong_by = max(abs(to_vah) if "above_value" in (value, said.location_vs_value) else 0.0,
                           abs(to_val) if "below_value" in (value, said.location_vs_value) else 0.0)
            _correct("location_vs_value", said.location_vs_value, value, wrong_by <= slack_ticks, taking)
    if to_poc is not None:
        poc = "above_poc" if to_poc > 0 else "below_poc" if to_poc < 0 else "at_poc"
        if poc != said.location_vs_poc:
            _correct("location_vs_poc", said.location_vs_poc, poc, abs(to_poc) <= slack_ticks, taking)
    return value, poc


def _correct(field: str, said: str, true: str, is_near: bool, taking: Taking) -> None:
    if not is_near:
        raise Refused("contradiction", f"{field} is {said}; by the question's distances it is {true}")
    taking.say(f"market_assessment.{field}", said, true)


def _number(question: Mapping[str, Any], part: str, name: str) -> float | None:
    held = question.get(part)
    value = held.get(name) if isinstance(held, dict) else None
    return float(value) if isinstance(value, int | float) else None
