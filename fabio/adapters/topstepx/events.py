"""Events of both hubs: the arguments of an invocation, raw JSON, become records.

Lenient by item: of an array with one bad item the others are kept; of a quote with one bad
field the other fields. What is bad is a `BadItem` among the events, and counted. Nothing here
raises over what came in. Numbers as strings are taken; NaN, infinity, and numbers no market
or account has are not.

| target | arguments | gives |
| --- | --- | --- |
| `GatewayUserAccount`, `-Order`, `-Position`, `-Trade` | the record, or `{action, data}` | `UserEvent` |
| `GatewayQuote` | contract id, object with what has changed | `QuoteChange` |
| `GatewayTrade` | contract id, object or array with nulls | `Prints` |
| `GatewayDepth` | contract id, object or array with nulls | `Depth` |
| `GatewayLogout` | not known | `LoggedOut` |
| any other | | `UnknownEvent` |
"""

from collections import Counter, deque
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from fabio.adapters.topstepx.enums import TradeType
from fabio.adapters.topstepx.lenient import ITEMS, MEMBERS, Fields, Items, decoder, is_number
from fabio.adapters.topstepx.records import Account, HalfTurn, Order, Position
from fabio.adapters.topstepx.signalr.protocol import DECODE_ERRORS, SAMPLE_BYTES, Invocation
from fabio.adapters.topstepx.stamps import BadStamp, stamp_ns
from fabio.model.tick import BUY, SELL, UNKNOWN_SIDE

QUOTE, TRADE, DEPTH, LOGOUT = "GatewayQuote", "GatewayTrade", "GatewayDepth", "GatewayLogout"
USER_RECORDS: dict[str, type[Account | Order | Position | HalfTurn]] = {
    "GatewayUserAccount": Account,
    "GatewayUserOrder": Order,
    "GatewayUserPosition": Position,
    "GatewayUserTrade": HalfTurn,
}
REQUIRED = {
    "GatewayUserAccount": frozenset({"id", "balance", "canTrade"}),
    "GatewayUserOrder": frozenset({"id", "accountId", "contractId", "status", "type", "side", "size"}),
    "GatewayUserPosition": frozenset({"id", "accountId", "contractId", "type", "size"}),
    "GatewayUserTrade": frozenset({"id", "accountId", "contractId", "price", "side", "size", "orderId"}),
}
"""Fields without which a record would say something else: a position without a size is not flat."""

MAX_SIZE = 1_000_000
"""No print and no order of futures is larger; a larger number is a wrong one."""

_KEPT_SAMPLES = 16


class BadItemKind(StrEnum):
    """What is wrong with an event or a part of it."""

    ARGUMENTS = "arguments"
    SHAPE = "shape"
    MISSING = "missing"
    NUMBER = "number"
    SIZE = "size"
    TIMESTAMP = "timestamp"


class UserEvent(msgspec.Struct, frozen=True):
    """What the user hub says about the account; `action` as it came, None on bare records."""

    record: Account | Order | Position | HalfTurn
    action: int | None


class QuoteChange(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a quote that have changed; None means "as before".

    `last_updated_ns` is the time of the event; `timestamp_ns` was seen standing still.
    """

    contract_id: str
    symbol: str | None = None
    last_price: Decimal | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: int | None = None
    last_updated_ns: int | None = None
    timestamp_ns: int | None = None


class Print(msgspec.Struct, frozen=True):
    """A public trade; `side` is the aggressor as `model.tick` has it. A negative price passes."""

    ts_event_ns: int
    price: Decimal
    size: int
    side: int


class Prints(msgspec.Struct, frozen=True):
    """Public trades of a contract in the order they came, at least one."""

    contract_id: str
    prints: tuple[Print, ...]


class DepthRow(msgspec.Struct, frozen=True):
    """A row of the book; `type` is an `enums.DepthType` or a number not known yet."""

    type: int
    price: Decimal | None
    volume: int | None
    current_volume: int | None
    ts_event_ns: int | None


class Depth(msgspec.Struct, frozen=True):
    """Rows of the book of a contract in the order they came, at least one."""

    contract_id: str
    rows: tuple[DepthRow, ...]


class LoggedOut(msgspec.Struct, frozen=True):
    """The venue threw this connection out; nobody has published what it says, so it is kept raw."""

    arguments: bytes


class UnknownEvent(msgspec.Struct, frozen=True):
    """An event of a name we do not know."""

    target: str


class BadItem(msgspec.Struct, frozen=True):
    """An event, or an item or a field of one, that cannot be used."""

    target: str
    kind: BadItemKind
    sample: bytes


Event: TypeAlias = UserEvent | QuoteChange | Prints | Depth | LoggedOut | UnknownEvent | BadItem


class _QuoteWire(msgspec.Struct, rename="camel"):
    symbol: str | None = None
    last_price: Decimal | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    volume: int | None = None
    last_updated: str | None = None
    timestamp: str | None = None


class _PrintWire(msgspec.Struct):
    price: Decimal
    timestamp: str
    volume: int
    type: int | None = None


class _DepthWire(msgspec.Struct, rename="camel"):
    type: int
    price: Decimal | None = None
    volume: int | None = None
    current_volume: int | None = None
    timestamp: str | None = None


class _Wrapped(msgspec.Struct):
    """A user event's argument; `data` is unset on a bare record."""

    action: Any = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_QUOTES = Fields(_QuoteWire)
_PRINTS = Items(_PrintWire)
_DEPTHS = Items(_DepthWire)
_WRAPPED = decoder(_Wrapped)
_USER = {target: decoder(kind) for target, kind in USER_RECORDS.items()}
_MARKET = frozenset({QUOTE, TRADE, DEPTH})
_TEXT = decoder(str)


class EventReader:
    """Turns invocations into events.

    Attributes
    ----------
    bad
        (target, kind) -> how many items were bad.
    samples
        The latest bad items.
    """

    def __init__(self) -> None:
        self.bad: Counter[tuple[str, BadItemKind]] = Counter()
        self.samples: deque[BadItem] = deque(maxlen=_KEPT_SAMPLES)

    def read(self, invocation: Invocation) -> list[Event]:
        """Read one invocation of the server.

        Examples
        --------
        >>> from fabio.adapters.topstepx.signalr.protocol import invocation
        >>> EventReader().read(invocation("GatewayQuote", "CON.F.US.ENQ.Z26", {"bestBid": 21000.25}))[0].best_bid
        Decimal('21000.25')
        """
        target = invocation.target
        if target in _USER:
            events = _user(target, invocation.arguments)
        elif target in _MARKET:
            events = _market(target, invocation.arguments)
        elif target == LOGOUT:
            return [LoggedOut(b",".join(map(bytes, invocation.arguments))[:SAMPLE_BYTES])]
        else:
            return [UnknownEvent(target)]
        for event in events:
            if isinstance(event, BadItem):
                self.bad[target, event.kind] += 1
                self.samples.append(event)
        return events


def _user(target: str, arguments: tuple[msgspec.Raw, ...]) -> list[Event]:
    if not arguments:
        return [_bad(target, BadItemKind.ARGUMENTS, arguments)]
    try:
        items = ITEMS.decode(arguments[0])
    except DECODE_ERRORS:
        items = [arguments[0]]
    return [_user_event(target, item) for item in items if bytes(item) != b"null"]


def _user_event(target: str, item: msgspec.Raw) -> Event:
    try:
        wrapped = _WRAPPED.decode(item)
        members = MEMBERS.decode(item if wrapped.data is msgspec.UNSET else wrapped.data)
        members = {name: value for name, value in members.items() if bytes(value) != b"null"}
        if target == "GatewayUserOrder" and "orderId" in members:
            members.setdefault("id", members["orderId"])  # seen once by one project: no id, but this
        if not REQUIRED[target] <= members.keys():
            return _bad(target, BadItemKind.MISSING, item)
        record = _USER[target].decode(msgspec.json.encode(members))
    except DECODE_ERRORS:
        return _bad(target, BadItemKind.SHAPE, item)
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, Decimal) and not is_number(value):
            return _bad(target, BadItemKind.NUMBER, item)
    if isinstance(record, Position) and record.size > 0 and record.average_price == 0:
        return _bad(target, BadItemKind.NUMBER, item)
    if not isinstance(record, Account) and not 0 <= record.size <= MAX_SIZE:
        return _bad(target, BadItemKind.SIZE, item)
    return UserEvent(record, _action(wrapped.action))


def _action(value: object) -> int | None:
    # the record counts, not the action: a strange one is none
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return value if type(value) is int else None


def _market(target: str, arguments: tuple[msgspec.Raw, ...]) -> list[Event]:
    try:
        contract_id: str = _TEXT.decode(arguments[0])
        data = arguments[1]
    except (IndexError, *DECODE_ERRORS):
        return [_bad(target, BadItemKind.ARGUMENTS, [bytes(each)[:SAMPLE_BYTES] for each in arguments])]
    if target == TRADE:
        return _prints(contract_id, data)
    if target == QUOTE:
        return _quote(contract_id, data)
    return _depth(contract_id, data)


def _prints(contract_id: str, data: msgspec.Raw) -> list[Event]:
    wires, unreadable = _PRINTS.read(data)
    events: list[Event] = [_bad(TRADE, BadItemKind.SHAPE, each) for each in unreadable]
    prints = []
    for wire in wires:
        if not is_number(wire.price) or wire.price == 0:
            events.append(_bad(TRADE, BadItemKind.NUMBER, wire))
        elif not 0 < wire.volume <= MAX_SIZE:
            events.append(_bad(TRADE, BadItemKind.SIZE, wire))
        else:
            try:
                ts_event_ns = stamp_ns(wire.timestamp)
            except BadStamp:
                events.append(_bad(TRADE, BadItemKind.TIMESTAMP, wire))
                continue
            prints.append(Print(ts_event_ns, wire.price, wire.volume, _side(wire.type)))
    if prints:
        events.insert(0, Prints(contract_id, tuple(prints)))
    return events


def _side(trade_type: int | None) -> int:
    if trade_type == TradeType.BUY:
        return BUY
    return SELL if trade_type == TradeType.SELL else UNKNOWN_SIDE


def _quote(contract_id: str, data: msgspec.Raw) -> list[Event]:
    wire, unreadable = _QUOTES.read(data)
    bad: list[Event] = [_bad(QUOTE, BadItemKind.SHAPE, each) for each in unreadable]
    if wire is None:
        return bad

    def price(value: Decimal | None) -> Decimal | None:
        if value is None or (is_number(value) and value != 0):
            return value
        bad.append(_bad(QUOTE, BadItemKind.NUMBER, value))
        return None

    change = QuoteChange(
        contract_id=contract_id,
        symbol=wire.symbol,
        last_price=price(wire.last_price),
        best_bid=price(wire.best_bid),
        best_ask=price(wire.best_ask),
        open=price(wire.open),
        high=price(wire.high),
        low=price(wire.low),
        volume=wire.volume,
        last_updated_ns=_optional_ns(QUOTE, wire.last_updated, bad),
        timestamp_ns=_optional_ns(QUOTE, wire.timestamp, bad),
    )
    return [change, *bad]


def _depth(contract_id: str, data: msgspec.Raw) -> list[Event]:
    wires, unreadable = _DEPTHS.read(data)
    bad: list[Event] = [_bad(DEPTH, BadItemKind.SHAPE, each) for each in unreadable]
    rows = []
    for wire in wires:
        if wire.price is not None and not is_number(wire.price):
            bad.append(_bad(DEPTH, BadItemKind.NUMBER, wire))
        elif (wire.volume or 0) < 0 or (wire.current_volume or 0) < 0:
            bad.append(_bad(DEPTH, BadItemKind.SIZE, wire))
        else:
            ts_event_ns = _optional_ns(DEPTH, wire.timestamp, bad)
            rows.append(DepthRow(wire.type, wire.price, wire.volume, wire.current_volume, ts_event_ns))
    return [Depth(contract_id, tuple(rows)), *bad] if rows else bad


def _optional_ns(target: str, text: str | None, bad: list[Event]) -> int | None:
    """Read a time that the event can do without."""
    if text is None:
        return None
    try:
        return stamp_ns(text)
    except BadStamp:
        bad.append(_bad(target, BadItemKind.TIMESTAMP, text))
        return None


def _bad(target: str, kind: BadItemKind, what: object) -> BadItem:
    sample = bytes(what) if isinstance(what, msgspec.Raw) else repr(what).encode("utf-8", "backslashreplace")
    return BadItem(target, kind, sample[:SAMPLE_BYTES])
