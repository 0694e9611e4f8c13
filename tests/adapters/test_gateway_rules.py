"""What the venue does by itself: loss limits, the time to be flat by, the day's turn."""

from decimal import Decimal

from gateway_worlds import ACCOUNT, DAY_NS, HOUR, LAST, NQ_ID, SECOND, START_NS, Client, client, trade, wait

from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import OrderStatus, OrderType, PositionType
from fabio.adapters.topstepx.records import PlaceOrder
from fabio.model.account import Account
from fabio.portfolio.account import AccountSettings

FLAT_BY_NS = START_NS + 6 * HOUR + 600 * SECOND


def money(some: Client) -> Account:
    return some.gateway.accounts[ACCOUNT].money


def test_the_loss_limit_is_checked_at_every_print_liquidates_and_locks() -> None:
    some = client().listen()
    some.place(size=2, stop=-2000, target=2000)  # 25 000.25, 10 USD a tick: 1 996.24 USD after the entry's fees
    wait(some)
    trade(some, LAST - 198)
    assert some.positions()
    trade(some, LAST - 199)  # open P&L -2 000, balance 49 996.24
    assert some.positions() == []
    assert [order["status"] for order in some.orders()] == [
        OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.CANCELLED, OrderStatus.FILLED]
    assert some.orders()[-1]["filledPrice"] == 25_000 - 200 / 4
    told = [argument["data"] for target, argument in some.events() if target == "GatewayUserAccount"]
    assert told[-1]["canTrade"] is False
    assert some.place()["errorCode"] == 4


def test_fees_alone_can_touch_the_floor() -> None:
    some = client(limits=AccountSettings(loss_limit=Decimal(3)))
    some.place(size=2)
    wait(some)
    assert some.gateway.accounts[ACCOUNT].can_trade is False
    assert some.positions() == []


def test_a_daily_limit_flattens_and_pauses_until_the_next_day() -> None:
    some = client(limits=AccountSettings(daily_loss=Decimal(500)))
    some.place(size=1, stop=-2000)
    wait(some)
    trade(some, LAST - 101)
    assert some.positions() == []
    answer = some.place()
    assert (answer["errorCode"], "daily" in answer["errorMessage"]) == (4, True)
    assert some.ask("/api/Account/search")["accounts"][0]["canTrade"] is True
    some.gateway.advance(START_NS + 8 * HOUR)
    assert some.place()["success"]


def test_everybody_is_flat_and_without_orders_at_the_time_to_be_flat_by() -> None:
    some = client(Switches(token_life_s=400_000))
    some.place(size=2, stop=-400, target=800)
    some.place(OrderType.LIMIT, size=1, limitPrice=24_000)
    wait(some)
    some.gateway.advance(FLAT_BY_NS - 1)
    assert len(some.positions()) == 1
    some.gateway.advance(FLAT_BY_NS)
    assert some.positions() == []
    assert {order["status"] for order in some.orders()} == {OrderStatus.FILLED, OrderStatus.CANCELLED}
    assert some.half_turns()[-1]["creationTimestamp"].startswith("2026-06-01T20:10:00")


def test_what_rests_when_the_session_closes_expires() -> None:
    some = client(Switches(token_life_s=400_000))
    some.gateway.advance(FLAT_BY_NS + SECOND)
    order_id = some.gateway.operator.place(PlaceOrder(
        account_id=ACCOUNT, contract_id=NQ_ID, type=1, side=0, size=1, limit_price=Decimal(24_000)))
    assert some.order(order_id)["status"] == OrderStatus.OPEN
    some.gateway.advance(START_NS + 7 * HOUR)
    assert some.order(order_id)["status"] == OrderStatus.EXPIRED


def test_the_floor_rises_only_when_a_day_ends_and_stops_at_the_start() -> None:
    some = client(Switches(token_life_s=400_000))
    some.place(size=5)
    wait(some)
    trade(some, LAST + 24)
    some.close()
    wait(some)
    won = money(some).balance - 50_000
    assert won == 5 * 22 * 5 - 10 * Decimal("1.88")
    assert money(some).loss_floor == 48_000
    some.gateway.advance(START_NS + 8 * HOUR)
    assert (money(some).loss_floor, money(some).trade_date) == (48_000 + won, "2026-06-02")
    some.place(size=5)
    wait(some)
    trade(some, LAST + 724)
    some.close()
    wait(some)
    some.gateway.advance(START_NS + 8 * HOUR + DAY_NS)
    assert money(some).loss_floor == 50_000


def test_a_foreign_order_and_a_manual_flatten_are_told_like_any_other() -> None:
    some = client().listen()
    some.place(size=1, stop=-40, target=80, tag="mine")
    wait(some)
    some.events()
    some.gateway.operator.place(PlaceOrder(account_id=ACCOUNT, contract_id=NQ_ID, type=2, side=1, size=3))
    assert some.positions()[0]["type"] == PositionType.SHORT
    [pending, filled] = some.told_orders()
    assert "customTag" not in pending
    assert filled["status"] == OrderStatus.FILLED
    some.gateway.operator.flatten(ACCOUNT)
    assert some.positions() == []
    assert not some.gateway.operator.live_orders(ACCOUNT)


def test_a_child_that_goes_missing_is_nowhere_to_be_seen() -> None:
    some = client().listen()
    entry_id = some.place(OrderType.LIMIT, limitPrice=24_990, stop=-40, target=80)["orderId"]
    wait(some)
    some.events()
    some.gateway.operator.hide(entry_id + 1)
    trade(some, LAST - 41)
    wait(some)
    assert [order["id"] for order in some.orders()] == [entry_id, entry_id + 2]
    assert {order["id"] for order in some.told_orders()} == {entry_id, entry_id + 2}


def test_an_order_can_be_filled_beyond_its_size() -> None:
    some = client()
    order_id = some.place(OrderType.LIMIT, limitPrice=24_990)["orderId"]
    wait(some)
    trade(some, LAST - 41)
    some.gateway.operator.overfill(order_id, 1, LAST - 40)
    assert some.positions()[0]["size"] == 2
    assert (some.order(order_id)["fillVolume"], some.order(order_id)["size"]) == (2, 2)


def test_little_liquidity_fills_in_parts() -> None:
    some = client().listen()
    some.gateway.operator.little_liquidity(1)
    entry_id = some.place(OrderType.LIMIT, size=2, limitPrice=24_990, stop=-40, target=80)["orderId"]
    wait(some)
    trade(some, LAST - 41)
    order = some.order(entry_id)
    assert (order["status"], order["fillVolume"], order["size"]) == (OrderStatus.OPEN, 1, 2)
    assert some.order(entry_id + 1)["size"] == 1
    trade(some, LAST - 41)
    assert some.order(entry_id)["status"] == OrderStatus.FILLED
    assert [some.order(entry_id + child)["size"] for child in (1, 2)] == [2, 2]


def test_a_late_cancel_lets_a_fill_come_after_its_answer() -> None:
    some = client()
    order_id = some.place(OrderType.LIMIT, limitPrice=24_990)["orderId"]
    wait(some)
    some.gateway.operator.cancels_late(SECOND)
    assert some.cancel(order_id)["success"]
    trade(some, LAST, LAST - 41)
    assert some.order(order_id)["status"] == OrderStatus.FILLED


def test_the_told_time_can_be_off() -> None:
    some = client()
    some.gateway.operator.skew(-90 * SECOND)
    order = some.order(some.place()["orderId"])
    assert order["creationTimestamp"].startswith("2026-06-01T13:58:30")


def test_a_day_without_clients_is_passed_over() -> None:
    some = client()
    some.gateway.advance(START_NS + 2 * DAY_NS)
    assert some.gateway.now_ns == START_NS + 2 * DAY_NS
    assert money(some).trade_date == "2026-06-03"
