"""Closing: flat and nothing of ours left, whatever the wire does; never twice without looking."""

import asyncio

import pytest
from broker_venue import CONTRACT, OPEN, FakeVenue
from broker_world import entry, running
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.enums import LIVE
from fabio.model import command as commands
from fabio.model.event import BracketLost, BracketWorking, CommandFailed, OrderFilled, OrderRejected, VenueLost
from fabio.research.reliability.virtual_time import run_virtual

ORDER = "O261120-1"
TAG = f"fab7-{ORDER}"


def close(size=0):
    return commands.ClosePosition(market=0, reason="test", size_steps=size)


async def protected(world, size=2, number=1):
    world.enter(number, size=size)
    await world.until(lambda: world.of(BracketWorking))


def resting(venue):
    tags = Tags("fab7")
    return [each.custom_tag for each in venue.orders.values() if each.status in LIVE and tags.read(each.custom_tag)]


def closed(world):
    return [each.fill for each in world.of(OrderFilled) if each.fill.leg == "close"]


def test_a_close_cancels_the_legs_closes_and_leaves_nothing():
    async def story():
        async with running() as world:
            await protected(world)
            world.enter(2, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.submit(close())
            await asyncio.sleep(1)
            assert world.venue.position == 0
            assert resting(world.venue) == []
            assert [(each.order_id, each.size_steps) for each in closed(world)] == [("", 2)]
            assert not world.of(CommandFailed)
            assert not world.of(BracketLost)
    run_virtual(story())


def test_the_stop_that_a_close_cancels_is_not_told_as_lost_while_the_close_is_under_way():
    async def story():
        async with running() as world:
            await protected(world)
            close_at_once = world.venue.close_contract

            async def close_slowly(account_id, contract_id):
                await asyncio.sleep(2)
                return await close_at_once(account_id, contract_id)

            world.venue.close_contract = close_slowly
            world.submit(close())
            await asyncio.sleep(10)
            assert world.venue.position == 0
            assert not world.of(BracketLost)
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_closing_what_is_not_held_is_fine():
    async def story():
        async with running() as world:
            for _ in range(2):
                world.submit(close())
                await asyncio.sleep(3)
            assert not world.of(CommandFailed)
            assert world.venue.closes == 0
    run_virtual(story())


def test_a_close_while_one_is_under_way_is_merged_into_it():
    async def story():
        async with running() as world:
            await protected(world)
            for _ in range(5):
                world.submit(close())
                await asyncio.sleep(0.01)
            await asyncio.sleep(5)
            assert world.venue.calls["close"] == 1
            assert world.broker.counts["closes merged"] == 4
    run_virtual(story())


def test_h07_what_a_stop_opened_beside_a_close_is_closed_while_the_first_is_still_looked_at():
    async def story():
        async with running() as world:
            await protected(world)
            world.submit(close())
            await world.until(lambda: world.venue.closes == 1)
            stop = next(each for each in world.venue.orders.values() if each.custom_tag == TAG + "-SL")
            beside = world.venue.new_order(contract_id=CONTRACT, status=OPEN, type=2, side=1, size=stop.size)
            world.venue.fill(beside.id)  # as a stop that fills with the close: nothing at the venue only reduces
            assert world.venue.position == -2
            await asyncio.sleep(0.05)
            world.submit(close())
            await asyncio.sleep(0.5)
            assert world.venue.position == 0
            assert world.venue.calls["close"] == 2
            await asyncio.sleep(5)
            assert not world.of(CommandFailed)
            assert resting(world.venue) == []
    run_virtual(story())


def test_h16_a_close_that_was_asked_for_again_leaves_a_second_after_the_first_had_no_effect():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", "never")
            world.submit(close())
            await asyncio.sleep(0.1)
            world.submit(close())
            await asyncio.sleep(0.8)
            assert world.venue.calls["close"] == 1
            await asyncio.sleep(1.1)
            assert world.venue.calls["close"] == 2
            assert world.venue.position == 0
    run_virtual(story())


def test_a_look_that_shows_nothing_held_does_not_stop_a_close_where_the_hub_says_otherwise():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", "refuse")
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed))
            world.venue.fill(world.venue.new_order(contract_id=CONTRACT, status=OPEN, type=2, side=0, size=1).id)
            await asyncio.sleep(0.5)  # the hub says that three are held
            world.venue.fail("positions", "empty")
            world.submit(close())
            await asyncio.sleep(1)
            assert world.venue.position == 0
    run_virtual(story())


@pytest.mark.parametrize("fault", ["lost", "error after"])
def test_h02_a_close_whose_answer_is_lost_is_seen_to_have_closed_and_not_repeated(fault):
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", fault)
            world.submit(close())
            await asyncio.sleep(15)
            assert world.venue.position == 0
            assert world.venue.calls["close"] == 1
            assert resting(world.venue) == []
            assert not world.of(CommandFailed)
    run_virtual(story())


@pytest.mark.parametrize(("fault", "known"), [("drop", False), ("error", False), ("refuse", True), ("never", True)])
def test_a_close_that_did_not_close_is_told_within_seconds_and_the_next_one_looks_first(fault, known):
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", fault)
            begun_s = asyncio.get_running_loop().time()
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed))
            assert asyncio.get_running_loop().time() - begun_s < 5.5
            (failed,) = world.of(CommandFailed)
            assert (failed.command, failed.known) == ("ClosePosition", known)
            assert world.venue.calls["close"] == 1
            world.submit(close())
            await asyncio.sleep(3)
            assert world.venue.position == 0
            assert world.venue.calls["close"] == 2
            assert len(world.of(CommandFailed)) == 1
    run_virtual(story())


def test_h16_a_second_close_is_never_sent_while_it_cannot_be_seen_what_the_first_did():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", "lost")
            world.venue.fail("positions", *["error"] * 8)
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed))
            world.submit(close())
            await world.until(lambda: len(world.of(CommandFailed)) == 2)
            assert world.venue.calls["close"] == 1
            assert "cannot be looked at" in world.of(CommandFailed)[1].reason
    run_virtual(story())


def test_a_close_that_comes_late_meets_a_flat_position_and_opens_nothing():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", "late")
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed))
            world.submit(close())
            await asyncio.sleep(30)
            assert world.venue.position == 0
            assert world.venue.closes == 1
    run_virtual(story())


def test_h08_a_close_that_failed_leaves_the_stop_working():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("close", "refuse")
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed), 10)
            assert world.venue.position == 2
            assert len(resting(world.venue)) == 2
            assert not world.of(BracketLost)
    run_virtual(story())


def test_f18_a_position_that_is_missing_once_is_not_taken_for_flat():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.hub_loses = lambda target, data: True
            world.venue.fail("close", "refuse")
            world.venue.fail("positions", "empty")
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed))
            assert world.of(CommandFailed)[0].known
    run_virtual(story())


def test_h12_only_our_part_is_closed_where_somebody_else_holds_the_contract_too():
    async def story():
        async with running() as world:
            await protected(world)
            foreign = world.venue.new_order(contract_id=CONTRACT, status=OPEN, type=2, side=0, size=3)
            world.venue.fill(foreign.id)
            await asyncio.sleep(1)
            world.submit(close(2))
            await asyncio.sleep(5)
            assert world.venue.position == 3
            assert resting(world.venue) == []
            assert not world.of(CommandFailed)
            world.submit(close(5))  # more than is held: all of it
            await asyncio.sleep(5)
            assert world.venue.position == 0
    run_virtual(story())


def test_h12_a_foreign_resting_order_survives_the_close():
    async def story():
        async with running() as world:
            foreign = world.venue.new_order(contract_id=CONTRACT, status=OPEN, type=1, side=0, size=1,
                                            limit_price=19_000)
            await protected(world)
            world.submit(close())
            await asyncio.sleep(3)
            assert world.venue.orders[foreign.id].status == OPEN
            assert foreign.id not in world.venue.touched
    run_virtual(story())


@pytest.mark.parametrize("fault", ["refuse", "lost", "drop"])
def test_h07_a_leg_whose_cancel_failed_is_cancelled_again(fault):
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("cancel", fault, fault)
            world.submit(close())
            await asyncio.sleep(4)
            assert world.venue.position == 0
            assert resting(world.venue) == []
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_h07_a_leg_that_cannot_be_cancelled_is_told():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.fail("cancel", *["refuse"] * 50)
            world.submit(close())
            await world.until(lambda: world.of(CommandFailed))
            assert "still work" in world.of(CommandFailed)[0].reason
            assert world.venue.position == 0
    run_virtual(story())


def test_an_entry_under_way_is_closed_too():
    async def story():
        async with running() as world:
            world.venue.latency_s = 6.0  # it arrives after the close has found nothing held
            world.enter(1)
            await asyncio.sleep(0.1)
            world.venue.latency_s = 0.01
            world.submit(close())
            await asyncio.sleep(30)
            assert world.venue.placed[TAG] == 1
            assert world.venue.position == 0
            assert resting(world.venue) == []
    run_virtual(story())


def test_what_waits_for_the_market_is_not_sent_any_more():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue.latency_s = 0.5
            world.submit(commands.MoveStop(order_id=ORDER, market=0, stop_ticks=79_990))
            world.submit(commands.PlaceStop(
                order_id=ORDER, market=0, side=-1, size_steps=2, stop_ticks=79_980, number=1
            ))
            world.submit(close())
            world.submit(commands.SubmitOrder(order=entry(2), generation=1))
            await asyncio.sleep(10)
            assert list(world.venue.asked) == [TAG]
            assert [each.reason for each in world.of(CommandFailed) if each.command == "PlaceStop"] == [
                "not sent: its market is being closed"]
            assert [each.reason for each in world.of(OrderRejected)] == ["its market is being closed"]
            assert world.venue.position == 0
    run_virtual(story())


def test_h24_the_hub_may_be_gone_and_rest_flattens():
    async def story():
        async with running() as world:
            await protected(world)
            world.venue._arrive("GatewayLogout", "you are logged in elsewhere")
            await asyncio.sleep(1)
            assert not world.broker.is_up
            assert "GatewayLogout" in world.of(VenueLost)[-1].reason
            world.submit(close())
            await asyncio.sleep(2)
            assert world.venue.position == 0
            assert resting(world.venue) == []
            assert world.reconnects == [(world.of(VenueLost)[-1].reason, True)]
    run_virtual(story())


@given(
    st.integers(0, 10**6),
    st.lists(st.sampled_from(["ok", "drop", "lost", "error", "error after", "refuse", "never"]), max_size=6),
    st.lists(st.sampled_from(["ok", "drop", "lost", "refuse", "never"]), max_size=8),
    st.lists(st.sampled_from(["ok", "error", "empty"]), max_size=6),
)
@settings(max_examples=150)
def test_h07_h16_asked_again_and_again_the_market_ends_flat_and_clean(seed, closes, cancels, looks):
    async def story():
        venue = FakeVenue(seed)
        venue.hub_delays_s = (0.0, 0.5)
        async with running(venue) as world:
            await protected(world)
            venue.fail("close", *closes)
            venue.fail("cancel", *cancels)
            venue.fail("positions", *looks)
            venue.fail("query", *looks)
            for _ in range(20):  # as the engine does, by its timers
                world.submit(close())
                await asyncio.sleep(4)
                assert venue.position in (0, 2)  # a close never opens
            assert venue.position == 0
            assert resting(venue) == []
            assert venue.closes == 1
            assert {venue.orders[each].custom_tag for each in venue.touched} <= {TAG, TAG + "-SL", TAG + "-TP"}
    run_virtual(story())
