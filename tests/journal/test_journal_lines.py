from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_stories import START_NS, day, step, trade

from fabio.journal.lines import (
    FIRST_PREV,
    LineBad,
    LineUnknown,
    check_line,
    decode_remark,
    decode_step,
    is_remark,
    remark_line,
    step_digest_bytes,
    step_line,
)
from fabio.model import fact

DAY = day()
LINES = [step_line(each, FIRST_PREV)[0][:-1] for each in DAY]


def _sealed(line, old, new):
    from zlib import crc32
    head = line[: line.rindex(b',"crc"')].replace(old, new)
    return head + b',"crc":"%08x"}' % crc32(head)


@pytest.mark.parametrize("index", range(len(DAY)))
def test_a_step_comes_back_as_it_was_but_for_its_batch(index):
    assert decode_step(LINES[index]) == msgspec.structs.replace(DAY[index], consumed=0)


def test_money_keeps_every_digit():
    amount = Decimal("50591.640000000000000000001")
    closed = fact.TradeClosed(market=0, trade=trade("T", "D", "O"), balance=amount)
    line, _ = step_line(step(1, closed), FIRST_PREV)
    (closed,) = decode_step(line[:-1]).facts
    assert closed.balance == amount


def test_a_line_is_json_and_carries_both_times():
    read = msgspec.json.decode(LINES[0])
    assert read["v"] == 1
    assert read["ts_ns"] == START_NS + 1_000_000_000
    assert read["ts"] == "2013-09-03T13:20:01.000000Z"
    assert list(read)[-2:] == ["prev", "crc"]


def test_the_digest_bytes_stand_in_the_line_and_are_empty_where_nothing_happened():
    body = step_digest_bytes(DAY[4])
    assert body in LINES[4]
    assert step_line(DAY[4], FIRST_PREV, body)[0][:-1] == LINES[4]
    nothing = msgspec.structs.replace(DAY[4], facts=(), commands=())
    assert step_digest_bytes(nothing) == b""
    assert decode_step(step_line(nothing, FIRST_PREV)[0][:-1]).facts == ()


def test_how_ticks_were_batched_does_not_show():
    assert step_line(msgspec.structs.replace(DAY[0], consumed=1), FIRST_PREV)[0][:-1] == LINES[0]


@given(st.integers(0, len(LINES) - 1), st.data())
def test_any_changed_bits_are_found(index, data):
    line = bytearray(LINES[index])
    places = data.draw(st.lists(st.integers(0, len(line) * 8 - 1), min_size=1, max_size=3, unique=True))
    for place in places:
        line[place // 8] ^= 1 << place % 8
    with pytest.raises(LineBad):
        check_line(bytes(line))


def test_every_single_bit_of_a_line_is_guarded():
    line = LINES[0]
    for place in range(len(line) * 8):
        changed = bytearray(line)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(LineBad):
            check_line(bytes(changed))


@given(st.integers(0, len(LINES) - 1), st.data())
def test_a_cut_line_is_found(index, data):
    line = LINES[index]
    with pytest.raises(LineBad):
        check_line(line[: data.draw(st.integers(0, len(line) - 1))])


def test_a_fact_of_an_unknown_kind_is_left_out_and_said():
    line = _sealed(LINES[2], b'"type":"NoteMade"', b'"type":"LessonDrawn"')
    skipped = []
    facts = decode_step(line, skipped).facts
    assert [type(each) for each in facts] == [fact.RegimeInferred, fact.ZonesSet, fact.StrategyChanged]
    assert len(skipped) == 1
    assert "LessonDrawn" in skipped[0]


def test_a_known_fact_that_cannot_be_read_stops_the_reader():
    line = _sealed(LINES[0], b'"session":"2013-09-03"', b'"session":null')
    with pytest.raises(LineUnknown, match="session"):
        decode_step(line)


def test_a_line_of_a_newer_version_stops_the_reader():
    with pytest.raises(LineUnknown, match="version 2"):
        decode_step(_sealed(LINES[0], b'{"v":1', b'{"v":2'))


def test_a_remark_is_no_step():
    line, _ = remark_line("run", START_NS, {"build": "0.1.0"}, FIRST_PREV)
    assert is_remark(line)
    assert not is_remark(LINES[0])
    assert check_line(line[:-1])[0] == FIRST_PREV
    assert decode_remark(line).data == {"build": "0.1.0"}
