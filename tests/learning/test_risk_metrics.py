"""Risk metrics against empyrical, and where there is nothing to compute."""

import math
import warnings

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.learning.risk import risk_metrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # whatever its own dependencies say of each other
    empyrical = pytest.importorskip("empyrical")

THEIRS = {
    "sharpe": "sharpe_ratio", "sortino": "sortino_ratio", "max_drawdown": "max_drawdown", "calmar": "calmar_ratio",
    "tail_ratio": "tail_ratio",
}


def theirs(name: str, returns: list[float]) -> float:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return float(getattr(empyrical, THEIRS[name])(np.array(returns)))


@pytest.mark.parametrize("name", THEIRS)
@settings(max_examples=60, deadline=None)
@given(returns=st.lists(st.integers(-400, 400).map(lambda each: each / 10_000), min_size=0, max_size=80))
def test_each_ratio_is_empyricals_where_that_is_a_number(name: str, returns: list[float]) -> None:
    ours, other = getattr(risk_metrics(returns, []), name), theirs(name, returns)
    if ours is None:
        assert not math.isfinite(other) or (len(set(returns)) == 1 and name == "sharpe")
    else:
        assert ours == pytest.approx(other, rel=1e-9, abs=1e-12)


def test_numbers_worked_by_hand() -> None:
    risk = risk_metrics([0.01, -0.02, 0.03], [200.0, -100.0, 50.0, 0.0])
    deviation = math.sqrt(((0.01 - 0.02 / 3) ** 2 + (0.02 + 0.02 / 3) ** 2 + (0.03 - 0.02 / 3) ** 2) / 2)
    assert risk.sharpe == pytest.approx(0.02 / 3 / deviation * math.sqrt(252))
    assert risk.sortino == pytest.approx(0.02 / 3 * 252 / (0.02 / math.sqrt(3) * math.sqrt(252)))
    assert risk.max_drawdown == pytest.approx(-0.02)
    assert (risk.win_rate, risk.profit_factor, risk.expectancy) == (0.5, 2.5, 37.5)


@pytest.mark.parametrize(("returns", "pnls"), [
    ([], []), ([0.0], [0.0]), ([0.0] * 30, []), ([0.01] * 5, [5.0, 5.0]), ([-0.01], [-5.0]), ([-1.0, 0.5], [-1.0]),
    ([50.0, -0.1], [1e300, -1e-300]),
])
def test_few_or_odd_data_give_reasons_and_never_an_infinity(returns: list[float], pnls: list[float]) -> None:
    fields = msgspec.to_builtins(risk_metrics(returns, pnls))
    names = set(THEIRS) | {"win_rate", "profit_factor", "expectancy"}
    assert {name for name in names if fields[name] is None} == set(fields["reasons"])
    assert all(fields["reasons"].values())
    assert all(fields[name] is None or math.isfinite(fields[name]) for name in names)


def test_a_number_that_is_none_is_refused_by_its_place() -> None:
    with pytest.raises(ValueError, match="daily return number 2 is nan"):
        risk_metrics([0.1, math.nan], [])
