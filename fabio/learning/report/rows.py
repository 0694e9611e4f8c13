"""What guards, strategies and regimes had in a report's hours, a row each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fabio.learning.guard_effect import guard_report
from fabio.learning.report.learning import Ended
from fabio.learning.report.lines import DecisionLine, TradeLine
from fabio.learning.window import read_window

NS_PER_HOUR = 3_600_000_000_000
_ALL_HOURS = 24.0 * 366 * 100


def guard_rows(decisions: Sequence[DecisionLine], folder: Path, since_ns: int) -> dict[str, Any]:
    """Give `rows` by guard: what it was asked and what it refused, and as `alone` what its own refusals were worth."""
    rows: dict[str, dict[str, Any]] = {}
    for each in decisions:
        for name in (*(verdict.guard for verdict in each.verdicts), *each.refused_by):
            rows.setdefault(name, {"name": name, "asked": 0, "refused": 0, "alone": None})
        for verdict in each.verdicts:
            rows[verdict.guard]["asked"] += 1
        for name in each.refused_by:
            rows[name]["refused"] += 1
    effect = _effect(folder, since_ns)
    for name, judged in effect.get("guards", {}).items():
        if name in rows:
            rows[name]["alone"] = judged
    ordered = sorted(rows.values(), key=lambda row: (-row["refused"], row["name"]))
    return {"rows": ordered, **{name: effect.get(name) for name in ("total", "overlap", "rule", "interval", "bias")}}


def _effect(folder: Path, since_ns: int) -> dict[str, Any]:
    """Judge the guards by the very hours of this report: a window of its own ends with its last decision."""
    whole = read_window(folder, _ALL_HOURS)
    if whole.until_ns is None or whole.until_ns <= since_ns:
        return {}
    return guard_report(read_window(folder, (whole.until_ns - since_ns) / NS_PER_HOUR))


def strategy_rows(
    configured: Sequence[str], decisions: Sequence[DecisionLine], trades: Sequence[TradeLine], ended: Sequence[Ended],
    since_ns: int,
) -> list[dict[str, Any]]:
    """Give by strategy its signals, trades and shadows; one that is configured has a row in any case."""
    names = sorted({*configured, *(each.strategy for each in decisions),
                    *(each.strategy for each in trades)})
    rows = []
    for name in names:
        signals = [each for each in decisions if each.strategy == name]
        own = [each for each in trades if each.strategy == name]
        shadows = [each for each in ended if each.strategy == name and not each.taken and each.ts_ns >= since_ns]
        rows.append({
            "name": name, "signals": len(signals), "approved": sum(each.approved for each in signals),
            "trades": len(own), "win_rate": _share(each.net_pnl > 0 for each in own),
            "net_pnl": round(sum(each.net_pnl for each in own), 2),
            "mean_r": _mean([each.r_multiple for each in own if each.r_multiple is not None]),
            "not_taken": len(shadows), "not_taken_mean_r": _mean([each.r_multiple for each in shadows]),
        })
    return rows


def regime_rows(trades: Sequence[TradeLine]) -> list[dict[str, Any]]:
    """Give by regime at entry what its trades made."""
    labels = sorted({each.regime for each in trades})
    return [
        {"label": label or "none", "trades": len(own), "win_rate": _share(each.net_pnl > 0 for each in own),
         "net_pnl": round(sum(each.net_pnl for each in own), 2)}
        for label in labels for own in [[each for each in trades if each.regime == label]]
    ]


def _share(truths: Any) -> float | None:
    found = list(truths)
    return sum(found) / len(found) if found else None


def _mean(numbers: Sequence[float]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
