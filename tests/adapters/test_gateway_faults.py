"""Faults: scripts, and what each of them does to calls, events and the account."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from gateway_worlds import ACCOUNT, LAST, NQ_ID, SECOND, Client, call, client, gateway, hub, trade, wait

from fabio.adapters.gateway.connection import Ended, Frame
from fabio.adapters.gateway.faults.catalogue import FAULTS, GROUPS, REST_SURFACES, SURFACE_OF
from fabio.adapters.gateway.faults.fates import Fate, Parcel
from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script, chaos, read_script
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.gateway.messages import Answer
from fabio.adapters.topstepx.enums import OrderStatus, OrderType
from fabio.adapters.topstepx.signalr.reader import RecordReader
from fabio.model.errors import ConfigError

PLACE, QUERY = "/api/Order/place", "/api/Order/searchOpen"


def layer(*faults: FaultSpec, seed: int = 0) -> Faults:
    return Faults(gateway(), Script(seed=seed, faults=faults))


def fate(name: str, path: str = PLACE, **options: Any) -> Fate:
    return layer(FaultSpec(name=name, surface="rest", options=options)).fate(path)


def event(data: dict[str, Any] | None = None) -> Frame:
    data = {"price": 25_000.25, "volume": 3, "updateTimestamp": "2026-06-01T14:00:00Z"} if data is None else data
    record = {"type": 1, "target": "GatewayTrade", "arguments": [NQ_ID, [data]]}
    return Frame(json.dumps(record).encode() + b"\x1e", "GatewayTrade")


def sent(name: str, *items: Frame | Ended, seed: int = 0, **options: Any) -> list[Parcel]:
    faults = layer(FaultSpec(name=name, surface="market", options=options), seed=seed)
    return faults.outgoing("market", list(items) or [event()])


def armed(some: Client, *faults: FaultSpec) -> Client:
    """Have deeds done to a client's gateway."""
    Faults(some.gateway, Script(seed=3, faults=faults))
    return some


# -- scripts ----------------------------------------------------------------------------


def test_a_script_names_faults_with_their_windows(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text("""
        seed = 7
        [[fault]]
        name = "drop_reply"
        surface = "place"
        rate = 0.25
        from_s = 60
        until_s = 600.5
        most = 3
        [[fault]]
        name = "delay"
        seconds = [0.5, 2]
    """, "utf-8")
    assert read_script(path) == Script(seed=7, faults=(
        FaultSpec(name="drop_reply", surface="place", rate=0.25, from_s=60.0, until_s=600.5, most=3),
        FaultSpec(name="delay", options={"seconds": [0.5, 2]})))


@pytest.mark.parametrize(("text", "words"), [
    ("sead = 1", "did you mean seed"), ("seed = 1.5", "no whole number"), ("fault = 3", "[[fault]] table"),
    ("[[fault]]\nname = 'drop_replay'", "did you mean drop_reply"), ("[[fault]]\nrate = 1", "is no fault"),
    ("[[fault]]\nname = 'delay'\nsecond = 1", "did you mean seconds"),
    ("[[fault]]\nname = 'delay'\nrate = 'often'", "Expected `float`"),
    ("[[fault]]\nname = 'delay'\nrate = 1.5", "between 0 and 1"),
    ("[[fault]]\nname = 'delay'\nfrom_s = 9\nuntil_s = 9", "is empty"),
    ("[[fault]]\nname = 'delay'\nmost = 0", "1 or more"),
    ("[[fault]]\nname = 'delay'\nsurface = 'place'", "is none of user, market, hubs"),
    ("[[fault]]\nname = 'drop_reply'\nsurface = 'market'", "is none of auth"),
    ("[[fault]]\nname = 'delay'\nseconds = 3", "does not fit"),
    ("[[fault]]\nname = 'delay'\nseconds = [3, 1]", "does not fit"),
    ("[[fault]]\nname = 'server_error'\nstatuses = []", "does not fit"),
    ("[[fault]]\nname = 'child_missing'\nchild = 4", "does not fit"),
])
def test_a_wrong_script_says_what_would_be_right(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError) as error:
        read_script(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)


def test_a_seed_draws_three_faults_always_the_same() -> None:
    drawn = [chaos(seed) for seed in range(50)]
    assert drawn == [chaos(seed) for seed in range(50)]
    assert all(len(each.faults) == 3 for each in drawn)
    assert len({fault.name for each in drawn for fault in each.faults}) > 30


def test_every_fault_of_the_matrix_that_a_gateway_can_have_is_there() -> None:
    numbers = {known.number for known in FAULTS.values()}
    assert numbers == {f"F{number:02d}" for number in range(1, 26)}
    for name, known in FAULTS.items():
        surfaces = GROUPS.get(known.surface, (known.surface,))
        assert set(surfaces) <= {*REST_SURFACES, "user", "market"}, name
    assert set(SURFACE_OF.values()) == set(REST_SURFACES)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_armed_and_a_busy_minute_lived_through(name: str) -> None:
    some = client().listen()
    faults = Faults(some.gateway, Script(seed=1, faults=(FaultSpec(name=name, until_s=50),)))
    market = hub(some.gateway, "market", some.token)
    call(market, "SubscribeContractTrades", NQ_ID)
    assert some.user is not None
    for step in range(60):
        some.log_in()
        fate = faults.fate(PLACE)
        answer = some.raw(PLACE, {"accountId": ACCOUNT, "contractId": NQ_ID, "type": 2, "side": step % 2, "size": 1,
                                  "stopLossBracket": {"ticks": -40 + 80 * (step % 2), "type": 4},
                                  "takeProfitBracket": {"ticks": 40 - 80 * (step % 2), "type": 1}})
        for edit in fate.edits:
            answer = edit(answer)
        assert isinstance(answer, Answer)
        trade(some, LAST + step % 5)
        wait(some, 900)
        for connection in (some.user, market):
            for parcel in faults.outgoing(connection.hub, connection.take()):
                assert isinstance(parcel.item, Frame | Ended)
    known = FAULTS[name]
    if known.rest is not None and "place" in GROUPS.get(known.surface, (known.surface,)):
        assert faults.struck[name] == 50
    some.gateway.advance(some.gateway.now_ns + SECOND)
    held = some.gateway.accounts[ACCOUNT].held_steps(NQ_ID)
    assert held == sum(turn.size * (1 if turn.side == 0 else -1)
                       for _, turn in some.gateway.accounts[ACCOUNT].half_turns)


# -- calls ------------------------------------------------------------------------------


def test_without_a_script_nothing_happens() -> None:
    faults = layer()
    assert faults.fate(PLACE) == Fate()
    assert faults.outgoing("user", [event()]) == [Parcel(event())]
    assert faults.refuses("user") is None
    assert not faults.incoming("market")


@pytest.mark.parametrize(("name", "executes", "ending"), [
    ("drop_request", False, "never"), ("drop_reply", True, "never"), ("reply_twice", True, "twice"),
    ("trickle", True, "trickle"),
])
def test_how_a_call_ends(name: str, executes: bool, ending: str) -> None:
    found = fate(name)
    assert (found.executes, found.ending) == (executes, ending)


def test_delays_lie_where_the_script_says() -> None:
    for name, field in (("delay_request", "before_s"), ("delay_reply", "after_s"), ("stale", "stale_s")):
        assert 2 <= getattr(fate(name, QUERY, seconds=(2, 3)), field) <= 3


@pytest.mark.parametrize(("name", "options", "status"), [
    ("unauthorised", {}, 401), ("too_many", {"retry_after_s": 9}, 429), ("server_error", {"statuses": (502,)}, 502),
    ("proxy", {}, 407), ("refuse", {"codes": (99,)}, 200), ("bracket_refused", {}, 200),
])
def test_another_answer_in_place_of_the_venues(name: str, options: dict[str, Any], status: int) -> None:
    found = fate(name, **options).instead
    assert found is not None
    assert found.status == status
    if status == 200:
        body = json.loads(found.body)
        assert body["success"] is False
        assert body["errorCode"] in (99, 2)


@pytest.mark.parametrize("name", ["garble", "cut_body", "rest_drift", "empty"])
def test_edits_change_the_answer(name: str) -> None:
    body = {"orders": [{"id": 5, "status": 1, "updateTimestamp": "x", "size": 1, "type": 2}], "totalCount": 1,
            "success": True, "errorCode": 0}
    answer = Answer(body=json.dumps(body).encode())
    seen = set()
    for seed in range(60):
        found = Faults(gateway(), Script(seed=seed, faults=(FaultSpec(name=name, surface="rest"),))).fate(QUERY)
        edited = answer
        for edit in found.edits:
            edited = edit(edited)
        seen.add(edited.body)
    assert len(seen) >= (1 if name == "empty" else 5)
    if name == "empty":
        assert json.loads(seen.pop())["orders"] == []


def test_rate_window_and_most_limit_how_often_a_fault_strikes() -> None:
    made = gateway()
    spec = FaultSpec(name="drop_reply", surface="place", rate=0.5, from_s=10, until_s=20, most=30)
    faults = Faults(made, Script(faults=(spec,)))
    struck = Counter[int]()
    for second in range(30):
        made.advance(made.now_ns + SECOND)
        struck[second] += sum(faults.fate(PLACE).ending == "never" for _ in range(10))
        assert faults.fate(QUERY) == Fate()
    assert set(+struck) <= set(range(9, 19))
    assert faults.struck == {"drop_reply": 30}


def test_the_same_seed_strikes_the_same_calls() -> None:
    def strikes(seed: int) -> list[str]:
        faults = layer(FaultSpec(name="drop_reply", rate=0.5), seed=seed)
        return [faults.fate(PLACE).ending for _ in range(40)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)


# -- events -----------------------------------------------------------------------------


def test_what_becomes_of_an_event() -> None:
    ping = Frame(b'{"type":6}\x1e')
    assert sent("half_open", event(), ping) == []
    assert sent("mute", event(), ping) == [Parcel(ping)]
    assert 2 <= len(sent("duplicate")) <= 5
    assert sent("duplicate", ping) == [Parcel(ping)]
    assert sent("drop") == [Parcel(Ended(abrupt=True))]
    close, ended = sent("close_frame")
    assert isinstance(close.item, Frame)
    assert b'"type":7' in close.item.data
    assert ended.item == Ended()
    [late] = sent("delay", seconds=(1, 2))
    assert (1 <= late.delay_s <= 2, late.overtakes) == (True, False)
    [overtaken] = sent("reorder")
    assert overtaken.overtakes
    [held] = sent("burst", seconds=5.0)
    assert held.hold_s == 5.0
    pieces = sent("split", pieces=10)
    assert b"".join(each.item.data for each in pieces if isinstance(each.item, Frame)) == event().data
    assert len(pieces) >= 10


@pytest.mark.parametrize("name", ["malformed", "cut_frame", "drift", "bad_prices"])
def test_edited_events_differ_in_many_ways_and_never_harm_our_reader(name: str) -> None:
    seen = set()
    for seed in range(80):
        for parcel in sent(name, seed=seed):
            assert isinstance(parcel.item, Frame)
            RecordReader().feed(parcel.item.data)
            seen.add(parcel.item.data[:2000])
    assert len(seen) >= 6


def test_a_fill_between_two_ticks() -> None:
    data = {"action": 0, "data": {"price": 25_000.25}}
    frame = Frame(json.dumps({"type": 1, "target": "GatewayUserTrade", "arguments": [data]}).encode() + b"\x1e",
                  "GatewayUserTrade")
    [parcel] = layer(FaultSpec(name="off_tick_fills")).outgoing("user", [frame])
    assert isinstance(parcel.item, Frame)
    assert json.loads(parcel.item.data[:-1])["arguments"][0]["data"]["price"] == 25_000.2503


def test_gates_and_lost_subscriptions() -> None:
    faults = layer(FaultSpec(name="refuse_upgrade", surface="user", options={"status": 503}),
                   FaultSpec(name="subscribe_lost", surface="market"))
    assert faults.refuses("user") == 503
    assert faults.refuses("market") is None
    assert faults.incoming("market")
    assert not faults.incoming("user")


# -- deeds ------------------------------------------------------------------------------


def statuses(some: Client) -> list[int]:
    return [order["status"] for order in some.orders()]


def bracket(some: Client) -> Client:
    some.place(stop=-40, target=80)
    wait(some)
    return some


def test_a_child_goes_missing_is_rejected_or_is_cancelled_later() -> None:
    missing = bracket(armed(client(), FaultSpec(name="child_missing", options={"child": "stop"})))
    assert [order["type"] for order in missing.orders()] == [OrderType.MARKET, OrderType.LIMIT]
    rejected = bracket(armed(client(), FaultSpec(name="child_rejected", options={"child": "target"})))
    assert statuses(rejected) == [OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.REJECTED]
    cancelled = bracket(armed(client(), FaultSpec(name="child_cancelled", options={"child": "stop", "after_s": 1.0})))
    assert statuses(cancelled) == [OrderStatus.FILLED, OrderStatus.OPEN, OrderStatus.OPEN]
    wait(cancelled, 1000)
    assert statuses(cancelled) == [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.OPEN]


def test_orders_of_others_trade_and_rest() -> None:
    some = armed(client(), FaultSpec(name="manual_trade", most=1, options={"every_s": 10.0}),
                 FaultSpec(name="foreign_order", most=1, from_s=1))
    wait(some, 2000)
    assert [(order["type"], order["status"]) for order in some.orders()] == [
        (OrderType.MARKET, OrderStatus.FILLED), (OrderType.LIMIT, OrderStatus.OPEN)]
    assert len(some.positions()) == 1


def test_a_person_flattens_and_another_session_takes_over() -> None:
    some = armed(bracket(client().listen()), FaultSpec(name="manual_flatten", from_s=5, most=1),
                 FaultSpec(name="log_out", from_s=6, most=1))
    some.events()
    wait(some, 7000)
    assert some.positions() == []
    assert not some.gateway.operator.live_orders(ACCOUNT)
    assert [target for target, _ in some.events()][-1] == "GatewayLogout"


def test_windows_of_locked_account_paused_market_and_skew_end() -> None:
    some = armed(client(), FaultSpec(name="lock_account", from_s=1, until_s=2),
                 FaultSpec(name="pause_market", from_s=3, until_s=4),
                 FaultSpec(name="skew", from_s=5, until_s=6, options={"seconds": -60.0}))
    codes = []
    for _ in range(4):
        wait(some, 1000)
        codes.append(some.place()["errorCode"])
    assert codes == [4, 0, 2, 0]
    wait(some, 1000)
    assert some.gateway.clock.skew_ns == -60 * SECOND
    wait(some, 1000)
    assert some.gateway.clock.skew_ns == 0


def test_tokens_die_at_once() -> None:
    some = armed(client(), FaultSpec(name="tokens_die", from_s=1, most=1))
    wait(some, 1500)
    assert some.raw("/api/Account/search", {}).status == 401
    assert some.log_in().ask("/api/Account/search")["success"]


def test_fills_in_parts_beyond_the_size_and_after_the_cancel() -> None:
    parts = armed(client(), FaultSpec(name="partial_fills"), FaultSpec(name="partial_reject"))
    wait(parts)
    order_id = parts.place(size=3, stop=-40, target=80)["orderId"]
    wait(parts)
    assert parts.order(order_id)["fillVolume"] == 1
    wait(parts, 2000)
    order = parts.order(order_id)
    assert (order["status"], order["fillVolume"]) == (OrderStatus.CANCELLED, 1)
    assert parts.order(order_id + 1)["status"] == OrderStatus.OPEN

    over = armed(client(), FaultSpec(name="overfill", from_s=1, most=1, options={"every_s": 2.0}))
    over.place()
    wait(over, 1500)
    assert over.positions()[0]["size"] == 2

    late = armed(client(), FaultSpec(name="late_cancels", options={"seconds": 5.0}))
    wait(late)
    resting = late.place(OrderType.LIMIT, limitPrice=24_990)["orderId"]
    wait(late)
    assert late.cancel(resting)["success"]
    trade(late, LAST - 41)
    assert late.order(resting)["status"] == OrderStatus.FILLED


def test_nothing_of_a_fault_lies_in_the_core() -> None:
    sources = Path(__file__).parents[2] / "fabio" / "adapters" / "gateway"
    importers = {path.name for path in sources.glob("*.py") if "gateway.faults" in path.read_text("utf-8")}
    assert importers == {"front.py"}
