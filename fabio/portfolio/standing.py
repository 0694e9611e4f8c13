"""How an account stands against the venue's rules that no order checks: consistency, and the scaling plan.

Source: Topstep's help centre, "Consistency" and "Scaling Plan" (state of 2026). The steps of
the scaling plan are published for the 50K account; for the larger ones only older charts are
known, so their cap is not told.
"""

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise

CONSISTENCY_LIMIT = {"combine": Decimal("0.50"), "express": Decimal("0.40")}
"""Largest share of the best day in the whole profit; # kind of account -> share"""
_STEPS_50K = ((Decimal("-Infinity"), Decimal(2)), (Decimal(1_500), Decimal(3)), (Decimal(2_000), Decimal(5)))
"""Mini-equivalents from a closed end-of-day balance on; an express account starts at 0."""
_TIER_50K = Decimal(5)


def scaling_cap(kind: str, mini_limit: Decimal, end_of_day_balance: Decimal) -> Decimal | None:
    """Give the most mini-equivalents that the scaling plan allows on the next day; None where no plan is known.

    >>> scaling_cap("express", Decimal(5), Decimal(0)), scaling_cap("express", Decimal(5), Decimal(1500))
    (Decimal('2'), Decimal('3'))
    >>> scaling_cap("combine", Decimal(5), Decimal(0)) is None
    True
    """
    if kind != "express" or mini_limit != _TIER_50K:
        return None
    return next(cap for (_, cap), (above, _) in pairwise((*_STEPS_50K, (Decimal("Infinity"), Decimal(0))))
                if end_of_day_balance < above)


def consistency_share(by_day: Mapping[str, Decimal]) -> Decimal | None:
    """Give the best day's share of the whole profit; None while there is no profit.

    Parameters
    ----------
    by_day
        Net P&L by trade date.

    Examples
    --------
    >>> consistency_share({"2026-11-19": Decimal(300), "2026-11-20": Decimal(100), "2026-11-21": Decimal(-50)})
    Decimal('0.8571')
    """
    total, best = sum(by_day.values(), Decimal(0)), max(by_day.values(), default=Decimal(0))
    if total <= 0 or best <= 0:
        return None
    return min(best / total, Decimal(1)).quantize(Decimal("0.0001"))
