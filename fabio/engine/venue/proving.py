"""What a picture proves: that a market is flat, and that venue and book agree.

A market that was closed, swept or killed stays *unproven* until a picture from after all that
happened there shows nothing held and nothing of ours working; meanwhile what is found there
is closed again. Entries of a connection wait for the first picture in which nothing differs.
"""

from fabio.engine.halting import send_close
from fabio.engine.turn import Turn
from fabio.model.order import DONE_STATES
from fabio.model.venue import VenuePicture
from fabio.model.venue_fact import BalanceAdopted, FlatProven, VenueAgreed, VenueDiffers
from fabio.portfolio.reconcile import Findings

NS = 1_000_000_000
QUIET_NS = 5 * NS
"""A position is said to differ, and a balance is taken over, only so long after anything happened."""
LEGS_SETTLE_NS = 1 * NS
"""So long after a fill the venue may still be cancelling the other leg."""


def prove(turn: Turn, picture: VenuePicture, findings: Findings) -> None:
    """Call a market flat where the picture shows it flat, after all that happened there; close what is ours."""
    for index, record in enumerate(turn.state.markets):
        care = record.care
        unproven = care.unproven
        settle_ns = QUIET_NS if care.stray_steps else LEGS_SETTLE_NS  # a list that lags hides what executions tell of
        if unproven is None or picture.taken_ns < care.touched_ns + settle_ns:
            continue
        there = findings.positions.get(index, 0) - turn.state.venue.foreign_steps.get(index, 0)
        if there == 0 and _nothing_of_ours(turn, picture, index):
            turn.note(FlatProven(market=index, reason=unproven.reason, taken_ns=picture.taken_ns))
        elif _is_swept(turn, index, there) and not any(order.market == index for order in findings.orphans):
            turn.note(FlatProven(market=index, reason="nothing is left over", taken_ns=picture.taken_ns))
        elif there != 0 and unproven.closing and record.position is None and unproven.tries > 0:
            send_close(turn, index, unproven.reason)


def _nothing_of_ours(turn: Turn, picture: VenuePicture, index: int) -> bool:
    """Tell whether neither venue nor book has anything of ours in a market."""
    live = turn.state.venue.has_orders
    if live and (turn.state.markets[index].position is not None or _waits(turn, index)):
        return False
    return not any(order.is_live and order.is_ours and order.market == index for order in picture.orders)


def _is_swept(turn: Turn, index: int, there: int) -> bool:
    """Tell whether a market that nobody wants closed has only what the book says: a sound position, new entries."""
    record = turn.state.markets[index]
    unproven, position = record.care.unproven, record.position
    if unproven is None or unproven.closing or unproven.kill or record.care.unsound_ns is not None:
        return False
    rests = any(
        order.at_venue and order.order.market == index and order.state not in DONE_STATES and order.venue.exit_steps
        for order in turn.state.orders.values()
    )
    return not rests and there == (0 if position is None else position.size_steps)


def _waits(turn: Turn, index: int) -> bool:
    return any(
        record.at_venue and record.order.market == index and record.state not in DONE_STATES
        for record in turn.state.orders.values()
    )


def agree(turn: Turn, picture: VenuePicture, findings: Findings) -> None:
    """Let entries leave again, and take over the balance, where venue and book say the same."""
    state, venue = turn.state, turn.state.venue
    touched_ns = max((record.care.touched_ns for record in state.markets), default=0)
    if venue.gaps or not findings.agree or picture.taken_ns <= touched_ns:
        if venue.agreed != venue.generation and findings.words() != venue.differs:
            turn.note(VenueDiffers(what=findings.words()))
        return
    if venue.agreed != venue.generation:
        turn.note(VenueAgreed(generation=venue.generation))
    quiet = picture.taken_ns >= touched_ns + QUIET_NS
    if venue.has_orders and not findings.positions and quiet and picture.balance != state.account.balance:
        turn.note(BalanceAdopted(balance=picture.balance, before=state.account.balance))

