"""The shell: REST and both hubs on a loopback socket, on aiohttp."""

import asyncio
import contextlib
import socket
from email.utils import formatdate
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from fabio.adapters.gateway.connection import Ended, HubConnection, HubName
from fabio.adapters.gateway.messages import (
    RATE_HEADER,
    TIME_HEADER,
    Answer,
    NoAccess,
    Request,
    UnknownConnection,
    encode,
)
from fabio.adapters.sockets import reset
from fabio.adapters.topstepx.stamps import SECOND_NS

if TYPE_CHECKING:  # the matching behind them imports numba: connections are taken before it is there
    from fabio.adapters.gateway.front import Delivery, Front
    from fabio.adapters.gateway.pace import Pace

_PING = "/api/Status/ping"

_LARGEST_BODY = 4 * 1024 * 1024
_NEVER_S = 300.0
"""A call that is never answered is let go after this; clients have given up long before."""

class Server:
    """Serves a gateway; requests wait until `open` has been called with one.

    Parameters
    ----------
    sock
        Bound, see `sockets.bound_socket`; closed with the server.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._opened: asyncio.Future[tuple[Front, Pace]] = asyncio.get_running_loop().create_future()
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_post("/hubs/{hub:user|market}/negotiate", self._negotiate)
        app.router.add_get("/hubs/{hub:user|market}", self._upgrade)
        app.router.add_route("*", "/{path:.*}", self._rest)
        # a client that has gone ends its call: nobody is left to answer
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2)

    async def start(self) -> None:
        """Begin to take connections."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._sock).start()

    def open(self, front: "Front", pace: "Pace") -> None:
        """Let the waiting requests in."""
        self._opened.set_result((front, pace))

    async def close(self) -> None:
        """End every connection and the server."""
        if not self._opened.done():
            self._opened.cancel()
        else:
            for connection in list(self._opened.result()[0].gateway.hubs.connections.values()):
                connection.close("The server is going down.", allow_reconnect=True)
        await self._runner.cleanup()

    # -- REST ---------------------------------------------------------------------------

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        front, pace = await asyncio.shield(self._opened)
        wanted = Request(path=request.path, method=request.method, body=await request.read(), token=_token(request))
        delivery = await front.answer(wanted)
        headers = dict(delivery.answer.headers)
        headers["Date"] = _date(front)
        if request.path == _PING:
            headers[TIME_HEADER] = str(front.gateway.clock.replayed_ns())
            headers[RATE_HEADER] = pace.rate_text
        return await self._deliver(request, delivery, headers, pace)

    async def _deliver(self, request: web.Request, delivery: "Delivery", headers: dict[str, str],
                       pace: "Pace") -> web.StreamResponse:
        answer, ending = delivery.answer, delivery.ending
        kind = {"Content-Type": answer.content_type} if answer.body else {}
        whole = web.Response(status=answer.status, body=answer.body, headers={**headers, **kind})
        if ending == "whole":
            return whole
        if ending == "never":
            await asyncio.sleep(_NEVER_S)
        if ending in ("never", "reset"):
            reset(request.transport)
            return whole
        if ending == "twice":
            await whole.prepare(request)
            await whole.write_eof()
            if request.transport is not None:
                request.transport.write(_raw(answer, headers))
            return whole
        part = web.StreamResponse(status=answer.status, headers={**headers, **kind})
        part.content_length = len(answer.body)
        await part.prepare(request)
        if ending == "cut":
            await part.write(answer.body[: len(answer.body) // 2])
            reset(request.transport)
            return part
        for letter in range(len(answer.body)):
            await part.write(answer.body[letter : letter + 1])
            await pace.sleep(1 / delivery.bytes_per_s)
        return part

    # -- hubs ---------------------------------------------------------------------------

    async def _negotiate(self, request: web.Request) -> web.Response:
        front, _ = await asyncio.shield(self._opened)
        hub = _hub(request)
        status = front.faults.refuses(hub)
        if status is not None:
            return web.Response(status=status)
        version = request.query.get("negotiateVersion", "0")
        try:
            answer = front.gateway.negotiate(hub, _token(request), int(version) if version.isdecimal() else 0)
        except NoAccess:
            return web.Response(status=401)
        return web.Response(body=encode(answer), content_type="application/json", headers={"Date": _date(front)})

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        front, _ = await asyncio.shield(self._opened)
        front.catch_up()
        hub = _hub(request)
        status = front.faults.refuses(hub)
        socket_wanted = web.WebSocketResponse(compress=False, autoping=True, max_msg_size=_LARGEST_BODY, timeout=0.5)
        if status is None and not socket_wanted.can_prepare(request).ok:
            status = 400
        if status is not None:
            return web.Response(status=status)
        try:
            connection = front.gateway.connect(hub, _token(request), request.query.get("id"))
        except NoAccess:
            return web.Response(status=401)
        except UnknownConnection:
            return web.Response(status=404, text="No Connection with that ID")
        try:
            await socket_wanted.prepare(request)
            await self._live(front, connection, request, socket_wanted)
        finally:
            connection.lost()
        return socket_wanted

    async def _live(self, front: "Front", connection: HubConnection, request: web.Request,
                    ws: web.WebSocketResponse) -> None:
        async def send(data: bytes) -> None:
            # as bytes: a fault may send what is no UTF-8
            await ws.send_frame(data, WSMsgType.TEXT)

        async def read() -> Ended:
            async for message in ws:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    front.receive(connection, message.data)
            return Ended()

        tasks = {asyncio.create_task(front.carry(connection, send)), asyncio.create_task(read())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        ended = next((each for each in results if isinstance(each, Ended)), Ended())
        _raise_unexpected(results)
        if ended.abrupt:
            reset(request.transport)
        else:
            with contextlib.suppress(ConnectionError):
                await ws.close()


def _raise_unexpected(results: list[Ended | BaseException]) -> None:
    """Let a bug of ours be seen; a client that has gone is none."""
    for each in results:
        if isinstance(each, Exception) and not isinstance(each, ConnectionError):
            raise each


def _token(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token else request.query.get("access_token", "")


def _hub(request: web.Request) -> HubName:
    return "user" if request.match_info["hub"] == "user" else "market"


def _date(front: "Front") -> str:
    return formatdate(max(front.gateway.clock.told_ns(), 0) // SECOND_NS, usegmt=True)


def _raw(answer: Answer, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} OK", f"Content-Length: {len(answer.body)}",
             f"Content-Type: {answer.content_type}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body
