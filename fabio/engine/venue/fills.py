"""Executions at a real venue: in any order, more than once, sometimes nobody's.

Theory. Over hub and REST the same execution carries the same id, so each is dealt with once
(H05). What is booked never leaves a position that could not be: an exit that overtakes its
entry waits for it; of an exit beyond what its entry filled, and of an execution without our
tag that reduces nothing of ours, the rest is a *stray*: not booked, but the venue is asked,
entries wait until its picture agrees, and where the stray has our tag the market is closed
until it is proven flat. An execution that was adopted from a picture before it came is
counted no second time.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from fabio.engine.halting import close_market, end_entries, halt, send_close, take_picture
from fabio.engine.moving import move
from fabio.engine.state import MarketRecord, OrderRecord
from fabio.engine.trades import close_trade
from fabio.engine.turn import LIVE_ENTRY_STATES, Turn
from fabio.engine.venue.explaining import explains
from fabio.model.fact import FillBooked, StopPlaced
from fabio.model.order import Fill
from fabio.model.venue_fact import (
    ClosedElsewhere,
    FillExplained,
    FillHeld,
    FillReleased,
    FillStray,
    FlatWanted,
)
from fabio.portfolio.orders import fill_happening
from fabio.portfolio.positions import book_fill

TAG_SLACK_NS = 60_000_000_000
"""What the venue dates so much before an order was booked is another one with its tag, of a lost journal."""
GIVEN_UP = frozenset({"never_accepted", "rejected"})


def take_fills(turn: Turn, fills: Iterable[Fill]) -> None:
    """Deal with executions that a query listed, oldest first."""
    for fill in sorted(fills, key=lambda fill: (fill.ts_ns, fill.id)):
        take_fill(turn, fill)


def take_fill(turn: Turn, fill: Fill) -> None:
    """Deal with one execution of the account, once."""
    state = turn.state
    if fill.id in state.venue.fills or fill.id in state.seen_fills:
        return
    record = state.orders.get(fill.order_id)
    if not state.venue.has_orders:
        _while_observing(turn, fill, record)
    elif fill.order_id and record is not None:
        if fill.ts_ns - state.venue.skew_ns >= record.order.ts_ns - TAG_SLACK_NS:
            _of_an_order(turn, fill, record)
    elif fill.ts_ns - state.venue.skew_ns >= state.venue.armed_ns:  # older ones were before our time
        _of_no_order(turn, fill)


def _while_observing(turn: Turn, fill: Fill, record: OrderRecord | None) -> None:
    """On paper only an execution of an order that once went out matters: a person has to look."""
    if record is None or not record.at_venue:
        return
    left = _unexplained(turn, fill)
    if left is None:
        return
    fill = left
    why = f"fill {fill.id} of {fill.order_id} at the venue after trading there had ended"
    turn.note(FillStray(fill=fill, size_steps=fill.size_steps, reason=why))
    end_entries(turn, why)


def _of_an_order(turn: Turn, fill: Fill, record: OrderRecord) -> None:
    """Book an execution of an order of ours, as far as it can be."""
    left = _unexplained(turn, fill)
    if left is None:
        return
    if left.leg == "entry":
        _book_entry(turn, left, record)
        return
    _book_exit(turn, left, record)


def _unexplained(turn: Turn, fill: Fill) -> Fill | None:
    """Give what is left of an execution after what was adopted of it already; None for nothing."""
    adopted = sum(each.steps for each in turn.state.venue.adopted if explains(turn.state, each, fill))
    if not adopted:
        return fill
    known = min(adopted, fill.size_steps)
    turn.note(FillExplained(fill=fill, size_steps=known))
    return _part(fill, fill.size_steps - known)


def _part(fill: Fill, steps: int) -> Fill | None:
    """Give `steps` of an execution, its fees by share; None for nothing."""
    if steps <= 0:
        return None
    if steps == fill.size_steps:
        return fill
    fees = (fill.fees * steps / fill.size_steps).quantize(Decimal("0.0001"))
    return msgspec.structs.replace(fill, size_steps=steps, fees=fees)


def _book_entry(turn: Turn, fill: Fill, record: OrderRecord) -> None:
    order, before = record.order, record.state
    position = turn.state.markets[fill.market].position
    if position is not None and position.order_id != order.id:
        _book_beside(turn, fill)
        return
    if position is None:
        turn.markets[fill.market].start_excursion(fill.price_ticks)
    turn.note(FillBooked(fill=fill, position=book_fill(position, fill, order)))
    happening = fill_happening(order.size_steps, record.filled_steps)
    move(turn, order.id, fill.market, happening)
    _see_early_bracket(turn, fill.market, record)
    _release(turn, record)
    if happening == "over_filled":
        halt(turn, f"order {order.id} of {order.size_steps} steps filled {record.filled_steps}")
    elif before in GIVEN_UP:
        close_market(turn, fill.market, f"{order.id} filled after it was taken for {before.replace('_', ' ')}")
    elif turn.state.markets[fill.market].care.unproven is not None:
        close_market(turn, fill.market, f"{order.id} filled while the market was being closed")


def _book_beside(turn: Turn, fill: Fill) -> None:
    """An entry filled while another one's position stands: nothing was decided for both together."""
    turn.note(FillStray(fill=fill, size_steps=fill.size_steps, reason="another order's position is held"))
    turn.note(FlatWanted(market=fill.market, reason="two entries filled", closing=True, kill=True))
    halt(turn, f"fill {fill.id} of {fill.order_id} while another order's position is held")


def _see_early_bracket(turn: Turn, market: int, record: OrderRecord) -> None:
    seen = record.venue.bracket
    position = turn.state.markets[market].position
    if seen is None or position is None or position.stop_ticks is not None:
        return
    turn.note(StopPlaced(
        market=market, stop_ticks=seen.stop_ticks, target_ticks=seen.target_ticks, size_steps=seen.size_steps
    ))


def _book_exit(turn: Turn, fill: Fill, record: OrderRecord) -> None:
    """Book an exit up to what its entry has open; more than that waits for the entry, or is a stray."""
    held = turn.state.markets[fill.market]
    position = held.position
    mine = position is not None and position.order_id == record.order.id and fill.side == -record.order.side
    open_steps = abs(position.size_steps) if mine and position is not None else 0
    booked = _part(fill, min(open_steps, fill.size_steps))
    if booked is not None:
        _book_closing(turn, booked, record)
    rest = _part(fill, fill.size_steps - open_steps)
    if rest is None:
        return
    if record.state in LIVE_ENTRY_STATES and fill.side == -record.order.side:
        turn.note(FillHeld(order_id=record.order.id, fill=_renamed(rest, booked is not None)))
        return
    turn.note(FillStray(fill=rest, size_steps=rest.size_steps, reason="an exit beyond what its entry filled"))
    turn.note(FlatWanted(market=fill.market, reason="an exit beyond its entry", closing=True, kill=False))
    _close_strays(turn, fill.market, "an exit beyond its entry")
    take_picture(turn, "an exit beyond its entry")


def _renamed(fill: Fill, is_rest: bool) -> Fill:
    """Give the waiting rest of an execution an id of its own: the first part has taken its."""
    return msgspec.structs.replace(fill, id=f"{fill.id}-rest") if is_rest else fill


def _release(turn: Turn, record: OrderRecord) -> None:
    """Take the exits that waited for an entry's fill, as far as they fit now."""
    for fill in record.venue.early:
        position = turn.state.markets[fill.market].position
        if position is None:
            return
        turn.note(FillReleased(order_id=record.order.id, fill_id=fill.id))
        if fill.order_id:
            _book_exit(turn, fill, record)
        else:
            _of_no_order(turn, fill)


def _book_closing(turn: Turn, fill: Fill, record: OrderRecord) -> None:
    before = turn.state.markets[fill.market].position
    after = book_fill(before, fill, record.order)
    turn.note(FillBooked(fill=fill, position=after))
    if after is None:
        close_trade(turn, before, fill, record.order)
        turn.note(FlatWanted(market=fill.market, reason=f"{fill.leg} filled", closing=False, kill=False))
        _close_strays(turn, fill.market, "what could not be booked is held still")


def _close_strays(turn: Turn, market: int, reason: str) -> None:
    """Close at once what executions opened in a market that is being closed: a picture may be long in coming."""
    held = turn.state.markets[market]
    care = held.care
    if held.position is None and care.stray_steps and care.unproven is not None and care.unproven.closing:
        send_close(turn, market, reason)


def _of_no_order(turn: Turn, fill: Fill) -> None:
    """Deal with an execution whose order has no tag of ours, or a tag of ours that nobody knows."""
    held = turn.state.markets[fill.market] if 0 <= fill.market < len(turn.state.markets) else None
    if held is None:
        return  # of a contract that we do not trade: the next picture shows it as foreign
    if fill.order_id:
        _of_unknown_order(turn, fill)
        return
    left = _unexplained(turn, fill)
    if left is None:
        return
    closes = _closes(held, left)
    record = turn.state.orders.get(held.position.order_id) if held.position is not None else None
    booked = _part(left, closes)
    if booked is not None and record is not None:
        if not held.exit_asked:
            turn.note(ClosedElsewhere(market=fill.market, size_steps=closes))
        booked = msgspec.structs.replace(booked, order_id=record.order.id, leg="close")
        _book_closing(turn, booked, record)
    rest = _part(left, left.size_steps - closes)
    if rest is not None:
        _of_nothing(turn, held, _renamed(rest, booked is not None))


def _of_nothing(turn: Turn, held: MarketRecord, fill: Fill) -> None:
    """Keep an untagged execution that closes nothing for an entry that may have filled before it; or call it stray."""
    for order_id, record in turn.state.orders.items():
        if record.state in LIVE_ENTRY_STATES and record.order.market == fill.market and record.order.side == -fill.side:
            turn.note(FillHeld(order_id=order_id, fill=fill))
            return
    turn.note(FillStray(fill=fill, size_steps=fill.size_steps, reason="no order of ours, and nothing to close"))
    if _closed_twice(held, fill):
        turn.note(FlatWanted(market=fill.market, reason="closed twice", closing=True, kill=False))
    _close_strays(turn, fill.market, "an execution beyond what was held")
    take_picture(turn, "an execution that is not ours")


def _closed_twice(held: MarketRecord, fill: Fill) -> bool:
    """Tell whether somebody had closed our position before its own leg filled: what that leg opened is ours."""
    trip = held.care.trip
    return trip is not None and fill.side == -trip.side and trip.opened_ns <= fill.ts_ns < trip.closed_ns


def _closes(held: MarketRecord, fill: Fill) -> int:
    """Tell how much of an untagged execution closes what we hold: our own close has no tag either."""
    position = held.position
    if position is None or fill.side * position.size_steps > 0 or fill.ts_ns < position.opened_ns:
        return 0
    return min(abs(position.size_steps), fill.size_steps)


def _of_unknown_order(turn: Turn, fill: Fill) -> None:
    """Our tag, and no record of it: whatever it is, it is ours, and it ends here."""
    turn.note(FillStray(fill=fill, size_steps=fill.size_steps, reason=f"our tag, no such order: {fill.order_id}"))
    turn.note(FlatWanted(market=fill.market, reason="an order nobody knows filled", closing=True, kill=True))
    send_close(turn, fill.market, "an order nobody knows filled")
    halt(turn, f"a fill {fill.id} of no known order {fill.order_id}")
