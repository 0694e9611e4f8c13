"""The whole agent at a gateway with three faults at once: what must hold, holds by the gateway's own books.

`pytest -m slow tests/runtime/test_agent_chaos.py` runs many seeds; a failing one is repeated by its number.
"""

import asyncio
from pathlib import Path

import pytest
from live_books import entries_by_tag, unprotected_s, working_after
from live_lab import LIVE_SETTINGS, Keep, World, arm
from virtual_time import run_virtual

from fabio.adapters.gateway.faults.script import chaos
from fabio.adapters.gateway.plan import Switches
from fabio.model import fact as facts
from fabio.model.tick import Ticks
from fabio.runtime.demo import Demo
from fabio.runtime.reopen import Ready
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

NS = 1_000_000_000
ACCOUNT = 18_204_311
SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
MNQ = instrument_of(SETTINGS, "MNQ")
FAULTS_S = 720.0
HEAL_S = 60.0
"""Time after the last fault until everything has to be equal; the bar is 15 s after the venue answers again."""


@pytest.fixture(scope="module")
def market() -> tuple[Demo, Ticks]:
    demo = Demo(SETTINGS, MNQ, 82)
    day = demo.day(0)
    return demo, day.ticks.slice(day.watched_from + 14_000, day.watched_from + 30_000)


def live_through(market: tuple[Demo, Ticks], seed: int, folder: Path) -> tuple[World, Ready, Keep]:
    demo, ticks = market
    kept = Keep()
    script = chaos(seed, FAULTS_S)

    async def story() -> tuple[World, Ready]:
        world = World(ticks, demo, switches=Switches(), script=script, often=True)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(folder)
        ready.driver.sinks = (*ready.driver.sinks, kept)
        await world.live(ready, world.start_ns + int((FAULTS_S + HEAL_S) * NS), arm)
        ready.close()
        driving.cancel()
        return world, ready

    return *run_virtual(story()), kept


def check(world: World, ready: Ready, kept: Keep) -> None:
    gateway = world.gateway
    assert [tag for tag, count in entries_by_tag(gateway, ACCOUNT).items() if count > 1] == []
    contract = gateway.listings.streamed()[0].id
    there = gateway.accounts[ACCOUNT].held_steps(contract)
    state = ready.driver.engine.state
    position = state.markets[0].position
    ours = 0 if position is None else position.size_steps
    foreign = state.venue.foreign_steps.get(0, 0)
    assert ours + foreign == there
    if there == 0:
        assert working_after(gateway, ACCOUNT) == []
    booked = [fact.fill.id for fact in kept.facts(facts.FillBooked)]
    assert len(booked) == len(set(booked))


@pytest.mark.parametrize("seed", range(10))
def test_chaos(market: tuple[Demo, Ticks], seed: int, tmp_path: Path) -> None:
    check(*live_through(market, seed, tmp_path / "logs"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 300))
def test_more_chaos(market: tuple[Demo, Ticks], seed: int, tmp_path: Path) -> None:
    check(*live_through(market, seed, tmp_path / "logs"))


def test_without_faults_nothing_is_unprotected_longer_than_the_venue_takes(
    market: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    demo, ticks = market
    kept = Keep()

    async def story() -> World:
        world = World(ticks, demo, switches=Switches(), often=True)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(tmp_path / "logs")
        ready.driver.sinks = (*ready.driver.sinks, kept)
        await world.live(ready, int(ticks.ts_recv_ns[-1]), arm)
        ready.close()
        driving.cancel()
        return world

    world = run_virtual(story())
    bare = unprotected_s(world.gateway, ACCOUNT)
    assert kept.facts(facts.TradeClosed)
    assert all(seconds < 0.1 for seconds in bare), bare
