"""The gateway's shell on loopback sockets."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from gateway_worlds import ACCOUNT, LAST, MS, NQ_ID, gateway, prints
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.pace import Pace
from fabio.adapters.gateway.server import Server
from fabio.adapters.sockets import bound_socket, url_of


class Site:
    """A server, and a client that is logged in."""

    def __init__(self, url: str, made: Gateway, http: httpx.AsyncClient, token: str) -> None:
        self.url, self.gateway, self.http, self.token = url, made, http, token

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Authorization": f"Bearer {self.token}"})

    async def place(self) -> httpx.Response:
        return await self.post("/api/Order/place", accountId=ACCOUNT, contractId=NQ_ID, type=2, side=0, size=1)

    def ws(self, hub: str, query: str | None = None) -> Any:
        query = f"access_token={self.token}" if query is None else query
        return connect(f"{self.url.replace('http', 'ws')}/hubs/{hub}?{query}", compression=None)


@asynccontextmanager
async def site(*faults: FaultSpec, rate: float | None = 1.0) -> AsyncIterator[Site]:
    """Serve the small world, at the world's own speed."""
    made = gateway()
    sock = bound_socket(0)
    url = url_of(sock)
    server, pace = Server(sock), Pace(made, rate)
    await server.start()
    server.open(Front(made, Faults(made, Script(faults=faults)), pace), pace)
    driving = asyncio.create_task(pace.run())
    try:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            answer = await http.post("/api/Auth/loginKey", json={"userName": "demo", "apiKey": "0123456789"})
            yield Site(url, made, http, answer.json()["token"])
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)
        await server.close()


async def handshake(ws: ClientConnection, *calls: dict[str, Any]) -> None:
    await ws.send('{"protocol":"json","version":1}\x1e')
    assert await ws.recv() == "{}\x1e"
    for call in calls:
        await ws.send(json.dumps({"type": 1, **call}) + "\x1e")


async def test_rest_answers_as_the_core_does() -> None:
    async with site() as some:
        assert (await some.http.post("/api/Account/search", json={})).status_code == 401
        accounts = (await some.post("/api/Account/search", onlyActiveAccounts=True)).json()
        assert accounts["accounts"][0]["id"] == ACCOUNT
        by_query = await some.http.post(f"/api/Account/search?access_token={some.token}", json={})
        assert by_query.status_code == 200
        assert (await some.http.post("/api/Auth/loginKey", json={"userName": "demo"})).status_code == 400
        assert (await some.http.get("/no/such/path")).status_code == 401


async def test_a_ping_tells_the_replay_clock_and_its_rate() -> None:
    async with site(rate=60.0) as some:
        pong = await some.http.get("/api/Status/ping")
        assert pong.text == "pong"
        assert pong.headers["X-Gateway-Rate"] == "60"
        assert int(pong.headers["X-Gateway-Time-Ns"]) == some.gateway.now_ns
        assert pong.headers["Date"].startswith("Mon, 01 Jun 2026 14:0")


async def test_both_hubs_over_sockets() -> None:
    async with site() as some, some.ws("user") as user, some.ws("market") as market:
        await handshake(user, {"target": "SubscribeOrders", "arguments": [ACCOUNT], "invocationId": "0"})
        assert json.loads((await user.recv())[:-1]) == {"type": 3, "invocationId": "0", "result": None}
        await handshake(market, {"target": "SubscribeContractTrades", "arguments": [NQ_ID]})
        await some.place()
        statuses = [json.loads((await user.recv())[:-1])["arguments"][0]["data"]["status"] for _ in range(2)]
        assert statuses == [6, 2]
        await asyncio.sleep(0.01)
        some.gateway.supply(prints(LAST + 4, start_ns=some.gateway.now_ns + 10 * MS))
        told = json.loads((await market.recv())[:-1])
        assert told["arguments"][1][0]["price"] == 25_001


async def test_negotiation_and_ids_that_are_good_once() -> None:
    async with site() as some:
        refused = await some.http.post("/hubs/user/negotiate")
        assert refused.status_code == 401
        found = await some.http.post(f"/hubs/user/negotiate?negotiateVersion=1&access_token={some.token}")
        assert found.headers["Content-Type"].startswith("application/json")
        token = found.json()["connectionToken"]
        async with some.ws("user", f"access_token={some.token}&id={token}") as ws:
            await handshake(ws)
        with pytest.raises(InvalidStatus) as used:
            await some.ws("user", f"access_token={some.token}&id={token}")
        assert used.value.response.status_code == 404


async def test_the_upgrade_needs_a_good_token_in_query_or_header() -> None:
    async with site() as some:
        for query in ("", "access_token=nonsense", f"token={some.token}"):
            with pytest.raises(InvalidStatus) as refused:
                await some.ws("market", query)
            assert refused.value.response.status_code == 401
        url = f"{some.url.replace('http', 'ws')}/hubs/market"
        async with connect(url, additional_headers={"Authorization": f"Bearer {some.token}"}) as ws:
            await handshake(ws)
        assert (await some.http.get(f"/hubs/market?access_token={some.token}")).status_code == 400


async def test_a_client_that_leaves_is_forgotten_and_the_server_says_goodbye() -> None:
    async with site() as some:
        async with some.ws("user") as ws:
            await handshake(ws)
            assert len(some.gateway.hubs.connections) == 1
        for _ in range(6_000):
            if not some.gateway.hubs.connections:
                break
            await asyncio.sleep(0.01)
        assert not some.gateway.hubs.connections
        ws = await some.ws("user")
        await handshake(ws)
    last = [frame async for frame in ws]
    assert json.loads(last[-1][:-1])["type"] == 7


@pytest.mark.parametrize(("fault", "executed"), [
    (FaultSpec(name="reset", surface="place", options={"executed": 0.0}), False),
    (FaultSpec(name="reset", surface="place", options={"executed": 1.0}), True),
    (FaultSpec(name="cut_body", surface="place"), True),
    (FaultSpec(name="server_error", surface="place", options={"executed": 1.0}), True),
    (FaultSpec(name="unauthorised", surface="place"), False),
    (FaultSpec(name="too_many", surface="place", options={"retry_after_s": 5}), False),
    (FaultSpec(name="proxy", surface="place"), False),
])
async def test_what_breaks_on_a_socket_does_what_its_name_says(fault: FaultSpec, executed: bool) -> None:
    async with site(fault) as some:
        with contextlib.suppress(httpx.TransportError):
            answer = await some.place()
            assert answer.status_code != 200 or fault.name == "cut_body"
            if fault.name == "too_many":
                assert answer.headers["Retry-After"] == "5"
        orders = (await some.post("/api/Order/v2/query", filter={"accountId": ACCOUNT})).json()["orders"]
        assert bool(orders) is executed


async def test_an_answer_that_never_comes_and_one_that_trickles() -> None:
    async with site(FaultSpec(name="drop_reply", surface="place"),
                    FaultSpec(name="trickle", surface="account", options={"bytes_per_s": 20.0})) as some:
        with pytest.raises(httpx.ReadTimeout):
            await some.http.post("/api/Order/place", json={}, timeout=httpx.Timeout(60, read=0.05),
                                 headers={"Authorization": f"Bearer {some.token}"})
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await some.post("/api/Account/search")


async def test_an_answer_that_comes_twice_may_spoil_the_next_call_but_not_the_one_after() -> None:
    async with site(FaultSpec(name="reply_twice", surface="mutation")) as some:
        assert (await some.place()).json()["success"]
        with contextlib.suppress(httpx.TransportError):
            await some.post("/api/Order/v2/query", filter={"accountId": ACCOUNT})
        again = await some.post("/api/Order/v2/query", filter={"accountId": ACCOUNT})
        assert again.json()["totalCount"] == 1


async def test_hub_faults_on_sockets() -> None:
    async with site(FaultSpec(name="refuse_upgrade", surface="market", options={"status": 503}),
                    FaultSpec(name="drop", surface="user")) as some:
        with pytest.raises(InvalidStatus) as refused:
            await some.ws("market")
        assert refused.value.response.status_code == 503
        assert (await some.http.post(f"/hubs/market/negotiate?access_token={some.token}")).status_code == 503
        async with some.ws("user") as ws:
            await ws.send('{"protocol":"json","version":1}\x1e')
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert ws.close_code != 1000


async def test_frames_that_are_no_utf8_leave_all_the_same() -> None:
    async with site(FaultSpec(name="malformed", surface="user")) as some, some.ws("user") as ws:
        await handshake(ws, {"target": "SubscribeOrders", "arguments": [ACCOUNT]})
        for _ in range(20):
            await some.place()
        seen = 0
        with contextlib.suppress(ConnectionClosed):
            while seen < 20:
                async with asyncio.timeout(60):
                    await ws.recv(decode=False)
                seen += 1
        assert seen


async def test_as_fast_as_it_goes_waits_for_a_listener_and_loses_nothing() -> None:
    async with site(rate=None) as some:
        made = some.gateway
        made.supply(prints(*(LAST + step % 9 for step in range(20_000)), start_ns=made.now_ns + MS, step_ns=40 * MS))
        assert (await some.http.get("/api/Status/ping")).headers["X-Gateway-Rate"] == "max"
        async with some.ws("market") as ws:
            await handshake(ws)
            waiting = made.waiting_ticks
            assert waiting == 20_000
            await ws.send(json.dumps({"type": 1, "target": "SubscribeContractTrades", "arguments": [NQ_ID]}) + "\x1e")
            seen = 0
            while seen < 20_000:
                async with asyncio.timeout(60):
                    frame = await ws.recv()
                for record in filter(None, frame.split("\x1e")):
                    decoded = json.loads(record)
                    seen += len(decoded["arguments"][1]) if decoded["type"] == 1 else 0
            assert seen == 20_000
