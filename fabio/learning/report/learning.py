"""What was learned over time: each strategy's state, its changes, and what its signals made before and after."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

import msgspec

from fabio.learning.report.lines import LearningLine
from fabio.learning.report.records import Kept
from fabio.model.strategy import StrategyState

COMPARED = 10
"""Outcomes on each side of a change that are set against each other."""
_NS = 1_000_000_000


class Ended(msgspec.Struct, frozen=True):
    """How one signal ended: its trade, or where it was not traded its shadow."""

    ts_ns: int
    strategy: str
    r_multiple: float
    net_pnl: float
    taken: bool


def outcomes(kept: Kept) -> list[Ended]:
    """Give every signal's end once, oldest first; one that never filled has none."""
    traded = {each.decision_id for each in kept.trades}
    found = [
        Ended(each.exit_ts_ns, each.strategy, each.r_multiple, each.net_pnl, True)
        for each in kept.trades if each.r_multiple is not None
    ]
    found += [
        Ended(each.exit_ts_ns, each.strategy, each.r_multiple, each.net_pnl, False)
        for each in kept.shadows
        if each.decision_id not in traded and each.exit_leg != "never_filled" and each.r_multiple is not None
    ]
    return sorted(found, key=lambda each: each.ts_ns)


def strategy_changes(kept: Kept, ended: Sequence[Ended], since_ns: int) -> list[dict[str, Any]]:
    """Give each change of a strategy since a time, with the mean R of its signals before and after.

    Before and after are at most ten outcomes each. That the one follows the other proves nothing yet: the
    paired replay of `fabio learn` does.
    """
    rows = []
    changed_ns: dict[str, int] = {}
    for line in kept.learned:
        if line.kind != "strategy_changed" or not line.strategy:
            continue
        own = [each for each in ended if each.strategy == line.strategy]
        before = [each for each in own if each.ts_ns <= line.ts_ns]
        after = [each for each in own if each.ts_ns > line.ts_ns]
        last_ns = changed_ns.get(line.strategy, 0)
        changed_ns[line.strategy] = line.ts_ns
        if line.ts_ns < since_ns:
            continue
        rows.append({
            "ts_ns": line.ts_ns, "id": line.id, "strategy": line.strategy, "source": line.source or "",
            "reason": line.reason or "", "changed": line.changed or {},
            "r_before": _mean(before[-COMPARED:]), "n_before": len(before[-COMPARED:]),
            "r_after": _mean(after[:COMPARED]), "n_after": len(after[:COMPARED]),
            "outcomes_since_last_change": sum(each.ts_ns > last_ns for each in before),
            "after_latest_outcome_s": (line.ts_ns - before[-1].ts_ns) / _NS if before else None,
        })
    return rows


def _mean(ended: Sequence[Ended]) -> float | None:
    return fmean(each.r_multiple for each in ended) if ended else None


def adaptation_speed(changes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Tell how fast the agent itself changed course; what a person did is left out.

    Returns
    -------
    dict
        `changes`, `median_outcomes` (the strategy's signals that ended since its change before),
        `median_after_latest_outcome_s`, and `reason` where there is nothing to measure.
    """
    own = [each for each in changes if each["source"] != "operator"]
    waits = [each["after_latest_outcome_s"] for each in own if each["after_latest_outcome_s"] is not None]
    return {
        "changes": len(own),
        "median_outcomes": median(each["outcomes_since_last_change"] for each in own) if own else None,
        "median_after_latest_outcome_s": median(waits) if waits else None,
        "reason": "" if own else "neither the rules nor a model changed a strategy",
    }


def state_series(
    kept: Kept, configured: dict[str, StrategyState], since_ns: int, until_ns: int,
) -> dict[str, dict[str, list[list[Any]]]]:
    """Give each strategy's parameters over time: `{strategy: {parameter: [[ts_ns, value], ...]}}`.

    A parameter begins with its value at `since_ns`; the value holds until the next point. Strategies that
    nobody changed are as configured now.
    """
    names = sorted({*configured, *(each.strategy for each in kept.learned if each.strategy),
                    *(each.strategy for each in kept.decisions)})
    series: dict[str, dict[str, list[list[Any]]]] = {}
    for name in names:
        changes = [each for each in kept.learned if each.kind == "strategy_changed" and each.strategy == name
                   and isinstance(each.before, dict) and isinstance(each.after, dict) and each.ts_ns <= until_ns]
        state = _first_state(changes, configured.get(name), since_ns)
        points = {key: [[since_ns, value]] for key, value in state.items()}
        for each in changes:
            if each.ts_ns < since_ns:
                continue
            for key, value in each.after.items():
                if key in points and points[key][-1][1] != value:
                    points[key].append([each.ts_ns, value])
        series[name] = points
    return series


def _first_state(changes: Sequence[LearningLine], configured: StrategyState | None, since_ns: int) -> dict[str, Any]:
    earlier = [each for each in changes if each.ts_ns < since_ns]
    if earlier:
        return dict(earlier[-1].after)
    if changes:
        return dict(changes[0].before)
    return {} if configured is None else msgspec.structs.asdict(configured)


def noted(kept: Kept, since_ns: int) -> list[dict[str, Any]]:
    """Give the notes made since a time with the latest word on each."""
    status = {each.id: each for each in kept.learned if each.kind == "note_judged"}
    rows = []
    for each in kept.learned:
        if each.kind == "note" and each.ts_ns >= since_ns:
            judged = status.get(each.id)
            rows.append({
                "ts_ns": each.ts_ns, "id": each.id, "strategy": each.strategy, "source": each.source or "",
                "text": each.text or "", "status": (judged.status if judged else each.status) or "pending",
                "judged_because": (judged.reason if judged else None) or "",
            })
    return rows


def refused_updates(kept: Kept, since_ns: int) -> list[dict[str, Any]]:
    """Give the changes that were wanted and not made."""
    return [
        {"ts_ns": each.ts_ns, "strategy": each.strategy or "", "source": each.source or "", "reason": each.reason or ""}
        for each in kept.learned if each.kind == "update_refused" and each.ts_ns >= since_ns
    ]


def model_use(kept: Kept, since_ns: int) -> dict[str, Any]:
    """Tell what was asked, what came of it, and what it cost; by who answered.

    Returns
    -------
    dict
        `by_source` (asked, outcomes, latency_ms_median, latency_ms_p90, tokens, cost_usd, trades, net_pnl),
        `cost_usd` (None where nothing was billed), `unpriced` (answers whose price nobody knows), `cost_over_time`
        as [ts_ns, sum so far].
    """
    asked = [each for each in kept.exchanges if each.ts_ns >= since_ns]
    source_of = {each.id: each.regime.source for each in kept.decisions if each.regime is not None}
    by_source: dict[str, dict[str, Any]] = {}
    for name in sorted({each.source for each in asked}):
        own = [each for each in asked if each.source == name]
        waits = sorted(each.latency_ms for each in own)
        costs = [each.cost_usd for each in own if each.cost_usd is not None]
        results = [each.net_pnl for each in kept.trades
                   if each.exit_ts_ns >= since_ns and source_of.get(each.decision_id) == name]
        by_source[name] = {
            "asked": len(own), "outcomes": _counts(each.outcome for each in own),
            "reasons": _counts(each.reason for each in own if each.reason),
            "latency_ms_median": median(waits), "latency_ms_p90": waits[min(len(waits) - 1, len(waits) * 9 // 10)],
            "tokens": _sums([each.usage for each in own if each.usage]),
            "cost_usd": round(sum(costs), 6) if costs else None,
            "trades": len(results), "net_pnl": round(sum(results), 2),
        }
    billed = sorted((each.ts_ns, each.cost_usd) for each in asked if each.cost_usd is not None)
    total, over_time = 0.0, []
    for ts_ns, cost in billed:
        total += cost
        over_time.append([ts_ns, round(total, 6)])
    unpriced = sum(each.usage is not None and each.cost_usd is None for each in asked)
    return {"asked": len(asked), "by_source": by_source, "cost_usd": round(total, 6) if billed else None,
            "unpriced": unpriced, "cost_over_time": over_time}


def _counts(words: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _sums(usages: Sequence[dict[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for usage in usages:
        for name, count in usage.items():
            sums[name] = sums.get(name, 0) + count
    return sums
