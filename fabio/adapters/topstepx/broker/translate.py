"""Between the venue's records and the house's nouns, both ways; nothing is guessed.

A status or kind that no enum has becomes `unknown` or `other`. Prices are read to the nearest
tick: an execution off the grid is still money. What the machine does not trade keeps the
venue's sizes, and has no prices in ticks.
"""

from decimal import Decimal
from typing import Literal

from fabio.adapters.topstepx.broker.tags import Tag
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.enums import OrderSide, OrderStatus, OrderType, PositionType
from fabio.adapters.topstepx.errors import BadRequest, WireError
from fabio.adapters.topstepx.records import Bracket, HalfTurn, PlaceOrder
from fabio.adapters.topstepx.records import Order as OrderRecord
from fabio.adapters.topstepx.records import Position as PositionRecord
from fabio.adapters.topstepx.stamps import BadStamp, stamp_ns
from fabio.model import command
from fabio.model.order import Fill, Order
from fabio.model.venue import NO_MARKET, VenueKind, VenueOrder, VenuePosition, VenueStatus

_STATUS: dict[int, VenueStatus] = {
    OrderStatus.OPEN: "working",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.PENDING: "pending",
    OrderStatus.PENDING_CANCELLATION: "pending",
    OrderStatus.SUSPENDED: "suspended",
}
_KIND: dict[int, VenueKind] = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
}
_SIGN: dict[int, int] = {OrderSide.BID: 1, OrderSide.ASK: -1}
_DIRECTION: dict[int, int] = {PositionType.LONG: 1, PositionType.SHORT: -1}

FeesFrom = Literal["venue", "partly", "table"]
"""Who says what an execution cost: the venue, our table, or each a part."""


def venue_order(record: OrderRecord, tag: Tag | None, traded: TradedContract | None) -> VenueOrder:
    """Tell of an order as the engine wants it.

    Parameters
    ----------
    tag
        What it is to us; None for a foreign one.
    traded
        Its contract; None where the machine does not trade it.
    """
    average = record.filled_price
    return VenueOrder(
        venue_id=str(record.id),
        tag=record.custom_tag or "",
        order_id=tag.order_id if tag is not None else "",
        leg=tag.leg if tag is not None else "close",
        native=tag.native if tag is not None else True,
        market=traded.market if traded is not None else NO_MARKET,
        contract=record.contract_id,
        kind=_KIND.get(record.type, "other"),
        side=_SIGN.get(record.side, 0),
        size_steps=_steps(record.size, traded),
        filled_steps=_steps(record.fill_volume or 0, traded),
        filled_ticks=(float(average / traded.instrument.tick_size)
                      if average is not None and traded is not None and record.fill_volume else None),
        limit_ticks=_ticks(record.limit_price, traded),
        stop_ticks=_ticks(record.stop_price, traded),
        status=_STATUS.get(record.status, "unknown"),
        created_ns=optional_ns(record.creation_timestamp),
    )


def venue_position(record: PositionRecord, traded: TradedContract | None) -> VenuePosition | None:
    """Tell of a position; None where it is flat.

    Raises
    ------
    WireError
        If its direction is no known one: what is held is then not known.
    """
    if record.size == 0:
        return None
    direction = _DIRECTION.get(record.type)
    if direction is None:
        raise WireError(f"a position of {record.size} {record.contract_id} of type {record.type}: expected 1 or 2")
    entry = record.average_price / (traded.instrument.tick_size if traded is not None else 1)
    return VenuePosition(
        market=traded.market if traded is not None else NO_MARKET,
        contract=record.contract_id,
        size_steps=direction * _steps(record.size, traded),
        entry_ticks=float(entry),
    )


def fill_of(trade: HalfTurn, tag: Tag | None, traded: TradedContract, now_ns: int) -> Fill:
    """Make an own execution of a half-turn.

    Parameters
    ----------
    tag
        What its order is to us; None for an order without a tag of ours.
    now_ns
        Stands in for a time that cannot be read.

    Raises
    ------
    WireError
        If it has no side or no size: it is money, but whose way it went is not known.
    """
    side = _SIGN.get(trade.side)
    if side is None or trade.size <= 0:
        raise WireError(f"half-turn {trade.id}: side {trade.side}, size {trade.size}; expected side 0 or 1 and a size")
    at_ns = optional_ns(trade.creation_timestamp)
    return Fill(
        id=str(trade.id),
        order_id=tag.order_id if tag is not None else "",
        leg=tag.leg if tag is not None else "close",
        market=traded.market,
        side=side,
        size_steps=traded.steps(trade.size),
        price_ticks=traded.near_ticks(trade.price),
        fees=cost(trade, traded)[0],
        ts_ns=at_ns if at_ns is not None else now_ns,
    )


def cost(trade: HalfTurn, traded: TradedContract) -> tuple[Decimal, FeesFrom]:
    """Add up fees and commission of a half-turn; what the venue leaves out comes from our table."""
    instrument = traded.instrument
    fees, commissions = trade.fees, trade.commissions
    told = (fees is not None) + (commissions is not None)
    total = ((fees if fees is not None else instrument.fee * trade.size)
             + (commissions if commissions is not None else instrument.commission * trade.size))
    return total, ("table", "partly", "venue")[told]


def place_entry(order: Order, traded: TradedContract, account_id: int, tag: str) -> PlaceOrder:
    """Write an entry with its bracket; the ticks are signed, above the entry is positive.

    Raises
    ------
    BadRequest
        If it is of no kind or side that the wire has.
    """
    kind = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}.get(order.kind)
    if kind is None:
        raise BadRequest(f"order {order.id} of kind {order.kind!r}: expected market or limit")
    return PlaceOrder(
        account_id=account_id,
        contract_id=traded.contract_id,
        type=kind,
        side=_wire_side(order.side),
        size=traded.size(order.size_steps),
        limit_price=traded.price(order.limit_ticks) if order.limit_ticks is not None else None,
        custom_tag=tag,
        stop_loss_bracket=Bracket(ticks=order.stop_offset_ticks, type=OrderType.STOP),
        take_profit_bracket=Bracket(ticks=order.target_offset_ticks, type=OrderType.LIMIT),
    )


def place_stop(stop: command.PlaceStop, traded: TradedContract, account_id: int, tag: str) -> PlaceOrder:
    """Write a stop of its own; raises `BadRequest` as `place_entry` does."""
    return PlaceOrder(
        account_id=account_id,
        contract_id=traded.contract_id,
        type=OrderType.STOP,
        side=_wire_side(stop.side),
        size=traded.size(stop.size_steps),
        stop_price=traded.price(stop.stop_ticks),
        custom_tag=tag,
    )


def optional_ns(text: str | None) -> int | None:
    """Read a time that may be missing or wrong."""
    if text is None:
        return None
    try:
        return stamp_ns(text)
    except BadStamp:
        return None


def _wire_side(side: int) -> OrderSide:
    found = {1: OrderSide.BID, -1: OrderSide.ASK}.get(side)
    if found is None:
        raise BadRequest(f"side {side!r}: expected 1 (buys) or -1 (sells)")
    return found


def _steps(size: int, traded: TradedContract | None) -> int:
    return traded.steps(size) if traded is not None else size


def _ticks(price: Decimal | None, traded: TradedContract | None) -> int | None:
    return traded.near_ticks(price) if price is not None and traded is not None else None
