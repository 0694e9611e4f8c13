"""Performance: each strategy's record as a fold of its closed trades."""

from decimal import Decimal

import msgspec

from fabio.model.order import Trade
from fabio.model.strategy import StrategyPerformance

KEPT_R_MULTIPLES = 30


def book_trade(performance: StrategyPerformance, trade: Trade) -> StrategyPerformance:
    """Add one closed trade.

    A trade wins when its net P&L is above 0; `average_rr` is the mean R multiple. Cost: O(30).

    Raises
    ------
    ValueError
        If the trade is another strategy's.
    """
    if trade.strategy != performance.name:
        raise ValueError(f"a trade of {trade.strategy!r} is no part of {performance.name!r}'s performance")
    trades = performance.trades + 1
    wins = performance.wins + (trade.net_pnl > 0)
    before = 0.0 if performance.average_rr is None else performance.average_rr
    # through Decimal and repr: cents stay cents however many trades are added
    net_pnl = float(Decimal(repr(performance.net_pnl)) + trade.net_pnl)
    return msgspec.structs.replace(
        performance,
        trades=trades,
        wins=wins,
        net_pnl=net_pnl,
        win_rate=wins / trades,
        average_rr=before + (trade.r_multiple - before) / trades,
        last=(*performance.last, trade.r_multiple)[-KEPT_R_MULTIPLES:],
    )
