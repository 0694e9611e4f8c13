"""Agent: the asyncio shell around the machine.

One task group of named root tasks: the feed, the inbox, the heartbeat, and whoever watches
(the panel). The first to end ends all. Everything touches the machine on one thread, in
pieces of about `PIECE_S`, so that no task waits long for another.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from fabio.journal.inbox import Answer, Inbox, Request
from fabio.journal.times import iso
from fabio.journal.world import write_status
from fabio.model.event import OperatorAsked
from fabio.runtime.board import Board
from fabio.runtime.drive import Driver
from fabio.runtime.feeds import Feed, Stretch
from fabio.runtime.folder import FolderSink
from fabio.runtime.requests import answer_of, event_of

PIECE_S = 0.008
"""Wall time the machine takes at once before other tasks have their turn."""
PACE_S = 0.01
INBOX_S = 0.01
FLUSH_S = 0.25
HEARTBEAT_S = 1.0
FEWEST, MOST = 64, 65_536  # ticks in a piece
SETTLE_NS = 2_000_000_000
"""How long a flattening at the end may take on the runtime clock."""

logger = logging.getLogger("fabio.agent")

Watcher = Callable[[], Coroutine[Any, Any, None]]


class Agent:
    """A running agent in test mode.

    Parameters
    ----------
    driver, sink
        The machine with its paper exchange, recovered; the folder it writes to.
    board
        What the heartbeat tells.
    identity
        What stays the same in `status.json`: mode, feed, speed and the like.
    until_ns
        Runtime clock at which to stop; None for the feed's end.
    """

    def __init__(
        self, driver: Driver, sink: FolderSink, feed: Feed, board: Board, inbox: Inbox, folder: Path,
        identity: Mapping[str, Any], until_ns: int | None = None,
    ) -> None:
        self.driver = driver
        self.folder = folder
        self.feed = feed
        self.board = board
        self.stopping = ""  # why, once somebody asked
        self.finished = False  # the feed came to its end
        self.leave: Callable[[], None] = lambda: None  # what to do before leaving at once
        self._sink = sink
        self._inbox = inbox
        self._identity = identity
        self._until_ns = until_ns
        self._piece = 1_024
        self._signals = 0
        self._stop_soon = ""

    async def run(self, watchers: Mapping[str, Watcher] | None = None) -> None:
        """Live until the feed ends, somebody asks to stop, or a root task fails."""
        parts: dict[str, Watcher] = {
            "feed": self._live, "inbox": self._read_inbox, "heartbeat": self._beat, **(watchers or {}),
        }
        self._listen_to_signals()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part(), name=name) for name, part in parts.items()]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            self._sink.flush()
        self._tell("stopped")

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
        self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"signal-{time.time_ns()}", verb="stop", reason=why))
        self.stopping = why

    @property
    def now_ns(self) -> int:
        """The runtime clock: that of the feed."""
        return self.driver.engine.state.now_ns

    # -- the feed -----------------------------------------------------------------------

    async def _live(self) -> None:
        stretches = self.feed.stretches()
        while not self.stopping:
            stretch = await asyncio.to_thread(next, stretches, None)
            if stretch is None:
                break
            await self._pass(stretch)
        if not self.stopping:
            self.finished = True
            if self.feed.end_ns is not None:
                self.driver.pass_time(self.feed.end_ns)
        self._flatten_at_the_end()

    async def _pass(self, stretch: Stretch) -> None:
        """Live through a stretch, at its speed."""
        ticks, start = stretch.ticks, 0
        end = len(ticks)
        if self._until_ns is not None:
            end = int(ticks.ts_recv_ns.searchsorted(self._until_ns, side="right"))
        first_ns = int(ticks.ts_recv_ns[0]) if len(ticks) else 0
        since = time.perf_counter()
        while start < end and not self.stopping:
            stop = min(start + self._piece, end)
            if stretch.speed is not None:
                now_ns = first_ns + int((time.perf_counter() - since) * stretch.speed * 1e9)
                due = int(ticks.ts_recv_ns.searchsorted(now_ns, side="right"))
                if due <= start:
                    self.driver.pass_time(min(now_ns, int(ticks.ts_recv_ns[start]) - 1))
                    await asyncio.sleep(PACE_S)
                    continue
                stop = min(stop, due)
            self._take(stretch, start, stop)
            start = stop
            await asyncio.sleep(0)
        if self._until_ns is not None and end < len(ticks) and not self.stopping:
            self.driver.pass_time(self._until_ns)
            why = "the time given with --until has come"
            self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"until-{self._until_ns}", verb="stop", reason=why))
            self.stopping = why

    def _take(self, stretch: Stretch, start: int, stop: int) -> None:
        """Feed a piece, and learn how large the next one may be."""
        since = time.perf_counter()
        self.driver.feed(stretch.ticks.slice(start, stop))
        took = time.perf_counter() - since
        if took > PIECE_S:
            self._piece = max(FEWEST, int((stop - start) * PIECE_S / took))
        elif stop - start == self._piece and took < PIECE_S / 2:
            self._piece = min(MOST, self._piece * 2)

    def _flatten_at_the_end(self) -> None:
        """Let the exchange do what it was asked for, where no tick comes any more."""
        engine = self.driver.engine
        held = any(market.position is not None for market in engine.state.markets)
        if held and not self.stopping:
            self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"end-{engine.state.tape_pos}", verb="stop",
                                    reason="the feed has ended"))
        limit_ns = self.now_ns + SETTLE_NS
        due_ns = self.driver.exchange.next_due_ns()
        while due_ns <= limit_ns:
            self.driver.pass_time(due_ns)
            due_ns = self.driver.exchange.next_due_ns()

    # -- people and other programs ------------------------------------------------------

    async def _read_inbox(self) -> None:
        while True:
            for request in self._inbox.pending(time.time_ns()):
                self._take_request(request)
            if self._inbox.halted_by_file and not self.driver.engine.state.account.halted:
                self._ask(OperatorAsked(ts_ns=self.now_ns, id=f"HALT-{time.time_ns()}", verb="halt",
                                        reason=self._halt_words()))
            if self._stop_soon:
                self._stop(self._stop_soon)
            await asyncio.sleep(INBOX_S)

    def _take_request(self, request: Request) -> None:
        refused = answer_of(request, self.driver.engine.state, self._inbox.halted_by_file, time.time_ns())
        if refused is not None:
            self._inbox.answer(refused)
            return
        event = event_of(request, self.now_ns)
        logger.info("asked: %s%s", request.verb, f" ({request.reason})" if request.reason else "")
        self._ask(event)
        if request.verb == "stop":
            self.stopping = request.reason or "an operator asked"
        self._inbox.answer(Answer(id=request.id, ts_ns=time.time_ns(), outcome="done",
                                  message=f"{request.verb}: journaled and done"))

    def _halt_words(self) -> str:
        """Say why the file HALT stands there, as far as it says so itself."""
        try:
            text = (self.folder / "HALT").read_text("utf-8", "replace").strip()[:200]
        except OSError:
            text = ""
        return f"the file HALT: {text}" if text else "the file HALT is in the folder"

    def _ask(self, event: OperatorAsked) -> None:
        self.driver.happen(event)
        self._sink.journal.sync()

    # -- telling ------------------------------------------------------------------------

    async def _beat(self) -> None:
        beats = 0
        while True:
            self._sink.flush()
            if beats % round(HEARTBEAT_S / FLUSH_S) == 0:
                self._tell("running")
            beats += 1
            await asyncio.sleep(FLUSH_S)

    def _tell(self, state: str) -> None:
        now_ns = time.time_ns()
        write_status(self.folder, {
            "v": 1, "state": state, "pid": os.getpid(), "ts_ns": now_ns, "ts": iso(now_ns), **self._identity,
            **self.board.status(), "finished": self.finished, "stopping": self.stopping,
            "progress": round(self.progress(), 4),
        })

    def progress(self) -> float:
        """Tell how much of the feed is over, 0 to 1."""
        return self.feed.progress(self.now_ns, self.driver.engine.state.tape_pos)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number, words in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "the system asked to end")):
            try:
                loop.add_signal_handler(number, self.stop, words)
            except NotImplementedError:  # Windows has no such handlers in its loop
                signal.signal(number, lambda *_, words=words: loop.call_soon_threadsafe(self.stop, words))


def _first(failure: BaseException) -> BaseException:
    """Find the failure itself inside the groups that task groups wrap it in."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
