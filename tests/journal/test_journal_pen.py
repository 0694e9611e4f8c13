import threading
import time

import pytest
from journal_stories import ES, day, ticks

from fabio.journal.pen import JournalFailed, Pen
from fabio.journal.records import Records
from fabio.journal.tape import TapeWriter
from fabio.journal.writer import Journal
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk


def _told(disk=None):
    heard = threading.Event()
    return heard, heard.set


def _live(folder, disk, with_thread):
    pen = Pen()
    tape = TapeWriter(folder, [ES], disk, pen)
    journal = Journal(folder, tape, disk=disk, pen=pen, max_file_bytes=3_000)
    records = Records(folder, {"ES": ES}, journal.last_seq, disk, pen)
    if with_thread:
        pen.start()
    for step in day():
        tape.append(ticks(10, first=step.seq * 10))
        journal.append(step)
        records.write(step)
        if step.seq % 3 == 0:
            journal.commit(with_tape=True)
            records.flush()
    pen.stop()
    journal.close()
    tape.close()
    records.close()


def test_the_files_have_the_same_bytes_whichever_thread_writes_them(tmp_path):
    for name, with_thread in (("here", False), ("there", True)):
        _live(tmp_path / name, FaultyDisk(short_share=0.5), with_thread)
    here, there = ({path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
                   for name in ("here", "there"))
    assert len([path for path in here if path.suffix == ".jsonl" and path.parent.name == "journal"]) > 1
    assert here == there


def test_whoever_writes_does_not_wait_for_the_drive():
    pen, free, done = Pen(), threading.Event(), []
    pen.start()
    for number in range(5):
        pen.put(lambda number=number: (free.wait(60), done.append(number)))
    assert done == []
    assert not pen.is_idle
    free.set()
    pen.wait()
    assert done == [0, 1, 2, 3, 4]
    pen.stop()


def test_what_is_refused_is_told_and_nothing_is_tried_after_it():
    pen, done = Pen(), []
    heard, told = _told()
    pen.start(told)

    def refuse():
        raise OSError(28, "No space left on device", "a.jsonl")

    pen.put(refuse)
    assert heard.wait(60)
    with pytest.raises(JournalFailed, match="No space left"):
        pen.wait()
    with pytest.raises(JournalFailed, match=r"a\.jsonl: No space left"):
        pen.put(lambda: done.append(1))
    pen.stop()
    assert done == []


def test_a_mistake_in_the_thread_is_told_as_a_failure():
    pen = Pen()
    pen.start()
    pen.put(lambda: {}["gone"])
    with pytest.raises(JournalFailed, match="KeyError"):
        pen.wait()
    pen.stop()


def test_a_full_queue_lets_the_writer_wait_for_room():
    pen, free, done = Pen(most_bytes=100), threading.Event(), []
    pen.start()
    pen.put(lambda: (free.wait(60), done.append(0)), 80)
    threading.Timer(0.02, free.set).start()
    pen.put(lambda: done.append(1), 80)
    assert done == [0]
    pen.wait()
    assert done == [0, 1]
    pen.stop()


def test_a_drive_that_takes_nothing_has_failed():
    pen, free = Pen(most_bytes=100, stuck_s=0.02), threading.Event()
    pen.start()
    pen.put(lambda: free.wait(60), 80)
    with pytest.raises(JournalFailed, match="taken nothing for"):
        pen.put(lambda: None, 80)
    free.set()
    pen.stop()


def test_a_drive_that_hangs_at_the_end_is_left_alone():
    pen, free = Pen(stuck_s=0.02), threading.Event()
    pen.start()
    pen.put(lambda: free.wait(60))
    since = time.monotonic()
    pen.stop()
    assert time.monotonic() - since < 30
    assert "taken nothing" in pen.failed
    free.set()


def test_a_failed_write_in_the_thread_ends_the_journal(tmp_path):
    disk, pen = FaultyDisk(), Pen()
    journal = Journal(tmp_path, disk=disk, pen=pen)
    pen.start()
    first, second, *_ = day()
    journal.append(first, durable=True)
    disk.faults = (Fault(what="sync", number=disk.calls["sync"] + 1, code=5, lasts=False),)
    journal.append(second)
    journal.commit()
    with pytest.raises(JournalFailed, match="cannot sync"):
        pen.wait()
    assert journal.durable_seq == 1
    with pytest.raises(JournalFailed, match="cannot sync"):
        journal.flush()
    assert set(disk.refused.values()) == {0}
    pen.stop()
    journal.close()
