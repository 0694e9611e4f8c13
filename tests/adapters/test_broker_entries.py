"""Entries: sent once and answered, whatever the wire does; cancelled; foreign ones left alone."""

import asyncio

import pytest
from broker_venue import CANCELLED, CHILD_AFTER_S, FakeVenue
from broker_world import entry, running

from fabio.adapters.topstepx.enums import OrderStatus
from fabio.adapters.topstepx.rest.outcomes import Refused
from fabio.model import command as commands
from fabio.model.event import (
    BracketWorking,
    CommandFailed,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderLookedUp,
    OrderRejected,
    OrderUnknown,
    VenueSeen,
)
from fabio.research.reliability.virtual_time import run_virtual

TAG = "fab7-O261120-1"


def test_an_entry_is_accepted_filled_and_protected():
    async def story():
        async with running() as world:
            world.enter(1, size=2)
            await asyncio.sleep(1)
            (accepted,) = world.of(OrderAccepted)
            (filled,) = world.of(OrderFilled)
            (bracket,) = world.of(BracketWorking)
            assert accepted.order_id == filled.fill.order_id == bracket.order_id == "O261120-1"
            assert (filled.fill.leg, filled.fill.side, filled.fill.size_steps) == ("entry", 1, 2)
            assert (bracket.stop_ticks, bracket.target_ticks, bracket.size_steps) == (79_980, 80_040, 2)
            assert bracket.ts_ns - filled.ts_ns < 2 * CHILD_AFTER_S * 1e9
    run_virtual(story())


@pytest.mark.parametrize("fault", ["lost", "error after"])
def test_h01_an_accepted_entry_whose_answer_is_lost_is_known_from_the_hub_and_sent_once(fault):
    async def story():
        async with running() as world:
            world.venue.fail("place", fault)
            world.enter(1)
            await asyncio.sleep(20)
            assert world.venue.asked[TAG] == 1
            assert len(world.of(OrderAccepted)) == 1
            assert len(world.of(OrderFilled)) == 1
            assert not world.of(OrderUnknown)
    run_virtual(story())


def test_h01_with_a_deaf_hub_the_outcome_is_unknown_and_a_look_finds_it():
    async def story():
        venue = FakeVenue()
        venue.hub_loses = lambda target, data: True
        async with running(venue) as world:
            venue.fail("place", "lost")
            world.enter(1)
            await world.until(lambda: world.of(OrderUnknown))
            world.submit(commands.LookUpOrder(order_id="O261120-1", market=0))
            await world.until(lambda: world.of(OrderLookedUp))
            (found,) = world.of(OrderLookedUp)
            assert [(each.leg, each.status) for each in found.orders] == [
                ("entry", "filled"), ("stop", "working"), ("target", "working")]
            assert [each.leg for each in found.fills] == ["entry"]
            assert venue.asked[TAG] == 1
    run_virtual(story())


def test_h01_a_request_that_never_arrived_is_looked_for_and_never_sent_again():
    async def story():
        async with running() as world:
            world.venue.fail("place", "drop")
            order = world.enter(1)
            await world.until(lambda: world.of(OrderUnknown))
            for _ in range(3):
                world.submit(commands.LookUpOrder(order_id=order.id, market=0))
                await asyncio.sleep(5)
            assert [each.orders for each in world.of(OrderLookedUp)] == [(), (), ()]
            world.submit(commands.SubmitOrder(order=order, generation=1))
            await asyncio.sleep(5)
            assert world.venue.asked[TAG] == 1
            assert len(world.of(OrderUnknown)) == 2
    run_virtual(story())


def test_h02_an_entry_asked_for_twice_leaves_once():
    async def story():
        async with running() as world:
            order = world.enter(1)
            world.enter(1)
            await asyncio.sleep(1)
            world.submit(commands.SubmitOrder(order=order, generation=1))
            await asyncio.sleep(1)
            assert world.venue.asked[TAG] == 1
            assert len(world.of(OrderFilled)) == 1
    run_virtual(story())


def test_h02_after_a_restart_an_order_that_the_venue_has_is_not_sent_again():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            world.enter(1)
            await asyncio.sleep(1)
        async with running(venue) as world:
            world.submit(commands.SubmitOrder(order=entry(1), generation=1))
            await asyncio.sleep(1)
            assert venue.asked[TAG] == 1
            assert len(world.of(OrderAccepted)) == 1
    run_virtual(story())


def test_a_late_request_turns_up_and_is_told():
    async def story():
        async with running() as world:
            world.venue.fail("place", "late")
            world.enter(1, kind="limit", limit_ticks=79_900)
            await world.until(lambda: world.of(OrderUnknown))
            await world.until(lambda: world.of(OrderAccepted))
            assert world.venue.asked[TAG] == 1
    run_virtual(story())


@pytest.mark.parametrize(("fault", "words"), [
    ("refuse", "ORDER_REJECTED: trading is currently unavailable"), ("never", "never sent: no connection"),
])
def test_a_refusal_is_told_with_its_reason_and_not_repeated(fault, words):
    async def story():
        async with running() as world:
            world.venue.fail("place", fault)
            world.enter(1)
            await asyncio.sleep(5)
            (rejected,) = world.of(OrderRejected)
            assert rejected.reason == words
            assert world.venue.asked[TAG] == 1
    run_virtual(story())


def test_a_refused_place_with_an_id_is_a_refusal_and_a_fill_under_that_id_is_money():
    async def story():
        venue = FakeVenue()
        venue.hub_delays_s = (0.001, 0.001)

        def refuse():
            order = venue.new_order(contract_id="CON.F.US.MNQ.Z26", status=OrderStatus.OPEN, type=2, side=0, size=1)
            venue.orders.pop(order.id)  # the record carries no tag, and nobody tells of it
            venue.ghost = order
            return Refused(2, "ORDER_REJECTED", "not enough margin", order.id)

        async with running(venue) as world:
            venue._place = lambda body: refuse()
            world.enter(1)
            await asyncio.sleep(1)
            (rejected,) = world.of(OrderRejected)
            assert rejected.reason == "ORDER_REJECTED: not enough margin"
            venue.orders[venue.ghost.id] = venue.ghost
            venue.fill(venue.ghost.id, trade_first=True)
            await asyncio.sleep(1)
            (filled,) = world.of(OrderFilled)
            assert (filled.fill.order_id, filled.fill.leg) == ("O261120-1", "entry")
    run_virtual(story())


def test_the_hubs_wordless_rejection_waits_for_the_answer_that_says_why():
    async def story():
        venue = FakeVenue()

        def refuse(body):
            order = venue.new_order(contract_id=body.contract_id, status=OrderStatus.REJECTED, type=2, side=0, size=1,
                                    custom_tag=body.custom_tag)
            venue.tell("GatewayUserOrder", order)
            return Refused(2, "ORDER_REJECTED", "Brackets cannot be used with Position Brackets", order.id)

        async with running(venue) as world:
            venue._place = refuse
            venue.latency_s = 0.2
            world.enter(1)
            await asyncio.sleep(2)
            (rejected,) = world.of(OrderRejected)
            assert rejected.reason == "ORDER_REJECTED: Brackets cannot be used with Position Brackets"
    run_virtual(story())


def test_an_entry_that_the_engine_wants_no_more_is_not_sent():
    async def story():
        async with running(FakeVenue()) as world:
            words = {0: "the agent was halted"}
            world.broker.ask_before_entries(lambda market: words[market])
            world.submit(commands.SubmitOrder(order=entry(1), generation=1))
            await world.until(lambda: world.of(OrderRejected))
            assert world.of(OrderRejected)[0].reason == "the agent was halted"
            words[0] = ""
            world.submit(commands.SubmitOrder(order=entry(2), generation=1))
            await world.until(lambda: world.of(OrderAccepted))
            assert list(world.venue.asked.values()) == [1]
    run_virtual(story())


def test_h23_an_entry_decided_on_an_older_generation_is_not_sent():
    async def story():
        async with running() as world:
            world.lose()
            world.enter(1)
            await asyncio.sleep(1)
            world.connect()
            await world.until(lambda: world.broker.generation == 2)
            world.submit(commands.SubmitOrder(order=entry(2), generation=1))
            await asyncio.sleep(1)
            first, second = world.of(OrderRejected)
            assert first.reason == "decided on generation 1, and the venue is not heard now"
            assert second.reason == "decided on generation 1, it is 2 now"
            assert not world.venue.asked
    run_virtual(story())


def test_an_entry_that_makes_no_sense_stops_before_the_socket():
    async def story():
        async with running() as world:
            world.enter(1, stop=-20)
            world.submit(commands.SubmitOrder(order=entry(2, kind="limit"), generation=1))
            await asyncio.sleep(1)
            assert [each.order_id for each in world.of(OrderRejected)] == ["O261120-1", "O261120-2"]
            assert all("cannot be sent" in each.reason for each in world.of(OrderRejected))
            assert world.venue.calls["place"] == 0 or not world.venue.orders
    run_virtual(story())


def test_cancelling_tells_that_the_rest_is_gone():
    async def story():
        async with running() as world:
            order = world.enter(1, kind="limit", limit_ticks=79_900, size=3)
            await asyncio.sleep(1)
            world.venue.fill(world.venue.by_tag(TAG)[0].id, 1, 79_900)
            await asyncio.sleep(1)
            world.submit(commands.CancelOrder(order_id=order.id, market=0))
            await asyncio.sleep(1)
            (cancelled,) = world.of(OrderCancelled)
            assert cancelled.order_id == order.id
            assert "1 of 3" in cancelled.reason
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_an_entry_under_way_is_cancelled_after_its_answer():
    async def story():
        async with running() as world:
            world.venue.latency_s = 0.5
            world.venue.hub_delays_s = (2.0, 2.0)
            order = world.enter(1, kind="limit", limit_ticks=79_900)
            world.submit(commands.CancelOrder(order_id=order.id, market=0))
            await world.until(lambda: world.of(OrderCancelled))
            assert world.venue.by_tag(TAG)[0].status == CANCELLED
    run_virtual(story())


def test_an_entry_that_hangs_is_cancelled_as_soon_as_the_hub_shows_it():
    async def story():
        async with running() as world:
            world.venue.fail("place", "lost")
            order = world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(0.5)
            world.submit(commands.CancelOrder(order_id=order.id, market=0))
            await world.until(lambda: world.of(OrderCancelled), limit_s=1.0)
    run_virtual(story())


@pytest.mark.parametrize(("fault", "known"), [("refuse", True), ("never", True), ("drop", False), ("error", False)])
def test_a_cancel_that_did_nothing_is_told_with_what_is_known(fault, known):
    async def story():
        async with running() as world:
            order = world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.venue.fail("cancel", fault)
            world.submit(commands.CancelOrder(order_id=order.id, market=0))
            await world.until(lambda: world.of(CommandFailed))
            (failed,) = world.of(CommandFailed)
            assert (failed.command, failed.order_id, failed.known) == ("CancelOrder", order.id, known)
            assert world.venue.calls["cancel"] == 1
    run_virtual(story())


def test_a_cancel_whose_answer_is_lost_is_seen_to_have_worked():
    async def story():
        async with running() as world:
            order = world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.venue.fail("cancel", "lost")
            world.submit(commands.CancelOrder(order_id=order.id, market=0))
            await asyncio.sleep(15)
            assert world.of(OrderCancelled)
            assert not world.of(CommandFailed)
    run_virtual(story())


def test_cancelling_what_is_done_tells_its_end_again_and_fails_nothing():
    async def story():
        async with running() as world:
            order = world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            for _ in range(2):
                world.submit(commands.CancelOrder(order_id=order.id, market=0))
                await asyncio.sleep(1)
            assert len(world.of(OrderCancelled)) == 2
            assert not world.of(CommandFailed)
            assert world.venue.calls["cancel"] == 1
    run_virtual(story())


def test_cancelling_an_order_that_nobody_knows_is_a_failure_without_effect():
    async def story():
        async with running() as world:
            world.submit(commands.CancelOrder(order_id="O261120-9", market=0))
            await asyncio.sleep(1)
            (failed,) = world.of(CommandFailed)
            assert failed.known
            assert "no order with its tag" in failed.reason
    run_virtual(story())


def test_h12_a_foreign_order_is_shown_and_never_touched():
    async def story():
        venue = FakeVenue()
        foreign = venue_order = None
        async with running(venue) as world:
            foreign = venue.new_order(contract_id="CON.F.US.MNQ.Z26", status=OrderStatus.OPEN, type=1, side=0, size=1,
                                      limit_price=79_000, custom_tag="manual")
            world.submit(commands.CancelVenueOrder(venue_id=str(foreign.id), market=0, reason="test"))
            world.submit(commands.ClosePosition(market=0, reason="test"))
            world.submit(commands.TakePicture(reason="test"))
            await asyncio.sleep(5)
            (failed,) = [each for each in world.of(CommandFailed) if each.command == "CancelVenueOrder"]
            assert failed.known
            assert "not ours" in failed.reason
            assert foreign.id not in venue.touched
            venue_order = world.of(VenueSeen)[-1].picture.orders[0]
        assert (venue_order.venue_id, venue_order.is_ours) == (str(foreign.id), False)
    run_virtual(story())


def test_an_orphan_of_ours_is_cancelled_by_the_venues_id():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            orphan = venue.new_order(contract_id="CON.F.US.MNQ.Z26", status=OrderStatus.OPEN, type=4, side=1, size=1,
                                     stop_price=19_000, custom_tag="fab7-O261119-4-SL")
            world.submit(commands.CancelVenueOrder(venue_id=str(orphan.id), market=0, reason="test"))
            await asyncio.sleep(2)
            assert venue.orders[orphan.id].status == CANCELLED
            assert not world.of(CommandFailed)
            world.submit(commands.CancelVenueOrder(venue_id=str(orphan.id), market=0, reason="test"))
            world.submit(commands.CancelVenueOrder(venue_id="nonsense", market=0, reason="test"))
            await asyncio.sleep(2)
            assert len(world.of(CommandFailed)) == 1
            assert venue.calls["cancel"] == 1
    run_virtual(story())


def test_a_look_that_fails_is_told_as_a_failure_never_as_nothing_there():
    async def story():
        async with running() as world:
            world.venue.fail("search", "error")
            world.submit(commands.LookUpOrder(order_id="O261120-1", market=0))
            await world.until(lambda: world.of(CommandFailed))
            assert not world.of(OrderLookedUp)
            assert not world.of(CommandFailed)[0].known
    run_virtual(story())


def test_f18_a_list_that_is_empty_once_does_not_hide_what_the_hub_told():
    async def story():
        async with running() as world:
            world.enter(1)
            await asyncio.sleep(1)
            world.venue.fail("query", "empty")
            world.venue.fail("search", "empty")
            world.submit(commands.LookUpOrder(order_id="O261120-1", market=0))
            await world.until(lambda: world.of(OrderLookedUp))
            assert len(world.of(OrderLookedUp)[0].orders) == 3
    run_virtual(story())


def test_too_many_entries_are_turned_away_and_exits_never(monkeypatch):
    async def story():
        async with running() as world:
            world.venue.latency_s = 2.0
            world.venue.hub_delays_s = (5.0, 5.0)
            for number in range(1, 50):
                world.enter(number, kind="limit", limit_ticks=79_900)
            assert not world.of(OrderRejected)  # told later, not from inside the call
            world.submit(commands.ClosePosition(market=0, reason="test"))
            await asyncio.sleep(30)
            reasons = [each.reason for each in world.of(OrderRejected)]
            assert reasons.count("not sent: 32 commands wait for the venue already") == 13
            assert reasons.count("not sent: its market is being closed") == 32
            assert len(world.venue.asked) == 4
            assert not [each for each in world.venue.orders.values() if each.status == OrderStatus.OPEN]
    run_virtual(story())
