"""`fabio sink`: records into databases, in a process of its own.

The agent knows nothing of it: what stands in `logs/` is the buffer, and waits as long as it has to. Each target has
its own pace: one that is away holds up no other.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fabio.adapters.backoff import Backoff
from fabio.adapters.sinks.port import SinkUnusable
from fabio.adapters.sinks.targets import Target, make_sink
from fabio.runtime.sinking.follower import Follower
from fabio.runtime.sinking.rows import RowMaker, whose_records
from fabio.runtime.sinking.status import StatusFile
from fabio.runtime.wiring import instruments_of
from fabio.settings.load import Settings

GIVE_UP_S = 30.0
"""After so many seconds without any progress `--once` ends."""
_FIRST_S, _CAP_S = 0.5, 30.0


class SinkSilent(Exception):
    """The other side did not answer for as long as we were ready to wait (exit code 5)."""


def follower_of(
    folder: Path, target: Target, settings: Settings, *, random_share: Callable[[], float] = random.random,
    now_ns: Callable[[], int] = time.time_ns,
) -> Follower:
    """Put together what follows a folder for a target.

    Raises
    ------
    SinkUnusable
        If the packages it needs are not installed.
    """
    instruments, wished = instruments_of(settings), settings.sinks

    def maker() -> RowMaker | None:
        whose = whose_records(folder, wished.agent_id, wished.user_id)
        return None if whose is None else RowMaker(whose, instruments)

    return Follower(
        folder, make_sink(target), str(target), maker, StatusFile(folder, target.name),
        backoff=Backoff(_FIRST_S, _CAP_S, random_share), now_ns=now_ns,
    )


def catch_up(follower: Follower, sleep: Callable[[float], None], give_up_s: float = GIVE_UP_S) -> None:
    """Put all there is and return.

    Parameters
    ----------
    sleep
        Takes seconds.

    Raises
    ------
    SinkUnusable
        At once, where waiting does not help.
    SinkSilent
        After `give_up_s` seconds without progress.
    """
    waited_s = 0.0
    try:
        while True:
            wait_s = follower.turn()
            if follower.is_caught_up:
                return
            status = follower.status
            if status.state == "unusable":
                raise SinkUnusable(status.reason)
            waited_s = waited_s + wait_s if wait_s else 0.0
            if waited_s > give_up_s:
                raise SinkSilent(f"{status.reason or 'nothing to read'}; given up after {give_up_s:g} s")
            if wait_s:
                sleep(wait_s)
    finally:
        follower.close()


async def follow(followers: Sequence[Follower], stop: asyncio.Event, say: Callable[[str], None]) -> None:
    """Follow until told to stop; a turn that is under way is ended first.

    Parameters
    ----------
    say
        Takes lines for a person: each target's state, when it changes.
    """
    async with asyncio.TaskGroup() as group:
        for each in followers:
            group.create_task(_follow_one(each, stop, say), name=each.status.target)


async def _follow_one(follower: Follower, stop: asyncio.Event, say: Callable[[str], None]) -> None:
    told = ""
    try:
        while not stop.is_set():
            wait_s = await asyncio.to_thread(follower.turn)
            words = _words(follower)
            if words != told:
                say(words)
                told = words
            if wait_s:
                try:
                    async with asyncio.timeout(wait_s):
                        await stop.wait()
                except TimeoutError:
                    pass
    finally:
        follower.close()


def _words(follower: Follower) -> str:
    status = follower.status
    if status.state == "following":
        return f"{status.target}: up to date" if follower.is_caught_up else f"{status.target}: catching up"
    return f"{status.target}: {status.state}: {status.reason}" if status.reason else f"{status.target}: {status.state}"
