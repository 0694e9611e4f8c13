"""Numbers as a report's reader sees them, and tables of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fabio.learning.report.svg import Safe, joined, tag

NS = 1_000_000_000
RISK_NAMES = {
    "sharpe": "Sharpe ratio", "sortino": "Sortino ratio", "max_drawdown": "maximum drawdown",
    "calmar": "Calmar ratio", "tail_ratio": "tail ratio", "win_rate": "win rate", "profit_factor": "profit factor",
    "expectancy": "expectancy",
}


def usd(amount: float | None, *, signed: bool = True) -> str:
    """Write money.

    >>> usd(1234.5), usd(-3.0), usd(None), usd(50000.0, signed=False)
    ('+1,234.50', '-3.00', '-', '50,000.00')
    """
    if amount is None:
        return "-"
    amount = 0.0 if abs(amount) < 0.005 else amount
    return f"{amount:+,.2f}" if signed and amount else f"{amount:,.2f}"


def percent(share: float | None) -> str:
    """Write a share as whole percent; `-` where it is not known."""
    return "-" if share is None else f"{share:.0%}"


def number(value: float | None, form: str = "+.2f") -> str:
    """Write a number; `-` where it is not known."""
    return "-" if value is None else format(value, form)


def risk_value(name: str, value: float | None) -> str:
    """Write one of the risk metrics in its own unit."""
    if value is None:
        return "-"
    if name == "win_rate":
        return f"{value:.0%}"
    if name == "max_drawdown":
        return f"{value:.2%}"
    return f"{usd(value)} USD" if name == "expectancy" else f"{value:.2f}"


def count(number_of: int, what: str) -> str:
    """Write how many there are.

    >>> count(1, "day"), count(2, "day"), count(0, "trade")
    ('1 day', '2 days', 'no trades')
    """
    return f"{number_of:,} {what}{'' if number_of == 1 else 's'}" if number_of else f"no {what}s"


def bill(model: dict[str, Any]) -> str:
    """Write what the model cost."""
    if model["cost_usd"] is not None:
        more = f", {model['unpriced']} answers without a known price" if model["unpriced"] else ""
        return f"{model['cost_usd']:,.4f} USD{more}"
    return "its price is not known" if model["unpriced"] else "nothing billed"


def clock(ts_ns: int, zone: ZoneInfo, *, with_day: bool = True) -> str:
    """Write a time on the exchange's clock, to the second."""
    return f"{datetime.fromtimestamp(ts_ns // NS, tz=zone):{'%Y-%m-%d ' if with_day else ''}%H:%M:%S}"


def duration(seconds: float | None) -> str:
    """Write a span of time.

    >>> duration(75.0), duration(8000.0), duration(0.4)
    ('1 min 15 s', '2 h 13 min', '0.4 s')
    """
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def coloured(amount: float | None, text: str) -> Safe:
    """Give text the colour of a gain or a loss."""
    kind = "" if not amount else "gain-text" if amount > 0 else "loss-text"
    return tag("span", text, class_=kind) if kind else joined([text])


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Safe:
    """Lay rows out; a column's name ends with what it is: `|n` a number, `|w` words that wrap."""
    names = [(name.partition("|")[0], name.partition("|")[2] or "s") for name in columns]
    head = tag("tr", *(tag("th", name, class_=kind, scope="col") for name, kind in names))
    body = [
        tag("tr", *(tag("td", cell, class_=kind) for cell, (_, kind) in zip(row, names, strict=True))) for row in rows
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll")
