"""The shadow report: what every signal would have made, blocked, expired or taken."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from fabio.learning.window import Signal, Window

_WITHOUT = {
    "behind_another": "while a shadow of the same strategy and setup was open",
    "open": "still open when the record ends",
    "no_bracket": "with a stop or target on the wrong side",
    "lost": "whose record is lost or was left out",
}

BIAS = (
    "a strategy's own stop management and early exits are not applied: a shadow keeps the stop and target of its "
    "signal until one is reached or the session ends",
    "one shadow per strategy and setup at a time: a signal that comes while one is open has none",
    "every shadow has one size step, and none stands in another's way: several can be open where one position would "
    "have been",
)
"""In which ways shadows differ from trades."""


def shadow_report(window: Window) -> dict[str, Any]:
    """Tell what the window's signals would have made, with one size step each.

    Returns
    -------
    dict
        The keys of `fabio shadow --json`. `win_rate` is of the shadows that were filled, None without one;
        `total_pnl` is USD after fees. In `by_guard` a signal stands under each guard that refused it.
    """
    signals = window.signals
    total = tally(signals)
    return {
        **window.span,
        "total_trades": total["trades"], "win_rate": total["win_rate"], "total_pnl": total["total_pnl"],
        "total_r": total["total_r"], "signals": total["signals"], "wins": total["wins"], "losses": total["losses"],
        "scratches": total["scratches"], "expired": total["expired"], "no_outcome": total["no_outcome"],
        "without_outcome": without_outcome(signals),
        "by_decision": _grouped(signals, lambda each: ["taken" if each.approved else "blocked"]),
        "by_strategy": _grouped(signals, lambda each: [each.strategy]),
        "by_guard": _grouped(signals, lambda each: each.refused_by),
        "by_regime": _grouped(signals, lambda each: [each.regime]),
        "against_trades": _against_trades(signals), "bias": list(BIAS), "remarks": remarks(window),
        "problems": window.problems,
    }


def tally(signals: Iterable[Signal]) -> dict[str, Any]:
    """Count signals, and sum up in USD and R what their shadows made."""
    signals = list(signals)
    filled = [each.net_pnl for each in signals if each.net_pnl is not None]
    wins, losses = sum(pnl > 0 for pnl in filled), sum(pnl < 0 for pnl in filled)
    return {
        "signals": len(signals), "trades": len(filled), "wins": wins, "losses": losses,
        "scratches": len(filled) - wins - losses, "expired": sum(each.ending == "expired" for each in signals),
        "no_outcome": sum(each.ending in _WITHOUT for each in signals),
        "win_rate": wins / len(filled) if filled else None, "total_pnl": float(sum(filled, Decimal(0))),
        "total_r": math.fsum(each.r_multiple for each in signals if each.r_multiple is not None),
    }


def without_outcome(signals: Iterable[Signal]) -> dict[str, int]:
    """Count the signals whose shadow has no outcome, by reason."""
    return dict(Counter(each.ending for each in signals if each.ending in _WITHOUT))


def remarks(window: Window) -> list[str]:
    """Say what keeps a window from saying much: nothing in it, one trade only, nothing taken."""
    signals = window.signals
    if window.until_ns is None:
        return ["nothing is recorded: no decision can be read"]
    said = []
    trades = sum(each.ending == "filled" for each in signals)
    if not signals:
        said.append("no signal in these hours")
    elif trades == 0:
        said.append("no shadow in these hours has a result")
    elif trades == 1:
        said.append("one shadow trade: a rate and a sum of one say nothing")
    if signals and window.is_live:
        said.append("recorded live: the venue filled the trades, a shadow is filled as on paper; how the venue would "
                    "have filled what was not sent is not known")
    if signals and not any(each.approved for each in signals):
        said.append("every signal was blocked: nothing was taken")
    return said


def without_outcome_words(counts: dict[str, int]) -> list[str]:
    """Say why signals have no outcome.

    >>> without_outcome_words({"open": 1})
    ['1 still open when the record ends']
    """
    return [f"{counts[name]} {words}" for name, words in _WITHOUT.items() if counts.get(name)]


def _grouped(signals: Iterable[Signal], names_of: Callable[[Signal], Iterable[str]]) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Signal]] = {}
    for each in signals:
        for name in names_of(each):
            groups.setdefault(name, []).append(each)
    return {name: tally(groups[name]) for name in sorted(groups)}


def _against_trades(signals: Iterable[Signal]) -> dict[str, Any]:
    """Compare in R the shadows of taken signals with the trades that were made of them: that is the bias, measured."""
    pairs = [(each.r_multiple, each.trade.r_multiple) for each in signals
             if each.r_multiple is not None and each.trade is not None]
    return {"pairs": len(pairs), "shadow_r": math.fsum(shadow for shadow, _ in pairs),
            "trade_r": math.fsum(trade for _, trade in pairs)}
