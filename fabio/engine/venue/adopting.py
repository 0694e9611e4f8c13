"""Adopting: the venue holds something else, twice seen, and no execution says why. The venue is right.

What was closed of ours, or filled of our entries, is booked with an execution made up for it,
named as such; the real one, should it come late, is counted no second time. Where not even a leg
of ours is listed as filled, the venue is asked to close besides: it costs nothing where nothing
is held, and a list that lied leaves nothing bare. What nobody here
can explain is somebody else's: it is written down, blocks entries, and is never touched.
"""

from fabio.engine.halting import send_close
from fabio.engine.moving import move
from fabio.engine.trades import close_trade
from fabio.engine.turn import Turn
from fabio.model.fact import FillBooked
from fabio.model.order import Fill, Leg
from fabio.model.venue import VenuePicture
from fabio.model.venue_fact import FlatWanted, ForeignSeen, GapClosed, PositionAdopted
from fabio.portfolio.orders import fill_happening
from fabio.portfolio.positions import book_fill
from fabio.portfolio.reconcile import Difference, Settlement


def settle(turn: Turn, picture: VenuePicture, difference: Difference, found: Settlement) -> None:
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
