"""Whatever comes in, the gateway answers; whatever happens, its books agree with themselves."""

import json
from decimal import Decimal
from random import Random

from gateway_worlds import ACCOUNT, LAST, MS, NQ, NQ_ID, SECOND, Client, client, hub, prints
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.gateway.faults.garbling import garbled, with_drift
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import LIVE, TERMINAL, OrderSide, OrderStatus, OrderType
from fabio.portfolio.account import AccountSettings

PATHS = ("Account/search", "Contract/search", "Contract/searchById", "Contract/available", "History/retrieveBars",
         "Order/search", "Order/searchOpen", "Order/searchById", "Order/v2/query", "Order/place", "Order/modify",
         "Order/cancel", "Position/searchOpen", "Position/closeContract", "Position/partialCloseContract",
         "Trade/search", "Auth/validate")
BODIES = (
    {"accountId": ACCOUNT, "contractId": NQ_ID, "type": 1, "side": 0, "size": 1, "limitPrice": 24_990.25,
     "customTag": "A", "stopLossBracket": {"ticks": -40, "type": 4}, "takeProfitBracket": {"ticks": 40, "type": 1}},
    {"accountId": ACCOUNT, "orderId": 2_815_000_101, "size": 2, "stopPrice": 24_900, "trailPrice": 1},
    {"filter": {"accountId": ACCOUNT, "statuses": [1, 6]}, "pageSize": 5, "pageOffset": 1},
    {"contractId": NQ_ID, "live": False, "startTime": "2026-05-01T00:00:00Z", "endTime": "2026-06-02T00:00:00Z",
     "unit": 2, "unitNumber": 1, "limit": 100, "includePartialBar": True},
)


def test_ten_thousand_strange_bodies_are_all_answered() -> None:
    some, dice = client(Switches(rate_limits=False)), Random(5)
    statuses = set()
    for _ in range(10_000):
        text = json.dumps(dice.choice(BODIES)).encode()
        text = with_drift(text, dice) if dice.random() < 0.6 else garbled(text, dice)
        if len(text) < 10_000:
            place = dice.randrange(len(text) + 1)
            text = text[:place] + dice.randbytes(dice.randrange(3)) + text[place:]
        path = dice.choice(PATHS)
        answer = some.raw(f"/api/{path}", text)
        statuses.add(answer.status)
        assert answer.status in (200, 400), path
        assert isinstance(json.loads(answer.body), dict)
    assert statuses == {200, 400}


def test_strange_frames_end_a_connection_at_most() -> None:
    some, dice = client(), Random(6)
    for _ in range(2_000):
        connection = hub(some.gateway, dice.choice(("user", "market")), some.token)
        text = json.dumps({"type": dice.choice((1, 1, 3, 6, 9)), "target": "SubscribeOrders", "invocationId": "1",
                           "arguments": [dice.choice((ACCOUNT, NQ_ID, None, [], {}))]}).encode()
        connection.receive(garbled(text, dice) if dice.random() < 0.7 else with_drift(text, dice))
        connection.receive(b"\x1e")
        connection.lost()
    assert not some.gateway.hubs.connections


Deed = tuple[str, int, int, int]
deeds = st.tuples(
    st.sampled_from(["place", "bracket", "limit", "stop", "trail", "cancel", "modify", "close", "part", "tick"]),
    st.sampled_from([1, -1]), st.integers(1, 3), st.integers(-12, 12))


@settings(max_examples=60)
@given(st.lists(deeds, min_size=5, max_size=50), st.sampled_from([None, 1]))
def test_books_orders_and_positions_agree_after_anything(story: list[Deed], liquidity: int | None) -> None:
    rich = AccountSettings(start_balance=Decimal(10**7), loss_limit=Decimal(9 * 10**6), mini_limit=Decimal(10))
    some = client(Switches(rate_limits=False), rich)
    some.gateway.operator.little_liquidity(liquidity)
    price = LAST
    for deed in story:
        price = _do(some, deed, price)
        some.gateway.advance(some.gateway.now_ns + 30 * MS)
    some.gateway.advance(some.gateway.now_ns + SECOND)
    _agree(some)


def _do(some: Client, deed: Deed, price: int) -> int:
    what, side, size, away = deed
    live = some.gateway.operator.live_orders(ACCOUNT)
    if what == "tick":
        some.gateway.supply(prints(price + away, start_ns=some.gateway.now_ns + MS, size=size))
        return price + away
    if what == "place":
        some.place(side=side, size=size)
    elif what == "bracket":
        some.place(side=side, size=size, stop=-8 * side, target=8 * side)
    elif what == "limit":
        some.place(OrderType.LIMIT, side, size, limitPrice=float(NQ.price(price + away)))
    elif what == "stop":
        some.place(OrderType.STOP, side, size, stop=-8 * side, stopPrice=float(NQ.price(price + away)))
    elif what == "trail":
        some.place(OrderType.TRAILING_STOP, side, size, trailPrice=float(NQ.price(price + away)))
    elif what == "cancel" and live:
        some.cancel(live[away % len(live)].id)
    elif what == "modify" and live:
        to = float(NQ.price(price + away))
        some.modify(live[away % len(live)].id, size=size, limitPrice=to, stopPrice=to)
    elif what == "close":
        some.close()
    elif what == "part":
        some.close(size)
    return price


def _agree(some: Client) -> None:
    account = some.gateway.accounts[ACCOUNT]
    turns = [turn for _, turn in account.half_turns]
    signed = [turn.size * (1 if turn.side == OrderSide.BID else -1) for turn in turns]
    assert account.held_steps(NQ_ID) == sum(signed)
    filled: dict[int, int] = {}
    for turn in turns:
        filled[turn.order_id] = filled.get(turn.order_id, 0) + turn.size
    for order in some.gateway.orders.of(ACCOUNT, some.gateway.now_ns):
        assert (order.fill_volume or 0) == filled.get(order.id, 0)
        assert (order.fill_volume or 0) <= order.size
        assert (order.status == OrderStatus.FILLED) <= (order.fill_volume == order.size)
        assert (order.status in LIVE) != (order.status in TERMINAL)
    # the gross result of all fills plus what the rest is worth at any price is the cash of all fills
    assert account.money.balance + account.open_pnl(lambda _: LAST) == _cash(some, signed)


def _cash(some: Client, signed: list[int]) -> Decimal:
    account = some.gateway.accounts[ACCOUNT]
    cash = account.plan.limits.start_balance
    for (_, turn), size in zip(account.half_turns, signed, strict=True):
        assert turn.fees is not None
        assert turn.commissions is not None
        cash += (LAST - NQ.price_ticks(turn.price)) * size * NQ.tick_value - turn.fees - turn.commissions
    return cash
