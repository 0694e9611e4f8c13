"""Why the venue says no: the code of the endpoint's enum, and the words that were seen or their like.

In practice nearly every refused order is code 2 with a message; a position limit that is
exceeded shows up as missing margin.
"""

from decimal import Decimal

import msgspec

from fabio.adapters.gateway.accounts import AccountBook
from fabio.adapters.gateway.family import trail_ticks_of
from fabio.adapters.gateway.floor import Floor
from fabio.adapters.gateway.listings import Listing
from fabio.adapters.gateway.messages import Refusal
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.enums import TERMINAL, ModifyError, OrderSide, OrderStatus, OrderType, PlaceError
from fabio.adapters.topstepx.records import Bracket, ModifyOrder, Order, PlaceOrder
from fabio.exchange.slippage import stop_triggers
from fabio.model.instrument import Instrument

NEAREST_BRACKET_TICKS = 4
LONGEST_TRAIL_TICKS = 1000
UNAVAILABLE = "Trading is currently unavailable. The instrument is not in an active trading status."
NO_MARGIN = "Order rejected: not enough margin."
THROUGH = "Invalid stop price: the market is through it."
NOT_ALIGNED = "Invalid {what}: {price} is not aligned to the tick size {tick}."

_PLACEABLE = frozenset(OrderType) - {OrderType.STOP_LIMIT}
_PRICE_FIELDS = {OrderType.LIMIT: "limit_price", OrderType.STOP: "stop_price"}


class Wish(msgspec.Struct, frozen=True):
    """A new order with all that speaks for or against it; no street where the contract is not streamed."""

    order: PlaceOrder
    account: AccountBook
    listing: Listing
    street: Street | None
    now_ns: int


def against_place(wish: Wish, floor: Floor, switches: Switches) -> Refusal | None:
    """Say what speaks against a new order; None where nothing does."""
    order, account, street = wish.order, wish.account, wish.street
    if not wish.listing.contract.active_contract:
        return Refusal(PlaceError.CONTRACT_NOT_ACTIVE)
    if not account.can_trade:
        return Refusal(PlaceError.ACCOUNT_VIOLATION, "The account is not allowed to trade.")
    if wish.now_ns < account.paused_until_ns:
        return Refusal(PlaceError.ACCOUNT_VIOLATION, "The daily loss limit is reached: no trading until the next day.")
    if order.type not in _PLACEABLE or order.side not in frozenset(OrderSide) or order.size < 1:
        return _rejected("Invalid order type, side or size.")
    if street is None or not takes_orders(street, wish.now_ns):
        return _rejected(UNAVAILABLE)
    words = (
        _against_prices(order, street)
        or _against_tag(order, account, floor)
        or _against_brackets(order, switches)
    )
    if words:
        return _rejected(words)
    if _minis_after(wish, floor, switches) > account.plan.limits.mini_limit:
        return _rejected(NO_MARGIN)
    return None


def takes_orders(street: Street, now_ns: int) -> bool:
    """Tell whether a market takes orders: in its session, before everybody has to be flat."""
    if not street.is_open(now_ns) or street.last_ticks is None:
        return False
    session = street.session_at(now_ns)
    return session is None or session.flat_by_ns is None or now_ns < session.flat_by_ns


def against_modify(change: ModifyOrder, order: Order, floor: Floor, street: Street, now_ns: int) -> Refusal | None:
    """Say what speaks against a change of an order; None where nothing does."""
    if order.status in TERMINAL:
        return Refusal(ModifyError.REJECTED, "The order is not working any more.")
    ticket = floor.ticket(order)
    if ticket is None or order.status in (OrderStatus.SUSPENDED, OrderStatus.PENDING):
        return Refusal(ModifyError.PENDING, "The order is not working yet.")
    if not takes_orders(street, now_ns) or street.last_ticks is None:
        return Refusal(ModifyError.REJECTED, UNAVAILABLE)
    if change.size is not None and change.size <= ticket.filled_steps:
        return Refusal(ModifyError.REJECTED, "Invalid size: so much of the order is filled already.")
    instrument = street.listing.instrument
    for what, price in (("limit price", change.limit_price), ("stop price", change.stop_price)):
        if price is not None and not is_aligned(price, instrument):
            return Refusal(ModifyError.REJECTED, _not_aligned(what, price, instrument))
    stop_price = change.stop_price if ticket.kind == "stop" else None
    if stop_price is not None and stop_triggers(street.last_ticks, instrument.price_ticks(stop_price), ticket.side):
        return Refusal(ModifyError.REJECTED, THROUGH)
    return None


def is_aligned(price: Decimal, instrument: Instrument) -> bool:
    """Tell whether a price lies on the instrument's grid, exactly."""
    return price.is_finite() and price % instrument.tick_size == 0


def _against_prices(order: PlaceOrder, street: Street) -> str:
    instrument, last_ticks = street.listing.instrument, street.last_ticks
    assert last_ticks is not None
    kind = OrderType(order.type)
    if kind == OrderType.TRAILING_STOP:
        return _against_trail(order, street)
    field = _PRICE_FIELDS.get(kind)
    if field is None:
        return ""
    price: Decimal | None = getattr(order, field)
    what = field.replace("_", " ")
    if price is None:
        return f"Invalid {what}: it is not set."
    if not is_aligned(price, instrument):
        return _not_aligned(what, price, instrument)
    side = 1 if order.side == OrderSide.BID else -1
    if kind == OrderType.STOP and stop_triggers(last_ticks, instrument.price_ticks(price), side):
        return THROUGH
    return ""


def _against_trail(order: PlaceOrder, street: Street) -> str:
    if order.trail_price is None:
        return "Trail distance is not set."
    trail_ticks = trail_ticks_of(order, street)
    if trail_ticks is None:
        return "Cannot trail without a last price."
    if trail_ticks <= 0:
        return "Invalid trail price."
    return "Trail distance exceeds the maximum (1000)." if trail_ticks > LONGEST_TRAIL_TICKS else ""


def _against_tag(order: PlaceOrder, account: AccountBook, floor: Floor) -> str:
    if order.custom_tag and floor.orders.has_tag(account.id, order.custom_tag):
        return "The custom tag is already in use."
    return ""


def _against_brackets(order: PlaceOrder, switches: Switches) -> str:
    stop, target = order.stop_loss_bracket, order.take_profit_bracket
    if stop is None and target is None:
        return ""
    if switches.position_brackets:
        return "Brackets cannot be used with Position Brackets."
    above = 1 if order.side == OrderSide.BID else -1
    return (
        _against_bracket("stop loss", stop, -above, (OrderType.STOP, OrderType.TRAILING_STOP), above)
        or _against_bracket("take profit", target, above, (OrderType.LIMIT,), above)
    )


def _against_bracket(what: str, bracket: Bracket | None, sign: int, kinds: tuple[OrderType, ...], above: int) -> str:
    if bracket is None:
        return ""
    invalid = f"Invalid {what} ticks ({bracket.ticks})."
    if bracket.type not in kinds:
        return f"Invalid {what} type ({bracket.type})."
    if bracket.ticks * sign <= 0:
        wanted = "greater" if sign > 0 else "less"
        return f"{invalid} Ticks should be {wanted} than zero when {'longing' if above > 0 else 'shorting'}."
    if abs(bracket.ticks) < NEAREST_BRACKET_TICKS:
        return f"{invalid} Price should be at least {NEAREST_BRACKET_TICKS} ticks away."
    if bracket.type == OrderType.TRAILING_STOP and abs(bracket.ticks) > LONGEST_TRAIL_TICKS:
        return "Trail distance exceeds the maximum (1000)."
    return ""


def _minis_after(wish: Wish, floor: Floor, switches: Switches) -> Decimal:
    """Give the mini-equivalents held if the order fills; 0 where it only reduces."""
    order, account, contract_id = wish.order, wish.account, wish.listing.id
    side = 1 if order.side == OrderSide.BID else -1
    held = account.held_steps(contract_id)
    added = order.size
    if switches.limit_counts_working:
        added += sum(
            other.size - (other.fill_volume or 0) for other in floor.orders.live(account.id)
            if other.contract_id == contract_id and other.side == order.side and other.parent_order_id is None)
    if abs(held + side * order.size) <= abs(held) and held * side < 0:
        return Decimal(0)
    total = abs(held + side * added) * wish.listing.instrument.mini_equivalent
    return total + sum(
        (abs(steps) * listing.instrument.mini_equivalent for listing, steps in account.held()
         if listing.id != contract_id), Decimal(0))


def _not_aligned(what: str, price: Decimal, instrument: Instrument) -> str:
    return NOT_ALIGNED.format(what=what, price=price, tick=instrument.tick_size)


def _rejected(words: str) -> Refusal:
    return Refusal(PlaceError.ORDER_REJECTED, words)
