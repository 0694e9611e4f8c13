"""FolderSink: everything that happened, into `logs/`.

Two promises hold, and each has its place:

- A command that can change the account at the venue leaves after its line is on the drive. The
  gate keeps it back until then (`gate.py`); the loop does not wait.
- Everything else is on the drive a quarter of a second later (`commit`, by the heartbeat): a
  kill loses nothing that was flushed, a lost power line at most that much. On paper this is
  enough for orders too: nothing leaves the house, and the paper exchange is a function of
  journal and tape, so after a restart it is where the journal is.

A drive that refuses ends the record, once and for all of this run (`journal/pen.py`). Where
something is at stake, the agent goes on from memory until it is flat: `on_failure` is told,
which ends entries, and what is done meanwhile is said on standard error.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from fabio.engine.questions import RULES
from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.journal.pen import JournalFailed, Pen
from fabio.journal.records import EXCHANGES, Records
from fabio.journal.room import drop_ballast
from fabio.journal.sync import SYSTEM, Disk
from fabio.journal.tape import TapeWriter
from fabio.journal.writer import Journal
from fabio.model import fact as facts
from fabio.model.command import ACCOUNT_COMMANDS
from fabio.model.instrument import Instrument
from fabio.model.step import Step
from fabio.model.tick import Ticks

TAIL_BYTES = 1024 * 1024
"""The end of the exchanges that is searched for the last whole line."""
_OF_MONEY = (facts.OrderBooked, facts.OrderMoved, facts.FillBooked, facts.TradeClosed, facts.ExitAsked, facts.Halted)


class FolderSink:
    """Journal, tape and records of one agent.

    Parameters
    ----------
    disk
        The file layer; a test gives one that fails.

    Attributes
    ----------
    failed
        Why nothing is recorded any more, while the agent lives on; empty else.
    on_failure
        Told that once. None where nothing is at stake: the failure is raised, and the agent ends.
    say
        Takes what could not be recorded.
    """

    def __init__(self, folder: Path, markets: list[Instrument], disk: Disk = SYSTEM) -> None:
        self.folder = folder
        self.disk = disk
        self.pen = Pen()
        self.tape = TapeWriter(folder, markets, disk, self.pen)
        self.journal = Journal(folder, self.tape, disk=disk, pen=self.pen)
        self.records = Records(folder, {market.symbol: market for market in markets}, self.journal.last_seq, disk,
                               self.pen)
        self.last_ask = last_ask(folder)
        self.failed = ""
        self.on_failure: Callable[[str], None] | None = None
        self.say: Callable[[str], None] = _to_stderr
        self._ticks_held = 0
        self._news = asyncio.Event()  # set, and replaced, whenever the pen has done something

    def hold(self, count: int) -> None:
        """Take the next `count` ticks as kept already: they stand on the tape behind the journal's end."""
        self._ticks_held = count

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Keep the ticks `[start, stop)` of a batch."""
        if self._ticks_held:
            held = min(self._ticks_held, stop - start)
            self._ticks_held -= held
            start += held
        if not self.failed:
            try:
                self.tape.append(ticks, start, stop)
            except JournalFailed as refused:
                self._give_up(refused)

    def step(self, step: Step, body: bytes) -> None:
        """Keep a step."""
        if not self.failed:
            try:
                self.journal.append(step, body=body)
                self.records.write(step)
                return
            except JournalFailed as refused:
                self._give_up(refused)
        self._say_unrecorded(step, body)

    def exchange(self, exchange: ModelExchange) -> None:
        """Keep an exchange; the rules' only once, as recovery writes those again that a kill has swallowed."""
        if self.failed:
            return
        if exchange.source != RULES or self.last_ask == 0 or ask_number(exchange.ask_id) > self.last_ask:
            try:
                self.records.exchange(exchange)
            except JournalFailed as refused:
                self._give_up(refused)

    def flush(self) -> None:
        """Hand everything over, the journal first."""
        if not self.failed:
            try:
                self.journal.flush()
                self.records.flush()
            except JournalFailed as refused:
                self._give_up(refused)

    def commit(self) -> None:
        """Hand everything over, and ask the drive for journal and tape, unless it has not done the last yet."""
        if not self.failed and self.pen.is_idle:
            try:
                self.journal.commit(with_tape=True)
            except JournalFailed as refused:
                self._give_up(refused)
        self.flush()

    def secure(self, seq: int) -> bool:
        """Ask the drive for the journal up to a step; tell whether it is there already."""
        if not self.failed and self.journal.durable_seq < seq:
            try:
                self.journal.commit()
            except JournalFailed as refused:
                self._give_up(refused)
        return self.journal.durable_seq >= seq

    async def durable(self) -> bool:
        """Wait until all steps so far are on the drive; False where it refuses."""
        seq = self.journal.last_seq
        is_there = self.secure(seq)
        while not is_there and not self.failed and not self.pen.failed:
            await self.news()
            is_there = self.journal.durable_seq >= seq
        return is_there

    async def news(self) -> None:
        """Wait until the drive has done something, or has refused."""
        await self._news.wait()

    def start(self) -> None:
        """Write on a thread of its own from now on; what it did is heard in the running loop."""
        loop = asyncio.get_running_loop()

        def told() -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._hear)

        self.pen.start(told)

    def start_by_hand(self, asked: Callable[[], None]) -> None:
        """Write when the pen's `turn` is called from now on; `asked` is told that something waits."""
        self.pen.start_by_hand(asked, self._hear)

    def stop(self) -> None:
        """Write in the caller's thread again."""
        self.pen.stop()

    def close(self) -> None:
        """Flush, sync and let go of the files; a drive that refused is asked for nothing more."""
        self.pen.stop()
        self.journal.close()
        self.tape.close()
        self.records.close()

    def _hear(self) -> None:
        if self.pen.failed and not self.failed and self.on_failure is not None:
            self._give_up(JournalFailed(self.pen.failed))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _give_up(self, refused: JournalFailed) -> None:
        """Live on without a record, where somebody can: raises where nobody does."""
        if self.on_failure is None:
            raise JournalFailed(f"{refused}: free the drive, and start the agent again") from None
        self.failed = str(refused)
        drop_ballast(self.folder, self.disk)
        self.say(f"the record ends here: {self.failed}; entries are blocked, exits go on from memory")
        self.on_failure(self.failed)

    def _say_unrecorded(self, step: Step, body: bytes) -> None:
        if any(isinstance(each, ACCOUNT_COMMANDS) for each in step.commands) or any(
                isinstance(each, _OF_MONEY) for each in step.facts):
            self.say(f'not recorded: {{"seq":{step.seq},"ts_ns":{step.ts_ns},{body.decode()}}}')


def _to_stderr(words: str) -> None:
    sys.stderr.write(f"fabio: {words}\n")
    sys.stderr.flush()


def ask_number(ask_id: str) -> int:
    """Give the place of a question among all of its folder.

    >>> ask_number("A260601-17")
    17
    """
    return int(ask_id.rpartition("-")[2])


def last_ask(folder: Path) -> int:
    """Give the number of the rules' last whole line in `llm_exchanges.jsonl`; 0 without one."""
    path = folder / f"{EXCHANGES}.jsonl"
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        lines = file.read().split(b"\n")
    for line in reversed(lines[:-1]):
        try:
            named = msgspec.json.decode(line, type=_Named)
            if named.source == RULES:  # a model's questions are counted by themselves
                return ask_number(named.id)
        except (msgspec.MsgspecError, ValueError):
            continue
    return 0


class _Named(msgspec.Struct):
    id: str
    source: str
