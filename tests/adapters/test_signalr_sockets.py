"""The hub over real WebSockets on loopback; its clock moves only when a test says so."""

import asyncio
import http
import logging
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from hub_side import TRADES, Bench, ManualClock, Venue
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from fabio.adapters.topstepx.signalr.link import DialFailed, LinkLost, dial
from fabio.adapters.topstepx.signalr.notices import AttemptFailed, Connected, Lost, Reason
from fabio.adapters.topstepx.signalr.protocol import (
    BadKind,
    Close,
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    invocation,
    parse_handshake_request,
    render,
)
from fabio.adapters.topstepx.signalr.reader import RecordReader

LIMIT_S = 120.0
"""Only a broken test waits so long."""


class Server:
    """A SignalR server in a few lines; a test switches what it does next."""

    def __init__(self):
        self.refuse_with = None
        self.answers = True
        self.connections = []
        self.tokens = []
        self.paths = []
        self.pings = 0
        self.subscribed = asyncio.Event()
        self.port = 0

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/hubs/market"

    def process_request(self, connection, request):
        parts = urlsplit(request.path)
        self.paths.append(parts.path)
        self.tokens += parse_qs(parts.query)["access_token"]
        if self.refuse_with is not None:
            return connection.respond(self.refuse_with, "no\n")
        return None

    async def handle(self, connection):
        self.connections.append(connection)
        reader = RecordReader(first=parse_handshake_request)
        with suppress(ConnectionClosed):
            async for frame in connection:
                assert isinstance(frame, str)  # the hub speaks in text frames
                for record in reader.feed(frame):
                    await self.take(record)

    async def take(self, record):
        if not self.answers:
            return
        if isinstance(record, HandshakeRequest):
            await self.say(HandshakeAnswer())
        elif isinstance(record, Invocation):
            await self.say(Completion(record.invocation_id))
            self.subscribed.set()
        elif isinstance(record, Ping):
            self.pings += 1

    async def say(self, *records):
        await self.connections[-1].send(b"".join(map(render, records)), text=True)

    def drop(self):
        self.connections[-1].transport.abort()


@asynccontextmanager
async def a_server():
    server = Server()
    async with serve(
        server.handle, "127.0.0.1", 0, process_request=server.process_request, compression=None, ping_interval=None,
        close_timeout=0.1,
    ) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@asynccontextmanager
async def a_hub(url, **options):
    clock = ManualClock()
    bench = Bench(Venue(), TRADES, clock=clock.clock(), dial=dial, url=url, **options)
    async with asyncio.timeout(LIMIT_S), bench.running():
        yield bench, clock


def trade(number):
    return invocation("GatewayTrade", "CON.F.US.MNQ.Z26", {"volume": number})


async def test_it_connects_subscribes_and_delivers() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, _):
        await bench.told(Connected)
        assert (server.paths, server.tokens) == (["/hubs/market"], ["se cret/1"])
        await server.say(trade(1), trade(2))
        arrivals = []
        while len(arrivals) < 2:
            arrivals += await bench.inbox.take()
        assert [arrival.invocation for arrival in arrivals] == [trade(1), trade(2)]


async def test_an_abrupt_drop_is_followed_by_a_new_connection_with_a_new_token() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, clock):
        await bench.told(Connected)
        server.subscribed.clear()
        server.drop()
        assert (await bench.told(Lost)).reason is Reason.DROPPED
        await clock.advance(1.0)
        assert (await bench.told(Connected, 2)).generation == 2
        assert server.subscribed.is_set()
        assert server.tokens == ["se cret/1", "se cret/2"]


async def test_a_close_record_with_an_error_is_followed_by_a_new_connection() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, clock):
        await bench.told(Connected)
        await server.say(Close("Connection closed with an error.", True))
        lost = await bench.told(Lost)
        assert (lost.reason, lost.detail) == (Reason.CLOSED, "Connection closed with an error.")
        await server.connections[0].wait_closed()
        await clock.advance(1.0)
        await bench.told(Connected, 2)


async def test_a_server_that_goes_away_properly_is_dropped_too() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, clock):
        await bench.told(Connected)
        await server.connections[0].close(1001, "going away")
        lost = await bench.told(Lost)
        assert lost.reason is Reason.DROPPED
        assert "1001" in lost.detail
        await clock.advance(1.0)
        await bench.told(Connected, 2)


async def test_without_pings_it_is_over_after_thirty_seconds_and_with_them_it_is_not() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, clock):
        await bench.told(Connected)
        for _ in range(20):
            await clock.advance(14.0)
            await server.say(Ping())
        # frozen, but alive: only the owner can know that data should come
        assert bench.hub.connected
        assert server.pings >= 10
        bench.hub.reconnect("no market data for 20 s in an open session")
        assert (await bench.told(Lost)).reason is Reason.ASKED
        await clock.advance(1.0)
        await bench.told(Connected, 2)
        await clock.advance(31.0)
        assert (await bench.told(Lost, 2)).reason is Reason.SILENT


@pytest.mark.parametrize(
    ("status", "reason", "asked"),
    [
        (http.HTTPStatus.UNAUTHORIZED, Reason.UNAUTHORIZED, [None, "se cret/1"]),
        (http.HTTPStatus.SERVICE_UNAVAILABLE, Reason.REFUSED, [None, None]),
        (http.HTTPStatus.TOO_MANY_REQUESTS, Reason.REFUSED, [None, None]),
    ],
)
async def test_a_refused_upgrade_is_told_by_its_status(status, reason, asked) -> None:
    async with a_server() as server:
        server.refuse_with = status
        async with a_hub(server.url) as (bench, clock):
            failed = await bench.told(AttemptFailed)
            assert failed.reason is reason
            assert str(int(status)) in failed.detail
            server.refuse_with = None
            await clock.advance(1.0)
            await bench.told(Connected)
            assert bench.tokens.asked == asked


async def test_a_port_where_nobody_listens_is_unreachable_until_somebody_does() -> None:
    async with a_server() as server:
        url = server.url
    async with a_hub(url) as (bench, clock):
        assert (await bench.told(AttemptFailed)).reason is Reason.UNREACHABLE
        for failures in range(2, 5):
            await clock.advance(30.0)
            assert (await bench.told(AttemptFailed, failures)).failures == failures


async def test_a_server_that_takes_the_connection_and_never_speaks_is_given_up_after_its_limit() -> None:
    released = asyncio.Event()

    async def mute(reader, writer):
        await released.wait()
        writer.close()

    listening = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, a_hub(f"ws://127.0.0.1:{port}/hubs/user") as (bench, clock):
        await clock.advance(7.9)
        assert bench.notices == []
        await clock.advance(0.2)
        assert (await bench.told(AttemptFailed)).reason is Reason.TOOK_TOO_LONG
        released.set()


async def test_a_server_that_upgrades_and_never_answers_the_handshake_is_given_up_too() -> None:
    async with a_server() as server:
        server.answers = False
        async with a_hub(server.url) as (bench, clock):
            while not server.connections:
                await asyncio.sleep(0.001)
            await clock.advance(8.1)
            assert (await bench.told(AttemptFailed)).reason is Reason.TOOK_TOO_LONG
            server.answers = True
            await clock.advance(1.0)
            await bench.told(Connected)


async def test_something_that_is_no_websocket_server_is_unreachable() -> None:
    async def page(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(page, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening, a_hub(f"ws://127.0.0.1:{port}/hubs/user") as (bench, _):
        assert (await bench.told(AttemptFailed)).reason in (Reason.UNREACHABLE, Reason.REFUSED)


async def test_flapping_is_answered_with_growing_pauses() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, clock):
        pauses = []
        for count in range(1, 8):
            await bench.told(Connected, count)
            server.drop()
            pauses.append((await bench.told(Lost, count)).pause_s)
            await clock.advance(pauses[-1])
        for pause_s, whole_s in zip(pauses, [1, 2, 4, 8, 16, 30, 30], strict=True):
            assert 0.75 * whole_s <= pause_s <= whole_s


async def test_frames_that_are_no_text_too_big_or_many_in_one_cost_no_connection() -> None:
    big = invocation("GatewayDepth", "CON.F.US.MNQ.Z26", ["x" * 3 * 2**20])
    async with a_server() as server, a_hub(server.url) as (bench, _):
        await bench.told(Connected)
        await server.connections[0].send(b'{"type":1,"target":"\xff","arguments":[]}\x1e', text=True)
        await server.connections[0].send(render(trade(1)))  # a binary frame
        await server.connections[0].send([render(trade(2))[:9].decode(), render(trade(2))[9:].decode()])  # fragments
        await server.say(big, trade(3))
        arrivals = []
        while len(arrivals) < 4:
            arrivals += await bench.inbox.take()
        assert [arrival.invocation for arrival in arrivals] == [trade(1), trade(2), big, trade(3)]
        assert bench.hub.counts == {f"bad {BadKind.NOT_UTF8}": 1}
        assert bench.hub.connected


async def test_a_frame_beyond_all_measure_ends_the_connection_and_not_the_hub() -> None:
    async with a_server() as server, a_hub(server.url) as (bench, clock):
        await bench.told(Connected)
        await server.connections[0].send("x" * (16 * 2**20 + 1))
        lost = await bench.told(Lost)
        assert lost.reason is Reason.DROPPED
        assert "1009" in lost.detail
        await clock.advance(1.0)
        await bench.told(Connected, 2)


async def test_a_cancelled_hub_closes_its_socket_with_a_goodbye() -> None:
    async with a_server() as server:
        async with a_hub(server.url) as (bench, _):
            await bench.told(Connected)
        await asyncio.wait_for(server.connections[0].wait_closed(), LIMIT_S)
        assert server.connections[0].close_code == 1000


async def test_the_token_is_in_no_log_at_any_level(caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        async with a_server() as server, a_hub(server.url) as (bench, _):
            await bench.told(Connected)
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert not [record for record in ours if "cret" in record.getMessage()]


async def test_a_closed_link_says_so_to_whoever_still_uses_it() -> None:
    async with a_server() as server:
        link = await dial(f"{server.url}?access_token=x")
        await link.close(polite=False)
        await link.close(polite=True)
        with pytest.raises(LinkLost):
            await link.receive()
        with pytest.raises(LinkLost):
            await link.send(render(Ping()))


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/x", "http://127.0.0.1/x", "ws://[/x", "127.0.0.1", ""])
async def test_whatever_is_wrong_with_an_address_is_one_kind_of_failure(url) -> None:
    with pytest.raises(DialFailed):
        await dial(url)
