"""The contract a live folder trades: what is held by its record, else the one that fits; never an earlier one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.errors import ContractUnfit
from fabio.journal.reader import last_remark, read_remarks
from fabio.model.event import OperatorAsked
from fabio.model.tick import Ticks
from fabio.research.reliability.lab import LIVE_SETTINGS, World, arm
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.live_start import CONTRACT, recorded_contract
from fabio.runtime.reopen import Ready
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

S = 1_000_000_000
ACCOUNT = 18_204_311
SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
NOW, NEXT = "CON.F.US.MNQ.M26", "CON.F.US.MNQ.U26"


@pytest.fixture(scope="module")
def market() -> tuple[Demo, Ticks]:
    demo = Demo(SETTINGS, instrument_of(SETTINGS, "MNQ"), 82)
    day = demo.day(0)
    ticks = day.ticks.slice(day.watched_from + 14_000, day.watched_from + 30_000)
    return demo, ticks.slice(0, int(ticks.ts_recv_ns.searchsorted(ticks.ts_recv_ns[0] + 25 * S)))  # then it is still


class Over(Exception):
    """The story is told."""


async def live(world: World, ready: Ready, story: Callable[[Ready], Awaitable[None]]) -> None:
    async def told(ready: Ready) -> None:
        await story(ready)
        raise Over

    try:
        await world.live(ready, world.clock.now_ns() + 600 * S, told)
    except Over:
        pass
    finally:
        ready.close()


def let_be_active(world: World, *ids: str) -> None:
    """Let these contracts of the instrument be the active ones."""
    listings = world.gateway.listings
    for each in list(listings._all.values()):
        if each.instrument.symbol == "MNQ":
            contract = msgspec.structs.replace(each.contract, active_contract=each.id in ids)
            listings._all[each.id] = msgspec.structs.replace(each, contract=contract)


def no_longer_searched(world: World, gone: str) -> None:
    """Let the venue's search list a contract no more, though it knows it by its id."""
    listings = world.gateway.listings
    search = listings.search
    listings.search = lambda *asked: [each for each in search(*asked) if each.id != gone]  # type: ignore[method-assign]


def held_steps(world: World) -> int:
    return world.gateway.accounts[ACCOUNT].held_steps(NOW)


def trades(ready: Ready) -> object:
    return ready.agent._identity["contract"]


async def until_held(ready: Ready) -> None:
    await arm(ready)
    while (position := ready.driver.engine.state.markets[0].position) is None or position.stop_ticks is None:
        await asyncio.sleep(0.2)


async def flatten(ready: Ready) -> None:
    while not ready.driver.engine.state.venue.connected:
        await asyncio.sleep(0.1)
    ready.driver.happen(OperatorAsked(ts_ns=ready.agent.life.now_ns, id="f", verb="flatten", reason="a person"))
    await asyncio.sleep(10.0)


async def nothing(ready: Ready) -> None:
    while not ready.driver.engine.state.venue.connected:
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("is_listed", [True, False])
def test_what_is_held_is_traded_on_after_a_restart_whatever_the_venue_calls_active(
    market: tuple[Demo, Ticks], tmp_path: Path, is_listed: bool,
) -> None:
    folder = tmp_path / "logs"

    async def story() -> None:
        world = World(market[1], market[0], switches=Switches(), often=True)
        driving = asyncio.create_task(world.drive())
        first = await world.begin(folder)
        assert trades(first) == NOW
        await live(world, first, until_held)
        assert held_steps(world)
        let_be_active(world, NEXT)
        if not is_listed:
            no_longer_searched(world, NOW)
        second = await world.begin(folder)
        assert trades(second) == NOW
        await live(world, second, flatten)
        assert held_steps(world) == 0
        assert second.driver.engine.state.venue.refused_markets  # and nothing is opened in it any more
        third = await world.begin(folder)  # nothing is held: the one that fits
        assert trades(third) == NEXT
        await live(world, third, nothing)
        let_be_active(world, NOW, NEXT)
        fourth = await world.begin(folder)  # and never back
        assert trades(fourth) == NEXT
        fourth.close()
        driving.cancel()

    run_virtual(story())
    assert [each.data["id"] for each in read_remarks(folder) if each.kind == CONTRACT] == [NOW, NOW, NEXT, NEXT]
    assert recorded_contract(folder) == NEXT


def test_where_no_contract_is_fit_no_folder_is_left_behind_and_a_folder_with_a_past_is_let_go_of(
    market: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    folder = tmp_path / "logs"

    async def story() -> None:
        world = World(market[1], market[0])
        let_be_active(world)
        with pytest.raises(ContractUnfit, match="not active"):
            await world.begin(folder)
        assert not folder.exists()
        let_be_active(world, NOW)
        (await world.begin(folder)).close()
        let_be_active(world)
        with pytest.raises(ContractUnfit, match="not active"):
            await world.begin(folder)
        let_be_active(world, NOW)
        (await world.begin(folder)).close()  # nobody holds it

    run_virtual(story())


def test_a_record_that_never_named_a_contract_says_none(tmp_path: Path) -> None:
    assert last_remark(tmp_path, CONTRACT) is None
    assert recorded_contract(tmp_path) is None
