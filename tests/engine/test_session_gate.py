"""The session gate: no entries from twenty minutes before the flat-by time on, all closed from five minutes on."""

from typing import Any

import msgspec
import pytest
from engine_worlds import CLOSING, FLAT_BY, HOUR, MINUTE, OPEN, SECOND, Kept, config, driver, enter_once, ticks
from live_worlds import Desk, enter_each_bar, folds_again

from fabio.engine.machine import Engine
from fabio.model import event as events
from fabio.model import fact as facts
from fabio.model import venue_fact as venue_facts
from fabio.model.command import CancelOrder, ClosePosition, SubmitOrder
from fabio.model.order import DONE_STATES
from fabio.portfolio.order_policy import OrderPolicy
from fabio.runtime.drive import Driver

BEFORE = FLAT_BY - 30 * MINUTE


def on_paper(orders: OrderPolicy | None = None, start_ns: int = BEFORE, **wish: Any) -> tuple[Driver, Kept]:
    """A machine on paper without guards that wishes to enter at each bar; a price moves on every ten seconds."""
    drive, kept = driver(config(enter_each_bar(**wish), guards=(), orders=orders))
    drive.feed(ticks(*((10 * place, 1000 + place % 3) for place in range(40)), start_ns=start_ns))
    return drive, kept


def is_open(drive: Driver) -> bool:
    state = drive.engine.state
    return (state.markets[0].position is not None or drive.exchange.held_steps(0) != 0
            or any(record.state not in DONE_STATES for record in state.orders.values())
            or bool(drive.exchange.working_prices(0)))


@pytest.mark.parametrize(("off_ns", "leaves"), [(-1, True), (0, True), (1, False)])
def test_twenty_minutes_before_the_flat_by_time_the_last_entry_leaves(off_ns: int, leaves: bool) -> None:
    drive, kept = driver(config(enter_once(), guards=()))
    drive.feed(ticks((-60, 1000), (0, 1000), start_ns=FLAT_BY - 20 * MINUTE + off_ns))
    decision = kept.facts(facts.SignalApproved, facts.SignalBlocked)[0].decision  # type: ignore[attr-defined]
    assert decision.approved is leaves
    if not leaves:
        assert decision.refused_by == ("order_box",)
        assert "session: 1199 s until all has to be flat, at least 1200 needed" in decision.verdicts[-1].reason


@pytest.mark.parametrize("close_before_s", [120, 300, 900])
def test_h17_closing_begins_at_its_second_and_a_minute_before_the_time_nothing_is_held(close_before_s: int) -> None:
    drive, kept = on_paper(OrderPolicy(close_before_flat_by_s=close_before_s))
    closing_ns = FLAT_BY - close_before_s * SECOND
    drive.pass_time(closing_ns - 1)
    assert is_open(drive)
    drive.pass_time(closing_ns)
    asked = [step for step in kept.steps if any(isinstance(fact, facts.ExitAsked) for fact in step.facts)]
    assert [step.ts_ns for step in asked] == [closing_ns]
    drive.pass_time(FLAT_BY - MINUTE)
    assert not is_open(drive)
    assert all(fact.shadow.exit_ns <= closing_ns  # type: ignore[attr-defined]
               for fact in kept.facts(facts.ShadowClosed))


def test_a_working_limit_is_cancelled_when_closing_begins_and_fills_no_more() -> None:
    patient = msgspec.structs.replace(OrderPolicy(), limit_good_for_s=7200.0)
    drive, kept = on_paper(patient, kind="limit", away=30)
    drive.pass_time(CLOSING - 1)
    assert is_open(drive)
    drive.pass_time(CLOSING + SECOND)
    assert not is_open(drive)
    drive.feed(ticks((0, 900), (1, 900), start_ns=CLOSING + 2 * SECOND))
    assert not kept.facts(facts.FillBooked)


def test_at_the_venue_a_working_limit_is_cancelled_when_closing_begins_and_the_venue_is_proven_flat() -> None:
    patient = msgspec.structs.replace(OrderPolicy(), limit_good_for_s=10 * 3600.0 * 2)
    desk = Desk(enter_each_bar(kind="limit", away=4), orders=patient).entered()
    desk.accepted()
    desk.now_ns = CLOSING - 1
    desk.drive.pass_time(desk.now_ns)
    assert not desk.sent(CancelOrder, ClosePosition)
    desk.wait(1)
    assert [fact.reason for fact in desk.facts(venue_facts.ArmingEnded)] == [
        "closing begins for the flat-by time, until which it was armed"]
    assert desk.sent(CancelOrder)
    order_id = desk.order().id
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=order_id, reason="asked"))
    desk.wait(1.5)
    desk.picture()
    assert desk.venue.phase == "observing"
    assert desk.now_ns < FLAT_BY - 60 * SECOND
    assert folds_again(desk)


def test_an_entry_that_fills_behind_the_moment_is_closed_at_the_venue() -> None:
    desk = Desk(enter_each_bar()).entered()
    desk.unknown()
    desk.drive.pass_time(CLOSING + 10 * SECOND)
    desk.now_ns = CLOSING + 10 * SECOND
    closes = len(desk.sent(ClosePosition))
    desk.filled()
    desk.wait(1)
    assert len(desk.sent(ClosePosition)) > closes
    assert desk.drive.engine.state.markets[0].exit_asked


def test_settings_that_now_begin_to_close_earlier_close_at_the_next_second() -> None:
    drive, kept = on_paper()
    engine = drive.engine
    now_ns = engine.state.now_ns
    left_s = (FLAT_BY - now_ns) // SECOND
    sooner = OrderPolicy(before_flat_by_s=7200, close_before_flat_by_s=left_s + 5)
    engine.reconfigure(msgspec.structs.replace(
        engine.config, policy=msgspec.structs.replace(engine.config.policy, orders=sooner)))
    assert now_ns < engine.next_timer_ns() <= now_ns + SECOND
    drive.pass_time(now_ns + 2 * SECOND)
    assert not is_open(drive)
    assert [fact.reason for fact in kept.facts(facts.ExitAsked)] == ["flat-by time"]  # type: ignore[attr-defined]
    assert engine.next_timer_ns() == FLAT_BY


def test_after_the_close_nothing_enters_until_the_next_session_and_then_it_does() -> None:
    drive, kept = on_paper(start_ns=CLOSING - 10 * MINUTE)  # a price until well behind the moment
    drive.feed(ticks(*((20 * place, 1000) for place in range(150)), start_ns=CLOSING + MINUTE))
    assert not kept.facts(facts.SignalApproved)
    assert kept.facts(facts.SignalBlocked)
    drive.feed(ticks((0, 1000), (61, 1000), start_ns=OPEN + 24 * HOUR + MINUTE))
    assert kept.facts(facts.SignalApproved)


def test_a_machine_that_was_recalled_closes_at_the_same_moment_and_the_same_shadows() -> None:
    drive, kept = on_paper()
    drive.pass_time(FLAT_BY)
    again = Engine(drive.engine.config)
    tape = ticks(*((10 * place, 1000 + place % 3) for place in range(40)), start_ns=BEFORE)
    at = 0
    for step in kept.steps:
        again.warm(tape.slice(at, step.tape_pos))
        at = step.tape_pos
        again.recall(step)
    assert again.snapshot() == drive.engine.snapshot()
    assert again.next_timer_ns() == drive.engine.next_timer_ns()
    assert [type(command) for step in kept.steps for command in step.commands
            if isinstance(command, SubmitOrder | ClosePosition)] == [SubmitOrder, ClosePosition]
