"""When the machine next wants to be woken without a tick, and what it does then."""

import msgspec
import pytest
from engine_worlds import CLOSING, FLAT_BY, SECOND, config, driver, enter_once, ticks
from live_worlds import Desk, enter_each_bar

from fabio.engine.limits import NEVER, next_timer_ns, on_timer
from fabio.engine.turn import Turn
from fabio.model import event as events
from fabio.model.command import ClosePosition
from fabio.model.fact import FeedChanged


def on_paper(entered: bool = True) -> Turn:
    """A machine on paper that holds one contract with a working stop, or nothing."""
    drive, _ = driver(config(enter_once(at_bar=1 if entered else 99)))
    drive.feed(ticks((0, 1000), (61, 1001), (62, 1001)))
    turn = drive.engine._turn
    assert turn.holding is entered
    return turn


def without_stop(turn: Turn, for_ns: int) -> int:
    """Take the working stop from what is held, filled so long ago; give when that was."""
    record = turn.state.markets[0]
    assert record.position is not None
    opened_ns = turn.state.now_ns - for_ns
    record.position = msgspec.structs.replace(record.position, stop_ticks=None, opened_ns=opened_ns)
    turn.version += 1
    return opened_ns


def test_before_any_trade_nothing_wakes_the_machine() -> None:
    drive, _ = driver(config(enter_once()))
    assert drive.engine.next_timer_ns() == NEVER


@pytest.mark.parametrize("entered", [True, False])
def test_on_paper_a_position_with_its_stop_wakes_nobody_before_closing_begins(entered: bool) -> None:
    assert next_timer_ns(on_paper(entered)) == CLOSING


@pytest.mark.parametrize(("for_ns", "in_s"), [(0, 5), (1, 5), (SECOND - 1, 5), (SECOND, 4)])
def test_on_paper_a_position_without_a_stop_wakes_at_the_first_whole_second_five_after_its_fill(
    for_ns: int, in_s: int
) -> None:
    turn = on_paper()
    assert turn.state.now_ns % SECOND == 0
    without_stop(turn, for_ns)
    assert next_timer_ns(turn) == turn.state.now_ns + in_s * SECOND


def test_a_close_that_was_asked_for_is_not_waited_for_with_the_stopwatch() -> None:
    turn = on_paper()
    turn.state.markets[0].exit_asked = True
    without_stop(turn, 0)
    assert next_timer_ns(turn) == CLOSING


def test_the_moment_is_worked_out_once_until_something_changes_or_it_has_come() -> None:
    turn = on_paper()
    assert next_timer_ns(turn) == CLOSING
    kept, turn.timer = turn.timer, (turn.version, CLOSING - 1)
    assert next_timer_ns(turn) == CLOSING - 1
    turn.state.now_ns = CLOSING - 1
    assert next_timer_ns(turn) == CLOSING
    assert turn.timer == kept
    turn.timer = (turn.version, CLOSING + 1)
    turn.note(FeedChanged(market=0, lost_since_ns=1, reason="silent"))
    assert next_timer_ns(turn) == CLOSING


def test_behind_the_flat_by_time_a_flat_machine_sleeps() -> None:
    turn = on_paper(entered=False)
    turn.state.now_ns = FLAT_BY - 1
    assert next_timer_ns(turn) == FLAT_BY
    turn.state.now_ns = FLAT_BY
    assert next_timer_ns(turn) == NEVER


@pytest.mark.parametrize(("after_ns", "closes"), [(-1, False), (0, True), (1, True)])
def test_on_paper_what_has_no_stop_five_seconds_after_its_fill_is_closed(after_ns: int, closes: bool) -> None:
    turn = on_paper()
    opened_ns = without_stop(turn, 0)
    turn.begin()
    on_timer(turn, events.TimerFired(ts_ns=opened_ns + 5 * SECOND + after_ns))
    assert [command.reason for command in turn.commands if isinstance(command, ClosePosition)] == (
        ["no working stop 5 s after the fill"] if closes else []
    )


def test_on_paper_what_has_its_stop_is_left_alone_and_so_is_a_flat_market() -> None:
    turn = on_paper()
    turn.begin()
    on_timer(turn, events.TimerFired(ts_ns=turn.state.now_ns + 60 * SECOND))
    assert turn.commands == []
    flat = on_paper(entered=False)
    flat.begin()
    for ts_ns in (flat.state.now_ns + 60 * SECOND, CLOSING):
        on_timer(flat, events.TimerFired(ts_ns=ts_ns))
    assert flat.commands == []


def test_a_flat_by_time_closes_its_own_market_and_no_other() -> None:
    desk = Desk(enter_each_bar(), markets=2).holding()
    turn = desk.drive.engine._turn
    assert turn.markets[1].flat_by_ns is None  # no trade was seen there
    turn.begin()
    on_timer(turn, events.TimerFired(ts_ns=CLOSING))
    assert [command.market for command in turn.commands if isinstance(command, ClosePosition)] == [0]
