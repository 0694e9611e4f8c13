"""Adopting: the venue holds something else, twice seen, and no execution says why. The venue is right.

Theory. A position that differs is flagged only after five quiet seconds, since REST lags the
hub by as much (F18), and settled only at a second look. Where the venue holds *less* than its
own executions made, no execution says why (not even one that could not be booked), and no leg
of ours is listed as filled, it contradicts itself: whoever closes what we hold, person, stop or
liquidation, leaves an execution. Then it has to say so without a break for `UNTOLD_NS`, entries
wait meanwhile, and what is taken for closed in the end is closed at the venue too.

What was closed of ours, or filled of our entries, is booked with an execution made up for it,
named as such; the real one, should it come late, is counted no second time. Where not even a leg
of ours is listed as filled, the venue is asked to close besides: it costs nothing where nothing
is held, and a list that lied leaves nothing bare. What nobody here can explain is somebody
else's: it is written down, blocks entries, and is never touched.
"""

from fabio.engine.halting import send_close
from fabio.engine.moving import move
from fabio.engine.state import State
from fabio.engine.trades import close_trade
from fabio.engine.turn import Turn
from fabio.engine.venue.explaining import CAME_BACK_NS
from fabio.engine.venue.proving import LEGS_SETTLE_NS, QUIET_NS
from fabio.model.fact import FillBooked
from fabio.model.order import Fill, Leg
from fabio.model.venue import VenuePicture
from fabio.model.venue_fact import FlatWanted, ForeignSeen, GapClosed, GapSeen, PositionAdopted
from fabio.portfolio.orders import fill_happening
from fabio.portfolio.positions import book_fill
from fabio.portfolio.reconcile import Book, Difference, Findings, Settlement, settle_gap

NS = 1_000_000_000
SECOND_LOOK_NS, THIRD_LOOK_NS, UNTOLD_NS = 1 * NS, 6 * NS, 40 * NS
"""How long a difference has to last: longer where its stop works, the longest where no execution explains it."""


def follow_differences(turn: Turn, picture: VenuePicture, findings: Findings, book: Book) -> set[int]:
    """Flag positions that differ, settle those that differ still at a second look; give the settled markets."""
    settled = set()
    venue = turn.state.venue
    different = {each.market for each in findings.differences}
    stopped = {sight.market for sight in findings.sights}
    _close_what_came_back(turn, picture, findings)
    for market in [market for market in venue.gaps if market not in different]:
        turn.note(GapClosed(market=market, reason="venue and book agree"))
    for difference in findings.differences:
        care = turn.state.markets[difference.market].care
        if picture.taken_ns < care.touched_ns + QUIET_NS:
            continue
        gap = venue.gaps.get(difference.market)
        beyond = difference.venue_steps - difference.held_steps
        if gap is None or gap.venue_steps - gap.held_steps != beyond:  # own fills move both, and leave it as it was
            turn.note(GapSeen(
                market=difference.market, held_steps=difference.held_steps, venue_steps=difference.venue_steps,
                taken_ns=picture.taken_ns,
            ))
        else:
            found = settle_gap(book, difference, findings.ahead)
            if picture.taken_ns < gap.taken_ns + _patience_ns(turn.state, picture, found, difference.market, stopped):
                continue
            if found.foreign_steps and care.unproven is not None and care.unproven.closing:
                continue  # it came of our own closing, and is closed too
            _settle(turn, picture, difference, found)
            settled.add(difference.market)
    return settled


def _patience_ns(
    state: State, picture: VenuePicture, found: Settlement, market: int, stopped: set[int]
) -> int:
    """Say for how long a difference has to last: where what we hold is gone and nothing says why, the longest."""
    position = state.markets[market].position
    if found.exit_steps and position is not None:
        filled = sum(order.filled_steps for order in picture.orders
                     if order.order_id == position.order_id and order.leg != "entry")
        told = filled - state.orders[position.order_id].venue.exit_steps
        told += max(-position.side * state.markets[market].care.stray_steps, 0)  # executions nobody could place
        if told < found.exit_steps:
            return UNTOLD_NS
    return THIRD_LOOK_NS if market in stopped else SECOND_LOOK_NS


def _close_what_came_back(turn: Turn, picture: VenuePicture, findings: Findings) -> None:
    """Close what was taken for closed without an execution, where the venue holds it still: it is ours."""
    for difference in findings.differences:
        care = turn.state.markets[difference.market].care
        closing = care.unproven is not None and care.unproven.closing
        if difference.held_steps or closing or picture.taken_ns < care.touched_ns + LEGS_SETTLE_NS:
            continue
        if care.trip is None or picture.taken_ns > care.trip.closed_ns + CAME_BACK_NS:
            continue
        steps = difference.venue_steps - turn.state.venue.foreign_steps.get(difference.market, 0)
        adopted = sum(-each.side * each.steps for each in turn.state.venue.adopted
                      if each.market == difference.market and not each.entry
                      and each.opened_ns >= care.trip.opened_ns)
        if steps * adopted > 0 and abs(steps) <= abs(adopted):
            why = "what was taken for closed is held still"
            turn.note(FlatWanted(market=difference.market, reason=why, closing=True, kill=False))
            send_close(turn, difference.market, why)


def _settle(turn: Turn, picture: VenuePicture, difference: Difference, found: Settlement) -> None:
    """Bring the book to what the venue holds of one market."""
    market = difference.market
    for order_id, steps in found.entries:
        _adopt_entry(turn, picture, order_id, steps)
    if found.exit_steps:
        _adopt_exit(turn, picture, market, found.exit_steps)
    steps_by_market = dict(turn.state.venue.foreign_steps)
    if steps_by_market.pop(market, 0) != found.foreign_steps:
        if found.foreign_steps:
            steps_by_market[market] = found.foreign_steps
        turn.note(ForeignSeen(what=turn.state.venue.foreign, steps=steps_by_market))
    turn.note(GapClosed(market=market, reason="the venue's was taken over"))


def _adopt_entry(turn: Turn, picture: VenuePicture, order_id: str, steps: int) -> None:
    record = turn.state.orders[order_id]
    order = record.order
    seen = next((each for each in picture.orders if each.order_id == order_id and each.leg == "entry"), None)
    price = None if seen is None or seen.filled_ticks is None else round(seen.filled_ticks)
    fill = _made_up(turn, order_id, "entry", (order.side, steps, price), order.market)
    before = turn.state.markets[order.market].position
    turn.note(PositionAdopted(fill=fill, price_known=price is not None, reason="an entry filled unheard of"))
    if before is None:
        turn.markets[order.market].start_excursion(fill.price_ticks)
    turn.note(FillBooked(fill=fill, position=book_fill(before, fill, order)))
    move(turn, order_id, order.market, fill_happening(order.size_steps, record.filled_steps))


def _adopt_exit(turn: Turn, picture: VenuePicture, market: int, steps: int) -> None:
    before = turn.state.markets[market].position
    if before is None:
        return
    order = turn.state.orders[before.order_id].order
    price = _exit_ticks(picture, before.order_id)
    fill = _made_up(turn, before.order_id, "close", (-before.side, steps, price), market)
    turn.note(PositionAdopted(fill=fill, price_known=price is not None, reason="closed unheard of"))
    after = book_fill(before, fill, order)
    turn.note(FillBooked(fill=fill, position=after))
    if after is None:
        close_trade(turn, before, fill, order)
        told = price is not None  # by the leg of ours that filled
        turn.note(FlatWanted(market=market, reason="closed at the venue", closing=not told, kill=False))
        if not told:
            send_close(turn, market, "taken for closed, and no execution says so")


def _exit_ticks(picture: VenuePicture, order_id: str) -> int | None:
    """Find the price at which a leg of ours filled, as the picture has it."""
    for order in picture.orders:
        if order.order_id == order_id and order.leg != "entry" and order.filled_ticks is not None:
            return round(order.filled_ticks)
    return None


def _made_up(turn: Turn, order_id: str, leg: Leg, execution: tuple[int, int, int | None], market: int) -> Fill:
    """Write the execution that must have been; without a price of the venue at the last trade."""
    side, steps, price = execution
    instrument = turn.markets[market].instrument
    ticks = turn.markets[market].last_ticks() if price is None else price
    return Fill(
        id=f"{order_id}-adopted-{leg}-{turn.state.seq + 1}", order_id=order_id, leg=leg, market=market, side=side,
        size_steps=steps, price_ticks=ticks, fees=instrument.fees(steps, ticks), ts_ns=turn.state.now_ns,
    )
