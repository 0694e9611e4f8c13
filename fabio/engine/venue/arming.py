"""Armed or observing: who may send entries to the venue, since when, until when.

Live trading starts observing: decisions and paper. A person arms it, for one account and
until closing begins for the flat-by time of the trade date. It ends there, with a halt, a person's disarm or
stop; entries end at once, and when the venue is proven flat the machine observes again. A
restart ends nothing by itself: the state says armed, and entries wait until a picture of the
new connection agrees with the book.
"""

from fabio.engine.halting import works
from fabio.engine.state import State
from fabio.engine.turn import LIVE_ENTRY_STATES, Turn
from fabio.model import event as events
from fabio.model.signal import Verdict
from fabio.model.venue_fact import Armed, ArmRefused, Disarmed

NS = 1_000_000_000
ARM_PICTURE_S = 30
"""How old the picture may be on which arming is granted."""
PICTURE_LIMIT_S = 60
"""Entries wait where no picture of the venue was seen for so long."""
SKEW_LIMIT_S = 10
"""Entries wait where the venue's clock differs by more."""


def on_arm_asked(turn: Turn, event: events.ArmAsked) -> None:
    """Arm, or say what stands against it."""
    until_ns = event.until_ns - turn.policy.orders.close_before_flat_by_s * NS
    reason = _against_arming(turn, event, until_ns)
    if reason:
        turn.note(ArmRefused(reason=reason))
        return
    turn.note(Armed(
        account=event.account, balance=event.balance, day_start_balance=event.day_start_balance,
        loss_floor=event.loss_floor, until_ns=until_ns,
    ))


def _against_arming(turn: Turn, event: events.ArmAsked, until_ns: int) -> str:
    """Say why the account cannot be armed; empty where it can."""
    state, venue = turn.state, turn.state.venue
    if venue.phase == "armed":
        return f"{venue.account} is armed already"
    if venue.phase == "leaving" and venue.account != event.account:
        return f"the orders of {venue.account} are not settled yet"
    if state.account.halted:
        return f"trading is halted: {state.account.halted}"
    if until_ns <= state.now_ns:
        before_s = turn.policy.orders.close_before_flat_by_s
        return f"all is closed from {before_s} s before the flat-by time of this trade date on, and that has passed"
    if event.balance <= event.loss_floor:
        return f"the balance {event.balance} is not above the loss floor {event.loss_floor}"
    if venue.phase == "observing":
        for index, record in enumerate(state.markets):
            if record.position is not None or works(turn, index):
                symbol = turn.markets[index].instrument.symbol
                return f"on paper {symbol} is not flat: flatten first"
    return _against_venue(state, ARM_PICTURE_S)


def _against_venue(state: State, picture_limit_s: int) -> str:
    """Say why the venue's side is not in order; empty where it is."""
    venue = state.venue
    if not venue.connected:
        return f"the venue is not there: {venue.lost_because or 'never connected'}"
    if not venue.can_trade:
        return "the venue has locked the account"
    if venue.foreign:
        return f"not ours, at the venue: {', '.join(venue.foreign)}"
    if venue.gaps:
        gaps = ", ".join(
            f"market {market}: {gap.held_steps:+d} in the book, {gap.venue_steps:+d} at the venue"
            for market, gap in sorted(venue.gaps.items())
        )
        return f"venue and book differ: {gaps}"
    if venue.agreed != venue.generation or venue.picture_ns is None:
        why = f": {'; '.join(venue.differs)}" if venue.differs else ""
        return f"no picture of connection {venue.generation} agrees with the book yet{why}"
    age_s = (state.now_ns - venue.picture_ns) / NS
    if age_s > picture_limit_s:
        return f"the last picture of the venue is {age_s:.0f} s old, at most {picture_limit_s} s allowed"
    if abs(venue.skew_ns) > SKEW_LIMIT_S * NS:
        return f"the venue's clock differs by {venue.skew_ns / NS:.1f} s, at most {SKEW_LIMIT_S} s allowed"
    return ""


def entry_refusal(state: State, index: int) -> str:
    """Say why the venue takes no entry of a market now; empty where it does, and on paper."""
    venue = state.venue
    if venue.phase == "observing":
        return ""
    if venue.phase == "leaving":
        return f"trading ends: {venue.leaving_because}"
    if state.now_ns >= venue.until_ns:
        return "armed until closing begins for the flat-by time, and it has begun"
    reason = _against_venue(state, PICTURE_LIMIT_S)
    if reason:
        return reason
    if index in venue.refused_markets:
        return f"the contract takes no entries: {venue.refused_markets[index]}"
    unproven = state.markets[index].care.unproven
    if unproven is not None:
        return f"not proven flat yet: {unproven.reason}"
    for key, record in state.orders.items():
        if record.order.market == index and record.state == "unknown":
            return f"what became of order {key} is not known"
    return ""


def venue_verdict(state: State, index: int) -> Verdict | None:
    """Speak like a guard, but only against: on a venue in order, decisions read as those on paper."""
    reason = entry_refusal(state, index)
    return Verdict("venue_state", False, None, None, reason) if reason else None


def leave_when_flat(turn: Turn) -> None:
    """Observe again, once the venue is proven flat after trading ended."""
    state, venue = turn.state, turn.state.venue
    if venue.phase != "leaving" or venue.gaps:
        return
    for record in state.orders.values():
        if record.at_venue and (record.state in LIVE_ENTRY_STATES or record.venue.early):
            return
    if any(market.position is not None or market.care.unproven is not None for market in state.markets):
        return
    touched_ns = max(market.care.touched_ns for market in state.markets)
    if venue.agreed != venue.generation or venue.picture_ns is None or venue.picture_ns <= touched_ns:
        return
    turn.note(Disarmed(reason=venue.leaving_because))
