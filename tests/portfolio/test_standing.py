"""The venue's rules that no order checks."""

from decimal import Decimal

import pytest

from fabio.portfolio.standing import consistency_share, scaling_cap


@pytest.mark.parametrize(("balance", "cap"), [("-900", 2), ("0", 2), ("1499.99", 2), ("1500", 3), ("1999.99", 3),
                                              ("2000", 5), ("9000", 5)])
def test_the_scaling_plan_of_a_50k_express_account_steps_at_its_balances(balance: str, cap: int) -> None:
    assert scaling_cap("express", Decimal(5), Decimal(balance)) == cap


@pytest.mark.parametrize(("kind", "limit"), [("practice", 5), ("combine", 5), ("express", 10), ("express", 15)])
def test_no_cap_is_told_where_no_plan_is_known(kind: str, limit: int) -> None:
    assert scaling_cap(kind, Decimal(limit), Decimal(0)) is None


def test_the_best_days_share_is_one_at_most_and_unknown_without_a_profit() -> None:
    assert consistency_share({}) is None
    assert consistency_share({"a": Decimal(-5), "b": Decimal(5)}) is None
    assert consistency_share({"a": Decimal(5)}) == 1
    assert consistency_share({"a": Decimal(90), "b": Decimal(-80)}) == 1
    assert consistency_share({"a": Decimal(60), "b": Decimal(60)}) == Decimal("0.5")
