"""Small tasks beside the commands: to wait for something, then to look; and to be woken by it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fabio.adapters.topstepx.signalr.timing import AtMost, HubClock, TookTooLong

MOST_ERRANDS = 256


class Errands:
    """Tasks by what they are for: one at a time for each purpose, 256 in all.

    More than that are turned away: whoever asks has to be content with the next picture.
    """

    def __init__(self) -> None:
        self.turned_away = 0
        self._running: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}  # purpose -> what is done
        self._group: asyncio.TaskGroup | None = None

    def __len__(self) -> int:
        return len(self._running)

    async def run(self) -> None:
        """Run what is asked for, until cancelled; what was asked before begins now."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for purpose in list(self._running):
                self._start(group, purpose)
            await asyncio.get_running_loop().create_future()

    def go(self, purpose: str, errand: Callable[[], Coroutine[Any, Any, None]], always: bool = False) -> bool:
        """Begin an errand, unless one of this purpose runs already; False where too many run.

        Parameters
        ----------
        always
            Begin it however many run: for what makes a position smaller.
        """
        if purpose in self._running:
            return True
        if len(self._running) >= MOST_ERRANDS and not always:
            self.turned_away += 1
            return False
        self._running[purpose] = errand
        if self._group is not None:
            self._start(self._group, purpose)
        return True

    def _start(self, group: asyncio.TaskGroup, purpose: str) -> None:
        task = group.create_task(self._running[purpose](), name=f"broker: {purpose}")
        task.add_done_callback(lambda _: self._running.pop(purpose, None))


class Changes:
    """Lets tasks wait until something that they look at has become true."""

    def __init__(self, clock: HubClock) -> None:
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()

    def happened(self) -> None:
        """Let everybody who waits look again."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, is_true: Callable[[], bool], limit_s: float) -> bool:
        """Wait until it is true, at most so long; says whether it is."""
        try:
            async with AtMost(limit_s, self._clock.sleep, "a change at the venue"):
                while not is_true():
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiting.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiting.discard(waiter)
        except TookTooLong:
            return is_true()
        return True
