"""Doors for clients in the same process: an httpx transport and a WebSocket link, without a socket.

With an event loop in virtual time a whole day of a client at the gateway takes seconds, and is
the same each time.
"""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx

from fabio.adapters.gateway.connection import Ended, HubConnection, HubName
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.messages import RATE_HEADER, TIME_HEADER, NoAccess, Request, UnknownConnection
from fabio.adapters.topstepx.signalr.link import DialFailed, Link, LinkLost

URL = "http://gateway.invalid"
"""Any base URL does; nothing is resolved."""


class Transport(httpx.AsyncBaseTransport):
    """Carries httpx requests to a gateway.

    Parameters
    ----------
    rate
        Told in the ping's header, as the shell does.
    """

    def __init__(self, front: Front, rate: str = "1") -> None:
        self._front = front
        self._rate = rate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or fail as a socket would."""
        wanted = Request(
            path=request.url.path, method=request.method, body=await request.aread(),
            token=request.headers.get("Authorization", "").removeprefix("Bearer ")
            or request.url.params.get("access_token", ""))
        delivery = await self._front.answer(wanted)
        answer, time = delivery.answer, self._front.time
        if delivery.ending == "never":
            await time.sleep(request.extensions.get("timeout", {}).get("read") or 300.0)
            raise httpx.ReadTimeout("no answer came", request=request)
        if delivery.ending == "reset":
            raise httpx.ReadError("the connection was reset", request=request)
        if delivery.ending == "cut":
            raise httpx.RemoteProtocolError("the connection ended within the body", request=request)
        if delivery.ending == "trickle":
            await time.sleep(len(answer.body) / delivery.bytes_per_s)
        headers = [*answer.headers, ("Content-Type", answer.content_type),
                   (TIME_HEADER, str(self._front.gateway.clock.replayed_ns())), (RATE_HEADER, self._rate)]
        return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)


class InProcessLink:
    """A hub connection as the client's `Link`."""

    def __init__(self, front: Front, connection: HubConnection) -> None:
        self._front = front
        self._connection = connection
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()  # None: it is over; bounded by the connection
        self._carrying = asyncio.create_task(self._carry(), name=f"gateway's {connection.hub} hub")

    async def send(self, data: bytes) -> None:
        """Send one frame."""
        if self._connection.is_over:
            raise LinkLost("the connection has ended")
        self._front.receive(self._connection, data)

    async def receive(self) -> bytes:
        """Wait for the next frame."""
        frame = await self._frames.get()
        if frame is None:
            self._frames.put_nowait(None)
            raise LinkLost("the gateway ended the connection")
        return frame

    async def close(self, polite: bool) -> None:
        """End the connection."""
        self._connection.lost()
        self._carrying.cancel()
        self._frames.put_nowait(None)

    async def _carry(self) -> Ended:
        async def send(data: bytes) -> None:
            self._frames.put_nowait(data)

        ended = await self._front.carry(self._connection, send)
        self._frames.put_nowait(None)
        return ended


class Dial:
    """Opens links to a gateway by URL, as the client's `Dial` does."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def __call__(self, url: str) -> Link:
        """Open a connection; the path names the hub, the query carries the token."""
        parts = urlsplit(url)
        hub: HubName = "user" if parts.path.endswith("/user") else "market"
        query = parse_qs(parts.query)
        status = self._front.faults.refuses(hub)
        if status is not None:
            raise DialFailed(f"HTTP {status}", status)
        self._front.catch_up()
        try:
            connection = self._front.gateway.connect(
                hub, query.get("access_token", [""])[0], query.get("id", [None])[0])
        except NoAccess:
            raise DialFailed("HTTP 401", 401) from None
        except UnknownConnection:
            raise DialFailed("HTTP 404", 404) from None
        return InProcessLink(self._front, connection)
