"""A position ends: the trade it was, on the record."""

from fabio.engine.turn import Turn
from fabio.model.fact import TradeClosed
from fabio.model.order import Fill, Order, Position
from fabio.portfolio.positions import TradeContext, close_out, risk_money


def close_trade(turn: Turn, before: Position | None, fill: Fill, order: Order) -> None:
    """Record the round trip that `fill` ended; `before` is what was held before it."""
    state, market = turn.state, turn.markets[fill.market]
    decision = state.open_decisions[order.decision_id]
    signal = decision.signal
    entry_ticks = fill.price_ticks if before is None else round(before.entry_ticks)
    high, low = market.excursion()
    up, down = max(high - entry_ticks, 0), max(entry_ticks - low, 0)
    trade = close_out(before, fill, order, market.instrument, TradeContext(
        id=_trade_id(turn, order),
        setup=signal.setup,
        confidence=signal.confidence,
        regime=decision.regime.label if decision.regime is not None else "unclear",
        reason=signal.reason,
        risk_money=risk_money(market.instrument, signal.risk_ticks, decision.size_steps),
        balance=state.account.balance,
        mae_ticks=down if order.side > 0 else up,
        mfe_ticks=up if order.side > 0 else down,
    ))
    turn.note(TradeClosed(
        market=fill.market, trade=trade, balance=state.account.balance + trade.net_pnl
    ))


def _trade_id(turn: Turn, order: Order) -> str:
    """One trade a decision, except where an order's parts were closed one after the other at a venue."""
    record = turn.state.orders.get(order.id)
    number = 0 if record is None else record.venue.trades
    return f"T{order.decision_id}" if number == 0 else f"T{order.decision_id}-{number + 1}"
