import pytest

from fabio.journal.room import BALLAST_BYTES, MIB, NoRoom, check_room, drop_ballast, lay_ballast, room_words
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


def test_a_full_drive_gives_no_ballast_and_stops_nobody(tmp_path):
    lay_ballast(tmp_path, FaultyDisk(faults=(Fault(number=2),)))
    with pytest.raises(OSError, match="Input/output"):
        lay_ballast(tmp_path, FaultyDisk(faults=(Fault(number=2, code=5),)))
