"""A live agent whose machine sleeps, or whose clock is set: its time is the world's again at once, and never falls."""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.gateway.plan import Switches
from fabio.engine.venue.arming import entry_refusal
from fabio.model.command import ClosePosition
from fabio.model.event import FeedLost, VenueLost
from fabio.model.tick import Ticks
from fabio.research.reliability.lab import LIVE_SETTINGS, Keep, World, arm, trading_often
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reopen import Ready
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

S = 1_000_000_000
ACCOUNT = 18_204_311
SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
Story = Callable[[World, Ready], Awaitable[None]]


@pytest.fixture(scope="module")
def market() -> tuple[Demo, Ticks]:
    demo = Demo(SETTINGS, instrument_of(SETTINGS, "MNQ"), 82)
    day = demo.day(0)
    ticks = day.ticks.slice(day.watched_from + 14_000, day.watched_from + 22_000)
    return demo, ticks.slice(0, int(ticks.ts_recv_ns.searchsorted(ticks.ts_recv_ns[0] + 25 * S)))  # then it is still


class Dated(httpx.AsyncBaseTransport):
    """The gateway in the same process, with the date that a server puts on its answers."""

    def __init__(self, world: World) -> None:
        self._world, self._inner = world, Transport(world.front)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        response.headers["Date"] = formatdate(self._world.now_ns() // S, usegmt=True)
        return response


class Over(Exception):
    """The story is told."""


def lived(market: tuple[Demo, Ticks], folder: Path, story: Story) -> Keep:
    """Let an agent that trades often live until the story is told."""
    kept = Keep()

    async def told() -> None:
        world = World(market[1], market[0], switches=Switches(), often=True)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(folder, doors=world.doors_through(Dated(world), Dial(world.front)))
        ready.driver.sinks = (*ready.driver.sinks, kept)

        async def then(ready: Ready) -> None:
            await story(world, ready)
            raise Over

        try:
            await world.live(ready, world.start_ns + 86_400 * S, then)
        except Over:
            pass
        finally:
            driving.cancel()
            ready.close()

    run_virtual(told())
    return kept


async def until_held(ready: Ready) -> None:
    await arm(ready)
    while (position := ready.driver.engine.state.markets[0].position) is None or position.stop_ticks is None:
        await asyncio.sleep(0.2)


def held_steps(world: World) -> int:
    return world.gateway.accounts[ACCOUNT].held_steps(world.gateway.listings.streamed()[0].id)


def test_a_machine_that_sleeps_past_the_end_of_trading_closes_what_is_held_when_it_wakes(
    market: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    slept_s: list[float] = []

    async def story(world: World, ready: Ready) -> None:
        await until_held(ready)
        state = ready.driver.engine.state
        assert held_steps(world)
        assert state.venue.phase == "armed"
        slept_s.append((state.venue.until_ns - world.now_ns()) / S + 1.0)
        world.sleep(slept_s[0])
        await asyncio.sleep(30.0)
        assert abs(world.now_ns() - ready.agent.life.now_ns) < 2 * S
        assert state.venue.phase == "observing"
        assert held_steps(world) == 0

    folder = tmp_path / "logs"
    kept = lived(market, folder, story)
    assert slept_s[0] > 3600
    assert any(isinstance(command, ClosePosition) for step in kept.steps for command in step.commands)
    told = [step.event for step in kept.steps]
    assert any(isinstance(each, FeedLost) and "slept" in each.reason for each in told)
    assert any(isinstance(each, VenueLost) and "slept" in each.reason for each in told)
    recorded = Recorded(trading_often(SETTINGS), folder)
    again = Again(empty_machine(recorded), recorded)
    assert again.run() is None
    assert again.steps > 15


def test_a_clock_that_is_set_back_moves_no_time_and_keeps_nobody_from_trading(
    market: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    async def story(world: World, ready: Ready) -> None:
        await until_held(ready)
        before_ns = ready.agent.life.now_ns
        world.set_clock(-3600.0)
        await asyncio.sleep(30.0)
        assert 30 * S <= ready.agent.life.now_ns - before_ns < 32 * S
        assert abs(ready.driver.engine.state.venue.skew_ns) < 2 * S
        assert ready.driver.engine.state.venue.phase == "armed"

    lived(market, tmp_path / "logs", story)


def test_a_clock_that_is_set_forward_wrongly_blocks_entries_by_the_venues_own_clock(
    market: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    async def story(world: World, ready: Ready) -> None:
        await until_held(ready)
        world.set_clock(600.0)
        await asyncio.sleep(30.0)
        state = ready.driver.engine.state
        assert state.venue.skew_ns == pytest.approx(-600 * S, abs=2 * S)
        assert "the venue's clock differs by -" in entry_refusal(state, 0)
        assert state.venue.phase == "armed"
        before_ns = ready.agent.life.now_ns
        world.set_clock(-600.0)  # and right again: what was lived through is not lived through again
        await asyncio.sleep(1.0)
        assert ready.agent.life.now_ns > before_ns

    lived(market, tmp_path / "logs", story)
