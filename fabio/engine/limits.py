"""Limits that act on their own: the loss floor, the daily loss, the flat-by time, the operator."""

from fabio.engine.effects import change_as_cycle, change_strategies, undo
from fabio.engine.halting import close_market, end_arming, flatten, halt, is_to_be_closed
from fabio.engine.mind import OPERATOR
from fabio.engine.turn import Turn
from fabio.engine.venue import duties
from fabio.engine.venue.protection import watch_stops
from fabio.model import event as events
from fabio.model.fact import (
    FeedChanged,
    HistoryKnown,
    Resumed,
    SessionRolled,
    TradeDateBegan,
)
from fabio.model.strategy import StrategyUpdate
from fabio.portfolio.account import begin_trade_date, touches_floor
from fabio.portfolio.order_policy import day_loss_limit, least_room

NS = 1_000_000_000
NEVER = (1 << 63) - 1
PROTECTION_LIMIT_NS = 5 * NS
"""A position without a working stop for longer than this is closed."""


def check_limits(turn: Turn) -> None:
    """Watch what is held: the venue's stops, and what the account may lose."""
    if not turn.holding:
        return
    if turn.state.venue.has_orders:
        watch_stops(turn)
    check_money(turn)


def check_money(turn: Turn) -> None:
    """Flatten and halt where equity comes too near the loss floor, or the trade date lost what it may."""
    account, policy = turn.account(), turn.policy
    if account.halted and not turn.holding:
        return
    if touches_floor(account):
        halt(turn, f"equity {account.equity} touched the loss floor {account.loss_floor}")
        return
    keep = least_room(policy.account, policy.orders)
    if account.room <= keep:
        halt(turn, f"equity {account.equity} is {account.room} USD above the loss floor, all is closed at {keep}")
        return
    limit = day_loss_limit(policy.account, policy.orders)
    if account.day_pnl <= -limit and not account.halted:
        halt(turn, f"day's P&L {account.day_pnl} reached the daily loss limit {limit}", account.trade_date)


def next_timer_ns(turn: Turn) -> int:
    """When the machine next wants to be woken without a tick; NEVER when it does not."""
    version, due = turn.timer
    if version == turn.version and turn.state.now_ns < due:
        return due
    due = duties.next_due_ns(turn.state)
    on_paper = not turn.state.venue.has_orders
    for index, record in enumerate(turn.state.markets):
        due = min(due, _closing_due_ns(turn, index))
        position = record.position
        if on_paper and position is not None and position.stop_ticks is None and not record.exit_asked:
            due = min(due, -(-(position.opened_ns + PROTECTION_LIMIT_NS) // NS) * NS)
    turn.timer = (turn.version, due)
    return due


def _closing_due_ns(turn: Turn, index: int) -> int:
    """When a market next wants to be looked at for its flat-by time.

    It is where closing begins and, for the shadows that began since, at the time itself. What
    opens behind that moment all the same (an entry whose outcome was not known, settings that
    now begin to close earlier) is closed at the next second.
    """
    now_ns, closing_ns, flat_by_ns = turn.state.now_ns, turn.closing_ns(index), turn.markets[index].flat_by_ns
    if closing_ns is None or flat_by_ns is None:
        return NEVER
    if now_ns < closing_ns:
        return closing_ns
    if is_to_be_closed(turn, index):
        return (now_ns // NS + 1) * NS
    return flat_by_ns if now_ns < flat_by_ns else NEVER


def on_timer(turn: Turn, event: events.TimerFired) -> None:
    """Flatten what has to be flat soon, and what stands unprotected."""
    for index, (market, record) in enumerate(zip(turn.markets, turn.state.markets, strict=True)):
        closing_ns = turn.closing_ns(index)
        if closing_ns is not None and event.ts_ns >= closing_ns:
            close_market(turn, index, "flat-by time")
            for fact in market.close_shadows(event.ts_ns):
                turn.note(fact)
        position = record.position
        if position is None or position.stop_ticks is not None or turn.state.venue.has_orders:
            continue
        if event.ts_ns >= position.opened_ns + PROTECTION_LIMIT_NS:
            close_market(turn, index, "no working stop 5 s after the fill")
    duties.tend(turn)


def on_session(turn: Turn, index: int) -> None:
    """Begin the instrument's next session, and with the first of a date the account's day."""
    state, market = turn.state, turn.markets[index]
    for fact in market.close_shadows(state.now_ns):
        turn.note(fact)
    date = market.session.date
    turn.note(SessionRolled(market=index, session=date))
    if date <= state.account.trade_date:
        return
    day = begin_trade_date(state.account, turn.policy.account, date)
    turn.note(TradeDateBegan(
        trade_date=date, day_start_balance=day.day_start_balance, loss_floor=day.loss_floor
    ))
    if state.account.halted and state.halted_for_date and date > state.halted_for_date:
        turn.note(Resumed(reason=f"a new trade date began: {date}"))


def on_operator(turn: Turn, event: events.OperatorAsked) -> None:
    """Do what a person asked."""
    reason = event.reason or f"operator asked: {event.verb}"
    if event.verb in ("stop", "flatten"):
        if event.verb == "stop":
            end_arming(turn, reason)
        flatten(turn, reason, kill=True)
    elif event.verb == "halt":
        halt(turn, reason)
    elif event.verb == "resume":
        if turn.state.account.halted:
            turn.note(Resumed(reason=reason))
    elif event.verb == "undo":
        undo(turn, event.name, reason)
    else:
        update = StrategyUpdate(name=event.name, reason=reason, enabled=event.verb == "enable")
        change_strategies(turn, (update,), OPERATOR)
    duties.tend(turn)


def on_lesson(turn: Turn, event: events.LessonArrived) -> None:
    """Take what the learning cycle confirmed, or say why not."""
    change_as_cycle(turn, event.update, event.against)


def on_disarm_asked(turn: Turn, event: events.DisarmAsked) -> None:
    """End trading at the venue: what is held keeps its bracket until it is closed."""
    end_arming(turn, event.reason or "a person disarmed it")
    duties.tend(turn)


def on_feed_lost(turn: Turn, event: events.FeedLost) -> None:
    """Remember since when ticks are missing: entries are refused meanwhile."""
    turn.note(FeedChanged(market=event.market, lost_since_ns=event.ts_ns, reason=event.reason))


def on_feed_restored(turn: Turn, event: events.FeedRestored) -> None:
    """Ticks are back: no time is booked for the gap."""
    turn.markets[event.market].mark_gap(event.from_ns, event.to_ns)
    turn.note(FeedChanged(market=event.market, lost_since_ns=None, reason="restored"))


def on_history(turn: Turn, event: events.HistoryLoaded) -> None:
    """Note which earlier sessions stand behind this one; begin the session where bars have begun it."""
    turn.note(HistoryKnown(
        market=event.market, source=event.source, sessions=event.sessions, content_hash=event.content_hash
    ))
    if is_begun_by_bars(turn, event.market):
        on_session(turn, event.market)
    if turn.markets[event.market].is_approximate:
        turn.markets[event.market].rezone(turn.state.markets[event.market].zones)


def is_begun_by_bars(turn: Turn, index: int) -> bool:
    """Tell whether a session runs in a market that began with bars and not with a tick."""
    market = turn.markets[index]
    return market.is_approximate and market.session.date != turn.state.markets[index].session
