"""Duties: what the machine owes itself while the venue has its orders, and when each is due.

One list serves both questions, what is due now (`tend`) and when something is due next
(`next_due_ns`), so that they cannot disagree. Every duty that is done moves itself into the
future or away: its act notes a fact that says so.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from fabio.engine.halting import ask_flat_again, close_market, end_arming, flatten, take_picture
from fabio.engine.moving import move
from fabio.engine.state import MarketRecord, OrderRecord, State
from fabio.engine.turn import LIVE_ENTRY_STATES, Turn
from fabio.engine.venue import arming
from fabio.engine.venue.records import Errand
from fabio.model.command import CancelOrder, LookUpOrder, PlaceStop
from fabio.model.venue_fact import (
    CancelAsked,
    FillReleased,
    FillStray,
    FlatWanted,
    LookUpAsked,
    ProtectionAsked,
    StopAsked,
    StopHeld,
    StopThroughAsked,
)

NS = 1_000_000_000
NEVER = (1 << 63) - 1
ANSWER_NS = 5 * NS
"""An entry without an answer for so long is unknown."""
LOOK_AGAIN_NS, LOOK_SELDOM_NS, LOOKS_OFTEN = 5 * NS, 15 * NS, 8
PLACE_STOP_NS, ASK_STOP_NS, CLOSE_NS = 1 * NS, 3 * NS // 2, 5 * NS
"""Without a sound stop: where it is known to be gone another is placed, then the venue is asked, then it is closed."""
ASK_THROUGH_NS = 2 * NS
"""The venue is asked where price stands beyond the stop for so long."""
STOPS_PLACED_LIMIT = 1
"""Stops of our own for one entry; when that is lost too, the market is closed."""
EARLY_LOOK_NS, EARLY_LIMIT_NS = 3 * NS, 10 * NS
PICTURE_HELD_NS, PICTURE_IDLE_NS, PICTURE_RETRY_NS = 10 * NS, 30 * NS, 10 * NS
PICTURE_GAP_NS, PICTURE_DOUBT_NS = 2 * NS, 5 * NS
FLAT_BACKOFF_NS = (1 * NS, 1 * NS, 2 * NS, 4 * NS, 8 * NS, 15 * NS)
CANCEL_BACKOFF_NS = (2 * NS, 4 * NS, 8 * NS, 15 * NS)
FLAT_SELDOM_NS, FLAT_OFTEN = 60 * NS, 20

Act = Callable[[Turn], None]


class Duty(NamedTuple):
    """Something to do, and when."""

    due_ns: int
    act: Act


def tend(turn: Turn) -> None:
    """Do all that is due, and observe again where trading has ended and the venue is flat."""
    if not turn.state.venue.is_known:
        return
    for duty in list(_duties(turn.state)):
        if duty.due_ns <= turn.state.now_ns:
            duty.act(turn)
    arming.leave_when_flat(turn)


def next_due_ns(state: State) -> int:
    """When something is due next; `NEVER` for nothing."""
    if not state.venue.is_known:
        return NEVER
    return max(min((duty.due_ns for duty in _duties(state)), default=NEVER), state.now_ns)


def _duties(state: State) -> Iterator[Duty]:
    for index, market in enumerate(state.markets):
        if market.care.unproven is not None:
            yield _of_proof(market, index)
    if not state.venue.has_orders:
        return
    if state.venue.phase == "armed":
        yield Duty(state.venue.until_ns, _end_of_day)
    for index, market in enumerate(state.markets):
        yield from _of_protection(state, market, index)
    for key, record in state.orders.items():
        if record.at_venue:
            yield from _of_order(state, key, record)
    if state.venue.connected:
        yield _of_picture(state)


# -- proof that a market is flat --------------------------------------------------------------


def _of_proof(market: MarketRecord, index: int) -> Duty:
    unproven = market.care.unproven
    if unproven is None:
        return Duty(NEVER, _nothing)
    wait_ns = FLAT_SELDOM_NS if unproven.tries >= FLAT_OFTEN else _backoff(FLAT_BACKOFF_NS, unproven.tries)
    return Duty(unproven.asked_ns + wait_ns, partial(ask_flat_again, index=index))


def _backoff(steps_ns: tuple[int, ...], tries: int) -> int:
    return steps_ns[min(tries, len(steps_ns) - 1)]


def _nothing(turn: Turn) -> None:
    """Nothing to do."""


def _end_of_day(turn: Turn) -> None:
    why = "closing begins for the flat-by time, until which it was armed"
    end_arming(turn, why)
    flatten(turn, why, kill=True)


# -- protection -----------------------------------------------------------------------------


def _of_protection(state: State, market: MarketRecord, index: int) -> Iterator[Duty]:
    care = market.care
    if market.position is None or market.exit_asked:
        return
    if care.unsound_ns is not None:
        if care.stop_lost and state.orders[market.position.order_id].venue.stops_placed < STOPS_PLACED_LIMIT:
            yield Duty(care.unsound_ns + PLACE_STOP_NS, partial(_place_stop, index=index))
        if not care.unsound_asked:
            yield Duty(care.unsound_ns + ASK_STOP_NS, partial(_ask_stop, index=index))
        yield Duty(care.unsound_ns + CLOSE_NS, partial(
            close_market, index=index, reason="no working stop for all that is held, for 5 s"
        ))
    if care.through_ns is not None:
        if not care.through_asked:
            yield Duty(care.through_ns + ASK_THROUGH_NS, partial(_ask_through, index=index))
        yield Duty(care.through_ns + CLOSE_NS, partial(_judge_through, index=index))


def _place_stop(turn: Turn, index: int) -> None:
    """Put a stop of our own where the bracket's was planned; where price is there already, close."""
    position = turn.state.markets[index].position
    if position is None:
        return
    record = turn.state.orders[position.order_id]
    stop_ticks, number = position.planned_stop_ticks, record.venue.stops_placed + 1
    turn.note(StopAsked(market=index, order_id=position.order_id, stop_ticks=stop_ticks, number=number))
    if (turn.markets[index].last_ticks() - stop_ticks) * position.side <= 0:
        close_market(turn, index, "the stop is gone, and price is where it was")
        return
    turn.command(PlaceStop(
        order_id=position.order_id, market=index, side=-position.side, size_steps=abs(position.size_steps),
        stop_ticks=stop_ticks, number=number,
    ))


def _ask_stop(turn: Turn, index: int) -> None:
    position = turn.state.markets[index].position
    if position is None:
        return
    turn.note(ProtectionAsked(market=index))
    look_up(turn, position.order_id, index, "its stop was not seen for 1.5 s")


def _ask_through(turn: Turn, index: int) -> None:
    position = turn.state.markets[index].position
    if position is None:
        return
    turn.note(StopThroughAsked(market=index))
    look_up(turn, position.order_id, index, "price traded through its stop, no fill for 2 s")


def _judge_through(turn: Turn, index: int) -> None:
    """Close where price stands beyond the stop still; where it came back the stop was not reached at the venue."""
    held = turn.state.markets[index]
    position = held.position
    if position is None or held.exit_asked:
        return
    last_ticks = turn.markets[index].last_ticks()
    if position.stop_ticks is not None and (last_ticks - position.stop_ticks) * position.side >= 0:
        turn.note(StopHeld(market=index))
        return
    close_market(turn, index, f"price is at {last_ticks}, beyond the stop, and it did not fill in 5 s")


# -- orders ---------------------------------------------------------------------------------


def _of_order(state: State, key: str, record: OrderRecord) -> Iterator[Duty]:
    at_venue = record.venue
    if record.state == "in_flight":
        yield Duty(at_venue.moved_ns + ANSWER_NS, partial(_no_answer, order_id=key))
    elif record.state == "unknown":
        yield Duty(_look_due(at_venue.look), partial(
            look_up, order_id=key, market=record.order.market, reason="what became of it is not known"
        ))
    elif record.state in LIVE_ENTRY_STATES:
        due_ns = _cancel_due(state, record)
        if due_ns < NEVER:
            yield Duty(due_ns, partial(_cancel, order_id=key))
    if at_venue.early:
        asked = at_venue.look is not None and at_venue.look.asked_ns >= at_venue.early_ns
        if not asked:
            yield Duty(at_venue.early_ns + EARLY_LOOK_NS, partial(
                look_up, order_id=key, market=record.order.market, reason="an exit came without its entry"
            ))
        yield Duty(at_venue.early_ns + EARLY_LIMIT_NS, partial(_give_up_waiting, order_id=key))


def _look_due(look: Errand | None) -> int:
    if look is None:
        return 0
    return look.asked_ns + (LOOK_AGAIN_NS if look.tries < LOOKS_OFTEN else LOOK_SELDOM_NS)


def look_up(turn: Turn, order_id: str, market: int, reason: str) -> None:
    """Ask the venue for an order and its children by tag."""
    turn.note(LookUpAsked(order_id=order_id, market=market, reason=reason))
    turn.command(LookUpOrder(order_id=order_id, market=market))


def _no_answer(turn: Turn, order_id: str) -> None:
    record = turn.state.orders[order_id]
    move(turn, order_id, record.order.market, "no_answer", "no answer for 5 s")
    look_up(turn, order_id, record.order.market, "no answer for 5 s")


def _cancel_due(state: State, record: OrderRecord) -> int:
    """When what is left of an entry is to be cancelled: the venue knows no good-until, and no bracket re-opens."""
    order, market = record.order, state.markets[record.order.market]
    unproven = market.care.unproven
    over = record.venue.exit_steps > 0 and market.position is None
    if over or state.venue.phase == "leaving" or (unproven is not None and unproven.closing):
        first_ns = 0
    elif order.good_until_ns is not None:
        first_ns = order.good_until_ns
    else:
        return NEVER
    asked = record.venue.cancel
    if asked is None:
        return first_ns
    return max(first_ns, asked.asked_ns + _backoff(CANCEL_BACKOFF_NS, asked.tries - 1))


def _cancel(turn: Turn, order_id: str) -> None:
    order = turn.state.orders[order_id].order
    turn.note(CancelAsked(order_id=order_id, market=order.market, reason="it is not to fill any more"))
    turn.command(CancelOrder(order_id=order_id, market=order.market))


def _give_up_waiting(turn: Turn, order_id: str) -> None:
    record = turn.state.orders[order_id]
    early = record.venue.early
    for fill in early:
        turn.note(FillReleased(order_id=order_id, fill_id=fill.id))
        turn.note(FillStray(fill=fill, size_steps=fill.size_steps, reason="its entry's fill did not come in 10 s"))
    if any(fill.order_id for fill in early):  # our tag: what it opened is ours
        turn.note(FlatWanted(
            market=record.order.market, reason="an exit without its entry", closing=True, kill=False
        ))
    take_picture(turn, "an exit without its entry")


# -- pictures -------------------------------------------------------------------------------


def _of_picture(state: State) -> Duty:
    venue = state.venue
    if venue.asked_ns is not None or venue.picture_ns is None:
        retry_ns = PICTURE_RETRY_NS if venue.agreed == venue.generation else PICTURE_DOUBT_NS
        return Duty((venue.asked_ns or 0) + retry_ns, partial(take_picture, reason="the last one did not come"))
    busy = any(market.position is not None for market in state.markets) or any(
        works_state(record) for record in state.orders.values()
    )
    every_ns = PICTURE_HELD_NS if busy or venue.foreign else PICTURE_IDLE_NS
    if venue.gaps or (venue.phase == "leaving" and not busy):
        every_ns = PICTURE_GAP_NS
    elif venue.agreed != venue.generation and not venue.foreign:
        every_ns = PICTURE_DOUBT_NS
    return Duty(venue.picture_ns + every_ns, partial(take_picture, reason="by the clock"))


def works_state(record: OrderRecord) -> bool:
    """Tell whether an order at the venue may still fill."""
    return record.at_venue and record.state in LIVE_ENTRY_STATES
