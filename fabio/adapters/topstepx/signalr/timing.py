"""Time as the connection sees it: injected, so that an hour of trouble is tested in no time."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

import msgspec


class HubClock(msgspec.Struct, frozen=True):
    """The clocks of one connection.

    Parameters
    ----------
    monotonic_s
        Seconds that only grow: for every pause, age and limit.
    sleep
        Waits so many seconds of `monotonic_s`.
    now_ns
        The runtime's clock, nanoseconds since 1970: stamps what arrives.
    wall_s
        The machine's wall clock, seconds since 1970: shows a sleep. None where there is only the runtime's.
    """

    monotonic_s: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    now_ns: Callable[[], int]
    wall_s: Callable[[], float] | None = None


def loop_clock(now_ns: Callable[[], int]) -> HubClock:
    """Give the clock of the running event loop."""
    return HubClock(asyncio.get_running_loop().time, asyncio.sleep, now_ns)


class TookTooLong(Exception):
    """A wait ran into its limit."""


class AtMost:
    """Limits a block of waits, as `asyncio.timeout` does by the loop's own clock.

    When the limit passes first, the block is cancelled at its current wait and `TookTooLong`
    comes out of it; a cancellation from outside passes through.

    Parameters
    ----------
    seconds
        The limit, by the clock that `sleep` belongs to.
    what
        What is waited for; stands in the error.
    """

    def __init__(self, seconds: float, sleep: Callable[[float], Awaitable[object]], what: str) -> None:
        self._seconds = seconds
        self._sleep = sleep
        self._what = what
        self._ran_out = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled_before = task.cancelling()
        self._timer = asyncio.create_task(self._expire(), name=f"limit of {self._what}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # no wait in here: between the block's end and this line the timer cannot fire
        self._timer.cancel()
        if not self._ran_out:
            return
        asked_by_us_alone = self._task.uncancel() <= self._cancelled_before
        if asked_by_us_alone and kind is asyncio.CancelledError:
            raise TookTooLong(f"{self._what}: nothing within {self._seconds:g} s") from None

    async def _expire(self) -> None:
        await self._sleep(self._seconds)
        self._ran_out = True
        self._task.cancel()
