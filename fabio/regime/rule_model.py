"""The rule model: what the rules answer through the same port as a language model.

Its label is the rules' own. Its strategy updates and notes are the lessons that the agent's
own record teaches (`regime/evidence.py`), each given once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from fabio.model.assessment import Assessment
from fabio.model.regime import Balance, Direction, Label, PocLocation, ValueLocation
from fabio.model.strategy import Claim, StrategyUpdate
from fabio.model.zone import Zone
from fabio.regime.evidence import Lesson

POC_SIDES: tuple[PocLocation, PocLocation, PocLocation] = ("below_poc", "at_poc", "above_poc")
_ENCODE = msgspec.json.Encoder().encode


class Brief(msgspec.Struct, frozen=True, gc=False):
    """What the rules look at in a question, as values: it saves reading the question's text.

    Parameters
    ----------
    rules, strategy_state
        The question's parts of these names; `rules` with the words of their `reasoning`.
    lessons
        What the record teaches now.
    """

    rules: Mapping[str, Any]
    strategy_state: Mapping[str, Mapping[str, Any]]
    poc_side: int
    to_vah_ticks: int
    to_val_ticks: int
    lessons: tuple[Lesson, ...] = ()


def brief_of(request: Mapping[str, Any]) -> Brief:
    """Read from a question, sent or recorded, what the rules look at.

    A question does not tell the words of the rules' reasoning: they are made anew, shorter.
    """
    stats = request["market_stats"]
    return Brief(
        rules={"reasoning": _words(request), **request["rules"]},
        strategy_state=request["strategy_state"],
        poc_side=POC_SIDES.index(request["poc_cross_stats"]["current_side"]) - 1,
        to_vah_ticks=stats["distance_to_vah_ticks"],
        to_val_ticks=stats["distance_to_val_ticks"],
    )


def _words(request: Mapping[str, Any]) -> str:
    named = [
        f"{name} {part[name]:+g}"
        for part, names in (
            (request["rules"], ("range_ratio", "efficiency_ratio", "net_move")),
            (request["market_stats"], ("cvd_slope_5min_norm", "distance_to_poc_ticks")),
        )
        for name in names if part.get(name) is not None
    ]
    return ", ".join(named) or "too little is known"


def answer(brief: Brief) -> Assessment:
    """Answer one question."""
    rules = brief.rules
    label, state = rules["label"], rules["market_state"]
    return Assessment(
        market_state=state,
        regime=label,
        direction=rules["direction"],
        location_vs_value=_location_vs_value(brief),
        location_vs_poc=POC_SIDES[brief.poc_side + 1],
        chosen_model=chosen_model(label, state),
        confidence=rules["confidence"],
        reasoning=rules["reasoning"],
        strategy_updates=tuple([lesson.update for lesson in brief.lessons]),
        notes=tuple([lesson.claim for lesson in brief.lessons if lesson.claim is not None]),
    )


class RuleModel:
    """Answers as `answer` does, with the record's response, and at once where nothing has changed.

    Between two bars the rules say the same over and over. An answer with effects is never
    given twice.
    """

    def __init__(self) -> None:
        self._rules: Mapping[str, Any] = {}
        self._states: Mapping[str, Mapping[str, Any]] = {}
        self._seen: tuple[Any, ...] = ()
        self._said: tuple[Assessment, bytes] | None = None

    def answer(self, brief: Brief) -> tuple[Assessment, bytes]:
        """Answer one question; give the response's JSON too."""
        rules, states = brief.rules, brief.strategy_state
        seen = (brief.poc_side, _location_vs_value(brief))
        if (self._said is not None and not brief.lessons and self._rules is rules and self._states is states
                and self._seen == seen):
            return self._said
        assessment = answer(brief)
        said = (assessment, response_json(assessment, brief))
        self._rules, self._states, self._seen = rules, states, seen
        self._said = None if brief.lessons else said
        return said


def chosen_model(label: str, state: Balance) -> str:
    """Name the playbook model that fits a regime and a market state.

    >>> chosen_model("trend", "out_of_balance_up"), chosen_model("range", "balanced")
    ('trend_continuation', 'mean_reversion')
    >>> chosen_model("unclear", "transition")
    'none'
    """
    if label == "trend":
        return "none" if state == "balanced" else "trend_continuation"
    if label in ("range", "chop"):
        return "mean_reversion"
    return "mean_reversion" if label == "unclear" and state == "balanced" else "none"


class _StrategyUpdates(msgspec.Struct, frozen=True):
    active_strategies: list[str]
    strategy_tweaks: list[dict[str, Any]]


class _MarketAssessment(msgspec.Struct, frozen=True, gc=False):
    market_state: Balance
    regime: Label
    direction: Direction
    location_vs_value: ValueLocation
    location_vs_poc: PocLocation
    chosen_model: str
    confidence: float
    reasoning: str


class _Response(msgspec.Struct, frozen=True):
    market_assessment: _MarketAssessment
    trade_decisions: tuple[()]
    strategy_updates: _StrategyUpdates
    importance_zones: tuple[Zone, ...]
    notes_to_future_self: tuple[Claim, ...]


def response_json(assessment: Assessment, brief: Brief) -> bytes:
    """Write an answer as the record's `response`.

    `active_strategies` are those enabled once the updates have taken effect;
    `importance_zones` is empty where the answer leaves the zones alone.
    """
    updates = assessment.strategy_updates
    switched = {update.name: update.enabled for update in updates if update.enabled is not None}
    active = [
        name for name, state in brief.strategy_state.items() if switched.get(name, state["enabled"])
    ]
    return _ENCODE(_Response(
        _MarketAssessment(
            assessment.market_state, assessment.regime, assessment.direction, assessment.location_vs_value,
            assessment.location_vs_poc, assessment.chosen_model, assessment.confidence, assessment.reasoning,
        ),
        (),
        _StrategyUpdates(active, [_tweak(update) for update in updates]),
        assessment.zones,
        assessment.notes,
    ))


def _tweak(update: StrategyUpdate) -> dict[str, Any]:
    changes = {
        name: value
        for name, value in msgspec.structs.asdict(update).items()
        if name not in ("name", "reason") and value is not None
    }
    return {"name": update.name, "changes": changes, "reason": update.reason}


def _location_vs_value(brief: Brief) -> ValueLocation:
    if brief.to_vah_ticks > 0:
        return "above_value"
    return "below_value" if brief.to_val_ticks < 0 else "in_value"
