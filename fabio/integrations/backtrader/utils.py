"""What is done with recorded decisions: check them, measure them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple

from fabio.integrations.backtrader.identity import MODES
from fabio.integrations.backtrader.metrics import risk_of
from fabio.integrations.backtrader.records import ACTIONS


class Check(NamedTuple):
    """What a field must be, in words and as a test."""

    expected: str
    fits: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_WORDS = Check("text that is not empty", lambda value: isinstance(value, str) and value != "")
_TIME = Check("a time like 2026-11-20T15:00:00Z", _time)
_NUMBER = Check("a finite number", _number)
_NUMBER_OR_NULL = Check("a finite number or null", lambda value: value is None or _number(value))
_OBJECT = Check("an object", lambda value: isinstance(value, Mapping))

FIELDS: dict[str, Check] = {
    "decision_id": _WORDS,
    "timestamp": _TIME,
    "agent_id": _WORDS,
    "user_id": _WORDS,
    "run_id": _WORDS,
    "session_id": _WORDS,
    "mode": Check(" or ".join(MODES), lambda value: value in MODES),
    "symbol": _WORDS,
    "action_type": Check(", ".join(ACTIONS), lambda value: value in ACTIONS),
    "quantity": Check("a number of 0 or more", lambda value: _number(value) and value >= 0),
    "price": _NUMBER_OR_NULL,
    "confidence": Check("a number from 0 to 1, or null",
                        lambda value: value is None or (_number(value) and 0 <= value <= 1)),
    "reasoning": _WORDS,
    "market_context": _OBJECT,
    "portfolio_value": _NUMBER,
    "position_value": _NUMBER,
    "indicators": _OBJECT,
    "trade_pnl": _NUMBER_OR_NULL,
    "daily_return": _NUMBER_OR_NULL,
    "recorded_at": _TIME,
}
"""The fields of a decision record (table `fmel.trading_decisions`), and what each must be."""


class FMELUtils:
    """Check and measure recorded decisions."""

    @staticmethod
    def validate_fmel_data(decision: Any) -> tuple[bool, list[str]]:
        """Check one record.

        Parameters
        ----------
        decision
            As read from JSON. Fields that are not known are left alone.

        Returns
        -------
        tuple
            Whether it is valid, and one sentence per error.

        Examples
        --------
        >>> valid, errors = FMELUtils.validate_fmel_data({"mode": "LIVE"})
        >>> valid, errors[0]
        (False, 'decision_id is missing; expected text that is not empty')
        >>> [error for error in errors if error.startswith("mode")]
        ["mode is 'LIVE'; expected BACKTEST or PAPER"]
        """
        if not isinstance(decision, Mapping):
            return False, [f"a decision is {type(decision).__name__}; expected an object"]
        errors = []
        for name, check in FIELDS.items():
            if name not in decision:
                errors.append(f"{name} is missing; expected {check.expected}")
            elif not check.fits(decision[name]):
                errors.append(f"{name} is {decision[name]!r:.80}; expected {check.expected}")
        return not errors, errors

    @staticmethod
    def calculate_risk_metrics(decisions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Measure the run that `decisions` recorded.

        A day's return is `daily_return` of the day's last decision: what the portfolio is worth then,
        over what it was worth at the end of the day before. 252 days make a year, the risk-free rate is 0.

        Parameters
        ----------
        decisions
            Those of one run, in any order.

        Returns
        -------
        dict
            `sharpe_ratio`, `sortino_ratio`, `calmar_ratio`, `tail_ratio` of the daily returns;
            `max_drawdown` of them compounded, a fraction <= 0; `win_rate` (share of closed trades with a net
            P&L above 0), `profit_factor`, `expectancy` of the closed trades; `total_return`; `total_decisions`,
            `total_trades`, `days`; `reasons`: why a number is None; `caution`.

        Raises
        ------
        ValueError
            They are of more than one run.

        Examples
        --------
        >>> FMELUtils.calculate_risk_metrics([])["reasons"]["sharpe_ratio"]
        'no days; it takes 2 or more'
        """
        return risk_of(decisions)
