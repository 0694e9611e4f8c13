"""Equity: the account over time, and what each trade date returned."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from fabio.learning.report.lines import TradeLine
from fabio.learning.report.market import MarketPath
from fabio.learning.report.records import DayBegan
from fabio.model.instrument import Instrument


def equity_curve(
    trades: Sequence[TradeLine], paths: Mapping[str, MarketPath], instruments: Mapping[str, Instrument],
    since_ns: int, until_ns: int, start_balance: float,
) -> dict[str, Any]:
    """Give equity over time, open trades valued at the close of each bar, and its fall from the highest point.

    Fees are taken off when a trade closes, as the account does. Without a tape the curve has a point per trade.

    Returns
    -------
    dict
        Columns `ts_ns`, `equity` and `drawdown` (USD, <= 0), and `deepest` of the latter.
    """
    points: list[tuple[int, float]] = [(since_ns, start_balance)]
    balance = start_balance
    for trade in sorted(trades, key=lambda each: each.exit_ts_ns):
        path, instrument = paths.get(trade.symbol), instruments.get(trade.symbol)
        if path is not None and instrument is not None:
            points += _marks(trade, path, instrument, balance)
        balance = trade.balance
        points.append((trade.exit_ts_ns, balance))
    points.append((until_ns, balance))
    points.sort(key=lambda point: point[0])
    highest, falls = points[0][1], []
    for _, equity in points:
        highest = max(highest, equity)
        falls.append(round(equity - highest, 2))
    return {
        "ts_ns": [ts_ns for ts_ns, _ in points], "equity": [round(equity, 2) for _, equity in points],
        "drawdown": falls, "deepest": min(falls),
    }


def _marks(trade: TradeLine, path: MarketPath, instrument: Instrument, balance: float) -> list[tuple[int, float]]:
    """Value an open trade at each bar's close; a bar's time is its beginning, its close comes `minutes` later."""
    bar_ns = path.minutes * 60_000_000_000
    usd = float(instrument.tick_value / instrument.tick_size) * trade.size * (1 if trade.side == "long" else -1)
    first = bisect_left(path.ts_ns, trade.entry_ts_ns - bar_ns + 1)
    last = bisect_right(path.ts_ns, trade.exit_ts_ns - bar_ns)
    entered = [(trade.entry_ts_ns, balance)]
    return entered + [
        (path.ts_ns[at] + bar_ns, balance + (path.close[at] - trade.entry_price) * usd) for at in range(first, last)
    ]


def daily_returns(
    days: Sequence[DayBegan], dated: Sequence[tuple[str, TradeLine]], since_ns: int,
) -> dict[str, float]:
    """Give the net P&L of each trade date over the balance it began with.

    A date counts if it began since `since_ns`: of one that is cut in two nothing is said. Dates come from the
    journal; where it does not say them, from the trades, and then days without one are missing.

    Parameters
    ----------
    dated
        Trades with their trade dates, oldest first.
    """
    pnl: dict[str, float] = {}
    for date, trade in dated:
        pnl[date] = pnl.get(date, 0.0) + trade.net_pnl
    starts = {day.date: day.balance for day in days if day.ts_ns >= since_ns}
    known = {day.date for day in days}
    for date, trade in dated:
        if date not in known:
            starts.setdefault(date, trade.balance - trade.net_pnl)
    return {date: pnl.get(date, 0.0) / start for date, start in sorted(starts.items()) if start > 0}
