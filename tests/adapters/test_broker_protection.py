"""Stops at the venue: told when they work, told when they are lost and only then, moved by modify."""

import asyncio

import pytest
from broker_venue import CANCELLED, OPEN, SUSPENDED, FakeVenue
from broker_world import running
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.topstepx.enums import OrderStatus, OrderType
from fabio.model import command as commands
from fabio.model.event import BracketLost, BracketWorking, CommandFailed, OrderFilled
from fabio.research.reliability.virtual_time import run_virtual

ORDER = "O261120-1"
TAG = f"fab7-{ORDER}"


def leg(world, end):
    return next(each for each in world.venue.orders.values() if each.custom_tag == TAG + end)


async def protected(world, side=1, size=2):
    world.enter(1, side=side, size=size)
    await world.until(lambda: world.of(BracketWorking))


def brackets(world):
    return [(each.stop_ticks, each.target_ticks, each.size_steps) for each in world.of(BracketWorking)]


def test_a_short_position_has_its_stop_above():
    async def story():
        async with running() as world:
            await protected(world, side=-1)
            assert brackets(world) == [(80_020, 79_960, 2)]
    run_virtual(story())


def test_stop_and_target_are_told_at_once_though_they_come_one_after_the_other():
    async def story():
        venue = FakeVenue()
        work = venue._work_child
        venue._work_child = lambda number: venue.later(
            0.1 if venue.orders[number].type == OrderType.LIMIT else 0.0, work, number
        )
        async with running(venue) as world:
            await protected(world)
            await asyncio.sleep(1)
            assert brackets(world) == [(79_980, 80_040, 2)]
    run_virtual(story())


def test_that_a_stop_is_no_loss_is_known_without_asking_where_it_is_plain():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fill(leg(world, "-TP").id)
            world.enter(2, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.venue.cancel_now(world.venue.by_tag("fab7-O261120-2")[0].id)
            await asyncio.sleep(3)
            assert world.venue.calls["order"] == 0
            assert world.venue.calls["positions"] == 1  # that of the first picture
    run_virtual(story())


def test_a_stop_is_moved_by_modify_and_told_when_the_venue_shows_it():
    async def story():
        async with running() as world:
            await protected(world)
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_990))
            await asyncio.sleep(2)
            assert brackets(world) == [(79_980, 80_040, 2), (79_990, 80_040, 2)]
            assert (world.venue.calls["modify"], world.venue.calls["cancel"]) == (1, 0)
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_with_a_deaf_hub_a_moved_stop_is_looked_at():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.hub_loses = lambda target, data: True
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_990))
            await asyncio.sleep(3)
            assert brackets(world)[-1] == (79_990, 80_040, 2)
    run_virtual(story())


@pytest.mark.parametrize(("fault", "known"), [("refuse", True), ("never", True), ("drop", False), ("error", False)])
def test_h08_a_move_that_failed_leaves_the_stop_and_says_so_once(fault, known):
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("modify", fault)
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_990))
            await asyncio.sleep(15)
            (failed,) = world.of(CommandFailed)
            assert (failed.command, failed.known) == ("MoveStop", known)
            assert leg(world, "-SL").status == OPEN
            assert world.venue.calls["modify"] == 1
    run_virtual(story())


def test_a_move_whose_answer_is_lost_is_seen_to_have_worked():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("modify", "lost")
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_990))
            await asyncio.sleep(15)
            assert brackets(world)[-1][0] == 79_990
            assert not world.of(CommandFailed)
    run_virtual(story())


@pytest.mark.parametrize(("side", "away"), [(1, 79_970), (-1, 80_030)])
def test_i21_a_stop_is_never_moved_away(side, away):
    async def story():
        async with running() as world:
            await protected(world, side=side)
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=away))
            await asyncio.sleep(2)
            assert "further away" in world.of(CommandFailed)[0].reason
            assert world.venue.calls["modify"] == 0
    run_virtual(story())


def test_a_stop_that_stands_there_already_is_told_again():
    async def story():
        async with running() as world:
            await protected(world)
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_980))
            await asyncio.sleep(1)
            assert len(world.of(BracketWorking)) == 2
            assert world.venue.calls["modify"] == 0
    run_virtual(story())


def test_moving_the_stop_of_an_order_without_one_is_a_refusal():
    async def story():
        async with running() as world:
            world.submit(commands.MoveStop(order_id="O261120-9", market=0, stop_ticks=1))
            await asyncio.sleep(1)
            (failed,) = world.of(CommandFailed)
            assert failed.known
            assert failed.reason == "no stop of this order works"
    run_virtual(story())


@given(st.integers(0, 10**6), st.sampled_from(["-SL", "-TP"]))
@settings(max_examples=60)
def test_a_stop_that_goes_because_the_position_went_is_no_loss(seed, end):
    async def story():
        venue = FakeVenue(seed)
        venue.hub_delays_s = (0.0, 0.2)
        async with running(venue) as world:
            await protected(world)
            venue.fill(leg(world, end).id)
            await asyncio.sleep(5)
            assert not world.of(BracketLost)
            legs = [(each.fill.order_id, each.fill.leg) for each in world.of(OrderFilled)]
            assert sorted(legs) == [(ORDER, "entry"), (ORDER, "stop" if end == "-SL" else "target")]
    run_virtual(story())


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED])
def test_h08_a_stop_that_is_gone_while_the_position_stands_is_told_soon(status):
    async def story():
        async with running() as world:
            await protected(world)
            gone_s = asyncio.get_running_loop().time()
            world.venue.change(leg(world, "-SL").id, status=status)
            await world.until(lambda: world.of(BracketLost))
            assert asyncio.get_running_loop().time() - gone_s < 1.0
            (lost,) = world.of(BracketLost)
            assert lost.order_id == ORDER
            assert status.name.lower() in lost.reason
            await asyncio.sleep(5)
            assert len(world.of(BracketLost)) == 1
    run_virtual(story())


def test_f20_a_bracket_that_is_refused_when_the_entry_fills_is_lost():
    async def story():
        venue = FakeVenue()
        venue.brackets_fill_children = False
        async with running(venue) as world:
            world.enter(1)
            await asyncio.sleep(0.5)
            for end in ("-SL", "-TP"):
                venue.change(leg(world, end).id, status=OrderStatus.REJECTED)
            await asyncio.sleep(2)
            assert len(world.of(BracketLost)) == 1
            assert not world.of(BracketWorking)
    run_virtual(story())


def test_f18_an_empty_list_of_positions_does_not_hide_a_lost_stop():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("positions", "empty")
            world.venue.change(leg(world, "-SL").id, status=CANCELLED)
            await asyncio.sleep(3)
            assert len(world.of(BracketLost)) == 1
    run_virtual(story())


def test_a_lost_stop_is_told_even_if_the_venue_answers_nothing_more():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("order", "error")
            world.venue.change(leg(world, "-SL").id, status=CANCELLED)
            await asyncio.sleep(5)
            assert "cannot be asked" in world.of(BracketLost)[0].reason
    run_virtual(story())


def test_an_entry_that_goes_unfilled_takes_its_children_along_without_a_loss():
    async def story():
        async with running() as world:
            world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.venue.cancel_now(world.venue.by_tag(TAG)[0].id)
            await asyncio.sleep(3)
            assert not world.of(BracketLost)
    run_virtual(story())


def test_a_position_closed_by_hand_loses_its_legs_without_a_loss():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue._close(2)
            for end in ("-SL", "-TP"):
                world.venue.change(leg(world, end).id, status=CANCELLED)
            await asyncio.sleep(3)
            assert not world.of(BracketLost)
    run_virtual(story())


def test_f20_a_target_that_stays_suspended_does_not_hide_the_stop():
    async def story():
        venue = FakeVenue()
        work = venue._work_child
        venue._work_child = lambda number: work(number) if venue.orders[number].type == OrderType.STOP else None
        async with running(venue) as world:
            world.enter(1)
            await asyncio.sleep(1)
            assert brackets(world) == [(79_980, None, 1)]
            assert leg(world, "-TP").status == SUSPENDED
    run_virtual(story())


async def bare(world, size=1):
    await protected(world, size=size)
    for end in ("-SL", "-TP"):
        world.venue.change(leg(world, end).id, status=CANCELLED)
    await world.until(lambda: world.of(BracketLost))


def own_stop(number=1):
    return commands.PlaceStop(order_id=ORDER, market=0, side=-1, size_steps=1, stop_ticks=79_980, number=number)


def test_a_stop_of_its_own_takes_the_place_of_a_lost_bracket_and_can_be_moved():
    async def story():
        async with running() as world:
            await bare(world)
            world.submit(own_stop())
            await asyncio.sleep(1)
            assert brackets(world)[-1] == (79_980, None, 1)
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_985))
            await asyncio.sleep(1)
            assert brackets(world)[-1] == (79_985, None, 1)
            world.venue.fill(leg(world, "-S1").id)
            await asyncio.sleep(1)
            last = world.of(OrderFilled)[-1].fill
            assert (last.order_id, last.leg) == (ORDER, "stop")
            assert len(world.of(BracketLost)) == 1
    run_virtual(story())


@pytest.mark.parametrize(("fault", "known"), [("refuse", True), ("never", True), ("drop", False)])
def test_a_stop_of_its_own_that_failed_is_told_and_not_sent_again(fault, known):
    async def story():
        async with running() as world:
            await bare(world)
            world.venue.fail("place", fault)
            for _ in range(2):
                world.submit(own_stop())
                await asyncio.sleep(15)
            assert world.venue.asked[TAG + "-S1"] == 1
            failures = world.of(CommandFailed)
            assert [each.command for each in failures] == ["PlaceStop"] * 2
            assert failures[0].known == known
    run_virtual(story())


@pytest.mark.parametrize("deaf", [False, True])
def test_h02_a_stop_of_its_own_whose_answer_is_lost_is_found_and_not_doubled(deaf):
    async def story():
        async with running() as world:
            await bare(world)
            world.venue.hub_loses = lambda target, data: deaf
            world.venue.fail("place", "lost")
            world.submit(own_stop())
            await asyncio.sleep(15)
            assert brackets(world)[-1] == (79_980, None, 1)
            assert world.venue.asked[TAG + "-S1"] == 1
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_h02_after_a_restart_a_stop_of_its_own_that_the_venue_has_is_not_sent_again():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            await bare(world)
            world.submit(own_stop())
            await asyncio.sleep(1)
        async with running(venue) as world:
            world.submit(own_stop())
            await asyncio.sleep(3)
            assert venue.asked[TAG + "-S1"] == 1
            assert brackets(world) == [(79_980, None, 1)]
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_no_stop_is_placed_while_its_position_is_being_closed():
    async def story():
        async with running() as world:
            await bare(world)
            world.submit(commands.ClosePosition(market=0, reason="test"))
            await asyncio.sleep(0.001)
            world.submit(own_stop())
            await asyncio.sleep(5)
            assert world.venue.asked[TAG + "-S1"] == 0
            assert world.of(CommandFailed)[-1].reason == "not sent: the position is being closed"
    run_virtual(story())


def only_the_stop_is_lost(world):
    world.venue.change(leg(world, "-SL").id, status=CANCELLED)
    return world.until(lambda: world.of(BracketLost))


def test_a_stop_of_its_own_that_waited_until_the_target_had_filled_is_cancelled():
    async def story():
        async with running() as world:
            await protected(world, size=1)
            await only_the_stop_is_lost(world)
            world.venue.latency_s = 2.0
            world.submit(own_stop())
            await asyncio.sleep(0.5)
            world.venue.fill(leg(world, "-TP").id)
            world.venue.latency_s = 0.01
            await asyncio.sleep(2)
            assert world.venue.asked[TAG + "-S1"] == 1
            assert leg(world, "-S1").status == CANCELLED
            assert world.of(CommandFailed)[-1].command == "PlaceStop"
    run_virtual(story())


def test_no_stop_is_placed_where_another_leg_has_filled():
    async def story():
        async with running() as world:
            await protected(world, size=1)
            await only_the_stop_is_lost(world)
            world.venue.fill(leg(world, "-TP").id)
            await asyncio.sleep(0.5)
            world.submit(own_stop())
            await asyncio.sleep(3)
            assert world.venue.asked[TAG + "-S1"] == 0
            assert world.of(CommandFailed)[-1].reason.startswith("not sent: another leg filled")
    run_virtual(story())


def test_a_stop_of_its_own_waits_for_no_generation():
    async def story():
        async with running() as world:
            await bare(world)
            world.lose()
            world.submit(own_stop())
            await asyncio.sleep(2)
            assert leg(world, "-S1").status == OPEN
            assert brackets(world)[-1] == (79_980, None, 1)
    run_virtual(story())


@given(st.integers(0, 10**6), st.sampled_from(["before", "while away", "after"]), st.integers(0, 30))
@settings(max_examples=60)
def test_h09_after_a_restart_between_accept_and_fill_the_one_native_stop_is_known(seed, fills, away_s):
    async def story():
        venue = FakeVenue(seed)
        async with running(venue) as world:
            world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(0.02 + venue.random.random())
            if fills == "before":
                venue.fill(venue.by_tag(TAG)[0].id, ticks=79_900)
        if fills == "while away":
            venue.fill(venue.by_tag(TAG)[0].id, ticks=79_900)
        await asyncio.sleep(away_s)
        async with running(venue) as world:
            picture = world.pictures()[0]
            entries = [each for each in picture.orders if each.leg == "entry"]
            stops = [each for each in picture.orders if each.leg == "stop"]
            assert [(each.order_id, each.native) for each in stops] == [(ORDER, True)]
            assert stops[0].is_live
            if entries[0].is_live:
                assert stops[0].status == "suspended"
                venue.fill(venue.by_tag(TAG)[0].id, ticks=79_900)
                await asyncio.sleep(1)
                assert brackets(world) == [(79_880, 79_940, 1)]
            else:
                assert [(each.order_id, each.leg) for each in picture.fills] == [(ORDER, "entry")]
            world.submit(commands.LookUpOrder(order_id=ORDER, market=0))
            await asyncio.sleep(2)
            assert not world.of(BracketLost)
            assert [tag for tag in venue.asked if tag.startswith(TAG + "-S")] == []
    run_virtual(story())
