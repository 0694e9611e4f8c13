"""What the simulated gateway says no to, with which code and words."""

from decimal import Decimal
from typing import Any

import pytest
from gateway_worlds import ACCOUNT, NQ_ID, SECOND, client, wait

from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import OrderStatus, OrderType
from fabio.portfolio.account import AccountSettings

LIMIT, MARKET, STOP, TRAILING = OrderType.LIMIT, OrderType.MARKET, OrderType.STOP, OrderType.TRAILING_STOP


@pytest.mark.parametrize(("wish", "words"), [
    ({"kind": LIMIT, "limitPrice": 24_990.1}, "not aligned"),
    ({"kind": STOP, "stopPrice": 25_010.3}, "not aligned"),
    ({"kind": LIMIT}, "not set"),
    ({"kind": STOP, "stopPrice": 24_990}, "through"),
    ({"kind": OrderType.STOP_LIMIT, "stopPrice": 25_010}, "Invalid order type"),
    ({"size": 0}, "size"),
    ({"stop": 40, "target": 80}, r"Invalid stop loss ticks (40). Ticks should be less than zero when longing."),
    ({"stop": -40, "target": -80}, r"Invalid take profit ticks (-80)"),
    ({"side": -1, "stop": -40, "target": -80}, "greater than zero when shorting"),
    ({"stop": -3}, "at least 4 ticks away"),
    ({"target": 3}, "at least 4 ticks away"),
    ({"kind": TRAILING}, "Trail distance is not set"),
    ({"kind": TRAILING, "side": -1, "trailPrice": 25_010}, "Invalid trail price"),
    ({"kind": TRAILING, "side": -1, "trailPrice": 24_000}, "exceeds the maximum (1000)"),
    ({"size": 6}, "not enough margin"),
])
def test_a_refused_order_is_code_2_with_its_reason_and_an_id(wish: dict[str, Any], words: str) -> None:
    some = client().listen()
    answer = some.place(**wish)
    assert (answer["success"], answer["errorCode"]) == (False, 2)
    assert words in answer["errorMessage"]
    order = some.order(answer["orderId"])
    assert (order["status"], order["fillVolume"]) == (OrderStatus.REJECTED, 0)
    [told] = some.told_orders()
    assert told["status"] == OrderStatus.REJECTED
    assert not any("reason" in name.lower() or "message" in name.lower() for name in told)


def test_with_the_switch_a_refusal_carries_no_id() -> None:
    assert client(Switches(refused_has_order_id=False)).place(size=99)["orderId"] is None


def test_a_wrong_bracket_type_is_refused() -> None:
    some = client()
    answer = some.ask("/api/Order/place", accountId=ACCOUNT, contractId=NQ_ID, type=2, side=0, size=1,
                      takeProfitBracket={"ticks": 40, "type": 2})
    assert "Invalid take profit type" in answer["errorMessage"]


def test_brackets_are_refused_in_the_other_mode_of_the_account() -> None:
    some = client(Switches(position_brackets=True))
    assert some.place(stop=-40)["errorMessage"] == "Brackets cannot be used with Position Brackets."
    assert some.place()["success"]


def test_a_tag_is_good_once_whatever_became_of_the_order() -> None:
    some = client()
    assert some.place(tag="once", stop=-40)["success"]
    wait(some)
    assert "already in use" in some.place(tag="once")["errorMessage"]
    assert "already in use" in some.place(tag="once-SL")["errorMessage"]
    assert some.place(tag="twice")["success"]


def test_the_position_limit_counts_what_is_held_and_what_works_but_never_refuses_a_reduction() -> None:
    some = client()
    assert some.place(size=3)["success"]
    wait(some)
    assert some.place(LIMIT, size=2, limitPrice=24_990)["success"]
    assert "margin" in some.place()["errorMessage"]
    assert some.place(side=-1, size=3)["success"]
    wait(some)
    assert some.place(side=-1, size=5)["success"]
    assert "margin" in some.place(side=-1, size=1)["errorMessage"]


def test_a_limit_below_one_mini_lets_no_mini_in() -> None:
    some = client(limits=AccountSettings(mini_limit=Decimal("0.9")))
    assert "margin" in some.place()["errorMessage"]


def test_a_closed_or_paused_market_takes_nothing() -> None:
    some = client()
    some.gateway.operator.pause(NQ_ID)
    answer = some.place()
    assert (answer["errorCode"], "unavailable" in answer["errorMessage"]) == (2, True)
    some.gateway.operator.resume(NQ_ID)
    some.gateway.advance(some.gateway.now_ns + 6 * 3600 * SECOND + 600 * SECOND)  # 20:10: time to be flat
    assert "unavailable" in some.place()["errorMessage"]
    some.gateway.advance(some.gateway.now_ns + 3600 * SECOND)  # 21:10: closed
    assert "unavailable" in some.place()["errorMessage"]
    some.gateway.advance(some.gateway.now_ns + 3600 * SECOND)  # 22:10: the next day
    some.log_in()
    assert some.place()["success"]


def test_a_locked_account_is_an_account_violation() -> None:
    some = client().listen()
    some.gateway.operator.set_can_trade(ACCOUNT, False)
    [(target, argument)] = some.events()
    assert (target, argument["data"]["canTrade"]) == ("GatewayUserAccount", False)
    assert some.place()["errorCode"] == 4
    [account] = some.ask("/api/Account/search", onlyActiveAccounts=True)["accounts"]
    assert account["canTrade"] is False


@pytest.mark.parametrize(("changed", "code"), [
    ({"accountId": 1}, 1), ({"contractId": "CON.F.US.XXX.M26"}, 8), ({"contractId": "CON.F.US.ENQ.H26"}, 9),
    ({"contractId": "CON.F.US.NQM.N26"}, 2), ({"contractId": "CON.F.US.ENQ.U26"}, 9),
])
def test_account_and_contract_have_codes_of_their_own(changed: dict[str, Any], code: int) -> None:
    body = {"accountId": ACCOUNT, "contractId": NQ_ID, "type": 2, "side": 0, "size": 1, **changed}
    answer = client().ask("/api/Order/place", **body)
    assert answer["errorCode"] == code


@pytest.mark.parametrize(("path", "changed", "code"), [
    ("Order/modify", {"accountId": 1}, 1), ("Order/modify", {"orderId": 5}, 2), ("Order/cancel", {"orderId": 5}, 2),
    ("Order/cancel", {"accountId": 1}, 1), ("Position/closeContract", {"accountId": 1}, 1),
    ("Position/closeContract", {"contractId": "CON.F.US.XXX.M26"}, 3), ("Position/searchOpen", {"accountId": 1}, 1),
    ("Position/partialCloseContract", {"accountId": 1}, 1), ("Order/search", {"accountId": 1}, 1),
    ("Order/searchOpen", {"accountId": 1}, 1), ("Order/searchById", {"orderId": 5}, 1),
    ("Trade/search", {"accountId": 1}, 1), ("Contract/searchById", {"contractId": "NQ"}, 1),
])
def test_each_endpoint_has_its_own_codes(path: str, changed: dict[str, Any], code: int) -> None:
    some = client()
    order_id = some.place(LIMIT, limitPrice=24_990)["orderId"]
    wait(some)
    body = {"accountId": ACCOUNT, "orderId": order_id, "contractId": NQ_ID, "size": 1, **changed}
    answer = some.ask(f"/api/{path}", **body)
    assert (answer["success"], answer["errorCode"]) == (False, code)


def test_a_change_of_what_does_not_work_yet_is_pending() -> None:
    some = client()
    entry_id = some.place(LIMIT, limitPrice=24_990, stop=-40)["orderId"]
    assert some.modify(entry_id, limitPrice=24_991)["errorCode"] == 4
    wait(some)
    assert some.modify(entry_id + 1, stopPrice=24_980)["errorCode"] == 4


@pytest.mark.parametrize("change", [{"stopPrice": 24_990.1}, {"stopPrice": 25_000}, {"size": 0}])
def test_a_change_that_makes_no_sense_is_rejected_and_changes_nothing(change: dict[str, Any]) -> None:
    some = client()
    entry_id = some.place(stop=-40)["orderId"]
    wait(some)
    before = some.order(entry_id + 1)
    assert some.modify(entry_id + 1, **change)["errorCode"] == 3
    wait(some)
    assert some.order(entry_id + 1) == before


def test_a_body_that_cannot_be_read_is_a_400() -> None:
    some = client()
    for body in (b"{", b"[]", b'{"accountId":"x"}', b'{"accountId":1}', b"\xff", b"[" * 100_000):
        answer = some.raw("/api/Order/place", body)
        assert answer.status == 400
        assert b'"title"' in answer.body


