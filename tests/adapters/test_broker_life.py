"""The venue up and lost: generations, a machine that slept, REST away, thrown out."""

import asyncio

import pytest
from broker_venue import FakeVenue
from broker_world import entry, running
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.topstepx.broker.life import LifeTimes
from fabio.adapters.topstepx.broker.user_hub import NothingMerged, user_subscriptions
from fabio.adapters.topstepx.errors import CredentialsRefused, TemporaryError
from fabio.adapters.topstepx.signalr.inbox import Arrival, Inbox
from fabio.adapters.topstepx.signalr.notices import AttemptFailed, Reason, RecordRefused
from fabio.adapters.topstepx.signalr.protocol import BadKind, BadRecord, invocation
from fabio.model import command as commands
from fabio.model.event import AccountSeen, OrderFilled, OrderRejected, VenueLost, VenueRestored, VenueSeen
from fabio.research.reliability.virtual_time import run_virtual


def life(world):
    return [(type(each).__name__, getattr(each, "generation", None)) for each in world.told
            if isinstance(each, VenueLost | VenueRestored)]


def test_the_first_word_after_a_start_is_that_the_venue_is_lost_then_it_is_restored_and_seen():
    async def story():
        async with running() as world:
            assert [type(each) for each in world.told] == [VenueLost, VenueRestored, VenueSeen]
            assert world.told[1].generation == world.told[2].picture.generation == 1
            assert world.broker.is_up
    run_virtual(story())


def test_h23_each_connection_is_a_generation_and_brings_a_picture():
    async def story():
        async with running() as world:
            for _ in range(3):
                world.lose()
                assert not world.broker.is_up
                await asyncio.sleep(2)
                world.connect()
                await asyncio.sleep(2)
            assert life(world) == [("VenueLost", None), ("VenueRestored", 1)] + [
                each for number in (2, 3, 4) for each in (("VenueLost", None), ("VenueRestored", number))]
            assert [each.generation for each in world.pictures()] == [1, 2, 3, 4]
    run_virtual(story())


def test_attempts_that_fail_are_counted_and_say_nothing_new():
    async def story():
        async with running() as world:
            world.lose()
            for number in range(20):
                world.broker.notice(AttemptFailed("user", number, Reason.UNREACHABLE, "no route", 1.0))
            assert len(world.of(VenueLost)) == 2
            assert world.broker.counts["hub attempts that failed"] == 20
    run_virtual(story())


def test_a_record_that_cannot_be_read_asks_for_a_picture():
    async def story():
        async with running() as world:
            world.broker.notice(RecordRefused("user", 1, BadRecord(BadKind.NOT_JSON, b"{", 1)))
            await asyncio.sleep(1)
            assert len(world.pictures()) == 2
    run_virtual(story())


def test_h23_the_venue_is_not_up_before_rest_answers_too():
    async def story():
        venue = FakeVenue()
        venue.fail("accounts", "error", "error")
        async with running(venue, up=False) as world:
            world.connect()
            await asyncio.sleep(5)
            assert not world.broker.is_up
            await world.until(lambda: world.broker.is_up)
            await asyncio.sleep(1)
            assert life(world) == [("VenueLost", None), ("VenueRestored", 1)]
    run_virtual(story())


def test_a_hub_that_went_while_rest_was_asked_is_not_taken_for_up():
    async def story():
        async with running(up=False) as world:
            world.venue.latency_s = 1.0
            world.connect()
            await asyncio.sleep(0.5)
            world.lose()
            await asyncio.sleep(0.2)
            world.connect()
            await asyncio.sleep(0.5)
            assert not world.broker.is_up  # what REST said began before the second connection
            await asyncio.sleep(3)
            assert life(world) == [("VenueLost", None), ("VenueRestored", 1)]
    run_virtual(story())


def test_a_rest_that_fails_in_part_for_long_is_not_tried_in_a_tight_loop():
    async def story():
        async with running() as world:
            world.venue.fail("positions", *["error"] * 1000)
            await asyncio.sleep(600)
            assert world.broker.generation <= 75
            world.venue.faults.clear()
            await asyncio.sleep(15)
            assert world.broker.is_up
            assert world.pictures()[-1].generation == world.broker.generation
    run_virtual(story())


@pytest.mark.parametrize("offset_s", [3600.0, -3600.0, 90.0, -90.0, 8 * 3600.0])
def test_h27_a_clock_that_steps_or_a_machine_that_slept_begins_a_new_generation(offset_s):
    async def story():
        async with running() as world:
            await asyncio.sleep(30)
            assert world.broker.generation == 1
            world.wall_offset_s = offset_s
            await asyncio.sleep(1.1)
            assert not world.broker.is_up
            world.submit(commands.SubmitOrder(order=entry(1), generation=1))
            await asyncio.sleep(10)
            assert world.of(OrderRejected)
            assert not world.venue.asked
            assert world.broker.generation == 2
            assert len(world.reconnects) == 1
            assert "slept" in world.of(VenueLost)[-1].reason
    run_virtual(story())


def test_h27_a_process_that_stood_still_begins_a_new_generation():
    async def story():
        async with running(times=LifeTimes(slept_s=5.0)) as world:
            loop = asyncio.get_running_loop()
            loop._jumping.now_s += 60.0  # nothing ran for a minute
            await asyncio.sleep(10)
            assert world.broker.generation == 2
            assert "slept" in world.of(VenueLost)[-1].reason
    run_virtual(story())


def test_h12_thrown_out_it_waits_logs_in_anew_and_pages():
    async def story():
        async with running() as world:
            assert (await world.broker.hub_token(None)) == "token-0"
            world.venue._arrive("GatewayLogout", {"reason": "another session"})
            world.venue._arrive("GatewayLogout", {"reason": "another session"})
            await asyncio.sleep(1)
            assert world.reconnects[0][1] is True
            assert len(world.of(VenueLost)) == 2
            assert any("another session" in note for note in world.notes)
            assert (await world.broker.hub_token(None)) == "token-1"
            assert (await world.broker.hub_token(None)) == "token-1"
            await asyncio.sleep(60)
            assert world.broker.generation == 2
    run_virtual(story())


def test_a_logout_of_an_old_connection_ends_no_new_one():
    async def story():
        async with running() as world:
            world.lose()
            world.connect()  # number 2; the fake venue still says 1 for what arrives
            await asyncio.sleep(2)
            world.venue._arrive("GatewayLogout", "late")
            await asyncio.sleep(2)
            assert world.broker.is_up
            assert not world.reconnects
    run_virtual(story())


def test_a_dead_token_is_renewed_for_the_hub():
    async def story():
        async with running() as world:
            assert (await world.broker.hub_token("token-0")) == "token-1"
    run_virtual(story())


def test_refused_credentials_do_not_end_a_running_agent():
    async def refuse(urgency=None):
        raise CredentialsRefused("the API key is wrong")

    async def story():
        venue = FakeVenue()
        venue.tokens.bearer = refuse
        async with running(venue, up=False) as world:
            with pytest.raises(TemporaryError) as caught:
                await world.broker.hub_token(None)
            assert caught.value.delay_s == 60
            assert any("the API key is wrong" in note for note in world.notes)
    run_virtual(story())


def test_the_accounts_word_is_told_when_it_changes():
    async def story():
        async with running() as world:
            for balance, can_trade, account in ((1, True, 7), (1, True, 7), (1, False, 7), (5, True, 8)):
                world.venue._arrive("GatewayUserAccount", {
                    "action": 1, "data": {"id": account, "balance": balance, "canTrade": can_trade}})
            await asyncio.sleep(1)
            assert [(each.balance, each.can_trade) for each in world.of(AccountSeen)] == [(1, True), (1, False)]
    run_virtual(story())


def test_every_event_of_the_user_hub_is_kept_raw_the_unreadable_too():
    async def story():
        async with running() as world:
            world.venue._arrive("GatewayUserTrade", {"id": "x"})
            world.venue._arrive("GatewaySomething", [1])
            await asyncio.sleep(1)
            assert [each.invocation.target for each in world.raw] == ["GatewayUserTrade", "GatewaySomething"]
    run_virtual(story())


def test_a_hub_that_is_behind_is_told_and_loses_nothing():
    async def story():
        async with running() as world:
            inbox = Inbox(2, NothingMerged(), world.broker.hub_lagged)
            event = Arrival("user", 1, 1, invocation("GatewayUserOrder", {}))
            assert [inbox.offer(event) for _ in range(3)] == [True, True, False]
            assert world.notes == ["2 events of the user hub wait"]
            assert len(inbox.take_waiting()) == 2
            assert [each.method for each in user_subscriptions(7)] == [
                "SubscribeAccounts", "SubscribeOrders", "SubscribePositions", "SubscribeTrades"]
            with pytest.raises(ValueError, match="merged"):
                NothingMerged().merged(event.invocation, event.invocation)
    run_virtual(story())


@given(st.integers(0, 10**6), st.integers(1, 300), st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(max_examples=100)
def test_h23_what_happened_in_a_gap_is_known_within_seconds_of_the_end_of_it(seed, gap_s, moments):
    async def story():
        venue = FakeVenue(seed)
        async with running(venue) as world:
            for number in (1, 2, 3):
                world.enter(number, kind="limit", limit_ticks=79_900, size=3)
            await asyncio.sleep(1)
            ids = [venue.by_tag(f"fab7-O261120-{number}")[0].id for number in (1, 2, 3)]
            world.lose()
            for moment in sorted(moments):
                venue.later(moment * gap_s, _something, venue, ids)
            await asyncio.sleep(gap_s)
            world.connect()
            await asyncio.sleep(10)
            picture = world.pictures()[-1]
            assert picture.generation == world.broker.generation == 2
            assert sum(each.size_steps for each in picture.positions) == venue.position
            seen = {fill.id: fill for fill in picture.fills} | {
                each.fill.id: each.fill for each in world.of(OrderFilled)}
            assert set(seen) == {str(each.id) for each in venue.trades}
            assert sum(each.side * each.size_steps for each in seen.values()) == venue.position
            status = {each.venue_id: each.status for each in picture.orders}
            for each in ids:
                assert status[str(each)] == {1: "working", 2: "filled", 3: "cancelled"}[venue.orders[each].status]
            world.submit(commands.SubmitOrder(order=entry(9), generation=1))
            await asyncio.sleep(1)
            assert "fab7-O261120-9" not in venue.asked
    run_virtual(story())


def _something(venue, ids):
    order = venue.random.choice(ids)
    if venue.orders[order].status == 1:
        if venue.random.random() < 0.3:
            venue.cancel_now(order)
        else:
            venue.fill(order, venue.random.randint(1, 3), 79_900)
