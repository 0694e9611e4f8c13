"""Snapshots of a running agent: taken with each new session and at the end, and used by the next start.

What a snapshot spares a start is the long part, living through the ticks and folding the steps into
machine and paper exchange. The journal is read and verified whole all the same, for what is told of it.
"""

import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

import msgspec

from fabio import __version__
from fabio.exchange.venue import ExchangeSnapshot
from fabio.journal.exchanges import Exchange
from fabio.journal.pen import JournalFailed
from fabio.journal.snapshots import Head, Snapshot, keep_snapshot, read_snapshots
from fabio.model.event import SettingsChanged
from fabio.model.fact import SessionRolled
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.kernels import source_hash
from fabio.runtime.reloading import IN_PLACE, config_with, values_in_place
from fabio.settings.load import Settings
from fabio.settings.show import texts


class _Content(msgspec.Struct, frozen=True):
    engine: bytes
    exchange: ExchangeSnapshot


@cache
def build() -> str:
    """Name this build: its version, and the hash of all its sources and of what runs them."""
    return f"{__version__}+{source_hash(Path(__file__).parents[1], ('.',))}"


class Snapshots:
    """A sink that knows when a snapshot is due.

    Parameters
    ----------
    values
        The settings that may change in place, as in force now.
    settings
        Those that stay until the next start.
    """

    def __init__(self, driver: Driver, sink: FolderSink, settings: Settings) -> None:
        self.values = values_in_place(settings)
        self._driver = driver
        self._sink = sink
        self._others = _others(settings)
        self._kept_seq = 0
        self._is_due = False

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to do."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to do."""

    def step(self, step: Step, body: bytes) -> None:
        """See a session begin, and settings change."""
        if isinstance(step.event, SettingsChanged):
            self.values = step.event.values
        for fact in step.facts:
            self._is_due = self._is_due or type(fact) is SessionRolled

    def tend(self) -> None:
        """Take one where it is due; between two steps."""
        if self._is_due:
            self.keep()

    def keep(self) -> None:
        """Take one now, between two steps; it is written behind the journal's last line.

        A drive that refuses is left to the heartbeat: a snapshot is not what is missing then.
        """
        self._is_due = False
        if self._driver.engine.state.seq != self._kept_seq and not self._sink.failed:
            with suppress(JournalFailed):
                self._keep()

    def _keep(self) -> None:
        state, sink = self._driver.engine.state, self._sink
        sink.flush()
        sink.journal.commit(with_tape=True)
        self._kept_seq = state.seq
        head = Head(seq=state.seq, tape_pos=state.tape_pos, asks=state.asks, build=build(), place=sink.journal.place,
                    values=self.values, others=self._others)
        content = msgspec.msgpack.encode(_Content(self._driver.engine.snapshot(), self._driver.exchange.snapshot()))
        sink.pen.put(lambda: keep_snapshot(sink.folder, head, content, sink.disk), len(content))


def usable(sink: FolderSink, settings: Settings) -> Snapshot | None:
    """Give the latest snapshot that this build, under these settings, can go on from; None without one."""
    for found in read_snapshots(sink.folder):
        head = found.head
        if (head.build == build() and head.others == _others(settings) and head.seq <= sink.journal.last_seq
                and head.tape_pos <= sink.tape.pos and head.asks <= sink.last_ask):
            return found
    return None


def restore(driver: Driver, snapshot: Snapshot, settings: Settings) -> None:
    """Let a machine in empty state and its exchange become what the snapshot was taken of."""
    engine, head = driver.engine, snapshot.head
    engine.reconfigure(config_with(head.values, settings, engine))
    content = msgspec.msgpack.decode(snapshot.content, type=_Content)
    engine.restore(content.engine)
    driver.exchange.restore(content.exchange)


def _others(settings: Settings) -> str:
    """Hash the settings that change with a start only."""
    fixed = [f"{path}={text}" for path, text in texts(settings).items() if path.partition(".")[0] not in IN_PLACE]
    return hashlib.sha256("\n".join(fixed).encode()).hexdigest()[:16]
