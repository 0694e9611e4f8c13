"""Risk metrics: eight numbers from daily returns and closed trades, or why there is none.

Daily returns come as fractions: the day's net P&L over the balance it began with, one for each trade
date, days without a trade included. From them, as `empyrical` defines them, with 252 days a year and
a risk-free rate of 0: Sharpe, Sortino, maximum drawdown, Calmar, tail ratio. From the trades' net P&L:
win rate, profit factor, expectancy. What few data do not define is None and has a reason; no number
here is ever infinite or NaN.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

DAYS_PER_YEAR = 252
FEW_DAYS = 60
"""Under this many days a ratio of daily returns says little; `Risk.caution` says so."""

_Answer = tuple[float | None, str]


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """What was earned for what was risked.

    Parameters
    ----------
    days, trades
        How many it was computed from.
    sharpe
        Mean over standard deviation (ddof 1) of daily returns, times sqrt(252).
    sortino
        Mean times 252, over the root mean square of the daily losses (gains count as 0) times sqrt(252).
    max_drawdown
        Deepest fall of compounded wealth from its highest point, as a fraction <= 0; the start counts.
    calmar
        Compound annual growth over the depth of `max_drawdown`.
    tail_ratio
        |95th percentile| over |5th percentile| of daily returns.
    win_rate
        Share of trades with a net P&L above 0.
    profit_factor
        Sum of the net winners over that of the net losers.
    expectancy
        Mean net P&L of a trade, USD.
    reasons
        Why a number is None, by its name.
    caution
        What to keep in mind of those that are there; empty where nothing.
    """

    days: int
    trades: int
    sharpe: float | None
    sortino: float | None
    max_drawdown: float | None
    calmar: float | None
    tail_ratio: float | None
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    reasons: dict[str, str]
    caution: str


def risk_metrics(returns: Sequence[float], net_pnls: Sequence[float]) -> Risk:
    """Compute what the data define.

    Parameters
    ----------
    returns
        Daily returns, oldest first, as fractions of each day's first balance.
    net_pnls
        Net P&L of each closed trade, USD.

    Raises
    ------
    ValueError
        If a number is infinite or NaN.

    Examples
    --------
    >>> risk = risk_metrics([0.01, -0.005], [500.0, -250.0, 0.0])
    >>> risk.win_rate, risk.profit_factor, round(risk.max_drawdown, 12)
    (0.3333333333333333, 2.0, -0.005)
    >>> risk_metrics([0.01], []).reasons["sharpe"]
    '1 day; it takes 2 or more'
    """
    days, pnls = _finite("daily return", returns), _finite("net P&L", net_pnls)
    answers: dict[str, _Answer] = {
        "sharpe": _sharpe(days), "sortino": _sortino(days), "max_drawdown": _max_drawdown(days),
        "calmar": _calmar(days), "tail_ratio": _tail_ratio(days), "win_rate": _win_rate(pnls),
        "profit_factor": _profit_factor(pnls), "expectancy": _expectancy(pnls),
    }
    for name, (value, _) in answers.items():
        if value is not None and not math.isfinite(value):
            answers[name] = (None, "it is beyond any number: too few days to stretch to a year")
    values = {name: value for name, (value, _) in answers.items()}
    few = "1 day" if len(days) == 1 else f"{len(days)} days"
    return Risk(
        days=len(days), trades=len(pnls), **values,
        reasons={name: reason for name, (value, reason) in answers.items() if value is None},
        caution=f"{few}: stretched to a year, ratios of so few say little" if 0 < len(days) < FEW_DAYS else "",
    )


def _finite(what: str, numbers: Sequence[float]) -> NDArray[np.float64]:
    column = np.asarray(numbers, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(column))
    if len(wrong):
        raise ValueError(f"{what} number {int(wrong[0]) + 1} is {column[wrong[0]]}: expected a finite number")
    return column


def _few(count: int, least: int, what: str = "day") -> str:
    return f"{'no' if count == 0 else count} {what}{'' if count == 1 else 's'}; it takes {least} or more"


def _sharpe(days: NDArray[np.float64]) -> _Answer:
    if len(days) < 2:
        return None, _few(len(days), 2)
    if days.min() == days.max():
        return None, "every day was the same: there is no deviation to divide by"
    return float(days.mean() / days.std(ddof=1) * math.sqrt(DAYS_PER_YEAR)), ""


def _sortino(days: NDArray[np.float64]) -> _Answer:
    if len(days) < 2:
        return None, _few(len(days), 2)
    downside = math.sqrt(float(np.square(np.minimum(days, 0.0)).mean()) * DAYS_PER_YEAR)
    if downside == 0.0:
        return None, "no losing day: there is no downside to divide by"
    return float(days.mean()) * DAYS_PER_YEAR / downside, ""


def _drawdown(days: NDArray[np.float64]) -> float:
    wealth = np.concatenate(([1.0], np.cumprod(1.0 + days)))
    highest = np.maximum.accumulate(wealth)
    return float(((wealth - highest) / highest).min())


def _max_drawdown(days: NDArray[np.float64]) -> _Answer:
    return (_drawdown(days), "") if len(days) else (None, _few(0, 1))


def _calmar(days: NDArray[np.float64]) -> _Answer:
    if not len(days):
        return None, _few(0, 1)
    deepest, ending = _drawdown(days), float(np.prod(1.0 + days))
    if deepest == 0.0:
        return None, "no drawdown to divide by"
    if ending <= 0.0:
        return None, "nothing is left of the account: there is no growth to speak of"
    exponent = DAYS_PER_YEAR / len(days)
    if exponent * math.log(ending) > 700.0:
        return math.inf, ""
    return (ending ** exponent - 1.0) / abs(deepest), ""


def _tail_ratio(days: NDArray[np.float64]) -> _Answer:
    if not len(days):
        return None, _few(0, 1)
    low = abs(float(np.percentile(days, 5)))
    if low == 0.0:
        return None, "the 5th percentile is 0: there is no lower tail to divide by"
    return abs(float(np.percentile(days, 95))) / low, ""


def _win_rate(pnls: NDArray[np.float64]) -> _Answer:
    return (float((pnls > 0).mean()), "") if len(pnls) else (None, _few(0, 1, "trade"))


def _profit_factor(pnls: NDArray[np.float64]) -> _Answer:
    if not len(pnls):
        return None, _few(0, 1, "trade")
    lost = -float(pnls[pnls < 0].sum())
    return (float(pnls[pnls > 0].sum()) / lost, "") if lost else (None, "no losing trade to divide by")


def _expectancy(pnls: NDArray[np.float64]) -> _Answer:
    return (float(pnls.mean()), "") if len(pnls) else (None, _few(0, 1, "trade"))
