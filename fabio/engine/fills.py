"""What the venue says: order states, fills, brackets, closed trades."""

from fabio.engine.turn import Turn
from fabio.model import event as events
from fabio.model.fact import FillBooked, Halted, OrderMoved, StopPlaced, TradeClosed
from fabio.model.order import Fill, Order, Position
from fabio.portfolio.orders import Happening, fill_happening, next_state
from fabio.portfolio.positions import TradeContext, book_fill, close_out, risk_money


def on_accepted(turn: Turn, event: events.OrderAccepted) -> None:
    """Book that the venue took an order."""
    _move(turn, event.order_id, event.market, "accepted")


def on_rejected(turn: Turn, event: events.OrderRejected) -> None:
    """Book that the venue refused an order."""
    _move(turn, event.order_id, event.market, "rejected", event.reason)


def on_cancelled(turn: Turn, event: events.OrderCancelled) -> None:
    """Book that what was left of an order is gone."""
    _move(turn, event.order_id, event.market, "cancelled", event.reason)


def on_expired(turn: Turn, event: events.OrderExpired) -> None:
    """Book that an order reached its good-until time."""
    _move(turn, event.order_id, event.market, "expired")


def on_bracket(turn: Turn, event: events.BracketWorking) -> None:
    """Book at which prices the position is protected."""
    position = turn.state.markets[event.market].position
    if position is not None and position.order_id == event.order_id:
        turn.note(StopPlaced(
            market=event.market, stop_ticks=event.stop_ticks, target_ticks=event.target_ticks
        ))


def on_filled(turn: Turn, event: events.OrderFilled) -> None:
    """Book an own execution, once, and close the trade when it leaves us flat."""
    state, fill = turn.state, event.fill
    if fill.id in state.seen_fills:
        return
    before = state.markets[fill.market].position
    order = _order_of(turn, fill, before)
    if order is None:  # not ours, or long done: a person has to look
        turn.note(Halted(reason=f"a fill {fill.id} of no known order {fill.order_id}"))
        return
    if before is None:
        turn.markets[fill.market].start_excursion(fill.price_ticks)
    after = book_fill(before, fill, order)
    turn.note(FillBooked(fill=fill, position=after))
    if fill.leg == "entry":
        _move(turn, order.id, fill.market, fill_happening(
            order.size_steps, state.orders[order.id].filled_steps
        ))
    if after is None:
        _close_trade(turn, before, fill, order)


def _close_trade(turn: Turn, before: Position | None, fill: Fill, order: Order) -> None:
    state, market = turn.state, turn.markets[fill.market]
    decision = state.open_decisions[order.decision_id]
    signal = decision.signal
    entry_ticks = fill.price_ticks if before is None else round(before.entry_ticks)
    high, low = market.excursion()
    up, down = max(high - entry_ticks, 0), max(entry_ticks - low, 0)
    trade = close_out(before, fill, order, market.instrument, TradeContext(
        id=f"T{order.decision_id}",
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


def _order_of(turn: Turn, fill: Fill, position: Position | None) -> Order | None:
    """Find the entry order a fill belongs to: its own, its parent's, or the position's."""
    for order_id in (fill.order_id, fill.order_id.rpartition("-")[0]):
        record = turn.state.orders.get(order_id)
        if record is not None:
            return record.order
    if position is not None and position.order_id in turn.state.orders:
        return turn.state.orders[position.order_id].order
    return None


def _move(turn: Turn, order_id: str, market: int, happening: Happening, reason: str = "") -> None:
    record = turn.state.orders.get(order_id)
    if record is None:
        return
    move = next_state(record.state, happening)
    if move.state != record.state or move.surprise:
        turn.note(OrderMoved(
            order_id=order_id, market=market, state=move.state, reason=reason or move.surprise
        ))
