"""Pictures: everything the venue says, whole or known not to be; and contracts that take no entries."""

import asyncio
import datetime as dt

import msgspec
import pytest
from broker_venue import CONTRACT, FOREIGN_CONTRACT, MNQ, OPEN, START_NS, FakeVenue
from broker_world import running

from fabio.adapters.topstepx.broker.rolls import why_ending
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.records import Position
from fabio.model import command as commands
from fabio.model.event import BracketWorking, CommandFailed, OrderFilled, VenueLost, VenueSeen
from fabio.model.venue import NO_MARKET
from fabio.research.reliability.virtual_time import run_virtual

ASK = commands.TakePicture(reason="test")
READS = ("accounts", "positions", "open", "query", "trades")


def test_a_picture_shows_all_there_is():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            world.enter(1, side=-1, size=2)
            world.enter(2, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            venue.new_order(contract_id=FOREIGN_CONTRACT, status=OPEN, type=1, side=0, size=3, custom_tag="x")
            venue.foreign_positions = [Position(id=9, account_id=7, contract_id=FOREIGN_CONTRACT, type=2, size=3)]
            world.submit(ASK)
            await asyncio.sleep(1)
            picture = world.pictures()[-1]
            assert picture.complete
            assert (picture.generation, picture.can_trade, picture.balance) == (1, True, venue.balance)
            assert [(each.market, each.size_steps) for each in picture.positions] == [(0, -2), (NO_MARKET, -3)]
            assert sorted((each.order_id, each.leg, each.status) for each in picture.orders if each.is_live) == [
                ("", "close", "working"), ("O261120-1", "stop", "working"), ("O261120-1", "target", "working"),
                ("O261120-2", "entry", "working"), ("O261120-2", "stop", "suspended"),
                ("O261120-2", "target", "suspended"),
            ]
            assert [each.leg for each in picture.orders if each.status == "filled"] == ["entry"]
            assert [(each.order_id, each.leg) for each in picture.fills] == [("O261120-1", "entry")]
            assert picture.clock_skew_ns == 250_000_000
            assert picture.refused_markets == {}
    run_virtual(story())


def test_after_a_restart_the_first_picture_says_all_by_tags():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            world.enter(1)
            await asyncio.sleep(1)
            stop = venue.children(venue.by_tag("fab7-O261120-1")[0].id)[0]
        await asyncio.sleep(600)
        async with running(venue) as world:
            picture = world.pictures()[0]
            assert sorted((each.order_id, each.leg) for each in picture.orders) == [
                ("O261120-1", "entry"), ("O261120-1", "stop"), ("O261120-1", "target")]
            assert [each.order_id for each in picture.fills] == ["O261120-1"]
            assert world.of(VenueLost)[0].reason == "restarted"
            assert world.told.index(world.of(VenueLost)[0]) == 0
            world.submit(commands.MoveStop(order_id="O261120-1", market=0, stop_ticks=79_995))
            await asyncio.sleep(1)
            assert venue.orders[stop.id].stop_price == 79_995 * MNQ.tick_size
            assert world.of(BracketWorking)
    run_virtual(story())


def test_h09_suspended_children_are_in_pictures_however_old_their_entry_is():
    async def story():
        venue = FakeVenue()
        async with running(venue, since_ns=lambda: venue.now_ns() + 10**15) as world:
            world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.submit(ASK)
            await asyncio.sleep(1)
            assert [(each.leg, each.status) for each in world.pictures()[-1].orders] == [
                ("entry", "working"), ("stop", "suspended"), ("target", "suspended")]
    run_virtual(story())


def test_while_rest_is_away_pictures_wait_and_leave_the_rate_to_exits():
    async def story():
        async with running() as world:
            for read in READS:
                world.venue.fail(read, *["error"] * 1000)
            world.submit(ASK)
            await world.until(lambda: len(world.of(VenueLost)) == 2)
            calls = world.venue.calls.total()
            for _ in range(60):
                world.submit(ASK)
                await asyncio.sleep(1)
            assert world.venue.calls.total() - calls <= 12
            world.venue.faults.clear()
            away_s = asyncio.get_running_loop().time()
            seen = len(world.pictures())
            await world.until(lambda: len(world.pictures()) > seen)
            assert asyncio.get_running_loop().time() - away_s < 12
    run_virtual(story())


def test_done_orders_leave_pictures_after_a_while_and_executions_stay():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            world.enter(1)
            await asyncio.sleep(1)
            world.submit(commands.ClosePosition(market=0, reason="test"))
            await asyncio.sleep(1200)
            world.submit(ASK)
            await asyncio.sleep(2)
            assert world.pictures()[-1].orders == ()
            assert len(world.pictures()[-1].fills) == 2
    run_virtual(story())


def test_what_ended_while_nobody_looked_is_in_the_next_picture():
    async def story():
        venue = FakeVenue()
        async with running(venue) as world:
            order = world.enter(1, kind="limit", limit_ticks=79_900)
            await asyncio.sleep(1)
            world.lose()
            venue.cancel_now(venue.by_tag("fab7-O261120-1")[0].id)
            await asyncio.sleep(7200)
            await world.up()
            await world.until(lambda: len(world.pictures()) > 1)
            mine = [each for each in world.pictures()[-1].orders if each.order_id == order.id and each.leg == "entry"]
            assert [each.status for each in mine] == ["cancelled"]
    run_virtual(story())


@pytest.mark.parametrize("read", READS)
def test_a_picture_with_a_read_that_failed_is_not_whole_and_the_venue_is_lost_until_it_answers(read):
    async def story():
        async with running() as world:
            world.enter(1)
            await asyncio.sleep(1)
            world.venue.fail(read, "error")
            world.submit(ASK)
            await world.until(lambda: len(world.of(VenueLost)) == 2)
            picture = world.pictures(whole=False)[-1]
            assert not picture.complete
            assert (picture.fills != ()) == (read != "trades")
            assert "HTTP 503" in world.of(VenueLost)[1].reason
            await world.until(lambda: world.broker.generation == 2 and world.pictures()[-1].generation == 2)
    run_virtual(story())


def test_a_picture_of_which_nothing_answered_is_a_failure():
    async def story():
        async with running() as world:
            for read in READS:
                world.venue.fail(read, "error", "error")
            seen = len(world.of(VenueSeen))
            world.submit(ASK)
            await world.until(lambda: world.of(CommandFailed))
            assert world.of(CommandFailed)[0].command == "TakePicture"
            assert len(world.of(VenueSeen)) == seen
    run_virtual(story())


def test_h04_what_is_asked_while_a_picture_is_under_way_gets_one_that_begins_later():
    async def story():
        async with running() as world:
            world.venue.latency_s = 0.5
            world.submit(ASK)
            await asyncio.sleep(0.1)
            asked_ns = world.venue.now_ns()
            for _ in range(3):
                world.submit(ASK)
            await asyncio.sleep(5)
            taken = [each.taken_ns for each in world.pictures()]
            assert len(taken) == 3
            assert taken[1] < asked_ns <= taken[2]
    run_virtual(story())


def test_h04_a_picture_says_when_it_began_and_shows_what_happened_before():
    async def story():
        async with running() as world:
            world.venue.latency_s = 1.0
            world.submit(ASK)
            await asyncio.sleep(0.2)
            world.venue.latency_s = 0.01
            world.enter(1)
            await asyncio.sleep(3)
            (filled,) = world.of(OrderFilled)
            assert world.pictures()[-1].taken_ns < filled.ts_ns  # so the engine takes nothing from its positions
    run_virtual(story())


def test_pictures_asked_for_without_end_are_few():
    async def story():
        async with running() as world:
            begun = world.venue.calls["positions"]
            for _ in range(600):
                world.submit(ASK)
                await asyncio.sleep(0.1)
            assert 10 <= world.venue.calls["positions"] - begun <= 18
    run_virtual(story())


def test_without_anybody_asking_a_picture_comes_every_15_s():
    async def story():
        async with running() as world:
            await asyncio.sleep(150)
            assert 10 <= len(world.pictures()) <= 12
    run_virtual(story())


def test_f22_a_locked_account_and_one_that_is_not_listed_any_more_may_not_trade():
    async def story():
        async with running() as world:
            world.venue.can_trade = False
            world.submit(ASK)
            await asyncio.sleep(1)
            assert not world.pictures()[-1].can_trade
            world.venue.fail("accounts", "empty")
            world.venue.can_trade = True
            world.submit(ASK)
            await asyncio.sleep(1)
            assert not world.pictures()[-1].can_trade
            assert world.pictures()[-1].balance == world.venue.balance
    run_virtual(story())


def test_h29_a_contract_that_is_no_longer_active_takes_no_entries():
    async def story():
        async with running() as world:
            world.venue.contract_active = False
            await asyncio.sleep(600)
            (why,) = world.pictures()[-1].refused_markets.values()
            assert "no longer the active contract" in why
    run_virtual(story())


@pytest.mark.parametrize(("day", "words"), [
    ("2026-12-13", ""), ("2026-12-14", "ends on 2026-12-18"), ("2026-12-18", "ends on 2026-12-18"),
    ("2026-12-19", "ended on 2026-12-18"), ("2027-01-01", "ended on"),
])
def test_h29_no_entry_in_the_last_days_of_a_contract(day, words):
    traded = TradedContract(market=0, contract_id=CONTRACT, instrument=MNQ)
    why = why_ending(traded, dt.date.fromisoformat(day))
    assert words in why
    assert bool(words) == bool(why)


def test_h29_a_product_whose_end_is_not_known_goes_by_the_venues_word():
    unheard_of = msgspec.structs.replace(MNQ, product_group="always_open")
    traded = TradedContract(market=0, contract_id=CONTRACT, instrument=unheard_of)
    assert why_ending(traded, dt.date(2027, 1, 1)) == ""


def test_an_execution_whose_order_cannot_be_looked_up_makes_a_picture_not_whole_at_first():
    async def story():
        venue = FakeVenue()
        async with running(venue, up=False) as world:
            order = venue.new_order(contract_id=CONTRACT, status=OPEN, type=2, side=0, size=1)
            venue.fill(order.id)
            venue.orders.clear()
            world.connect()
            await world.until(lambda: world.pictures(), 120)
            first = world.pictures(whole=False)[0]
            assert not first.complete
            assert first.fills == ()
            assert [each.order_id for each in world.pictures()[-1].fills] == [""]
            assert world.of(VenueLost)[1:] == []
    run_virtual(story())


def test_a_picture_cannot_be_older_than_its_generation():
    async def story():
        async with running() as world:
            for _ in range(3):
                world.lose()
                await asyncio.sleep(1)
                world.connect()
                await asyncio.sleep(5)
            generations = [each.generation for each in world.pictures()]
            assert generations == sorted(generations)
            assert world.pictures()[-1].generation == world.broker.generation == 4
            assert world.pictures()[0].taken_ns >= START_NS
    run_virtual(story())
