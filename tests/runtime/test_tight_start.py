"""A start on a drive that is nearly full: what may be held at the venue is brought back, and nothing is entered."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from fabio.adapters.gateway.plan import Switches
from fabio.journal.room import MIB, NoRoom
from fabio.model import fact as facts
from fabio.model.tick import Ticks
from fabio.model.venue_fact import Armed, ArmingEnded, Disarmed
from fabio.research.reliability.faulty_disk import FaultyDisk
from fabio.research.reliability.lab import LIVE_SETTINGS, Keep, World, arm
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.start import prepare
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

NS = 1_000_000_000
ACCOUNT = 18_204_311
SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)


@pytest.fixture(scope="module")
def market() -> tuple[Demo, Ticks]:
    demo = Demo(SETTINGS, instrument_of(SETTINGS, "MNQ"), 82)
    day = demo.day(0)
    return demo, day.ticks.slice(day.watched_from + 14_000, day.watched_from + 30_000)


def disk_with(mebibytes: int) -> FaultyDisk:
    disk = FaultyDisk()
    disk.free = mebibytes * MIB
    return disk


async def begun(world: World, folder: Path, mebibytes: int, said: list[str]) -> Ready:
    doors = world.doors
    return await world.begin(folder, said.append, type(doors)(doors.open_rest, doors.dial, disk_with(mebibytes)))


async def beating(ready: Ready) -> None:
    """Do what the heartbeat does."""
    ready.agent.mind_drive(looks=True)
    while True:
        ready.sink.flush()
        await asyncio.sleep(0.25)
        ready.agent.mind_drive(looks=True)


def test_what_was_held_at_a_crash_is_brought_back_and_no_entry_follows(
    market: tuple[Demo, Ticks], tmp_path: Path,
) -> None:
    demo, ticks = market
    before, after, folder = Keep(), Keep(), tmp_path / "logs"
    said: list[str] = []

    async def story() -> World:
        world = World(ticks, demo, switches=Switches(), often=True)
        driving = asyncio.create_task(world.drive())
        first = await begun(world, folder, 2_000, said)
        first.driver.sinks = (*first.driver.sinks, before)
        living = asyncio.create_task(world.live(first, world.start_ns + 700 * NS, arm))
        while first.driver.engine.state.markets[0].position is None:
            assert not living.done()
            await asyncio.sleep(0.5)
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        first.close()
        assert not any("a start needs" in each for each in said)

        second = await begun(world, folder, 600, said)
        second.driver.sinks = (*second.driver.sinks, after)
        assert second.driver.engine.state.venue.leaving_because == ""
        await world.live(second, world.now_ns() + 400 * NS, beating)
        assert second.driver.engine.state.venue.phase == "observing"  # proven flat
        assert "entries need 1,024" in second.driver.engine.state.account.halted
        second.close()
        with pytest.raises(NoRoom, match="by the record nothing is held"):
            await begun(world, folder, 600, said)
        driving.cancel()
        return world

    world = run_virtual(story())
    assert any("600 MiB are free" in each and "a start needs 1,024: no entries" in each for each in said)
    assert [type(fact) for fact in before.facts(Armed)] == [Armed]
    assert [type(fact) for fact in after.facts(Armed, ArmingEnded, Disarmed)] == [ArmingEnded, Disarmed]
    assert not after.facts(facts.OrderBooked)
    contract = world.gateway.listings.streamed()[0].id
    assert world.gateway.accounts[ACCOUNT].held_steps(contract) == 0


@pytest.mark.parametrize(("make", "mode"), [(lambda logs: None, "live"), (lambda logs: _record(logs), "test")])
def test_a_new_folder_and_one_on_paper_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], mode: str,
) -> None:
    monkeypatch.setattr("fabio.journal.sync.SystemDisk.free_bytes", lambda self, folder: 600 * MIB)
    make(tmp_path / "logs")
    with pytest.raises(NoRoom, match=r"600 MiB are free.*a start needs 1,024"):
        prepare(RunPlan(logs=tmp_path / "logs", mode=mode, feed="topstepx"), SETTINGS, lambda line: None)


def _record(logs: Path) -> None:
    (logs / "journal").mkdir(parents=True)
    (logs / "journal" / "2024-10-04.jsonl").touch()
