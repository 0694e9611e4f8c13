"""LiveLife: a venue's ticks and answers, as they come, on the runtime clock.

Everything that arrives waits in one line; one task takes it, all that is there at once, and
is the only one that touches the machine. Between arrivals it sleeps until the machine, or the
paper exchange, wants to be woken.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from fabio.journal.inbox import Outcome, Request
from fabio.model.event import JournaledEvent
from fabio.model.instrument import Instrument
from fabio.model.order import DONE_STATES
from fabio.model.tick import Ticks
from fabio.runtime.clock import Clock
from fabio.runtime.drive import Driver
from fabio.runtime.life import Watcher

NS = 1_000_000_000
LONGEST_NAP_S = 1.0
LOOK_S = 0.002
SETTLE_S = 20.0
"""How long a stop waits for the venue to be proven flat."""


class Arms(Protocol):
    """Answers `arm` and `disarm`."""

    async def answer(self, request: Request) -> tuple[Outcome, str]:
        """Do what was asked, or say why not."""


class Uncertain(Exception):
    """The agent ends while the venue is not known to be flat: a person has to look (exit code 7)."""


class LiveLife:
    """The life of an agent at a venue.

    Parameters
    ----------
    until_ns
        When to stop; None for never.

    Attributes
    ----------
    arming
        Set once the account is known.
    tasks
        Root tasks of feed and broker, by name; set before the life begins.
    """

    def __init__(
        self, driver: Driver, clock: Clock, instrument: Instrument, name: str, until_ns: int | None = None,
    ) -> None:
        self.finished = False
        self.tasks: Mapping[str, Watcher] = {}
        self.name = name
        self.instrument = instrument
        self._driver = driver
        self._clock = clock
        self._until_ns = until_ns
        self._line: deque[JournaledEvent | Ticks] = deque()
        self._arrived = asyncio.Event()
        self.arming: Arms | None = None

    @property
    def now_ns(self) -> int:
        """The runtime clock; never behind what the machine has lived through."""
        return max(self._clock.now_ns(), self._driver.engine.state.now_ns)

    def progress(self) -> float:
        """A venue has no end."""
        return 0.0

    def tell(self, what: JournaledEvent | Ticks) -> None:
        """Put in line what feed or broker say."""
        self._line.append(what)
        self._arrived.set()

    async def answer(self, request: Request) -> tuple[Outcome, str]:
        """Arm or disarm, or say why not."""
        if self.arming is None:
            return "refused", "the venue is not ready yet"
        return await self.arming.answer(request)

    async def live(self, is_stopping: Callable[[], bool]) -> None:
        """Live until somebody wants to stop."""
        while not is_stopping():
            await self._nap()
            self._take_all()
            if self._until_ns is not None and self.now_ns >= self._until_ns:
                return

    async def end(self, stop: Callable[[str], None]) -> None:
        """Flatten, and wait until the venue proves it.

        Raises
        ------
        Uncertain
            If it does not within `SETTLE_S`.
        """
        stop("the time given with --until has come")
        limit_s = self._clock.monotonic() + SETTLE_S  # a machine that slept meanwhile has not tried so long
        while not self._is_flat():
            if self._clock.monotonic() > limit_s:
                raise Uncertain(
                    f"the venue is not proven flat {SETTLE_S:g} s after the stop: look at your platform, now. "
                    "A start of the agent goes on where this one stopped"
                )
            await self._nap()
            self._take_all()

    async def picture(self, limit_s: float, ask: Callable[[], None]) -> bool:
        """Ask for a picture and wait until the machine has seen one that was taken since; False if none came."""
        asked_ns = self.now_ns
        ask()
        try:
            async with asyncio.timeout(limit_s):  # of the world: a person waits
                while True:
                    seen_ns = self._driver.engine.state.venue.picture_ns
                    if seen_ns is not None and seen_ns >= asked_ns:
                        return True
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False

    def _is_flat(self) -> bool:
        state = self._driver.engine.state
        if any(market.position is not None or market.care.unproven is not None for market in state.markets):
            return False
        return not any(record.at_venue and record.state not in DONE_STATES for record in state.orders.values())

    async def _nap(self) -> None:
        """Sleep until something arrives or is due."""
        due_ns = min(self._driver.engine.next_timer_ns(), self._driver.exchange.next_due_ns())
        rest_s = min(max(due_ns - self.now_ns, 0) / NS, LONGEST_NAP_S)
        try:
            async with asyncio.timeout(rest_s / self._clock.rate):
                await self._arrived.wait()
        except TimeoutError:
            pass

    def _take_all(self) -> None:
        """Let everything that waits happen, in the order it came, then what is due."""
        self._arrived.clear()
        driver = self._driver
        while self._line:
            what = self._line.popleft()
            if isinstance(what, Ticks):
                driver.feed(what)
            else:
                driver.happen(msgspec.structs.replace(what, ts_ns=max(what.ts_ns, driver.engine.state.now_ns)))
        driver.pass_time(self.now_ns)
