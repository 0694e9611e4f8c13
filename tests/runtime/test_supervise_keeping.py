"""Output that is kept: every line once, in order, in files of bounded size, whatever the drive does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.runtime.supervise import keeping
from fabio.runtime.supervise.keeping import Kept


def written(folder: Path) -> list[bytes]:
    """The files' contents, the oldest first."""
    paths = sorted(folder.glob("out*"), key=lambda path: -int(path.suffix[1:] or 0) if path.suffix[1:] else 1)
    return [path.read_bytes() for path in paths]


@given(st.lists(st.integers(0, 30), max_size=60), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_every_line_is_there_once_and_no_file_is_too_large(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], cuts: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    data = b"".join(b"%d:" % place + b"x" * length + b"\n" for place, length in enumerate(lengths))
    kept = Kept(str(folder / "out"), 50, 100)
    at = turn = 0
    while at < len(data):  # pieces of any length, as a pipe gives them
        kept.take(data[at:at + cuts[turn % len(cuts)]])
        at += cuts[turn % len(cuts)]
        turn += 1
    kept.close()
    files = written(folder)
    assert b"".join(files) == data
    for content in files:
        assert content.endswith(b"\n")
        assert len(content) <= 50 + 33  # a line whose beginning fitted is not split


def test_the_oldest_are_dropped(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "out"), 10, 2)
    for place in range(10):
        kept.take(b"line %04d\n" % place)
    kept.close()
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.1", "out.2"}
    assert [content[-2:-1] for content in written(tmp_path)] == [b"7", b"8", b"9"]


def test_a_file_that_somebody_put_away_is_begun_anew(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path / "out"), 1000, 2)
    kept.take(b"one\n")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    kept.take(b"two\n")
    kept.close()
    assert (tmp_path / "elsewhere").read_bytes() == b"one\n"
    assert (tmp_path / "out").read_bytes() == b"two\n"


def test_a_full_drive_costs_lines_that_are_counted_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = Kept(str(tmp_path / "out"), 1000, 2)
    kept.take(b"one\n")
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    kept.take(b"two\nthree\n")
    kept.take(b"four\n")
    monkeypatch.setattr(os, "write", real)
    kept.take(b"five\n")
    kept.close()
    assert (tmp_path / "out").read_bytes() == b"one\n[3 lines were lost here: the drive took none]\nfive\n"


def test_under_load_nothing_is_lost_by_the_program_itself(tmp_path: Path) -> None:
    lines, size = 60_000, 200_000
    program = f"import sys\nfor place in range({lines}): sys.stdout.write(f'{{place:08d}} some words that fill it\\n')"
    out, err = os.pipe(), os.pipe()
    keeper = subprocess.Popen([sys.executable, "-I", "-S", keeping.__file__, str(size), "100", str(out[0]),
                               str(tmp_path / "out"), str(err[0]), str(tmp_path / "err")], pass_fds=(out[0], err[0]))
    os.close(out[0])
    os.close(err[0])
    child = subprocess.Popen([sys.executable, "-S", "-c", program], stdout=out[1], stderr=err[1])
    os.close(out[1])
    os.close(err[1])
    assert child.wait(60) == 0
    assert keeper.wait(60) == 0
    paths = [tmp_path / f"out.{number}" for number in range(100, 0, -1)] + [tmp_path / "out"]
    contents = [path.read_bytes() for path in paths if path.exists()]
    assert len(contents) > 8
    found = [int(line.split()[0]) for content in contents for line in content.splitlines()]
    assert found == list(range(lines))
    assert all(len(content) <= size for content in contents)
