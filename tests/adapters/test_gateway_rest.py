"""Logins, tokens, limits, contracts and bars of the simulated gateway."""

import base64
import json
from typing import Any

import pytest
from gateway_worlds import (
    ACCOUNT,
    DAY_NS,
    HOUR,
    LAST,
    NQ,
    NQ_ID,
    SECOND,
    START_NS,
    Client,
    client,
    gateway,
    prints,
    sessions,
    trade,
    wait,
)

from fabio.adapters.gateway.core import Gateway, Stream
from fabio.adapters.gateway.plan import GatewayPlan, Switches
from fabio.adapters.topstepx.enums import BarUnit
from fabio.adapters.topstepx.stamps import stamp_ns, stamp_text


def test_any_long_key_of_the_user_is_good() -> None:
    some = Client(gateway())
    assert some.ask("/api/Auth/loginKey", userName="nobody", apiKey="0123456789")["errorCode"] == 1
    assert some.ask("/api/Auth/loginKey", userName="demo", apiKey="012345678")["errorCode"] == 3
    assert some.ask("/api/Auth/loginKey", userName="DEMO", apiKey="0123456789")["success"]
    assert some.raw("/api/Auth/loginKey", {"userName": "demo"}).status == 400


def test_a_token_looks_like_a_jwt_that_ends_a_day_later_on_the_replay_clock() -> None:
    some = client()
    head, claims, signature = some.token.split(".")
    assert head
    assert signature
    found = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert found["exp"] == START_NS // SECOND + 86_400


def test_without_a_good_token_everything_but_login_and_ping_is_a_401() -> None:
    some = client()
    assert some.ask("/api/Account/search")["success"]
    some.gateway.advance(START_NS + DAY_NS)
    assert some.raw("/api/Account/search", {}).status == 401
    assert some.raw("/api/Auth/validate", {}).status == 401
    assert some.raw("/api/Status/ping", b"", "GET").body == b"pong"
    some.token = "made.up.token"
    assert some.raw("/api/Order/place", {}).status == 401


def test_validate_gives_a_second_token_and_logout_ends_one() -> None:
    some = client()
    first = some.token
    second = some.ask("/api/Auth/validate")["newToken"]
    assert second not in (None, first)
    assert some.ask("/api/Account/search")["success"]
    assert some.ask("/api/Auth/logout")["success"]
    assert some.raw("/api/Account/search", {}).status == 401
    some.token = second
    assert some.ask("/api/Account/search")["success"]


def test_the_201st_call_of_a_minute_is_a_429_and_bars_have_their_own_window() -> None:
    some = client()  # its login was the first
    for _ in range(199):
        assert some.raw("/api/Account/search", {}).status == 200
    limited = some.raw("/api/Account/search", {})
    assert (limited.status, limited.headers) == (429, ())
    assert some.raw("/api/History/retrieveBars", {}).status == 200
    some.gateway.advance(START_NS + 60 * SECOND)
    assert some.raw("/api/Account/search", {}).status == 200


def test_bars_are_limited_to_50_calls_in_30_seconds() -> None:
    some = client(Switches(retry_after_s=7))
    statuses = [some.raw("/api/History/retrieveBars", {"contractId": NQ_ID, "startTime": "x"}).status
                for _ in range(51)]
    assert statuses == [400] * 50 + [429]
    assert some.raw("/api/History/retrieveBars", {}).headers == (("Retry-After", "7"),)


def test_unknown_paths_and_methods() -> None:
    some = client()
    assert some.raw("/api/Order/flattenAll", {}).status == 404
    assert some.raw("/api/Account/search", {}, "GET").status == 405
    assert some.raw("/api/Status/ping", {}, "POST").status == 405


def test_the_account_is_a_practice_account() -> None:
    [account] = client().ask("/api/Account/search", onlyActiveAccounts=True)["accounts"]
    assert account["id"] == ACCOUNT
    assert account["name"].startswith("PRAC-V2-")
    assert (account["balance"], account["canTrade"], account["simulated"]) == (50_000, True, True)


def test_contracts_list_the_streamed_one_first_and_old_ones_by_id_only() -> None:
    some = client()
    listed = some.ask("/api/Contract/available", live=False)["contracts"]
    assert listed[0] == {
        "id": NQ_ID, "name": "NQM6", "description": "E-mini Nasdaq-100: June 2026", "tickSize": 0.25, "tickValue": 5.0,
        "activeContract": True, "symbolId": "F.US.ENQ"}
    assert [(each["id"], each["activeContract"]) for each in listed[1:]] == [
        ("CON.F.US.ENQ.U26", False), ("CON.F.US.NQM.N26", True), ("CON.F.US.NQM.Q26", False)]
    old = some.ask("/api/Contract/searchById", contractId="CON.F.US.ENQ.H26")["contract"]
    assert (old["name"], old["activeContract"]) == ("NQH6", False)


def test_a_search_is_loose_and_live_data_finds_nothing_for_a_simulated_account() -> None:
    some = client()
    found = some.ask("/api/Contract/search", searchText="nq", live=False)["contracts"]
    assert {each["symbolId"] for each in found} == {"F.US.ENQ", "F.US.NQM"}  # NQM is crude: roots are no prefixes
    assert some.ask("/api/Contract/search", searchText="NQ", live=True)["contracts"] == []
    assert some.ask("/api/Contract/available", live=True)["contracts"] == []


def bars(some: Client, **changed: object) -> dict[str, Any]:
    body = {"contractId": NQ_ID, "live": False, "startTime": stamp_text(START_NS - 48 * HOUR),
            "endTime": stamp_text(START_NS + HOUR), "unit": int(BarUnit.SECOND), "unitNumber": 1, "limit": 20_000,
            "includePartialBar": False, **changed}
    return some.ask("/api/History/retrieveBars", **body)


def test_bars_are_newest_first_and_the_forming_one_comes_only_when_asked_for() -> None:
    some = client()
    trade(some, *range(LAST, LAST + 25))  # 100 ms apart
    made = bars(some)["bars"]
    assert [each["v"] for each in made] == [10, 10, 1]
    assert made[0] == {"t": "2026-06-01T14:00:01+00:00", "o": 25_002.5, "h": 25_004.75, "l": 25_002.5, "c": 25_004.75,
                       "v": 10, "d": None, "k": None}
    partial = bars(some, includePartialBar=True, limit=2)["bars"]
    assert [each["v"] for each in partial] == [5, 10]


def test_bars_of_earlier_sessions_stand_behind_todays() -> None:
    some = client()
    earlier = START_NS - 24 * HOUR
    some.gateway.supply_history(0, prints(LAST - 8, LAST - 4, start_ns=earlier, step_ns=60 * SECOND))
    trade(some, LAST)
    some.gateway.advance(START_NS + 120 * SECOND)
    made = bars(some, unit=int(BarUnit.MINUTE))["bars"]
    assert [stamp_ns(each["t"]) for each in made] == [START_NS, START_NS - 60 * SECOND, earlier + 60 * SECOND, earlier]
    hourly = bars(some, unit=int(BarUnit.HOUR), includePartialBar=True)["bars"]
    assert [each["v"] for each in hourly] == [1, 1, 2]


@pytest.mark.parametrize("unit", list(BarUnit))
def test_every_unit_holds_the_same_volume(unit: BarUnit) -> None:
    some = client()
    for day in (3, 2, 1):
        some.gateway.supply_history(0, prints(*range(LAST, LAST + 50), start_ns=START_NS - day * DAY_NS,
                                              step_ns=700 * SECOND))
    trade(some, *range(LAST, LAST + 30))
    made = bars(some, unit=int(unit), unitNumber=2, includePartialBar=True,
                startTime=stamp_text(START_NS - 400 * DAY_NS))["bars"]
    assert sum(each["v"] for each in made) == 181
    starts = [stamp_ns(each["t"]) for each in made]
    assert starts == sorted(set(starts), reverse=True)
    assert all(each["l"] <= min(each["o"], each["c"]) <= max(each["o"], each["c"]) <= each["h"] for each in made)


@pytest.mark.parametrize(("changed", "code"), [
    ({"contractId": "CON.F.US.XXX.M26"}, 1), ({"live": True}, 1), ({"unit": 0}, 2), ({"unit": 7}, 2),
    ({"unitNumber": 0}, 3), ({"limit": 0}, 4), ({"limit": 20_001}, 4),
])
def test_bars_have_their_own_codes(changed: dict[str, object], code: int) -> None:
    assert bars(client(), **changed)["errorCode"] == code


def test_times_have_three_to_seven_digits() -> None:
    some = client()
    digits = set()
    for number in range(40):
        some.gateway.advance(some.gateway.now_ns + 1_234_567)
        order = some.order(some.place(limitPrice=24_000, tag=f"N{number}", size=99)["orderId"])
        text = order["creationTimestamp"]
        assert text.endswith("+00:00")
        assert 0 <= some.gateway.now_ns - stamp_ns(text) < 1_000_000
        digits.add(len(text.partition(".")[2]) - len("+00:00"))
    assert digits == {3, 4, 5, 6, 7}
    wait(some)


def test_all_times_can_be_told_and_taken_as_if_it_were_another_day() -> None:
    plan = GatewayPlan(offset_ns=100 * DAY_NS)
    made = Gateway(plan, [NQ], [Stream(instrument=NQ, table=sessions())], START_NS)
    some = Client(made).log_in()
    made.supply(prints(LAST, LAST + 1, start_ns=START_NS + 1))
    made.advance(START_NS + 120 * SECOND)
    assert json.loads(base64.urlsafe_b64decode(some.token.split(".")[1] + "=="))["iat"] == (
        START_NS + 100 * DAY_NS) // SECOND
    order = some.order(some.place()["orderId"])
    assert order["creationTimestamp"].startswith("2026-09-09T14:02:00")
    made.advance(made.now_ns + SECOND)
    assert len(some.ask("/api/Trade/search", accountId=ACCOUNT, startTimestamp="2026-09-09T14:02:00Z")["trades"]) == 1
    later = stamp_text(START_NS + 101 * DAY_NS)
    [bar] = bars(some, unit=2, startTime=stamp_text(START_NS + 99 * DAY_NS), endTime=later)["bars"]
    assert bar["t"] == "2026-09-09T14:00:00+00:00"
    assert made.clock.replayed_ns() == made.now_ns + 100 * DAY_NS
