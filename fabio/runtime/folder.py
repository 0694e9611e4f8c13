"""FolderSink: everything that happened, into `logs/`."""

from pathlib import Path

import msgspec

from fabio.engine.questions import RULES
from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.journal.records import EXCHANGES, Records
from fabio.journal.tape import TapeWriter
from fabio.journal.writer import Journal
from fabio.model.command import ACCOUNT_COMMANDS
from fabio.model.instrument import Instrument
from fabio.model.step import Step
from fabio.model.tick import Ticks

TAIL_BYTES = 1024 * 1024
"""The end of the exchanges that is searched for the last whole line."""


class FolderSink:
    """Journal, tape and records of one agent.

    A step that carries a command which can change the account is on the drive before
    `step` returns, and so before the command leaves.
    """

    def __init__(self, folder: Path, markets: list[Instrument]) -> None:
        self.tape = TapeWriter(folder, markets)
        self.journal = Journal(folder, self.tape)
        self.records = Records(folder, {market.symbol: market for market in markets}, self.journal.last_seq)
        self.last_ask = last_ask(folder)
        self._ticks_held = 0

    def hold(self, count: int) -> None:
        """Take the next `count` ticks as kept already: they stand on the tape behind the journal's end."""
        self._ticks_held = count

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Keep the ticks `[start, stop)` of a batch."""
        if self._ticks_held:
            held = min(self._ticks_held, stop - start)
            self._ticks_held -= held
            start += held
        self.tape.append(ticks, start, stop)

    def step(self, step: Step, body: bytes) -> None:
        """Keep a step."""
        durable = False
        for command in step.commands:
            durable = durable or isinstance(command, ACCOUNT_COMMANDS)
        self.journal.append(step, durable, body)
        self.records.write(step)

    def exchange(self, exchange: ModelExchange) -> None:
        """Keep an exchange; the rules' only once, as recovery writes those again that a kill has swallowed."""
        if exchange.source != RULES or self.last_ask == 0 or ask_number(exchange.ask_id) > self.last_ask:
            self.records.exchange(exchange)

    def flush(self) -> None:
        """Hand everything to the system, the journal first."""
        self.journal.flush()
        self.records.flush()

    def close(self) -> None:
        """Flush, sync and let go of the files."""
        self.journal.close()
        self.tape.close()
        self.records.close()


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
