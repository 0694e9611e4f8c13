"""Feeds: where ticks come from, in stretches that are lived through at once or at a speed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fabio.adapters.data.tapes import Tape
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.tick import Ticks
from fabio.runtime.demo import Demo, DemoDay
from fabio.runtime.wiring import sessions_between
from fabio.settings.load import Settings

READ_ROWS = 100_000


@dataclass(frozen=True, eq=False)
class Stretch:
    """Ticks in a row; `speed` is exchange seconds per second, None for as fast as it goes."""

    ticks: Ticks
    speed: float | None


class Feed(Protocol):
    """One run's ticks."""

    instrument: Instrument
    table: SessionTable
    speed: float | None

    @property
    def name(self) -> str:
        """Say what it is, in a few words."""

    @property
    def end_ns(self) -> int | None:
        """Up to when time passes after the last tick; None for the last tick's own time."""

    def stretches(self) -> Iterator[Stretch]:
        """Give what comes next, from where the folder's tape ends."""

    def progress(self, ts_ns: int, taken: int) -> float:
        """Tell how much of it is over, 0 to 1, at a time and after so many ticks of the folder's tape."""


class DemoFeed:
    """One generated day.

    Parameters
    ----------
    position
        Ticks of the day that were lived through already.
    speed
        Of the regular hours; None for as fast as it goes.
    """

    def __init__(self, demo: Demo, day: DemoDay, position: int, speed: float | None) -> None:
        self.instrument, self.table = demo.instrument, demo.table
        self.day = day
        self._seed = demo.seed
        self._position = position
        self.speed = speed

    @property
    def name(self) -> str:
        """Say that it is synthetic."""
        return f"synthetic session {self.day.session.date}, seed {self._seed}"

    @property
    def end_ns(self) -> int | None:
        """A minute after the time to be flat by."""
        return self.day.end_ns

    def stretches(self) -> Iterator[Stretch]:
        """Give the night at once, then the regular hours at their speed."""
        ticks, start, watched = self.day.ticks, self._position, self.day.watched_from
        if start < watched:
            yield Stretch(ticks.slice(start, watched), None)
        if max(start, watched) < len(ticks):
            yield Stretch(ticks.slice(max(start, watched), len(ticks)), self.speed)

    def progress(self, ts_ns: int, taken: int) -> float:
        """Tell how much of the session's time is over."""
        first = self.day.session.open_ns
        return min(max((ts_ns - first) / (self.day.end_ns - first), 0.0), 1.0)


class FileFeed:
    """A tape.

    Parameters
    ----------
    position
        Good ticks that were lived through already.
    """

    end_ns: int | None = None

    def __init__(self, settings: Settings, tape: Tape, speed: float | None) -> None:
        self.instrument = tape.instrument
        self.table = sessions_between(settings, tape.instrument, tape.first_ns, tape.last_ns)
        self.tape = tape
        self.position = 0
        self.speed = speed

    @property
    def name(self) -> str:
        """Name the file and the contract."""
        return f"{self.tape.path.name} ({self.tape.contract or self.instrument.symbol})"

    def stretches(self) -> Iterator[Stretch]:
        """Read on from where the last run stopped."""
        for ticks in self.tape.batches(READ_ROWS, self.position):
            yield Stretch(ticks, self.speed)

    def progress(self, ts_ns: int, taken: int) -> float:
        """Tell how much of the file is read."""
        return min(taken / max(self.tape.rows, 1), 1.0)


def world_feed(file: Path) -> str:
    """Name a tape the way a folder's world does."""
    return str(file.resolve())
