"""Both hubs of the simulated gateway, record by record."""

import json

import pytest
from gateway_worlds import (
    ACCOUNT,
    LAST,
    MS,
    NQ_ID,
    SECOND,
    call,
    client,
    events_of,
    hub,
    prints,
    records_of,
    trade,
    wait,
)

from fabio.adapters.gateway.connection import MOST_WAITING, Ended, Frame
from fabio.adapters.gateway.hubs import PING_EVERY_NS
from fabio.adapters.gateway.messages import NoAccess, UnknownConnection
from fabio.adapters.gateway.plan import Switches, exact_switches
from fabio.adapters.topstepx.enums import DepthType
from fabio.adapters.topstepx.events import EventReader, QuoteChange
from fabio.adapters.topstepx.signalr.protocol import Invocation, parse
from fabio.adapters.topstepx.stamps import stamp_ns


def test_a_hub_wants_a_good_token() -> None:
    some = client()
    with pytest.raises(NoAccess):
        some.gateway.connect("user", "no.such.token")
    with pytest.raises(NoAccess):
        some.gateway.negotiate("market", "")


@pytest.mark.parametrize("version", [0, 1])
def test_a_negotiated_id_is_good_once(version: int) -> None:
    some = client()
    answer = some.gateway.negotiate("user", some.token, version)
    assert answer["negotiateVersion"] == version
    assert answer["availableTransports"] == [{"transport": "WebSockets", "transferFormats": ["Text", "Binary"]}]
    connection_id = str(answer["connectionToken" if version else "connectionId"])
    with pytest.raises(UnknownConnection):
        some.gateway.connect("market", some.token, connection_id)
    some.gateway.connect("user", some.token, connection_id)
    with pytest.raises(UnknownConnection):
        some.gateway.connect("user", some.token, connection_id)


@pytest.mark.parametrize(("version", "strict", "good"), [(1, True, True), (0, True, False), (0, False, True),
                                                         (2, False, True), (3, False, False)])
def test_handshake_versions(version: int, strict: bool, good: bool) -> None:
    some = client(Switches(strict_handshake=strict))
    connection = some.gateway.connect("user", some.token)
    connection.receive(b'{"protocol":"json","version":%d}\x1e' % version)
    first, *rest = connection.take()
    assert isinstance(first, Frame)
    assert ("error" in json.loads(first.data[:-1])) is not good
    assert rest == ([] if good else [Ended()])


@pytest.mark.parametrize("first", [b'{"protocol":"messagepack","version":1}\x1e', b"hello\x1e", b'{"type":6}\x1e'])
def test_a_bad_handshake_ends_the_connection(first: bytes) -> None:
    some = client()
    connection = some.gateway.connect("user", some.token)
    connection.receive(first)
    assert [type(each) for each in connection.take()] == [Frame, Ended]
    assert connection.is_over
    assert some.gateway.hubs.connections == {}


def test_records_may_share_a_frame_or_be_split_over_several() -> None:
    some = client()
    connection = some.gateway.connect("user", some.token)
    for piece in (b'{"protocol":"json",', b'"version":1}\x1e{"type":6}\x1e{"type":1,"target":"Subscribe',
                  b'Accounts","arguments":[],"invocationId":"a"}\x1e'):
        connection.receive(piece)
    assert records_of(connection) == [{}, {"type": 3, "invocationId": "a", "result": None}]


def test_only_invocations_with_an_id_are_completed() -> None:
    some = client()
    connection = hub(some.gateway, "user", some.token)
    call(connection, "SubscribeOrders", ACCOUNT)
    call(connection, "Heartbeat", {"timestamp": 1})
    assert connection.take() == []
    call(connection, "SubscribeOrders", ACCOUNT, number="7")
    call(connection, "SubscribeContractDepth", NQ_ID, number="8")
    call(connection, "SubscribeOrders", "seven", number="9")
    call(connection, "SubscribeOrders", number="10")
    done, unknown, wrong, missing = records_of(connection)
    assert done == {"type": 3, "invocationId": "7", "result": None}
    assert "Unknown hub method 'SubscribeContractDepth'" in unknown["error"]
    assert "Failed to invoke" in wrong["error"]
    assert "Failed to invoke" in missing["error"]


def test_methods_of_the_other_hub_are_unknown() -> None:
    some = client()
    connection = hub(some.gateway, "market", some.token)
    call(connection, "SubscribeOrders", ACCOUNT, number="1")
    assert "error" in records_of(connection)[0]


def test_a_connection_hears_what_it_subscribed_to_once_and_no_longer_after_unsubscribing() -> None:
    some = client()
    connection = hub(some.gateway, "user", some.token)
    call(connection, "SubscribeTrades", ACCOUNT)
    call(connection, "SubscribeTrades", ACCOUNT)
    some.place()
    wait(some)
    assert [target for target, _ in events_of(connection)] == ["GatewayUserTrade"]
    call(connection, "UnsubscribeTrades", ACCOUNT)
    some.place()
    wait(some)
    assert events_of(connection) == []


def test_user_events_are_wrapped_and_leave_nulls_out() -> None:
    some = client().listen()
    some.place(tag="A")
    wait(some)
    events = some.events()
    assert [target for target, _ in events] == [
        "GatewayUserOrder", "GatewayUserTrade", "GatewayUserOrder", "GatewayUserPosition", "GatewayUserAccount"]
    assert [argument["action"] for _, argument in events] == [1, 0, 1, 1, 1]
    assert all(value is not None for _, argument in events for value in argument["data"].values())
    trade_data, order_data = events[1][1]["data"], events[2][1]["data"]
    assert "profitAndLoss" not in trade_data
    assert trade_data["orderId"] == order_data["id"]
    assert events[3][1]["data"]["contractDisplayName"] == "NQM6"


def test_with_switches_user_events_are_bare_and_the_order_comes_before_its_trade() -> None:
    some = client(Switches(wrapped=False, trade_before_order=False)).listen()
    some.place()
    wait(some)
    events = some.events()
    assert [target for target, _ in events][1:3] == ["GatewayUserOrder", "GatewayUserTrade"]
    assert events[1][1]["status"] == 2




def test_prints_come_in_arrays_of_at_most_34_with_their_aggressor() -> None:
    some = client()
    connection = hub(some.gateway, "market", some.token)
    call(connection, "SubscribeContractTrades", NQ_ID)
    some.gateway.supply(prints(*range(LAST, LAST + 40), start_ns=some.gateway.now_ns + MS, step_ns=10_000, size=3))
    wait(some)
    first, second = (argument for _, argument in events_of(connection))
    assert (len(first), len(second)) == (34, 6)
    assert first[0]["price"] == 25_000
    assert [each["type"] for each in first[:2]] == [1, 0]
    assert {each["volume"] for each in first} == {3}
    assert {(each["symbolId"], each["contractId"]) for each in second} == {("F.US.ENQ", NQ_ID)}


def test_quotes_are_whole_once_and_sparse_ever_after() -> None:
    some = client()
    connection = hub(some.gateway, "market", some.token)
    call(connection, "SubscribeContractQuotes", NQ_ID)
    wait(some)
    [(_, first)] = events_of(connection)
    assert {"lastPrice", "bestBid", "bestAsk", "open", "high", "low", "volume", "symbol"} <= set(first)
    trade(some, LAST, LAST + 2)
    second, third = (argument for _, argument in events_of(connection))
    assert set(second) == {"symbol", "volume", "lastUpdated", "timestamp"}
    assert (third["lastPrice"], third["high"]) == (25_000.5, 25_000.5)
    assert "open" not in third
    assert "low" not in third
    assert second["timestamp"] == third["timestamp"] == first["timestamp"]
    assert stamp_ns(third["lastUpdated"]) > stamp_ns(second["lastUpdated"])


def test_the_book_begins_with_a_reset_and_carries_nulls() -> None:
    some = client()
    connection = hub(some.gateway, "market", some.token)
    call(connection, "SubscribeContractMarketDepth", NQ_ID)
    wait(some)
    [(_, first)] = events_of(connection)
    rows = [row for row in first if row is not None]
    assert rows[0]["type"] == DepthType.RESET
    assert len(rows) == 403
    assert None in first
    bids = [row["price"] for row in rows if row["type"] == DepthType.BID]
    asks = [row["price"] for row in rows if row["type"] == DepthType.ASK]
    assert max(bids) < min(asks)
    trade(some, LAST + 3)
    [(_, second)] = events_of(connection)
    assert second[0]["type"] == DepthType.TRADE
    assert {DepthType.NEW_BEST_BID, DepthType.NEW_BEST_ASK} <= {row["type"] for row in second if row is not None}


def test_with_the_switch_each_row_of_the_book_is_an_object() -> None:
    some = client(Switches(depth="object"))
    connection = hub(some.gateway, "market", some.token)
    call(connection, "SubscribeContractMarketDepth", NQ_ID)
    wait(some)
    assert all(isinstance(argument, dict) for _, argument in events_of(connection))


def test_our_own_reader_takes_everything_the_market_hub_says() -> None:
    some, reader = client(), EventReader()
    connection = hub(some.gateway, "market", some.token)
    for method in ("Quotes", "Trades", "MarketDepth"):
        call(connection, f"SubscribeContract{method}", NQ_ID)
    trade(some, *(LAST + step % 7 for step in range(50)))
    seen = []
    for each in connection.take():
        assert isinstance(each, Frame)
        record = parse(each.data[:-1])
        assert isinstance(record, Invocation)
        seen += reader.read(record)
    assert not reader.bad
    assert any(isinstance(event, QuoteChange) for event in seen)


def test_without_delays_each_print_is_told_at_its_very_time() -> None:
    some = client(exact_switches())
    connection = hub(some.gateway, "market", some.token)
    call(connection, "SubscribeContractTrades", NQ_ID)
    at_ns = some.gateway.now_ns + 123_456_789
    some.gateway.supply(prints(LAST, start_ns=at_ns))
    some.gateway.advance(at_ns - 1)
    assert connection.take() == []
    some.gateway.advance(at_ns)
    [(_, [each])] = events_of(connection)
    assert stamp_ns(each["timestamp"]) == at_ns


def test_pings_come_at_least_every_fifteen_seconds() -> None:
    assert PING_EVERY_NS <= 15 * SECOND
    some = client()
    connection = hub(some.gateway, "user", some.token)
    wait(some, 35_000)
    assert records_of(connection) == [{"type": 6}] * 3


def test_a_client_may_close_politely_and_is_forgotten() -> None:
    some = client().listen()
    assert some.user is not None
    some.user.receive(b'{"type":7}\x1e')
    assert some.user.take() == [Ended()]
    assert some.gateway.hubs.connections == {}
    some.place()
    wait(some)
    assert some.user.take() == []


def test_a_record_that_cannot_be_read_ends_the_connection_with_an_error() -> None:
    some = client()
    connection = hub(some.gateway, "user", some.token)
    connection.receive(b"nonsense\x1e")
    close, ended = records_of(connection)
    assert close == {"type": 7, "error": "Connection closed with an error."}
    assert ended == {"ended": "politely"}


def test_a_session_that_is_taken_over_is_logged_out() -> None:
    some = client().listen()
    some.gateway.operator.log_out()
    assert some.user is not None
    logout, close, ended = records_of(some.user)
    assert logout["target"] == "GatewayLogout"
    assert close["type"] == 7
    assert ended == {"ended": "politely"}


def test_a_client_that_does_not_read_is_cut_off() -> None:
    some = client()
    connection = hub(some.gateway, "user", some.token)
    for _ in range(MOST_WAITING + 1):
        connection.ping()
    assert connection.take() == [Ended(abrupt=True)]
