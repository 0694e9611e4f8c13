"""The queue of commands: one lane for each order or market, exits before entries, all bounded.

Commands of one lane are carried out one after the other, in the order they came; lanes run side
by side. What makes a position smaller or safer never waits for an entry. A command that only
repeats one that waits already takes its place; so exits are as many as there are orders, and
only entries are ever turned away.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable

import msgspec

MOST_ENTRIES_WAITING = 32
MOST_EXITS_WAITING = 1024
ENTRIES_AT_ONCE = 4
EXITS_AT_ONCE = 24


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be carried out.

    Parameters
    ----------
    lane
        Jobs of one lane follow each other.
    market
        The market it is about.
    is_entry
        Whether it may make a position larger.
    same_as
        Two waiting jobs with equal keys are one: the newer counts. None for a job that stands alone.
    work
        Carries it out; must not raise for what the venue does.
    drop
        Called soon, with the reason, if it is never carried out.
    ends_with_position
        Whether it must not be carried out any more once its market is closed.
    """

    lane: str
    market: int
    is_entry: bool = False
    same_as: Hashable = None
    work: Callable[[], Awaitable[None]]
    drop: Callable[[str], None]
    ends_with_position: bool = False


class Lanes:
    """Carries jobs out."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._busy: set[str] = set()
        self._running = {True: 0, False: 0}  # is_entry -> jobs under way
        self._group: asyncio.TaskGroup | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        """Carry out what comes, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._start_what_may()
            await asyncio.get_running_loop().create_future()

    def put(self, job: Job) -> None:
        """Take a job; one that does not fit is dropped at once."""
        if job.same_as is not None:
            for place, other in enumerate(self._waiting):
                if other.same_as == job.same_as:
                    self._waiting[place] = job
                    return
        waiting = sum(each.is_entry == job.is_entry for each in self._waiting)
        most = MOST_ENTRIES_WAITING if job.is_entry else MOST_EXITS_WAITING
        if waiting >= most:
            self._drop(job, f"not sent: {waiting} commands wait for the venue already")
            return
        self._waiting.append(job)
        self._start_what_may()

    def drop(self, unwanted: Callable[[Job], bool], reason: str) -> None:
        """Take waiting jobs out that must not be carried out any more."""
        dropped = [job for job in self._waiting if unwanted(job)]
        self._waiting = deque(job for job in self._waiting if not unwanted(job))
        for job in dropped:
            self._drop(job, reason)

    def _drop(self, job: Job, reason: str) -> None:
        # not at once: whoever puts a job in must not be answered before it has done so
        asyncio.get_running_loop().call_soon(job.drop, reason)

    def _start_what_may(self) -> None:
        if self._group is None:
            return
        for is_entry, most in ((False, EXITS_AT_ONCE), (True, ENTRIES_AT_ONCE)):
            blocked = set(self._busy)
            for job in list(self._waiting):
                may = job.lane not in blocked and self._running[is_entry] < most
                if job.is_entry == is_entry and may:
                    self._waiting.remove(job)
                    self._busy.add(job.lane)
                    self._running[is_entry] += 1
                    self._group.create_task(self._carry_out(job), name=f"broker: {job.lane}")
                blocked.add(job.lane)  # what comes later in this lane waits for it

    async def _carry_out(self, job: Job) -> None:
        try:
            await job.work()
        finally:
            self._busy.discard(job.lane)
            self._running[job.is_entry] -= 1
        self._start_what_may()
