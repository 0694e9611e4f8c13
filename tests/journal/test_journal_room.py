import errno

import pytest

from fabio.journal.room import BALLAST, BALLAST_BYTES, MIB, NoRoom, check_room, drop_ballast, lay_ballast, room_words
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk


def test_a_start_needs_room_and_says_what_to_do(tmp_path):
    disk = FaultyDisk()
    disk.free = 1024 * MIB
    check_room(tmp_path / "not" / "yet" / "there", disk)
    disk.free -= 1
    with pytest.raises(NoRoom, match=r"1,023 MiB are free.*--logs"):
        check_room(tmp_path / "logs", disk)


def test_entries_end_below_their_room(tmp_path):
    disk = FaultyDisk()
    disk.free = 256 * MIB
    assert room_words(tmp_path, disk) == ""
    disk.free -= 1
    assert "255 MiB" in room_words(tmp_path, disk)


def test_the_ballast_is_laid_once_and_given_back(tmp_path):
    disk = FaultyDisk(short_share=0.5)
    lay_ballast(tmp_path, disk)
    path = tmp_path / "ballast"
    assert path.stat().st_size == BALLAST_BYTES
    laid = path.stat().st_mtime_ns
    lay_ballast(tmp_path, disk)
    assert path.stat().st_mtime_ns == laid
    drop_ballast(tmp_path, disk)
    assert not path.exists()
    drop_ballast(tmp_path, disk)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_drive_that_is_full_or_fails_gives_no_ballast_and_stops_nobody(tmp_path, code):
    disk = FaultyDisk(faults=(Fault(number=2, code=code),))
    lay_ballast(tmp_path, disk)
    assert (tmp_path / BALLAST).stat().st_size < BALLAST_BYTES


def test_a_live_record_is_brought_back_with_less_room_but_not_with_none(tmp_path):
    disk, logs = FaultyDisk(), tmp_path / "logs"
    disk.free = 1023 * MIB
    with pytest.raises(NoRoom):
        check_room(logs, disk, is_live=True)  # a new folder has nothing to reduce
    (logs / "journal").mkdir(parents=True)
    with pytest.raises(NoRoom):
        check_room(logs, disk, is_live=True)
    (logs / "journal" / "2024-10-04.jsonl").touch()
    with pytest.raises(NoRoom):
        check_room(logs, disk)
    disk.free = 16 * MIB
    assert "16 MiB are free" in check_room(logs, disk, is_live=True)
    disk.free -= 1
    with pytest.raises(NoRoom):
        check_room(logs, disk, is_live=True)
    disk.free = 1024 * MIB
    assert check_room(logs, disk, is_live=True) == ""


def test_entries_may_need_more(tmp_path):
    disk = FaultyDisk()
    disk.free = 1024 * MIB - 1
    assert "1,023 MiB are free on the drive of the record, entries need 1,024" in room_words(tmp_path, disk, 1024 * MIB)
    disk.free += 1
    assert room_words(tmp_path, disk, 1024 * MIB) == ""
