import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_stories import ES, ticks

from fabio.journal.files import day_files
from fabio.journal.tape import RECORD, TapeDamaged, TapeRange, TapeReader, TapeWriter
from fabio.model.tick import Ticks

NQ = msgspec.structs.replace(ES, symbol="NQ")


def _columns(parts):
    parts = list(parts)
    return [np.concatenate([getattr(part, name) for part in parts])
            for name in ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side", "market")]


def _same(left, right):
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(left, right, strict=True))


def _write(logs, parts, instruments=(ES, NQ)):
    tape = TapeWriter(logs, instruments)
    for part in parts:
        tape.append(part)
    tape.close()
    return tape


def test_ticks_come_back_as_they_were_whatever_the_batches(tmp_path):
    _write(tmp_path, [ticks(1), ticks(999, first=1), ticks(0), ticks(500, first=1000)])
    reader = TapeReader(tmp_path)
    assert reader.total == 1500
    assert [market.symbol for market in reader.markets] == ["ES", "NQ"]
    assert reader.markets[0].tick_size == "0.25"
    for batch in (1, 7, 10_000):
        assert _same(_columns(reader.read(batch=batch)), _columns([ticks(1500)]))


def test_a_part_of_the_tape_can_be_read(tmp_path):
    _write(tmp_path, [ticks(100)])
    tape = TapeWriter(tmp_path, [ES, NQ])
    tape.roll("2013-09-04")
    tape.append(ticks(50, first=100))
    tape.close()
    assert len(day_files(tmp_path / "tape", ".tape")) == 2
    assert _same(_columns(TapeReader(tmp_path).read(90, 120, batch=16)), _columns([ticks(30, first=90)]))


def test_a_torn_last_record_is_cut_at_every_byte(tmp_path):
    _write(tmp_path, [ticks(3)])
    (path,) = day_files(tmp_path / "tape", ".tape")
    whole = path.read_bytes()
    for cut in range(1, RECORD.itemsize + 1):
        path.write_bytes(whole[:-cut])
        assert TapeReader(tmp_path).total == 2
        tape = TapeWriter(tmp_path, [ES, NQ])
        assert tape.pos == 2
        tape.append(ticks(1, first=2))
        tape.close()
        assert path.read_bytes() == whole


def test_a_file_cut_inside_its_header_begins_again(tmp_path):
    _write(tmp_path, [ticks(3)])
    (path,) = day_files(tmp_path / "tape", ".tape")
    path.write_bytes(path.read_bytes()[:20])
    assert TapeReader(tmp_path).total == 0
    assert _write(tmp_path, [ticks(3)]).pos == 3
    assert _same(_columns(TapeReader(tmp_path).read()), _columns([ticks(3)]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50 * RECORD.itemsize * 8 - 1))
def test_any_changed_bit_of_a_record_is_found(tmp_path_factory, place):
    logs = tmp_path_factory.mktemp("logs")
    _write(logs, [ticks(50)])
    (path,) = day_files(logs / "tape", ".tape")
    data = bytearray(path.read_bytes())
    start = len(data) - 50 * RECORD.itemsize
    data[start + place // 8] ^= 1 << place % 8
    path.write_bytes(data)
    with pytest.raises(TapeDamaged, match=f"record {place // 8 // RECORD.itemsize + 1} is damaged"):
        list(TapeReader(logs).read())


def test_a_number_that_does_not_fit_is_an_error(tmp_path):
    tape = TapeWriter(tmp_path, [ES])
    one = ticks(1)
    tape.append(Ticks(one.ts_event_ns, one.ts_recv_ns, one.price_ticks + 2**31, one.size_steps, one.side,
                      one.market))
    with pytest.raises(TapeRange, match="price of 2147490148"):
        tape.flush()


def test_a_missing_file_in_the_middle_is_found(tmp_path):
    tape = TapeWriter(tmp_path, [ES])
    for index, day in enumerate(("2013-09-03", "2013-09-04", "2013-09-05")):
        tape.roll(day)
        tape.append(ticks(5, first=5 * index))
        tape.flush()
    tape.close()
    day_files(tmp_path / "tape", ".tape")[1].unlink()
    with pytest.raises(TapeDamaged, match="begins at tick 10"):
        TapeReader(tmp_path)


def test_a_file_that_is_no_tape_is_refused(tmp_path):
    (tmp_path / "tape").mkdir()
    (tmp_path / "tape" / "2013-09-03.tape").write_bytes(b"ts_event,price\n1,2\n")
    with pytest.raises(TapeDamaged, match="does not begin like a tape"):
        TapeReader(tmp_path)


def test_other_instruments_begin_another_file(tmp_path):
    _write(tmp_path, [ticks(3)])
    _write(tmp_path, [ticks(2, first=3)], instruments=[NQ])
    assert [path.name for path in day_files(tmp_path / "tape", ".tape")] == [
        "2013-09-03.tape", "2013-09-03-2.tape"]
    assert TapeReader(tmp_path).total == 5
