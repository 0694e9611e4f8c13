"""Agent: the asyncio shell around the machine.

One task group of named root tasks: a life (a tape at its pace, or a venue), the inbox, the
heartbeat, and whoever watches (the panel). The first to end ends all. Everything touches the
machine on one thread, in small pieces, so that no task waits long for another; files are written
on a second one (`journal/pen.py`), so that none waits for the drive.
"""

import asyncio
import atexit
import faulthandler
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from fabio.engine.halting import is_halted_for_good
from fabio.journal.inbox import Answer, Inbox, Request
from fabio.journal.pen import JournalFailed
from fabio.journal.room import ENTRIES_BYTES, room_words
from fabio.journal.times import iso
from fabio.journal.world import write_status
from fabio.model.event import DisarmAsked, LessonArrived, OperatorAsked
from fabio.model.step import Step
from fabio.runtime.board import Board
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.life import Life, Watcher
from fabio.runtime.requests import OF_LIFE, answer_of, event_of, told_of
from fabio.runtime.snapshots import Snapshots

INBOX_S = 0.01
FLUSH_S = 0.25
HEARTBEAT_S = 1.0
LAST_ANSWERS_S = 5.0
"""How long the end waits for answers that are not on the drive yet."""

logger = logging.getLogger("fabio.agent")



class Agent:
    """A running agent.

    Parameters
    ----------
    driver, sink
        The machine with its paper exchange, recovered; the folder it writes to.
    life
        Brings time, ticks and answers to the machine.
    board
        What the heartbeat tells.
    identity
        What stays the same in `status.json`: mode, feed, speed and the like.
    """

    def __init__(
        self, driver: Driver, sink: FolderSink, life: Life, board: Board, inbox: Inbox, folder: Path,
        identity: Mapping[str, Any],
    ) -> None:
        self.driver = driver
        self.folder = folder
        self.life = life
        self.board = board
        self.tasks: dict[str, Watcher] = {}  # root tasks beside the life's
        self.stopping = ""  # why, once somebody asked
        self.entries_bytes = ENTRIES_BYTES  # below so much free space entries end
        self.snapshots: Snapshots | None = None
        self.leave: Callable[[], None] = lambda: None  # what to do before leaving at once
        self.last_words: Callable[[BaseException | None], None] = lambda error: None  # told how it ended
        self._sink = sink
        self._inbox = inbox
        self._identity = identity
        self._answers: set[asyncio.Task[None]] = set()  # to requests that take a while
        self._signals = 0
        self._stop_soon = ""
        self._unreadable = ""  # why the inbox was, the last time it was looked into

    async def run(self, watchers: Mapping[str, Watcher] | None = None) -> None:
        """Live until the feed ends, somebody asks to stop, or a root task fails."""
        parts: dict[str, Watcher] = {
            "life": self._live, **self.life.tasks, **self.tasks, "inbox": self._read_inbox, "heartbeat": self._beat,
            **(watchers or {}),
        }
        self._listen_to_signals()
        self._sink.start()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part(), name=name) for name, part in parts.items()]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            if self._answers:
                await asyncio.wait(self._answers, timeout=LAST_ANSWERS_S)
        except BaseExceptionGroup as failures:
            self._end_record()
            self.last_words(_first(failures))
            raise _first(failures) from None
        finally:
            self._end_record()
        if self.snapshots is not None:
            self.snapshots.keep()
        self._tell("stopped")
        self.last_words(None)

    def _end_record(self) -> None:
        with suppress(JournalFailed):  # it is what ended the agent, or `close` will say it
            self._sink.flush()
        self._sink.stop()

    def stop(self, why: str) -> None:
        """Flatten what is held and end; the second time, leave at once."""
        self._signals += 1
        if self._signals > 1:
            self.leave()
            os._exit(130)
        self._stop(why)

    def stop_soon(self, why: str) -> None:
        """Flatten and end at the next opportunity; may be called from inside a step."""
        self._stop_soon = self._stop_soon or why

    def _stop(self, why: str) -> None:
        if self.stopping:
            return
        logger.info("stopping: %s", why)
        self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"stop-{self.driver.engine.state.seq + 1}", verb="stop",
                                reason=why))
        self.stopping = why

    @property
    def now_ns(self) -> int:
        """The runtime clock."""
        return self.life.now_ns

    @property
    def finished(self) -> bool:
        """Whether the feed came to its end."""
        return self.life.finished

    async def _live(self) -> None:
        await self.life.live(lambda: bool(self.stopping))
        await self.life.end(self._stop)

    # -- people and other programs ------------------------------------------------------

    async def _read_inbox(self) -> None:
        while True:
            for waiting in self._waiting():
                if isinstance(waiting, Answer):
                    self._soon(self._answer(waiting), f"answer {waiting.id}")
                else:
                    self._take_request(waiting)
            if self._inbox.halted_by_file and not is_halted_for_good(self.driver.engine.state):
                self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"HALT-{time.time_ns()}", verb="halt",
                                        reason=self._inbox.halt_words()))
            if self._stop_soon:
                self._stop(self._stop_soon)
            await asyncio.sleep(INBOX_S)

    def _waiting(self) -> list[Request | Answer]:
        """Look into the inbox; one that cannot be read is no reason to end while something may be held."""
        unreadable, self._unreadable = self._unreadable, ""
        try:
            return self._inbox.pending(time.time_ns())
        except OSError as error:
            self._unreadable = str(error)
            if self._unreadable != unreadable:
                logger.error("the inbox cannot be read: %s; it is tried again, and signals still act", error)
            return []

    def _take_request(self, request: Request) -> None:
        refused = answer_of(request, self.driver.engine.state, self._inbox.halted_by_file, time.time_ns(),
                            self._sink.failed)
        if refused is not None:
            self._soon(self._answer(refused), request.verb)
            return
        logger.info("asked: %s%s", request.verb, f" ({request.reason})" if request.reason else "")
        if request.verb in OF_LIFE:
            self._soon(self._answer_later(request), request.verb)
            return
        step = self._ask(event_of(request, self.now_ns))
        if request.verb == "stop":
            self.stopping = request.reason or "an operator asked"
        outcome, words = told_of(request, step)
        self._soon(self._answer(Answer(id=request.id, ts_ns=time.time_ns(), outcome=outcome, message=words)),
                   request.verb)

    async def _answer_later(self, request: Request) -> None:
        outcome, words = await self.life.answer(request)
        await self._answer(Answer(id=request.id, ts_ns=time.time_ns(), outcome=outcome, message=words))

    async def _answer(self, answer: Answer) -> None:
        """Answer once what was done is on the drive; where the drive refuses, as well as can be."""
        if not await self._sink.durable() and answer.outcome == "done":
            words = f"{answer.message} (the drive refuses the record of it: the next start takes it again)"
            answer = msgspec.structs.replace(answer, message=words, recorded=False)
        try:
            await asyncio.to_thread(self._inbox.answer, answer)
        except OSError as error:
            logger.error("the answer to %s cannot be written: %s", answer.id, error)

    def _soon(self, answering: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(answering, name=name)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        task.add_done_callback(_say_if_failed)

    def _ask(self, event: OperatorAsked | LessonArrived) -> Step:
        step = self.driver.happen(event)
        self._sink.secure(step.seq)
        return step

    # -- telling ------------------------------------------------------------------------

    async def _beat(self) -> None:
        beats = 0
        while True:
            self._sink.commit()
            if self.snapshots is not None:
                self.snapshots.tend()
            self.mind_drive(looks=beats % round(HEARTBEAT_S / FLUSH_S) == 0)
            if beats % round(HEARTBEAT_S / FLUSH_S) == 0:
                self._tell("running")
            beats += 1
            await asyncio.sleep(FLUSH_S)

    def mind_drive(self, looks: bool) -> None:
        """End entries where the drive refuses or is nearly full, and the agent where it refuses and nothing is held.

        Raises
        ------
        JournalFailed
            Where nothing is at stake any more.
        """
        state = self.driver.engine.state
        why = self._sink.failed or (room_words(self.folder, self._sink.disk, self.entries_bytes) if looks else "")
        if not why:
            return
        if state.venue.phase == "armed":
            self.driver.happen(DisarmAsked(ts_ns=self.now_ns, id=f"drive-{state.seq + 1}", reason=why))
        elif state.venue.has_orders:
            pass  # it ends when the venue is proven flat
        elif self._sink.failed:
            raise JournalFailed(f"{self._sink.failed}: free the drive, and start the agent again")
        elif not is_halted_for_good(state):
            self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"drive-{state.seq + 1}", verb="halt", reason=why))

    def _tell(self, state: str) -> None:
        now_ns = time.time_ns()
        try:
            write_status(self.folder, {
                "v": 1, "state": state, "pid": os.getpid(), "ts_ns": now_ns, "ts": iso(now_ns), **self._identity,
                **self.board.status(), "finished": self.finished, "stopping": self.stopping,
                "progress": round(self.life.progress(), 4),
            })
        except OSError as error:  # no reason to end while something may be held
            logger.error("status.json cannot be written: %s", error)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        asked = [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "the system asked to end")]
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it
            asked.append((signal.SIGHUP, "its terminal was closed"))
        for number, words in asked:
            try:
                loop.add_signal_handler(number, self.stop, words)
            except NotImplementedError:  # Windows has no such handlers in its loop
                signal.signal(number, lambda *_, words=words: loop.call_soon_threadsafe(self.stop, words))
        if hasattr(signal, "SIGUSR1") and sys.__stderr__ is not None:  # a supervisor asks what a silent agent does
            faulthandler.register(signal.SIGUSR1, sys.__stderr__, all_threads=True)


def _say_if_failed(answering: asyncio.Task[None]) -> None:
    if not answering.cancelled() and (error := answering.exception()) is not None:
        logger.error("the request %s has no answer: %s", answering.get_name(), error, exc_info=error)


def settle_memory() -> None:
    """Take what stands now out of the garbage collector's rounds, for good: once, before an agent begins to live.

    A full round over all that was imported and built stops everything for 0.1 to 0.2 s.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # duckdb (2.0) takes what is frozen at the end for leaked, and says so in 40 lines


def _first(failure: BaseException) -> BaseException:
    """Find the failure itself inside the groups that task groups wrap it in."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
