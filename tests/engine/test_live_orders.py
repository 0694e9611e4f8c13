"""An order's life at the venue: in flight, unknown, looked for, adopted, given up; never sent twice."""

import msgspec
import pytest
from live_worlds import Desk, enter_each_bar, folds_again, names

from fabio.model import event as events
from fabio.model import venue_fact as venue_facts
from fabio.model.command import CancelOrder, CancelVenueOrder, ClosePosition, LookUpOrder, SubmitOrder, TakePicture


def looks(desk: Desk) -> int:
    return len(desk.sent(LookUpOrder))


def test_h01_an_order_whose_answer_was_lost_is_looked_up_adopted_and_never_sent_again() -> None:
    desk = Desk().entered()
    desk.unknown()
    assert desk.state_of(desk.order().id) == "unknown"
    assert looks(desk) == 1
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"), fills=(desk.a_fill(),))
    position = desk.position()
    assert position is not None
    assert position.size_steps == 2
    desk.wait(3)
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"))
    assert desk.position().stop_ticks == 980
    desk.wait(60)
    assert len(desk.sent(SubmitOrder)) == 1
    assert folds_again(desk)


def test_h01_a_working_limit_is_adopted_by_its_tag() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    desk.unknown()
    desk.looked_up(desk.entry("working"))
    assert desk.state_of(desk.order().id) == "working"


def test_h02_whatever_fails_how_often_one_intent_is_sent_once() -> None:
    desk = Desk(enter_each_bar()).entered()
    for _ in range(5):
        desk.unknown()
        desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="LookUpOrder", order_id=desk.order().id,
                                         known=False, reason="500"))
        desk.wait(5)
        desk.picture()
        desk.next_bar()
    assert len(desk.sent(SubmitOrder)) == 1


def test_an_order_without_any_answer_for_five_seconds_is_unknown_and_looked_for() -> None:
    desk = Desk().entered()
    desk.wait(4.9)
    assert desk.state_of(desk.order().id) == "in_flight"
    desk.wait(0.1)
    assert desk.state_of(desk.order().id) == "unknown"
    assert looks(desk) == 1


def test_an_unknown_order_is_never_accepted_only_after_three_misses_over_ten_seconds() -> None:
    desk = Desk().entered()
    desk.unknown()
    desk.looked_up()
    for _ in range(4):  # answers that come at once, again and again, do not shorten it
        desk.looked_up()
    assert desk.state_of(desk.order().id) == "unknown"
    desk.wait(5)
    assert looks(desk) == 2
    desk.looked_up()
    desk.wait(4.9)
    desk.looked_up()
    assert desk.state_of(desk.order().id) == "unknown"
    desk.wait(0.1)
    assert looks(desk) == 3
    desk.looked_up()
    assert desk.state_of(desk.order().id) == "never_accepted"
    desk.wait(30)
    assert looks(desk) == 3
    assert folds_again(desk)


def test_an_older_order_with_the_same_tag_is_not_taken_for_ours() -> None:
    desk = Desk().entered()
    desk.unknown()
    old_ns = desk.now_ns - 120 * 10**9
    old = desk.entry(created_ns=old_ns)
    desk.looked_up(old, fills=(desk.a_fill(ts_ns=old_ns),))
    assert desk.position() is None
    for _ in range(2):
        desk.wait(5)
        desk.looked_up(old)
    assert desk.state_of(desk.order().id) == "never_accepted"
    desk.wait(1)
    desk.picture(old, fills=(desk.a_fill(ts_ns=old_ns),))
    assert desk.position() is None
    assert not desk.facts(venue_facts.GapSeen)


def test_a_look_that_failed_is_no_miss() -> None:
    desk = Desk().entered()
    desk.unknown()
    for _ in range(5):
        desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="LookUpOrder", order_id=desk.order().id,
                                         known=False, reason="timeout"))
        desk.wait(5)
    assert desk.state_of(desk.order().id) == "unknown"


def test_while_an_order_is_unknown_its_market_takes_no_entry_and_it_counts_as_held() -> None:
    strategy = enter_each_bar()
    desk = Desk(strategy, guards=(True,)).entered()
    desk.unknown()
    desk.wait(50)
    desk.picture()
    desk.next_bar()
    decision = desk.decisions()[-1]
    assert "venue_state" in decision.refused_by
    assert "is not known" in decision.verdicts[-1].reason
    assert strategy.views[-1].account.held_mini_equivalents == 2
    assert "size_limit" in decision.size_reason or decision.size_steps == 0


def test_i05_a_refusal_of_an_order_in_doubt_is_looked_up_too() -> None:
    desk = Desk().entered()
    desk.unknown()
    desk.happen(events.OrderRejected(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="code 2"))
    assert desk.state_of(desk.order().id) == "rejected"
    assert looks(desk) == 2


def test_what_turns_up_after_it_was_given_up_is_cancelled() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    given_up(desk)
    desk.accepted()
    assert desk.state_of(desk.order().id) == "never_accepted"
    desk.wait(2)
    desk.picture(desk.entry("working"))
    assert [command.venue_id for command in desk.sent(CancelVenueOrder)] == [f"v-{desk.order().id}"]


def given_up(desk: Desk) -> None:
    desk.unknown()
    desk.looked_up()
    for _ in range(2):
        desk.wait(5)
        desk.looked_up()
    assert desk.state_of(desk.order().id) == "never_accepted"


def test_what_fills_after_it_was_given_up_is_held_and_closed() -> None:
    desk = Desk().entered()
    given_up(desk)
    desk.filled()
    assert desk.position() is not None
    assert len(desk.sent(ClosePosition)) == 1
    assert "never accepted" in desk.sent(ClosePosition)[0].reason


def test_an_order_that_a_picture_does_not_list_is_asked_for_by_name_before_anything_is_believed() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    desk.accepted()
    desk.wait(3)
    desk.picture()
    assert looks(desk) == 1
    assert desk.state_of(desk.order().id) == "working"
    desk.picture(taken_ns=desk.now_ns + 1)
    assert looks(desk) == 1  # not again before its answer had time
    desk.looked_up(desk.entry("cancelled"))
    assert desk.state_of(desk.order().id) == "cancelled"


def test_a_working_order_that_the_venue_lost_becomes_unknown_first() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    desk.accepted()
    desk.wait(3)
    desk.picture()
    desk.looked_up()
    assert desk.state_of(desk.order().id) == "unknown"
    for _ in range(2):
        desk.wait(5)
        desk.looked_up()
    assert desk.state_of(desk.order().id) == "never_accepted"


@pytest.mark.parametrize(("status", "state"), [
    ("working", "working"), ("cancelled", "cancelled"), ("expired", "expired"), ("rejected", "rejected"),
])
def test_a_picture_tells_what_became_of_an_order(status: str, state: str) -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    desk.unknown()
    desk.wait(1)
    desk.picture(desk.entry(status))
    assert desk.state_of(desk.order().id) == state


def test_a_limit_past_its_good_until_is_cancelled_and_asked_again_until_it_is() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    desk.accepted()
    desk.wait(119.9)
    assert not desk.sent(CancelOrder)
    desk.wait(0.1)
    assert len(desk.sent(CancelOrder)) == 1
    desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="CancelOrder", order_id=desk.order().id,
                                     known=True, reason="pending"))
    desk.wait(2)
    assert len(desk.sent(CancelOrder)) == 2
    desk.wait(4)
    assert len(desk.sent(CancelOrder)) == 3
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="asked"))
    desk.wait(60)
    assert len(desk.sent(CancelOrder)) == 3
    assert folds_again(desk)


def test_what_an_entry_has_not_filled_is_cancelled_when_its_bracket_has_closed_the_rest() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=4)).entered()
    desk.accepted()
    order = desk.order()
    assert order.size_steps == 2
    desk.filled(steps=1, price=996)
    desk.bracket(1, stop=976, target=1036)
    desk.wait(1)
    desk.filled("stop", 1, price=976)
    assert [command.order_id for command in desk.sent(CancelOrder)] == [order.id]


def test_a_command_that_failed_is_on_the_record_and_a_stop_that_may_not_have_moved_is_looked_at() -> None:
    desk = Desk().holding()
    before = looks(desk)
    step = desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="MoveStop", order_id=desk.order().id,
                                            known=False, reason="timeout"))
    assert names(step) == ["VenueRefused", "LookUpAsked"]
    assert looks(desk) == before + 1


def test_a_repeated_report_leaves_no_trace() -> None:
    desk = Desk().entered()
    desk.accepted()
    for _ in range(3):
        assert names(desk.accepted()) == []
    desk.filled()
    assert names(desk.accepted()) == []


def test_pictures_are_asked_for_by_the_clock_and_again_where_none_comes() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=400), guards=(False,)).armed()
    desk.broker.commands.clear()
    desk.wait(29)
    assert not desk.sent(TakePicture)
    desk.wait(1)
    assert len(desk.sent(TakePicture)) == 1
    desk.wait(9)
    assert len(desk.sent(TakePicture)) == 1
    desk.wait(1)
    assert len(desk.sent(TakePicture)) == 2
    desk.picture()
    desk.wait(29)
    assert len(desk.sent(TakePicture)) == 2


def test_an_older_picture_than_the_last_one_is_ignored() -> None:
    desk = Desk().holding()
    desk.wait(10)
    desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=1)
    step = desk.picture(taken_ns=desk.now_ns - 1)
    assert names(step) == []


def test_the_dates_orders_are_forgotten_when_the_next_one_begins() -> None:
    desk = Desk().entered()
    desk.happen(events.OrderRejected(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="no"))
    assert desk.order().id in desk.drive.engine.state.orders  # its fill may come still
    desk.tick(after_s=24 * 3600)
    assert desk.drive.engine.state.orders == {}


def test_the_state_of_a_live_machine_survives_a_snapshot() -> None:
    desk = Desk().holding()
    desk.picture(taken_ns=desk.now_ns + 1)
    engine = desk.drive.engine
    again = Desk()
    again.drive.engine.restore(engine.snapshot())
    assert msgspec.to_builtins(again.drive.engine.state) == msgspec.to_builtins(engine.state)
    assert desk.facts(venue_facts.Armed)
