"""The life of orders at the simulated gateway, as clients see it."""

import pytest
from gateway_worlds import ACCOUNT, LAST, MS, NQ_ID, Client, client, prints, trade, wait

from fabio.adapters.gateway.messages import Request
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import OrderStatus, OrderType, PositionType

OPEN, FILLED, CANCELLED, PENDING, SUSPENDED = (
    OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.PENDING, OrderStatus.SUSPENDED)
LIMIT, MARKET, STOP, TRAILING = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.TRAILING_STOP


def statuses(some: Client) -> list[int]:
    return [order["status"] for order in some.orders()]


def test_a_market_order_is_pending_then_filled_eight_milliseconds_later() -> None:
    some = client().listen()
    order_id = some.place(tag="T1")["orderId"]
    assert order_id > 2**31
    assert some.order(order_id)["status"] == PENDING
    some.gateway.advance(some.gateway.now_ns + 8 * MS - 1)
    assert some.order(order_id)["status"] == PENDING
    some.gateway.advance(some.gateway.now_ns + 1)
    order = some.order(order_id)
    assert (order["status"], order["fillVolume"], order["filledPrice"]) == (FILLED, 1, 25_000.25)
    assert [each["status"] for each in some.told_orders()] == [PENDING, FILLED]


def test_a_limit_goes_from_pending_to_open_to_filled() -> None:
    some = client().listen()
    order_id = some.place(LIMIT, limitPrice=24_990)["orderId"]
    wait(some)
    assert some.order(order_id)["status"] == OPEN
    trade(some, LAST - 40, LAST - 41)
    assert [each["status"] for each in some.told_orders()] == [PENDING, OPEN, FILLED]
    assert some.order(order_id)["filledPrice"] == 24_990


@pytest.mark.parametrize("side", [1, -1])
def test_the_children_of_a_bracket_wait_without_prices_and_open_a_moment_after_the_fill(side: int) -> None:
    some = client().listen()
    entry_id = some.place(side=side, size=2, stop=-40 * side, target=80 * side, tag="E1")["orderId"]
    entry, stop, target = some.orders()
    assert [entry["id"], stop["id"], target["id"]] == [entry_id, entry_id + 1, entry_id + 2]
    assert [stop["status"], target["status"]] == [SUSPENDED, SUSPENDED]
    assert [stop["customTag"], target["customTag"]] == ["E1-SL", "E1-TP"]
    assert [stop["stopPrice"], target["limitPrice"]] == [None, None]
    assert [stop["parentOrderId"], target["parentOrderId"]] == [entry_id, entry_id]
    assert [stop["linkedOrderId"], target["linkedOrderId"]] == [None, stop["id"]]
    assert [stop["trailDistance"], stop["trailPrice"]] == [-40 * side, -10.0 * side]
    wait(some, 8)
    assert statuses(some) == [FILLED, SUSPENDED, SUSPENDED]
    wait(some, 18)
    fill = 25_000 + 0.25 * side
    entry, stop, target = some.orders()
    assert [stop["status"], target["status"]] == [OPEN, OPEN]
    assert [stop["stopPrice"], target["limitPrice"]] == [fill - 10 * side, fill + 20 * side]
    assert [stop["side"], target["side"], stop["size"], target["size"]] == [int(side > 0), int(side > 0), 2, 2]
    told = [(each["id"] - entry_id, each["status"]) for each in some.told_orders()]
    assert told == [(0, PENDING), (1, SUSPENDED), (2, SUSPENDED), (0, FILLED), (1, OPEN), (2, OPEN)]


def test_when_one_leg_fills_the_other_is_cancelled() -> None:
    some = client()
    some.place(size=2, stop=-40, target=80)
    wait(some)
    trade(some, LAST + 82)
    assert statuses(some) == [FILLED, CANCELLED, FILLED]
    assert some.positions() == []
    buy, sell = some.half_turns()
    assert (buy["profitAndLoss"], sell["profitAndLoss"]) == (None, 800.0)
    assert (buy["fees"], buy["commissions"], buy["side"], sell["side"]) == (2.76, 1.0, 0, 1)
    assert some.ask("/api/Account/search")["accounts"][0]["balance"] == 50_000 + 800 - 2 * 3.76


def test_a_leg_that_fills_before_it_was_shown_is_shown_open_first() -> None:
    some = client().listen()
    some.place(stop=-40, target=80)
    wait(some, 9)
    some.gateway.advance(some.gateway.now_ns)
    trade(some, LAST - 50)
    told = [(each["id"] % 100, each["status"]) for each in some.told_orders()]
    assert told[-3:-1] == [(told[0][0] + 1, OPEN), (told[0][0] + 1, FILLED)]
    assert told[-1] == (told[0][0] + 2, CANCELLED)


def test_search_open_shows_only_what_is_open() -> None:
    some = client()
    some.place(LIMIT, limitPrice=24_990, stop=-40, target=80)
    assert some.ask("/api/Order/searchOpen", accountId=ACCOUNT)["orders"] == []
    wait(some)
    [order] = some.ask("/api/Order/searchOpen", accountId=ACCOUNT)["orders"]
    assert order["type"] == LIMIT
    assert len(some.orders()) == 3


def test_a_stop_moves_by_modify_and_the_other_leg_stays() -> None:
    some = client()
    entry_id = some.place(stop=-40, target=80)["orderId"]
    wait(some)
    assert some.modify(entry_id + 1, stopPrice=24_995)["success"]
    wait(some)
    assert some.order(entry_id + 1)["stopPrice"] == 24_995
    assert some.order(entry_id + 2)["limitPrice"] == 25_020.25
    trade(some, LAST - 20)
    assert statuses(some) == [FILLED, FILLED, CANCELLED]
    assert some.order(entry_id + 1)["filledPrice"] == 24_994.75


def test_size_and_price_of_a_resting_order_change_together() -> None:
    some = client()
    order_id = some.place(LIMIT, limitPrice=24_990, size=2)["orderId"]
    wait(some)
    assert some.modify(order_id, size=1, limitPrice=24_995)["success"]
    wait(some)
    order = some.order(order_id)
    assert (order["size"], order["limitPrice"], order["status"]) == (1, 24_995, OPEN)


def test_cancelling_one_leg_leaves_the_other() -> None:
    some = client()
    entry_id = some.place(stop=-40, target=80)["orderId"]
    wait(some)
    assert some.cancel(entry_id + 2)["success"]
    wait(some)
    assert statuses(some) == [FILLED, OPEN, CANCELLED]


def test_with_the_switch_cancelling_one_leg_takes_the_other() -> None:
    some = client(Switches(cancel_takes_sibling=True))
    entry_id = some.place(stop=-40, target=80)["orderId"]
    wait(some)
    some.cancel(entry_id + 1)
    wait(some)
    assert statuses(some) == [FILLED, CANCELLED, CANCELLED]


def test_a_cancelled_entry_takes_its_waiting_children_with_it() -> None:
    some = client(Switches(shows_pending_cancellation=True))
    entry_id = some.place(LIMIT, limitPrice=24_990, stop=-40, target=80)["orderId"]
    wait(some)
    some.cancel(entry_id)
    assert some.order(entry_id)["status"] == OrderStatus.PENDING_CANCELLATION
    wait(some)
    assert statuses(some) == [CANCELLED] * 3


def test_a_fill_that_races_its_cancel_wins() -> None:
    some = client()
    order_id = some.place(LIMIT, limitPrice=24_990)["orderId"]
    wait(some)
    assert some.cancel(order_id)["success"]
    some.gateway.supply(prints(LAST - 41, start_ns=some.gateway.now_ns + MS))
    wait(some)
    assert some.order(order_id)["status"] == FILLED
    assert some.cancel(order_id)["errorCode"] == 3
    assert some.modify(order_id, limitPrice=24_991)["errorCode"] == 3


def test_a_trailing_stop_is_placed_by_an_absolute_price_and_follows() -> None:
    some = client()
    order_id = some.place(TRAILING, side=-1, trailPrice=24_990.1)["orderId"]
    wait(some)
    order = some.order(order_id)
    assert (order["trailDistance"], order["stopPrice"]) == (39, 24_990.25)
    trade(some, LAST + 8)
    assert some.order(order_id)["stopPrice"] == 24_992.25
    trade(some, LAST - 31)
    assert some.order(order_id)["status"] == FILLED
    assert some.positions()[0]["type"] == PositionType.SHORT


def test_closing_a_contract_is_a_market_order_and_leaves_the_legs() -> None:
    some = client().listen()
    some.place(size=2, stop=-40, target=80)
    wait(some)
    assert some.close() == {"success": True, "errorCode": 0, "errorMessage": None}
    wait(some)
    assert some.positions() == []
    assert statuses(some) == [FILLED, OPEN, OPEN, FILLED]
    gone = [argument for target, argument in some.events() if target == "GatewayUserPosition"][-1]
    assert (gone["action"], gone["data"]["type"], gone["data"]["size"]) == (2, 0, 0)
    assert gone["data"]["averagePrice"] == 25_000.25
    trade(some, LAST - 50)  # the forgotten stop now opens a position: as seen live
    assert some.positions()[0]["type"] == PositionType.SHORT


def test_with_the_switch_closing_takes_the_legs_along() -> None:
    some = client(Switches(close_cancels_brackets=True))
    some.place(size=2, stop=-40, target=80)
    wait(some)
    some.close()
    wait(some)
    assert statuses(some) == [FILLED, CANCELLED, CANCELLED, FILLED]


def test_a_part_is_closed_and_the_average_price_stays() -> None:
    some = client()
    some.place(size=3)
    wait(some)
    assert some.close(4)["errorCode"] == 5
    assert some.close(2)["success"]
    wait(some)
    [position] = some.positions()
    assert (position["size"], position["averagePrice"], position["type"]) == (1, 25_000.25, PositionType.LONG)
    assert some.half_turns()[-1]["profitAndLoss"] == -20.0


def test_positions_net_and_average_over_orders() -> None:
    some = client()
    some.place()
    wait(some)
    trade(some, LAST + 10)
    some.place(size=2)
    wait(some)
    [position] = some.positions()
    assert position["size"] == 3
    assert position["averagePrice"] == pytest.approx((25_000.25 + 2 * 25_002.75) / 3, abs=1e-9)
    some.place(side=-1, size=4)
    wait(some)
    [position] = some.positions()
    assert (position["type"], position["size"], position["averagePrice"]) == (PositionType.SHORT, 1, 25_002.25)
    assert some.half_turns()[-1]["profitAndLoss"] == pytest.approx((3 * 25_002.25 - 25_000.25 - 2 * 25_002.75) * 20)


def test_there_is_nothing_to_close_when_flat() -> None:
    assert client().close()["errorCode"] == 2


def test_an_order_can_be_looked_up_by_its_tag_in_both_lists() -> None:
    some = client()
    some.place(LIMIT, limitPrice=24_990, stop=-40, target=80, tag="find me")
    listed = some.ask("/api/Order/search", accountId=ACCOUNT, startTimestamp="2026-06-01T00:00:00Z")["orders"]
    assert [order["customTag"] for order in listed] == ["find me"]
    assert [order["customTag"] for order in some.orders()] == ["find me", "find me-SL", "find me-TP"]


def test_the_query_counts_rows_caps_pages_and_ignores_the_contract() -> None:
    some = client(Switches(rate_limits=False))
    for number in range(120):
        some.place(LIMIT, limitPrice=24_000, tag=f"N{number}", size=99)  # over the limit: rejected records
    answer = some.ask("/api/Order/v2/query", filter={"accountId": ACCOUNT, "contractId": "CON.F.US.EP.M26"},
                      pageSize=1000, pageOffset=0)
    assert (len(answer["orders"]), answer["totalCount"]) == (100, 120)
    assert answer["orders"][0]["customTag"] == "N119"
    rest = some.ask("/api/Order/v2/query", filter={"accountId": ACCOUNT, "statuses": [5]}, pageOffset=100)
    assert [order["customTag"] for order in rest["orders"]][-1] == "N0"
    assert some.ask("/api/Order/v2/query", filter={"accountId": ACCOUNT, "statuses": [1]})["orders"] == []
    assert some.raw("/api/Order/v2/query", {"accountId": ACCOUNT}).status == 400


def test_queries_can_tell_how_things_were() -> None:
    some = client()
    order_id = some.place()["orderId"]
    then = some.gateway.now_ns
    wait(some)
    body = b'{"accountId":%d,"orderId":%d}' % (ACCOUNT, order_id)
    request = Request(path="/api/Order/searchById", body=body, token=some.token)
    assert b'"status":6' in some.gateway.request(request, then).body
    assert b'"status":2' in some.gateway.request(request).body
    held = Request(path="/api/Position/searchOpen", body=b'{"accountId":%d}' % ACCOUNT, token=some.token)
    assert b'"positions":[]' in some.gateway.request(held, then).body
    assert NQ_ID.encode() in some.gateway.request(held).body
