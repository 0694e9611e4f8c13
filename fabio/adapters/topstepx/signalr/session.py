"""One connection from handshake to end: reads, answers, pings, and notices when nobody is there.

Everything that ends a connection is an `Over`; nothing a server sends can raise anything else.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from fabio.adapters.topstepx.signalr.link import Link, LinkLost
from fabio.adapters.topstepx.signalr.notices import Reason
from fabio.adapters.topstepx.signalr.protocol import (
    BadRecord,
    Close,
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    invocation,
    parse_handshake_answer,
    render,
)
from fabio.adapters.topstepx.signalr.reader import Received, RecordReader
from fabio.adapters.topstepx.signalr.timing import AtMost, HubClock, TookTooLong

_HANDSHAKE = render(HandshakeRequest("json", 1))
_PING = render(Ping())
_LEAST_WAIT_S = 0.001
"""Shares of a second do not add up exactly: a wait for the last 1e-15 s would not advance the clock."""


class Over(Exception):
    """The end of a connection, or of the attempt to make one.

    Parameters
    ----------
    welcome
        False where the server asked not to be called again at once.
    after_s
        The server's or the token's own wish: not before so many seconds.
    slow
        True where the next attempts are to be rare.
    """

    def __init__(
        self, reason: Reason, detail: str, *, welcome: bool = True, after_s: float = 0.0, slow: bool = False
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.welcome = welcome
        self.after_s = after_s
        self.slow = slow


class Subscription(msgspec.Struct, frozen=True):
    """A hub method and its arguments, as `Subscription("SubscribeOrders", (7,))`."""

    method: str
    arguments: tuple[str | int, ...] = ()

    @property
    def undo(self) -> "Subscription":
        """The method that takes it back."""
        return Subscription(f"Un{self.method[0].lower()}{self.method[1:]}", self.arguments)


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: between our pings, without a record until the connection counts as dead, for an answer."""

    ping_every_s: float = 15.0
    silent_after_s: float = 30.0
    answer_s: float = 10.0


class Session:
    """One connection.

    Parameters
    ----------
    deliver
        Takes each event with its time of arrival; may wait, and reading waits with it.
    refused
        Told of each record that could not be read.
    """

    def __init__(
        self,
        link: Link,
        clock: HubClock,
        limits: SessionLimits,
        deliver: Callable[[Invocation, int], Awaitable[None]],
        refused: Callable[[BadRecord], None],
    ) -> None:
        self.reader = RecordReader(first=parse_handshake_answer)
        self._link = link
        self._clock = clock
        self._limits = limits
        self._deliver = deliver
        self._refused = refused
        self._ids = itertools.count()
        self._answers: dict[str, asyncio.Future[Completion]] = {}  # invocation id -> its completion to be
        self._early: list[Received] = []  # came in one frame with the handshake's answer
        self._early_ns = 0
        self._heard_s = clock.monotonic_s()
        self._delivering = False

    async def handshake(self) -> None:
        """Agree on the protocol; raises Over where the server does not."""
        await self._send(_HANDSHAKE)
        while True:
            recv_ns, records = await self._receive()
            if records:
                break
        answer, *self._early = records
        self._early_ns = recv_ns
        if isinstance(answer, BadRecord):
            self._refused(answer)
            raise Over(Reason.HANDSHAKE, f"expected a handshake answer, got {answer.sample[:80]!r}")
        if isinstance(answer, HandshakeAnswer) and answer.error is not None:
            raise Over(Reason.HANDSHAKE, f"the hub refused the handshake: {answer.error}")

    async def read(self) -> None:
        """Handle what arrives until the connection ends; never returns, raises Over."""
        for record in self._early:
            await self._handle(record, self._early_ns)
        while True:
            recv_ns, records = await self._receive()
            for record in records:
                await self._handle(record, recv_ns)

    async def ping(self) -> None:
        """Tell the server that we live, until the connection ends."""
        while True:
            await self._clock.sleep(self._limits.ping_every_s)
            await self._send(_PING)

    async def watch(self) -> None:
        """Raise Over when no record has come for too long."""
        while True:
            if self._delivering:
                # it is our side that does not read: what waits in the socket may well be a ping
                self._heard_s = self._clock.monotonic_s()
            quiet_s = self._clock.monotonic_s() - self._heard_s
            if quiet_s >= self._limits.silent_after_s:
                raise Over(Reason.SILENT, f"no record for {quiet_s:.1f} s")
            await self._clock.sleep(max(self._limits.silent_after_s - quiet_s, _LEAST_WAIT_S))

    async def call(self, methods: Sequence[Subscription]) -> list[str | None]:
        """Call hub methods at once, and wait for all their completions.

        Returns
        -------
        For each the hub's refusal in its own words; None where it agreed.

        Raises
        ------
        Over
            If the connection ends, or one completion does not come within the limit.
        """
        answers: dict[str, asyncio.Future[Completion]] = {}
        for _ in methods:
            answers[str(next(self._ids))] = asyncio.get_running_loop().create_future()
        self._answers |= answers
        try:
            async with AtMost(self._limits.answer_s, self._clock.sleep, f"completion of {methods[0].method}"):
                for number, each in zip(answers, methods, strict=True):
                    await self._send(render(invocation(each.method, *each.arguments, invocation_id=number)))
                return [(await answer).error for answer in answers.values()]
        except TookTooLong as error:
            raise Over(Reason.TOOK_TOO_LONG, str(error)) from None
        finally:
            for number in answers:
                del self._answers[number]

    def give_up(self, over: Over) -> None:
        """Tell everyone who waits for a completion that none will come."""
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(over)
                answer.exception()  # marks it as seen: of several only the first is awaited

    async def _receive(self) -> tuple[int, list[Received]]:
        try:
            frame = await self._link.receive()
        except LinkLost as lost:
            raise Over(Reason.DROPPED, str(lost)) from None
        recv_ns = self._clock.now_ns()
        return recv_ns, self.reader.feed(frame)

    async def _send(self, data: bytes) -> None:
        try:
            await self._link.send(data)
        except LinkLost as lost:
            raise Over(Reason.DROPPED, str(lost)) from None

    async def _handle(self, record: Received, recv_ns: int) -> None:
        if isinstance(record, BadRecord):
            self._refused(record)
            return
        self._heard_s = self._clock.monotonic_s()
        if isinstance(record, Invocation):
            self._delivering = True
            await self._deliver(record, recv_ns)
            self._delivering = False
            self._heard_s = self._clock.monotonic_s()
        elif isinstance(record, Completion):
            answer = self._answers.get(record.invocation_id)
            if answer is not None and not answer.done():
                answer.set_result(record)
        elif isinstance(record, Close):
            raise Over(
                Reason.CLOSED, record.error or "the hub closed without a reason", welcome=record.allow_reconnect
            )
