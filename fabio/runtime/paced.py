"""PacedLife: a tape, recorded or generated, lived through at a speed or as fast as it goes."""

import asyncio
import time
from collections.abc import Callable, Mapping

from fabio.journal.inbox import Outcome, Request
from fabio.model.instrument import Instrument
from fabio.runtime.drive import Driver
from fabio.runtime.feeds import Feed, Stretch
from fabio.runtime.life import Watcher

PIECE_S = 0.008
"""Wall time the machine takes at once before other tasks have their turn."""
PACE_S = 0.01
FEWEST, MOST = 64, 65_536  # ticks in a piece
SETTLE_NS = 2_000_000_000
"""How long a flattening at the end may take on the runtime clock."""


class PacedLife:
    """The life of an agent in test mode.

    Parameters
    ----------
    until_ns
        Runtime clock at which to stop; None for the feed's end.
    """

    def __init__(self, driver: Driver, feed: Feed, until_ns: int | None = None) -> None:
        self.finished = False
        self.tasks: Mapping[str, Watcher] = {}
        self._driver = driver
        self._feed = feed
        self._until_ns = until_ns
        self._piece = 1_024
        self._is_over = False  # the time given has come

    @property
    def name(self) -> str:
        """Name the feed."""
        return self._feed.name

    @property
    def instrument(self) -> Instrument:
        """What the feed is of."""
        return self._feed.instrument

    @property
    def now_ns(self) -> int:
        """The runtime clock: that of the feed."""
        return self._driver.engine.state.now_ns

    def progress(self) -> float:
        """Tell how much of the feed is over, 0 to 1."""
        return self._feed.progress(self.now_ns, self._driver.engine.state.tape_pos)

    async def answer(self, request: Request) -> tuple[Outcome, str]:
        """Refuse: there is no venue."""
        return "refused", f"{request.verb} belongs to live trading: `fabio run --mode live` starts it"

    async def live(self, is_stopping: Callable[[], bool]) -> None:
        """Live through the feed."""
        stretches = self._feed.stretches()
        while not (is_stopping() or self._is_over):
            stretch = await asyncio.to_thread(next, stretches, None)
            if stretch is None:
                self.finished = True
                if self._feed.end_ns is not None:
                    self._driver.pass_time(self._feed.end_ns)
                return
            await self._pass(stretch, is_stopping)

    async def end(self, stop: Callable[[str], None]) -> None:
        """Let the exchange do what it was asked for, where no tick comes any more."""
        driver = self._driver
        if self._is_over:
            stop("the time given with --until has come")
        elif any(market.position is not None for market in driver.engine.state.markets):
            stop("the feed has ended")
        limit_ns = self.now_ns + SETTLE_NS
        due_ns = driver.exchange.next_due_ns()
        while due_ns <= limit_ns:
            driver.pass_time(due_ns)
            due_ns = driver.exchange.next_due_ns()

    async def _pass(self, stretch: Stretch, is_stopping: Callable[[], bool]) -> None:
        """Live through a stretch, at its speed."""
        ticks, start = stretch.ticks, 0
        end = len(ticks)
        if self._until_ns is not None:
            end = int(ticks.ts_recv_ns.searchsorted(self._until_ns, side="right"))
        first_ns = int(ticks.ts_recv_ns[0]) if len(ticks) else 0
        since = time.perf_counter()
        while start < end and not is_stopping():
            stop = min(start + self._piece, end)
            if stretch.speed is not None:
                now_ns = first_ns + int((time.perf_counter() - since) * stretch.speed * 1e9)
                due = int(ticks.ts_recv_ns.searchsorted(now_ns, side="right"))
                if due <= start:
                    self._driver.pass_time(min(now_ns, int(ticks.ts_recv_ns[start]) - 1))
                    await asyncio.sleep(PACE_S)
                    continue
                stop = min(stop, due)
            self._take(stretch, start, stop)
            start = stop
            await asyncio.sleep(0)
        if self._until_ns is not None and end < len(ticks) and not is_stopping():
            self._driver.pass_time(self._until_ns)
            self._is_over = True

    def _take(self, stretch: Stretch, start: int, stop: int) -> None:
        """Feed a piece, and learn how large the next one may be."""
        since = time.perf_counter()
        self._driver.feed(stretch.ticks.slice(start, stop))
        took = time.perf_counter() - since
        if took > PIECE_S:
            self._piece = max(FEWEST, int((stop - start) * PIECE_S / took))
        elif stop - start == self._piece and took < PIECE_S / 2:
            self._piece = min(MOST, self._piece * 2)
