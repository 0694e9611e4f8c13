"""The circuit breaker: a server that fails is left alone.

| state   | asked                         | ends                                                         |
|---------|-------------------------------|--------------------------------------------------------------|
| closed  | yes                           | 3 failures in a row -> open                                  |
| open    | no                            | after 600 s -> probing                                       |
| probing | once, others meanwhile not    | text -> closed, failure -> open                              |
| off     | no                            | the next day -> closed                                       |

The third opening of a day is off, and so are at once an empty account and a refused key:
neither mends itself.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from fabio.adapters.llm.asking import Ask, Failure, Model, Reply, Terms, failed

State = Literal["closed", "open", "probing", "off"]
_NOT_THE_SERVERS = ("over_budget", "breaker_open", "not_recorded")
_HOPELESS = ("quota", "unauthorised")


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, for how long, and how often before it gives the day up.

    Parameters
    ----------
    failures
        In a row, >= 1.
    open_s
        Seconds until a probe, >= 1.
    openings
        On one day, >= 1; the last is off.
    """

    failures: int = 3
    open_s: float = 600.0
    openings: int = 3

    def __post_init__(self) -> None:
        if self.failures < 1 or self.openings < 1 or not self.open_s >= 1:
            raise ValueError(f"failures is {self.failures}, openings {self.openings} and open_s {self.open_s} s; "
                             "expected 1 or more of each")


class Breaker:
    """Asks an inner model unless it has failed too often.

    Parameters
    ----------
    monotonic_s
        A clock for ages.
    day
        Names the day; a new name begins anew.
    """

    def __init__(
        self, inner: Model, terms: Terms, *, monotonic_s: Callable[[], float], day: Callable[[], str],
        limits: BreakerLimits | None = None,
    ) -> None:
        self._inner, self._terms = inner, terms
        self._monotonic_s, self._day = monotonic_s, day
        self._limits = limits or BreakerLimits()
        self._state: State = "closed"
        self._today = day()
        self._openings = 0
        self._failures = 0
        self._failures_before = 0  # what a text put an end to, should it turn out to be of no use
        self._opened_s = 0.0
        self._why = ""

    @property
    def state(self) -> State:
        """The state now; `open` until somebody asks, even when the time is over."""
        self._look_at_day()
        return self._state

    def words(self) -> str:
        """Say the state and its reason to a person."""
        state = self.state
        if state == "open":
            left_s = max(0.0, self._opened_s + self._limits.open_s - self._monotonic_s())
            return f"open for {left_s:.0f} s more: {self._why}"
        return f"off until tomorrow: {self._why}" if state == "off" else state

    async def ask(self, ask: Ask) -> Reply:
        """Answer, or say that nobody is asked."""
        self._look_at_day()
        is_over = self._monotonic_s() - self._opened_s >= self._limits.open_s
        if self._state == "open" and is_over:
            return await self._probe(ask)
        if self._state != "closed":
            return failed(ask, self._terms, Failure("breaker_open", self.words()))
        reply = await self._inner.ask(ask)
        self._take(reply)
        return reply

    def reject_last(self, why: str) -> None:
        """Count the latest text as a failure: whoever read it could not use it."""
        if self._state == "closed":
            self._failures = self._failures_before
            self._failed(why)

    async def _probe(self, ask: Ask) -> Reply:
        self._state = "probing"
        try:
            reply = await self._inner.ask(ask)
        except BaseException:
            if self._state == "probing":  # cancelled: nothing was learnt, the next may probe
                self._state = "open"
            raise
        if self._state == "probing" and reply.failure is not None and reply.failure.reason in _NOT_THE_SERVERS:
            self._state = "open"
        else:
            self._take(reply)
        return reply

    def _take(self, reply: Reply) -> None:
        failure = reply.failure
        if failure is None:
            self._failures_before, self._failures = self._failures, 0
            if self._state == "probing":
                self._state = "closed"
        elif failure.reason in _HOPELESS:
            self._state, self._why = "off", failure.reason
        elif failure.reason not in _NOT_THE_SERVERS:
            self._failed(failure.reason)

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self._state == "probing" or (self._state == "closed" and self._failures >= self._limits.failures):
            self._openings += 1
            self._failures = self._failures_before = 0
            self._opened_s, self._why = self._monotonic_s(), why
            self._state = "off" if self._openings >= self._limits.openings else "open"

    def _look_at_day(self) -> None:
        today = self._day()
        if today != self._today:
            self._today, self._openings, self._failures, self._failures_before = today, 0, 0, 0
            if self._state == "off":
                self._state = "closed"
