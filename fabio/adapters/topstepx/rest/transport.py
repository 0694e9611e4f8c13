"""One attempt at one call: a place in the queue, the post, its answer; with a limit on each wait.

It knows no retries and no meaning. What it promises is to say precisely how far a failed call
came: `NeverLeft` (not a byte was sent) or `NoAnswer` (it may have arrived).
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Literal

import httpx
import msgspec
from pydantic import SecretStr

from fabio.adapters.redact import KNOWN
from fabio.adapters.topstepx.errors import NeverLeft, NoAnswer, TemporaryError
from fabio.adapters.topstepx.rest.buckets import Gate, Urgency
from fabio.adapters.topstepx.rest.skew import Skew, http_date_s
from fabio.adapters.topstepx.rest.wire import clean_text

RETRIEVE_BARS = "/api/History/retrieveBars"
LARGEST_ANSWER = 32 * 1024 * 1024
CONNECTIONS = 20
_ORDINARY_LANES = 12
_CONNECT_S = 4.0

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Clock(msgspec.Struct, frozen=True):
    """Both clocks: `monotonic_s` for ages and pauses, `wall_s` in seconds since 1970."""

    monotonic_s: Callable[[], float]
    wall_s: Callable[[], float]


Against = Callable[[], str]
"""Says why something must not leave any more; empty where it may."""


def nothing() -> str:
    """Have nothing against it."""
    return ""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Parameters
    ----------
    queue_s
        Longest wait for a place: of the rate limit, and of the connections.
    answer_s
        Longest time from the first byte out to the last byte in, by the clock on the wall: an
        answer that trickles in does not outlive it.
    against
        Asked when its place has come.
    """

    path: str
    content: bytes = b""
    method: Literal["GET", "POST"] = "POST"
    urgency: Urgency = Urgency.ASK
    queue_s: float = 30.0
    answer_s: float = 10.0
    against: Against = nothing

    def __repr__(self) -> str:
        return f"Call({self.method} {self.path})"  # never the body: a login's holds the key


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer, whatever its status."""

    status: int
    content: bytes
    headers: dict[str, str]  # names in lower case
    round_trip_s: float

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.content)} bytes)"  # never the body: a login's holds the token


class Transport:
    """The one HTTP client, its queue and what it learns by the way.

    Parameters
    ----------
    http
        With the venue's address as `base_url`; closed by `aclose`.
    general, history
        Gates of the two rate limits.
    """

    def __init__(self, http: httpx.AsyncClient, general: Gate, history: Gate, clock: Clock) -> None:
        self.clock = clock
        self.skew = Skew()
        self.counts: Counter[str] = Counter()
        self.general = general
        self._http = http
        self._history = history
        # calls that hang must not take the last connection from an exit
        self._ordinary = asyncio.Semaphore(_ORDINARY_LANES)

    async def send(self, call: Call, bearer: SecretStr | None = None) -> Reply:
        """Send it once.

        Raises
        ------
        NeverLeft
            If nothing was sent: no place in time, something against it by then, no connection.
        NoAnswer
            If it may have arrived, but no whole answer came.
        """
        self.counts["sent"] += 1
        gate = self._history if call.path == RETRIEVE_BARS else self.general
        async with self._place(gate, call) as departed_s:
            reply = await self._exchange(call, bearer)
        if reply.status == httpx.codes.TOO_MANY_REQUESTS:
            self.counts["too many"] += 1
            gate.limited(departed_s, self._retry_after_s(reply.headers.get("retry-after")))
        else:
            gate.passed(departed_s)
        return reply

    def keep_secret(self, secret: SecretStr) -> None:
        """Remember what must never stand in a message, here or anywhere else in the process."""
        KNOWN.keep_secret(secret.get_secret_value())

    def hide(self, text: str) -> str:
        """Take every known secret out of a text, and whatever looks like a key of somebody."""
        return KNOWN.hide(text)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def _place(self, gate: Gate, call: Call) -> AsyncIterator[float]:
        lane = None if call.urgency is Urgency.PROTECT else self._ordinary
        held = False
        try:
            try:
                async with asyncio.timeout(call.queue_s):
                    if lane is not None:
                        held = await lane.acquire()
                    departed_s = await gate.take(call.urgency)
            except TimeoutError:
                raise NeverLeft(f"{call.path} found no place in the queue within {call.queue_s:g} s") from None
            if why := call.against():
                raise NeverLeft(f"{call.path} waited for its place, and meanwhile {why}")
            yield departed_s
        finally:
            if held and lane is not None:
                lane.release()

    async def _exchange(self, call: Call, bearer: SecretStr | None) -> Reply:
        sent_s, sent_wall_s = self.clock.monotonic_s(), self.clock.wall_s()
        trouble: TemporaryError
        try:
            async with asyncio.timeout(call.answer_s):
                reply = await self._post(call, bearer, sent_s)
        except _NOTHING_SENT as error:
            host = self._http.base_url.host
            trouble = NeverLeft(f"{call.path}: no connection to {host} ({self._words(error)})")
        except TimeoutError:
            trouble = NoAnswer(f"{call.path}: no whole answer within {call.answer_s:g} s")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:  # OSError: TLS alerts pass httpx as they are
            trouble = NoAnswer(f"{call.path}: the connection failed ({self._words(error)})")
        except NoAnswer as error:
            trouble = error
        else:
            self.skew.update(reply.headers.get("date"), sent_wall_s, self.clock.wall_s())
            return reply
        self.counts["no connection" if isinstance(trouble, NeverLeft) else "no answer"] += 1
        raise trouble  # outside the handlers: their chain leads to frames that hold the token in the clear

    async def _post(self, call: Call, bearer: SecretStr | None, sent_s: float) -> Reply:
        timeout = httpx.Timeout(call.answer_s, connect=_CONNECT_S, pool=_CONNECT_S)
        kind = {"Content-Type": "application/json"} if call.method == "POST" else {}
        auth = None if bearer is None else _Bearer(bearer)
        async with self._http.stream(
            call.method, call.path, content=call.content, headers=kind, auth=auth, timeout=timeout
        ) as response:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                size += len(piece)
                if size > LARGEST_ANSWER:
                    raise NoAnswer(f"{call.path}: an answer of more than {LARGEST_ANSWER} bytes")
        return Reply(
            status=response.status_code,
            content=b"".join(pieces),
            headers={name.lower(): value for name, value in response.headers.items()},
            round_trip_s=self.clock.monotonic_s() - sent_s,
        )

    def _retry_after_s(self, text: str | None) -> float | None:
        if text is None:
            return None
        if text.isascii() and text.isdigit():
            return float(text[:9])
        moment_s = http_date_s(text)
        return None if moment_s is None else max(0.0, moment_s - self.clock.wall_s() - (self.skew.get() or 0.0))

    def _words(self, error: Exception) -> str:
        return clean_text(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, self.hide)


class _Bearer(httpx.Auth):
    """Sets the header inside httpx, so that no frame and no repr of ours holds the token in the clear."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the token to a request."""
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request
