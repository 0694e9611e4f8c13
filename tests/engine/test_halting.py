"""I32: what is halted until a person resumes stays so, whatever halted it for the trade date before."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from engine_worlds import HOUR, OPEN, ticks
from live_worlds import Desk, enter_each_bar, names

from fabio.engine.halting import halt, is_halted_for_good
from fabio.engine.limits import check_money
from fabio.model import event as events
from fabio.model.fact import Halted
from fabio.model.order import Fill


def halted_for_the_day(desk: Desk) -> Desk:
    turn = desk.drive.engine._turn
    turn.begin()
    halt(turn, "the daily loss limit", turn.state.account.trade_date)
    assert turn.state.halted_for_date == "2024-10-04"
    return desk


def a_person_asks(desk: Desk) -> None:
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt", reason="news"))


def the_venue_locks(desk: Desk) -> None:
    desk.happen(events.AccountSeen(ts_ns=desk.now_ns, balance=Decimal(50_000), can_trade=False))


def more_is_filled_than_was_ordered(desk: Desk) -> None:
    desk.told(msgspec.structs.replace(desk.a_fill(steps=1), ts_ns=desk.now_ns))


def an_order_nobody_knows_is_filled(desk: Desk) -> None:
    desk.told(Fill(id="X1", order_id="O240101-99", leg="entry", market=0, side=1, size_steps=1, price_ticks=1000,
                   fees=Decimal(0), ts_ns=desk.now_ns))


def the_floor_is_near(desk: Desk) -> None:
    turn = desk.drive.engine._turn
    turn.state.account = msgspec.structs.replace(turn.state.account, loss_floor=turn.account().equity - 100)
    turn.begin()
    check_money(turn)


def flat() -> Desk:
    desk = Desk(enter_each_bar())
    desk.tick(1000)
    return desk


@pytest.mark.parametrize(("desk", "happens", "words"), [
    (flat, a_person_asks, "news"),
    (lambda: Desk().holding(), a_person_asks, "news"),
    (lambda: Desk().holding(), the_venue_locks, "locked"),
    (lambda: Desk().holding(), more_is_filled_than_was_ordered, "steps filled 3"),
    (lambda: Desk().holding(), an_order_nobody_knows_is_filled, "no known order"),
    (flat, an_order_nobody_knows_is_filled, "no known order"),
    (lambda: Desk().holding(), the_floor_is_near, "above the loss floor"),
])
def test_i32_a_halt_that_comes_during_a_days_halt_outlives_the_day(
    desk: Callable[[], Desk], happens: Callable[[Desk], None], words: str,
) -> None:
    told = halted_for_the_day(desk())
    happens(told)
    state = told.drive.engine.state
    assert words in state.account.halted
    assert state.halted_for_date == ""
    told.drive.feed(ticks((0, 1000), start_ns=OPEN + 24 * HOUR))
    assert state.account.trade_date == "2024-10-05"
    assert words in state.account.halted


def test_a_days_halt_alone_ends_with_the_day() -> None:
    desk = halted_for_the_day(flat())
    desk.drive.feed(ticks((0, 1000), start_ns=OPEN + 24 * HOUR))
    assert desk.drive.engine.state.account.halted == ""


@pytest.mark.parametrize(("first", "second", "told"), [
    (("a", ""), ("b", ""), [("a", "")]),
    (("a", ""), ("b", "2024-10-04"), [("a", "")]),
    (("a", "2024-10-04"), ("b", "2024-10-04"), [("a", "2024-10-04")]),
    (("a", "2024-10-04"), ("b", ""), [("a", "2024-10-04"), ("b", "")]),
])
def test_a_halt_is_told_once_and_again_only_where_it_lasts_longer(
    first: tuple[str, str], second: tuple[str, str], told: list[tuple[str, str]],
) -> None:
    turn = flat().drive.engine._turn
    turn.begin()
    assert not is_halted_for_good(turn.state)
    halt(turn, *first)
    halt(turn, *second)
    halt(turn, *second)
    assert [(fact.reason, fact.until_trade_date) for fact in turn.facts if isinstance(fact, Halted)] == told
    assert is_halted_for_good(turn.state) is (told[-1][1] == "")


def test_an_execution_after_trading_has_ended_outlives_a_days_halt() -> None:
    desk = Desk().entered()
    desk.filled(steps=1)
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="asked"))
    desk.filled("close", steps=1)
    desk.happen(events.DisarmAsked(ts_ns=desk.now_ns, id="1"))
    desk.wait(2)
    desk.picture()
    halted_for_the_day(desk)
    assert "Halted" in names(desk.filled(steps=1))
    assert desk.drive.engine.state.halted_for_date == ""
