"""The stub without a socket: an httpx transport, for clients in the same process and in virtual time."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from fabio.adapters.llm.stub.delivery import Delivery
from fabio.adapters.llm.stub.desk import Desk

URL = "http://stub.invalid/v1"
"""Any base URL that ends so does; nothing is resolved. It is not this machine's, so it costs."""


class StubTransport(httpx.AsyncBaseTransport):
    """Carries httpx requests to a stub."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, or fail as a socket would."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        delivery = self._desk.answer(request.method, request.url.path, await request.aread(), key)
        read_s = request.extensions.get("timeout", {}).get("read")
        if read_s is not None and delivery.delay_s > read_s:
            await asyncio.sleep(read_s)
            raise httpx.ReadTimeout("no answer came", request=request)
        if delivery.delay_s:
            await asyncio.sleep(delivery.delay_s)
        return httpx.Response(
            delivery.status, headers={"Content-Type": delivery.content_type, **delivery.headers},
            stream=_Body(delivery), request=request)


class _Body(httpx.AsyncByteStream):
    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body, ending = self._delivery.body, self._delivery.ending
        if ending == "whole":
            yield body
        elif ending == "reset":
            yield body[: len(body) // 2]
            raise httpx.ReadError("the connection was reset")
        else:
            for place in range(len(body)):
                yield body[place : place + 1]
                await asyncio.sleep(1.0)
