"""Hub events to records: the forms seen live, and what is wrong with the others."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.events import (
    REQUIRED,
    BadItem,
    BadItemKind,
    Depth,
    DepthRow,
    EventReader,
    LoggedOut,
    Print,
    Prints,
    QuoteChange,
    UnknownEvent,
    UserEvent,
)
from fabio.adapters.topstepx.feed.quote_merging import QuoteMerging
from fabio.adapters.topstepx.records import Account, HalfTurn, Order, Position
from fabio.adapters.topstepx.signalr.protocol import Invocation, invocation
from fabio.model.tick import BUY, SELL, UNKNOWN_SIDE

CONTRACT = "CON.F.US.MNQ.Z26"
AT = "2026-08-27T14:30:00.1234567+00:00"
AT_NS = 1_787_841_000_123_456_700


def raw_event(target, *arguments) -> Invocation:
    """An invocation whose arguments are JSON text, as it stands."""
    return Invocation(target, tuple(msgspec.Raw(text.encode()) for text in arguments))


def read(event):
    reader = EventReader()
    return reader.read(event), reader


def a_print(**changes):
    return {"symbolId": "F.US.MNQ", "price": 21000.25, "timestamp": AT, "type": 0, "volume": 2} | changes


# user hub


def test_a_wrapped_order_is_read_with_its_action_and_digits() -> None:
    text = (
        '{"action":1,"data":{"id":9056123456,"accountId":536,"contractId":"CON.F.US.MNQ.Z26","symbolId":"F.US.MNQ",'
        '"creationTimestamp":"2026-08-27T14:30:00.123+00:00","status":8,"type":4,"side":1,"size":1,"fillVolume":0,'
        '"stopPrice":20990.10,"customTag":"fb-1-SL","parentOrderId":9056123455,"somethingNew":[1,{}]}}'
    )
    [event], _ = read(raw_event("GatewayUserOrder", text))
    assert isinstance(event, UserEvent)
    assert event.action == 1
    order = event.record
    assert isinstance(order, Order)
    assert (order.id, order.status, order.parent_order_id, order.custom_tag) == (9056123456, 8, 9056123455, "fb-1-SL")
    assert str(order.stop_price) == "20990.10"
    assert order.limit_price is order.filled_price is order.update_timestamp is None


ACCOUNT = {"id": 5, "name": "PRAC-V2-1", "balance": 50123.45, "canTrade": False, "simulated": True}
ORDER = {"id": 7, "accountId": 5, "contractId": CONTRACT, "status": 2, "type": 2, "side": 0, "size": 1}
POSITION = {"id": 3, "accountId": 5, "contractId": CONTRACT, "type": 2, "size": 2, "averagePrice": 21000.375}
HALF_TURN = {
    "id": 1, "accountId": 5, "contractId": CONTRACT, "price": 21000.25, "side": 0, "size": 1, "orderId": 7, "fees": 0.36
}
USER_DATA = {
    "GatewayUserAccount": ACCOUNT,
    "GatewayUserOrder": ORDER,
    "GatewayUserPosition": POSITION,
    "GatewayUserTrade": HALF_TURN,
}
AN_ORDER = Order(id=7, account_id=5, contract_id=CONTRACT, status=2, type=2, side=0, size=1)


@pytest.mark.parametrize(
    ("target", "record"),
    [
        ("GatewayUserAccount", Account(id=5, name="PRAC-V2-1", balance=Decimal("50123.45"), can_trade=False)),
        ("GatewayUserOrder", AN_ORDER),
        (
            "GatewayUserPosition",
            Position(id=3, account_id=5, contract_id=CONTRACT, type=2, size=2, average_price=Decimal("21000.375")),
        ),
        (
            "GatewayUserTrade",
            HalfTurn(
                id=1, account_id=5, contract_id=CONTRACT, price=Decimal("21000.25"), size=1, order_id=7,
                fees=Decimal("0.36"),
            ),
        ),
    ],
)
def test_bare_and_wrapped_records_are_the_same_record(target, record) -> None:
    data = USER_DATA[target]
    assert read(invocation(target, data))[0] == [UserEvent(record, None)]
    assert read(invocation(target, {"action": 0, "data": data}))[0] == [UserEvent(record, 0)]
    assert read(invocation(target, {"data": data}))[0] == [UserEvent(record, None)]
    assert read(invocation(target, [{"action": 2, "data": data}, None]))[0] == [UserEvent(record, 2)]


@pytest.mark.parametrize("target", REQUIRED)
@pytest.mark.parametrize("null", [False, True])
def test_a_record_without_a_field_that_matters_is_no_record(target, null) -> None:
    # else a position without its size would read as flat, an account without its balance as broke
    for name in REQUIRED[target] - ({"id"} if target == "GatewayUserOrder" else set()):
        data = {key: value for key, value in USER_DATA[target].items() if key != name}
        if null:
            data[name] = None
        [bad], _ = read(invocation(target, {"action": 1, "data": data}))
        assert (bad.target, bad.kind) == (target, BadItemKind.MISSING)


def test_null_fields_that_do_not_matter_are_as_if_left_out() -> None:
    data = ORDER | {"limitPrice": None, "customTag": None, "updateTimestamp": None, "symbolId": None}
    assert read(invocation("GatewayUserOrder", data))[0] == [UserEvent(AN_ORDER, None)]


def test_a_closed_position_is_flat() -> None:
    data = POSITION | {"type": 0, "size": 0}
    [event], _ = read(invocation("GatewayUserPosition", {"action": 2, "data": data}))
    assert (event.action, event.record.type, event.record.size) == (2, 0, 0)
    assert event.record.average_price == Decimal("21000.375")


def test_an_order_without_id_is_named_by_its_order_id() -> None:
    data = {key: value for key, value in ORDER.items() if key != "id"} | {"orderId": 7}
    assert read(invocation("GatewayUserOrder", data))[0] == [UserEvent(AN_ORDER, None)]


def test_an_order_of_a_status_nobody_knows_keeps_its_number() -> None:
    [event], reader = read(invocation("GatewayUserOrder", {"action": 1, "data": ORDER | {"status": 99, "type": 42}}))
    assert (event.record.status, event.record.type) == (99, 42)
    assert not reader.bad


def test_numbers_as_strings_are_numbers() -> None:
    data = ORDER | {"id": "7", "status": "2", "size": 1.0, "filledPrice": "21000.25", "fillVolume": "1"}
    [event], _ = read(invocation("GatewayUserOrder", {"action": "1", "data": data}))
    filled = msgspec.structs.replace(AN_ORDER, filled_price=Decimal("21000.25"), fill_volume=1)
    assert event == UserEvent(filled, 1)


@pytest.mark.parametrize("action", [None, "new", 1.5, True, {}, "9" * 5000, "²"])
def test_a_strange_action_does_not_cost_the_record(action) -> None:
    assert read(invocation("GatewayUserOrder", {"action": action, "data": ORDER}))[0] == [UserEvent(AN_ORDER, None)]


@pytest.mark.parametrize("text", ["5", '"text"', '{"action":1,"data":5}', "[[]]", '{"action":1,"data":[]}'])
def test_what_is_no_record_is_told_and_counted(text) -> None:
    [bad], reader = read(raw_event("GatewayUserOrder", text))
    assert isinstance(bad, BadItem)
    assert (bad.target, bad.kind) == ("GatewayUserOrder", BadItemKind.SHAPE)
    assert reader.bad == {("GatewayUserOrder", BadItemKind.SHAPE): 1}
    assert list(reader.samples) == [bad]


def test_a_user_event_without_arguments_is_told_and_counted() -> None:
    [bad], reader = read(invocation("GatewayUserOrder"))
    assert bad.kind is BadItemKind.ARGUMENTS
    assert sum(reader.bad.values()) == 1


@pytest.mark.parametrize(
    ("target", "changes", "kind"),
    [
        ("GatewayUserOrder", '{"id":"seven"}', BadItemKind.SHAPE),
        ("GatewayUserOrder", '{"id":7.5}', BadItemKind.SHAPE),
        ("GatewayUserOrder", '{"id":true}', BadItemKind.SHAPE),
        ("GatewayUserOrder", '{"size":-1}', BadItemKind.SIZE),
        ("GatewayUserOrder", '{"size":2000000000}', BadItemKind.SIZE),
        ("GatewayUserOrder", '{"stopPrice":"NaN"}', BadItemKind.NUMBER),
        ("GatewayUserOrder", '{"stopPrice":"sNaN"}', BadItemKind.NUMBER),
        ("GatewayUserOrder", '{"stopPrice":"-Infinity"}', BadItemKind.NUMBER),
        ("GatewayUserOrder", '{"limitPrice":1e400}', BadItemKind.NUMBER),
        ("GatewayUserOrder", '{"filledPrice":1e999999999}', BadItemKind.NUMBER),
        ("GatewayUserPosition", '{"size":-1}', BadItemKind.SIZE),
        ("GatewayUserPosition", '{"averagePrice":0}', BadItemKind.NUMBER),
        ("GatewayUserTrade", '{"price":"Infinity"}', BadItemKind.NUMBER),
        ("GatewayUserAccount", '{"balance":"NaN"}', BadItemKind.NUMBER),
        ("GatewayUserAccount", '{"canTrade":"perhaps"}', BadItemKind.SHAPE),
    ],
)
def test_a_record_with_an_impossible_value_is_told_and_counted(target, changes, kind) -> None:
    before = json.loads(json.dumps(USER_DATA[target]))
    members = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in before.items()}
    members |= msgspec.json.decode(changes, type=dict[str, msgspec.Raw])
    [bad], reader = read(invocation(target, {"action": 1, "data": members}))
    assert (bad.target, bad.kind) == (target, kind)
    assert reader.bad == {(target, kind): 1}


# prints


def test_one_print_and_an_array_with_nulls_are_read() -> None:
    one = Print(AT_NS, Decimal("21000.25"), 2, BUY)
    assert read(invocation("GatewayTrade", CONTRACT, a_print()))[0] == [Prints(CONTRACT, (one,))]
    many = [None, a_print(), None, a_print(type=1, volume=34, price=21000), None]
    expected = Prints(CONTRACT, (one, Print(AT_NS, Decimal(21000), 34, SELL)))
    assert read(invocation("GatewayTrade", CONTRACT, many))[0] == [expected]


@pytest.mark.parametrize("trade_type", [2, -1, 99, None])
def test_a_print_without_a_known_aggressor_is_kept_without_a_side(trade_type) -> None:
    [prints], reader = read(invocation("GatewayTrade", CONTRACT, a_print(type=trade_type)))
    assert prints.prints[0].side == UNKNOWN_SIDE
    assert not reader.bad


def test_a_negative_price_passes_as_crude_oil_has_had_one() -> None:
    [prints], _ = read(invocation("GatewayTrade", "CON.F.US.CLE.K20", a_print(price=-37.63)))
    assert prints.prints[0].price == Decimal("-37.63")


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (5, BadItemKind.SHAPE),
        ("text", BadItemKind.SHAPE),
        ([], BadItemKind.SHAPE),
        ({}, BadItemKind.SHAPE),
        (a_print(price=None), BadItemKind.SHAPE),
        (a_print(price="1,000"), BadItemKind.SHAPE),
        (a_print(price=True), BadItemKind.SHAPE),
        (a_print(volume=1.5), BadItemKind.SHAPE),
        (a_print(volume="many"), BadItemKind.SHAPE),
        (a_print(timestamp=1_787_841_000), BadItemKind.SHAPE),
        (a_print(price="NaN"), BadItemKind.NUMBER),
        (a_print(price="Infinity"), BadItemKind.NUMBER),
        (a_print(price="1e999999"), BadItemKind.NUMBER),
        (a_print(price=0), BadItemKind.NUMBER),
        (a_print(price="0E+99999"), BadItemKind.NUMBER),
        (a_print(volume=0), BadItemKind.SIZE),
        (a_print(volume=-3), BadItemKind.SIZE),
        (a_print(volume=2**40), BadItemKind.SIZE),
        (a_print(timestamp=""), BadItemKind.TIMESTAMP),
        (a_print(timestamp="2026-08-27T14:30:00"), BadItemKind.TIMESTAMP),
        (a_print(timestamp="0001-01-01T00:00:00+00:00"), BadItemKind.TIMESTAMP),
    ],
)
def test_a_bad_print_among_good_ones_is_counted_and_the_others_are_kept_in_order(item, kind) -> None:
    events, reader = read(invocation("GatewayTrade", CONTRACT, [a_print(volume=1), item, a_print(volume=3)]))
    assert [each.size for each in events[0].prints] == [1, 3]
    assert [(each.target, each.kind) for each in events[1:]] == [("GatewayTrade", kind)]
    assert reader.bad == {("GatewayTrade", kind): 1}


@pytest.mark.parametrize("arguments", [[], [CONTRACT], [5, a_print()], [None, a_print()], [{}, []]])
@pytest.mark.parametrize("target", ["GatewayTrade", "GatewayQuote", "GatewayDepth"])
def test_a_market_event_of_the_wrong_arity_is_one_bad_event(target, arguments) -> None:
    events, reader = read(invocation(target, *arguments))
    assert [each.kind for each in events] == [BadItemKind.ARGUMENTS]
    assert reader.bad == {(target, BadItemKind.ARGUMENTS): 1}


def test_an_argument_more_than_known_is_passed_over() -> None:
    assert isinstance(read(invocation("GatewayTrade", CONTRACT, a_print(), {"new": 1}))[0][0], Prints)


def test_nothing_but_nulls_is_no_event_and_no_fault() -> None:
    for target in ("GatewayTrade", "GatewayDepth"):
        events, reader = read(invocation(target, CONTRACT, [None, None]))
        assert events == []
        assert not reader.bad


# quotes


def test_a_sparse_quote_says_only_what_has_changed() -> None:
    text = '{"symbol":"F.US.MNQ","bestBid":21000.00,"volume":123456789012,"lastUpdated":"2026-08-27T14:30:00.1234567Z"}'
    [quote], _ = read(raw_event("GatewayQuote", f'"{CONTRACT}"', text))
    assert quote == QuoteChange(
        contract_id=CONTRACT, symbol="F.US.MNQ", best_bid=Decimal(21000), volume=123456789012, last_updated_ns=AT_NS
    )
    assert quote.best_ask is quote.last_price is quote.timestamp_ns is None


def test_a_bad_field_of_a_quote_costs_that_field_only() -> None:
    data = {
        "bestBid": "high",
        "bestAsk": 21000.5,
        "lastPrice": "NaN",
        "open": 0,
        "volume": -1.5,
        "timestamp": "yesterday",
        "lastUpdated": AT,
        "unknown": ["x"],
    }
    [quote, *bad], reader = read(invocation("GatewayQuote", CONTRACT, data))
    assert quote == QuoteChange(contract_id=CONTRACT, best_ask=Decimal("21000.5"), last_updated_ns=AT_NS)
    assert sorted(each.kind for each in bad) == ["number", "number", "shape", "shape", "timestamp"]
    assert sum(reader.bad.values()) == 5


@pytest.mark.parametrize("data", [None, 5, "text", [{"bestBid": 1}]])
def test_a_quote_that_is_no_object_is_one_bad_event(data) -> None:
    events, _ = read(invocation("GatewayQuote", CONTRACT, data))
    assert [each.kind for each in events] == [BadItemKind.SHAPE]


# depth


def test_depth_is_read_as_object_and_as_array_with_null_padding_and_resets() -> None:
    row = {"timestamp": AT, "type": 4, "price": 21000.25, "volume": 7, "currentVolume": 0, "index": 0}
    reset = {"timestamp": "0001-01-01T00:00:00+00:00", "type": 6, "price": 0, "volume": 0, "currentVolume": 0}
    read_row = DepthRow(4, Decimal("21000.25"), 7, 0, AT_NS)
    assert read(invocation("GatewayDepth", CONTRACT, row))[0] == [Depth(CONTRACT, (read_row,))]
    [depth, bad], _ = read(invocation("GatewayDepth", CONTRACT, [None, reset, row, None, None]))
    # a row is worth having without its time: a reset above all
    assert depth == Depth(CONTRACT, (DepthRow(6, Decimal(0), 0, 0, None), read_row))
    assert bad.kind is BadItemKind.TIMESTAMP


def test_bad_rows_of_depth_are_counted_and_the_others_kept() -> None:
    negative, not_a_number, untyped = {"type": 1, "price": 1, "volume": -1}, {"type": 2, "price": "NaN"}, {"price": 3}
    rows = [negative, not_a_number, untyped, 7, {"type": 99, "price": 5}]
    [depth, *bad], _ = read(invocation("GatewayDepth", CONTRACT, rows))
    assert [row.type for row in depth.rows] == [99]
    assert sorted(each.kind for each in bad) == ["number", "shape", "shape", "size"]


# others


def test_a_logout_is_told_with_whatever_it_says() -> None:
    assert read(invocation("GatewayLogout", {"why": 1}, None))[0] == [LoggedOut(b'{"why":1},null')]
    assert read(invocation("GatewayLogout"))[0] == [LoggedOut(b"")]


def test_an_event_of_an_unknown_name_is_told_as_such() -> None:
    assert read(invocation("GatewayNews", 1))[0] == [UnknownEvent("GatewayNews")]


TARGETS = st.sampled_from(
    ["GatewayUserAccount", "GatewayUserOrder", "GatewayUserPosition", "GatewayUserTrade", "GatewayQuote",
     "GatewayTrade", "GatewayDepth", "GatewayLogout", "other"]
)
KEYS = st.sampled_from(
    ["id", "orderId", "action", "data", "price", "size", "status", "timestamp", "type", "volume", "bestBid",
     "lastUpdated", "balance", "currentVolume", "x"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["NaN", "-Infinity", "1e999999999", "7", AT, CONTRACT, "", "\u0661"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=20,
)


def raw_of(value):
    return msgspec.Raw(json.dumps(value).encode())


@given(TARGETS, st.lists(VALUES, max_size=3))
def test_any_arguments_give_events_and_every_bad_one_is_counted(target, arguments) -> None:
    events, reader = read(Invocation(target, tuple(map(raw_of, arguments))))
    assert sum(isinstance(each, BadItem) for each in events) == sum(reader.bad.values())
    for event in events:
        if isinstance(event, Prints):
            assert all(each.size > 0 and each.price.is_finite() and each.ts_event_ns >= 0 for each in event.prints)


@given(TARGETS, st.lists(st.binary(max_size=40), max_size=3))
def test_arguments_that_are_no_json_give_events_too(target, arguments) -> None:
    read(Invocation(target, tuple(map(msgspec.Raw, arguments))))


# merging


def test_merged_quotes_hold_the_newest_value_of_every_field() -> None:
    merging = QuoteMerging()
    older = raw_event("GatewayQuote", f'"{CONTRACT}"', '{"bestBid":1.10,"bestAsk":2.20,"volume":5}')
    newer = raw_event("GatewayQuote", f'"{CONTRACT}"', '{"bestBid":1.30,"bestAsk":null,"lastPrice":9}')
    [quote], _ = read(merging.merged(older, newer))
    assert (quote.best_bid, quote.best_ask, quote.last_price, quote.volume) == (
        Decimal("1.30"), Decimal("2.20"), Decimal(9), 5
    )


def test_only_quotes_may_be_merged_and_only_with_their_own_contract() -> None:
    merging = QuoteMerging()
    assert merging.key(invocation("GatewayQuote", "A", {})) == merging.key(invocation("GatewayQuote", "A", {"x": 1}))
    assert merging.key(invocation("GatewayQuote", "A", {})) != merging.key(invocation("GatewayQuote", "B", {}))
    for target in ("GatewayTrade", "GatewayDepth", "GatewayUserOrder", "GatewayLogout"):
        assert merging.key(invocation(target, "A", {})) is None
    assert merging.key(invocation("GatewayQuote", "A")) is None


def test_a_quote_that_cannot_be_read_does_not_spoil_the_one_it_is_merged_with() -> None:
    merging = QuoteMerging()
    good, bad = invocation("GatewayQuote", "A", {"bestBid": 1}), invocation("GatewayQuote", "A", 5)
    assert merging.merged(good, bad) == merging.merged(bad, good) == good
    assert merging.unreadable == 2
