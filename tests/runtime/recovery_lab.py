"""A generated day, lived through, cut off at a moment of choice, and gone on with."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from fabio.engine.seams import MarketConfig
from fabio.journal.reader import read_steps
from fabio.journal.tape import RECORD, TapeReader
from fabio.model.event import HistoryLoaded
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.demo import Demo, DemoDay
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.history import keep_history
from fabio.runtime.recovery import Recovered, recover
from fabio.runtime.wiring import build_driver, engine_config, instrument_of
from fabio.settings.load import load

QUICK_LESSONS = (
    "learning.least_outcomes=5", "learning.window=5", "learning.limit=0.5", "learning.confirm_outcomes=1",
    "learning.raise_every=2",
)
"""So that a day is enough to learn from."""
SETTINGS = load(environment={}, directory=Path("/"), overrides=QUICK_LESSONS)
MNQ = instrument_of(SETTINGS, "MNQ")
PIECE = 2_048


class Lab:
    """One seed's generated market and a folder per run."""

    def __init__(self, seed: int, day: DemoDay | None = None) -> None:
        self.demo = Demo(SETTINGS, MNQ, seed)
        self.day = day or self.demo.day(0)

    def open(self, folder: Path) -> tuple[Driver, FolderSink]:
        """Build a machine in empty state on a folder."""
        sink = FolderSink(folder, [MNQ])
        market = MarketConfig(instrument=MNQ, table=self.demo.table)
        return build_driver(engine_config(SETTINGS, [market]), (sink,)), sink

    def begin(self, folder: Path) -> tuple[Driver, FolderSink]:
        """Start in a new folder, twenty earlier sessions behind the first."""
        driver, sink = self.open(folder)
        history = self.demo.history()
        driver.engine.markets[0].load_history(history)
        driver.happen(HistoryLoaded(
            ts_ns=self.day.session.open_ns, market=0, source="lab", sessions=20,
            content_hash=keep_history(folder, history),
        ))
        return driver, sink

    def resume(self, folder: Path) -> tuple[Driver, FolderSink, Recovered]:
        """Come back to a folder."""
        driver, sink = self.open(folder)
        return driver, sink, recover(driver, sink, folder, SETTINGS)


def live(driver: Driver, ticks: Ticks) -> None:
    """Feed in pieces."""
    for start in range(0, len(ticks), PIECE):
        driver.feed(ticks.slice(start, start + PIECE))


def killed_after(source: Path, target: Path, seq: int, ticks_ahead: int, torn: bytes = b"") -> None:
    """Copy a folder as a kill would have left it.

    Parameters
    ----------
    seq
        Last step in the journal.
    ticks_ahead
        Ticks on the tape behind that step.
    torn
        Bytes of a line that was being written.
    """
    shutil.copytree(source, target)
    step = list(read_steps(source))[seq - 1]
    kept = 0
    for path in sorted((target / "journal").glob("*.jsonl")):
        path.chmod(0o644)
        lines = path.read_bytes().splitlines(True)
        path.write_bytes(b"".join(lines[: seq - kept]) + (torn if kept + len(lines) >= seq else b""))
        kept += min(len(lines), seq - kept)
        if not path.stat().st_size:
            path.unlink()
    tape = TapeReader(target)
    behind = max(tape.total - step.tape_pos - ticks_ahead, 0)
    latest = sorted((target / "tape").glob("*.tape"))[-1]
    os.truncate(latest, latest.stat().st_size - behind * RECORD.itemsize + (5 if behind else 0))


def steps_with(steps: Sequence[Step], kind: type, count: int = 1) -> list[int]:
    """Give the numbers of the first steps that hold a fact or event of a kind."""
    found = [
        step.seq for step in steps
        if isinstance(step.event, kind) or any(isinstance(fact, kind) for fact in step.facts)
    ]
    return found[:count]
