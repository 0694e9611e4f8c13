"""Pace: drives a gateway's time by the event loop's, at a multiple of it or as fast as it goes."""

import asyncio

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.topstepx.stamps import SECOND_NS

PIECE_S = 0.008
"""The loop's time for which a gateway is driven at once before others have their turn."""

_STRIDE_NS = 250_000_000
_IDLE_S = 0.01
_LONGEST_S = 3_600.0
_MOST_UNSENT = 2_000
"""As fast as it goes means: as fast as the slowest listener reads."""


class Pace:
    """A replay clock; made inside the loop that it runs in.

    Parameters
    ----------
    rate
        Seconds of the replay per second of the loop, > 0; None for as fast as it goes, which
        begins with the first subscription to a market, and goes on at 1 after the last tick.

    Attributes
    ----------
    is_fed
        All ticks there will be have been supplied.
    """

    def __init__(self, gateway: Gateway, rate: float | None) -> None:
        if rate is not None and not rate > 0:
            raise ValueError(f"the rate is {rate}; it must be above 0")
        self.is_fed = False
        self._gateway = gateway
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._start_s, self._start_ns = self._loop.time(), gateway.now_ns
        self._something_new = asyncio.Event()
        gateway.on_earlier = self._something_new.set

    @property
    def rate_text(self) -> str:
        """Say how fast it goes, as the header has it."""
        return "max" if self._rate is None else f"{self._rate:g}"

    def now_ns(self) -> int:
        """Tell what time it is."""
        if self._rate is None:
            return self._gateway.now_ns
        return self._start_ns + round((self._loop.time() - self._start_s) * self._rate * SECOND_NS)

    def wait_s(self, due_ns: int) -> float:
        """Give the loop's time until a moment of the replay, at most an hour."""
        if self._rate is None:
            return _IDLE_S if due_ns > self._gateway.now_ns else 0.0
        return min(max((due_ns - self.now_ns()) / SECOND_NS / self._rate, 0.0), _LONGEST_S)

    async def sleep(self, seconds: float) -> None:
        """Wait for seconds of the replay; as fast as it goes never longer than of the loop's."""
        if self._rate is not None:
            await asyncio.sleep(seconds / self._rate)
            return
        until_ns, until_s = self._gateway.now_ns + int(seconds * SECOND_NS), self._loop.time() + seconds
        while self._gateway.now_ns < until_ns and self._loop.time() < until_s:
            await asyncio.sleep(_IDLE_S)

    async def run(self) -> None:
        """Drive the gateway, for ever."""
        if self._rate is None:
            await self._run_freely()
            self._rate, self._start_s, self._start_ns = 1.0, self._loop.time(), self._gateway.now_ns
        while True:
            self._something_new.clear()
            now_ns, since_s = self.now_ns(), self._loop.time()
            while self._gateway.now_ns < now_ns:
                self._stride(now_ns)
                if self._loop.time() - since_s > PIECE_S:
                    await asyncio.sleep(0)
                    since_s = self._loop.time()
            wait_s = self.wait_s(self._gateway.next_due_ns())
            await wait_for(self._something_new, self._loop.time() + wait_s)

    async def _run_freely(self) -> None:
        gateway = self._gateway
        while not gateway.is_heard:
            await asyncio.sleep(_IDLE_S)
        while gateway.waiting_ticks or not self.is_fed:
            since_s = self._loop.time()
            while gateway.waiting_ticks and not self._is_crowded() and self._loop.time() - since_s < PIECE_S:
                self._stride(gateway.next_due_ns() + _STRIDE_NS)
            await asyncio.sleep(0 if gateway.waiting_ticks and not self._is_crowded() else _IDLE_S)

    def _stride(self, limit_ns: int) -> None:
        """Live a quarter of a second from the next thing that happens, not beyond a limit."""
        gateway = self._gateway
        gateway.advance(min(limit_ns, max(gateway.next_due_ns(), gateway.now_ns) + _STRIDE_NS))

    def _is_crowded(self) -> bool:
        return any(each.waiting > _MOST_UNSENT for each in self._gateway.hubs.connections.values())


async def wait_for(event: asyncio.Event, until_s: float | None) -> None:
    """Wait until an event is set, at most until a time of the loop; None waits for the event alone."""
    if until_s is None or event.is_set():
        await event.wait()
        return
    timer = asyncio.get_running_loop().call_at(until_s, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()
