"""What may be sent: an order or a change that makes no sense on this wire stops here.

There are no defaults. A kind without a number, a price that the kind does not take, a bracket on
the wrong side: each raises `BadRequest` before the socket. (A patched SDK once turned every
unknown kind into a market order.)

| kind | number | prices |
| --- | --- | --- |
| limit | 1 | `limit_price` |
| market | 2 | none |
| stop | 4 | `stop_price` |
| trailing stop | 5 | `trail_price`, an absolute price |
| join bid, join ask | 6, 7 | none |

Stop limit (3) is in the venue's enum, but nobody shows it being placed: it is not sent.
"""

import re
from decimal import Decimal

from fabio.adapters.topstepx.enums import OrderSide, OrderType
from fabio.adapters.topstepx.errors import BadRequest
from fabio.adapters.topstepx.records import Bracket, ModifyOrder, PlaceOrder

LONGEST_TAG = 60
"""The children of a bracket add `-SL` and `-TP`."""

LONGEST_TRAIL_TICKS = 1000
_LARGEST_INT32 = 2**31 - 1

_LONG_ID = re.compile(r"CON\.[A-Z]\.[A-Z]{2}\.[A-Z0-9]{1,8}\.[FGHJKMNQUVXZ]\d{2}", re.ASCII)
_TAG = re.compile(r"[!-~]+", re.ASCII)

_PRICES = {
    OrderType.LIMIT: {"limit_price"},
    OrderType.MARKET: set[str](),
    OrderType.STOP: {"stop_price"},
    OrderType.TRAILING_STOP: {"trail_price"},
    OrderType.JOIN_BID: set[str](),
    OrderType.JOIN_ASK: set[str](),
}
# OrderType -> the prices it needs; it takes no others

_STOPS = frozenset({OrderType.STOP, OrderType.TRAILING_STOP})
_PROFITS = frozenset({OrderType.LIMIT})


def check_place(order: PlaceOrder) -> None:
    """Let a new order pass.

    Raises
    ------
    BadRequest
        Names the field, its value and what was expected.
    """
    kind = _kind(order.type, frozenset(_PRICES))
    side = _side(order.side)
    whole_number("accountId", order.account_id)
    whole_number("size", order.size)
    long_id(order.contract_id)
    for name in ("limit_price", "stop_price", "trail_price"):
        price = getattr(order, name)
        if (price is not None) != (name in _PRICES[kind]):
            needs = " and ".join(sorted(_PRICES[kind])) or "no price"
            raise BadRequest(f"a {kind.name} order takes {needs}, not {name} = {price}")
        _finite(name, price)
    if order.custom_tag is not None and not (len(order.custom_tag) <= LONGEST_TAG and _TAG.fullmatch(order.custom_tag)):
        raise BadRequest(f"tag {order.custom_tag!r} has to be 1 to {LONGEST_TAG} visible ASCII characters")
    above = 1 if side is OrderSide.BID else -1
    _bracket("stop loss", order.stop_loss_bracket, _STOPS, -above)
    _bracket("take profit", order.take_profit_bracket, _PROFITS, above)


def check_modify(change: ModifyOrder) -> None:
    """Let a change of an order pass; raises `BadRequest` as `check_place` does."""
    whole_number("accountId", change.account_id)
    order_number(change.order_id)
    if change.size is not None:
        whole_number("size", change.size)
    prices = {name: getattr(change, name) for name in ("limit_price", "stop_price", "trail_price")}
    for name, price in prices.items():
        _finite(name, price)
    if change.size is None and all(price is None for price in prices.values()):
        raise BadRequest(f"the change of order {change.order_id} changes nothing")


def whole_number(name: str, value: int, largest: int = _LARGEST_INT32) -> int:
    """Let an id or a size pass that is a whole number from 1 to what the wire takes."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise BadRequest(f"{name} {value!r} has to be a whole number from 1 to {largest}")
    return value


def order_number(value: int) -> int:
    """Let an order's id pass: these are 64 bits wide."""
    return whole_number("orderId", value, 2**63 - 1)


def long_id(contract_id: str) -> str:
    """Let a dated contract's id pass, like `CON.F.US.ENQ.Z26`."""
    if not _LONG_ID.fullmatch(contract_id):
        raise BadRequest(f"contract {contract_id!r} is no dated contract like CON.F.US.ENQ.Z26")
    return contract_id


def _kind(number: int, allowed: frozenset[OrderType]) -> OrderType:
    if isinstance(number, bool) or number not in allowed:
        names = ", ".join(f"{kind.value} {kind.name}" for kind in sorted(allowed))
        raise BadRequest(f"order type {number!r} cannot be sent here; the wire takes {names}")
    return OrderType(number)


def _side(number: int) -> OrderSide:
    if isinstance(number, bool) or number not in frozenset(OrderSide):
        raise BadRequest(f"side {number!r} is neither 0 (bid, buys) nor 1 (ask, sells)")
    return OrderSide(number)


def _finite(name: str, price: Decimal | None) -> None:
    if price is not None and not (isinstance(price, Decimal) and price.is_finite()):
        raise BadRequest(f"{name} {price!r} has to be a finite Decimal")


def _bracket(what: str, bracket: Bracket | None, kinds: frozenset[OrderType], sign: int) -> None:
    if bracket is None:
        return
    kind = _kind(bracket.type, kinds)
    ticks = bracket.ticks
    if isinstance(ticks, bool) or not isinstance(ticks, int) or ticks * sign <= 0 or abs(ticks) > _LARGEST_INT32:
        wanted = "above 0" if sign > 0 else "below 0"
        raise BadRequest(f"{what} of {ticks!r} ticks has to be {wanted} for this side: ticks count up from the entry")
    if kind is OrderType.TRAILING_STOP and abs(ticks) > LONGEST_TRAIL_TICKS:
        raise BadRequest(f"{what} trails by {abs(ticks)} ticks; the venue takes {LONGEST_TRAIL_TICKS} at most")
