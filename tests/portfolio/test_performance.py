"""Performance is a fold of closed trades."""

from decimal import Decimal

import msgspec
import pytest
from holding_nouns import NQ, a_fill, an_order
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.order import Trade
from fabio.model.strategy import StrategyPerformance
from fabio.portfolio.performance import book_trade
from fabio.portfolio.positions import TradeContext, close_out, fold_fill

CONTEXT = TradeContext(id="T", setup="reclaim", confidence=0.6, regime="range", reason="",
                       risk_money=Decimal(40), balance=Decimal(50_000), mae_ticks=0, mfe_ticks=0)


def a_trade(exit_ticks: int) -> Trade:
    before = fold_fill(None, a_fill("entry", 1, 1, 1000), an_order())
    return close_out(before, a_fill("target", -1, 1, exit_ticks, 2), an_order(), NQ, CONTEXT)


def test_nothing_is_known_before_the_first_trade() -> None:
    empty = StrategyPerformance(name="mean_reversion")
    assert (empty.win_rate, empty.average_rr) == (None, None)


def test_a_win_after_fees_counts_and_a_scratch_does_not() -> None:
    performance = StrategyPerformance(name="mean_reversion")
    for exit_ticks in (1008, 1000, 990):
        performance = book_trade(performance, a_trade(exit_ticks))
    assert (performance.trades, performance.wins, performance.win_rate) == (3, 1, 1 / 3)
    assert performance.net_pnl == -21.4
    assert performance.last == pytest.approx((36.2 / 40, -3.8 / 40, -53.8 / 40))


def test_another_strategys_trade_is_refused() -> None:
    with pytest.raises(ValueError, match="mean_reversion"):
        book_trade(StrategyPerformance(name="other"), a_trade(1008))


@given(st.lists(st.integers(900, 1100), max_size=80))
def test_the_fold_equals_the_list(exits: list[int]) -> None:
    trades = [a_trade(exit_ticks) for exit_ticks in exits]
    performance = StrategyPerformance(name="mean_reversion")
    for trade in trades:
        performance = book_trade(performance, trade)
    assert performance.net_pnl == float(sum((trade.net_pnl for trade in trades), Decimal(0)))
    assert performance.last == tuple(trade.r_multiple for trade in trades)[-30:]
    if trades:
        mean = sum(trade.r_multiple for trade in trades) / len(trades)
        assert performance.average_rr == pytest.approx(mean)
        assert performance.wins == sum(trade.net_pnl > 0 for trade in trades)
    assert msgspec.json.decode(msgspec.json.encode(performance), type=StrategyPerformance) == performance
