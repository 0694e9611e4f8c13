"""What comes over the wire: the venue's frames and answers, and what clients send to the simulated gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from fabio.adapters.gateway.core import Gateway, Stream
from fabio.adapters.gateway.messages import Request as GatewayRequest
from fabio.adapters.gateway.plan import AccountPlan, GatewayPlan
from fabio.adapters.topstepx.enums import PlaceError
from fabio.adapters.topstepx.errors import WireError
from fabio.adapters.topstepx.events import EventReader
from fabio.adapters.topstepx.records import Account, Bar, Contract, Order, Position
from fabio.adapters.topstepx.rest.outcomes import outcome_of
from fabio.adapters.topstepx.rest.wire import read_envelope, read_problem, read_rows
from fabio.adapters.topstepx.signalr.protocol import Completion, Invocation, Ping, invocation, render
from fabio.adapters.topstepx.signalr.reader import RecordReader
from fabio.research.reliability.inputs.surface import Surface
from fabio.runtime.demo import Demo
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

AT = "2026-08-27T14:30:00.1234567+00:00"
CONTRACT = "CON.F.US.MNQ.Z26"


PRINT = {"symbolId": "F.US.MNQ", "price": 21000.25, "timestamp": AT, "type": 0, "volume": 2}
ORDER = {"id": 9056123456, "accountId": 5, "contractId": CONTRACT, "status": 1, "type": 4, "side": 1, "size": 1,
         "stopPrice": 20990.5, "creationTimestamp": AT, "customTag": "fb-20260827-1-SL"}
POSITION = {"id": 3, "accountId": 5, "contractId": CONTRACT, "type": 1, "size": 2, "averagePrice": 21000.375,
            "creationTimestamp": AT}
ACCOUNT = {"id": 5, "name": "PRAC-V2-1", "balance": 50123.45, "canTrade": True, "isVisible": True}
LISTED = {"id": CONTRACT, "name": "MNQZ6", "description": "Micro", "tickSize": 0.25, "tickValue": 0.5,
          "activeContract": True, "symbolId": "F.US.MNQ"}
BAR = {"t": AT, "o": 21000.25, "h": 21001, "l": 20999.75, "c": 21000, "v": 12}
MARK = invocation("mark", 1)
FRAMES = (
    invocation("GatewayTrade", CONTRACT, [PRINT, None, PRINT | {"type": 1}]),
    invocation("GatewayQuote", CONTRACT, {"bestBid": 21000.0, "volume": 99, "lastUpdated": AT, "symbol": "F.US.MNQ"}),
    invocation("GatewayDepth", CONTRACT, [{"timestamp": AT, "type": 4, "price": 21000.25, "volume": 7}, None]),
    invocation("GatewayUserOrder", {"action": 1, "data": ORDER}),
    invocation("GatewayUserPosition", {"action": 2, "data": POSITION}),
    invocation("GatewayUserAccount", {"action": 1, "data": ACCOUNT}),
    Ping(), Completion("0"), Completion("1", error="no"),
)


class NextLost(AssertionError):
    """A good frame behind a bad one was not read."""


@contextmanager
def hub_frame(folder: Path) -> Iterator[Surface]:
    """A frame of a hub, with a good one behind it."""
    reader, events = RecordReader(), EventReader()
    mark = render(MARK)

    def read(text: bytes) -> None:
        records = reader.feed(text) + reader.feed(mark)
        if not records or records[-1] != MARK:
            raise NextLost
        for record in records[:-1]:
            if isinstance(record, Invocation):
                events.read(record)

    yield Surface(samples=tuple(render(frame) for frame in FRAMES), read=read)


@contextmanager
def rest_body(folder: Path) -> Iterator[Surface]:
    """The body of an answer of the venue."""
    rows: dict[str, Any] = {
        "accounts": Account, "contracts": Contract, "orders": Order, "positions": Position, "bars": Bar}

    def read(text: bytes) -> None:
        outcome_of(200, text, PlaceError)
        outcome_of(400, text, PlaceError)
        read_problem(text)
        answer = read_envelope(text)
        for name, kind in rows.items():
            if name in answer.fields:
                read_rows(answer, name, kind)

    def read_whole(text: bytes) -> None:
        read_envelope(text)

    def good(**fields: object) -> bytes:
        return json.dumps({"success": True, "errorCode": 0, "errorMessage": None, **fields}).encode()

    yield Surface(samples=(
        good(orderId=9056), good(accounts=[ACCOUNT]), good(contracts=[LISTED]), good(orders=[ORDER, ORDER]),
        good(positions=[POSITION]), good(bars=[BAR, BAR]),
        json.dumps({"success": False, "errorCode": 2, "errorMessage": "no"}).encode(),
        json.dumps({"title": "One or more", "status": 400, "errors": {"size": ["must be positive"]}}).encode(),
    ), read=read, refusals=(WireError,), read_mebibyte=read_whole)


@contextmanager
def gateway_request(folder: Path) -> Iterator[Surface]:
    """What a client sends to the simulated gateway: requests' bodies, and frames to its hubs."""
    settings = load(environment={}, directory=Path("/"))
    instrument = instrument_of(settings, "MNQ")
    demo = Demo(settings, instrument, 82)
    start_ns = demo.session(0).open_ns + 10**12
    gateway = Gateway(GatewayPlan(accounts=(AccountPlan(limits=settings.account),), assumptions=settings.exchange),
                      [instrument], [Stream(instrument=instrument, table=demo.table)], start_ns)
    login = orjson.dumps({"userName": "demo", "apiKey": "0123456789"})
    token = orjson.loads(gateway.request(GatewayRequest(
        path="/api/Auth/loginKey", method="POST", body=login, token="")).body)["token"]
    paths = ("/api/Auth/loginKey", "/api/Account/search", "/api/Contract/search", "/api/History/retrieveBars",
             "/api/Order/search", "/api/Order/searchOpen", "/api/Order/place", "/api/Order/modify",
             "/api/Order/cancel", "/api/Position/closeContract", "/api/Trade/search")
    turn = 0

    def read(text: bytes) -> None:
        nonlocal turn
        turn += 1
        gateway.request(GatewayRequest(path=paths[turn % len(paths)], method="POST", body=text, token=token))
        gateway.connect("user", token).receive(text)

    bodies = (
        {"accountId": 1, "contractId": CONTRACT, "type": 2, "side": 0, "size": 1, "customTag": "x"},
        {"contractId": CONTRACT, "live": False, "startTime": AT, "endTime": AT, "unit": 2, "unitNumber": 1,
         "limit": 10, "includePartialBar": False},
        {"accountId": 1, "orderId": 5, "stopPrice": 21000.25}, {"searchText": "MNQ", "live": False},
        {"accountId": 1, "startTimestamp": AT, "endTimestamp": None}, {"userName": "demo", "apiKey": "0123456789"},
    )
    hub = (b'{"protocol":"json","version":1}\x1e', render(invocation("SubscribeOrders", 5)), render(Ping()))
    yield Surface(samples=(*(json.dumps(each).encode() for each in bodies), *hub), read=read)
