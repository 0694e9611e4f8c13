"""Protection at the venue: the bracket seen, doubted, lost; and a price that went through the stop.

Theory. The bracket's children work at the venue, nobody here sends a second exit beside
them. What the machine has is a stopwatch: it starts where what is held is not covered by a
working stop of its size, or where price traded beyond the stop. After 1.5 s the venue is asked
(children of an entry that is not filled are invisible to it, H09; those of a filled one are
not); where it shows the filled entry and no stop, the market is closed at once, else after 5 s,
which is the stricter of H08 and H09. Only where a stop
is definitely gone, and nothing hidden can turn up in its place, a stop of our own is sent,
once for each loss; the same five seconds run for it.
"""

from fabio.engine.halting import close_market, take_picture
from fabio.engine.turn import Turn
from fabio.engine.venue.duties import ASK_STOP_NS, STOPS_PLACED_LIMIT, look_up
from fabio.engine.venue.records import Sighting
from fabio.model import event as events
from fabio.model.fact import StopPlaced
from fabio.model.order import DONE_STATES
from fabio.model.venue_fact import BracketKnown, FlatWanted, StopDoubted, StopLost, StopThrough


def on_bracket_at_venue(turn: Turn, event: events.BracketWorking) -> None:
    """Take what the hub says of a bracket; one that works though its position is over is looked at at once."""
    held, record = turn.state.markets[event.market], turn.state.orders.get(event.order_id)
    mine = held.position is not None and held.position.order_id == event.order_id
    over = record is not None and record.venue.exit_steps > 0 and record.state in DONE_STATES and not mine
    if over and held.care.unproven is None:
        why = f"a bracket of {event.order_id} works, and its position is over"
        turn.note(FlatWanted(market=event.market, reason=why, closing=False, kill=False))
        take_picture(turn, why)
        return
    see_bracket(turn, event.market, event.order_id, (event.stop_ticks, event.target_ticks, event.size_steps))


def see_bracket(turn: Turn, market: int, order_id: str, bracket: tuple[int, int | None, int]) -> None:
    """Book what protects a position, where it is news; keep it where the fill has not come yet.

    Parameters
    ----------
    bracket
        Stop and target in ticks, and the stop's size.
    """
    held = turn.state.markets[market]
    position, care = held.position, held.care
    stop_ticks, target_ticks, size_steps = bracket
    if position is None or position.order_id != order_id:
        _keep_for_fill(turn, market, order_id, bracket)
        return
    known = (position.stop_ticks, position.target_ticks, care.stop_steps)
    doubted = care.unsound_ns is not None and size_steps >= abs(position.size_steps)
    if known != bracket or doubted:
        turn.note(StopPlaced(
            market=market, stop_ticks=stop_ticks, target_ticks=target_ticks, size_steps=size_steps
        ))


def _keep_for_fill(turn: Turn, market: int, order_id: str, bracket: tuple[int, int | None, int]) -> None:
    """Remember a bracket whose fill has not come; one that was closed already is of no use."""
    record = turn.state.orders.get(order_id)
    stop_ticks, target_ticks, size_steps = bracket
    sighting = Sighting(stop_ticks=stop_ticks, target_ticks=target_ticks, size_steps=size_steps)
    if record is None or record.venue.exit_steps or record.venue.bracket == sighting:
        return
    turn.note(BracketKnown(
        market=market, order_id=order_id, stop_ticks=stop_ticks, target_ticks=target_ticks, size_steps=size_steps
    ))


def miss_stop(turn: Turn, market: int, asked_ns: int) -> None:
    """Take it that a look at a position's entry showed no stop: the venue was asked for one, and has none.

    Only where it was late already, nothing of the entry is hidden, and no stop of our own is on its way.
    """
    care, position = turn.state.markets[market].care, turn.state.markets[market].position
    late = care.unsound_ns is not None and care.unsound_asked and asked_ns >= care.unsound_ns + ASK_STOP_NS
    done = position is not None and turn.state.orders[position.order_id].state in DONE_STATES
    if late and done and not care.stop_lost:
        close_market(turn, market, "the venue was asked for the stop, and shows none")
    else:
        doubt_stop(turn, market, "a look at the order did not show its stop")


def doubt_stop(turn: Turn, market: int, reason: str) -> None:
    """Start the stopwatch for a stop that a picture did not show, and ask for it by name at once."""
    held = turn.state.markets[market]
    if held.position is None or held.exit_asked or held.care.unsound_ns is not None:
        return
    turn.note(StopDoubted(market=market, reason=reason))
    look_up(turn, held.position.order_id, market, reason)


def on_bracket_lost(turn: Turn, event: events.BracketLost) -> None:
    """Note that the stop is gone; a moment later one of our own takes its place (see `duties`), or it is closed.

    The moment is for a fill of the other leg: it takes the stop away too, and may be heard of after it.
    """
    held = turn.state.markets[event.market]
    position = held.position
    record = turn.state.orders.get(event.order_id)
    if position is None or record is None or position.order_id != event.order_id or held.exit_asked:
        return
    turn.note(StopLost(market=event.market, reason=event.reason))
    if record.venue.stops_placed >= STOPS_PLACED_LIMIT:
        close_market(turn, event.market, f"the stop is gone again: {event.reason}")


def watch_stops(turn: Turn) -> None:
    """Start the stopwatch where price traded beyond a working stop."""
    for index, held in enumerate(turn.state.markets):
        position = held.position
        if position is None or position.stop_ticks is None or held.exit_asked or held.care.through_ns is not None:
            continue
        last_ticks = turn.markets[index].last_ticks()
        if (last_ticks - position.stop_ticks) * position.side < 0:
            turn.note(StopThrough(market=index, last_ticks=last_ticks))
