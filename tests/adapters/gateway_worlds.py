"""A small gateway in one process: one NQ market, a few sessions, and a client that speaks its wire."""

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from fabio.adapters.gateway.connection import Ended, Frame, HubConnection
from fabio.adapters.gateway.core import Gateway, Stream
from fabio.adapters.gateway.messages import Answer, Request
from fabio.adapters.gateway.plan import AccountPlan, GatewayPlan, Switches
from fabio.adapters.topstepx.enums import OrderSide, OrderType
from fabio.exchange.assumptions import Assumptions
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.tick import Tick, Ticks
from fabio.portfolio.account import AccountSettings

MS, SECOND = 1_000_000, 1_000_000_000
HOUR = 3_600 * SECOND
START_NS = int(dt.datetime(2026, 6, 1, 14, 0, tzinfo=dt.UTC).timestamp()) * SECOND
DAY_NS = 24 * HOUR
ACCOUNT = 18_204_311
NQ_ID = "CON.F.US.ENQ.M26"
LAST = 100_000  # ticks: 25,000 points

NQ = Instrument(
    symbol="NQ", description="E-mini Nasdaq-100", tick_size=Decimal("0.25"), tick_value=Decimal(5),
    size_step=Decimal(1), product_group="cme_equity", trading_seconds_per_year=20_865_600, poc_cross_band_ticks=4,
    fee=Decimal("1.38"), commission=Decimal("0.50"), gateway_root="ENQ",
)
QM = Instrument(
    symbol="QM", description="E-mini crude", tick_size=Decimal("0.025"), tick_value=Decimal("12.5"),
    size_step=Decimal(1), product_group="energy", trading_seconds_per_year=20_865_600, poc_cross_band_ticks=2,
    gateway_root="NQM",
)


def sessions(days: int = 3) -> SessionTable:
    """Trading days from Monday 2026-06-01 on: 22:00 to 21:00 UTC, flat by 20:10."""
    dates = np.array([20260601 + day for day in range(days)], dtype=np.int64)
    opens = np.array([START_NS - 16 * HOUR + day * DAY_NS for day in range(days)], dtype=np.int64)
    return SessionTable(
        product_group="cme_equity", dates=dates, opens_ns=opens, closes_ns=opens + 23 * HOUR,
        regular_opens_ns=opens + 15 * HOUR + HOUR // 2, regular_closes_ns=opens + 22 * HOUR,
        flat_by_ns=opens + 22 * HOUR + HOUR // 6, breaks_ns=np.empty((0, 2), dtype=np.int64))


def prints(*prices_ticks: int, start_ns: int = START_NS, step_ns: int = 100 * MS, size: int = 1) -> Ticks:
    """One print every 100 ms."""
    return Ticks.of([
        Tick(start_ns + place * step_ns, start_ns + place * step_ns, price, size, 1 if place % 2 else -1)
        for place, price in enumerate(prices_ticks)])


@dataclass
class Client:
    """A client of the gateway; answers and events come as plain JSON."""

    gateway: Gateway
    token: str = ""
    user: HubConnection | None = None

    def raw(self, path: str, body: dict[str, Any] | bytes, method: str = "POST") -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body, default=float).encode()
        return self.gateway.request(Request(path=path, method=method, body=content, token=self.token))

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.raw(path, body)
        assert answer.status == 200, answer
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def log_in(self) -> "Client":
        self.token = self.ask("/api/Auth/loginKey", userName="Demo", apiKey="0123456789")["token"]
        return self

    def place(self, kind: OrderType = OrderType.MARKET, side: int = 1, size: int = 1, *, stop: int | None = None,
              target: int | None = None, tag: str | None = None, **prices: float) -> dict[str, Any]:
        """Place an order; `stop` and `target` are signed ticks, prices by their wire names."""
        body: dict[str, Any] = {
            "accountId": ACCOUNT, "contractId": NQ_ID, "type": int(kind),
            "side": int(OrderSide.BID if side > 0 else OrderSide.ASK), "size": size, "limitPrice": None,
            "stopPrice": None, "trailPrice": None, "customTag": tag, **prices}
        if stop is not None:
            body["stopLossBracket"] = {"ticks": stop, "type": 4}
        if target is not None:
            body["takeProfitBracket"] = {"ticks": target, "type": 1}
        return self.ask("/api/Order/place", **body)

    def order(self, order_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("/api/Order/searchById", accountId=ACCOUNT, orderId=order_id)["order"]
        return found

    def modify(self, order_id: int, **changes: Any) -> dict[str, Any]:
        return self.ask("/api/Order/modify", accountId=ACCOUNT, orderId=order_id, **changes)

    def cancel(self, order_id: int) -> dict[str, Any]:
        return self.ask("/api/Order/cancel", accountId=ACCOUNT, orderId=order_id)

    def close(self, size: int | None = None) -> dict[str, Any]:
        if size is None:
            return self.ask("/api/Position/closeContract", accountId=ACCOUNT, contractId=NQ_ID)
        return self.ask("/api/Position/partialCloseContract", accountId=ACCOUNT, contractId=NQ_ID, size=size)

    def positions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/api/Position/searchOpen", accountId=ACCOUNT)["positions"]
        return found

    def half_turns(self) -> list[dict[str, Any]]:
        """Oldest first."""
        found: list[dict[str, Any]] = self.ask(
            "/api/Trade/search", accountId=ACCOUNT, startTimestamp="2026-06-01T00:00:00Z")["trades"]
        return found[::-1]

    def orders(self) -> list[dict[str, Any]]:
        """All orders, oldest first, the waiting ones too."""
        found: list[dict[str, Any]] = self.ask(
            "/api/Order/v2/query", filter={"accountId": ACCOUNT}, sortDirection=0)["orders"]
        return found

    def listen(self) -> "Client":
        """Hear everything of the account."""
        self.user = hub(self.gateway, "user", self.token)
        for method, arguments in (("SubscribeAccounts", []), ("SubscribeOrders", [ACCOUNT]),
                                  ("SubscribePositions", [ACCOUNT]), ("SubscribeTrades", [ACCOUNT])):
            call(self.user, method, *arguments)
        self.user.take()
        return self

    def events(self) -> list[tuple[str, Any]]:
        """Take what the user hub said since the last time: event and its argument."""
        assert self.user is not None
        return events_of(self.user)

    def told_orders(self) -> list[dict[str, Any]]:
        """The orders of `events`."""
        return [argument["data"] for target, argument in self.events() if target == "GatewayUserOrder"]


def hub(gateway: Gateway, name: str, token: str) -> HubConnection:
    """Connect to a hub and shake hands."""
    connection = gateway.connect(name, token)  # type: ignore[arg-type]
    connection.receive(b'{"protocol":"json","version":1}\x1e')
    assert connection.take() == [Frame(b"{}\x1e")]
    return connection


def call(connection: HubConnection, method: str, *arguments: Any, number: str | None = None) -> None:
    record: dict[str, Any] = {"type": 1, "target": method, "arguments": list(arguments)}
    if number is not None:
        record["invocationId"] = number
    connection.receive(json.dumps(record).encode() + b"\x1e")


def records_of(connection: HubConnection) -> list[dict[str, Any]]:
    """Take what a connection has to send, as plain JSON."""
    found = []
    for each in connection.take():
        if isinstance(each, Ended):
            found.append({"ended": "abruptly" if each.abrupt else "politely"})
        else:
            found += [json.loads(record) for record in each.data.split(b"\x1e") if record]
    return found


def events_of(connection: HubConnection) -> list[tuple[str, Any]]:
    return [(record["target"], record["arguments"][-1]) for record in records_of(connection) if record.get("type") == 1]


def gateway(switches: Switches | None = None, limits: AccountSettings | None = None, **assumptions: Any) -> Gateway:
    """Build one at 14:00 UTC on a Monday; NQ last traded at 25,000."""
    plan = GatewayPlan(
        accounts=(AccountPlan(limits=AccountSettings() if limits is None else limits),),
        assumptions=Assumptions(**{"order_latency_ns": 8 * MS, **assumptions}),
        switches=Switches() if switches is None else switches)
    made = Gateway(plan, [NQ, QM], [Stream(instrument=NQ, table=sessions())], START_NS - SECOND)
    made.supply(prints(LAST, start_ns=START_NS - SECOND))
    made.advance(START_NS)
    return made


def client(switches: Switches | None = None, limits: AccountSettings | None = None, **assumptions: Any) -> Client:
    return Client(gateway(switches, limits, **assumptions)).log_in()


def wait(some: Client, milliseconds: int = 100) -> None:
    some.gateway.advance(some.gateway.now_ns + milliseconds * MS)


def trade(some: Client, *prices_ticks: int, size: int = 1) -> None:
    """Let the market print, one print every 100 ms from now."""
    some.gateway.supply(prints(*prices_ticks, start_ns=some.gateway.now_ns + 1, size=size))
    wait(some, 100 * len(prices_ticks))
