"""Looks at all markets of the feed four times a second, and does what their watchdogs ask for.

What is lost is not told from here, but left as an alarm: whoever takes the feed's items puts it where
it belongs among them. While messages wait to be taken nobody is called silent: the slow one is us.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence

from fabio.adapters.topstepx.feed.items import FeedItems
from fabio.adapters.topstepx.feed.lane import Lane
from fabio.adapters.topstepx.feed.print_checks import NS
from fabio.adapters.topstepx.feed.prints import PrintTaker
from fabio.adapters.topstepx.feed.probe import Probe
from fabio.adapters.topstepx.feed.watchdog import Hours, Verdict
from fabio.adapters.topstepx.signalr.hub import Hub
from fabio.adapters.topstepx.signalr.timing import HubClock

LOOK_S = 0.25
STALL_S = 1.0
"""A look that comes so much too late tells of our own standstill."""
SLEPT_S = 5.0
"""So much more on the wall's clock, or the runtime's, than on the monotonic one: the computer slept, or a clock was
set."""


class Inquiry:
    """Puts a market's question to REST and drops an answer that came too late.

    Attributes
    ----------
    verdicts
        How often each was given.
    """

    def __init__(self, probe: Probe, prints: PrintTaker, items: FeedItems) -> None:
        self.verdicts: Counter[str] = Counter()
        self._probe, self._prints, self._items = probe, prints, items

    async def ask(self, lane: Lane, venue_ns: int) -> Verdict:
        """Ask whether the market traded unheard; UNKNOWN too where it was heard of meanwhile."""
        before = self._moment(lane)
        contract_id, seen_ns, whole_ns = before
        verdict = await self._probe.ask(contract_id, seen_ns, whole_ns, venue_ns)
        self.verdicts[f"probes {verdict.value}"] += 1
        return verdict if self._moment(lane) == before else Verdict.UNKNOWN

    def _moment(self, lane: Lane) -> tuple[str, int, int]:
        return lane.contract_id, self._prints.seen_ns(lane.number), self._items.whole_ns


class Vigil:
    """The watch over a feed's markets.

    Parameters
    ----------
    venue_ns
        Turns a time of the runtime's clock into one of the venue's.

    Attributes
    ----------
    alarms
        Market and why it is lost, oldest first; whoever takes one removes it.
    """

    def __init__(
        self, lanes: Sequence[Lane], hub: Hub, inquiry: Inquiry, clock: HubClock, venue_ns: Callable[[int], int],
    ) -> None:
        self.alarms: deque[tuple[Lane, str]] = deque()
        self._counts: Counter[str] = Counter()
        self._lanes, self._hub, self._inquiry = lanes, hub, inquiry
        self._clock, self._venue_ns = clock, venue_ns
        self._looked_s, self._looked_ns, self._wall_s = clock.monotonic_s(), clock.now_ns(), self._by_the_wall_s()

    @property
    def counts(self) -> dict[str, int]:
        """What happened so far, by name."""
        return {**self._counts, **self._inquiry.verdicts}

    def begin(self) -> None:
        """Call every market lost that is open: nobody has heard of it yet."""
        venue_ns = self._venue_ns(self._clock.now_ns())
        for lane in self._lanes:
            if lane.hours(venue_ns) is not Hours.CLOSED:
                self.alarms.append((lane, "nothing was heard of the market yet"))

    def look(self, is_waiting: bool, group: asyncio.TaskGroup) -> None:
        """Look once.

        Parameters
        ----------
        is_waiting
            Whether messages have waited for a while: then silence proves nothing.
        group
            Runs the probes.
        """
        now_s, now_ns, wall_s = self._clock.monotonic_s(), self._clock.now_ns(), self._by_the_wall_s()
        passed_s = now_s - self._looked_s
        slept_s = max((now_ns - self._looked_ns) / NS, wall_s - self._wall_s) - passed_s
        self._looked_s, self._looked_ns, self._wall_s = now_s, now_ns, wall_s
        if passed_s - LOOK_S > STALL_S:
            self._counts["stalls"] += 1
            for lane in self._lanes:
                lane.watchdog.stalled(passed_s - LOOK_S)
        venue_ns = self._venue_ns(now_ns)
        if slept_s > SLEPT_S:
            self._slept(f"{slept_s:.0f} s are missing on the monotonic clock: the computer slept", venue_ns)
        elif not is_waiting:
            for lane in self._lanes:
                self._look_at(lane, now_s, venue_ns, group)

    def _by_the_wall_s(self) -> float:
        wall_s = self._clock.wall_s
        return 0.0 if wall_s is None else wall_s()

    def _look_at(self, lane: Lane, now_s: float, venue_ns: int, group: asyncio.TaskGroup) -> None:
        hours = lane.hours(venue_ns)
        if hours is not Hours.CLOSED and not self._hub.connected:
            self._alarm(lane, "not connected")
            return
        alarm = lane.watchdog.look(now_s, hours)
        if alarm.lost:
            self._alarm(lane, alarm.lost)
        if alarm.reconnect:
            self._counts["reconnections asked for"] += 1
            self._hub.reconnect(alarm.reconnect)
        elif alarm.probe and not lane.probing:
            lane.probing = True
            group.create_task(self._ask(lane, venue_ns), name=f"probe of {lane.contract_id}")

    def _slept(self, why: str, venue_ns: int) -> None:
        self._counts["slept"] += 1
        for lane in self._lanes:
            if lane.hours(venue_ns) is not Hours.CLOSED:
                self._alarm(lane, why)
        self._hub.reconnect(why)

    def _alarm(self, lane: Lane, why: str) -> None:
        if not lane.lost:
            self.alarms.append((lane, why))

    async def _ask(self, lane: Lane, venue_ns: int) -> None:
        try:
            verdict = await self._inquiry.ask(lane, venue_ns)
        finally:
            lane.probing = False
        lane.answered(verdict, self._clock.monotonic_s())
