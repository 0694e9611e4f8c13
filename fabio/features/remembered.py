"""What a market remembers of earlier sessions, as plain data: to hand on, to keep, to ask for."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fabio.model.session import SessionTable
from fabio.model.tick import Ticks

LEAST_HOLE_NS = 120_000_000_000
"""What is missing of a session for less than this is not made up from bars."""
_MINUTE_NS = 60_000_000_000


class PreviousSession(NamedTuple):
    """Levels of the last finished session, in ticks."""

    high_ticks: int
    low_ticks: int
    close_ticks: int
    poc_ticks: int
    vah_ticks: int
    val_ticks: int


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Finished sessions, oldest first: what a market remembers of earlier days.

    Parameters
    ----------
    running_range_ticks
        Shape (sessions, 1440): the session's range at the end of each of its minutes.
    bar_range_ticks
        Shape (sessions, 1440): the range of each minute's bar, -1 without one.
    previous
        Levels of the last one; None without a session.
    before_date
        `YYYYMMDD` of the session they stand behind: one of an earlier date that still runs is
        left first. 0 leaves none.
    today
        Prints made of bars (`from_bars`), of that session, as far as it was not seen.
    only_today
        What is remembered of earlier sessions stays; the columns above hold none.
    """

    running_range_ticks: NDArray[np.int32]
    bar_range_ticks: NDArray[np.int32]
    previous: PreviousSession | None
    before_date: int = 0
    today: Ticks | None = None
    only_today: bool = False


class Remembered(NamedTuple):
    """How much a market has seen.

    `session_date` is `YYYYMMDD` of the session that runs in it (0 before the first trade),
    `counts` whether that would count as finished if it ended now, `latest_ns` the time of its
    latest trade, `sessions` how many finished ones it remembers.
    """

    session_date: int
    counts: bool
    latest_ns: int
    sessions: int


class Lacking(NamedTuple):
    """What has to be made up: the earlier sessions, and the running one from a time on (None: nothing of it)."""

    sessions: bool
    today_from_ns: int | None


def lacking(remembered: Remembered, table: SessionTable, now_ns: int) -> Lacking:
    """Say what a market that begins to listen at `now_ns` does not know.

    What it has seen itself stands as long as it is of this session, or of the whole one right
    before: then only the minutes since are missing. The minute of the latest trade is seen as
    far as it was; the next one is the first that is made up.

    Raises
    ------
    NoSession
        If the table does not cover `now_ns`.
    """
    index = table.index_at(now_ns)
    date = int(table.dates[index])
    from_ns = int(table.opens_ns[index])
    sessions = True
    if remembered.session_date >= date:
        from_ns = (remembered.latest_ns // _MINUTE_NS + 1) * _MINUTE_NS
        sessions = remembered.sessions == 0
    elif index > 0 and remembered.session_date == int(table.dates[index - 1]):
        sessions = not remembered.counts
    known_to_ns = max(from_ns, remembered.latest_ns)
    return Lacking(sessions, from_ns if now_ns - known_to_ns >= LEAST_HOLE_NS else None)
