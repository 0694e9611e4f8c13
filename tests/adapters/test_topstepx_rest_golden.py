"""Golden bytes of every order kind and side (H10): what leaves is exactly this, or nothing does."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from rest_venue import Venue, connected

from fabio.adapters.topstepx.enums import OrderSide, OrderType
from fabio.adapters.topstepx.errors import BadRequest
from fabio.adapters.topstepx.records import Bracket, ModifyOrder, PlaceOrder
from fabio.adapters.topstepx.rest.outcomes import Accepted
from fabio.adapters.topstepx.rest.requests import LONGEST_TAG
from fabio.research.reliability.virtual_time import run_virtual

CONTRACT = "CON.F.US.ENQ.Z26"
BID, ASK = OrderSide.BID, OrderSide.ASK
PRICE = Decimal("21000.25")
PRICES: dict[OrderType, tuple[dict[str, Decimal], str]] = {
    OrderType.LIMIT: ({"limit_price": PRICE}, ',"limitPrice":21000.25'),
    OrderType.MARKET: ({}, ""),
    OrderType.STOP: ({"stop_price": PRICE}, ',"stopPrice":21000.25'),
    OrderType.TRAILING_STOP: ({"trail_price": PRICE}, ',"trailPrice":21000.25'),
    OrderType.JOIN_BID: ({}, ""),
    OrderType.JOIN_ASK: ({}, ""),
}
# the numbers of the wire, written out: not taken from the enum under test
NUMBERS = {OrderType.LIMIT: 1, OrderType.MARKET: 2, OrderType.STOP: 4, OrderType.TRAILING_STOP: 5,
           OrderType.JOIN_BID: 6, OrderType.JOIN_ASK: 7}
SIDES = {BID: 0, ASK: 1}


def new_order(**changes: object) -> PlaceOrder:
    fields: dict[str, object] = {"account_id": 465, "contract_id": CONTRACT, "type": OrderType.MARKET,
                                 "side": BID, "size": 2, **changes}
    return PlaceOrder(**fields)  # type: ignore[arg-type]


def sent(order: PlaceOrder | ModifyOrder) -> list[bytes]:
    """The bodies that reached the venue."""
    async def story() -> list[bytes]:
        venue = Venue()
        async with connected(venue) as rest:
            try:
                outcome = await (rest.place(order) if isinstance(order, PlaceOrder) else rest.modify(order))
                assert isinstance(outcome, Accepted)
            except BadRequest:
                assert not venue.calls
                raise
        return [body for _, path, body, _ in venue.calls if path.startswith("/api/Order/")]

    return run_virtual(story())


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", PRICES)
def test_every_kind_and_side_leaves_as_these_bytes(kind: OrderType, side: OrderSide) -> None:
    prices, words = PRICES[kind]
    golden = f'{{"accountId":465,"contractId":"{CONTRACT}","type":{NUMBERS[kind]},"side":{SIDES[side]},"size":2'
    assert sent(new_order(type=kind, side=side, **prices)) == [f"{golden}{words}}}".encode()]


@pytest.mark.parametrize(("side", "stop", "profit"), [(BID, -40, 80), (ASK, 40, -80)])
@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.TRAILING_STOP])
def test_brackets_leave_with_signed_ticks(side: OrderSide, stop: int, profit: int, kind: OrderType) -> None:
    order = new_order(side=side, custom_tag="fabio-1", stop_loss_bracket=Bracket(ticks=stop, type=kind),
                      take_profit_bracket=Bracket(ticks=profit, type=OrderType.LIMIT))
    golden = (
        f'{{"accountId":465,"contractId":"{CONTRACT}","type":2,"side":{SIDES[side]},"size":2,"customTag":"fabio-1",'
        f'"stopLossBracket":{{"ticks":{stop},"type":{NUMBERS[kind]}}},"takeProfitBracket":{{"ticks":{profit},"type":1}}}}'
    )
    assert sent(order) == [golden.encode()]


@pytest.mark.parametrize(("change", "golden"), [
    ({"stop_price": Decimal("20990.50")}, b'{"accountId":465,"orderId":9876543210,"stopPrice":20990.50}'),
    ({"limit_price": PRICE, "size": 3}, b'{"accountId":465,"orderId":9876543210,"size":3,"limitPrice":21000.25}'),
    ({"trail_price": Decimal(20990)}, b'{"accountId":465,"orderId":9876543210,"trailPrice":20990}'),
])
def test_a_change_says_only_what_changes(change: dict[str, object], golden: bytes) -> None:
    assert sent(ModifyOrder(account_id=465, order_id=9876543210, **change)) == [golden]  # type: ignore[arg-type]


def test_cancel_and_both_closes_leave_as_these_bytes() -> None:
    async def story() -> list[tuple[str, bytes]]:
        venue = Venue()
        async with connected(venue) as rest:
            await rest.cancel(465, 9876543210)
            await rest.close_contract(465, CONTRACT)
            await rest.partial_close(465, CONTRACT, 1)
        return [(path, body) for _, path, body, _ in venue.calls[1:]]

    assert run_virtual(story()) == [
        ("/api/Order/cancel", b'{"accountId":465,"orderId":9876543210}'),
        ("/api/Position/closeContract", b'{"accountId":465,"contractId":"CON.F.US.ENQ.Z26"}'),
        ("/api/Position/partialCloseContract", b'{"accountId":465,"contractId":"CON.F.US.ENQ.Z26","size":1}'),
    ]


def test_prices_leave_in_plain_digits_whatever_their_decimal_looks_like() -> None:
    body, = sent(new_order(type=OrderType.LIMIT, limit_price=Decimal("2.1E+4")))
    assert b'"limitPrice":21000}' in body


WRONG: list[dict[str, object]] = [
    {"type": 0}, {"type": 3}, {"type": 8}, {"type": -1}, {"type": True}, {"type": 99},
    {"side": 2}, {"side": -1}, {"side": True},
    {"size": 0}, {"size": -1}, {"size": 2**31}, {"size": True}, {"size": 1.0},
    {"account_id": 0}, {"account_id": 2**31},
    {"contract_id": "ENQ"}, {"contract_id": "F.US.ENQ"}, {"contract_id": "CON.F.US.ENQ.Z26 "}, {"contract_id": ""},
    {"limit_price": PRICE},
    {"type": OrderType.LIMIT},
    {"type": OrderType.LIMIT, "limit_price": PRICE, "stop_price": PRICE},
    {"type": OrderType.LIMIT, "stop_price": PRICE},
    {"type": OrderType.LIMIT, "limit_price": Decimal("NaN")},
    {"type": OrderType.LIMIT, "limit_price": Decimal("Infinity")},
    {"type": OrderType.LIMIT, "limit_price": 21000.25},
    {"type": OrderType.STOP, "limit_price": PRICE},
    {"type": OrderType.TRAILING_STOP, "stop_price": PRICE},
    {"custom_tag": ""}, {"custom_tag": "x" * (LONGEST_TAG + 1)}, {"custom_tag": "a b"}, {"custom_tag": "é"},
    {"stop_loss_bracket": Bracket(ticks=40, type=OrderType.STOP)},
    {"stop_loss_bracket": Bracket(ticks=0, type=OrderType.STOP)},
    {"stop_loss_bracket": Bracket(ticks=-40, type=OrderType.STOP_LIMIT)},
    {"stop_loss_bracket": Bracket(ticks=-40, type=OrderType.MARKET)},
    {"stop_loss_bracket": Bracket(ticks=-1001, type=OrderType.TRAILING_STOP)},
    {"side": ASK, "stop_loss_bracket": Bracket(ticks=-40, type=OrderType.STOP)},
    {"take_profit_bracket": Bracket(ticks=-80, type=OrderType.LIMIT)},
    {"take_profit_bracket": Bracket(ticks=80, type=OrderType.STOP)},
    {"side": ASK, "take_profit_bracket": Bracket(ticks=80, type=OrderType.LIMIT)},
]


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_what_makes_no_sense_raises_before_the_socket(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        sent(new_order(**changes))


@pytest.mark.parametrize("change", [
    {}, {"size": 0}, {"stop_price": Decimal("NaN")}, {"order_id": 0}, {"order_id": 2**63},
])
def test_a_change_that_makes_no_sense_raises_before_the_socket(change: dict[str, object]) -> None:
    fields: dict[str, object] = {"account_id": 465, "order_id": 9056, **change}
    with pytest.raises(BadRequest):
        sent(ModifyOrder(**fields))  # type: ignore[arg-type]


@given(some.integers(-5, 20))
def test_no_number_outside_the_enum_is_ever_sent_as_some_other_kind(number: int) -> None:
    order = new_order(type=number)
    if number in (2, 6, 7):
        assert msgspec.json.decode(sent(order)[0])["type"] == number
    else:  # also the kinds that need a price, which is missing here
        with pytest.raises(BadRequest):
            sent(order)
