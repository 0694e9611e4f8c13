"""The rule model: what the rules answer through the same port as a language model.

It reads nothing but the question. Its label is the rules' own; its strategy updates are
two, both bounded and reversible: risk is halved while the market is volatile, and given
back once neither this answer nor the last ones say so. A lower risk that somebody else
set is left alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fabio.model.regime import Assessment, Balance, PocLocation, ValueLocation
from fabio.model.strategy import StrategyUpdate

RISK_CEILING = 0.01
VOLATILE_SHARE = 0.5
"""Share of the configured risk that is left in a volatile market."""


def answer(request: Mapping[str, Any]) -> Assessment:
    """Answer one question.

    Parameters
    ----------
    request
        As `build_request` makes it.
    """
    rules = request["rules"]
    label, state = rules["label"], rules["market_state"]
    updates = _risk_updates(request)
    return Assessment(
        market_state=state,
        regime=label,
        direction=rules["direction"],
        location_vs_value=_location_vs_value(request),
        location_vs_poc=_location_vs_poc(request),
        chosen_model=chosen_model(label, state),
        confidence=rules["confidence"],
        reasoning=_reasoning(request),
        strategy_updates=updates,
        notes=_notes(request, updates),
    )


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


def response_json(assessment: Assessment, request: Mapping[str, Any]) -> dict[str, Any]:
    """Write an answer in the shape of the record's `response`.

    `active_strategies` are those enabled once the updates have taken effect;
    `importance_zones` is empty where the answer leaves the zones alone.
    """
    enabled = {name: state["enabled"] for name, state in request["strategy_state"].items()}
    for update in assessment.strategy_updates:
        if update.enabled is not None and update.name in enabled:
            enabled[update.name] = update.enabled
    return {
        "market_assessment": {
            "market_state": assessment.market_state,
            "regime": assessment.regime,
            "direction": assessment.direction,
            "location_vs_value": assessment.location_vs_value,
            "location_vs_poc": assessment.location_vs_poc,
            "chosen_model": assessment.chosen_model,
            "confidence": assessment.confidence,
            "reasoning": assessment.reasoning,
        },
        "trade_decisions": [],
        "strategy_updates": {
            "active_strategies": [name for name, active in enabled.items() if active],
            "strategy_tweaks": [_tweak(update) for update in assessment.strategy_updates],
        },
        "importance_zones": [msgspec.structs.asdict(zone) for zone in assessment.zones],
        "notes_to_future_self": list(assessment.notes),
    }


def _tweak(update: StrategyUpdate) -> dict[str, Any]:
    changes = {
        name: value
        for name, value in msgspec.structs.asdict(update).items()
        if name not in ("name", "reason") and value is not None
    }
    return {"name": update.name, "changes": changes, "reason": update.reason}


def _location_vs_value(request: Mapping[str, Any]) -> ValueLocation:
    stats = request["market_stats"]
    if stats["distance_to_vah_ticks"] > 0:
        return "above_value"
    return "below_value" if stats["distance_to_val_ticks"] < 0 else "in_value"


def _location_vs_poc(request: Mapping[str, Any]) -> PocLocation:
    side: PocLocation = request["poc_cross_stats"]["current_side"]
    return side


def _reasoning(request: Mapping[str, Any]) -> str:
    stats, crosses, rules = request["market_stats"], request["poc_cross_stats"], request["rules"]
    booked = [stats[f"time_{where}_value_sec_last_30min"] for where in ("in", "above", "below")]
    elapsed = sum(booked)
    value = "no time booked against value" if elapsed <= 0 else (
        f"time_in_value_sec_last_30min {booked[0]:.0f} of {elapsed:.0f} s")
    flow = stats["cvd_slope_5min_norm"]
    flow_words = "cvd_slope_5min_norm unknown" if flow is None else f"cvd_slope_5min_norm {flow:+.2f}"
    return (f"{rules['reasoning']}; {value}, {flow_words}, count_last_30min {crosses['count_last_30min']}, "
            f"distance_to_poc_ticks {stats['distance_to_poc_ticks']:+d}")


def _risk_updates(request: Mapping[str, Any]) -> tuple[StrategyUpdate, ...]:
    volatile = request["rules"]["label"] == "volatile"
    if not volatile and _volatile_before(request["last_answers"]):
        return ()  # smaller at once, bigger only when a whole row of answers agrees
    updates = []
    for name, state in request["strategy_state"].items():
        configured = state["configured_risk_fraction"]
        if configured is None:
            continue
        full = min(configured, RISK_CEILING)
        halved, now = full * VOLATILE_SHARE, state["risk_fraction"]
        if volatile and now > halved:
            updates.append(StrategyUpdate(
                name=name, risk_fraction=halved,
                reason=f"volatile: risk per trade halved from {now:.4f} to {halved:.4f} of the balance"))
        elif not volatile and now == halved:
            updates.append(StrategyUpdate(
                name=name, risk_fraction=full,
                reason=f"calm again: risk per trade back from {now:.4f} to {full:.4f} of the balance"))
    return tuple(updates)


def _volatile_before(last_answers: Sequence[Mapping[str, Any]]) -> bool:
    return any(past["regime"] == "volatile" for past in last_answers)


def _notes(request: Mapping[str, Any], updates: Sequence[StrategyUpdate]) -> tuple[str, ...]:
    rules, past = request["rules"], request["last_answers"]
    if updates:
        word = "volatile" if rules["label"] == "volatile" else "calm again"
        ratio = rules["range_ratio"]
        seen = "unknown" if ratio is None else f"{ratio:.2f}"
        return (f"{word} at {request['last_price']}: range_ratio {seen}, risk of {len(updates)} "
                f"strategies now {updates[0].risk_fraction}",)
    if not past or rules["label"] != "trend":
        return ()
    before, after = past[-1]["direction"], rules["direction"]
    if {before, after} != {"up", "down"}:
        return ()
    return (f"trend turned from {before} to {after} at {request['last_price']}",)
