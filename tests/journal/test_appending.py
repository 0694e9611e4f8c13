"""A file being appended to: what is synced, and how often."""

from itertools import pairwise
from pathlib import Path

from fabio.journal.appending import AppendFile
from fabio.research.reliability.faulty_disk import FaultyDisk


def test_what_is_on_the_drive_already_is_not_synced_again(tmp_path: Path) -> None:
    disk = FaultyDisk()
    file = AppendFile(tmp_path / "2027-01-04.jsonl", disk)
    counts = []
    for data in (b"one\n", b"", b"two\n", b"", b""):
        if data:
            file.write(data)
        file.sync()
        counts.append(disk.calls["sync"])
    assert [after - before for before, after in pairwise([0, *counts])] == [1, 0, 1, 0, 0]
    file.close()
    again = AppendFile(tmp_path / "2027-01-04.jsonl", disk)
    again.write(b"three\n")  # of what an earlier run wrote nobody knows
    again.sync()
    assert disk.calls["sync"] == counts[-1] + 1
    again.close()
