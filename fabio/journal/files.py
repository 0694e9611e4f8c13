"""The journal's files: their names, their order, and the walk over their lines.

One file per trading day, `2026-11-20.jsonl`; a day that outgrows one file continues in
`2026-11-20-2.jsonl`. Names sort in the order of writing, because days never run backwards
in one folder (`writer.py` keeps writing in the latest day).
"""

import re
from collections.abc import Iterator
from pathlib import Path

from fabio.journal.lines import LineBad, check_line

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:-(\d+))?\.[a-z]+")


class JournalDamaged(Exception):
    """The journal's bytes are not as they were written; a person has to look.

    Parameters
    ----------
    path, line
        Where, counted from 1.
    """

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}, line {line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


def day_and_number(path: Path) -> tuple[str, int]:
    """Split a file's name into its day and its number.

    >>> day_and_number(Path("journal/2026-11-20-2.jsonl"))
    ('2026-11-20', 2)
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path.name} is not named like YYYY-MM-DD.jsonl or YYYY-MM-DD-2.jsonl")
    return match[1], int(match[2] or 1)


def day_path(folder: Path, day: str, number: int, suffix: str) -> Path:
    """Name the file of a day.

    >>> day_path(Path("tape"), "2026-11-20", 2, ".tape").name
    '2026-11-20-2.tape'
    """
    return folder / (f"{day}{suffix}" if number == 1 else f"{day}-{number}{suffix}")


def day_files(folder: Path, suffix: str) -> list[Path]:
    """List a folder's day files in the order they were written; none where it does not exist."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix == suffix and _NAME.fullmatch(path.name)]
    return sorted(found, key=day_and_number)


def raw_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Give each line with its number and the place of its first byte; the newline stays on."""
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield number, place, line
            place += len(line)


def whole_line(line: bytes) -> tuple[str, str]:
    """Check a raw line and give its `prev` and `crc`.

    Raises
    ------
    LineBad
        If it is torn or damaged.
    """
    if not line.endswith(b"\n"):
        raise LineBad(f"it is torn after {len(line)} bytes")
    return check_line(line[:-1])


def first_good_after(path: Path, bad: int) -> int | None:
    """Give the number of the first intact line after line `bad`; None where there is none."""
    for number, _, line in raw_lines(path):
        if number > bad:
            try:
                whole_line(line)
            except LineBad:
                continue
            return number
    return None
