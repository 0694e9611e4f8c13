"""A hub that stays connected: endless, patient, never in a hurry twice.

Theory. `run` is one root task. It makes one attempt after the other; an attempt is dial,
handshake, all subscriptions confirmed, then reading until something ends it. Between attempts
stand three waits, and the longest counts: the backoff (reset only after a stable minute), the
budget of attempts (a hard limit in any ten minutes), and a slow backoff for when the venue
threw us out (`reconnect(slow=True)`).

| it ends with | next attempt after |
| --- | --- |
| anything | the backoff: about 1, 2, 4, 8, 16, 30, 30 ... s |
| no answer within the limit | the backoff, at most 6 s: the attempt has waited already |
| Close without `allowReconnect`, a refused subscription | the backoff, at least 5 s |
| 401 | the backoff; the token factory hears which token was refused |
| `reconnect(slow=True)` | 30 to 60 s, then twice that, up to 10 min |
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import quote

import msgspec

from fabio.adapters.backoff import AttemptBudget, Backoff
from fabio.adapters.topstepx.errors import TemporaryError, WireError
from fabio.adapters.topstepx.signalr.inbox import Arrival, Inbox
from fabio.adapters.topstepx.signalr.link import Dial, DialFailed, Link
from fabio.adapters.topstepx.signalr.notices import AttemptFailed, Connected, Lost, Notice, Reason, RecordRefused
from fabio.adapters.topstepx.signalr.protocol import BadRecord, Invocation
from fabio.adapters.topstepx.signalr.session import Over, Session, SessionLimits, Subscription
from fabio.adapters.topstepx.signalr.timing import AtMost, HubClock, TookTooLong

Token = Callable[[str | None], Awaitable[str]]
"""Gives a token; asked with the one that the hub refused with 401, else with None.

`TemporaryError` and `WireError` mean "not now"; anything else ends `run`, as it is a person's
turn or a fault of ours.
"""


class SubscriptionRefused(Exception):
    """The hub refused a subscription on a connection that stands; the text has its own words."""


class HubSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a hub is and how patient to be; times in seconds.

    Parameters
    ----------
    name
        Stands in notices and arrivals: `user` or `market`.
    url
        `wss://.../hubs/<name>`, without the token.
    open_s
        For dial and handshake together. Short, so that after a black-out the attempt that hangs
        in it does not hang on.
    stable_s
        A connection that lasted so long begins the backoff anew.
    """

    name: str
    url: str
    limits: SessionLimits = SessionLimits()
    token_s: float = 60.0
    open_s: float = 8.0
    stable_s: float = 60.0
    slow_stable_s: float = 600.0
    after_hang_s: float = 6.0
    unwelcome_s: float = 5.0


class Outside(msgspec.Struct, frozen=True):
    """What a hub takes from the world: tokens, sockets, time, chance.

    Parameters
    ----------
    random_share
        Gives numbers in [0, 1) for the jitter, as `random.Random(seed).random` does.
    """

    token: Token
    dial: Dial
    clock: HubClock
    random_share: Callable[[], float]


class Hub:
    """A connection to one hub, made again for ever.

    Parameters
    ----------
    subscriptions
        What is subscribed on every connection; `subscribe` adds to it.
    inbox
        Takes the events; what does not fit waits in the socket.
    observer
        Told of every change, in order; must neither wait nor raise.

    Attributes
    ----------
    counts
        Over all connections: bad records as `bad <kind>`, unused ones as `unused <type>`.
    connected
        True from `Connected` to `Lost`.
    generation
        Number of the current or latest connection; grows with each one.
    """

    def __init__(
        self,
        settings: HubSettings,
        subscriptions: Iterable[Subscription],
        outside: Outside,
        inbox: Inbox,
        observer: Callable[[Notice], None],
    ) -> None:
        self.settings = settings
        self.counts: Counter[str] = Counter()
        self.generation = 0
        self._wanted = dict.fromkeys(subscriptions)
        self._outside = outside
        self._clock = outside.clock
        self._inbox = inbox
        self._tell = observer
        self._backoff = Backoff(1.0, 30.0, outside.random_share)
        self._slow_backoff = Backoff(60.0, 600.0, outside.random_share, jitter=0.5)
        self._budget = AttemptBudget(attempts=25, window_s=600.0, gap_s=0.5)
        self._failures = 0
        self._due_s = self._clock.monotonic_s()
        self._slowed = False
        self._dead_token: str | None = None
        self._connected_s: float | None = None
        self._session: Session | None = None
        self._asked: asyncio.Future[Over] | None = None

    @property
    def connected(self) -> bool:
        """Whether a connection stands and all its subscriptions are confirmed."""
        return self._session is not None

    async def run(self) -> None:
        """Connect, and connect again, until cancelled.

        Raises
        ------
        Exception
            What the token factory raised and was not temporary.
        """
        while True:
            await self._pause()
            self._settle(await self._attempt())

    def reconnect(self, why: str, slow: bool = False) -> None:
        """End the connection, if there is one, and make a new one.

        Parameters
        ----------
        slow
            Be patient about it, growingly: for when the venue threw us out (`GatewayLogout`).
            Where no connection stands, the next attempt is put off.
        """
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(Over(Reason.ASKED, why, slow=slow))
        elif slow and not self._slowed:
            self._slowed = True
            self._due_s = max(self._due_s, self._clock.monotonic_s() + self._slow_backoff.next_s())

    async def subscribe(self, subscription: Subscription) -> bool:
        """Subscribe now and on every connection to come.

        Returns
        -------
        True when the hub has confirmed it; False when there is no connection now.

        Raises
        ------
        SubscriptionRefused
            If the hub says no; it will not be tried again.
        """
        self._wanted[subscription] = None
        answers = await self._ask(subscription)
        if answers and answers[0] is not None:
            self._wanted.pop(subscription, None)
            raise SubscriptionRefused(f"{subscription.method}{subscription.arguments}: {answers[0]}")
        return bool(answers)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Take a subscription back; what the hub answers makes no difference to us."""
        self._wanted.pop(subscription, None)
        await self._ask(subscription.undo)

    async def _ask(self, method: Subscription) -> list[str | None]:
        """Call a method on the connection that stands; no answer where there is none."""
        if self._session is None:
            return []
        try:
            return await self._session.call([method])
        except Over as over:
            # a hub that does not answer is as good as gone; where it is gone this changes nothing
            self.reconnect(over.detail)
            return []

    async def _pause(self) -> None:
        while True:
            now_s = self._clock.monotonic_s()
            wait_s = max(self._due_s - now_s, self._budget.wait_s(now_s))
            if wait_s <= 0:
                break
            await self._clock.sleep(wait_s)
        self._slowed = False

    async def _attempt(self) -> Over:
        link: Link | None = None
        token = ""
        polite = False
        try:
            token = await self._next_token()
            self._budget.spend(self._clock.monotonic_s())
            async with AtMost(self.settings.open_s, self._clock.sleep, f"connecting to {self.settings.url}"):
                link = await self._outside.dial(f"{self.settings.url}?access_token={quote(token, safe='')}")
                session = self._new_session(link)
                await session.handshake()
            over = await self._live(session)
            polite = over.reason in (Reason.ASKED, Reason.CLOSED)
        except Over as ended:
            over = ended
        except TookTooLong as error:
            over = Over(Reason.TOOK_TOO_LONG, str(error))
        except DialFailed as failed:
            over = self._not_dialled(failed, token)
        except asyncio.CancelledError:
            polite = True
            raise
        finally:
            if link is not None:
                await link.close(polite)
        return over

    async def _next_token(self) -> str:
        dead, self._dead_token = self._dead_token, None
        try:
            async with AtMost(self.settings.token_s, self._clock.sleep, "a token"):
                return await self._outside.token(dead)
        except TemporaryError as error:
            self._dead_token = dead
            raise Over(Reason.NO_TOKEN, str(error), after_s=error.delay_s) from None
        except (WireError, TookTooLong) as error:
            self._dead_token = dead
            raise Over(Reason.NO_TOKEN, str(error)) from None

    def _not_dialled(self, failed: DialFailed, token: str) -> Over:
        # errors of sockets and proxies may quote the address, and with it the token
        detail = str(failed)
        if token:
            detail = detail.replace(quote(token, safe=""), "***").replace(token, "***")
        if failed.status == 401:
            self._dead_token = token
            return Over(Reason.UNAUTHORIZED, detail)
        return Over(Reason.UNREACHABLE if failed.status is None else Reason.REFUSED, detail)

    def _new_session(self, link: Link) -> Session:
        self.generation += 1
        return Session(link, self._clock, self.settings.limits, self._deliver, self._refused)

    async def _live(self, session: Session) -> Over:
        self._asked = asked = asyncio.get_running_loop().create_future()
        over = Over(Reason.DROPPED, "the connection ended")
        try:
            async with asyncio.TaskGroup() as group:
                for part in (session.read(), session.ping(), session.watch()):
                    group.create_task(part)
                await self._subscribe_all(session)
                if asked.done():
                    raise asked.result()
                self._session = session
                self._connected_s = self._clock.monotonic_s()
                self._failures = 0
                self._tell(Connected(self.settings.name, self.generation))
                raise await asked
        except* Over as caught:
            over = next(each for each in caught.exceptions if isinstance(each, Over))
            # thrown out, the venue may close before we do: the wish to be slow about it stands
            over.slow |= asked.done() and not asked.cancelled() and asked.result().slow
        finally:
            self._session = self._asked = None
            session.give_up(over)
            self.counts.update({f"unused {number}": count for number, count in session.reader.unused.items()})
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # a group that fails in the same turn forgets that it was cancelled
        return over

    async def _subscribe_all(self, session: Session) -> None:
        confirmed: set[Subscription] = set()
        # again for what was added while we waited
        while missing := [each for each in self._wanted if each not in confirmed]:
            for each, error in zip(missing, await session.call(missing), strict=True):
                if error is not None:
                    raise Over(Reason.SUBSCRIPTION, f"{each.method}{each.arguments}: {error}", welcome=False)
            confirmed.update(missing)

    async def _deliver(self, invocation: Invocation, recv_ns: int) -> None:
        await self._inbox.put(Arrival(self.settings.name, self.generation, recv_ns, invocation))

    def _refused(self, record: BadRecord) -> None:
        self.counts[f"bad {record.kind}"] += 1
        self._tell(RecordRefused(self.settings.name, self.generation, record))

    def _settle(self, over: Over) -> None:
        """Decide when the next attempt may begin, and tell."""
        now_s = self._clock.monotonic_s()
        connected_s, self._connected_s = self._connected_s, None
        if connected_s is not None:
            if now_s - connected_s >= self.settings.stable_s:
                self._backoff.reset()
            if now_s - connected_s >= self.settings.slow_stable_s:
                self._slow_backoff.reset()
        pause_s = self._backoff.next_s()
        if over.reason is Reason.TOOK_TOO_LONG:
            pause_s = min(pause_s, self.settings.after_hang_s)
        if not over.welcome:
            pause_s = max(pause_s, self.settings.unwelcome_s)
        if over.slow:
            self._slowed = True
            pause_s = max(pause_s, self._slow_backoff.next_s())
        self._due_s = max(self._due_s, now_s + max(pause_s, over.after_s))
        pause_s = max(self._due_s - now_s, self._budget.wait_s(now_s))
        name = self.settings.name
        if connected_s is not None:
            self._tell(Lost(name, self.generation, over.reason, over.detail, pause_s))
        else:
            self._failures += 1
            self._tell(AttemptFailed(name, self._failures, over.reason, over.detail, pause_s))
