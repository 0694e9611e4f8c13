"""Lines that cannot be used are kept whole, each once, wherever they were found first."""

import base64
import fcntl
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from made_records import MadeRecords
from whatif_lab import ROOT, record

from fabio.cli.app import run
from fabio.journal.quarantine import MOST_BYTES, MOST_LINES, quarantine
from fabio.learning.lines import LeftOut, bad_lines, put_aside
from fabio.learning.window import Window, read_window

TORN = b'{"v":1,"ts_ns":17'
FOREIGN = b'{"name":"somebody else"}'
BROKEN = b"\x00\xff not json \x1b[31m"


def records(folder: Path) -> Path:
    made = MadeRecords(folder)
    for net in ("50", "-20", "30"):
        made.signal(net, refused_by=["volatility"])
    return made.write()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three signals, with a foreign and a broken line between them and a torn one at the end."""
    made = records(tmp_path / "logs")
    path = made / "decisions.jsonl"
    first, *rest = path.read_bytes().splitlines(True)
    path.write_bytes(first + FOREIGN + b"\n" + BROKEN + b"\n" + b"".join(rest) + TORN)
    return made


def kept(folder: Path, name: str = "decisions") -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (folder / "quarantine" / f"{name}.jsonl").read_bytes().splitlines()]


def told(window: Window) -> tuple[int, int]:
    aside: Any = window.problems["quarantine"]
    return aside["lines"], aside["new"]


def test_each_line_lies_there_with_its_place_reason_and_bytes(folder: Path) -> None:
    before = (folder / "decisions.jsonl").read_bytes()
    window = read_window(folder, 24)
    assert told(window) == (3, 3)
    assert (folder / "decisions.jsonl").read_bytes() == before
    found = kept(folder)
    assert [(each["file"], each["line"], each["kind"]) for each in found] == [
        ("decisions.jsonl", 2, "foreign"), ("decisions.jsonl", 3, "damaged"), ("decisions.jsonl", 6, "half_written")]
    for each, raw in zip(found, (FOREIGN + b"\n", BROKEN + b"\n", TORN), strict=True):
        assert base64.b64decode(each["raw"]) == raw == before[each["offset"]:each["offset"] + each["bytes"]]
        assert each["crc32"] == zlib.crc32(raw)
    assert "somebody else" in found[0]["reason"]


def test_what_lies_there_is_not_put_there_again(folder: Path) -> None:
    assert told(read_window(folder, 24)) == (3, 3)
    once = (folder / "quarantine" / "decisions.jsonl").read_bytes()
    assert told(read_window(folder, 24)) == (3, 0)
    assert (folder / "quarantine" / "decisions.jsonl").read_bytes() == once
    with (folder / "decisions.jsonl").open("ab") as file:
        file.write(b"\n" + FOREIGN + b"\n")  # the torn line is another now: it has an end
    assert told(read_window(folder, 24)) == (4, 2)
    assert len(kept(folder)) == 5


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    """The folder while an agent holds it."""
    descriptor = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield folder
    os.close(descriptor)


def test_a_line_that_is_being_written_is_left_alone(running: Path) -> None:
    assert told(read_window(running, 24)) == (2, 2)
    assert [each["kind"] for each in kept(running)] == ["foreign", "damaged"]


def test_what_contradicts_its_neighbours_is_kept_too(tmp_path: Path) -> None:
    folder = records(tmp_path / "logs")
    lines = (folder / "shadow.jsonl").read_bytes().splitlines(True)
    (folder / "shadow.jsonl").write_bytes(b"".join([*lines, lines[0]]))
    assert told(read_window(folder, 24)) == (1, 1)
    only, = kept(folder, "shadow")
    assert (only["line"], only["kind"], base64.b64decode(only["raw"])) == (4, "duplicate", lines[0])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_read_all_the_same(folder: Path) -> None:
    folder.chmod(0o555)
    try:
        window = read_window(folder, 24)
    finally:
        folder.chmod(0o755)
    assert len(window.left_out) == 3
    assert "cannot be written" in window.aside.why_not


def test_a_quarantine_that_cannot_be_made_is_said_and_nothing_fails(folder: Path) -> None:
    (folder / "quarantine").write_text("in the way")
    window = read_window(folder, 24)
    assert len(window.left_out) == 3
    assert len(window.signals) == 3
    assert told(window) == (0, 0)
    assert "decisions.jsonl: none was put aside" in window.aside.why_not


def test_a_whole_record_makes_no_quarantine(tmp_path: Path) -> None:
    window = read_window(records(tmp_path / "logs"), 24)
    assert told(window) == (0, 0)
    assert not (tmp_path / "logs" / "quarantine").exists()


def test_a_file_of_somebody_else_cannot_fill_the_drive(tmp_path: Path) -> None:
    long = b"x" * (MOST_BYTES + 1)
    (tmp_path / "trades.jsonl").write_bytes(long + b"\n" + b"y\n" * (MOST_LINES + 5))
    aside = put_aside(tmp_path, bad_lines(tmp_path, ["trades"]))
    assert (aside.lines, aside.new) == (MOST_LINES, MOST_LINES)
    assert aside.why_not.startswith("6 more were not put aside")
    first = kept(tmp_path, "trades")[0]
    assert (first["is_cut"], first["bytes"], len(base64.b64decode(first["raw"]))) == (True, MOST_BYTES + 2, MOST_BYTES)


def test_lines_of_no_file_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    assert quarantine(tmp_path, [LeftOut("journal", 7, "foreign", "not a file")]).folder == ""


def test_rebuild_keeps_what_it_takes_out_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "logs"
    record(folder, seed=82, mean_ticks=2_000)
    whole = (folder / "trades.jsonl").read_bytes()
    (folder / "trades.jsonl").write_bytes(FOREIGN + b"\n" + whole + TORN)
    words = ["fabio", "journal", "rebuild", "--logs", str(folder), "--config", str(ROOT / "config")]
    monkeypatch.setattr(sys, "argv", words)
    assert run() == 0
    assert (folder / "trades.jsonl").read_bytes() == whole
    assert [each["kind"] for each in kept(folder, "trades")] == ["foreign", "half_written"]
    said = " ".join(capsys.readouterr().err.split())
    assert f"2 of them lie whole in {folder / 'quarantine'}" in said
