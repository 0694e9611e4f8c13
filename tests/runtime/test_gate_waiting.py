"""An entry that waited for the drive is looked at again before it leaves; the pen's work done by hand."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fabio.journal.lines import step_digest_bytes
from fabio.journal.pen import JournalFailed, Pen
from fabio.model.command import ClosePosition, SubmitOrder
from fabio.model.event import JournaledEvent, OrderRejected
from fabio.research.reliability.journal.made import MADE, made_step
from fabio.research.reliability.journal.world import Venue
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.folder import FolderSink
from fabio.runtime.gate import Gate

ENTRY, CLOSE = 5, 7
"""Steps of the made day that order, and that close."""


def waited(folder: Path, meanwhile: Callable[[Gate], None]) -> tuple[list[type], list[JournaledEvent]]:
    """Let an entry and a close wait for the drive while something happens; give what left, and what was told."""
    venue, told = Venue(), list[JournaledEvent]()

    async def story() -> None:
        sink = FolderSink(folder, [MADE])
        gate = Gate(sink, venue, told.append, lambda: 0)
        sink.start_by_hand(lambda: None)
        running = asyncio.create_task(gate.run())
        for seq in range(1, CLOSE + 1):
            step = made_step(seq)
            sink.step(step, step_digest_bytes(step))
            for command in step.commands if seq in (ENTRY, CLOSE) else ():
                assert isinstance(command, SubmitOrder | ClosePosition)
                gate.submit(command)
        await asyncio.sleep(0.01)
        assert venue.came == []
        meanwhile(gate)
        while sink.pen.turn():
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        sink.close()

    run_virtual(story())
    return [type(each) for each in venue.came], told


def test_commands_that_waited_leave_in_their_order(tmp_path: Path) -> None:
    assert waited(tmp_path, lambda gate: None) == ([SubmitOrder, ClosePosition], [])


def test_an_entry_does_not_leave_where_something_has_come_between_and_an_exit_does(tmp_path: Path) -> None:
    def halt(gate: Gate) -> None:
        gate.against = lambda market: f"market {market} was halted"

    left, told = waited(tmp_path, halt)
    assert left == [ClosePosition]
    (rejected,) = told
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason == "not sent: while it waited for the drive, market 0 was halted"


def test_by_hand_the_pen_does_what_it_is_told_to_and_no_more() -> None:
    pen, done, asked, told = Pen(), list[int](), list[str](), list[str]()
    pen.start_by_hand(lambda: asked.append("asked"), lambda: told.append("told"))
    for number in range(3):
        pen.put(lambda number=number: done.append(number))  # type: ignore[misc]
    assert (done, len(asked), pen.is_idle) == ([], 3, False)
    assert pen.turn()
    assert (done, told) == ([0], ["told"])
    pen.wait()
    assert (done, pen.is_idle, pen.turn()) == ([0, 1, 2], True, False)
    pen.put(lambda: done.append(3))
    pen.stop()
    pen.put(lambda: done.append(4))
    assert done == [0, 1, 2, 3, 4]


def test_by_hand_a_drive_that_refuses_ends_the_work() -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pen, done = Pen(), list[int]()
    pen.start_by_hand(lambda: None, lambda: None)
    pen.put(full)
    pen.put(lambda: done.append(1))
    assert pen.turn()
    assert not pen.turn()
    assert "No space left" in pen.failed
    with pytest.raises(JournalFailed, match="No space left"):
        pen.put(lambda: done.append(2))
    assert done == []
