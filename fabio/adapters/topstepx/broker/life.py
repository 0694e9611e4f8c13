"""Whether the venue is heard and answers, and how often that had to begin anew: the generation.

Theory. The venue is *up* when the user hub is connected and REST answers. Whatever may have
hidden a change from us ends that: the hub's connection, `GatewayLogout`, a read that failed for
good, a machine that slept, our own restart. To be up again takes a connected hub and an answer
of REST; then the generation grows by one, and a picture is taken. A decision made on an older
generation is not sent.

A sleep of the machine shows in two ways: a pause of a second took much longer, or the wall
clock ran away from the monotonic one (which stands still in a sleep on some systems). A step of
the wall clock looks the same, and costs no more than a picture.
"""

import asyncio
from collections.abc import Callable

import msgspec

from fabio.adapters.backoff import Backoff
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.signalr.notices import AttemptFailed, Connected, Lost, Notice, RecordRefused
from fabio.model.event import VenueLost, VenueRestored

Reconnect = Callable[[str, bool], None]
"""Ends the hub's connection and makes a new one: why, and whether to be slow about it (`Hub.reconnect`)."""


class LifeTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds.

    Parameters
    ----------
    first_pause_s, longest_pause_s
        Between the questions whether REST answers again.
    look_s
        How often the clocks are compared.
    slept_s
        So much more than `look_s` on the monotonic clock is a sleep of the process. A clock that
        runs faster than the world needs more.
    stepped_s
        So much between the wall clock and the monotonic one is a sleep of the machine, or a step.
    """

    first_pause_s: float = 1.0
    longest_pause_s: float = 8.0
    look_s: float = 1.0
    slept_s: float = 10.0
    stepped_s: float = 5.0


class Life:
    """Keeps the generation.

    Parameters
    ----------
    reconnect
        Of the user hub.
    answers
        Called when REST answers after it did not, and after each `VenueRestored`: a picture has to follow.
    doubt
        Told, in words, when something can only be cleared by a picture.

    Attributes
    ----------
    generation
        Of the latest time the venue was up; 0 before the first.
    is_up
        Whether decisions of this generation may be sent.
    hub_up
        Whether the user hub is connected.
    rest_up
        Whether REST answered the last time that counted; while it does not, one cheap question
        at a time finds out when it does again.
    connection
        The hub's own number of its latest connection.
    """

    def __init__(
        self, reach: Reach, times: LifeTimes, random_share: Callable[[], float], reconnect: Reconnect,
        answers: Callable[[], None], doubt: Callable[[str], None],
    ) -> None:
        self.generation = 0
        self.is_up = False
        self.hub_up = False
        self.rest_up = True
        self.connection = 0
        self._reach = reach
        self._times = times
        self._pauses = Backoff(times.first_pause_s, times.longest_pause_s, random_share)
        self._reconnect = reconnect
        self._answers = answers
        self._doubt = doubt
        self._losses = 0
        self._changed = asyncio.Event()

    async def heal(self) -> None:
        """Be up again whenever that is possible, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while not self.rest_up or (self.hub_up and not self.is_up):
                if not self.rest_up:
                    await self._reach.clock.sleep(self._pauses.next_s())
                await self._ask()

    async def watch_clocks(self) -> None:
        """Notice when the machine slept, until cancelled."""
        clock, wall_s = self._reach.clock, self._reach.wall_s
        while True:
            before_s, wall_before_s = clock.monotonic_s(), wall_s()
            await clock.sleep(self._times.look_s)
            passed_s = clock.monotonic_s() - before_s
            stepped_s = wall_s() - wall_before_s - passed_s
            if passed_s > self._times.look_s + self._times.slept_s:
                self.interrupted(f"this machine slept: {self._times.look_s:g} s took {passed_s:.0f} s")
            elif abs(stepped_s) > self._times.stepped_s:
                self.interrupted(f"this machine slept, or its clock was set: the wall clock went {stepped_s:+.0f} s")

    def notice(self, notice: Notice) -> None:
        """Take what the user hub tells of itself."""
        match notice:
            case Connected(generation=connection):
                self.connection = connection
                self.hub_up = True
                self._changed.set()
            case Lost(reason=reason, detail=detail):
                self.hub_up = False
                self.lose(f"the user hub is away ({reason.value}: {detail})")
            case AttemptFailed():
                self._reach.counts["hub attempts that failed"] += 1
            case RecordRefused(record=record):
                self._doubt(f"the user hub said something unreadable ({record.kind.value})")

    def lose(self, reason: str) -> None:
        """Note that changes may go unseen from now on; told once until the venue is up again."""
        self._losses += 1
        if self.is_up:
            self.is_up = False
            self._reach.emit(VenueLost(ts_ns=self._reach.now_ns(), reason=reason))
        self._changed.set()

    def interrupted(self, reason: str, slow: bool = False) -> None:
        """Note that the hub's connection cannot be trusted, whatever it says; it is made anew."""
        self.hub_up = False
        self.lose(reason)
        self._reconnect(reason, slow)

    def rest_failed(self, reason: str) -> None:
        """Note that REST does not answer; it is asked again after pauses that grow."""
        self.rest_up = False
        self.lose(reason)

    def steady(self) -> None:
        """Note that everything answered: the pauses begin small again."""
        self._pauses.reset()

    async def _ask(self) -> None:
        losses = self._losses
        try:
            await self._reach.rest.accounts(urgency=Urgency.PROTECT)
        except READ_ERRORS as error:
            self.rest_up = False
            self._reach.counts["healing failed"] += 1
            self._reach.note(f"the venue does not answer yet: {error}")
            return
        was_away, self.rest_up = not self.rest_up, True
        if self.hub_up and not self.is_up and self._losses == losses:
            self.generation += 1
            self.is_up = True
            self._reach.emit(VenueRestored(ts_ns=self._reach.now_ns(), generation=self.generation))
            self._answers()
        elif was_away:
            self._answers()
