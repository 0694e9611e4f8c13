"""The venue's picture against the book: what follows from it, and when.

Theory. `portfolio.reconcile` says what differs; here stands when it counts. A picture older
than the last thing that happened in a market says nothing of it (H04). An order that a list
does not show is looked up by name before anything is believed of it; positions that differ are
`adopting`'s. Nothing here sends an order that could make a position larger: it cancels, closes,
asks, and books.
"""

import msgspec

from fabio.engine.halting import halt, is_halted_for_good
from fabio.engine.moving import move
from fabio.engine.state import State
from fabio.engine.turn import Turn
from fabio.engine.venue import duties
from fabio.engine.venue.adopting import follow_differences
from fabio.engine.venue.fills import TAG_SLACK_NS, take_fills
from fabio.engine.venue.protection import doubt_stop, miss_stop, see_bracket
from fabio.engine.venue.proving import LEGS_SETTLE_NS, agree, prove
from fabio.model import event as events
from fabio.model.command import CancelVenueOrder
from fabio.model.order import DONE_STATES
from fabio.model.venue import VenueOrder, VenuePicture
from fabio.model.venue_fact import (
    FlatWanted,
    ForeignSeen,
    OrderNotFound,
    OrphanAsked,
    PictureSeen,
    VenueChanged,
    VenueRefused,
)
from fabio.portfolio.reconcile import Book, BookOrder, Findings, compare

NS = 1_000_000_000
SEEN_NS = 2 * NS
"""So long after a fill its bracket, and after a report its order, has to be in a picture."""
LOOKS, LOOKS_OVER_NS = 3, 10 * NS


# -- events -------------------------------------------------------------------------------


def on_venue_lost(turn: Turn, event: events.VenueLost) -> None:
    """Let no entry leave until the venue is heard again and agrees."""
    turn.note(VenueChanged(connected=False, generation=turn.state.venue.generation, reason=event.reason))
    duties.tend(turn)


def on_venue_restored(turn: Turn, event: events.VenueRestored) -> None:
    """Begin a new generation; the broker brings its first picture."""
    turn.note(VenueChanged(connected=True, generation=event.generation, reason="restored"))
    duties.tend(turn)


def on_account_seen(turn: Turn, event: events.AccountSeen) -> None:
    """Halt when the venue has locked the account."""
    _heed_lock(turn, event.can_trade)
    duties.tend(turn)


def on_order_unknown(turn: Turn, event: events.OrderUnknown) -> None:
    """Let an order be unknown, and look for it by its tag; it is never sent again."""
    record = turn.state.orders.get(event.order_id)
    if record is not None and record.state == "in_flight":
        move(turn, event.order_id, event.market, "no_answer", event.reason)
        duties.look_up(turn, event.order_id, event.market, event.reason)
    duties.tend(turn)


def on_command_failed(turn: Turn, event: events.CommandFailed) -> None:
    """Record it. What is owed still is asked for again in its time; a stop that may not have moved is looked at."""
    turn.note(VenueRefused(
        command=event.command, market=event.market, order_id=event.order_id, known=event.known, reason=event.reason
    ))
    if event.command in ("MoveStop", "PlaceStop") and event.order_id in turn.state.orders:
        duties.look_up(turn, event.order_id, event.market, f"{event.command}: {event.reason}")
    duties.tend(turn)


def on_looked_up(turn: Turn, event: events.OrderLookedUp) -> None:
    """Take what a look found: executions, the entry's state, the legs."""
    record = turn.state.orders.get(event.order_id)
    if record is None or not turn.state.venue.has_orders:
        return
    take_fills(turn, event.fills)
    orders = _current(turn.state, event.orders)
    if orders:
        _follow_order(turn, event.order_id, orders, event.asked_ns)
    else:
        _not_found(turn, event.order_id)
    duties.tend(turn)


def _current(state: State, orders: tuple[VenueOrder, ...]) -> tuple[VenueOrder, ...]:
    """Leave out done orders from before ours with the same tag: a journal that was lost had used it."""
    def is_older(order: VenueOrder) -> bool:
        record = state.orders.get(order.order_id)
        if record is None or order.created_ns is None or order.is_live:
            return False
        return order.created_ns - state.venue.skew_ns < record.order.ts_ns - TAG_SLACK_NS
    return tuple(order for order in orders if not is_older(order))


def on_venue_seen(turn: Turn, event: events.VenueSeen) -> None:
    """Compare a picture with the book, and do what follows from it."""
    picture, venue = event.picture, turn.state.venue
    if venue.has_orders or any(record.at_venue for record in turn.state.orders.values()):
        take_fills(turn, picture.fills)
    current = venue.connected and picture.generation == venue.generation
    newer = venue.picture_ns is None or picture.taken_ns > venue.picture_ns
    if current and newer and picture.complete:
        turn.note(PictureSeen(
            generation=picture.generation, taken_ns=picture.taken_ns, clock_skew_ns=picture.clock_skew_ns,
            can_trade=picture.can_trade, refused_markets=picture.refused_markets,
        ))
        _heed_lock(turn, picture.can_trade)
        _follow(turn, picture)
    duties.tend(turn)


def _heed_lock(turn: Turn, can_trade: bool) -> None:
    if not can_trade and turn.state.venue.has_orders and not is_halted_for_good(turn.state):
        halt(turn, "the venue has locked the account (canTrade is false)")


# -- one order ------------------------------------------------------------------------------


def _not_found(turn: Turn, order_id: str) -> None:
    """Count a look that found nothing; after three over ten seconds the order was never accepted."""
    record = turn.state.orders[order_id]
    market = record.order.market
    if record.state in DONE_STATES or record.state == "in_flight":
        return
    if record.state != "unknown":
        move(turn, order_id, market, "not_found")
    turn.note(OrderNotFound(order_id=order_id, market=market))
    look = record.venue.look
    if look is not None and record.venue.misses >= LOOKS and turn.state.now_ns - look.first_ns >= LOOKS_OVER_NS:
        move(turn, order_id, market, "not_found", f"never accepted: not found at {record.venue.misses} looks")


def _follow_order(turn: Turn, order_id: str, orders: tuple[VenueOrder, ...], asked_ns: int) -> None:
    """Compare one order and its legs with the book, as if nothing else were at the venue."""
    record = turn.state.orders[order_id]
    market = record.order.market
    book = book_of(turn.state)
    held = {market: steps for market, steps in book.held.items() if book.held_by[market] == order_id}
    part = Book(
        held=held, held_by=dict.fromkeys(held, order_id), orders={order_id: book.orders[order_id]}, foreign={}
    )
    picture = VenuePicture(
        generation=0, taken_ns=asked_ns, complete=True, balance=turn.state.account.balance, orders=orders
    )
    findings = compare(part, picture)
    after_ns = asked_ns + 1  # it was asked because of what happened then: that is in it
    _follow_moves(turn, findings, after_ns)
    _follow_sights(turn, findings, after_ns)
    if record.state == "never_accepted":
        _cancel_orphans(turn, tuple(order for order in orders if order.is_live and order.leg == "entry"), asked_ns)
    elif market in held and market not in {sight.market for sight in findings.sights}:
        miss_stop(turn, market, asked_ns)


# -- the whole picture ------------------------------------------------------------------------


def book_of(state: State) -> Book:
    """Give the book as the venue should have it; an observer's has nothing but what once went out."""
    live = state.venue.has_orders
    positions = {
        index: record.position for index, record in enumerate(state.markets) if live and record.position is not None
    }
    return Book(
        held={index: position.size_steps for index, position in positions.items()},
        held_by={index: position.order_id for index, position in positions.items()},
        orders={
            key: BookOrder(
                market=record.order.market, side=record.order.side, state=record.state,
                filled_steps=record.filled_steps,
            )
            for key, record in state.orders.items() if record.at_venue
        },
        foreign=state.venue.foreign_steps,
    )


def _follow(turn: Turn, picture: VenuePicture) -> None:
    picture = msgspec.structs.replace(picture, orders=_current(turn.state, picture.orders))
    findings = compare(book_of(turn.state), picture)
    taken_ns = picture.taken_ns
    _follow_moves(turn, findings, taken_ns)
    _follow_sights(turn, findings, taken_ns)
    for market in findings.bare:
        if taken_ns >= turn.state.markets[market].care.touched_ns + SEEN_NS:
            doubt_stop(turn, market, "a picture of the venue did not show the stop")
    _look_for_missing(turn, findings, taken_ns)
    if turn.state.venue.has_orders or any(record.care.unproven is not None for record in turn.state.markets):
        _cancel_orphans(turn, findings.orphans, taken_ns)
    settled = follow_differences(turn, picture, findings, book_of(turn.state))
    findings = compare(book_of(turn.state), picture)  # what was taken over differs no more
    for sight in findings.sights:
        if sight.market in settled:  # what the book has of it is from this picture
            see_bracket(turn, sight.market, sight.order_id, (sight.stop_ticks, sight.target_ticks, sight.size_steps))
    if findings.foreign != turn.state.venue.foreign:
        turn.note(ForeignSeen(what=findings.foreign, steps=dict(turn.state.venue.foreign_steps)))
    prove(turn, picture, findings)
    agree(turn, picture, findings)


def _follow_moves(turn: Turn, findings: Findings, taken_ns: int) -> None:
    for order_id, happening in findings.moves:
        record = turn.state.orders[order_id]
        if taken_ns > record.venue.moved_ns:
            move(turn, order_id, record.order.market, happening, "seen at the venue")


def _follow_sights(turn: Turn, findings: Findings, taken_ns: int) -> None:
    for sight in findings.sights:
        care = turn.state.markets[sight.market].care
        if taken_ns > max(care.bracket_ns, care.touched_ns):
            see_bracket(
                turn, sight.market, sight.order_id, (sight.stop_ticks, sight.target_ticks, sight.size_steps)
            )


def _look_for_missing(turn: Turn, findings: Findings, taken_ns: int) -> None:
    for order_id in findings.missing:
        record = turn.state.orders[order_id]
        look = record.venue.look
        recent = look is not None and turn.state.now_ns < look.asked_ns + duties.LOOK_AGAIN_NS
        if record.state == "in_flight" or recent or taken_ns < record.venue.moved_ns + SEEN_NS:
            continue
        duties.look_up(turn, order_id, record.order.market, "a picture of the venue did not list it")


def _cancel_orphans(turn: Turn, orphans: tuple[VenueOrder, ...], taken_ns: int) -> None:
    for order in orphans:
        if not 0 <= order.market < len(turn.state.markets):
            continue
        care = turn.state.markets[order.market].care
        if taken_ns < care.touched_ns + LEGS_SETTLE_NS:
            continue
        if care.unproven is None:
            turn.note(FlatWanted(
                market=order.market, reason=f"{order.leg} {order.tag or order.venue_id} should not be there",
                closing=False, kill=False,
            ))
        turn.note(OrphanAsked(market=order.market, venue_id=order.venue_id, what=f"{order.leg} of {order.order_id}"))
        turn.command(CancelVenueOrder(
            venue_id=order.venue_id, market=order.market, reason=f"{order.leg} of {order.order_id} is left over"
        ))
