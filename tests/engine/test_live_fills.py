"""Executions at the venue: twice, late, early, in parts, too many, and somebody else's."""

from decimal import Decimal

import msgspec
import pytest
from engine_worlds import SECOND
from hypothesis import given, settings
from hypothesis import strategies as st
from live_worlds import Desk, enter_each_bar, folds_again, foreign_order, names

from fabio.model import event as events
from fabio.model import venue_fact as venue_facts
from fabio.model.command import CancelOrder, CancelVenueOrder, ClosePosition, LookUpOrder, SubmitOrder, TakePicture
from fabio.model.fact import TradeClosed
from fabio.model.order import Fill
from fabio.model.venue import VenuePosition


def market_desk(steps: int = 2) -> Desk:
    """A market entry of two steps has left for the venue."""
    desk = Desk().entered()
    assert desk.order().size_steps == steps
    return desk


def test_h05_an_execution_over_hub_and_rest_counts_once() -> None:
    desk = market_desk()
    fill = desk.a_fill()
    desk.told(fill)
    assert names(desk.told(fill)) == []
    desk.wait(6)
    step = desk.picture(desk.entry(), desk.leg("stop"), held=2, fills=(fill,))
    assert "FillBooked" not in names(step)
    assert desk.position().size_steps == 2


def pieces(desk: Desk, sizes: list[int], exits: list[int]) -> list[Fill]:
    """Executions of an order of two, filled and closed in these parts; the last exits by hand-made prices."""
    fills = []
    for place, size in enumerate(sizes):
        fills.append(desk.a_fill("entry", size, 1000 + place, id=f"E{place}"))
    for place, size in enumerate(exits):
        fills.append(desk.a_fill("target", size, 1030 + place, id=f"X{place}"))
    return fills


def result(order: list[int], times: list[int], sizes: list[int], exits: list[int]) -> tuple[int, Decimal]:
    """What is held in the end, and the equity: its parts may be closed as one trade or as two."""
    desk = market_desk()
    fills = pieces(desk, sizes, exits)
    for place, count in zip(order, times, strict=True):
        for _ in range(count):
            fill = fills[place % len(fills)]
            if count % 2:
                desk.told(fill)
            else:
                desk.picture(fills=(fill,), complete=False)
    for fill in fills:  # and in the end the venue has told of all
        desk.told(fill)
    assert folds_again(desk)
    position = desk.position()
    return 0 if position is None else position.size_steps, desk.drive.engine.account().equity


CUTS = st.sampled_from([
    ([2], [2]), ([1, 1], [2]), ([2], [1, 1]), ([1, 1], [1, 1]), ([2], [1]), ([1, 1], [1]), ([2], []),
])


def deliveries_agree(cut: tuple[list[int], list[int]], order: list[int], times: list[int]) -> None:
    sizes, exits = cut
    once = result([], [], sizes, exits)
    assert result(order, times, sizes, exits) == once


ORDERS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=8)


@settings(max_examples=300)
@given(cut=CUTS, order=ORDERS)
def test_h05_any_order_and_any_repetition_give_one_position_and_one_result(
    cut: tuple[list[int], list[int]], order: list[tuple[int, int]],
) -> None:
    deliveries_agree(cut, [place for place, _ in order], [count for _, count in order])


@pytest.mark.slow
@settings(max_examples=10_000)
@given(cut=CUTS, order=ORDERS)
def test_h05_any_order_and_any_repetition_ten_thousand_times(
    cut: tuple[list[int], list[int]], order: list[tuple[int, int]],
) -> None:
    deliveries_agree(cut, [place for place, _ in order], [count for _, count in order])


def test_an_exit_that_overtakes_its_entry_waits_for_it() -> None:
    desk = market_desk()
    entry, exit_ = desk.a_fill(), desk.a_fill("stop", steps=2, price=980)
    assert names(desk.told(exit_)) == ["FillHeld"]
    assert desk.position() is None
    step = desk.told(entry)
    assert "TradeClosed" in names(step)
    assert desk.position() is None
    assert not desk.sent(ClosePosition)


def test_an_exit_whose_entry_never_comes_is_looked_up_and_then_given_up() -> None:
    desk = market_desk()
    desk.accepted()
    desk.told(desk.a_fill("stop", steps=2, price=980))
    desk.wait(3)
    assert len(desk.sent(LookUpOrder)) == 1
    desk.wait(7)
    assert desk.facts(venue_facts.FillStray)
    assert desk.drive.engine.state.markets[0].care.unproven is not None
    desk.wait(30)
    assert folds_again(desk)


def test_an_exit_beyond_what_the_entry_filled_is_booked_as_far_as_it_goes_and_the_market_is_closed() -> None:
    desk = market_desk()
    desk.filled()
    step = desk.filled("stop", steps=3, price=980)
    assert [name for name in names(step) if name.startswith("Fill")] == ["FillBooked", "FillStray"]
    assert desk.facts(venue_facts.FillStray)[0].size_steps == 1
    assert desk.position() is None
    assert len(desk.sent(ClosePosition)) == 1  # at once: executions say that the venue is short one
    desk.wait(3)
    desk.picture(held=-1)
    assert len(desk.sent(ClosePosition)) > 1
    step = desk.told(msgspec.structs.replace(desk.a_fill("close", steps=1), side=1))
    assert not step.commands or not any(isinstance(each, ClosePosition) for each in step.commands)  # nothing is left
    desk.wait(3)
    desk.picture()
    care = desk.drive.engine.state.markets[0].care
    assert (care.unproven, care.stray_steps) == (None, 0)
    assert folds_again(desk)


def test_a_fill_beyond_the_ordered_size_is_held_halts_and_is_closed() -> None:
    desk = market_desk()
    desk.filled()
    desk.filled(steps=1)
    assert desk.position().size_steps == 3
    assert "filled 3" in desk.drive.engine.state.account.halted
    assert len(desk.sent(ClosePosition)) == 1


def test_our_own_close_carries_no_tag_and_is_known_by_what_it_closes() -> None:
    desk = market_desk()
    desk.filled()
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    step = desk.filled("close")
    assert "ClosedElsewhere" not in names(step)
    assert desk.facts(TradeClosed)[0].trade.exit_leg == "close"


def test_h12_a_position_closed_by_hand_is_adopted_flat_and_told() -> None:
    desk = market_desk()
    desk.filled()
    desk.bracket()
    step = desk.filled("close", steps=2, price=1010)
    assert "ClosedElsewhere" in names(step)
    assert desk.position() is None
    assert desk.facts(TradeClosed)[0].trade.exit_price == Decimal("252.50")
    assert not desk.sent(ClosePosition)


def test_h12_a_position_closed_by_hand_beyond_its_size_leaves_a_stray_that_is_not_touched() -> None:
    desk = market_desk()
    desk.filled()
    desk.filled("close", steps=3)
    assert desk.position() is None
    assert desk.facts(venue_facts.FillStray)[0].size_steps == 1
    for _ in range(12):
        desk.wait(2)
        desk.picture(held=-1)
    assert desk.venue.foreign_steps == {0: -1}
    assert not desk.sent(ClosePosition)
    desk.wait(3)
    desk.next_bar()
    assert folds_again(desk)


def test_h12_somebody_elses_position_blocks_entries_until_it_is_gone() -> None:
    desk = Desk(enter_each_bar()).armed()
    fill = Fill(id="F1", order_id="", leg="close", market=0, side=1, size_steps=1, price_ticks=1000,
                fees=Decimal(0), ts_ns=desk.now_ns)
    desk.told(fill)
    assert desk.sent(TakePicture)
    desk.next_bar()
    assert desk.decisions()[-1].refused_by == ("venue_state",)
    for _ in range(3):
        desk.wait(3)
        desk.picture(held=1)
    assert desk.venue.foreign == ("position of +1 0",)
    for _ in range(3):
        desk.wait(3)
        desk.picture()
    assert desk.venue.foreign == ()
    desk.next_bar()
    assert len(desk.sent(SubmitOrder)) == 1
    assert not desk.sent(ClosePosition, CancelVenueOrder)


def test_h12_orders_of_somebody_else_block_entries_and_are_never_touched() -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.wait(5)
    desk.picture(foreign_order())
    desk.next_bar()
    assert "not ours" in desk.decisions()[-1].verdicts[-1].reason
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt"))
    for _ in range(5):
        desk.wait(3)
        desk.picture(foreign_order(), foreign_order(market=-1, venue_id="f-2"))
    assert not desk.sent(CancelVenueOrder, CancelOrder)
    assert desk.drive.engine.state.markets[0].care.unproven is None  # nothing of ours is there


def test_h12_a_foreign_contract_blocks_the_account() -> None:
    desk = Desk(enter_each_bar()).armed()
    desk.wait(5)
    desk.picture(positions=(VenuePosition(market=-1, contract="MESZ6", size_steps=2, entry_ticks=1.0),))
    desk.next_bar()
    assert "position of +2 MESZ6" in desk.decisions()[-1].verdicts[-1].reason


def test_while_somebody_else_holds_the_same_contract_only_our_part_is_closed() -> None:
    desk = market_desk()
    desk.filled()
    desk.bracket()
    for _ in range(4):
        desk.wait(3)
        desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=3)
    assert desk.venue.foreign_steps == {0: 1}
    desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="flatten"))
    assert [command.size_steps for command in desk.sent(ClosePosition)] == [2]


def test_a_hand_made_trade_from_before_our_position_closes_nothing_of_it() -> None:
    desk = market_desk()
    desk.filled()
    desk.filled("close", steps=2, ts_ns=desk.now_ns - SECOND)
    assert desk.position().size_steps == 2


def test_executions_from_before_arming_are_not_ours_to_judge() -> None:
    desk = Desk(enter_each_bar()).armed()
    old = Fill(id="F0", order_id="O241004-9", leg="entry", market=0, side=1, size_steps=1, price_ticks=1000,
               fees=Decimal(0), ts_ns=desk.venue.armed_ns - 1)
    assert names(desk.told(old)) == []
    desk.told(msgspec.structs.replace(old, id="F1", ts_ns=desk.venue.armed_ns))
    assert "no known order" in desk.drive.engine.state.account.halted
    assert len(desk.sent(ClosePosition)) == 1  # our tag: it is ours, and ends here


def test_an_observer_does_not_mind_what_a_person_trades() -> None:
    desk = Desk(enter_each_bar())
    desk.tick(1000)
    desk.connect()
    step = desk.told(Fill(id="F1", order_id="", leg="close", market=0, side=1, size_steps=1, price_ticks=1000,
                          fees=Decimal(0), ts_ns=desk.now_ns))
    assert names(step) == []
    assert desk.drive.engine.state.account.halted == ""


def test_an_execution_after_trading_at_the_venue_has_ended_calls_a_person() -> None:
    desk = market_desk()
    desk.filled(steps=1)
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="asked"))
    desk.filled("close", steps=1)
    desk.happen(events.DisarmAsked(ts_ns=desk.now_ns, id="1"))
    desk.wait(2)
    desk.picture()
    assert desk.venue.phase == "observing"
    desk.filled(steps=1)
    assert "after trading there had ended" in desk.drive.engine.state.account.halted
    assert desk.position() is None


def test_a_position_that_is_gone_without_an_execution_is_closed_in_the_book_at_a_second_look() -> None:
    desk = market_desk()
    desk.filled()
    desk.bracket()
    desk.wait(6)
    step = desk.picture(desk.entry())
    assert "GapSeen" in names(step)
    assert desk.position() is not None
    desk.wait(2)
    assert desk.sent(TakePicture)
    step = desk.picture(desk.entry(), desk.leg("stop", "filled", filled_ticks=979.0, filled_steps=2))
    assert [name for name in names(step) if name in ("PositionAdopted", "FillBooked", "TradeClosed")] == [
        "PositionAdopted", "FillBooked", "TradeClosed"]
    adopted = desk.facts(venue_facts.PositionAdopted)[0]
    assert (adopted.fill.price_ticks, adopted.price_known) == (979, True)
    assert desk.facts(TradeClosed)[0].trade.exit_price == Decimal("244.75")
    assert folds_again(desk)


def test_the_true_execution_of_an_adopted_close_is_counted_no_second_time() -> None:
    desk = market_desk()
    desk.filled()
    desk.bracket()
    for _ in range(9):
        desk.wait(6)
        desk.picture(desk.entry())
    assert desk.position() is None
    balance = desk.drive.engine.state.account.balance
    step = desk.filled("stop", steps=2, price=979)
    assert names(step) == ["FillExplained"]
    assert desk.position() is None
    assert desk.drive.engine.state.account.balance == balance
    assert desk.venue.adopted == []


def test_an_entry_that_filled_unheard_of_is_adopted_and_its_true_execution_counted_once() -> None:
    desk = market_desk()
    desk.unknown()
    for _ in range(3):
        desk.wait(6)
        desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2)
    assert desk.position().size_steps == 2
    assert desk.state_of(desk.order().id) == "filled"
    desk.filled()
    assert desk.position().size_steps == 2
    desk.wait(1)
    desk.picture(desk.entry(), desk.leg("stop"), desk.leg("target"), held=2)
    assert desk.position().stop_ticks == 980
    assert not desk.sent(ClosePosition)


def test_a_round_trip_that_nobody_heard_of_is_booked_and_the_balance_is_the_venues() -> None:
    desk = market_desk()
    desk.unknown()
    for _ in range(3):
        desk.wait(6)
        desk.picture(desk.entry(), balance=Decimal(49_900))
    assert desk.position() is None
    assert desk.state_of(desk.order().id) == "filled"
    for _ in range(3):
        desk.wait(6)
        desk.picture(desk.entry(), balance=Decimal(49_900))
    assert desk.drive.engine.state.account.balance == Decimal(49_900)
    assert desk.facts(venue_facts.BalanceAdopted)


@pytest.mark.parametrize("parts", [[2], [1, 1]])
def test_h06_what_filled_before_a_cancel_stays_held_with_its_bracket(parts: list[int]) -> None:
    desk = market_desk()
    desk.accepted()
    desk.filled(steps=1)
    desk.bracket(1)
    desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=desk.order().id, reason="asked"))
    assert desk.position().size_steps == 1
    desk.wait(6)
    assert not desk.sent(ClosePosition)


def test_h06_the_stop_has_to_follow_every_part_within_a_second_and_a_half_or_it_is_asked_for() -> None:
    desk = market_desk()
    desk.accepted()
    desk.filled(steps=1)
    desk.bracket(1)
    desk.wait(1)
    desk.filled(steps=1)  # two are held, the stop covers one
    desk.wait(1.4)
    assert not desk.sent(LookUpOrder)
    desk.wait(0.1)
    assert len(desk.sent(LookUpOrder)) == 1
    desk.looked_up(desk.entry(), desk.leg("stop"), desk.leg("target"))
    desk.wait(30)
    assert not desk.sent(ClosePosition)
    assert desk.drive.engine.state.markets[0].care.stop_steps == 2


def test_h06_a_stop_larger_than_what_is_left_is_closed_if_the_venue_does_not_mend_it() -> None:
    desk = market_desk()
    desk.filled()
    desk.bracket()
    desk.filled("target", steps=1, price=1040)  # the stop still covers two
    desk.wait(2)
    desk.looked_up(desk.entry(), desk.leg("stop"))
    desk.wait(3)
    assert [command.reason for command in desk.sent(ClosePosition)] == [
        "no working stop for all that is held, for 5 s"]
