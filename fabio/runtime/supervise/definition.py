"""What a file of `ecosystem/` says: one process each, its name is the file's."""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

DAY_S = 86_400


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} is {value:g}; it must lie in {least:g} to {most:g}")


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the process shows that it lives.

    Parameters
    ----------
    file
        Is replaced or written again and again; every change counts as a beat, its content does not. Who
        has one has to write its stacks to standard error at SIGUSR1, as `fabio run` does.
    limit_s
        Longest silence, 2 to 600 s.
    start_s
        Longest time from the start to the first beat, 1 to 86400 s.
    """

    file: str
    limit_s: float = 8.0
    start_s: float = 600.0

    def __post_init__(self) -> None:
        _within("limit_s", self.limit_s, 2, 600)
        _within("start_s", self.start_s, 1, DAY_S)


class Restart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows when the process ends.

    Parameters
    ----------
    when
        `failure` starts it again unless it ended with 0, `always` also then, `never` leaves it. An agent that
        somebody stopped, or that has reached its --until, is left alone.
    first_pause_s, longest_pause_s
        Pauses before the restarts; each is twice the one before, 0.01 to 3600 s.
    deaths, window_s
        So many deaths before it was ready, within so many seconds, are a crash loop: no more restarts.
    settled_s
        Ready for so long, and the pauses begin anew; a process without heartbeat counts as ready then.
    """

    when: Literal["failure", "always", "never"] = "failure"
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    deaths: int = 5
    window_s: float = 600.0
    settled_s: float = 60.0

    def __post_init__(self) -> None:
        _within("first_pause_s", self.first_pause_s, 0.01, 3600)
        _within("longest_pause_s", self.longest_pause_s, self.first_pause_s, 3600)
        _within("deaths", self.deaths, 1, 1000)
        _within("window_s", self.window_s, 1, DAY_S)
        _within("settled_s", self.settled_s, 0.01, DAY_S)


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where standard output and standard error go.

    Parameters
    ----------
    stdout, stderr
        Files; empty for NAME.out and NAME.err in the folder of records.
    size_mb, kept
        A file of that size becomes FILE.1, that FILE.2 and so on; so many of them are kept, 1 to 100.
    """

    stdout: str = ""
    stderr: str = ""
    size_mb: float = 10.0
    kept: int = 5

    def __post_init__(self) -> None:
        _within("size_mb", self.size_mb, 0.001, 10_000)
        _within("kept", self.kept, 1, 100)


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a process that comes to its own end is run; one of `every_hours` and `at`.

    Parameters
    ----------
    every_hours
        Hours from one start to the next, 0.01 to 1000; the first one comes at once.
    at
        HH:MM, every day, in `zone`.
    zone
        Time zone by its IANA name.
    limit_s
        A run is stopped after so many seconds, 1 to 604800.
    """

    every_hours: float | None = None
    at: str = ""
    zone: str = "America/Chicago"
    limit_s: float = 14_400.0

    def __post_init__(self) -> None:
        if (self.every_hours is None) == (not self.at):
            raise ValueError("give either every_hours or at")
        if self.every_hours is not None:
            _within("every_hours", self.every_hours, 0.01, 1000)
        else:
            minute_of_day(self.at)
        _within("limit_s", self.limit_s, 1, 7 * DAY_S)
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"zone is {self.zone!r}; expected an IANA name like America/Chicago") from None


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One process.

    Parameters
    ----------
    command
        Program and arguments, without a shell; `fabio` is this installation.
    directory
        Where it runs, from where the supervisor was started.
    environment_file
        Lines NAME=value, added to the supervisor's environment; empty for none.
    records
        The folder of records where the process is `fabio run`: gives the heartbeat (its `status.json`), tells whether a
        position is open, and takes the file HALT. Empty for other programs.
    after
        Started once these are ready; stopped before them.
    stop_s
        From SIGTERM to SIGKILL, 0 to 3600 s: flattening takes time.
    memory_limit_mb
        More, and it is stopped and started again; none for no limit.
    watch
        Files and folders whose Python, changed, means a stop and a start.
    """

    command: tuple[str, ...]
    directory: str = "."
    environment_file: str = ""
    records: str = ""
    after: tuple[str, ...] = ()
    stop_s: float = 30.0
    memory_limit_mb: float | None = None
    watch: tuple[str, ...] = ()
    heartbeat: Heartbeat | None = None
    restart: Restart = Restart()
    output: Output = Output()
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        if not self.command or not all(self.command):
            raise ValueError("command is empty: expected a program and its arguments, like "
                             '["fabio", "run", "--mode", "test"]')
        _within("stop_s", self.stop_s, 0, 3600)
        if self.memory_limit_mb is not None:
            _within("memory_limit_mb", self.memory_limit_mb, 1, 10_000_000)
        if self.schedule is not None and (self.records or self.heartbeat):
            raise ValueError("a process with a schedule comes to its own end: records and heartbeat are for those "
                             "that stay")

    @property
    def beats(self) -> Heartbeat | None:
        """The heartbeat in force: the one given, or an agent's own; None where there is none."""
        if self.heartbeat is None and self.records:
            return Heartbeat(file=f"{self.records}/status.json")
        return self.heartbeat


def minute_of_day(text: str) -> int:
    """Read HH:MM.

    >>> minute_of_day("17:05")
    1025

    Raises
    ------
    ValueError
        If it is no time of day.
    """
    hours, colon, minutes = text.partition(":")
    digits = colon and len(minutes) == 2 and (hours + minutes).isdecimal() and text.isascii()
    if not digits or not (int(hours) < 24 and int(minutes) < 60):
        raise ValueError(f"at is {text!r}; expected HH:MM, like 17:05")
    return int(hours) * 60 + int(minutes)
