"""Positions: a fold of fills, and the trade a finished position becomes.

Theory. A round trip begins with the first fill and ends when the signed sum of all
fills is 0. Entry and exit sums are kept apart by the fill's *leg*, never by its sign, so
the fold gives the same position in any order of delivery: a stop's fill that overtakes
its entry makes a negative position for a moment, and the entry then ends it. A stop and
a close that both filled leave a position of the other sign, which is what is truly held.

Fills are idempotent by id for the caller: a fill is folded once.
"""

from decimal import Decimal

import msgspec

from fabio.model.instrument import Instrument
from fabio.model.order import Fill, Order, Position, Trade


class TradeContext(msgspec.Struct, frozen=True, kw_only=True):
    """What a trade's record says beyond its fills.

    Parameters
    ----------
    id
        The trade's id.
    setup, confidence, regime, reason
        Of the decision that opened it.
    risk_money
        Money at risk when it was decided, in USD, > 0 (see `risk_money`).
    balance
        Closed account balance before this trade, in USD; what `roi` is a share of.
    mae_ticks, mfe_ticks
        Worst and best excursion from the entry, both >= 0.
    """

    id: str
    setup: str
    confidence: float
    regime: str
    reason: str
    risk_money: Decimal
    balance: Decimal
    mae_ticks: int
    mfe_ticks: int


def book_fill(position: Position | None, fill: Fill, order: Order) -> Position | None:
    """Give what is held after a fill, None when flat.

    Parameters
    ----------
    position
        What was held before; None when flat.
    fill
        An own execution that was not folded before.
    order
        The entry order the fill (of any leg) belongs to.
    """
    after = fold_fill(position, fill, order)
    return None if after.size_steps == 0 else after


def fold_fill(position: Position | None, fill: Fill, order: Order) -> Position:
    """Give the round trip after a fill, its size 0 when it is finished."""
    if position is None:
        position = _empty(fill, order)
    tick_steps = fill.price_ticks * fill.size_steps
    entry = fill.leg == "entry"
    size_steps = position.size_steps + fill.side * fill.size_steps
    return msgspec.structs.replace(
        position,
        size_steps=size_steps,
        entry_steps=position.entry_steps + (fill.size_steps if entry else 0),
        entry_tick_steps=position.entry_tick_steps + (tick_steps if entry else 0),
        exit_steps=position.exit_steps + (0 if entry else fill.size_steps),
        exit_tick_steps=position.exit_tick_steps + (0 if entry else tick_steps),
        fees=position.fees + fill.fees,
        opened_ns=min(position.opened_ns, fill.ts_ns),
    )


def with_bracket(position: Position, stop_ticks: int | None, target_ticks: int | None) -> Position:
    """Note at which prices the bracket works; None where it is not known to work."""
    return msgspec.structs.replace(position, stop_ticks=stop_ticks, target_ticks=target_ticks)


def open_pnl(position: Position, instrument: Instrument, last_ticks: int) -> Decimal:
    """Value what is still held, and what was closed of it, at a price; fees not taken off.

    The cash of all fills plus the size at the last price, so it also holds while fills
    are out of order.
    """
    excess_steps = position.entry_steps - position.exit_steps
    if excess_steps == 0:
        return Decimal(0)
    entry_side = position.size_steps // excess_steps
    cash = entry_side * (position.exit_tick_steps - position.entry_tick_steps)
    return instrument.money(cash + position.size_steps * last_ticks)


def risk_money(instrument: Instrument, risk_ticks: int, size_steps: int) -> Decimal:
    """Give one R in USD: what the stop's distance costs, fees and slippage not counted."""
    return instrument.money(risk_ticks * size_steps)


def close_out(before: Position | None, last: Fill, order: Order, instrument: Instrument,
              context: TradeContext) -> Trade:
    """Turn a finished position into its trade.

    Parameters
    ----------
    before
        The position before its last fill.
    last
        The fill that made it flat.
    order
        The entry order.
    instrument
        Of the order; gives ticks their money.
    context
        What the record says beyond the fills.

    Raises
    ------
    ValueError
        If `last` does not make the position flat.
    """
    done = fold_fill(before, last, order)
    if done.size_steps != 0 or done.entry_steps == 0:
        raise ValueError(f"fill {last.id} leaves {done.size_steps} steps of {order.symbol}: no closed trade")
    gross = instrument.money(order.side * (done.exit_tick_steps - done.entry_tick_steps))
    net = gross - done.fees
    return Trade(
        id=context.id,
        decision_id=done.decision_id,
        order_id=done.order_id,
        symbol=done.symbol,
        strategy=done.strategy,
        setup=context.setup,
        side=order.side,
        size=instrument.size(done.entry_steps),
        entry_ns=done.opened_ns,
        exit_ns=last.ts_ns,
        entry_price=instrument.tick_size * done.entry_tick_steps / done.entry_steps,
        exit_price=instrument.tick_size * done.exit_tick_steps / done.exit_steps,
        exit_leg=last.leg,
        gross_pnl=gross,
        fees=done.fees,
        net_pnl=net,
        r_multiple=float(net / context.risk_money),
        roi=float(net / context.balance),
        mae_ticks=context.mae_ticks,
        mfe_ticks=context.mfe_ticks,
        confidence=context.confidence,
        regime=context.regime,
        reason=context.reason,
    )


def _empty(fill: Fill, order: Order) -> Position:
    planned_from = fill.price_ticks if order.limit_ticks is None else order.limit_ticks
    return Position(
        market=order.market, symbol=order.symbol, strategy=order.strategy, decision_id=order.decision_id,
        order_id=order.id, size_steps=0, entry_steps=0, entry_tick_steps=0, exit_steps=0,
        exit_tick_steps=0, fees=Decimal(0), opened_ns=fill.ts_ns,
        planned_stop_ticks=planned_from + order.stop_offset_ticks, stop_ticks=None, target_ticks=None,
    )
