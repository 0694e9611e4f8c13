"""Rates: what leaves in any window stays under the venue's limit, exits go first.

The venue allows 200 calls in 60 s, and 50 in 30 s for history; whether its window slides is not
published. Ours does, at 80 %: in no window of 60 s (30 s), wherever it begins, do more than 160
(40) calls leave. The last 20 of the 160 are kept back for what makes a position smaller or safer.

`Window` is the arithmetic, without a loop; `Gate` is the queue in front of it.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from itertools import count

import msgspec

from fabio.adapters.topstepx.errors import NeverLeft

AFTER_429_S = (5.0, 15.0, 30.0)
"""Pauses after the first, second and every further call in a row that the venue found too many."""

LONGEST_RETRY_AFTER_S = 120.0
QUEUE_LIMIT = 200
_LONGEST_TIMER_S = 1.0
_MARGIN_S = 0.001


class Urgency(IntEnum):
    """Who goes first when there is a queue."""

    PROTECT = 0
    """Cancel, close, flatten, a stop that is placed or moved, and the reads these need."""

    TRADE = 1
    """A new entry."""

    ASK = 2
    """All other reads."""


class Limit(msgspec.Struct, frozen=True):
    """At most `calls` in any `window_s` seconds, of which the last `reserve` are for `PROTECT` only."""

    calls: int
    window_s: float
    reserve: int = 0


GENERAL_LIMIT = Limit(calls=160, window_s=60.0, reserve=20)
HISTORY_LIMIT = Limit(calls=40, window_s=30.0)


class Window:
    """A sliding window over the times at which calls left, and the pause after a 429.

    During a pause a protective call may still try every 5 s, whatever `Retry-After` says: the only
    way to learn that the venue takes exits again is to send one. Once one was taken, all may leave.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._departed_s: deque[float] = deque()
        self._refused_s = float("-inf")  # when the last pause began
        self._paused_until_s = float("-inf")
        self._refusals = 0
        self._takes_exits = True

    def wait_s(self, now_s: float, urgency: Urgency) -> float:
        """Seconds until a call of this urgency may leave if no other does; 0 means now."""
        departed = self._departed_s
        while departed and now_s - departed[0] > self._limit.window_s + _MARGIN_S / 2:
            departed.popleft()
        cap = self._limit.calls - (0 if urgency is Urgency.PROTECT else self._limit.reserve)
        wait_s = 0.0
        if len(departed) >= cap:
            wait_s = departed[len(departed) - cap] + self._limit.window_s - now_s + _MARGIN_S
        resumes_s = self._paused_until_s
        if urgency is Urgency.PROTECT:
            last_s = max(self._refused_s, departed[-1] if departed else self._refused_s)
            resumes_s = now_s if self._takes_exits else min(resumes_s, last_s + AFTER_429_S[0])
        return max(wait_s, resumes_s - now_s, 0.0)

    def spend(self, now_s: float) -> None:
        """Note that a call leaves now."""
        self._departed_s.append(now_s)

    def ages_s(self, now_s: float) -> list[float]:
        """How long ago the calls of the window left."""
        return [now_s - each for each in self._departed_s if now_s - each <= self._limit.window_s]

    def assume(self, departed_s: list[float]) -> None:
        """Count calls that somebody else has made, before any of our own."""
        self._departed_s.extendleft(sorted(departed_s, reverse=True))

    def limited(self, departed_s: float, now_s: float, retry_after_s: float | None) -> None:
        """Note that the venue answered 429 to the call that left at `departed_s`.

        Calls that were under way together count as one refusal.
        """
        if departed_s > self._refused_s:
            self._refusals += 1
            self._refused_s = now_s
            self._takes_exits = False
        pause_s = AFTER_429_S[min(self._refusals, len(AFTER_429_S)) - 1]
        if retry_after_s is not None:
            pause_s = max(pause_s, min(retry_after_s, LONGEST_RETRY_AFTER_S))
        self._paused_until_s = max(self._paused_until_s, now_s + pause_s)

    def passed(self, departed_s: float) -> None:
        """Note that the venue took the call that left at `departed_s`: later pauses start small again."""
        if departed_s > self._refused_s:
            self._refusals = 0
            self._takes_exits = True


class Gate:
    """The queue of calls that wait for their place in a window.

    Most urgent first, then first come, first served. It holds 200 calls that wait; one more is
    turned away at once, but a protective one may wait beyond.

    Parameters
    ----------
    monotonic_s
        The clock of the windows, in seconds; never goes back.
    """

    def __init__(self, limit: Limit, monotonic_s: Callable[[], float]) -> None:
        self._window = Window(limit)
        self._monotonic_s = monotonic_s
        self._waiting: list[tuple[Urgency, int, asyncio.Future[float]]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        self._waiting = [place for place in self._waiting if not place[2].done()]  # some gave up
        heapq.heapify(self._waiting)
        return len(self._waiting)

    async def take(self, urgency: Urgency) -> float:
        """Wait for a place and take it; returns when the call may leave, on the gate's clock.

        Raises
        ------
        NeverLeft
            If the queue is full.
        """
        if self.waiting >= QUEUE_LIMIT and urgency is not Urgency.PROTECT:
            raise NeverLeft(f"{QUEUE_LIMIT} calls wait for the venue's rate limit already", delay_s=5.0)
        turn: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (urgency, next(self._order), turn))
        self._let_through()
        return await turn

    def ages_s(self) -> list[float]:
        """How long ago the calls of the window left."""
        return self._window.ages_s(self._monotonic_s())

    def assume(self, ages_s: list[float]) -> None:
        """Count calls that an earlier process made so long ago, before any of our own."""
        now_s = self._monotonic_s()
        self._window.assume([now_s - each for each in ages_s])

    def limited(self, departed_s: float, retry_after_s: float | None) -> None:
        """Pause after a 429 to the call that left at `departed_s`; `retry_after_s` as the venue asks, if it does."""
        self._window.limited(departed_s, self._monotonic_s(), retry_after_s)

    def passed(self, departed_s: float) -> None:
        """Note any other answer to the call that left at `departed_s`."""
        self._window.passed(departed_s)
        self._let_through()

    def _let_through(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            urgency, _, turn = self._waiting[0]
            if turn.done():  # its caller has given up
                heapq.heappop(self._waiting)
                continue
            now_s = self._monotonic_s()
            wait_s = self._window.wait_s(now_s, urgency)
            if wait_s > 0:
                # looked at once a second at least: the clock may be another than the loop's
                pause_s = min(max(wait_s, _MARGIN_S), _LONGEST_TIMER_S)
                self._timer = asyncio.get_running_loop().call_later(pause_s, self._let_through)
                return
            heapq.heappop(self._waiting)
            self._window.spend(now_s)
            turn.set_result(now_s)
