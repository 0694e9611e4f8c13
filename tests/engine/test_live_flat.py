"""Flat means proven: orphans cancelled, kills insisted on, closes repeated, and said when it is true."""

import pytest
from engine_worlds import CLOSING, FLAT_BY
from live_worlds import Desk, enter_each_bar, folds_again, names

from fabio.engine.venue.records import Care
from fabio.model import event as events
from fabio.model.command import CancelVenueOrder, ClosePosition, LookUpOrder, SubmitOrder, TakePicture
from fabio.model.fact import Halted


def care(desk: Desk) -> Care:
    return desk.drive.engine.state.markets[0].care


def test_h07_a_leg_left_over_after_the_other_filled_is_cancelled_within_three_seconds() -> None:
    desk = Desk().holding()
    desk.wait(3)
    desk.filled("target", price=1040)
    flat_ns = desk.now_ns
    desk.wait(1)
    assert desk.sent(TakePicture)
    desk.wait(0.2)
    desk.picture(desk.entry(), desk.leg("stop"), taken_ns=desk.now_ns - 200_000_000)
    assert [command.venue_id for command in desk.sent(CancelVenueOrder)] == [f"v-{desk.order().id}-stop"]
    desk.wait(0.8)
    desk.picture(desk.entry())
    assert care(desk).unproven is None
    assert desk.now_ns - flat_ns <= 3_000_000_000
    assert folds_again(desk)


def test_h07_a_cancel_that_is_refused_or_lost_is_asked_again_until_the_leg_is_gone() -> None:
    desk = Desk().holding()
    desk.filled("target", price=1040)
    for number in range(1, 6):
        desk.wait(15)
        desk.picture(desk.entry(), desk.leg("stop"))
        assert len(desk.sent(CancelVenueOrder)) == number
    desk.wait(15)
    desk.picture(desk.entry())
    assert care(desk).unproven is None


def test_h07_a_leg_that_the_venue_is_just_cancelling_is_left_alone() -> None:
    desk = Desk().holding()
    desk.filled("target", price=1040)
    desk.wait(0.9)
    desk.picture(desk.entry(), desk.leg("stop"))
    assert not desk.sent(CancelVenueOrder)


def test_no_leg_is_an_orphan_while_the_venue_holds_what_the_book_does_not() -> None:
    desk = Desk().holding()
    desk.filled("close")
    desk.wait(3)
    desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2)
    assert not desk.sent(CancelVenueOrder)


def test_until_a_market_is_proven_flat_it_takes_no_entry() -> None:
    desk = Desk(enter_each_bar()).holding()
    desk.wait(5)
    desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2)
    desk.filled("target", price=1040)
    desk.next_bar()
    assert "not proven flat" in desk.decisions()[-1].verdicts[-1].reason
    desk.picture()
    desk.next_bar()
    assert len(desk.sent(SubmitOrder)) == 2


@pytest.mark.parametrize("verb", ["halt", "flatten", "stop"])
def test_h16_a_kill_closes_at_once_insists_and_is_proven(verb: str) -> None:
    desk = Desk(enter_each_bar()).holding()
    step = desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb=verb))  # type: ignore[arg-type]
    assert [type(command) for command in step.commands][:2] == [ClosePosition, TakePicture]
    for _ in range(10):  # 429, 401, 5xx: whatever it is
        desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="ClosePosition", known=False,
                                         reason="503"))
        desk.wait(15)
    assert len(desk.sent(ClosePosition)) >= 8
    desk.filled("close")
    desk.wait(2)
    step = desk.picture(desk.entry())
    assert "FlatProven" in names(step)
    assert care(desk).unproven is None
    assert folds_again(desk)


def test_h16_after_the_press_no_entry_leaves() -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt"))
    for _ in range(3):
        desk.next_bar()
        desk.picture()
    assert not desk.sent(SubmitOrder)


def test_h16_a_kill_while_an_entry_is_on_its_way_closes_what_it_fills() -> None:
    desk = Desk().entered()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt"))
    assert len(desk.sent(ClosePosition)) == 1
    desk.filled()
    assert len(desk.sent(ClosePosition)) == 2


def test_h16_a_kill_works_while_observing_and_cancels_what_of_ours_is_there() -> None:
    desk = Desk().holding()
    left_over = desk.leg("stop")
    entry = desk.entry("working", venue_id="v-lost", order_id="O241004-7", tag="O241004-7")
    desk.filled("target", price=1040)
    desk.wait(2)
    desk.picture()
    desk.happen(events.DisarmAsked(ts_ns=desk.now_ns, id="1"))
    assert desk.venue.phase == "observing"
    desk.wait(2)
    desk.picture(left_over, entry)
    assert not desk.sent(CancelVenueOrder)  # an observer touches nothing
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="2", verb="halt"))
    desk.wait(2)
    desk.picture(left_over, entry)
    assert {command.venue_id for command in desk.sent(CancelVenueOrder)} == {left_over.venue_id, "v-lost"}
    desk.wait(2)
    desk.picture()
    assert care(desk).unproven is None


def test_a_kill_is_recorded_once_however_often_it_is_pressed() -> None:
    desk = Desk().holding()
    for number in range(3):
        desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id=str(number), verb="halt"))
    assert len(desk.facts(Halted)) == 1
    assert len(desk.sent(ClosePosition)) == 1


def test_h17_the_flat_by_time_closes_again_and_again_until_it_is_proven() -> None:
    desk = Desk().holding()
    desk.drive.pass_time(CLOSING - 1)
    assert not desk.sent(ClosePosition)
    desk.drive.pass_time(CLOSING + 20_000_000_000)
    desk.now_ns = CLOSING + 20_000_000_000
    assert len(desk.sent(ClosePosition)) >= 4
    assert desk.venue.phase == "leaving"


def test_h17_a_restart_after_the_flat_by_time_closes_what_is_held() -> None:
    desk = Desk().holding()
    desk.now_ns = FLAT_BY + 3600 * 10**9  # the machine was away
    desk.lose("restarted")
    assert desk.venue.phase == "leaving"
    assert len(desk.sent(ClosePosition)) == 1


def test_a_close_that_overshot_is_closed_again() -> None:
    desk = Desk().holding()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    desk.filled("stop", price=980)  # the stop was faster
    desk.filled("close")  # and the close was on its way: two short now
    assert desk.position() is None
    assert len(desk.sent(ClosePosition)) == 2  # at once, not when a picture shows it
    desk.filled("close", side=1)
    assert len(desk.sent(ClosePosition)) == 2
    desk.wait(2)
    desk.picture(desk.entry())
    assert care(desk).unproven is None
    assert folds_again(desk)


def test_an_overshoot_that_no_picture_shows_is_closed_again_and_again_until_one_does() -> None:
    desk = Desk().holding()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    desk.filled("stop", price=980)
    desk.filled("close")
    sent = len(desk.sent(ClosePosition))
    desk.wait(10)
    assert len(desk.sent(ClosePosition)) >= sent + 3
    desk.picture(desk.entry())
    sent = len(desk.sent(ClosePosition))
    desk.wait(60)
    assert len(desk.sent(ClosePosition)) == sent


def test_where_the_book_is_flat_and_nothing_strayed_only_pictures_are_asked_for_until_one_proves_it() -> None:
    desk = Desk().holding()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    desk.filled("close")
    desk.wait(10)
    assert len(desk.sent(ClosePosition)) == 1
    assert len(desk.sent(TakePicture)) >= 3


def test_two_entries_that_filled_against_each_other_leave_nothing_open_when_the_stop_of_one_fills() -> None:
    desk = Desk(enter_each_bar()).entered()
    first = desk.order().id
    desk.happen(events.OrderRejected(ts_ns=desk.now_ns, market=0, order_id=first, reason="no"))
    desk.picture()
    desk.next_bar()
    desk.filled()
    desk.bracket()
    desk.filled(order_id=first, side=-1)  # the venue is flat, the book holds two, and knows of two beside it
    desk.wait(5)
    before = len(desk.sent(ClosePosition))
    step = desk.filled("stop", price=980)  # flat in the book: two short at the venue
    assert any(isinstance(each, ClosePosition) for each in step.commands)
    assert len(desk.sent(ClosePosition)) == before + 1


def test_a_proof_is_not_taken_from_a_picture_older_than_the_close() -> None:
    desk = Desk().holding()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    desk.wait(1)
    desk.filled("close")
    desk.picture(taken_ns=desk.now_ns - 1)
    assert care(desk).unproven is not None


def test_an_incomplete_picture_proves_nothing_but_its_executions() -> None:
    desk = Desk().holding()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    desk.wait(3)
    desk.picture(complete=False, fills=(desk.a_fill("close"),))
    assert desk.position() is None
    assert care(desk).unproven is not None
    assert not desk.sent(LookUpOrder)


def test_f18_a_list_that_is_empty_too_soon_proves_nothing_against_executions_that_say_something_is_held() -> None:
    desk = Desk().holding()
    desk.filled("stop", steps=3, price=980)  # one more than was held: the venue is short one now
    for _ in range(2):
        desk.wait(2)
        desk.picture()
        assert care(desk).unproven is not None
    assert care(desk).stray_steps == -1
    desk.wait(2)
    desk.picture()
    assert care(desk).unproven is None
    assert folds_again(desk)
