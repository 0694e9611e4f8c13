"""Records of the wire, read leniently: missing and null are the same, unknown fields are ignored.

Field names are those of the JSON in snake case (`msgspec` renames). Prices and money are
`Decimal`, straight from the digits of the JSON. Enum fields are plain integers here: a new
number must not lose the record; `enums` says what the known ones mean.
"""

from decimal import Decimal

import msgspec


class Account(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An account; `balance` is the closed balance, `can_trade` false when it is locked."""

    id: int
    name: str = ""
    balance: Decimal = Decimal(0)
    can_trade: bool = False
    is_visible: bool = True
    simulated: bool = True


class Contract(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A dated contract: `id` like `CON.F.US.ENQ.Z26`, `symbol_id` like `F.US.ENQ`."""

    id: str
    name: str = ""
    description: str | None = None
    tick_size: Decimal = Decimal(0)
    tick_value: Decimal = Decimal(0)
    active_contract: bool = False
    symbol_id: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An order as REST and the user hub tell it; the hub leaves null fields out."""

    id: int
    account_id: int = 0
    contract_id: str = ""
    symbol_id: str | None = None
    creation_timestamp: str | None = None
    update_timestamp: str | None = None
    status: int = 0
    type: int = 0
    side: int = 0
    size: int = 0
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    fill_volume: int | None = None
    filled_price: Decimal | None = None
    custom_tag: str | None = None
    trail_distance: int | None = None
    trail_price: Decimal | None = None
    parent_order_id: int | None = None
    linked_order_id: int | None = None


class Position(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is held of one contract; `size` is positive, the side is in `type`; 0 and 0 when flat."""

    id: int
    account_id: int = 0
    contract_id: str = ""
    contract_display_name: str | None = None
    creation_timestamp: str | None = None
    type: int = 0
    size: int = 0
    average_price: Decimal = Decimal(0)


class HalfTurn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One own execution; `profit_and_loss` is gross and null on the opening side."""

    id: int
    account_id: int = 0
    contract_id: str = ""
    creation_timestamp: str | None = None
    price: Decimal = Decimal(0)
    profit_and_loss: Decimal | None = None
    fees: Decimal | None = None
    commissions: Decimal | None = None
    side: int = 0
    size: int = 0
    voided: bool = False
    order_id: int = 0


class Bar(msgspec.Struct, frozen=True):
    """A history bar; `t` is its start, `v` its volume."""

    t: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741  the wire's name
    c: Decimal
    v: int


class Bracket(msgspec.Struct, frozen=True, kw_only=True):
    """A bracket of a new order: signed ticks from the entry, above is positive."""

    ticks: int
    type: int


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Body of `/api/Order/place`."""

    account_id: int
    contract_id: str
    type: int
    side: int
    size: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
    custom_tag: str | None = None
    stop_loss_bracket: Bracket | None = None
    take_profit_bracket: Bracket | None = None


class ModifyOrder(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Body of `/api/Order/modify`: absolute prices; what is left out stays."""

    account_id: int
    order_id: int
    size: int | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_price: Decimal | None = None
