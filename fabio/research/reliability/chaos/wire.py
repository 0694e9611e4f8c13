"""Wire: one life's connections to a gateway of the same process; what was sent arrives even if its sender dies."""

import asyncio
from collections.abc import Callable
from typing import Literal

import httpx

from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.inprocess import Dial, Transport
from fabio.adapters.topstepx.signalr.link import DialFailed, Link

Stage = Literal["sending", "sent", "answered"]
Seen = Callable[[Stage, str, bytes, int], None]


class Wire(httpx.AsyncBaseTransport):
    """Carries requests and hub connections of one life of an agent.

    Parameters
    ----------
    seen
        Called with path and body of a request before it leaves, when it has left, and when its answer
        is there, with that answer's HTTP status (0 before); may raise, which ends the life there.
    """

    def __init__(self, front: Front, seen: Seen) -> None:
        self._transport = Transport(front)
        self._dial = Dial(front)
        self._seen = seen
        self._is_cut = False
        self._links: list[Link] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand a request over; it is at the venue from then on, whether or not anybody waits for the answer."""
        self._look()
        body = await request.aread()
        self._seen("sending", request.url.path, body, 0)
        under_way = asyncio.create_task(self._transport.handle_async_request(request), name="a request under way")
        under_way.add_done_callback(_forget)
        self._seen("sent", request.url.path, body, 0)
        response = await asyncio.shield(under_way)
        self._look()
        self._seen("answered", request.url.path, body, response.status_code)
        return response

    async def dial(self, url: str) -> Link:
        """Open a hub's connection."""
        if self._is_cut:
            raise DialFailed("the agent is gone", None)
        link = await self._dial(url)
        self._links.append(link)
        return link

    def cut(self) -> None:
        """Let nothing leave any more, and nothing arrive: the process is gone."""
        self._is_cut = True

    async def hang_up(self) -> None:
        """Let the venue see the hub connections end."""
        self.cut()
        for link in self._links:
            await link.close(polite=False)

    def _look(self) -> None:
        if self._is_cut:
            raise httpx.ConnectError("the agent is gone")


def _forget(under_way: "asyncio.Task[httpx.Response]") -> None:
    """Take the outcome of a request whose sender may be gone."""
    if not under_way.cancelled():
        under_way.exception()
