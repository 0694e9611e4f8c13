"""The drive refuses while the agent lives: entries end, what is held is closed from memory, and a restart mends it."""

import asyncio
import errno
import math
import os
from pathlib import Path

import pytest
from recovery_lab import MNQ, SETTINGS
from run_tapes import write_csv

from fabio.adapters.gateway.plan import Switches
from fabio.journal.inbox import post
from fabio.journal.pen import JournalFailed
from fabio.journal.reader import read_steps, verify
from fabio.journal.room import MIB, NoRoom
from fabio.journal.sync import SystemDisk
from fabio.model import fact as facts
from fabio.model.command import SubmitOrder
from fabio.model.tick import Ticks
from fabio.model.venue_fact import Armed, ArmingEnded, Disarmed
from fabio.research.reliability.chaos.books import entries_by_tag
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk
from fabio.research.reliability.lab import LIVE_SETTINGS, Keep, World, arm
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.reopen import RunPlan
from fabio.runtime.start import prepare
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

NS = 1_000_000_000
ACCOUNT = 18_204_311


@pytest.fixture(scope="module")
def market() -> tuple[Demo, Ticks]:
    settings = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
    demo = Demo(settings, instrument_of(settings, "MNQ"), 82)
    day = demo.day(0)
    return demo, day.ticks.slice(day.watched_from + 14_000, day.watched_from + 30_000)


@pytest.mark.parametrize(("what", "code"), [("write", errno.ENOSPC), ("sync", errno.EIO)])
def test_a_live_agent_ends_entries_and_closes_from_memory(
    what: str, code: int, market: tuple[Demo, Ticks], tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    demo, ticks = market
    kept, disk = Keep(), FaultyDisk()
    folder = tmp_path / "logs"

    async def refuse_when_held() -> None:
        while not kept.facts(facts.FillBooked):
            await asyncio.sleep(0.5)
        disk.faults = (Fault(what=what, number=disk.calls[what] + 1, code=code),)

    async def story() -> World:
        world = World(ticks, demo, switches=Switches(), often=True)
        driving = asyncio.create_task(world.drive())
        doors = world.doors
        ready = await world.begin(folder, doors=type(doors)(doors.open_rest, doors.dial, disk))
        ready.driver.sinks = (*ready.driver.sinks, kept)
        refusing = asyncio.create_task(refuse_when_held())
        await world.live(ready, world.start_ns + 700 * NS, arm)
        assert ready.sink.failed
        assert ready.driver.engine.state.venue.phase == "observing"  # proven flat
        ready.close()
        for task in (driving, refusing):
            task.cancel()
        return world

    world = run_virtual(story())
    said = capsys.readouterr().err
    assert "the record ends here" in said
    assert "ClosePosition" in said or "not recorded" in said
    assert [type(fact) for fact in kept.facts(Armed, ArmingEnded, Disarmed)] == [Armed, ArmingEnded, Disarmed]
    (ended,) = kept.facts(ArmingEnded)
    assert "the record cannot be written" in ended.reason
    assert set(disk.refused.values()) <= {0}
    contract = world.gateway.listings.streamed()[0].id
    assert world.gateway.accounts[ACCOUNT].held_steps(contract) == 0
    steps = list(read_steps(folder))
    recorded = {command.order.id for step in steps for command in step.commands if isinstance(command, SubmitOrder)}
    assert 0 < len(entries_by_tag(world.gateway, ACCOUNT)) <= len(recorded)


def _refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: SystemDisk, descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(SystemDisk, "write", full)


def test_on_paper_the_agent_ends_and_a_start_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "logs"
    tape = write_csv(tmp_path / "mnq.csv", Demo(SETTINGS, MNQ, 3).day(0, 20_000).ticks, 0, 6_000)
    plan = RunPlan(logs=logs, symbol="MNQ", speed=math.inf, feed=str(tape))
    ready = prepare(plan, SETTINGS, lambda line: None)

    async def refuse() -> None:
        while ready.driver.engine.state.tape_pos < 1_000:
            await asyncio.sleep(0)
        _refusing(monkeypatch)
        await asyncio.sleep(120)

    with pytest.raises(JournalFailed, match="No space left"):
        asyncio.run(ready.agent.run({"refuse": refuse}))
    ready.close()
    monkeypatch.undo()
    again = prepare(plan, SETTINGS, lambda line: None)
    asyncio.run(again.agent.run())
    again.close()
    assert again.agent.finished
    assert again.driver.engine.state.tape_pos == 6_000
    assert verify(logs).code == 0


def test_a_nearly_full_drive_ends_entries_and_refuses_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    logs = tmp_path / "logs"
    tape = write_csv(tmp_path / "mnq.csv", Demo(SETTINGS, MNQ, 3).day(0, 20_000).ticks, 0, 6_000)
    plan = RunPlan(logs=logs, symbol="MNQ", speed=2_000.0, feed=str(tape))
    ready = prepare(plan, SETTINGS, lambda line: None)
    monkeypatch.setattr(SystemDisk, "free_bytes", lambda self, folder: 200 * MIB)

    async def watch() -> None:
        while not ready.driver.engine.state.account.halted:
            await asyncio.sleep(0.005)
        post(logs, "stop")
        await asyncio.sleep(120)

    asyncio.run(ready.agent.run({"watch": watch}))
    ready.close()
    assert "only 200 MiB are free" in ready.driver.engine.state.account.halted
    with pytest.raises(NoRoom, match="a start needs 1,024"):
        prepare(plan, SETTINGS, lambda line: None)
