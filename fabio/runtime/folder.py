"""FolderSink: everything that happened, into `logs/`."""

from collections.abc import Mapping
from pathlib import Path

from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.journal.records import Records
from fabio.journal.tape import TapeWriter
from fabio.journal.writer import Journal
from fabio.model.command import ACCOUNT_COMMANDS
from fabio.model.instrument import Instrument
from fabio.model.step import Step
from fabio.model.tick import Ticks


class FolderSink:
    """Journal, tape and records of one agent.

    A step that carries a command which can change the account is on the drive before
    `step` returns, and so before the command leaves.
    """

    def __init__(self, folder: Path, instruments: Mapping[str, Instrument], markets: list[Instrument]) -> None:
        self.tape = TapeWriter(folder, markets)
        self.journal = Journal(folder, self.tape)
        self.records = Records(folder, instruments, self.journal.last_seq)

    def ticks(self, ticks: Ticks) -> None:
        """Keep ticks."""
        self.tape.append(ticks)

    def step(self, step: Step, body: bytes) -> None:
        """Keep a step."""
        durable = any(isinstance(command, ACCOUNT_COMMANDS) for command in step.commands)
        self.journal.append(step, durable, body)
        self.records.write(step)

    def exchange(self, exchange: ModelExchange) -> None:
        """Keep an exchange with the model."""
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
