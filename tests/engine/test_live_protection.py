"""A position without a working stop is an incident with a stopwatch; with one, nobody sends a second exit."""

import pytest
from engine_worlds import Scripted
from live_worlds import Desk, enter_each_bar, folds_again, names

from fabio.model import event as events
from fabio.model import venue_fact as venue_facts
from fabio.model.command import (
    CancelVenueOrder,
    ClosePosition,
    LookUpOrder,
    MoveStop,
    PlaceStop,
    TakePicture,
)
from fabio.model.signal import Exit, Signal, Tighten
from fabio.model.view import View


def unprotected() -> Desk:
    """A position whose bracket was not seen."""
    desk = Desk().entered()
    desk.accepted()
    desk.filled()
    return desk


def test_h08_the_stop_is_asked_for_after_a_second_and_a_half_and_without_an_answer_it_is_closed_after_five() -> None:
    desk = unprotected()
    desk.wait(1.49)
    assert not desk.sent(LookUpOrder)
    desk.wait(0.01)
    assert len(desk.sent(LookUpOrder)) == 1
    desk.wait(3.49)
    assert not desk.sent(ClosePosition)
    desk.wait(0.01)
    assert len(desk.sent(ClosePosition)) == 1
    assert folds_again(desk)


def test_h08_where_the_venue_is_asked_for_the_stop_and_shows_none_the_market_is_closed_at_once() -> None:
    desk = unprotected()
    desk.wait(1)
    desk.looked_up(desk.entry())  # too early to say
    assert not desk.sent(ClosePosition)
    desk.wait(0.5)
    desk.looked_up()  # nothing at all: an empty list says nothing of the stop
    assert not desk.sent(ClosePosition)
    desk.wait(0.1)
    step = desk.looked_up(desk.entry())
    assert [type(command) for command in step.commands] == [ClosePosition]
    assert folds_again(desk)


def test_h09_while_the_entry_may_still_fill_its_stop_may_be_hidden_and_has_five_seconds() -> None:
    desk = Desk().entered()
    desk.accepted()
    desk.filled(steps=1)
    desk.wait(1.5)
    desk.looked_up(desk.entry("working", filled=1))
    assert not desk.sent(ClosePosition)
    desk.wait(3.5)
    assert len(desk.sent(ClosePosition)) == 1


def test_h08_a_stop_seen_in_time_ends_the_watch() -> None:
    desk = unprotected()
    desk.wait(4.9)
    desk.bracket()
    desk.wait(60)
    assert not desk.sent(ClosePosition)


def test_h08_a_bracket_seen_before_its_fill_protects_from_the_first_moment() -> None:  # F05: child before parent
    desk = Desk().entered()
    assert names(desk.bracket()) == ["BracketKnown"]
    desk.filled()
    position = desk.position()
    assert position is not None
    assert position.stop_ticks == 980
    desk.wait(60)
    assert not desk.sent(ClosePosition, LookUpOrder)


def test_h09_a_second_stop_is_never_sent_where_hidden_children_may_exist() -> None:
    desk = unprotected()
    desk.wait(2)
    desk.looked_up(desk.entry())  # the entry filled, no child to be seen: one may turn up
    assert len(desk.sent(ClosePosition)) == 1
    desk.wait(3)
    assert not desk.sent(PlaceStop)


def test_h09_a_restart_between_accept_and_fill_is_protected_by_what_the_picture_shows() -> None:
    desk = Desk().entered()
    desk.accepted()
    desk.lose("restarted")
    desk.connect()
    desk.wait(20)
    fill = desk.a_fill()
    desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2, fills=(fill,))
    assert desk.position() is not None
    desk.wait(2)
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"))
    desk.wait(30)
    assert not desk.sent(PlaceStop, ClosePosition)


def test_a_stop_that_is_definitely_gone_is_replaced_once_and_the_watch_runs_on() -> None:
    desk = Desk().holding()
    desk.happen(events.BracketLost(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="rejected"))
    desk.wait(0.9)
    assert not desk.sent(PlaceStop)  # the other leg may have filled, and be heard of in a moment
    desk.wait(0.1)
    stop = desk.sent(PlaceStop)[0]
    assert (stop.side, stop.size_steps, stop.stop_ticks, stop.number) == (-1, 2, 980, 1)
    desk.wait(1)
    desk.bracket(target=None)
    desk.wait(30)
    assert not desk.sent(ClosePosition)
    assert desk.position().target_ticks is None
    desk.happen(events.BracketLost(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="cancelled"))
    assert len(desk.sent(PlaceStop)) == 1
    assert len(desk.sent(ClosePosition)) == 1  # the second time it is closed
    assert folds_again(desk)


def test_h08_a_replacement_that_is_not_seen_in_five_seconds_is_no_protection() -> None:
    desk = Desk().holding()
    desk.happen(events.BracketLost(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="rejected"))
    desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="PlaceStop", order_id=desk.order().id,
                                     known=False, reason="timeout"))
    desk.wait(4.9)
    assert not desk.sent(ClosePosition)
    desk.wait(0.1)
    assert len(desk.sent(ClosePosition)) == 1


@pytest.mark.parametrize("side", [1, -1])
def test_h11_no_stop_is_placed_on_the_winning_side_of_the_market(side: int) -> None:
    desk = Desk(enter_each_bar(side)).entered()
    desk.filled()
    desk.bracket(stop=1000 - 20 * side, target=1000 + 40 * side)
    desk.wait(1)
    desk.tick(1000 - 20 * side)  # at the stop: one placed now would fill at once
    desk.happen(events.BracketLost(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="cancelled"))
    desk.wait(1)
    assert not desk.sent(PlaceStop)
    assert len(desk.sent(ClosePosition)) == 1


def test_a_stop_that_went_with_the_other_legs_fill_is_not_replaced() -> None:  # F05: told in the wrong order
    desk = Desk().holding()
    desk.happen(events.BracketLost(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="cancelled"))
    desk.wait(0.5)
    desk.filled("target", price=1040)
    desk.wait(10)
    assert not desk.sent(PlaceStop, ClosePosition)


def test_i23_of_two_stops_for_one_entry_the_one_placed_beside_the_bracket_is_cancelled() -> None:
    desk = Desk().holding()
    own = desk.leg("stop", native=False, venue_id="v-own")
    desk.wait(3)
    desk.picture(desk.entry(), desk.leg("stop"), own, desk.leg("target"), held=2)
    assert [command.venue_id for command in desk.sent(CancelVenueOrder)] == ["v-own"]


def test_a_picture_without_the_stop_starts_the_watch_and_a_look_that_shows_it_ends_it() -> None:  # F18
    desk = Desk().holding()
    desk.wait(3)
    desk.picture(desk.entry(), held=2)
    assert desk.facts(venue_facts.StopDoubted)
    assert len(desk.sent(LookUpOrder)) == 1
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"))
    desk.wait(30)
    assert not desk.sent(ClosePosition)


def test_a_picture_without_the_stop_that_no_look_contradicts_closes_the_market_in_five_seconds() -> None:
    desk = Desk().holding()
    desk.wait(3)
    desk.picture(desk.entry(), held=2)
    desk.looked_up(desk.entry())
    desk.wait(5)
    assert len(desk.sent(ClosePosition)) == 1


def test_a_picture_too_close_behind_the_fill_doubts_nothing() -> None:
    desk = Desk().holding()
    desk.wait(1.9)
    desk.picture(desk.entry(), held=2)
    assert not desk.facts(venue_facts.StopDoubted)


def test_the_stop_at_the_venue_is_the_truth_whatever_move_was_asked_for() -> None:
    desk = Desk().holding()
    desk.wait(3)
    desk.picture(desk.entry(), desk.leg("stop", stop_ticks=970), desk.leg("target"), held=2)
    assert desk.position().stop_ticks == 970


def test_while_the_bracket_works_the_machine_sends_no_exit_of_its_own() -> None:
    desk = Desk().holding()
    for price in (1000, 990, 981, 980):  # at the stop, not through it
        desk.tick(price)
    desk.wait(4)
    assert not desk.sent(ClosePosition)


def test_price_through_the_stop_without_a_fill_is_asked_after_two_seconds_and_closed_after_five() -> None:
    desk = Desk().holding()
    desk.tick(979)
    assert desk.facts(venue_facts.StopThrough)
    desk.wait(2)
    assert len(desk.sent(LookUpOrder)) == 1
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"))  # it works still, and did not fill
    desk.wait(2.9)
    assert not desk.sent(ClosePosition)
    desk.wait(0.1)
    assert len(desk.sent(ClosePosition)) == 1
    assert folds_again(desk)


def test_price_through_the_stop_and_back_leaves_the_bracket_in_charge() -> None:
    desk = Desk().holding()
    desk.tick(979)
    desk.tick(985)
    desk.wait(5)
    assert desk.facts(venue_facts.StopHeld)
    assert not desk.sent(ClosePosition)
    desk.tick(979)
    desk.wait(5)
    assert len(desk.sent(ClosePosition)) == 1


def test_the_stops_fill_ends_every_watch() -> None:
    desk = Desk().holding()
    desk.tick(979)
    desk.filled("stop", price=979)
    desk.wait(30)
    assert not desk.sent(ClosePosition, LookUpOrder)


def test_i21_a_stop_is_moved_by_modify_and_only_closer() -> None:
    wishes = [
        Tighten(strategy="scripted", stop_ticks=970, reason="hope"),
        Tighten(strategy="scripted", stop_ticks=990, reason="strong"),
    ]
    entry = enter_each_bar()

    def wish(view: View) -> Signal | Tighten | Exit | None:
        if view.position is None:
            return entry.wish(view)
        return wishes.pop(0) if wishes else None

    desk = Desk(Scripted(wish)).holding()
    for _ in range(3):
        desk.next_bar()
    assert [command.stop_ticks for command in desk.sent(MoveStop)] == [990]


def test_a_closed_market_is_closed_again_until_it_is_flat() -> None:
    desk = unprotected()
    desk.wait(5)
    assert len(desk.sent(ClosePosition)) == 1
    desk.happen(events.CommandFailed(ts_ns=desk.now_ns, market=0, command="ClosePosition", known=True,
                                     reason="instrument not in an active trading status"))
    desk.wait(1)
    assert len(desk.sent(ClosePosition)) == 1
    desk.wait(1)
    assert len(desk.sent(ClosePosition)) == 2
    desk.wait(2)
    assert len(desk.sent(ClosePosition)) == 3
    desk.wait(3600)
    assert 60 < len(desk.sent(ClosePosition)) < 300
    desk.filled("close")
    desk.wait(1)
    desk.picture()
    before = len(desk.broker.commands)
    desk.wait(15)
    assert not [each for each in desk.broker.commands[before:] if isinstance(each, ClosePosition)]
    assert desk.sent(TakePicture)


def test_a_stop_of_our_own_that_comes_after_the_market_was_proven_flat_is_looked_at_at_once() -> None:
    desk = Desk().holding()
    desk.wait(1)
    desk.happen(events.BracketLost(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="gone"))
    desk.wait(1.1)
    assert desk.sent(PlaceStop)
    desk.filled("target", price=1040)
    desk.wait(1.5)
    desk.picture(desk.entry())
    assert desk.drive.engine.state.markets[0].care.unproven is None
    step = desk.bracket(stop=980, target=None)
    assert names(step) == ["FlatWanted", "PictureAsked"]
    assert [type(command) for command in step.commands] == [TakePicture]
    desk.wait(0.5)
    desk.picture(desk.entry(), desk.leg("stop"))
    assert desk.sent(CancelVenueOrder)
    desk.wait(1)
    desk.picture(desk.entry())
    assert desk.drive.engine.state.markets[0].care.unproven is None
    assert folds_again(desk)


def test_a_bracket_told_of_while_its_market_is_proven_flat_asks_for_nothing_more() -> None:
    desk = Desk().holding()
    desk.filled("target", price=1040)
    assert names(desk.bracket()) == []
