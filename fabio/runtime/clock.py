"""The clock of a live run: the system's, or a replaying gateway's.

A real venue lives in wall time. The simulated gateway may replay a day at many times its
speed and says so; then the whole agent has to live at that speed, or every limit of seconds
would be wrong by that factor. So whoever waits or looks at the time does it here.

Times between two moments come from the monotonic clock: a step of the wall clock moves
nothing but the offset to the venue, which is measured apart.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple


class Moment(NamedTuple):
    """What time it was, by both clocks, at one moment."""

    now_ns: int
    monotonic_ns: int

    @classmethod
    def now(cls, now_ns: int | None = None) -> "Moment":
        """Take this moment; `now_ns` is what time it is, None for the system's word."""
        return cls(time.time_ns() if now_ns is None else now_ns, time.monotonic_ns())


class Clock:
    """Time for one live run.

    Parameters
    ----------
    start
        What time it is; None takes the system's.
    rate
        Seconds of this clock per second of the world, > 0.
    monotonic_ns
        Nanoseconds of the world, only growing; a test gives its own.
    """

    def __init__(
        self, start: Moment | None = None, rate: float = 1.0, monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"the rate is {rate}; it must be above 0")
        self._monotonic_ns = monotonic_ns
        self._is_the_systems = start is None
        self._start = Moment.now() if start is None else start
        self.rate = rate

    def now_ns(self) -> int:
        """Give the time, UTC; never falls."""
        return self._start.now_ns + self._passed_ns()

    def wall_s(self) -> float:
        """Give seconds since 1970 by the wall: it goes on while this machine sleeps, the monotonic one need not."""
        return time.time() if self._is_the_systems else self.now_ns() / 1e9

    def monotonic(self) -> float:
        """Give seconds of this clock since some moment."""
        return self._passed_ns() / 1e9

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of this clock."""
        await asyncio.sleep(max(seconds, 0.0) / self.rate)

    def _passed_ns(self) -> int:
        passed = self._monotonic_ns() - self._start.monotonic_ns
        return passed if self.rate == 1.0 else int(passed * self.rate)
