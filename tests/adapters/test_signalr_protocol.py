"""Records of the hub protocol, both ways, without a socket."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.signalr.protocol import (
    SAMPLE_BYTES,
    BadKind,
    BadRecord,
    Close,
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    Unused,
    invocation,
    parse,
    parse_handshake_answer,
    parse_handshake_request,
    render,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
raws = values.map(lambda value: msgspec.Raw(msgspec.json.encode(value)))
records = st.one_of(
    st.builds(Invocation, texts, st.lists(raws, max_size=4).map(tuple), st.none() | texts),
    st.builds(Completion, texts, st.just(msgspec.UNSET) | raws, st.none() | texts),
    st.just(Ping()),
    st.builds(Close, st.none() | texts, st.booleans()),
    st.builds(Unused, st.integers(-(2**63), 2**64 - 1).filter(lambda number: number not in (1, 3, 6, 7))),
)


@given(records)
def test_a_rendered_record_parses_to_itself(record) -> None:
    data = render(record)
    assert data.endswith(b"\x1e")
    assert data.count(b"\x1e") == 1
    assert parse(data[:-1]) == record


@given(texts, st.integers(-(2**31), 2**31), st.none() | texts)
def test_both_halves_of_a_handshake_parse_to_themselves(protocol, version, error) -> None:
    request, answer = HandshakeRequest(protocol, version), HandshakeAnswer(error)
    assert parse_handshake_request(render(request)[:-1]) == request
    assert parse_handshake_answer(render(answer)[:-1]) == answer


@pytest.mark.parametrize(
    ("record", "wire"),
    [
        (HandshakeRequest("json", 1), b'{"protocol":"json","version":1}\x1e'),
        (HandshakeAnswer(), b"{}\x1e"),
        (Ping(), b'{"type":6}\x1e'),
        (Close(), b'{"type":7}\x1e'),
        (Close("gone", True), b'{"type":7,"error":"gone","allowReconnect":true}\x1e'),
        (invocation("SubscribeAccounts"), b'{"type":1,"target":"SubscribeAccounts","arguments":[]}\x1e'),
        (
            invocation("SubscribeOrders", 7, invocation_id="2"),
            b'{"type":1,"target":"SubscribeOrders","arguments":[7],"invocationId":"2"}\x1e',
        ),
        (Completion("2", error="no such method"), b'{"type":3,"invocationId":"2","error":"no such method"}\x1e'),
        (Completion("2", msgspec.Raw(b"null")), b'{"type":3,"invocationId":"2","result":null}\x1e'),
    ],
)
def test_the_bytes_that_leave_are_these(record, wire) -> None:
    assert render(record) == wire


@pytest.mark.parametrize(
    ("wire", "record"),
    [
        # as the JavaScript client, signalrcore and the hub itself write them
        (b'{"arguments":["CON.F.US.MNQ.Z26",{}],"target":"GatewayQuote","type":1}',
         invocation("GatewayQuote", "CON.F.US.MNQ.Z26", {})),
        (b'{"type":1,"headers":{"a":"b"},"streamIds":[],"target":"Heartbeat","arguments":[{"timestamp":1}]}',
         invocation("Heartbeat", {"timestamp": 1})),
        (b'{"type":3,"invocationId":"0","result":null,"headers":{}}', Completion("0", msgspec.Raw(b"null"))),
        (b'{"type":7,"error":"Connection closed with an error.","allowReconnect":true}',
         Close("Connection closed with an error.", True)),
        (b'{"type":7,"error":null}', Close()),
        (b' { "type" : 6 } \r\n', Ping()),
        (b'{"type":2,"invocationId":"1","item":3}', Unused(2)),
        (b'{"type":4,"invocationId":"1","target":"Stream","arguments":[]}', Unused(4)),
        (b'{"type":5,"invocationId":"1"}', Unused(5)),
        (b'{"type":8,"sequenceId":3}', Unused(8)),
        (b'{"type":9,"sequenceId":3}', Unused(9)),
        (b'{"type":99,"target":5}', Unused(99)),
    ],
)
def test_records_of_other_ends_are_read(wire, record) -> None:
    assert parse(wire) == record


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b"", BadKind.EMPTY),
        (b"  \n", BadKind.EMPTY),
        (b'\xef\xbb\xbf{"type":6}', BadKind.BYTE_ORDER_MARK),
        (b'\x00{"type":6}', BadKind.NUL),
        (b'{"type":6}\x00', BadKind.NUL),
        (b'{"type":1,"target":"a","arguments":["\x00"]}', BadKind.NUL),
        (b'{"type":1,"target":"a","arguments":["\xff"]}', BadKind.NOT_UTF8),
        (b'{"type":1,"target":"\xc3","arguments":[]}', BadKind.NOT_UTF8),
        (b'{"type":1,"target":"a","arguments":[', BadKind.NOT_JSON),
        (b'{"type":1,"target":"a","arguments":[NaN]}', BadKind.NOT_JSON),
        (b'{"type":1,"target":"a","arguments":["\\ud800"]}', BadKind.NOT_JSON),
        (b"{'type':6}", BadKind.NOT_JSON),
        (b'{"type":6}{"type":6}', BadKind.NOT_JSON),
        (b"<html><body>502</body></html>", BadKind.NOT_JSON),
        (b"[1]", BadKind.NOT_AN_OBJECT),
        (b"null", BadKind.NOT_AN_OBJECT),
        (b'"text"', BadKind.NOT_AN_OBJECT),
        (b"{}", BadKind.TYPE),
        (b'{"type":"6"}', BadKind.TYPE),
        (b'{"type":true}', BadKind.TYPE),
        (b'{"type":null,"target":"a","arguments":[]}', BadKind.TYPE),
        (b'{"type":1,"arguments":[]}', BadKind.TARGET),
        (b'{"type":1,"target":5,"arguments":[]}', BadKind.TARGET),
        (b'{"type":1,"target":"a"}', BadKind.ARGUMENTS),
        (b'{"type":1,"target":"a","arguments":null}', BadKind.ARGUMENTS),
        (b'{"type":1,"target":"a","arguments":{}}', BadKind.ARGUMENTS),
        (b'{"type":1,"target":"a","arguments":[],"invocationId":5}', BadKind.WRONG_SHAPE),
        (b'{"type":3}', BadKind.WRONG_SHAPE),
        (b'{"type":7,"allowReconnect":"yes"}', BadKind.WRONG_SHAPE),
        (b"[" * 100_000, BadKind.NOT_AN_OBJECT),
        (b'{"type":1,"target":"a","arguments":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}", BadKind.TOO_DEEP),
        (b'{"type":1,"target":"a","arguments":[],"more":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, BadKind.TOO_DEEP),
    ],
)
def test_what_cannot_be_read_says_why(wire, kind) -> None:
    record = parse(wire)
    assert isinstance(record, BadRecord)
    assert (record.kind, record.length) == (kind, len(wire))
    assert wire.startswith(record.sample)
    assert len(record.sample) <= SAMPLE_BYTES


@pytest.mark.parametrize(
    "wire",
    [b"", b"null", b"[]", b'{"type":6}', b'{"type":7,"error":"full"}', b'{"error":5}', b"{", b"\xff", b"[" * 99_999],
)
def test_what_is_no_handshake_answer_is_told_from_one(wire) -> None:
    record = parse_handshake_answer(wire)
    assert isinstance(record, BadRecord)
    assert record.kind is BadKind.HANDSHAKE


@pytest.mark.parametrize("wire", [b"", b"{}", b'{"protocol":"json"}', b'{"protocol":"json","version":"1"}', b"\xff"])
def test_what_is_no_handshake_request_is_told_from_one(wire) -> None:
    record = parse_handshake_request(wire)
    assert isinstance(record, BadRecord)
    assert record.kind is BadKind.HANDSHAKE


@given(st.binary(max_size=300))
def test_any_bytes_parse_to_a_value(data) -> None:
    for reading in (parse, parse_handshake_answer, parse_handshake_request):
        record = reading(data)
        if isinstance(record, BadRecord):
            assert record.length == len(data)


@given(values)
def test_any_json_parses_to_a_record_only_if_it_has_a_type(value) -> None:
    record = parse(json.dumps(value).encode())
    if not (isinstance(value, dict) and type(value.get("type")) is int):
        assert isinstance(record, BadRecord)
