"""Book and venue: who is right, when, and that nothing is done twice or too early."""

from decimal import Decimal

import msgspec
import pytest
from live_worlds import BALANCE, Desk, enter_each_bar, folds_again, names

from fabio.model import event as events
from fabio.model import venue_fact as venue_facts
from fabio.model.command import (
    CancelVenueOrder,
    ClosePosition,
    PlaceStop,
    SubmitOrder,
    TakePicture,
)
from fabio.model.fact import TradeDateBegan
from fabio.model.step import Step

ACTS = (SubmitOrder, ClosePosition, PlaceStop, CancelVenueOrder)


def protected(desk: Desk, **changes: object) -> Step:
    """The picture of a position with its bracket, as it should be."""
    return desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2, **changes)


def test_h04_a_picture_from_before_a_fill_says_nothing_of_it() -> None:
    desk = Desk().entered()
    desk.accepted()
    asked_ns = desk.now_ns
    desk.wait(0.5)
    desk.filled()
    desk.bracket()
    before = len(desk.sent(*ACTS))
    step = desk.picture(desk.entry("working"), taken_ns=asked_ns)  # shows flat, and is older than the fill
    assert names(step) == ["PictureSeen"]
    assert desk.position().size_steps == 2
    assert len(desk.sent(*ACTS)) == before


@pytest.mark.parametrize("late_s", [0.1, 1, 3, 4.9])
def test_f18_rest_that_lags_the_hub_flags_nothing_for_five_quiet_seconds(late_s: float) -> None:
    desk = Desk().holding()
    desk.wait(late_s)
    desk.picture(desk.entry("working"), desk.leg("stop"))  # the position is not there yet
    assert not desk.facts(venue_facts.GapSeen)
    assert desk.position() is not None


def test_f18_a_picture_that_is_empty_once_changes_nothing() -> None:
    desk = Desk().holding()
    desk.wait(6)
    desk.picture()
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"))
    desk.wait(2)
    step = protected(desk)
    assert "GapClosed" in names(step)
    assert desk.position().size_steps == 2
    assert desk.venue.gaps == {}
    desk.wait(30)
    assert not desk.sent(ClosePosition)


@pytest.mark.parametrize("legs", [(), ("stop", "target")])
def test_f18_a_position_that_no_execution_closed_has_to_be_missing_without_a_break(legs: tuple[str, ...]) -> None:
    desk = Desk().holding()

    def missing() -> Step:
        desk.wait(2)
        desk.bracket()  # the hub says what it said before: the stop works
        return desk.picture(desk.entry(), *(desk.leg(leg) for leg in legs))

    desk.wait(4)
    for _ in range(3):
        for _ in range(20):
            missing()
        assert desk.position() is not None
        desk.wait(1)
        protected(desk)  # one list that has it, and all begins anew
        assert desk.venue.gaps == {}
    assert not desk.sent(ClosePosition, CancelVenueOrder)
    for _ in range(20):
        missing()
    assert desk.position() is not None
    step = missing()
    assert "PositionAdopted" in names(step)
    assert ClosePosition in [type(command) for command in step.commands]  # a list that lied leaves nothing bare
    assert folds_again(desk)


def test_a_position_whose_close_could_not_be_booked_needs_no_longer_look_than_any_other() -> None:
    """The venue set its clock back: the close is dated before the entry, and is told as a stray."""
    desk = Desk().holding()
    desk.told(msgspec.structs.replace(desk.a_fill("close"), ts_ns=desk.now_ns - 1_000_000_000))
    assert desk.facts(venue_facts.FillStray)
    assert desk.position() is not None
    for _ in range(8):
        desk.wait(2)
        desk.picture(desk.entry())
    assert desk.position() is None


def test_f18_what_was_taken_for_closed_and_is_held_still_is_ours_and_closed() -> None:
    desk = Desk().holding()
    desk.wait(4)
    while desk.position() is not None:
        desk.wait(2)
        desk.picture(desk.entry())
    desk.wait(2)
    desk.picture(desk.entry())
    assert desk.drive.engine.state.markets[0].care.unproven is None  # proven, by lists that are empty
    desk.wait(2)
    step = desk.picture(desk.entry(), held=2)
    assert [type(command) for command in step.commands] == [ClosePosition]
    assert "FlatWanted" in names(step)
    step = desk.filled("close")
    assert names(step) == ["FillExplained"]
    desk.wait(2)
    desk.picture(desk.entry())
    assert desk.venue.foreign_steps == {}
    assert desk.venue.gaps == {}
    assert desk.drive.engine.state.markets[0].care.unproven is None
    assert folds_again(desk)


def test_f18_what_turns_up_long_after_a_close_was_taken_over_is_somebody_elses() -> None:
    desk = Desk().holding()
    desk.wait(4)
    while desk.position() is not None:
        desk.wait(2)
        desk.picture(desk.entry())
    asked = len(desk.sent(ClosePosition))
    desk.wait(2)
    desk.picture(desk.entry())
    desk.wait(300)
    for _ in range(8):
        desk.wait(2)
        desk.picture(desk.entry(), held=2)
    assert desk.venue.foreign_steps == {0: 2}
    assert len(desk.sent(ClosePosition)) == asked


def test_f18_what_somebody_else_holds_after_a_close_that_was_told_is_not_taken_for_ours() -> None:
    desk = Desk().holding()
    desk.filled("close")
    for _ in range(8):
        desk.wait(2)
        desk.picture(desk.entry(), held=2)
    assert desk.venue.foreign_steps == {0: 2}
    assert not desk.sent(ClosePosition)


def test_a_gap_asks_for_a_second_look_in_two_seconds_and_blocks_entries_meanwhile() -> None:
    desk = Desk(enter_each_bar(), guards=(True,)).armed()
    desk.wait(56)
    desk.picture(held=1)
    desk.broker.commands.clear()
    desk.next_bar()
    assert "differ" in desk.decisions()[-1].verdicts[-1].reason
    desk.wait(2)
    assert desk.sent(TakePicture)


def test_i12_a_second_look_at_the_same_thing_does_nothing() -> None:
    desk = Desk().holding()
    desk.wait(6)
    protected(desk)
    desk.wait(1)
    before = len(desk.sent(*ACTS))
    for _ in range(3):
        desk.wait(0.5)
        assert names(protected(desk)) == ["PictureSeen"]
    assert len(desk.sent(*ACTS)) == before


def test_i12_what_was_adopted_is_adopted_once() -> None:
    desk = Desk().holding()
    for _ in range(20):
        desk.wait(3)
        desk.picture(desk.entry())
    assert len(desk.facts(venue_facts.PositionAdopted)) == 1
    desk.wait(1)
    assert names(desk.picture(desk.entry())) == ["PictureSeen"]
    assert folds_again(desk)


def test_h23_what_happened_in_a_gap_is_in_the_book_ten_seconds_after_it() -> None:
    desk = Desk(enter_each_bar()).entered()
    desk.accepted()
    desk.lose()
    desk.wait(120)
    entry, stop = desk.a_fill(), desk.a_fill("stop", price=980)
    desk.connect()
    desk.picture(desk.entry(), fills=(stop, entry), balance=Decimal(49_794))
    assert desk.position() is None
    assert desk.facts(venue_facts.FlatWanted)
    desk.wait(1.1)
    desk.picture(desk.entry(), fills=(stop, entry), balance=Decimal(49_794))
    assert desk.venue.agreed == desk.generation
    assert desk.drive.engine.state.account.balance == Decimal(49_794)


def test_the_balance_is_taken_over_only_when_all_is_flat_and_quiet() -> None:
    desk = Desk().holding()
    desk.wait(6)
    protected(desk, balance=Decimal(49_000))
    assert desk.drive.engine.state.account.balance == Decimal(50_000)
    desk.filled("target", price=1040)
    booked = desk.drive.engine.state.account.balance
    desk.wait(2)
    desk.picture(balance=Decimal(49_000))
    assert desk.drive.engine.state.account.balance == booked
    desk.wait(4)
    desk.picture(balance=Decimal(49_000))
    assert desk.drive.engine.state.account.balance == Decimal(49_000)
    assert folds_again(desk)


def test_two_entries_that_both_filled_stop_the_machine() -> None:
    desk = Desk(enter_each_bar(), guards=(True,)).entered()
    first = desk.order().id
    desk.happen(events.OrderRejected(ts_ns=desk.now_ns, market=0, order_id=first, reason="no"))
    desk.picture()
    desk.next_bar()
    desk.filled()
    desk.filled(order_id=first)  # the refused one filled after all
    assert "another order's position" in desk.drive.engine.state.account.halted
    assert desk.sent(ClosePosition)


def test_a_picture_while_the_venue_is_lost_brings_its_executions_and_nothing_else() -> None:
    desk = Desk().entered()
    desk.lose()
    step = desk.picture(desk.entry(), fills=(desk.a_fill(),), held=2)
    assert "FillBooked" in names(step)
    assert "PictureSeen" not in names(step)


def test_i13_nothing_that_follows_from_a_picture_can_make_a_position_larger() -> None:
    desk = Desk().holding()
    sent = len(desk.sent(SubmitOrder))
    for held in (2, 0, 5, -3, 1, 0, 2):
        for _ in range(4):
            desk.wait(3)
            desk.picture(desk.entry(), desk.leg("stop"), held=held)
            desk.picture(held=held, taken_ns=desk.now_ns + 1)
    assert len(desk.sent(SubmitOrder)) == sent
    assert not desk.sent(PlaceStop)
    assert folds_again(desk)


def closed_unheard(desk: Desk) -> Desk:
    """A position that the venue closed, whose execution it lists nowhere: it is of the day before."""
    while desk.position() is not None:
        desk.wait(7)
        desk.picture(desk.entry())
    for _ in range(3):
        desk.wait(20)
        desk.picture(desk.entry())
    return desk


def test_the_fill_of_a_later_close_is_not_taken_for_one_that_was_adopted_and_never_came() -> None:
    desk = closed_unheard(Desk(enter_each_bar()).holding())
    first = desk.order().id
    while desk.order().id == first:
        desk.next_bar()
        desk.wait(5)
        desk.picture()
    desk.accepted()
    desk.filled()
    desk.bracket()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="f1", verb="flatten", reason="a person"))
    desk.wait(0.2)
    step = desk.filled("close")
    assert "FillBooked" in names(step)
    assert desk.position() is None
    assert folds_again(desk)


def test_the_fill_of_a_close_is_not_taken_for_a_part_that_was_adopted_before_it() -> None:
    desk = Desk().holding()
    while not desk.facts(venue_facts.PositionAdopted):
        desk.wait(2)
        desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=1)
    assert desk.position().size_steps == 1
    desk.wait(5)
    step = desk.filled("close", steps=1)
    assert "FillBooked" in names(step)
    assert desk.position() is None
    assert folds_again(desk)


def test_h12_a_trade_that_was_held_for_our_entry_needs_no_second_quiet_time() -> None:
    desk = Desk(enter_each_bar(kind="limit", away=5)).entered()
    desk.accepted()
    desk.filled("close", steps=1)  # it may be an exit of our entry, whose fill was not told yet
    desk.wait(2)
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="not to fill"))
    desk.wait(8)
    assert desk.facts(venue_facts.FillStray)
    assert "GapSeen" in names(desk.picture(desk.entry("cancelled"), held=-1))
    desk.wait(2)
    desk.picture(desk.entry("cancelled"), held=-1)
    assert desk.venue.foreign_steps == {0: -1}  # twelve seconds after it was heard of
    assert folds_again(desk)


@pytest.mark.parametrize("kind", ["a day", "an arming"])
def test_what_was_adopted_is_forgotten_with_the_day_and_with_the_arming(kind: str) -> None:
    desk = closed_unheard(Desk().holding())
    assert desk.venue.adopted
    engine = desk.drive.engine
    if kind == "a day":
        engine.apply(TradeDateBegan(trade_date="2024-10-08", day_start_balance=BALANCE, loss_floor=BALANCE))
    else:
        engine.apply(venue_facts.Disarmed(reason="flat"))
        assert desk.venue.adopted  # what is told late of it is no reason to halt
        engine.apply(venue_facts.Armed(
            account="PRAC-1", balance=BALANCE, day_start_balance=BALANCE, loss_floor=BALANCE, until_ns=desk.now_ns))
    assert desk.venue.adopted == []


def test_our_own_fill_between_two_looks_leaves_a_foreign_position_the_same_difference() -> None:
    desk = Desk().holding()
    desk.wait(6)
    step = desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=3)
    assert "GapSeen" in names(step)
    desk.wait(2)
    desk.filled("stop")
    desk.wait(5)
    step = desk.picture(desk.entry(), held=1)
    assert "GapSeen" not in names(step)
    assert "GapClosed" in names(step)
    assert desk.venue.foreign_steps == {0: 1}
    assert folds_again(desk)
