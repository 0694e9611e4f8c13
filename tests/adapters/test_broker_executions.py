"""Own executions over the user hub: told once, never lost, whatever comes first."""

import asyncio
from decimal import Decimal

import msgspec
import pytest
from broker_venue import CONTRACT, FakeVenue
from broker_world import running
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.topstepx.records import HalfTurn
from fabio.model import command as commands
from fabio.model.event import OrderCancelled, OrderFilled, VenueSeen
from fabio.research.reliability.virtual_time import run_virtual


def fills(world):
    return [each.fill for each in world.of(OrderFilled)]


async def limit_entry(world, size=4):
    world.enter(1, kind="limit", limit_ticks=79_900, size=size)
    await asyncio.sleep(0.5)
    return world.venue.by_tag("fab7-O261120-1")[0].id


@given(st.integers(0, 10**6), st.integers(1, 5), st.lists(st.integers(1, 3), min_size=1, max_size=5), st.booleans())
@settings(max_examples=150)
def test_h05_each_fill_counts_once_however_often_and_in_whatever_order_it_comes(seed, copies, parts, wraps):
    async def story():
        venue = FakeVenue(seed)
        venue.copies, venue.wraps, venue.hub_delays_s = copies, wraps, (0.0, 0.4)
        async with running(venue) as world:
            order = await limit_entry(world, sum(parts))
            for size in parts:
                venue.fill(order, size, 79_900)
                await asyncio.sleep(venue.random.random() * 0.1)
            await asyncio.sleep(5)
            assert sorted(each.id for each in fills(world)) == sorted(str(each.id) for each in venue.trades)
            assert sum(each.size_steps for each in fills(world)) == sum(parts) == venue.position
            assert {(each.order_id, each.leg) for each in fills(world)} == {("O261120-1", "entry")}
            world.submit(commands.TakePicture(reason="test"))
            await asyncio.sleep(2)
            assert {each.id for each in world.pictures()[-1].fills} == {each.id for each in fills(world)}
    run_virtual(story())


def test_an_execution_before_its_order_waits_for_the_answer_of_place():
    async def story():
        venue = FakeVenue()
        venue.hub_loses = lambda target, data: target == "GatewayUserOrder"
        venue.latency_s = 0.2
        async with running(venue) as world:
            world.enter(1)
            await asyncio.sleep(0.25)
            assert fills(world)[0].order_id == "O261120-1"
            assert venue.calls["order"] == 0
    run_virtual(story())


def test_an_execution_of_an_order_nobody_told_of_is_resolved_by_id():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            order = await limit_entry(world)
            world.lose()
        async with running(venue) as world:  # a restart: the book is empty but for the first picture
            world.reach.counts.clear()
            venue.hub_loses = lambda target, data: target == "GatewayUserOrder"
            stop = next(each for each in venue.children(order) if each.custom_tag.endswith("-SL"))
            late = venue.new_order(contract_id=CONTRACT, status=1, type=2, side=1, size=1)
            venue.fill(order, None, 79_900)
            venue.fill(late.id, 1)
            venue.fill(stop.id, 1)
            await asyncio.sleep(3)
            assert [(each.order_id, each.leg) for each in fills(world)] == [
                ("O261120-1", "entry"), ("O261120-1", "stop"), ("", "close")]
    run_virtual(story())


def test_h05_an_execution_that_waits_is_told_once_though_its_order_becomes_known_in_silence():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            venue.hub_loses = lambda target, data: target == "GatewayUserOrder"
            late = venue.new_order(contract_id=CONTRACT, status=1, type=2, side=1, size=1)
            trade = venue.fill(late.id, 1)
            await asyncio.sleep(0.05)
            world.submit(commands.LookUpOrder(order_id="O261120-9", market=0))  # lists the order, by the way
            await asyncio.sleep(0.1)
            venue.tell("GatewayUserTrade", trade)
            await asyncio.sleep(0.02)
            assert len(fills(world)) == 1
            await asyncio.sleep(5)
            assert len(fills(world)) == 1
    run_virtual(story())


def test_a_child_without_a_tag_is_resolved_by_its_parent():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            order = await limit_entry(world)
            stop = venue.children(order)[0]
        venue.orders[stop.id] = msgspec.structs.replace(venue.orders[stop.id], custom_tag=None, status=1)
        venue.orders[order] = msgspec.structs.replace(venue.orders[order], status=2, fill_volume=4)
        async with running(venue, since_ns=lambda: venue.now_ns() + 10**15) as world:  # lists show what is live only
            venue.fill(stop.id, 1, trade_first=True)
            await asyncio.sleep(3)
            assert [(each.order_id, each.leg) for each in fills(world)] == [("O261120-1", "stop")]
    run_virtual(story())


def test_an_execution_waits_while_rest_is_away_and_is_told_or_pictured_in_the_end():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            venue.hub_loses = lambda target, data: target == "GatewayUserOrder"
            late = venue.new_order(contract_id=CONTRACT, status=1, type=2, side=1, size=1)
            venue.fail("order", *["error"] * 3)
            venue.fill(late.id, 1)
            await asyncio.sleep(1)
            assert not fills(world)
            await world.until(lambda: fills(world))
            assert fills(world)[0].leg == "close"
            other = venue.new_order(contract_id=CONTRACT, status=1, type=2, side=1, size=1)
            venue.fail("order", *["error"] * 20)
            trade = venue.fill(other.id, 1)
            await world.until(lambda: str(trade.id) in {fill.id for fill in world.pictures()[-1].fills}, 120)
    run_virtual(story())


def test_an_order_that_is_certainly_not_there_leaves_its_execution_untagged():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            trade = HalfTurn(id=5, account_id=7, contract_id=CONTRACT, price=Decimal(20_000), side=0, size=1,
                             creation_timestamp=venue.stamp(), order_id=4711)
            venue.trades.append(trade)
            venue.tell("GatewayUserTrade", trade)
            await asyncio.sleep(6)
            assert not fills(world)
            await asyncio.sleep(4)
            assert [(each.id, each.order_id, each.leg) for each in fills(world)] == [("5", "", "close")]
            assert venue.calls["order"] == 5
    run_virtual(story())


def test_a_voided_execution_that_was_told_asks_for_a_picture_and_one_that_was_not_is_never_told():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            order = await limit_entry(world)
            trade = venue.fill(order, 1, 79_900)
            await asyncio.sleep(1)
            pictures = len(world.of(VenueSeen))
            voided = msgspec.structs.replace(trade, voided=True)
            venue.trades[0] = voided
            venue.tell("GatewayUserTrade", voided)
            venue.tell("GatewayUserTrade", msgspec.structs.replace(voided, id=6))
            await asyncio.sleep(2)
            assert [each.id for each in fills(world)] == [str(trade.id)]
            assert len(world.of(VenueSeen)) == pictures + 1
            assert world.pictures()[-1].fills == ()
    run_virtual(story())


def test_an_order_that_says_it_filled_has_its_missing_execution_fetched():
    async def story():
        venue = FakeVenue()
        venue.hub_loses = lambda target, data: target == "GatewayUserTrade"
        async with running(venue) as world:
            order = await limit_entry(world)
            venue.fill(order, 4, 79_900)
            await asyncio.sleep(3)
            assert sum(each.size_steps for each in fills(world)) == 4
            assert venue.calls["trades"] == 2  # the first picture, and the search
    run_virtual(story())


def test_h06_that_the_rest_is_cancelled_is_told_after_the_executions_before_it():
    async def story():
        venue = FakeVenue()
        venue.hub_loses = lambda target, data: target == "GatewayUserTrade"
        async with running(venue) as world:
            order = await limit_entry(world)
            venue.fill(order, 1, 79_900)
            venue.cancel_now(order)
            await asyncio.sleep(5)
            kinds = [type(each) for each in world.told if isinstance(each, OrderFilled | OrderCancelled)]
            assert kinds == [OrderFilled, OrderCancelled]
    run_virtual(story())


def test_an_execution_that_never_comes_does_not_hide_the_end_for_ever():
    async def story():
        venue = FakeVenue()
        venue.hub_loses = lambda target, data: target == "GatewayUserTrade"
        async with running(venue) as world:
            order = await limit_entry(world)
            venue.fill(order, 1, 79_900)
            venue.trades.clear()
            venue.cancel_now(order)
            await world.until(lambda: world.of(OrderCancelled), 30)
            assert any("filled more than its executions" in note for note in world.notes)
    run_virtual(story())


@pytest.mark.parametrize("argument", [
    None, [], {}, {"action": 0, "data": {"id": "x"}}, {"id": 3, "price": "NaN", "side": 0, "size": 1, "orderId": 1},
    {"action": 0, "data": {"id": 3, "accountId": 7, "contractId": CONTRACT, "price": 1, "side": 7, "size": 1,
                           "orderId": 0, "creationTimestamp": "2026-11-20T15:00:00Z"}},
    {"action": 0, "data": {"id": 4, "accountId": 8, "contractId": CONTRACT, "price": 1, "side": 0, "size": 1,
                           "orderId": 0, "creationTimestamp": "2026-11-20T15:00:00Z"}},
])
def test_h22_events_that_make_no_sense_end_nothing(argument):
    async def story():
        async with running() as world:
            for target in ("GatewayUserTrade", "GatewayUserOrder", "GatewayUserPosition", "GatewayUserAccount", "New"):
                world.venue._arrive(target, argument)
            await asyncio.sleep(1)
            assert not fills(world)
            world.enter(1)
            await asyncio.sleep(1)
            assert len(fills(world)) == 1
    run_virtual(story())
