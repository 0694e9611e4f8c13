"""Closing, flattening, halting: what is always allowed, and asks nobody."""

from fabio.engine.state import State
from fabio.engine.turn import LIVE_ENTRY_STATES, Turn
from fabio.model.command import ClosePosition, TakePicture
from fabio.model.fact import ExitAsked, Halted
from fabio.model.venue_fact import ArmingEnded, FlatAsked, FlatWanted, PictureAsked


def close_market(turn: Turn, index: int, reason: str) -> None:
    """Close whatever is held or working in one market; asked once until it is flat.

    Nothing may stand between the account and a smaller position, so no guard is asked. Where
    the venue has the orders, it is asked again until it is proven (see `duties`).
    """
    if not is_to_be_closed(turn, index):
        return
    record = turn.state.markets[index]
    if turn.state.venue.has_orders:
        turn.note(FlatWanted(market=index, reason=reason, closing=True, kill=False))
    if record.position is not None:
        turn.note(ExitAsked(market=index, reason=reason))
    send_close(turn, index, reason)


def is_to_be_closed(turn: Turn, index: int) -> bool:
    """Tell whether something is held or works in a market whose close was not asked for."""
    record, unproven = turn.state.markets[index], turn.state.markets[index].care.unproven
    if record.position is not None:
        return not record.exit_asked
    asked = turn.state.venue.has_orders and unproven is not None and unproven.closing  # for the entries that work
    return not record.exit_asked and not asked and works(turn, index)


def send_close(turn: Turn, index: int, reason: str) -> None:
    """Ask for the close; of a market that somebody else holds too, for our part only."""
    position = turn.state.markets[index].position
    mixed = turn.state.venue.has_orders and index in turn.state.venue.foreign_steps
    if mixed and position is None:
        return  # what is held there is not ours; our orders are cancelled one by one
    size_steps = abs(position.size_steps) if mixed and position is not None else 0
    turn.command(ClosePosition(market=index, reason=reason, size_steps=size_steps))


def ask_flat_again(turn: Turn, index: int) -> None:
    """Ask once more for a market that is not proven flat: the close where there is one to ask, and a picture."""
    unproven = turn.state.markets[index].care.unproven
    if unproven is None:
        return
    turn.note(FlatAsked(market=index, tries=unproven.tries + 1))
    care = turn.state.markets[index].care
    held = turn.state.markets[index].position is not None or care.stray_steps != 0
    waited = unproven.tries > 0  # the first close has its time before a second is asked for
    if waited and turn.state.venue.has_orders and unproven.closing and (held or works(turn, index)):
        send_close(turn, index, unproven.reason)
    take_picture(turn, f"is market {index} flat")


def take_picture(turn: Turn, reason: str) -> None:
    """Ask the venue for everything."""
    turn.note(PictureAsked(reason=reason))
    turn.command(TakePicture(reason=reason))


def works(turn: Turn, index: int) -> bool:
    """Tell whether an entry of ours may still fill in a market."""
    return any(
        order.order.market == index and order.state in LIVE_ENTRY_STATES
        for order in turn.state.orders.values()
    )


def flatten(turn: Turn, reason: str, kill: bool = False) -> None:
    """Close every market; with `kill` the venue has to prove that it is flat, whatever we think is held."""
    for index in range(len(turn.markets)):
        close_market(turn, index, reason)
    if not kill or not turn.state.venue.is_known:
        return
    wanted = [
        index for index, record in enumerate(turn.state.markets)
        if record.care.unproven is None or not record.care.unproven.kill
    ]
    for index in wanted:
        turn.note(FlatWanted(market=index, reason=reason, closing=False, kill=True))
    if wanted:
        take_picture(turn, reason)


def halt(turn: Turn, reason: str, until_trade_date: str = "") -> None:
    """Stop entries and leave everything; sticky unless it is for one trade date only. It ends arming."""
    end_entries(turn, reason, until_trade_date)
    end_arming(turn, reason)
    flatten(turn, reason, kill=True)


def end_entries(turn: Turn, reason: str, until_trade_date: str = "") -> None:
    """Stop entries and leave what is held; one that lasts takes the place of one for a trade date only."""
    lasts = is_halted_for_good(turn.state)
    if not lasts and (not turn.state.account.halted or not until_trade_date):
        turn.note(Halted(reason=reason, until_trade_date=until_trade_date))


def is_halted_for_good(state: State) -> bool:
    """Tell whether entries are stopped until a person resumes, whatever date begins."""
    return bool(state.account.halted) and not state.halted_for_date


def end_arming(turn: Turn, reason: str) -> None:
    """Let no more entries leave for the venue; nothing to do where none do."""
    if turn.state.venue.phase == "armed":
        turn.note(ArmingEnded(reason=reason))
