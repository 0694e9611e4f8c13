"""What whoever has the orders says of them: states, executions, brackets."""

from fabio.engine.halting import end_arming, end_entries, halt
from fabio.engine.moving import move
from fabio.engine.trades import close_trade
from fabio.engine.turn import Turn
from fabio.engine.venue import duties
from fabio.engine.venue.fills import take_fill
from fabio.engine.venue.protection import on_bracket_at_venue
from fabio.model import event as events
from fabio.model.fact import FillBooked, StopPlaced
from fabio.model.order import Fill, Order, Position
from fabio.portfolio.orders import fill_happening
from fabio.portfolio.positions import book_fill

REFUSALS = 3


def on_accepted(turn: Turn, event: events.OrderAccepted) -> None:
    """Book that the venue took an order."""
    move(turn, event.order_id, event.market, "accepted")
    duties.tend(turn)


def on_rejected(turn: Turn, event: events.OrderRejected) -> None:
    """Book that the venue refused an order; one that was in doubt is looked up all the same (I05)."""
    record = turn.state.orders.get(event.order_id)
    in_doubt = record is not None and record.at_venue and record.state not in ("in_flight", "rejected")
    move(turn, event.order_id, event.market, "rejected", event.reason)
    _stop_trying(turn, event)
    if in_doubt:
        duties.look_up(turn, event.order_id, event.market, f"refused after all: {event.reason}")
    duties.tend(turn)


def _stop_trying(turn: Turn, event: events.OrderRejected) -> None:
    """End trading at the venue where it refuses one entry after the other: more of them change nothing."""
    last = [record.state for record in turn.state.orders.values() if record.at_venue][-REFUSALS:]
    if last == ["rejected"] * REFUSALS:
        end_arming(turn, f"the venue refused {REFUSALS} entries in a row, the last because: {event.reason}")


def on_cancelled(turn: Turn, event: events.OrderCancelled) -> None:
    """Book that what was left of an order is gone."""
    move(turn, event.order_id, event.market, "cancelled", event.reason)
    duties.tend(turn)


def on_expired(turn: Turn, event: events.OrderExpired) -> None:
    """Book that an order reached its good-until time."""
    move(turn, event.order_id, event.market, "expired")
    duties.tend(turn)


def on_bracket(turn: Turn, event: events.BracketWorking) -> None:
    """Book at which prices the position is protected."""
    if turn.state.venue.has_orders:
        on_bracket_at_venue(turn, event)
        duties.tend(turn)
        return
    position = turn.state.markets[event.market].position
    if position is not None and position.order_id == event.order_id:
        turn.note(StopPlaced(
            market=event.market, stop_ticks=event.stop_ticks, target_ticks=event.target_ticks
        ))


def on_filled(turn: Turn, event: events.OrderFilled) -> None:
    """Book an own execution, once, and close the trade when it leaves us flat."""
    if turn.state.venue.is_known and (turn.state.venue.has_orders or not _is_papers(turn, event.fill)):
        take_fill(turn, event.fill)
        duties.tend(turn)
        return
    _on_paper(turn, event.fill)


def _is_papers(turn: Turn, fill: Fill) -> bool:
    """Tell whether an execution is the paper exchange's: of an order that never went to the venue."""
    record = turn.state.orders.get(fill.order_id)
    return record is not None and not record.at_venue


def _on_paper(turn: Turn, fill: Fill) -> None:
    state = turn.state
    if fill.id in state.seen_fills:
        return
    before = state.markets[fill.market].position
    order = _order_of(turn, fill, before)
    if order is None:  # not ours, or long done: a person has to look
        end_entries(turn, f"a fill {fill.id} of no known order {fill.order_id}")
        return
    if before is None:
        turn.markets[fill.market].start_excursion(fill.price_ticks)
    after = book_fill(before, fill, order)
    turn.note(FillBooked(fill=fill, position=after))
    if fill.leg == "entry":
        happening = fill_happening(order.size_steps, state.orders[order.id].filled_steps)
        move(turn, order.id, fill.market, happening)
        if happening == "over_filled":
            halt(turn, f"order {order.id} of {order.size_steps} steps filled more than that")
    if after is None:
        close_trade(turn, before, fill, order)


def _order_of(turn: Turn, fill: Fill, position: Position | None) -> Order | None:
    """Find the entry order a fill belongs to: its own, its parent's, or the position's."""
    for order_id in (fill.order_id, fill.order_id.rpartition("-")[0]):
        record = turn.state.orders.get(order_id)
        if record is not None:
            return record.order
    if position is not None and position.order_id in turn.state.orders:
        return turn.state.orders[position.order_id].order
    return None
