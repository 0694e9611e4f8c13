"""The clock of a live run: the system's, or a replaying gateway's.

A real venue lives in wall time. The simulated gateway may replay a day at many times its
speed and says so; then the whole agent has to live at that speed, or every limit of seconds
would be wrong by that factor. So whoever waits or looks at the time does it here.

Times between two moments come from the monotonic clock. While the machine sleeps that one may
stand still, and the runtime clock would be late for good. So where the wall clock is ahead, the
runtime clock is set forward to it; never back: where the wall clock was set back, the runtime
clock goes on as it was. How far it is from the venue's is measured by the answers' dates.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

NS = 1_000_000_000
AHEAD_NS = NS
"""The wall clock is so much ahead: this machine slept, or somebody set its clock."""
LEAST_S = 1e-6
"""Less is lost in the sum of a time and a rest: who waits for the rest would wait again and again."""
logger = logging.getLogger("fabio.clock")


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
    wall_s
        Seconds since 1970 by the wall. None: the system's word where it gave the start; a clock that
        was told what time it is has no wall, and goes on by itself.

    Attributes
    ----------
    set_forward_ns
        By how much in all it was set forward to the wall clock.
    """

    def __init__(
        self, start: Moment | None = None, rate: float = 1.0, monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_s: Callable[[], float] | None = None,
    ) -> None:
        if not rate > 0:
            raise ValueError(f"the rate is {rate}; it must be above 0")
        self._monotonic_ns = monotonic_ns
        self._wall_s = _system_s if start is None and wall_s is None else wall_s
        self._start = Moment.now() if start is None else start
        self.set_forward_ns = 0
        self.rate = rate

    def now_ns(self) -> int:
        """Give the time, UTC; never falls."""
        if self._wall_s is None:
            return self._start.now_ns + self._passed_ns()
        wall_ns = int(self._wall_s() * NS)  # before the other clock: what passes between the two is not ahead
        now_ns = self._start.now_ns + self._passed_ns() + self.set_forward_ns
        if wall_ns - now_ns <= AHEAD_NS:
            return now_ns
        self.set_forward_ns += wall_ns - now_ns
        logger.warning("the runtime clock was set forward by %.1f s: this machine slept, or its clock was set",
                       (wall_ns - now_ns) / NS)
        return wall_ns

    def wall_s(self) -> float:
        """Give seconds since 1970 by the wall: it goes on while this machine sleeps, the monotonic one need not."""
        return self.now_ns() / NS if self._wall_s is None else self._wall_s()

    def monotonic(self) -> float:
        """Give seconds of this clock since some moment."""
        return self._passed_ns() / 1e9

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of this clock; a rest that no clock could show is a microsecond."""
        await asyncio.sleep((max(seconds, LEAST_S) if seconds > 0.0 else 0.0) / self.rate)

    def _passed_ns(self) -> int:
        passed = self._monotonic_ns() - self._start.monotonic_ns
        return passed if self.rate == 1.0 else int(passed * self.rate)


def _system_s() -> float:
    return time.time()
