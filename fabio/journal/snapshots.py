"""Snapshots: what a machine knew at one place of the journal, so that a start need not live through all again.

They save time and hold no truth. A snapshot names the end of the journal it was taken at; where
that line is not there any more, or a byte of the file is not as it was written, or another build
wrote it, it is as if it were not there, and the whole journal is folded.

    logs/snapshots/000000006547.snap: one line of JSON (`Head`), then the content
"""

import hashlib
from pathlib import Path

import msgspec

from fabio.journal.lines import LineBad, check_line
from fabio.journal.sync import SYSTEM, Disk, replace_file

FOLDER = "snapshots"
SUFFIX = ".snap"
KEPT = 2
_LONGEST_LINE_BYTES = 256 * 1024


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a journal: its latest file, how long that was, and the checksum of its last line."""

    file: str
    bytes: int
    crc: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a snapshot without its content.

    Parameters
    ----------
    build
        Of the program that wrote it.
    values
        Settings that were in force, as text; `others` is the hash of those that change with a start only.
    asks
        Questions the rules had answered.
    sha256
        Of the content.
    """

    v: int = 1
    seq: int
    tape_pos: int
    asks: int
    build: str
    place: Place
    values: dict[str, str]
    others: str
    sha256: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot whose bytes are as they were written."""

    head: Head
    content: bytes


def keep_snapshot(folder: Path, head: Head, content: bytes, disk: Disk = SYSTEM) -> None:
    """Write a snapshot in one step, on the drive when this returns; the oldest go."""
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    path = home / f"{head.seq:012d}{SUFFIX}"
    head = msgspec.structs.replace(head, sha256=hashlib.sha256(content).hexdigest())
    replace_file(path, msgspec.json.encode(head) + b"\n" + content, disk=disk)
    for old in _files(folder)[KEPT:]:
        disk.remove(old)


def read_snapshots(folder: Path) -> list[Snapshot]:
    """Give those that are whole and of this journal, the latest first."""
    return [found for path in _files(folder) if (found := _read(folder, path)) is not None]


def _files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob(f"*{SUFFIX}"), reverse=True)


def _read(folder: Path, path: Path) -> Snapshot | None:
    try:
        line, _, content = path.read_bytes().partition(b"\n")
        head = msgspec.json.decode(line, type=Head)
    except (OSError, msgspec.MsgspecError):
        return None
    is_whole = head.v == 1 and head.sha256 == hashlib.sha256(content).hexdigest()
    return Snapshot(head, content) if is_whole and _is_there(folder / "journal", head.place) else None


def _is_there(journal: Path, place: Place) -> bool:
    """Tell whether the journal still has the line that a snapshot stands behind."""
    try:
        with (journal / place.file).open("rb") as file:
            file.seek(max(place.bytes - _LONGEST_LINE_BYTES, 0))
            tail = file.read(min(place.bytes, _LONGEST_LINE_BYTES))
    except (OSError, ValueError):
        return False
    if not tail.endswith(b"\n"):
        return False
    try:
        return check_line(tail[:-1].rpartition(b"\n")[2])[1] == place.crc
    except LineBad:
        return False
