"""Cutting frames into records, wherever the frames are cut."""

import itertools
import time

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
    Ping,
    Unused,
    invocation,
    parse_handshake_answer,
    render,
)
from fabio.adapters.topstepx.signalr.reader import RecordReader

STREAM = [
    invocation("GatewayQuote", "CON.F.US.ENQ.Z26", {"bestBid": 21000.25, "name": "Zürich \u2028 \U0001f600"}),
    Ping(),
    Completion("0"),
    invocation("GatewayTrade", "CON.F.US.ENQ.Z26", [None, {"price": 1, "note": "\\u001e is not the byte"}]),
    Unused(9),
    Close("Connection closed with an error.", True),
]
WIRE = b"".join(map(render, STREAM))
MARK = invocation("mark")


def fed(frames, **options):
    reader = RecordReader(**options)
    return reader, [record for frame in frames for record in reader.feed(frame)]


def test_a_stream_cut_at_any_byte_gives_the_same_records() -> None:
    for place in range(len(WIRE) + 1):
        reader, records = fed([WIRE[:place], WIRE[place:]])
        assert records == STREAM
        assert reader.held_bytes == 0
        assert not reader.bad


@given(st.lists(st.integers(0, len(WIRE)), max_size=40))
def test_a_stream_cut_anywhere_any_number_of_times_gives_the_same_records(places) -> None:
    cuts = [0, *sorted(places), len(WIRE)]
    frames = [WIRE[start:stop] for start, stop in itertools.pairwise(cuts)]
    assert fed(frames)[1] == STREAM


def test_one_byte_a_frame_and_all_in_one_frame_are_the_same() -> None:
    assert fed([WIRE])[1] == fed([WIRE[place : place + 1] for place in range(len(WIRE))])[1] == STREAM


def test_text_frames_are_the_same_as_bytes() -> None:
    assert fed([WIRE.decode()])[1] == STREAM


def test_half_a_surrogate_in_a_text_frame_is_one_bad_record() -> None:
    _, records = fed(['{"type":1,"target":"\ud800","arguments":[]}\x1e{"type":6}\x1e'])
    assert [type(record) for record in records] == [BadRecord, Ping]
    assert records[0].kind is BadKind.NOT_UTF8


def test_the_handshake_answer_is_the_first_record_only_and_more_may_follow_in_its_frame() -> None:
    reader, records = fed([b'{}\x1e{"type":6}\x1e{}\x1e'], first=parse_handshake_answer)
    assert records[:2] == [HandshakeAnswer(), Ping()]
    assert reader.bad == {BadKind.TYPE: 1}


def test_a_handshake_answer_split_over_frames_is_read() -> None:
    _, records = fed([b'{"err', b'or":"not json"}', b"\x1e"], first=parse_handshake_answer)
    assert records == [HandshakeAnswer("not json")]


def test_bad_records_are_counted_by_kind_kept_as_samples_and_the_next_is_read() -> None:
    reader, records = fed([b'\x1e{"type":1,"target":"a","arguments":null}\x1e\x00\x1e' + render(MARK)])
    assert records[-1] == MARK
    assert reader.bad == {BadKind.EMPTY: 1, BadKind.ARGUMENTS: 1, BadKind.NUL: 1}
    assert [sample.kind for sample in reader.samples] == [BadKind.EMPTY, BadKind.ARGUMENTS, BadKind.NUL]


def test_of_many_bad_records_a_few_samples_are_kept() -> None:
    reader, _ = fed([(b"x" * 5000 + b"\x1e") * 1000])
    assert reader.bad == {BadKind.NOT_JSON: 1000}
    assert sum(len(sample.sample) for sample in reader.samples) <= 16 * SAMPLE_BYTES


def test_unused_types_are_counted_and_harm_nobody() -> None:
    reader, records = fed([b'{"type":8,"sequenceId":1}\x1e{"type":99}\x1e{"type":8,"sequenceId":2}\x1e' + render(MARK)])
    assert records[-1] == MARK
    assert reader.unused == {8: 2, 99: 1}
    assert not reader.bad


@pytest.mark.parametrize(
    "lost", [b'{"type":1,"target":"GatewayTr', b'{"type":1,"target":"a","arguments":[]', b"]]]", b"\xff"]
)
def test_a_broken_frame_without_its_separator_does_not_take_the_next_one_with_it(lost) -> None:
    reader, records = fed([lost, render(MARK), render(Ping())])
    assert records[1:] == [MARK, Ping()]
    assert reader.bad == {BadKind.UNTERMINATED: 1}
    assert records[0] == BadRecord(BadKind.UNTERMINATED, lost, len(lost))


def test_a_whole_record_whose_separator_was_lost_is_still_handled() -> None:
    reader, records = fed([render(Close("x"))[:-1], render(MARK)])
    assert records == [Close("x"), MARK]
    assert not reader.bad


def test_a_good_record_cut_in_three_after_a_broken_frame_is_still_handled() -> None:
    wire = render(MARK)
    _, records = fed([b'{"type":1,"tar', wire[:5], wire[5:9], wire[9:]])
    assert records == [BadRecord(BadKind.UNTERMINATED, b'{"type":1,"tar', 14), MARK]


def test_a_frame_of_more_than_two_mebibytes_is_a_record_like_any_other() -> None:
    big = invocation("GatewayDepth", "CON.F.US.ENQ.Z26", [{"price": place, "volume": 1} for place in range(100_000)])
    wire = render(big)
    assert len(wire) > 2 * 2**20
    assert fed([wire])[1] == [big]
    assert fed([wire[start : start + 65_536] for start in range(0, len(wire), 65_536)])[1] == [big]


def test_a_record_without_end_does_not_fill_the_memory() -> None:
    reader = RecordReader(max_record_bytes=1000)
    for _ in range(10_000):
        assert reader.feed(b"x" * 100) == []
    assert reader.held_bytes == 1_000_000
    [record] = reader.feed(b"\x1e")
    assert (record.kind, record.length, len(record.sample)) == (BadKind.TOO_LONG, 1_000_000, SAMPLE_BYTES)
    assert reader.feed(render(MARK)) == [MARK]
    assert reader.held_bytes == 0


def test_a_record_too_long_within_one_frame_is_refused_and_the_next_in_it_is_read() -> None:
    reader, records = fed([b"x" * 1001 + b"\x1e" + render(MARK)], max_record_bytes=1000)
    assert [type(record) for record in records] == [BadRecord, type(MARK)]
    assert reader.bad == {BadKind.TOO_LONG: 1}


@pytest.mark.parametrize("byte", [b"[", b"{", b'"', b" ", b"\xff", b"9"])
def test_a_mebibyte_of_anything_is_read_in_a_tenth_of_a_second_of_work(byte) -> None:
    data = byte * 2**20
    shortest_s = float("inf")
    for _ in range(3):
        reader = RecordReader()
        start_s = time.process_time()
        for start in range(0, len(data), 2**17):
            reader.feed(data[start : start + 2**17])
        reader.feed(b"\x1e")
        shortest_s = min(shortest_s, time.process_time() - start_s)
        assert sum(reader.bad.values()) >= 1
    assert shortest_s < 0.1


@given(st.lists(st.binary(max_size=60), max_size=12))
def test_any_frames_give_values_and_every_record_is_told(frames) -> None:
    reader, records = fed(frames)
    told = b"".join(frames).count(b"\x1e")
    assert told <= len(records) <= 2 * told
    assert sum(reader.bad.values()) + sum(reader.unused.values()) <= len(records)
    if frames and not frames[-1].endswith(b"\x1e"):
        reader.feed(b"\x1e")
    assert reader.feed(render(MARK)) == [MARK]
