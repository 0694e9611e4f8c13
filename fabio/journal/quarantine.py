"""Quarantine: lines of records that cannot be used, kept byte for byte beside the reason.

`quarantine/FILE.jsonl` in the folder has each such line of `FILE.jsonl` once, by its place and checksum, however often
it is found. The file itself stays as it is: `fabio journal rebuild` makes the derived ones again, and by then what
lay in them is kept here.
"""

import base64
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson

from fabio.journal.sync import replace_file

FOLDER = "quarantine"
MOST_LINES = 10_000
"""A file has no more: what else cannot be used is only counted."""
MOST_BYTES = 64 * 1024
"""Of a line; of a longer one its beginning."""


class BadLine(Protocol):
    """A line that cannot be used."""

    @property
    def file(self) -> str:
        """Give the file's name."""

    @property
    def line(self) -> int:
        """Count it, from 1."""

    @property
    def kind(self) -> str:
        """Name what is amiss."""

    @property
    def reason(self) -> str:
        """Say what is amiss."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """Where the lines of a folder lie that cannot be used.

    Parameters
    ----------
    folder
        `logs/quarantine`; empty where nothing is to be kept.
    lines, new
        How many of those that were found lie there, and how many of them since now.
    why_not
        Why some do not; empty where all do.
    """

    folder: str = ""
    lines: int = 0
    new: int = 0
    why_not: str = ""

    def __str__(self) -> str:
        kept = f"{self.lines} of them {'lie' if self.lines > 1 else 'lies'} whole in {self.folder}"
        if self.lines and self.why_not:
            return f"{kept}; {self.why_not}"
        return kept if self.lines else self.why_not


def quarantine(folder: Path, bad: Iterable[BadLine]) -> Quarantined:
    """Keep lines of a folder's records, each once; where it may not be written, say so.

    Parameters
    ----------
    bad
        Lines of files that lie in the folder itself; others are passed over.
    """
    by_file: dict[str, dict[int, BadLine]] = {}
    for each in bad:
        if each.file.endswith(".jsonl") and each.line > 0:
            by_file.setdefault(each.file, {})[each.line] = each
    if not by_file:
        return Quarantined()
    there = folder / FOLDER
    lines = new = 0
    why_not = ""
    for name, found in sorted(by_file.items()):
        try:
            kept, added, left = _keep(folder / name, there / name, found)
        except OSError as error:
            why_not = f"{name}: none was put aside, {error.filename or there} cannot be written: {error.strerror}"
            continue
        lines, new = lines + kept, new + added
        if left:
            why_not = f"{left:,} more were not put aside: {there / name} takes {MOST_LINES:,}"
    return Quarantined(folder=str(there), lines=lines, new=new, why_not=why_not)


def _keep(path: Path, aside: Path, found: dict[int, BadLine]) -> tuple[int, int, int]:
    """Give how many lines lie aside, how many of them are new, and how many found no room."""
    before = aside.read_bytes() if aside.exists() else b""
    known = set(_known(before))
    room = MOST_LINES - len(known)
    kept = left = 0
    added: list[bytes] = []
    for offset, line, raw in _lines(path, found):
        if (offset, zlib.crc32(raw)) in known:
            kept += 1
        elif len(added) < room:
            added.append(orjson.dumps(_record(path.name, offset, found[line], raw), option=orjson.OPT_APPEND_NEWLINE))
        else:
            left += 1
    if added:
        aside.parent.mkdir(exist_ok=True)
        if before and not before.endswith(b"\n"):
            before += b"\n"
        replace_file(aside, before + b"".join(added))  # whole, so that two readers at once leave each line once
    return kept + len(added), len(added), left


def _known(data: bytes) -> Iterator[tuple[int, int]]:
    for line in data.splitlines():
        try:
            record = orjson.loads(line)
            yield record["offset"], record["crc32"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # nobody's but a person's: it stays


def _lines(path: Path, found: dict[int, BadLine]) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if number in found:
                yield offset, number, raw
            offset += len(raw)


def _record(name: str, offset: int, bad: BadLine, raw: bytes) -> dict[str, Any]:
    return {
        "v": 1, "file": name, "line": bad.line, "offset": offset, "bytes": len(raw), "crc32": zlib.crc32(raw),
        "kind": bad.kind, "reason": bad.reason, "is_cut": len(raw) > MOST_BYTES,
        "raw": base64.b64encode(raw[:MOST_BYTES]).decode("ascii"),
    }

