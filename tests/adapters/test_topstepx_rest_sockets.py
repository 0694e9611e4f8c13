"""The client over real sockets on loopback: cut, reset and garbled answers; no secret in any word (F08, F14, H40)."""

import asyncio
import gzip
import json
import logging
import random
import re
import socket
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from rest_venue import KEY, jwt

from fabio.adapters.topstepx.enums import OrderSide, OrderType
from fabio.adapters.topstepx.errors import CredentialsRefused, PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import PlaceOrder
from fabio.adapters.topstepx.rest.calls import Patience
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.outcomes import Accepted, NotSent, Refused, Unknown
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock

ORDER = PlaceOrder(account_id=465, contract_id="CON.F.US.ENQ.Z26", type=OrderType.MARKET, side=OrderSide.BID, size=1)
TOKEN = jwt(time.time() + 86_400)
YES = b'{"success":true,"errorCode":0,"orderId":9056}'
Script = Callable[[asyncio.StreamWriter], None]


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def fine(out: asyncio.StreamWriter) -> None:
    out.write(http(json.dumps({"success": True, "errorCode": 0, "token": TOKEN, "accounts": []}).encode()))


class Server:
    """Speaks HTTP by hand: what a path answers is a function of its writer."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.received: list[str] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                path = head.split(b" ")[1].decode()
                self.received.append(path)
                self.scripts.get(path, fine)(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Rest]]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    rest = connect(f"http://127.0.0.1:{port}")
    try:
        yield server, rest
    finally:
        await rest.aclose()
        listener.close()
        await listener.wait_closed()


def connect(url: str) -> Rest:
    patience = Patience(attempts=1, attempt_s=60.0, mutation_s=60.0)
    clock = Clock(monotonic_s=time.monotonic, wall_s=time.time)
    return open_rest(url, Credentials("demo", SecretStr(KEY)), clock, random.Random(7).random, patience)


def close(out: asyncio.StreamWriter) -> None:
    out.close()


def abort(out: asyncio.StreamWriter) -> None:
    sock: socket.socket = out.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    out.transport.abort()


def then(data: bytes, end: Script = close) -> Script:
    def script(out: asyncio.StreamWriter) -> None:
        out.write(data)
        end(out)
    return script


CUT = {
    "closed without a word": close,
    "reset without a word": abort,
    "closed inside the head": then(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed inside the body": then(http(YES[:20], length=len(YES))),
    "a whole answer that promised more": then(http(YES, length=len(YES) + 1)),
    "length too short": then(http(YES, length=len(YES) - 3)),
    "chunks cut": then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2d\r\n" + YES[:10]),
    "chunks without an end": then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2d\r\n" + YES + b"\r\n"),
    "a chunk of no length": then(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "no HTTP": then(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "two lengths": then(http(YES, "Content-Length: 3")),
    "an endless head": then(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000),
    "gzip garbage": then(http(b"\x1f\x8bgarbage", "Content-Encoding: gzip")),
    "gzip cut": then(http(gzip.compress(YES)[:-12], "Content-Encoding: gzip")),
    "a redirect": then(http(b"", "Location: https://elsewhere.test/api/Order/place", status="307 Go")),
}


@pytest.mark.parametrize("script", CUT.values(), ids=CUT.keys())
async def test_an_answer_that_is_cut_or_garbled_is_unknown_and_the_order_was_sent_once(script: Script) -> None:
    async with served() as (server, rest):
        server.scripts["/api/Order/place"] = script
        outcome = await rest.place(ORDER)
        assert isinstance(outcome, Unknown), outcome
        assert server.received.count("/api/Order/place") == 1
        server.scripts["/api/Account/search"] = script
        with pytest.raises((TemporaryError, WireError)):
            await rest.accounts()
        del server.scripts["/api/Account/search"]
        assert await rest.accounts() == ()


async def test_a_whole_answer_is_accepted_in_one_piece_in_many_and_compressed() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
        b"1\r\n" + bytes([letter]) + b"\r\n" for letter in YES) + b"0\r\n\r\n"
    async with served() as (server, rest):
        for data in (http(YES), chunked, http(gzip.compress(YES), "Content-Encoding: gzip")):
            server.scripts["/api/Order/place"] = then(data, lambda out: None)
            assert await rest.place(ORDER) == Accepted(9056)
        assert server.connections == 1


async def test_a_connection_the_venue_closed_while_it_was_idle_is_not_used_again() -> None:
    async with served() as (server, rest):
        server.scripts["/api/Order/place"] = then(http(YES))
        for _ in range(3):
            assert await rest.place(ORDER) == Accepted(9056)
            await asyncio.sleep(0.02)
        assert server.received.count("/api/Order/place") == 3


async def test_nobody_listening_or_no_tls_is_not_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    rude = await asyncio.start_server(lambda _, out: then(b"no TLS here\r\n")(out), "127.0.0.1", 0)
    for url in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{rude.sockets[0].getsockname()[1]}"):
        rest = connect(url)
        outcome = await rest.place(ORDER)
        assert isinstance(outcome, NotSent)
        assert "no token" in outcome.why
        assert "no connection" in outcome.why
        await rest.aclose()
    rude.close()
    await rude.wait_closed()


async def test_the_venue_goes_away_after_the_login_and_orders_are_not_sent() -> None:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    rest = connect(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    server.scripts["/api/Account/search"] = then(http(b'{"success":true,"accounts":[]}'))
    await rest.accounts()
    listener.close()
    await listener.wait_closed()
    await asyncio.sleep(0.02)
    outcome = await rest.place(ORDER)
    assert isinstance(outcome, NotSent)
    assert "no connection" in outcome.why
    assert server.received.count("/api/Order/place") == 0
    await rest.aclose()


async def test_a_proxy_in_the_environment_never_stands_before_a_local_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with served() as (_, rest):
        assert await rest.accounts() == ()


def echo(code: int) -> Script:
    words = f"key {KEY} and Bearer {TOKEN}"
    body = {"success": False, "errorCode": code, "errorMessage": words, "echo": words}
    return then(http(json.dumps(body).encode()), lambda out: None)


TELLTALES = [
    *CUT.values(), *(echo(code) for code in range(14)), then(http(TOKEN.encode())),
    then(http(b'{"success":true,"token":"' + TOKEN.encode(), length=10**5)),
    then(http(json.dumps({"success": True, "token": f"{TOKEN} {KEY}"}).encode())),
    then(http(json.dumps({"title": KEY, "status": 400, "detail": TOKEN}).encode(), status="400 No")),
    then(http(KEY.encode(), status="500 No")),
]


async def words_of(ask: Callable[[], Awaitable[object]]) -> list[str]:
    """All that can be read of what became of a call, the variables of its frames included."""
    try:
        result = await ask()
        return [str(result), repr(result)]
    except (TemporaryError, WireError, PermanentError, CredentialsRefused) as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True).format()
        return [str(error), repr(error), *shown]


async def test_neither_key_nor_token_stands_in_any_text_repr_traceback_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    async with served() as (server, rest):
        await rest.accounts()
        for script in TELLTALES:
            server.scripts = dict.fromkeys(("/api/Order/place", "/api/Account/search", "/api/Auth/loginKey"), script)
            texts += await words_of(lambda: rest.place(ORDER)) + await words_of(rest.accounts)
            fresh = connect(str(rest._transport._http.base_url))
            texts += await words_of(lambda: fresh.place(ORDER)) + await words_of(fresh.tokens.bearer)  # noqa: B023
            await fresh.aclose()
        server.scripts = {"/api/Order/place": echo(2)}
        assert await rest.place(ORDER) == Refused(2, "ORDER_REJECTED", "key *** and Bearer ***")
        held = await rest.tokens.bearer()
        assert held.get_secret_value() == TOKEN
        texts += [repr(thing) for thing in (rest, rest.tokens, held, vars(rest), vars(rest.tokens), rest.counts,
                                            rest._transport._http, rest.tokens._held, rest.tokens._credentials)]
    texts += [f"{record.getMessage()} {record.args}" for record in caplog.records]
    everything = "\n".join(texts)
    assert "/api/Order/place" in everything
    assert "receive_response_body" in everything  # the HTTP library did log its debug words
    for secret in (KEY, TOKEN, TOKEN.rsplit(".", 1)[1]):
        assert secret not in everything, everything[max(0, everything.index(secret) - 400):][:600]
