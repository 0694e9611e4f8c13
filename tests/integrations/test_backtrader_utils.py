"""Recorded decisions checked and measured."""

import math
import statistics
from typing import Any

import pytest

pytest.importorskip("backtrader_runs")

from fabio.integrations.backtrader import FMELUtils


def _decision(**changes: Any) -> dict[str, Any]:
    return {
        "decision_id": "r-1", "timestamp": "2026-01-05T15:00:00Z", "agent_id": "a", "user_id": "u", "run_id": "r",
        "session_id": "s", "mode": "BACKTEST", "symbol": "ES", "action_type": "HOLD", "quantity": 0, "price": 5000.25,
        "confidence": None, "reasoning": "x", "market_context": {"trades": []}, "portfolio_value": 100.0,
        "position_value": 0.0, "indicators": {}, "trade_pnl": None, "daily_return": 0.0,
        "recorded_at": "2026-01-05T15:00:01Z", **changes,
    }


def test_a_whole_decision_is_valid() -> None:
    assert FMELUtils.validate_fmel_data(_decision()) == (True, [])


@pytest.mark.parametrize(("field", "value"), [
    ("decision_id", ""), ("timestamp", "yesterday"), ("timestamp", "2026-01-05T15:00:00"), ("mode", "LIVE"),
    ("action_type", "buy"), ("quantity", -1), ("quantity", True), ("price", math.nan), ("confidence", 1.5),
    ("reasoning", None), ("market_context", "{}"), ("portfolio_value", None), ("indicators", []), ("trade_pnl", "1"),
    ("daily_return", math.inf), ("recorded_at", 5), ("user_id", 7),
])
def test_a_wrong_field_is_named_with_its_value_and_what_was_expected(field: str, value: Any) -> None:
    valid, [error] = FMELUtils.validate_fmel_data(_decision(**{field: value}))
    assert not valid
    assert error.startswith(f"{field} is {value!r}; expected ")


def test_every_field_is_asked_for_and_what_is_no_object_is_told() -> None:
    for field in _decision():
        decision = _decision()
        del decision[field]
        valid, [error] = FMELUtils.validate_fmel_data(decision)
        assert not valid
        assert error.startswith(f"{field} is missing")
    assert FMELUtils.validate_fmel_data(["a"]) == (False, ["a decision is list; expected an object"])


def test_risk_is_measured_from_each_days_last_decision_and_each_closed_trade() -> None:
    returns = [0.01, -0.02, 0.015]
    decisions = [
        _decision(timestamp=f"2026-01-0{day + 5}T{hour}:00:00Z", daily_return=earned if hour == 20 else 0.5)
        for day, earned in enumerate(returns) for hour in (20, 15)  # in no order of time
    ]
    decisions[0]["market_context"] = {"trades": [{"pnl_net": 30.0}, {"pnl_net": -10.0}]}
    decisions[0]["trade_pnl"] = 20.0
    decisions[2]["trade_pnl"], decisions[2]["market_context"] = 5.0, {}
    risk = FMELUtils.calculate_risk_metrics(decisions)
    assert risk["sharpe_ratio"] == pytest.approx(statistics.mean(returns) / statistics.stdev(returns) * math.sqrt(252))
    assert risk["max_drawdown"] == pytest.approx(-0.02)
    assert risk["total_return"] == pytest.approx(1.01 * 0.98 * 1.015 - 1)
    assert (risk["win_rate"], risk["profit_factor"]) == (pytest.approx(2 / 3), pytest.approx(3.5))
    assert (risk["days"], risk["total_trades"], risk["total_decisions"]) == (3, 3, 6)


def test_what_few_decisions_do_not_define_is_none_with_a_reason() -> None:
    risk = FMELUtils.calculate_risk_metrics([_decision()])
    assert (risk["sharpe_ratio"], risk["win_rate"]) == (None, None)
    assert set(risk["reasons"]) >= {"sharpe_ratio", "win_rate"}


def test_two_runs_are_not_measured_as_one() -> None:
    with pytest.raises(ValueError, match="decisions of 2 runs"):
        FMELUtils.calculate_risk_metrics([_decision(), _decision(run_id="other")])
