"""The journal's release bars at a small size, and the faulty drive that they stand on."""

import errno
import os
from pathlib import Path

import pytest

from fabio.journal.sync import replace_file
from fabio.research.reliability.bar import Bar
from fabio.research.reliability.faulty_disk import SECTOR_BYTES, Fault, FaultyDisk
from fabio.research.reliability.journal import bars as bars
from fabio.research.reliability.journal.made import made_step
from fabio.research.reliability.journal.world import FaultyLife, in_loop


def _quiet(words: str) -> None:
    pass


@pytest.mark.parametrize(("bar", "n"), [
    (bars.kills, 3), (bars.truncation, 400), (bars.nul_fills, 300), (bars.bit_flips, 60), (bars.full_drives, 12),
    (bars.failed_syncs, 6), (bars.power_losses, 25),
])
def test_the_bar_holds_at_a_small_size(bar: object, n: int) -> None:
    found = bar(n, _quiet)  # type: ignore[operator]
    assert isinstance(found, Bar)
    assert found.holds, found
    assert found.n == n


def test_a_slow_drive_does_not_hold_the_loop() -> None:
    """A loop that waits for its drive would be held in every round; one that only got no turn of a core is not."""
    found = [bars.slow_drive(40, _quiet)]
    while not found[-1].holds and len(found) < 5:
        assert found[-1].value > found[-1].limit >= 0  # nothing went wrong but the time
        found.append(bars.slow_drive(40, _quiet))
    assert found[-1].holds, found
    assert found[-1].n == 40


def test_a_torn_drive_leaves_what_was_synced_and_nothing_else_for_certain(tmp_path: Path) -> None:
    tails = set()
    for seed in range(40):
        path = tmp_path / f"{seed}.jsonl"
        disk = FaultyDisk(seed)
        descriptor = disk.open(path)
        disk.write(descriptor, b"a" * 700)
        disk.sync(descriptor)
        disk.sync_folder(tmp_path)
        disk.write(descriptor, b"b" * 5 * SECTOR_BYTES)
        disk.lose_power()
        data = path.read_bytes()
        assert data[:700] == b"a" * 700
        assert set(data[700:]) <= {0, ord("b")}
        tails.add(bytes(data[700:]))
    assert len(tails) > 10
    assert b"" in tails
    assert b"b" * 5 * SECTOR_BYTES in tails


def test_names_and_renames_that_were_not_synced_may_be_gone(tmp_path: Path) -> None:
    found = set()
    for seed in range(20):
        disk, path = FaultyDisk(seed), tmp_path / f"{seed}.json"
        replace_file(path, b"old", disk=disk)
        replace_file(path, b"new", durable=False, disk=disk)
        disk.close(disk.open(tmp_path / f"{seed}.new"))
        disk.lose_power()
        found.add((path.read_bytes(), (tmp_path / f"{seed}.new").exists()))
    assert b"old" in {data for data, _ in found}
    assert {data for data, _ in found} <= {b"old", *(b"new"[:cut] + bytes(nul) for cut in range(4) for nul in range(4))}
    assert {True, False} == {is_there for _, is_there in found}


def test_a_fault_comes_at_its_call_and_a_refused_descriptor_is_watched(tmp_path: Path) -> None:
    disk = FaultyDisk(faults=(Fault(what="sync", number=2, code=errno.EIO, lasts=False),))
    descriptor = disk.open(tmp_path / "file")
    disk.sync(descriptor)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        disk.sync(descriptor)
    assert disk.refused == {descriptor: 0}
    disk.sync(descriptor)
    assert disk.refused == {descriptor: 1}
    disk.close(descriptor)


def test_what_must_not_happen_is_noticed(tmp_path: Path) -> None:
    life = FaultyLife(tmp_path, FaultyDisk(1), 1)
    in_loop(life, 30)
    life.sink.close()
    life.venue.came.append(made_step(35).commands[0])  # type: ignore[arg-type]
    path = next((tmp_path / "journal").glob("*.jsonl"))
    path.chmod(0o644)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    life.check_folder()
    assert [words.partition(",")[0] for words in life.wrong] == ["step 30 was safe", "entry O30 left", "entry O35 left"]
