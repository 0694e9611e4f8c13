"""When pictures are taken: after each connection, when asked, in doubt, and by the clock.

One at a time, and none while REST does not answer. What is asked for while one is under way
gets another, as the first may have looked before. Five may follow each other at once, then one
every five seconds: even a picture that is asked for without end leaves room for everything else.
"""

import asyncio
from collections.abc import Callable

from fabio.adapters.topstepx.broker.life import Life
from fabio.adapters.topstepx.broker.picture import Camera
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.model.event import CommandFailed, VenueSeen
from fabio.model.venue import NO_MARKET

AT_ONCE = 5
ONE_EVERY_S = 5.0
AWAY_LOOK_S = 0.25
LEAST_WAIT_S = 0.01
"""Shares of a second do not add up exactly: a wait for the last of it would not advance the clock."""


class Pictures:
    """Takes pictures and tells them.

    Parameters
    ----------
    every_s
        Longest time between two pictures: what the user hub never told is found by it.
    settled
        Called after each picture: what waited for a fact that it brought is looked at again.
    """

    def __init__(
        self, reach: Reach, life: Life, camera: Camera, every_s: float, settled: Callable[[], None]
    ) -> None:
        self._reach = reach
        self._life = life
        self._camera = camera
        self._every_s = every_s
        self._settled = settled
        self._wanted = asyncio.Event()
        self._asked = False
        self._allowed = float(AT_ONCE)
        self._counted_s = self._latest_s = reach.clock.monotonic_s()

    def want(self, reason: str, asked: bool = False) -> None:
        """Ask for a picture that begins after now.

        Parameters
        ----------
        asked
            Whether the engine asked: then it hears of a failure, and the picture is urgent.
        """
        self._reach.counts["pictures wanted"] += 1
        self._asked |= asked
        self._wanted.set()

    async def run(self) -> None:
        """Take what is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            if not self._life.rest_up:
                # what is wanted stays wanted: each try would cost two dozen calls that exits may need
                await self._reach.clock.sleep(AWAY_LOOK_S)
                continue
            await self._wait_for_turn()
            self._wanted.clear()
            asked, self._asked = self._asked, False
            await self._take(asked)

    async def watch(self) -> None:
        """Want one whenever none was taken for too long, until cancelled."""
        clock = self._reach.clock
        while True:
            await clock.sleep(max(self._latest_s + self._every_s - clock.monotonic_s(), LEAST_WAIT_S))
            if clock.monotonic_s() - self._latest_s >= self._every_s:
                self._latest_s = clock.monotonic_s()
                if self._life.generation:
                    self._wanted.set()

    async def _take(self, asked: bool) -> None:
        reach = self._reach
        reach.counts["pictures"] += 1
        self._latest_s = reach.clock.monotonic_s()
        urgency = Urgency.PROTECT if asked else Urgency.ASK
        taken = await self._camera.take(self._life.generation, urgency, self._life.is_up)
        if taken.picture is not None:
            reach.emit(VenueSeen(ts_ns=reach.now_ns(), picture=taken.picture))
        for why in taken.doubts:
            reach.counts["doubts of pictures"] += 1
            reach.note(f"a picture of the venue is not whole: {why}")
        if taken.failures:
            reach.counts["pictures with failures"] += 1
            self._life.rest_failed(f"REST does not answer: {taken.failures[0]}")
        else:
            self._life.steady()
        if taken.picture is None and asked:
            reach.emit(CommandFailed(ts_ns=reach.now_ns(), market=NO_MARKET, command="TakePicture", known=False,
                                     reason=taken.failures[0] if taken.failures else "nothing answered"))
        self._settled()

    async def _wait_for_turn(self) -> None:
        while True:
            now_s = self._reach.clock.monotonic_s()
            self._allowed = min(AT_ONCE, self._allowed + (now_s - self._counted_s) / ONE_EVERY_S)
            self._counted_s = now_s
            if self._allowed >= 1:
                self._allowed -= 1
                return
            await self._reach.clock.sleep(max((1 - self._allowed) * ONE_EVERY_S, LEAST_WAIT_S))
