"""A command that can change the account leaves after its line is on the drive, and the loop does not wait for it."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from fabio.journal.lines import step_digest_bytes
from fabio.journal.reader import read_steps
from fabio.model.command import ClosePosition, SubmitOrder, TakePicture
from fabio.model.event import DisarmAsked, OrderRejected
from fabio.model.step import Step
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk
from fabio.research.reliability.journal.made import MADE, made_step
from fabio.research.reliability.journal.world import Venue
from fabio.runtime import gate as gate_module
from fabio.runtime.folder import FolderSink
from fabio.runtime.gate import Gate

ENTRY, CLOSE = 5, 7
"""Steps of the made day that order, and that close."""


class Scene:
    """A sink on a drive that can be stopped, a gate, and a venue that notes what came."""

    def __init__(self, folder: Path) -> None:
        self.goes = threading.Event()
        self.goes.set()
        self.disk = FaultyDisk(slow=lambda what: self.goes.wait(60) and None)
        self.sink = FolderSink(folder, [MADE], self.disk)
        self.said: list[str] = []
        self.told: list[Any] = []
        self.paged: list[str] = []
        self.sink.say = self.said.append
        self.venue = Venue()
        self.gate = Gate(self.sink, self.venue, self.told.append, lambda: 0, self.paged.append)
        self.sink.start()
        self.task = asyncio.create_task(self.gate.run())

    def live(self, until: int) -> Step:
        """Write steps up to one, and hand its commands over; those before it go nowhere."""
        for seq in range(self.sink.journal.last_seq + 1, until + 1):
            step = made_step(seq)
            self.sink.step(step, step_digest_bytes(step))
        for command in step.commands:
            self.gate.submit(command)
        return step

    async def end(self) -> None:
        """Let the drive go, and leave."""
        self.goes.set()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.sink.close()


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive is slow in these tests where they say so, not where the machine has other work."""
    monkeypatch.setattr(gate_module, "REDUCE_S", 60.0)
    monkeypatch.setattr(gate_module, "ENTRY_S", 60.0)


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


def test_an_entry_leaves_after_its_line_is_on_the_drive(tmp_path: Path) -> None:
    async def story() -> None:
        scene = Scene(tmp_path)
        scene.goes.clear()
        step = scene.live(ENTRY)
        await asyncio.sleep(0.02)  # the loop goes on
        assert scene.venue.came == []
        scene.gate.submit(TakePicture(reason="only asks"))
        assert scene.venue.came == [TakePicture(reason="only asks")]
        scene.goes.set()
        await until(lambda: len(scene.venue.came) == 2)
        assert scene.venue.came[1] == step.commands[0]
        assert [each.seq for each in read_steps(tmp_path)][-1] == ENTRY
        assert scene.sink.journal.durable_seq >= ENTRY
        await scene.end()

    asyncio.run(story())


def test_commands_leave_in_their_order(tmp_path: Path) -> None:
    async def story() -> None:
        scene = Scene(tmp_path)
        scene.goes.clear()
        scene.live(ENTRY)
        scene.live(CLOSE)
        scene.goes.set()
        await until(lambda: len(scene.venue.came) == 2)
        assert [type(each) for each in scene.venue.came] == [SubmitOrder, ClosePosition]
        await scene.end()

    asyncio.run(story())


def test_a_drive_that_hangs_keeps_no_exit_back_and_lets_no_entry_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate_module, "REDUCE_S", 0.02)

    async def story() -> None:
        scene = Scene(tmp_path)
        scene.goes.clear()
        scene.live(ENTRY)
        scene.live(CLOSE)
        await until(lambda: scene.venue.came)
        assert [type(each) for each in scene.venue.came] == [ClosePosition]
        (rejected,) = scene.told
        assert isinstance(rejected, OrderRejected)
        assert "the drive hangs" in rejected.reason
        assert "sent before it was on the drive" in scene.said[0]
        await scene.end()
        assert [type(each) for each in scene.venue.came] == [ClosePosition]

    asyncio.run(story())


def test_an_entry_waits_for_a_slow_drive_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "ENTRY_S", 0.02)

    async def story() -> None:
        scene = Scene(tmp_path)
        scene.goes.clear()
        scene.live(ENTRY)
        await until(lambda: scene.told)
        assert isinstance(scene.told[0], OrderRejected)
        await scene.end()
        assert scene.venue.came == []

    asyncio.run(story())


@pytest.mark.parametrize("what", ["write", "sync"])
def test_a_drive_that_refuses_ends_entries_and_lets_exits_out(what: str, tmp_path: Path) -> None:
    async def story() -> None:
        scene = Scene(tmp_path)
        await scene.sink.durable()
        (tmp_path / "ballast").write_bytes(b"x")
        scene.disk.faults = (Fault(what=what, number=scene.disk.calls[what] + 1),)
        scene.live(ENTRY)
        await until(lambda: len(scene.told) == 2 and scene.paged)
        assert {type(each) for each in scene.told} == {OrderRejected, DisarmAsked}
        assert "No space left" in scene.sink.failed
        assert scene.paged
        assert "No space left" in scene.paged[0]
        assert not (tmp_path / "ballast").exists()
        close = scene.live(CLOSE)
        assert scene.venue.came == list(close.commands)
        assert any("not recorded" in each and '"seq":7' in each for each in scene.said)
        assert not await scene.sink.durable()
        scene.live(10)  # an entry again
        assert [type(each) for each in scene.venue.came] == [ClosePosition]
        assert set(scene.disk.refused.values()) <= {0}
        await scene.end()
        assert [each.seq for each in read_steps(tmp_path)] in ([], [1, 2, 3, 4], [1, 2, 3, 4, 5])

    asyncio.run(story())
