"""Risk metrics of recorded decisions."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from fabio.learning.risk import risk_metrics


def risk_of(decisions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Compute what `FMELUtils.calculate_risk_metrics` promises."""
    ordered = sorted(decisions, key=lambda decision: datetime.fromisoformat(decision["timestamp"]))
    _one_account(ordered)
    days: dict[str, float] = {}  # date -> the day's return at its last decision
    for decision in ordered:
        earned = decision.get("daily_return")
        if earned is not None:
            days[decision["timestamp"][:10]] = earned
    pnls = [pnl for decision in ordered for pnl in _closed(decision)]
    risk = risk_metrics(list(days.values()), pnls)
    wealth = 1.0
    for earned in days.values():
        wealth *= 1.0 + earned
    return {
        "sharpe_ratio": risk.sharpe, "sortino_ratio": risk.sortino, "max_drawdown": risk.max_drawdown,
        "calmar_ratio": risk.calmar, "tail_ratio": risk.tail_ratio, "win_rate": risk.win_rate,
        "profit_factor": risk.profit_factor, "expectancy": risk.expectancy,
        "total_return": wealth - 1.0 if days else None, "total_decisions": len(ordered), "total_trades": risk.trades,
        "days": risk.days, "reasons": {_NAMES.get(name, name): reason for name, reason in risk.reasons.items()},
        "caution": risk.caution,
    }


_NAMES = {"sharpe": "sharpe_ratio", "sortino": "sortino_ratio", "calmar": "calmar_ratio"}


def _one_account(ordered: list[Mapping[str, Any]]) -> None:
    runs = {(decision.get("agent_id"), decision.get("run_id")) for decision in ordered}
    if len(runs) > 1:
        raise ValueError(f"decisions of {len(runs)} runs: {sorted(map(str, runs))}; expected those of one, "
                         "because the returns of two accounts do not add up: call once for each")


def _closed(decision: Mapping[str, Any]) -> list[float]:
    """Return the net P&L of each trade that closed, or of all together where they are not told apart."""
    context = decision.get("market_context")
    trades = context.get("trades") if isinstance(context, Mapping) else None
    if trades:
        return [trade["pnl_net"] for trade in trades]
    together = decision.get("trade_pnl")
    return [] if together is None else [together]
