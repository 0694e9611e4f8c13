"""Opportunities: what blocking cost and saved, and which signals found no fill."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fabio.learning.cycle_records import Traced
from fabio.learning.guard_effect import judged
from fabio.learning.window import Signal

UNKNOWN = "what a signal that was never filled would have made is unknown: price did not come to its limit"
_WITHOUT_FILL = ("cancelled", "rejected", "expired", "never_accepted")


def blocked_cost(signals: Sequence[Signal]) -> dict[str, Any]:
    """Weigh every blocked signal once, with one size step.

    Returns
    -------
    dict
        `missed_profit` and `avoided_loss` are USD >= 0; `net` is the loss avoided less the profit missed: above 0
        blocking was right. Its interval is `low` to `high`, None of fewer than two results.
    """
    row = judged([each for each in signals if not each.approved])
    return {
        "blocked": row["blocked"], "outcomes": row["outcomes"], "would_have_won": row["would_have_won"],
        "would_have_lost": row["would_have_lost"], "missed_profit": row["cost"], "avoided_loss": row["saved"],
        "net": row["net"], "low": row["low"], "high": row["high"], "interval_over": row["interval_over"],
        "enough": row["enough"], "judgement": row["judgement"],
    }


def missed_opportunities(signals: Sequence[Signal], traced: Traced | None) -> dict[str, Any]:
    """Count the signals that found no fill: by strategy those whose shadow expired, and by end the real orders."""
    expired = [each for each in signals if each.ending == "expired"]
    orders = {} if traced is None else traced.orders
    ended = [orders[each.decision_id] for each in signals if each.decision_id in orders]
    without = Counter(each.state for each in ended if each.filled_ns is None and each.state in _WITHOUT_FILL)
    return {
        "expired": len(expired), "of_approved": sum(each.approved for each in expired),
        "of_blocked": sum(not each.approved for each in expired),
        "by_strategy": dict(sorted(Counter(each.strategy for each in expired).items())),
        "orders_without_fill": None if traced is None else dict(sorted(without.items())), "unknown": UNKNOWN,
    }
