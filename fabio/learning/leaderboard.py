"""The leaderboard: which strategy made what, by its trades and by the shadows of all its signals."""

import math
from collections.abc import Sequence
from typing import Any

from fabio.learning.shadows import tally
from fabio.learning.window import Made, Signal


def leaderboard(signals: Sequence[Signal]) -> list[dict[str, Any]]:
    """Rank the strategies that signalled: by R of their trades, then by R of their shadows.

    Trades have the size they were given, shadows one step each: R compares the two, USD does not.
    """
    by_strategy: dict[str, list[Signal]] = {}
    for each in signals:
        by_strategy.setdefault(each.strategy, []).append(each)
    rows = [{"strategy": name, **results(found)} for name, found in sorted(by_strategy.items())]
    return sorted(rows, key=lambda row: (-row["trade_r"], -row["shadow_r"]))


def results(signals: Sequence[Signal]) -> dict[str, Any]:
    """Count signals, and sum up what their trades and their shadows made."""
    trades = [each.trade for each in signals if each.trade is not None]
    shadows = tally(signals)
    return {
        "signals": len(signals), "taken": sum(each.approved for each in signals), **_traded(trades),
        "shadows": shadows["trades"], "shadow_win_rate": shadows["win_rate"], "shadow_r": shadows["total_r"],
        "shadow_pnl": shadows["total_pnl"], "expired": shadows["expired"],
    }


def _traded(trades: Sequence[Made]) -> dict[str, Any]:
    wins = sum(each.net_pnl > 0 for each in trades)
    return {
        "trades": len(trades), "win_rate": wins / len(trades) if trades else None,
        "net_pnl": round(math.fsum(each.net_pnl for each in trades), 2),
        "trade_r": math.fsum(each.r_multiple for each in trades),
    }
