"""Armed on purpose: who gets the orders, since when, until when, and what stands against it."""

from decimal import Decimal

import msgspec
import pytest
from engine_worlds import CLOSING, HOUR, SECOND, Scripted, driver
from live_worlds import BALANCE, FLOOR, NOW, Desk, enter_each_bar, folds_again, foreign_order, names

from fabio.model import event as events
from fabio.model import venue_fact as venue_facts
from fabio.model.command import CancelOrder, ClosePosition, SubmitOrder, TakePicture
from fabio.model.fact import SignalApproved
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.pretrade import OrderPolicy


def quiet() -> Scripted:
    return Scripted(lambda view: None)


def test_an_observer_trades_on_paper_and_asks_nothing_of_the_venue() -> None:
    desk = Desk()
    desk.tick(1000)
    desk.connect()
    desk.picture()
    desk.next_bar()
    desk.tick()
    assert desk.position() is not None
    assert desk.broker.commands == []
    assert not desk.venue.has_orders


def test_armed_the_entry_goes_to_the_venue_with_its_generation_and_the_account_is_the_venues() -> None:
    desk = Desk()
    desk.tick(1000)
    desk.connect()
    desk.wait(1)
    desk.picture(balance=Decimal(51_000))
    step = desk.arm(balance=Decimal(51_000), day_start_balance=Decimal(50_500), loss_floor=Decimal(49_000))
    assert names(step) == ["Armed"]
    desk.next_bar()
    assert [(command.order.id, command.generation) for command in desk.sent(SubmitOrder)] == [("O241004-1", 1)]
    account = desk.drive.engine.account()
    assert (account.balance, account.day_start_balance, account.loss_floor) == (51_000, 50_500, 49_000)
    assert desk.drive.exchange.held_steps(0) == 0
    assert folds_again(desk)


def refused(desk: Desk, **changes: object) -> str:
    step = desk.arm(**changes)
    assert names(step) == ["ArmRefused"], names(step)
    assert desk.venue.phase == "observing"
    return step.facts[0].reason  # type: ignore[union-attr]


def test_arming_is_refused_until_a_picture_of_this_connection_agrees() -> None:
    desk = Desk(quiet())
    desk.tick(1000)
    assert "never connected" in refused(desk)
    desk.connect()
    assert "no picture of connection 1" in refused(desk)
    desk.picture(complete=False)
    assert "no picture" in refused(desk)
    desk.picture()
    desk.lose()
    desk.connect()
    assert "no picture of connection 2" in refused(desk)
    desk.picture(generation=1)  # of the connection before
    assert "no picture of connection 2" in refused(desk)
    desk.picture()
    assert names(desk.arm()) == ["Armed"]


@pytest.mark.parametrize(("changes", "words"), [
    ({"can_trade": False}, "locked"),
    ({"clock_skew_ns": 11 * SECOND}, "clock differs by 11.0 s"),  # H27
    ({"clock_skew_ns": -11 * SECOND}, "clock differs by -11.0 s"),
])
def test_arming_is_refused_on_what_the_picture_says(changes: dict[str, object], words: str) -> None:
    desk = Desk(quiet())
    desk.tick(1000)
    desk.connect()
    desk.picture(**changes)
    assert words in refused(desk)


def test_arming_is_refused_while_the_venue_holds_anything_or_works_for_somebody_else() -> None:
    desk = Desk(quiet())
    desk.tick(1000)
    desk.connect()
    desk.picture(foreign_order())
    assert "not ours" in refused(desk)
    desk.wait(1)
    desk.picture(held=1)
    assert "differ" in refused(desk)
    desk.wait(3)
    desk.picture(held=1)
    assert "position of +1" in refused(desk)
    desk.wait(1)
    desk.picture()
    desk.wait(3)
    desk.picture()
    assert names(desk.arm()) == ["Armed"]


def test_arming_is_refused_while_paper_holds_something_and_on_an_old_picture() -> None:
    desk = Desk()
    desk.tick(1000)
    desk.connect()
    desk.picture()
    desk.wait(31)
    assert "31 s old" in refused(desk)
    desk.next_bar()
    desk.tick()
    desk.picture()
    assert "on paper TST is not flat" in refused(desk)


def test_arming_is_refused_when_halted_too_late_or_at_the_floor() -> None:
    desk = Desk(quiet())
    desk.tick(1000)
    desk.connect()
    desk.picture()
    assert "has passed" in refused(desk, until_ns=desk.now_ns)
    assert "from 300 s before the flat-by time" in refused(desk, until_ns=desk.now_ns + 300 * SECOND)
    assert "not above the loss floor" in refused(desk, balance=FLOOR)
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt", reason="news"))
    assert "halted: news" in refused(desk)


def test_an_armed_account_is_not_armed_again() -> None:
    desk = Desk(quiet()).armed()
    step = desk.arm()
    assert "armed already" in step.facts[0].reason  # type: ignore[union-attr]


def blocked(desk: Desk) -> str:
    """Let a bar close, and give why the venue's verdict was against the signal."""
    desk.next_bar()
    decision = desk.decisions()[-1]
    assert decision.refused_by == ("venue_state",), decision.refused_by
    return decision.verdicts[-1].reason


def test_h23_a_decision_on_an_older_picture_is_refused_until_the_new_one_agrees() -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.lose("GatewayLogout")
    assert "GatewayLogout" in blocked(desk)
    desk.connect()
    assert "no picture of connection 2" in blocked(desk)
    desk.picture(generation=1)
    assert "no picture of connection 2" in blocked(desk)
    desk.picture()
    desk.next_bar()
    assert [command.generation for command in desk.sent(SubmitOrder)] == [2]


def test_entries_wait_where_no_picture_came_for_a_minute() -> None:
    desk = Desk(enter_each_bar(), guards=(True,)).armed()
    desk.tick(after_s=30)
    desk.now_ns += 0
    desk.next_bar()  # 58 s after the picture: it leaves
    assert len(desk.sent(SubmitOrder)) == 1
    desk.happen(events.OrderRejected(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="no"))
    assert "s old" in blocked(desk)


@pytest.mark.parametrize(("changes", "words"), [
    ({"refused_markets": {0: "expires in 2 days"}}, "expires in 2 days"),  # H29
    ({"clock_skew_ns": 10 * SECOND + 1}, "clock differs"),  # H27
])
def test_h29_h27_no_entry_in_a_contract_that_ends_nor_on_a_clock_that_differs(
    changes: dict[str, object], words: str,
) -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.wait(30)
    desk.picture(**changes)
    assert words in blocked(desk)


def test_a_skew_at_its_limit_still_passes() -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.wait(30)
    desk.picture(clock_skew_ns=10 * SECOND)
    desk.next_bar()
    assert len(desk.sent(SubmitOrder)) == 1


def test_an_account_that_the_venue_locks_is_halted_and_flattened() -> None:
    desk = Desk().holding()
    step = desk.happen(events.AccountSeen(ts_ns=desk.now_ns, balance=BALANCE, can_trade=False))
    assert "locked" in desk.drive.engine.state.account.halted
    assert "ArmingEnded" in names(step)
    assert len(desk.sent(ClosePosition)) == 1


def test_decisions_on_a_venue_in_order_read_as_those_on_paper() -> None:
    paper = Desk(enter_each_bar())
    paper.tick(1000)
    paper.wait(1)
    paper.next_bar()
    live = Desk(enter_each_bar())
    live.floor = paper.drive.engine.account().loss_floor
    live.armed()
    live.next_bar()
    first, other = paper.decisions()[0], live.decisions()[0]
    assert msgspec.json.encode(first) == msgspec.json.encode(other)


def test_before_the_flat_by_time_it_closes_proves_it_and_observes_again() -> None:  # H17
    desk = Desk().holding()
    assert desk.venue.until_ns == CLOSING
    desk.now_ns = CLOSING - 1
    desk.drive.pass_time(desk.now_ns)
    desk.broker.commands.clear()
    desk.wait(1)
    assert desk.venue.phase == "leaving"
    assert [command.reason for command in desk.sent(ClosePosition)] == ["flat-by time"]
    desk.filled("close")
    desk.wait(1.5)
    assert desk.sent(TakePicture)
    desk.picture(balance=desk.drive.engine.state.account.balance)
    assert desk.venue.phase == "observing"
    assert desk.facts(venue_facts.FlatProven)
    assert folds_again(desk)


def test_disarming_keeps_the_bracket_and_cancels_what_has_not_filled() -> None:
    desk = Desk().holding()
    desk.happen(events.DisarmAsked(ts_ns=desk.now_ns, id="1"))
    assert desk.venue.phase == "leaving"
    assert not desk.sent(ClosePosition)
    desk.wait(1)
    desk.filled("target", price=1040)
    desk.wait(1.5)
    desk.picture()
    assert desk.venue.phase == "observing"

    waiting = Desk(enter_each_bar(kind="limit", away=4)).entered()
    waiting.accepted()
    waiting.happen(events.DisarmAsked(ts_ns=waiting.now_ns, id="1"))
    assert [command.order_id for command in waiting.sent(CancelOrder)] == [waiting.order().id]


def test_disarming_when_flat_observes_at_once_and_paper_gets_the_next_entry() -> None:
    desk = Desk(enter_each_bar()).armed()
    step = desk.happen(events.DisarmAsked(ts_ns=desk.now_ns, id="1", reason="enough"))
    assert names(step) == ["ArmingEnded", "Disarmed"]
    desk.next_bar()
    desk.tick()
    assert desk.sent(SubmitOrder) == []
    assert desk.position() is not None  # on paper


def test_a_stop_ends_arming_and_a_flatten_does_not() -> None:
    desk = Desk(quiet()).armed()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    assert desk.venue.phase == "armed"
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="2", verb="stop"))
    assert desk.venue.phase == "leaving"


def test_a_halt_ends_arming_and_resuming_does_not_arm_again() -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt"))
    desk.wait(2)
    desk.picture()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="2", verb="resume"))
    assert desk.venue.phase == "observing"
    desk.next_bar()
    assert desk.sent(SubmitOrder) == []


def test_h03_a_restarted_machine_is_armed_still_and_waits_for_a_picture_that_agrees() -> None:
    desk = Desk(enter_each_bar()).holding()
    desk.filled("stop", price=980)
    steps = list(desk.kept.steps)
    again = Desk(enter_each_bar())
    again.tick(1000)
    for step in steps:
        again.drive.engine.state.now_ns = max(again.drive.engine.state.now_ns, step.ts_ns)
        for fact in step.facts:
            again.drive.engine.apply(fact)
    again.now_ns, again.price = desk.now_ns, desk.price
    assert again.venue.phase == "armed"
    again.lose("restarted")
    assert "restarted" in blocked(again)
    again.connect()
    again.wait(6)
    again.picture()
    assert again.venue.agreed == 1
    again.next_bar()
    assert again.decisions()[-1].approved


def test_h03_a_restart_finds_the_position_it_had_and_keeps_it() -> None:
    desk = Desk().holding()
    desk.lose("restarted")
    desk.connect()
    desk.wait(6)
    step = desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2)
    assert names(step) == ["PictureSeen", "VenueAgreed"]
    assert desk.position() is not None
    assert not desk.sent(ClosePosition)


def test_h13_more_entries_than_an_hour_takes_end_trading_until_a_person_arms_again() -> None:
    desk = Desk(enter_each_bar()).armed()
    for _ in range(10):
        desk.picture()
        desk.next_bar()
        if desk.state_of(desk.order().id) == "in_flight":
            desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="no"))
    assert len(desk.sent(SubmitOrder)) == OrderPolicy().entries_per_hour == 6
    assert "6 entries in the last hour" in desk.facts(venue_facts.ArmingEnded)[0].reason
    desk.picture()
    assert desk.venue.phase == "observing"


def test_f22_a_venue_that_refuses_three_entries_in_a_row_is_asked_no_more() -> None:
    desk = Desk(enter_each_bar()).armed()
    for _ in range(6):
        desk.picture()
        desk.next_bar()
        if desk.state_of(desk.order().id) == "in_flight":
            desk.happen(events.OrderRejected(
                ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="brackets cannot be used"))
    assert len(desk.sent(SubmitOrder)) == 3
    assert "brackets cannot be used" in desk.facts(venue_facts.ArmingEnded)[0].reason


def test_arming_is_refused_over_what_an_earlier_run_left_and_says_what() -> None:
    desk = Desk().holding()
    left = desk.leg("stop", order_id="O241003-1")
    again = Desk(quiet())
    again.tick(1000)
    again.connect()
    again.picture(left)
    assert "the stop of O241003-1 is left over" in refused(again)


def test_on_paper_too_many_entries_are_refused_and_the_next_hour_goes_on() -> None:
    desk = Desk(enter_each_bar(stop=20, target=8), account=AccountSettings(size_limit=Decimal(1)))
    desk.tick(1000)
    for _ in range(20):
        desk.next_bar()
        desk.tick(desk.price + 20, after_s=1)  # the target
        desk.tick(1000, after_s=1)
    assert len(desk.facts(SignalApproved)) == 6
    assert desk.decisions()[-1].refused_by == ("order_box",)
    desk.tick(after_s=HOUR / SECOND)
    desk.next_bar()
    assert len(desk.facts(SignalApproved)) > 6


def test_no_fact_of_live_trading_is_ever_noted_on_paper_alone() -> None:
    desk = Desk(enter_each_bar())
    desk.tick(1000)
    desk.next_bar()
    desk.tick()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt"))
    desk.wait(5)
    kinds = venue_facts.VenueFact.__args__  # type: ignore[attr-defined]
    assert not [fact for fact in desk.kept.facts() if isinstance(fact, kinds)]
    assert driver(desk.drive.engine.config)[0].engine.state.venue == desk.venue
    assert desk.now_ns > NOW
