"""What goes into a course, and what comes out: one look at a process, and what is to be done with it."""

from typing import Literal

import msgspec

Exposure = Literal["flat", "open", "unknown"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found.

    Parameters
    ----------
    now_s
        Time the supervisor has lived: a suspended machine does not age it.
    code
        Where it has ended: the exit code, negative for a signal; None where nobody could know.
    beat
        Whether the heartbeat's file has changed since the last look.
    memory_mb
        None where it was not looked at.
    may_start
        Whether all it waits for is ready, and where it has a schedule, it is due.
    exposure
        What it held when it last said so; of interest where it has ended.
    asked
        Whether it has ended because somebody asked it to (`fabio stop`): it stays away then.
    """

    now_s: float
    running: bool
    code: int | None = None
    beat: bool = False
    memory_mb: float | None = None
    may_start: bool = True
    exposure: Exposure = "flat"
    asked: bool = False


class Start(msgspec.Struct, frozen=True):
    """Start the process."""


class Send(msgspec.Struct, frozen=True):
    """Send it a signal."""

    number: int


class Halt(msgspec.Struct, frozen=True):
    """Put the file HALT into its folder of records."""

    reason: str


class Page(msgspec.Struct, frozen=True):
    """A person has to know at once."""

    text: str


class Say(msgspec.Struct, frozen=True):
    """A line for whoever reads."""

    text: str


Act = Start | Send | Halt | Page | Say
