import errno
import stat

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_stories import ES, START_NS, day, step, ticks

from fabio.journal.files import JournalDamaged, day_files
from fabio.journal.pen import Pen
from fabio.journal.reader import last_remark, read_remarks, read_steps, verify
from fabio.journal.tape import TapeReader, TapeWriter
from fabio.journal.writer import Journal, JournalFailed
from fabio.model import fact
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60,
                       deadline=None)


def _write(logs, steps, **options):
    journal = Journal(logs, **options)
    for each in steps:
        journal.append(each)
    journal.close()
    return journal


def _file(logs):
    (path,) = day_files(logs / "journal", ".jsonl")
    return path


def _size(logs):
    return _file(logs).stat().st_size


class _Spy(FaultyDisk):
    """Notes what the folder shows at each write of the journal and each sync."""

    def __init__(self, look):
        super().__init__()
        self.look = look
        self.seen = []

    def write(self, descriptor, data):
        if data.startswith(b'{"v":1,'):
            self.seen.append(("write", self.look()))
        return super().write(descriptor, data)

    def sync(self, descriptor):
        self.seen.append(("sync", self.look()))
        super().sync(descriptor)


def _date(seq, day):
    return step(seq, fact.TradeDateBegan(trade_date=day, day_start_balance=0, loss_floor=0))


def test_steps_come_back_in_order_and_the_journal_is_clean(tmp_path):
    _write(tmp_path, day())
    assert list(read_steps(tmp_path)) == [msgspec.structs.replace(each, consumed=0) for each in day()]
    report = verify(tmp_path)
    assert (report.code, report.lines, report.last_seq) == (0, 10, 10)
    assert _file(tmp_path).name == "2013-09-03.jsonl"


def test_a_journal_goes_on_where_it_stopped(tmp_path):
    _write(tmp_path, day())
    journal = _write(tmp_path, [step(11), step(12)])
    assert journal.last_seq == 12
    assert journal.repair is None
    assert verify(tmp_path).lines == 12


def test_a_step_out_of_order_is_refused(tmp_path):
    journal = Journal(tmp_path)
    journal.append(step(1))
    with pytest.raises(ValueError, match="step 3 does not follow step 1"):
        journal.append(step(3))
    journal.close()


def test_nothing_is_on_disk_before_flush_and_all_of_it_after(tmp_path):
    journal = Journal(tmp_path)
    journal.append(step(1))
    assert list(read_steps(tmp_path)) == []
    journal.flush()
    assert [each.seq for each in read_steps(tmp_path)] == [1]
    journal.append(step(2))
    journal.append(step(3), durable=True)
    assert [each.seq for each in read_steps(tmp_path)] == [1, 2, 3]
    journal.close()


def test_a_durable_step_waits_for_the_drive(tmp_path):
    disk = _Spy(lambda: _size(tmp_path))
    journal = Journal(tmp_path, disk=disk)
    journal.append(step(1))
    assert disk.seen == []
    assert journal.durable_seq == 0
    journal.append(step(2), durable=True)
    assert disk.seen[-1] == ("sync", _size(tmp_path))
    assert journal.durable_seq == 2
    journal.close()


def test_each_trading_day_has_its_file_and_finished_ones_are_only_read(tmp_path):
    _write(tmp_path, [_date(1, "2013-09-03"), step(2), _date(3, "2013-09-04"), step(4)])
    files = day_files(tmp_path / "journal", ".jsonl")
    assert [path.name for path in files] == ["2013-09-03.jsonl", "2013-09-04.jsonl"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o444
    assert verify(tmp_path).code == 0
    assert [each.seq for each in read_steps(tmp_path)] == [1, 2, 3, 4]


def test_a_day_that_outgrows_its_file_continues_in_the_next(tmp_path):
    journal = Journal(tmp_path, max_file_bytes=600)
    for seq in range(1, 13):
        journal.append(step(seq))
        journal.flush()
    journal.close()
    names = [path.name for path in day_files(tmp_path / "journal", ".jsonl")]
    assert names[:2] == ["2013-09-03.jsonl", "2013-09-03-2.jsonl"]
    assert len(names) >= 3
    assert verify(tmp_path).last_seq == 12
    assert Journal(tmp_path).last_seq == 12


def test_an_earlier_day_stays_in_the_latest_file(tmp_path):
    _write(tmp_path, [_date(1, "2013-09-04"), _date(2, "2013-09-03")])
    assert _file(tmp_path).name == "2013-09-04.jsonl"


def test_a_torn_last_line_is_set_aside_at_every_byte(tmp_path):
    _write(tmp_path, [step(1), step(2)])
    path = _file(tmp_path)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert verify(tmp_path).code == 1
        assert [each.seq for each in read_steps(tmp_path)] == [1]
        journal = Journal(tmp_path)
        assert journal.last_seq == 1
        assert journal.repair is not None
        kept = path.parent / f"{path.name}.torn-1"
        assert kept.read_bytes() == whole[first:cut]
        assert path.read_bytes() == whole[:first]
        kept.unlink()
        journal.append(step(2))
        journal.close()
        assert path.read_bytes() == whole


def test_tails_set_aside_do_not_overwrite_each_other(tmp_path):
    for _ in range(2):
        _write(tmp_path, [step(1)])
        path = _file(tmp_path)
        path.write_bytes(path.read_bytes()[:-5])
        Journal(tmp_path).close()
    assert sorted(each.name for each in path.parent.glob("*.torn-*")) == [
        "2013-09-03.jsonl.torn-1", "2013-09-03.jsonl.torn-2"]


def test_good_lines_behind_a_bad_one_stop_the_journal_from_opening(tmp_path):
    _write(tmp_path, day())
    path = _file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"cooldown", b"cooldovn")
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalDamaged, match=r"line 4.*line 5 behind it is intact"):
        Journal(tmp_path)
    report = verify(tmp_path)
    assert (report.code, report.line) == (1, 4)
    with pytest.raises(JournalDamaged, match="line 4"):
        list(read_steps(tmp_path))


@given(st.data())
@SAME_FOLDER
def test_any_changed_bit_of_any_file_is_found(tmp_path, data):
    logs = tmp_path / "logs"
    if not logs.exists():
        _write(logs, [_date(1, "2013-09-03"), step(2), _date(3, "2013-09-04"), step(4)])
        for each in day_files(logs / "journal", ".jsonl"):
            each.chmod(0o644)
    path = data.draw(st.sampled_from(day_files(logs / "journal", ".jsonl")))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) * 8 - 1))
    changed = bytearray(whole)
    changed[place // 8] ^= 1 << place % 8
    try:
        path.write_bytes(changed)
        assert verify(logs).code == 1
    finally:
        path.write_bytes(whole)
    assert verify(logs).code == 0


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_file_is_found(tmp_path, missing):
    _write(tmp_path, [_date(1, "2013-09-03"), _date(2, "2013-09-04"), _date(3, "2013-09-05")])
    day_files(tmp_path / "journal", ".jsonl")[missing].unlink()
    assert verify(tmp_path).code == 1


def test_a_line_taken_out_of_the_middle_is_found(tmp_path):
    _write(tmp_path, day())
    path = _file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    assert verify(tmp_path).line == 5
    with pytest.raises(JournalDamaged, match="line 5"):
        Journal(tmp_path)


def test_a_last_file_without_a_whole_line_hands_on_to_the_one_before(tmp_path):
    _write(tmp_path, [_date(1, "2013-09-03"), _date(2, "2013-09-04")])
    last = day_files(tmp_path / "journal", ".jsonl")[-1]
    last.write_bytes(last.read_bytes()[:40])
    journal = Journal(tmp_path)
    assert journal.last_seq == 1
    journal.append(_date(2, "2013-09-04"))
    journal.close()
    assert verify(tmp_path).last_seq == 2


def test_no_journal_is_unreadable_and_not_clean(tmp_path):
    assert verify(tmp_path).code == 2
    assert list(read_steps(tmp_path)) == []


def test_a_full_drive_stops_the_journal_for_good(tmp_path):
    disk = FaultyDisk()
    journal = Journal(tmp_path, disk=disk)
    journal.append(step(1), durable=True)
    disk.faults = (Fault(number=disk.calls["write"] + 1),)
    with pytest.raises(JournalFailed, match="No space left"):
        journal.append(step(2), durable=True)
    disk.heal()
    with pytest.raises(JournalFailed, match="No space left"):
        journal.append(step(3), durable=True)
    assert set(disk.refused.values()) == {0}
    journal.close()
    again = Journal(tmp_path)
    assert again.last_seq in (1, 2)  # the line was cut anywhere, or came whole


def test_a_failed_sync_is_never_tried_again(tmp_path):
    disk = FaultyDisk()
    journal = Journal(tmp_path, disk=disk)
    journal.append(step(1), durable=True)
    disk.faults = (Fault(what="sync", number=disk.calls["sync"] + 1, code=errno.EIO, lasts=False),)
    with pytest.raises(JournalFailed, match="Input/output error"):
        journal.append(step(2), durable=True)
    with pytest.raises(JournalFailed, match="Input/output error"):
        journal.flush()
    with pytest.raises(JournalFailed, match="Input/output error"):
        journal.append(step(3), durable=True)
    assert journal.durable_seq == 1
    assert set(disk.refused.values()) == {0}
    journal.close()


def test_the_last_remark_of_a_kind_is_found_in_whichever_file_it_stands(tmp_path):
    assert last_remark(tmp_path, "run") is None
    journal = Journal(tmp_path)
    journal.roll("2026-05-28")
    journal.remark("run", START_NS, {"build": "1"})
    journal.remark("run", START_NS, {"build": "2"})
    journal.remark("stop", START_NS, {})
    journal.append(_date(1, "2026-05-28"))
    journal.roll("2026-05-29")
    journal.append(_date(2, "2026-05-29"))
    journal.remark("stop", START_NS, {"why": "night"})
    journal.close()
    assert len(day_files(tmp_path / "journal", ".jsonl")) == 2
    assert last_remark(tmp_path, "run").data == {"build": "2"}
    assert last_remark(tmp_path, "stop").data == {"why": "night"}
    assert last_remark(tmp_path, "hole") is None


def test_remarks_stand_in_the_chain_without_a_number(tmp_path):
    journal = Journal(tmp_path)
    journal.remark("run", START_NS, {"build": "0.1.0"})
    journal.append(step(1))
    journal.remark("stop", START_NS, {})
    journal.close()
    again = Journal(tmp_path)
    assert again.last_seq == 1
    again.append(step(2))
    again.close()
    assert [each.kind for each in read_remarks(tmp_path)] == ["run", "stop"]
    assert [each.seq for each in read_steps(tmp_path)] == [1, 2]
    assert verify(tmp_path).code == 0


def test_the_tape_is_on_disk_before_the_line_that_names_its_ticks(tmp_path):
    disk = _Spy(lambda: TapeReader(tmp_path).total)
    pen = Pen()
    tape = TapeWriter(tmp_path, [ES], disk, pen)
    journal = Journal(tmp_path, tape, disk=disk, pen=pen)
    tape.append(ticks(20))
    journal.append(step(1))
    journal.flush()
    assert ("write", 20) in disk.seen
    assert ("write", 0) not in disk.seen
    journal.append(_date(2, "2013-09-05"))
    tape.append(ticks(5, first=20))
    journal.close()
    tape.close()
    assert [path.name for path in day_files(tmp_path / "tape", ".tape")] == [
        "2013-09-03.tape", "2013-09-05.tape"]
    assert TapeReader(tmp_path).total == 25


def test_a_hole_that_the_power_left_in_what_was_not_synced_is_a_torn_tail(tmp_path):
    journal = Journal(tmp_path)
    journal.append(step(1), durable=True)
    known = _size(tmp_path)
    for seq in range(2, 6):
        journal.append(step(seq))
    journal.flush()
    path = _file(tmp_path)
    data = bytearray(path.read_bytes())
    data[known + 10:known + 60] = bytes(50)
    path.write_bytes(data)
    again = Journal(tmp_path)
    assert again.last_seq == 1
    assert again.repair is not None
    assert again.repair.cut_bytes == len(data) - known
    again.close()


def test_a_hole_in_what_was_synced_is_damage(tmp_path):
    journal = Journal(tmp_path)
    for seq in range(1, 6):
        journal.append(step(seq))
    journal.close()
    path = _file(tmp_path)
    data = bytearray(path.read_bytes())
    data[10:60] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(JournalDamaged, match="line 1"):
        Journal(tmp_path)
