"""The stub on a loopback socket, on aiohttp."""

import asyncio
import socket

from aiohttp import web

from fabio.adapters.llm.stub.delivery import Delivery
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.sockets import reset

_LARGEST_BODY = 4 * 1024 * 1024
_BYTE_EACH_S = 1.0


class StubServer:
    """Serves a desk.

    Parameters
    ----------
    sock
        Bound; closed with the server.
    """

    def __init__(self, sock: socket.socket, desk: Desk) -> None:
        self._sock, self._desk = sock, desk
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._answer)
        # a client that has gone ends its call: nobody is left to answer
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2)

    async def start(self) -> None:
        """Begin to take connections."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._sock).start()

    async def close(self) -> None:
        """End every connection and the server."""
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        delivery = self._desk.answer(request.method, request.path, await request.read(), key)
        if delivery.delay_s:
            await asyncio.sleep(delivery.delay_s)
        headers = {**delivery.headers, "Content-Type": delivery.content_type}
        if delivery.ending == "whole":
            return web.Response(status=delivery.status, body=delivery.body, headers=headers)
        return await self._in_parts(request, delivery, headers)

    async def _in_parts(
        self, request: web.Request, delivery: Delivery, headers: dict[str, str],
    ) -> web.StreamResponse:
        body = delivery.body
        part = web.StreamResponse(status=delivery.status, headers=headers)
        part.content_length = len(body)
        await part.prepare(request)
        if delivery.ending == "reset":
            await part.write(body[: len(body) // 2])
            reset(request.transport)
            return part
        for place in range(len(body)):
            await part.write(body[place : place + 1])
            await asyncio.sleep(_BYTE_EACH_S)
        return part
