"""A new order as records and as tickets: the entry, and the children of its bracket."""

from collections.abc import Callable
from decimal import Decimal

from fabio.adapters.gateway.listings import Listing
from fabio.adapters.gateway.messages import plain
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.enums import OrderSide, OrderStatus, OrderType
from fabio.adapters.topstepx.records import Bracket, Order, PlaceOrder
from fabio.exchange.ticket import Ticket, TicketKind

_KINDS: dict[int, TicketKind] = {
    OrderType.LIMIT: "limit", OrderType.MARKET: "market", OrderType.STOP: "stop", OrderType.TRAILING_STOP: "stop",
    OrderType.JOIN_BID: "limit", OrderType.JOIN_ASK: "limit",
}


def family_of(order: PlaceOrder, listing: Listing, new_id: Callable[[], int], stamp: str,
              trail_ticks: int | None = None) -> list[Order]:
    """Write the records of a new order: the entry, its stop, its target, as far as it has them.

    All get their ids at once; the children wait (Suspended) and have no prices yet.
    """
    entry_id = new_id()
    stop_id = new_id() if order.stop_loss_bracket is not None else None
    target_id = new_id() if order.take_profit_bracket is not None else None
    entry = Order(
        id=entry_id, account_id=order.account_id, contract_id=listing.id, symbol_id=listing.contract.symbol_id,
        creation_timestamp=stamp, update_timestamp=stamp, status=int(OrderStatus.PENDING), type=order.type,
        side=order.side, size=order.size, limit_price=_written(order.limit_price),
        stop_price=_written(order.stop_price), fill_volume=0, custom_tag=order.custom_tag,
        trail_distance=trail_ticks,
        trail_price=None if trail_ticks is None else plain(listing.instrument.price(trail_ticks)),
    )
    records = [entry]
    if stop_id is not None and order.stop_loss_bracket is not None:
        records.append(_child(entry, stop_id, order.stop_loss_bracket, "-SL", listing))
    if target_id is not None and order.take_profit_bracket is not None:
        records.append(_child(entry, target_id, order.take_profit_bracket, "-TP", listing, linked=stop_id))
    return records


def tickets_of(order: PlaceOrder, records: list[Order], street: Street, trail_ticks: int | None) -> list[Ticket]:
    """Make the tickets of a new order; the price of a trailing stop comes with its arrival."""
    entry, *children = records
    side = 1 if order.side == OrderSide.BID else -1
    child_ids = tuple(child.id for child in children)
    tickets = [Ticket(
        id=entry.id, side=side, kind=_KINDS[order.type], left_steps=order.size, children=child_ids,
        price_ticks=_price_ticks(order, street), trail_ticks=trail_ticks,
    )]
    for child, bracket in zip(children, filter(None, (order.stop_loss_bracket, order.take_profit_bracket)),
                              strict=True):
        sibling_id = next((other for other in child_ids if other != child.id), None)
        tickets.append(Ticket(
            id=child.id, side=-side, kind=_KINDS[bracket.type], offset_ticks=bracket.ticks, parent_id=entry.id,
            sibling_id=sibling_id, trail_ticks=abs(bracket.ticks) if bracket.type == OrderType.TRAILING_STOP else None,
        ))
    return tickets


def _child(entry: Order, order_id: int, bracket: Bracket, ending: str, listing: Listing,
           linked: int | None = None) -> Order:
    return Order(
        id=order_id, account_id=entry.account_id, contract_id=entry.contract_id, symbol_id=entry.symbol_id,
        creation_timestamp=entry.creation_timestamp, update_timestamp=entry.update_timestamp,
        status=int(OrderStatus.SUSPENDED), type=bracket.type,
        side=int(OrderSide.ASK if entry.side == OrderSide.BID else OrderSide.BID), size=entry.size, fill_volume=0,
        custom_tag=None if entry.custom_tag is None else entry.custom_tag + ending, trail_distance=bracket.ticks,
        trail_price=plain(listing.instrument.price(bracket.ticks)), parent_order_id=entry.id, linked_order_id=linked,
    )


def _price_ticks(order: PlaceOrder, street: Street) -> int | None:
    instrument = street.listing.instrument
    if order.type == OrderType.LIMIT and order.limit_price is not None:
        return instrument.price_ticks(order.limit_price)
    if order.type == OrderType.STOP and order.stop_price is not None:
        return instrument.price_ticks(order.stop_price)
    if order.type == OrderType.JOIN_BID:
        return street.bid_ticks
    if order.type == OrderType.JOIN_ASK:
        return street.ask_ticks
    return None


def trail_ticks_of(order: PlaceOrder, street: Street) -> int | None:
    """Give how far a new order trails: from the last price to its trail price in whole ticks, cut down.

    Not above 0 where the trail price is ahead of the market; None for what does not trail.
    """
    if order.type != OrderType.TRAILING_STOP or order.trail_price is None or street.last_ticks is None:
        return None
    side = 1 if order.side == OrderSide.BID else -1
    away = (order.trail_price / street.listing.instrument.tick_size - street.last_ticks) * side
    return int(away) if away > 0 else 0


def _written(price: Decimal | None) -> Decimal | None:
    return None if price is None else plain(price)
