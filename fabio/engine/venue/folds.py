"""How facts of live trading change the state. Times are those of the step: `state.now_ns`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from fabio.engine.venue.explaining import explains
from fabio.engine.venue.records import FILLS_KEPT, Adopted, Care, Errand, Gap, Sighting, Trip, Unproven
from fabio.model import fact as facts
from fabio.model import venue_fact as live
from fabio.portfolio.positions import with_bracket

if TYPE_CHECKING:
    from fabio.engine.state import MarketRecord, State

LIVE_STATES = frozenset({"in_flight", "working", "partly_filled", "unknown"})


# -- what happens in both worlds, where the venue has the orders -----------------------------


def order_booked(state: "State", fact: facts.OrderBooked) -> None:
    """Remember that an order goes to the venue."""
    record = state.orders[fact.order.id]
    record.at_venue = True
    record.venue.moved_ns = state.now_ns
    touch(state, fact.order.market)


def order_moved(state: "State", fact: facts.OrderMoved) -> None:
    """Remember when an order last changed; a change answers every look."""
    record = state.orders.get(fact.order_id)
    if record is None or not record.at_venue:
        return
    record.venue.moved_ns = state.now_ns
    if fact.state != "unknown":
        record.venue.look, record.venue.misses = None, 0
    touch(state, fact.market)
    mind_protection(state, state.markets[fact.market])


def fill_booked(state: "State", fact: facts.FillBooked) -> None:
    """Count an exit for its order, and mind what the stop covers."""
    market, fill = state.markets[fact.fill.market], fact.fill
    if fill.leg != "entry":
        position_order = fill.order_id
        if position_order in state.orders:
            state.orders[position_order].venue.exit_steps += fill.size_steps
    if fact.position is None:
        before = market.care
        trip = None if before.trip is None else msgspec.structs.replace(before.trip, closed_ns=fill.ts_ns)
        market.care = Care(unproven=before.unproven, trip=trip, stray_steps=before.stray_steps)
    else:
        market.care.trip = Trip(
            side=fact.position.side, opened_ns=fact.position.opened_ns, closed_ns=fact.position.opened_ns
        )
    touch(state, fill.market)
    mind_protection(state, market)


def stop_placed(state: "State", fact: facts.StopPlaced) -> None:
    """Remember what the stop covers, and since when."""
    market = state.markets[fact.market]
    position = market.position
    if position is None:
        return
    care = market.care
    care.stop_steps = fact.size_steps or abs(position.size_steps)
    care.bracket_ns, care.stop_lost = state.now_ns, False
    mind_protection(state, market)


def stop_tightened(state: "State", fact: facts.StopTightened) -> None:
    """A stop that was asked to move is not where it was: older pictures say nothing of it."""
    state.markets[fact.market].care.bracket_ns = state.now_ns


def trade_closed(state: "State", fact: facts.TradeClosed) -> None:
    """Count the trades an order made: their ids differ."""
    record = state.orders.get(fact.trade.order_id)
    if record is not None:
        record.venue.trades += 1


def trade_date_began(state: "State", fact: facts.TradeDateBegan) -> None:
    """Forget what was adopted: no execution of a day that is over is told of."""
    state.venue.adopted = []


def touch(state: "State", market: int) -> None:
    """Note that something happened to our orders here: older pictures are out of date."""
    state.markets[market].care.touched_ns = state.now_ns


def mind_protection(state: "State", market: "MarketRecord") -> None:
    """Start the stopwatch where the working stop does not cover what is held, stop it where it does."""
    position, care = market.position, market.care
    if position is None:
        return
    held = abs(position.size_steps)
    record = state.orders.get(position.order_id)
    growing = record is not None and record.state in LIVE_STATES
    covers = position.stop_ticks is not None and (
        care.stop_steps == held or (growing and care.stop_steps > held)
    )
    if covers:
        care.unsound_ns, care.unsound_asked = None, False
    elif care.unsound_ns is None:
        care.unsound_ns = state.now_ns


def remember_fill(state: "State", fill_id: str) -> None:
    """Deal with no execution twice."""
    fills = state.venue.fills
    if fill_id not in fills:
        fills.append(fill_id)
        del fills[:-FILLS_KEPT]


# -- arming -------------------------------------------------------------------------------


def _armed(state: "State", fact: live.Armed) -> None:
    venue = state.venue
    if venue.phase == "observing":
        venue.armed_ns, venue.adopted = state.now_ns, []
        for market in state.markets:
            market.care.stray_steps = 0
    venue.phase, venue.account, venue.until_ns = "armed", fact.account, fact.until_ns
    venue.leaving_because = ""
    state.account = msgspec.structs.replace(
        state.account, balance=fact.balance, day_start_balance=fact.day_start_balance,
        loss_floor=fact.loss_floor,
    )


def _arming_ended(state: "State", fact: live.ArmingEnded) -> None:
    state.venue.phase = "leaving"
    state.venue.leaving_because = fact.reason


def _disarmed(state: "State", fact: live.Disarmed) -> None:
    state.venue.phase = "observing"
    state.venue.until_ns = 0
    state.venue.asked_ns = None
    state.venue.agreed = 0  # another picture, compared as an observer's, has to agree before arming
    for market in state.markets:
        market.care = Care()


def _balance_adopted(state: "State", fact: live.BalanceAdopted) -> None:
    state.account = msgspec.structs.replace(state.account, balance=fact.balance)


# -- the venue ----------------------------------------------------------------------------


def _venue_changed(state: "State", fact: live.VenueChanged) -> None:
    venue = state.venue
    venue.connected, venue.generation = fact.connected, fact.generation
    venue.lost_because = "" if fact.connected else fact.reason
    venue.agreed, venue.picture_ns, venue.differs = 0, None, ()
    venue.asked_ns = state.now_ns if fact.connected else None  # the broker brings the first by itself


def _picture_asked(state: "State", fact: live.PictureAsked) -> None:
    state.venue.asked_ns = state.now_ns


def _picture_seen(state: "State", fact: live.PictureSeen) -> None:
    venue = state.venue
    venue.picture_ns, venue.skew_ns = fact.taken_ns, fact.clock_skew_ns
    venue.can_trade, venue.refused_markets = fact.can_trade, fact.refused_markets
    if venue.asked_ns is not None and venue.asked_ns <= fact.taken_ns:
        venue.asked_ns = None


def _agreed(state: "State", fact: live.VenueAgreed) -> None:
    state.venue.agreed, state.venue.differs = fact.generation, ()


def _differs(state: "State", fact: live.VenueDiffers) -> None:
    state.venue.differs = fact.what


def _gap_seen(state: "State", fact: live.GapSeen) -> None:
    state.venue.gaps[fact.market] = Gap(
        held_steps=fact.held_steps, venue_steps=fact.venue_steps, taken_ns=fact.taken_ns
    )


def _gap_closed(state: "State", fact: live.GapClosed) -> None:
    state.venue.gaps.pop(fact.market, None)


def _foreign_seen(state: "State", fact: live.ForeignSeen) -> None:
    for index, market in enumerate(state.markets):
        if fact.steps.get(index, 0) != state.venue.foreign_steps.get(index, 0):
            market.care.stray_steps = 0  # it is known whose they are
    state.venue.foreign, state.venue.foreign_steps = fact.what, fact.steps


def _nothing(state: "State", fact: Any) -> None:
    """Nothing to fold: it is said for people."""


# -- fills --------------------------------------------------------------------------------


def _fill_held(state: "State", fact: live.FillHeld) -> None:
    waiting = state.orders[fact.order_id].venue
    waiting.early = [*waiting.early, fact.fill]
    waiting.early_ns = state.now_ns
    if fact.fill.order_id == "":
        state.venue.agreed = 0  # it may be nobody's: no entry before a picture agrees
    remember_fill(state, fact.fill.id)
    touch(state, fact.fill.market)


def _fill_released(state: "State", fact: live.FillReleased) -> None:
    waiting = state.orders[fact.order_id].venue
    waiting.early = [fill for fill in waiting.early if fill.id != fact.fill_id]


def _fill_stray(state: "State", fact: live.FillStray) -> None:
    if fact.fill.id not in state.venue.fills:  # else it was heard when it was held, and lists lag that no more
        touch(state, fact.fill.market)
    remember_fill(state, fact.fill.id)
    state.markets[fact.fill.market].care.stray_steps += fact.fill.side * fact.size_steps
    state.venue.agreed = 0


def _position_adopted(state: "State", fact: live.PositionAdopted) -> None:
    fill, market = fact.fill, state.markets[fact.fill.market]
    is_entry, before = fill.leg == "entry", market.position
    heard = 0 if is_entry else min(fill.size_steps, max(fill.side * market.care.stray_steps, 0))
    market.care.stray_steps -= fill.side * heard  # an execution that came before, and could not be placed then
    if heard < fill.size_steps:
        state.venue.adopted = [*state.venue.adopted, Adopted(
            market=fill.market, order_id=fill.order_id, entry=is_entry, side=fill.side, steps=fill.size_steps - heard,
            ts_ns=state.now_ns, opened_ns=fill.ts_ns if before is None else before.opened_ns,
        )]


def _fill_explained(state: "State", fact: live.FillExplained) -> None:
    fill, left, kept = fact.fill, fact.size_steps, []
    for adopted in state.venue.adopted:
        if left and explains(state, adopted, fill):
            used = min(left, adopted.steps)
            left -= used
            adopted = msgspec.structs.replace(adopted, steps=adopted.steps - used)
        if adopted.steps:
            kept.append(adopted)
    state.venue.adopted = kept
    remember_fill(state, fill.id)


# -- orders and protection ------------------------------------------------------------------


def _again(before: Errand | None, now_ns: int) -> Errand:
    if before is None:
        return Errand(asked_ns=now_ns, first_ns=now_ns, tries=1)
    return Errand(asked_ns=now_ns, first_ns=before.first_ns, tries=before.tries + 1)


def _look_up_asked(state: "State", fact: live.LookUpAsked) -> None:
    record = state.orders.get(fact.order_id)
    if record is not None:
        record.venue.look = _again(record.venue.look, state.now_ns)


def _order_not_found(state: "State", fact: live.OrderNotFound) -> None:
    state.orders[fact.order_id].venue.misses += 1


def _cancel_asked(state: "State", fact: live.CancelAsked) -> None:
    record = state.orders[fact.order_id]
    record.venue.cancel = _again(record.venue.cancel, state.now_ns)


def _bracket_known(state: "State", fact: live.BracketKnown) -> None:
    state.orders[fact.order_id].venue.bracket = Sighting(
        stop_ticks=fact.stop_ticks, target_ticks=fact.target_ticks, size_steps=fact.size_steps
    )


def _stop_doubted(state: "State", fact: live.StopDoubted) -> None:
    care = state.markets[fact.market].care
    if care.unsound_ns is None:
        care.unsound_ns = state.now_ns


def _stop_lost(state: "State", fact: live.StopLost) -> None:
    market = state.markets[fact.market]
    if market.position is None:
        return
    market.position = with_bracket(market.position, None, market.position.target_ticks)
    market.care.stop_steps, market.care.stop_lost = 0, True
    market.care.bracket_ns = state.now_ns
    mind_protection(state, market)


def _stop_asked(state: "State", fact: live.StopAsked) -> None:
    state.orders[fact.order_id].venue.stops_placed = fact.number
    touch(state, fact.market)


def _protection_asked(state: "State", fact: live.ProtectionAsked) -> None:
    state.markets[fact.market].care.unsound_asked = True


def _stop_through(state: "State", fact: live.StopThrough) -> None:
    care = state.markets[fact.market].care
    care.through_ns, care.through_asked = state.now_ns, False


def _stop_through_asked(state: "State", fact: live.StopThroughAsked) -> None:
    state.markets[fact.market].care.through_asked = True


def _stop_held(state: "State", fact: live.StopHeld) -> None:
    care = state.markets[fact.market].care
    care.through_ns, care.through_asked = None, False


def _flat_wanted(state: "State", fact: live.FlatWanted) -> None:
    care = state.markets[fact.market].care
    before = care.unproven
    care.unproven = Unproven(
        reason=fact.reason, since_ns=state.now_ns if before is None else before.since_ns, asked_ns=state.now_ns,
        tries=0, closing=fact.closing or (before is not None and before.closing),
        kill=fact.kill or (before is not None and before.kill),
    )


def _flat_asked(state: "State", fact: live.FlatAsked) -> None:
    care = state.markets[fact.market].care
    if care.unproven is not None:
        care.unproven = msgspec.structs.replace(care.unproven, asked_ns=state.now_ns, tries=fact.tries)


def _flat_proven(state: "State", fact: live.FlatProven) -> None:
    care = state.markets[fact.market].care
    care.unproven, care.stray_steps = None, 0


ALSO: dict[type, Callable[["State", Any], None]] = {
    facts.OrderBooked: order_booked,
    facts.OrderMoved: order_moved,
    facts.FillBooked: fill_booked,
    facts.StopPlaced: stop_placed,
    facts.StopTightened: stop_tightened,
    facts.TradeClosed: trade_closed,
    facts.TradeDateBegan: trade_date_began,
}
"""What an ordinary fact also means while the venue has the orders; folded after its own fold."""
FOLDS: dict[type, Callable[["State", Any], None]] = {
    live.Armed: _armed,
    live.ArmRefused: _nothing,
    live.ArmingEnded: _arming_ended,
    live.Disarmed: _disarmed,
    live.BalanceAdopted: _balance_adopted,
    live.VenueChanged: _venue_changed,
    live.PictureAsked: _picture_asked,
    live.PictureSeen: _picture_seen,
    live.VenueAgreed: _agreed,
    live.VenueDiffers: _differs,
    live.GapSeen: _gap_seen,
    live.GapClosed: _gap_closed,
    live.ForeignSeen: _foreign_seen,
    live.VenueRefused: _nothing,
    live.FillHeld: _fill_held,
    live.FillReleased: _fill_released,
    live.FillStray: _fill_stray,
    live.FillExplained: _fill_explained,
    live.PositionAdopted: _position_adopted,
    live.ClosedElsewhere: _nothing,
    live.LookUpAsked: _look_up_asked,
    live.OrderNotFound: _order_not_found,
    live.CancelAsked: _cancel_asked,
    live.OrphanAsked: _nothing,
    live.BracketKnown: _bracket_known,
    live.StopDoubted: _stop_doubted,
    live.StopLost: _stop_lost,
    live.StopAsked: _stop_asked,
    live.ProtectionAsked: _protection_asked,
    live.StopThrough: _stop_through,
    live.StopThroughAsked: _stop_through_asked,
    live.StopHeld: _stop_held,
    live.FlatWanted: _flat_wanted,
    live.FlatAsked: _flat_asked,
    live.FlatProven: _flat_proven,
}
