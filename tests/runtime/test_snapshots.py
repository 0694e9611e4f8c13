"""With and without a snapshot a start comes to the same state; a bad one is as none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from recovery_lab import SETTINGS, Lab, killed_after, live

from fabio.journal import snapshots as files
from fabio.runtime import snapshots
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.recovery import Recovered

TICKS, AT = 60_000, 36_000
RECORDS = ("decisions.jsonl", "trades.jsonl", "shadow.jsonl", "learning.jsonl", "llm_exchanges.jsonl")


class Day:
    """A day with a snapshot in the middle."""

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(82)
        self.folder = folder
        self.ticks = self.lab.day.ticks.slice(0, TICKS)
        driver, sink = self.lab.begin(folder)
        keeper = snapshots.Snapshots(driver, sink, SETTINGS)
        live(driver, self.ticks.slice(0, AT))
        keeper.keep()
        self.at_seq = driver.engine.state.seq
        live(driver, self.ticks.slice(AT, TICKS))
        sink.flush()
        self.last_seq = driver.engine.state.seq
        self.state = driver.engine.snapshot()
        self.digest = driver.digest
        sink.close()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return Day(tmp_path_factory.mktemp("day") / "logs")


def killed(day: Day, folder: Path, seq: int, ahead: int = 0) -> Path:
    killed_after(day.folder, folder, seq, ahead)
    return folder


def all_of(driver: Driver, sink: FolderSink, recovered: Recovered) -> tuple[object, ...]:
    sink.flush()
    records = tuple((sink.folder / name).read_bytes() for name in RECORDS)
    return (driver.engine.snapshot(), msgspec.msgpack.encode(driver.exchange.snapshot()), driver.digest,
            recovered.steps, recovered.ticks, recovered.acted, records)


@pytest.mark.parametrize(("behind", "ahead"), [(0, 3_000), (1, 0), (400, 0), (401, 800)])
def test_with_and_without_a_snapshot_a_start_comes_to_the_same(
    day: Day, tmp_path: Path, behind: int, ahead: int
) -> None:
    seq = day.at_seq + behind
    with_it = day.lab.resume(killed(day, tmp_path / "with", seq, ahead))
    shutil.rmtree(killed(day, tmp_path / "without", seq, ahead) / "snapshots")
    without = day.lab.resume(tmp_path / "without")
    assert (with_it[2].from_seq, without[2].from_seq) == (day.at_seq, 0)
    assert all_of(*with_it) == all_of(*without)
    for driver, sink, _ in (with_it, without):
        live(driver, day.ticks.slice(sink.tape.pos, TICKS))
        sink.close()
    assert all_of(*with_it)[0:3] == all_of(*without)[0:3]
    assert with_it[0].engine.snapshot() == day.state
    assert with_it[0].digest == day.digest


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def headless(path: Path) -> None:
    path.write_bytes(path.read_bytes().partition(b"\n")[2])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def of_another_build(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(snapshots.build().encode(), b"0.0.9+0123456789abcdef", 1))


def of_another_journal(path: Path) -> None:
    head, _, content = path.read_bytes().partition(b"\n")
    place = msgspec.json.decode(head)["place"]["crc"].encode()
    path.write_bytes(head.replace(place, b"00000000") + b"\n" + content)


@pytest.mark.parametrize("damage", [flipped, headless, cut, of_another_build, of_another_journal, Path.unlink])
def test_a_snapshot_that_does_not_fit_is_as_none(
    day: Day, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = killed(day, tmp_path / "logs", day.last_seq)
    [path] = sorted((folder / "snapshots").glob("*.snap"))
    damage(path)
    driver, sink, recovered = day.lab.resume(folder)
    assert recovered.from_seq == 0
    assert driver.digest == day.digest
    sink.close()


def test_a_journal_that_ends_before_the_snapshot_does_without_it(day: Day, tmp_path: Path) -> None:
    folder = killed(day, tmp_path / "logs", day.at_seq - 1)
    driver, sink, recovered = day.lab.resume(folder)
    assert (recovered.from_seq, recovered.steps) == (0, day.at_seq - 1)
    sink.close()
    assert driver.engine.state.seq >= day.at_seq - 1


def test_a_tape_that_ends_before_the_snapshot_does_without_it(day: Day, tmp_path: Path) -> None:
    folder = killed(day, tmp_path / "logs", day.at_seq)  # ticks behind the last step were lost
    driver, sink, recovered = day.lab.resume(folder)
    assert (recovered.from_seq, recovered.steps) == (0, day.at_seq)
    live(driver, day.ticks.slice(sink.tape.pos, TICKS))
    assert driver.digest == day.digest
    sink.close()


def test_only_the_latest_two_are_kept(tmp_path: Path, day: Day) -> None:
    place = files.Place(file="2026-01-01.jsonl", bytes=0, crc="0")
    for seq in (3, 5, 9, 12):
        files.keep_snapshot(tmp_path, files.Head(seq=seq, tape_pos=0, asks=0, build="b", place=place, values={},
                                                 others=""), b"x")
    assert [path.name for path in sorted((tmp_path / "snapshots").iterdir())] == [
        "000000000009.snap", "000000000012.snap",
    ]
    assert files.read_snapshots(tmp_path) == []  # there is no such journal
