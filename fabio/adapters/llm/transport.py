"""The way to a server: no answer is read beyond a bound, whatever it says of its length."""

import urllib.request
import zlib
from urllib.parse import urlsplit

import httpx

from fabio.adapters.llm.servers import host_of, is_loopback

LARGEST_BODY = 256 * 1024
_PACKED = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # content encoding -> zlib's window bits


class UnfitBody(Exception):
    """An answer's body is too large, or packed in a way nobody asked for."""


class BoundedTransport(httpx.AsyncBaseTransport):
    """Reads every answer whole, up to a bound, before anybody looks at it.

    A server that loops writes 250 kB of spaces, a hostile one packs gigabytes into a few
    kilobytes: both end here.

    Raises
    ------
    UnfitBody
        If an answer is larger, or cannot be unpacked within the bound.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, largest_bytes: int = LARGEST_BODY) -> None:
        self._inner = inner
        self._largest_bytes = largest_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request out and its answer back."""
        response = await self._inner.handle_async_request(request)
        pieces, size = [], 0
        try:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for piece in response.stream:
                size += len(piece)
                if size > self._largest_bytes:
                    raise UnfitBody(f"an answer of more than {self._largest_bytes} bytes")
                pieces.append(piece)
        finally:
            await response.aclose()
        body = self._unpacked(b"".join(pieces), response.headers.get("content-encoding", "identity"))
        dropped = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in dropped]
        return httpx.Response(
            response.status_code, headers=headers, content=body, extensions=response.extensions, request=request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    def _unpacked(self, body: bytes, encoding: str) -> bytes:
        if encoding.strip().lower() in ("identity", ""):
            return body
        bits = _PACKED.get(encoding.strip().lower())
        if bits is None:
            raise UnfitBody(f"an answer packed as {encoding[:40]!r}, though none was to be packed")
        try:
            whole = zlib.decompressobj(bits).decompress(body, self._largest_bytes + 1)
        except zlib.error as error:
            raise UnfitBody(f"an answer that cannot be unpacked ({error})") from None
        if len(whole) > self._largest_bytes:
            raise UnfitBody(f"an answer of more than {self._largest_bytes} bytes, unpacked")
        return whole


def open_transport(base_url: str) -> httpx.AsyncBaseTransport:
    """Open the way to a server, through the environment's proxy where one is set for it."""
    return httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_connections=4, max_keepalive_connections=2), proxy=_proxy_of(base_url))


def _proxy_of(base_url: str) -> str | None:
    host = host_of(base_url)
    if is_loopback(base_url) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(urlsplit(base_url).scheme)
