"""The venue's REST endpoints, typed: one method each, no more meaning than the wire has.

Reads raise (`errors`); mutations return an `Outcome` (`outcomes`). Lists come out oldest first,
whatever order the wire has. What takes several calls stands beside: `history` (bars of a span),
`lookup` (all orders of a query, the order of a tag).
"""

import httpx
import msgspec

from fabio.adapters.topstepx.enums import (
    BarsError,
    BarUnit,
    CloseError,
    ModifyError,
    OrderStatus,
    PartialCloseError,
    PlaceError,
    SearchError,
)
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import (
    Account,
    Bar,
    Contract,
    HalfTurn,
    ModifyOrder,
    Order,
    PlaceOrder,
    Position,
)
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.calls import Calls
from fabio.adapters.topstepx.rest.outcomes import Outcome
from fabio.adapters.topstepx.rest.requests import check_modify, check_place, long_id, order_number, whole_number
from fabio.adapters.topstepx.rest.tokens import Tokens
from fabio.adapters.topstepx.rest.transport import RETRIEVE_BARS, Against, Call, Reply, Transport, nothing
from fabio.adapters.topstepx.rest.wire import Envelope, Record, read_record, read_rows
from fabio.adapters.topstepx.stamps import BadStamp, stamp_ns, stamp_text

PAGE_ROWS = 100
"""Rows of a page of `/api/Order/v2/query`, whatever is asked for."""

MOST_BARS = 20_000


class Pong(msgspec.Struct, frozen=True):
    """Answer to a ping; `headers` by lower-case name."""

    headers: dict[str, str]
    round_trip_s: float


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Filter of `/api/Order/v2/query`; it has none by contract that works, so filter yourself."""

    account_id: int
    statuses: tuple[OrderStatus, ...] = ()
    created_after_ns: int | None = None
    created_before_ns: int | None = None


class OrderPage(msgspec.Struct, frozen=True):
    """One page, by ascending id; `total` rows are in the whole answer, None where the venue does not say."""

    orders: tuple[Order, ...]
    total: int | None


class BarsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of one contract; `live` picks the data subscription: False for simulated accounts."""

    contract_id: str
    start_ns: int
    end_ns: int
    unit: BarUnit = BarUnit.MINUTE
    unit_number: int = 1
    live: bool = False
    limit: int = MOST_BARS
    include_partial: bool = False


class Rest:
    """The venue over REST; made by `session.open_rest`, ended by `aclose`.

    Attributes
    ----------
    tokens
        For the hubs: `await tokens.bearer()`, and `renew` after a 401.
    skew
        The venue's clock against ours.
    counts
        What happened so far, by name: sent, asked again, too many, dead token, unreadable,
        unknown code, Accepted, Refused, NotSent, Unknown, ...
    """

    def __init__(self, transport: Transport, tokens: Tokens, calls: Calls) -> None:
        self.tokens = tokens
        self.skew = transport.skew
        self.counts = transport.counts
        self.rate = transport.general
        self._transport = transport
        self._calls = calls

    async def ping(self) -> Pong:
        """Ask whether anybody is there; needs no token."""
        reply = await self._calls.asked_again("/api/Status/ping", self._ping_once)
        return Pong(reply.headers, reply.round_trip_s)

    async def accounts(self, only_active: bool = True, urgency: Urgency = Urgency.ASK) -> tuple[Account, ...]:
        """List the user's accounts."""
        body = {"onlyActiveAccounts": only_active}
        return await self._rows("/api/Account/search", body, "accounts", Account, urgency)

    async def search_contracts(self, text: str, live: bool = False) -> tuple[Contract, ...]:
        """List at most 20 contracts that loosely match a text; `contracts.front_month` chooses exactly."""
        body = {"searchText": text, "live": live}
        return await self._rows("/api/Contract/search", body, "contracts", Contract)

    async def available_contracts(self, live: bool = False) -> tuple[Contract, ...]:
        """List all contracts; empty where `live` does not fit the account."""
        return await self._rows("/api/Contract/available", {"live": live}, "contracts", Contract)

    async def contract(self, contract_id: str) -> Contract | None:
        """Look one contract up, an expired one too; None where the venue knows none."""
        body = {"contractId": long_id(contract_id)}
        return await self._one("/api/Contract/searchById", body, "contract", Contract)

    async def bars(self, query: BarsQuery) -> tuple[Bar, ...]:
        """One page of bars, oldest first: the newest `limit` ones of the span."""
        body = {
            "contractId": long_id(query.contract_id), "live": query.live,
            "startTime": stamp_text(query.start_ns), "endTime": stamp_text(query.end_ns),
            "unit": query.unit, "unitNumber": query.unit_number,
            "limit": whole_number("limit", query.limit, MOST_BARS), "includePartialBar": query.include_partial,
        }
        return await self._calls.read(
            RETRIEVE_BARS, body, BarsError,
            lambda answer: tuple(sorted(read_rows(answer, "bars", Bar), key=bar_start_ns)),
        )

    async def orders_since(
        self, account_id: int, start_ns: int, end_ns: int | None = None, urgency: Urgency = Urgency.ASK
    ) -> tuple[Order, ...]:
        """List the orders made in a span, by `/api/Order/search`; suspended bracket children may be missing."""
        body = _span(account_id, start_ns, end_ns)
        orders = await self._rows("/api/Order/search", body, "orders", Order, urgency)
        return tuple(sorted(orders, key=lambda order: order.id))

    async def open_orders(self, account_id: int, urgency: Urgency = Urgency.ASK) -> tuple[Order, ...]:
        """List orders of status Open only: suspended bracket children and pending ones are not in it."""
        body = {"accountId": whole_number("accountId", account_id)}
        orders = await self._rows("/api/Order/searchOpen", body, "orders", Order, urgency)
        return tuple(sorted(orders, key=lambda order: order.id))

    async def order(self, account_id: int, order_id: int, urgency: Urgency = Urgency.ASK) -> Order | None:
        """Look one order up; None where the venue says that it does not exist."""
        body = {"accountId": whole_number("accountId", account_id), "orderId": order_number(order_id)}
        return await self._one("/api/Order/searchById", body, "order", Order, urgency)

    async def orders_page(self, query: OrderQuery, first_row: int, urgency: Urgency = Urgency.ASK) -> OrderPage:
        """One page of `/api/Order/v2/query`, from a row on; `lookup.query_orders` takes all pages."""
        wanted: dict[str, object] = {"accountId": whole_number("accountId", query.account_id)}
        if query.statuses:
            wanted["statuses"] = list(query.statuses)
        if query.created_after_ns is not None:
            wanted["createdAfter"] = stamp_text(query.created_after_ns)
        if query.created_before_ns is not None:
            wanted["createdBefore"] = stamp_text(query.created_before_ns)
        body = {"filter": wanted, "pageSize": PAGE_ROWS, "pageOffset": first_row,
                "sortBy": 1, "sortDirection": 0, "includeTotalCount": True}
        return await self._calls.read("/api/Order/v2/query", body, SearchError, _page, urgency)

    async def open_positions(self, account_id: int, urgency: Urgency = Urgency.ASK) -> tuple[Position, ...]:
        """List what is held: one netted row per contract."""
        body = {"accountId": whole_number("accountId", account_id)}
        return await self._rows("/api/Position/searchOpen", body, "positions", Position, urgency)

    async def trades(
        self, account_id: int, start_ns: int, end_ns: int | None = None, urgency: Urgency = Urgency.ASK
    ) -> tuple[HalfTurn, ...]:
        """List own executions of a span; voided ones are among them."""
        body = _span(account_id, start_ns, end_ns)
        trades = await self._rows("/api/Trade/search", body, "trades", HalfTurn, urgency)
        return tuple(sorted(trades, key=lambda trade: trade.id))

    async def place(
        self, order: PlaceOrder, urgency: Urgency = Urgency.TRADE, against: Against = nothing
    ) -> Outcome:
        """Send a new order, once; a stop that protects a position goes with `Urgency.PROTECT`.

        One that something is against when its place has come is not sent.
        """
        check_place(order)
        return await self._calls.mutate("/api/Order/place", order, PlaceError, urgency, against)

    async def modify(self, change: ModifyOrder, urgency: Urgency = Urgency.PROTECT) -> Outcome:
        """Change an order, once; the truth is in the order afterwards."""
        check_modify(change)
        return await self._calls.mutate("/api/Order/modify", change, ModifyError, urgency)

    async def cancel(self, account_id: int, order_id: int) -> Outcome:
        """Cancel an order, once; the truth is in the order afterwards."""
        body = {"accountId": whole_number("accountId", account_id), "orderId": order_number(order_id)}
        return await self._calls.mutate("/api/Order/cancel", body, ModifyError, Urgency.PROTECT)

    async def close_contract(self, account_id: int, contract_id: str) -> Outcome:
        """Close what is held of a contract at the market; what rests of its orders stays."""
        body = {"accountId": whole_number("accountId", account_id), "contractId": long_id(contract_id)}
        return await self._calls.mutate("/api/Position/closeContract", body, CloseError, Urgency.PROTECT)

    async def partial_close(self, account_id: int, contract_id: str, size: int) -> Outcome:
        """Close a part at the market; read the orders again afterwards."""
        body = {"accountId": whole_number("accountId", account_id), "contractId": long_id(contract_id),
                "size": whole_number("size", size)}
        return await self._calls.mutate("/api/Position/partialCloseContract", body, PartialCloseError, Urgency.PROTECT)

    async def aclose(self, logout: bool = False) -> None:
        """End: a login under way, the session where asked for, the connections."""
        await self.tokens.aclose()
        if logout:
            await self.tokens.logout()
        await self._transport.aclose()

    async def _ping_once(self) -> Reply:
        reply = await self._transport.send(Call(path="/api/Status/ping", method="GET", answer_s=5.0))
        if reply.status != httpx.codes.OK:
            raise TemporaryError(f"/api/Status/ping: HTTP {reply.status}")
        if reply.content.strip().strip(b'"') != b"pong":
            raise WireError(f"/api/Status/ping: {len(reply.content)} bytes that are not `pong`: is this TopstepX?")
        return reply

    async def _rows(
        self, path: str, body: object, name: str, kind: type[Record], urgency: Urgency = Urgency.ASK
    ) -> tuple[Record, ...]:
        return await self._calls.read(
            path, body, SearchError, lambda answer: tuple(read_rows(answer, name, kind)), urgency
        )

    async def _one(
        self, path: str, body: object, name: str, kind: type[Record], urgency: Urgency = Urgency.ASK
    ) -> Record | None:
        try:
            return await self._calls.read(
                path, body, SearchError, lambda answer: read_record(kind, answer.fields.get(name)), urgency
            )
        except PermanentError as error:
            if error.code == SearchError.NOT_FOUND:
                return None
            raise


def bar_start_ns(bar: Bar) -> int:
    """When a bar begins, in nanoseconds since 1970; raises `WireError` where it does not say."""
    try:
        return stamp_ns(bar.t)
    except BadStamp as error:
        raise WireError(f"a bar without a start: {error}") from None


def _page(answer: Envelope) -> OrderPage:
    total = answer.fields.get("totalCount")
    known = isinstance(total, int) and not isinstance(total, bool) and total >= 0
    return OrderPage(tuple(read_rows(answer, "orders", Order)), total if known else None)


def _span(account_id: int, start_ns: int, end_ns: int | None) -> dict[str, object]:
    body: dict[str, object] = {
        "accountId": whole_number("accountId", account_id), "startTimestamp": stamp_text(start_ns),
    }
    if end_ns is not None:
        body["endTimestamp"] = stamp_text(end_ns)
    return body
