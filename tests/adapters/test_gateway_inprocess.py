"""Our own client at the gateway in one process, in virtual time: no socket, no wait."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from gateway_worlds import ACCOUNT, LAST, NQ_ID, SECOND, START_NS, gateway, prints
from hub_side import QuoteMerging
from pydantic import SecretStr

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script, chaos
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.gateway.pace import Pace
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import OrderStatus
from fabio.adapters.topstepx.errors import CredentialsRefused, PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.events import EventReader, Prints, UserEvent
from fabio.adapters.topstepx.records import Bracket, Order, PlaceOrder
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.lookup import TagFound, TagNotFound, find_order_by_tag
from fabio.adapters.topstepx.rest.outcomes import Accepted, Refused, Unknown
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock
from fabio.adapters.topstepx.signalr.hub import Hub, HubSettings, Outside
from fabio.adapters.topstepx.signalr.inbox import Inbox
from fabio.adapters.topstepx.signalr.notices import Connected, Lost, Notice
from fabio.adapters.topstepx.signalr.session import Subscription
from fabio.adapters.topstepx.signalr.timing import loop_clock
from fabio.research.reliability.virtual_time import run_virtual

ENTRY = PlaceOrder(account_id=ACCOUNT, contract_id=NQ_ID, type=2, side=0, size=1, custom_tag="E1",
                   stop_loss_bracket=Bracket(ticks=-40, type=4), take_profit_bracket=Bracket(ticks=80, type=1))


@dataclass
class World:
    gateway: Gateway
    front: Front
    rest: Rest

    @asynccontextmanager
    async def hub(self, name: str, *subscriptions: Subscription) -> AsyncIterator[tuple[list[Any], list[Notice]]]:
        """Run our hub; gives what it heard, decoded, and what it noticed."""
        heard: list[Any] = []
        notices: list[Notice] = []
        inbox, reader = Inbox(10_000, QuoteMerging(), lambda _: None), EventReader()

        async def token(dead: str | None) -> str:
            return (await self.rest.tokens.bearer()).get_secret_value()

        async def listen() -> None:
            while True:
                for arrival in await inbox.take():
                    heard.extend(reader.read(arrival.invocation))

        clock = loop_clock(lambda: self.front.time.now_ns())
        hub = Hub(HubSettings(name=name, url=f"wss://gateway.invalid/hubs/{name}"), subscriptions,
                  Outside(token, Dial(self.front), clock, lambda: 0.0), inbox, notices.append)
        tasks = [asyncio.create_task(hub.run()), asyncio.create_task(listen())]
        try:
            yield heard, notices
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(ended, asyncio.CancelledError), ended


def story(*faults: FaultSpec, switches: Switches | None = None) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Run a test in virtual time, with these faults."""
    def run(test: Callable[[World], Awaitable[None]]) -> None:
        async def whole() -> None:
            made = gateway(switches)
            pace = Pace(made, 1.0)
            front = Front(made, Faults(made, Script(faults=faults)), pace)
            now_s = asyncio.get_running_loop().time
            rest = open_rest("https://gateway.invalid", Credentials("demo", SecretStr("0123456789")),
                             Clock(now_s, now_s), lambda: 0.0, carrier=Transport(front))
            driving = asyncio.create_task(pace.run())
            try:
                await test(World(made, front, rest))
            finally:
                assert not driving.done(), driving.exception()
                driving.cancel()
                await rest.aclose()

        run_virtual(whole())

    return run


def test_our_rest_client_reads_places_and_finds() -> None:
    async def test(world: World) -> None:
        rest = world.rest
        [account] = await rest.accounts()
        assert account.name.startswith("PRAC-V2-")
        outcome = await rest.place(ENTRY)
        assert isinstance(outcome, Accepted)
        await asyncio.sleep(0.1)
        found = await find_order_by_tag(rest, ACCOUNT, "E1", world.gateway.now_ns)
        assert isinstance(found, TagFound)
        assert found.order.status == OrderStatus.FILLED
        [position] = await rest.open_positions(ACCOUNT)
        assert position.average_price == Decimal("25000.25")
        assert [each.id for each in await rest.open_orders(ACCOUNT)] == [found.order.id + 1, found.order.id + 2]
        refusal = await rest.place(ENTRY)
        assert isinstance(refusal, Refused)
        assert refusal.order_id is not None
        pong = await rest.ping()
        assert int(pong.headers["x-gateway-time-ns"]) == world.gateway.now_ns
        assert pong.headers["x-gateway-rate"] == "1"

    story()(test)


def test_a_fill_is_heard_eight_milliseconds_after_the_order_left() -> None:
    async def test(world: World) -> None:
        async with world.hub("user", Subscription("SubscribeOrders", (ACCOUNT,))) as (heard, notices):
            await asyncio.sleep(1)
            assert any(isinstance(notice, Connected) for notice in notices)
            await world.rest.place(ENTRY)
            sent_s = asyncio.get_running_loop().time()
            while not any(_is_filled(event) for event in heard):
                await asyncio.sleep(0.001)
            assert 0.008 <= asyncio.get_running_loop().time() - sent_s < 0.010
            await asyncio.sleep(0.1)
            assert [event.record.status for event in heard] == [6, 8, 8, 2, 1, 1]

    story()(test)


def test_prints_are_heard_as_they_come() -> None:
    async def test(world: World) -> None:
        async with world.hub("market", Subscription("SubscribeContractTrades", (NQ_ID,))) as (heard, _):
            await asyncio.sleep(0.5)
            world.gateway.supply(prints(*range(LAST, LAST + 10), start_ns=START_NS + SECOND))
            await asyncio.sleep(2)
            told = [each for event in heard if isinstance(event, Prints) for each in event.prints]
            assert [each.price for each in told] == [Decimal(LAST + step) / 4 for step in range(10)]

    story()(test)


def test_a_lost_reply_leaves_an_order_that_its_tag_finds() -> None:
    async def test(world: World) -> None:
        assert isinstance(await world.rest.place(ENTRY), Unknown)
        found = await find_order_by_tag(world.rest, ACCOUNT, "E1", world.gateway.now_ns)
        assert isinstance(found, TagFound)

    story(FaultSpec(name="drop_reply", surface="place"))(test)


def test_a_lost_request_leaves_nothing() -> None:
    async def test(world: World) -> None:
        assert isinstance(await world.rest.place(ENTRY), Unknown)
        found = await find_order_by_tag(world.rest, ACCOUNT, "E1", world.gateway.now_ns)
        assert isinstance(found, TagNotFound)
        assert await world.rest.open_positions(ACCOUNT) == ()

    story(FaultSpec(name="drop_request", surface="place"))(test)


def test_a_dropped_connection_is_made_anew_and_hears_again() -> None:
    async def test(world: World) -> None:
        async with world.hub("user", Subscription("SubscribeOrders", (ACCOUNT,))) as (heard, notices):
            await asyncio.sleep(60)
            assert sum(isinstance(notice, Lost) for notice in notices) == 1
            assert sum(isinstance(notice, Connected) for notice in notices) == 2
            await world.rest.place(ENTRY)
            await asyncio.sleep(1)
            assert any(_is_filled(event) for event in heard)

    story(FaultSpec(name="drop", surface="user", most=1, from_s=15, until_s=40))(test)


def test_an_hour_of_pings_in_virtual_time_keeps_a_connection_alive() -> None:
    async def test(world: World) -> None:
        async with world.hub("market", Subscription("SubscribeContractTrades", (NQ_ID,))) as (_, notices):
            await asyncio.sleep(3_600)
            assert [type(notice) for notice in notices] == [Connected]

    story()(test)


def test_under_forty_mixes_of_three_faults_the_gateway_goes_on_and_its_books_agree() -> None:
    for seed in range(40):
        _live_through(chaos(seed, length_s=60))


def _live_through(script: Script) -> None:
    async def test(world: World) -> None:
        world.gateway.supply(prints(*(LAST + step % 7 for step in range(600)), start_ns=START_NS + SECOND))
        subscriptions = [Subscription("SubscribeOrders", (ACCOUNT,)), Subscription("SubscribeTrades", (ACCOUNT,))]
        prints_of = Subscription("SubscribeContractTrades", (NQ_ID,))
        async with world.hub("user", *subscriptions), world.hub("market", prints_of):
            for number in range(12):
                order = msgspec.structs.replace(ENTRY, custom_tag=f"E{number}")
                with contextlib.suppress(TemporaryError, WireError, PermanentError, CredentialsRefused):
                    await world.rest.place(order)
                    await world.rest.close_contract(ACCOUNT, NQ_ID)
                await asyncio.sleep(5)
        account = world.gateway.accounts[ACCOUNT]
        assert account.held_steps(NQ_ID) == sum(
            turn.size * (1 if turn.side == 0 else -1) for _, turn in account.half_turns)

    story(*script.faults)(test)


def _is_filled(event: Any) -> bool:
    return (isinstance(event, UserEvent) and isinstance(event.record, Order)
            and event.record.status == OrderStatus.FILLED)
