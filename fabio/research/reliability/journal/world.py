"""One life of a folder's sink on a faulty drive, with a gate and somebody behind it who only notes what came.

What is checked afterwards is what the folder gives back, against what was written and what was
said to be safe.
"""

import asyncio
import random
from pathlib import Path

import numpy as np

from fabio.journal.files import JournalDamaged
from fabio.journal.lines import step_digest_bytes
from fabio.journal.pen import JournalFailed
from fabio.journal.reader import read_steps, verify
from fabio.journal.tape import TapeDamaged, TapeReader, TapeWriter
from fabio.journal.writer import Journal
from fabio.model.command import ClosePosition, SubmitOrder, VenueCommand
from fabio.model.event import DisarmAsked, JournaledEvent, OrderRejected
from fabio.model.step import Step
from fabio.research.reliability.faulty_disk import FaultyDisk
from fabio.research.reliability.journal.made import MADE, made_step, made_ticks, ticks_between
from fabio.runtime.folder import FolderSink
from fabio.runtime.gate import Gate

STEPS_PER_DAY = 60


class Venue:
    """Takes commands and notes them with what was on the drive then."""

    def __init__(self) -> None:
        self.came: list[VenueCommand] = []

    def submit(self, command: VenueCommand) -> None:
        """Take a command."""
        self.came.append(command)


class FaultyLife:
    """A sink that is written to step by step, as a driver does it.

    Parameters
    ----------
    is_paper
        Whether orders go to nobody, so that only the heartbeat asks the drive, and seldom.

    Attributes
    ----------
    written, safe
        Steps handed over, and the last of them that was said to be on the drive.
    wrong
        What must not have happened, in words.
    """

    def __init__(self, folder: Path, disk: FaultyDisk, seed: int, is_paper: bool = False) -> None:
        self.folder = folder
        self.disk = disk
        self.written: list[Step] = []
        self.wrong: list[str] = []
        self.said: list[str] = []
        self.told: list[JournaledEvent] = []
        self.venue = Venue()
        self._asked: list[VenueCommand] = []
        self._random = random.Random(seed)
        self._is_paper = is_paper
        self.sink = FolderSink(folder, [MADE], disk)
        self.sink.say = self.said.append
        self.gate = Gate(self.sink, self.venue, self.told.append, lambda: 0)

    @property
    def safe(self) -> int:
        """Give the last step that is on the drive, by the journal's word."""
        return self.sink.journal.durable_seq

    def live(self, steps: int, until_failed: bool = False) -> None:
        """Write steps; with `until_failed` only until the drive refuses, and twenty more from memory."""
        left = steps
        while left:
            seq = len(self.written) + 1
            if until_failed and self.sink.failed and left > 20:
                left = 20
            ticks = made_ticks(seq)
            self.sink.ticks(ticks, 0, len(ticks))
            step = made_step(seq, STEPS_PER_DAY)
            self.sink.step(step, step_digest_bytes(step))
            self.written.append(step)
            for command in () if self._is_paper else step.commands:
                self._asked.append(command)  # type: ignore[arg-type]  # none of them asks a model
                self.gate.submit(command)  # type: ignore[arg-type]
            chance = self._random.random()
            if chance < 0.2:
                self.sink.flush()
            elif chance < (0.22 if self._is_paper else 0.4):
                self.sink.commit()
            left -= 1

    def check_commands(self) -> None:
        """See that every command left or was answered for, and that no entry left without its line."""
        refused = {event.order_id for event in self.told if isinstance(event, OrderRejected)}
        for command in self._asked:
            if isinstance(command, ClosePosition) and command not in self.venue.came:
                self.wrong.append(f"{command} never left")
            if isinstance(command, SubmitOrder) and (command in self.venue.came) == (command.order.id in refused):
                self.wrong.append(f"entry {command.order.id} left and was refused, or neither")
        if self.sink.failed:
            if not any(isinstance(event, DisarmAsked) for event in self.told):
                self.wrong.append("nobody was told that trading ends")
            if not self.said:
                self.wrong.append("nothing was said")
        if any(self.disk.refused.values()):
            self.wrong.append("a descriptor was used again after the drive had refused it")

    def check_folder(self) -> int:
        """Open the folder as the next start does and compare; give the ticks that are lost."""
        try:
            found, total = opened(self.folder)
        except (JournalDamaged, JournalFailed, TapeDamaged, WrongTick) as error:
            self.wrong.append(f"it does not open: {error}")
            return 0
        if [_bytes(each) for each in found] != [_bytes(each) for each in self.written[: len(found)]]:
            self.wrong.append("what came back is not the beginning of what was written")
        if len(found) < self.safe:
            self.wrong.append(f"step {self.safe} was safe, {len(found)} came back")
        entries = {command.order.id for step in found for command in step.commands if isinstance(command, SubmitOrder)}
        for command in self.venue.came:
            if isinstance(command, SubmitOrder) and command.order.id not in entries:
                self.wrong.append(f"entry {command.order.id} left, and no line came back")
        report = verify(self.folder)
        if found and report.code != 0:
            self.wrong.append(f"after the repair: {report.reason}")
        return max((found[-1].tape_pos if found else 0) - total, 0)


class WrongTick(Exception):
    """The tape gives a tick that was not written at its place."""


def opened(folder: Path) -> tuple[list[Step], int]:
    """Open a folder of made steps as the next start does; give its steps, and where its tape ends.

    Raises
    ------
    JournalDamaged, JournalFailed, TapeDamaged
        If it does not open.
    WrongTick
        If the tape is not the made one.
    """
    TapeWriter(folder, [MADE]).close()
    Journal(folder).close()
    tape = TapeReader(folder)
    place = 0
    for ticks in tape.read():
        expected = ticks_between(place, place + len(ticks))
        for name in ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side", "market"):
            wrong = np.flatnonzero(getattr(ticks, name) != getattr(expected, name))
            if len(wrong):
                raise WrongTick(f"{name} of tick {place + int(wrong[0])} is another one")
        place += len(ticks)
    return list(read_steps(folder)), tape.total


def _bytes(step: Step) -> bytes:
    return b"%d %d %d " % (step.seq, step.ts_ns, step.tape_pos) + step_digest_bytes(step)


def in_loop(life: FaultyLife, steps: int, until_failed: bool = False) -> None:
    """Live inside an event loop, as the gate needs one to keep commands back."""

    async def live() -> None:
        life.live(steps, until_failed)

    asyncio.run(live())
