"""Lines of records, read for learning: what is whole is given, what is not is counted and named.

A report has to come out of a folder in which a line is torn, damaged or somebody else's. Nothing
is guessed: such a line is left out with its file, its number and the reason, and put aside (`put_aside`).
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from fabio.journal.files import day_files
from fabio.journal.quarantine import Quarantined, quarantine
from fabio.journal.world import is_running
from fabio.journal.writer import SUFFIX

LeftOutKind = Literal["half_written", "damaged", "foreign", "malformed", "duplicate", "from_the_future", "peeking",
                      "contradicts", "unjoined"]
"""`half_written`: the last line of a file that is being written, or was torn. `damaged`: no JSON. `foreign`: JSON
that is no record of fabio's. `malformed`: a record that lacks a key or has a wrong type in it. `duplicate`: an id for
the second time. `from_the_future`: later than the journal's end. `peeking`: an exit before its entry, or a decision
after it. `contradicts`: two records that do not say the same. `unjoined`: its decision is not there."""

_TAIL_BYTES = 1 << 20


class LeftOut(msgspec.Struct, frozen=True):
    """A line that is not used; `line` counts from 1."""

    file: str
    line: int
    kind: LeftOutKind
    reason: str

    def __str__(self) -> str:
        reason = "".join(letter if letter.isprintable() else "?" for letter in self.reason)
        return f"{self.file}, line {self.line}: {reason}"


class _Versioned(msgspec.Struct):
    v: int


class _JournalStep(msgspec.Struct):
    seq: int
    ts_ns: int


Kind = TypeVar("Kind", bound=msgspec.Struct)
_decode_versioned = msgspec.json.Decoder(_Versioned).decode
_decode_step = msgspec.json.Decoder(_JournalStep).decode


def read_records(path: Path, kind: type[Kind], left_out: list[LeftOut]) -> Iterator[tuple[int, Kind]]:
    """Give each whole record of a file with its line; nothing where there is no such file.

    Parameters
    ----------
    kind
        What is wanted of a record; keys that it does not name are passed over.
    left_out
        Takes the lines that cannot be used.
    """
    if not path.exists():
        return
    decode = msgspec.json.Decoder(kind).decode
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                left_out.append(LeftOut(path.name, number, *_why(line, error)))


def _why(line: bytes, error: Exception) -> tuple[LeftOutKind, str]:
    if not line.strip():
        return "damaged", "it is empty"
    shown = repr(line[:40].decode("utf-8", "backslashreplace").strip() + ("..." if len(line) > 40 else ""))
    if not isinstance(error, msgspec.ValidationError):
        if not line.endswith(b"\n"):
            return "half_written", f"it ends after {len(line)} bytes, in the middle of a record"
        return "damaged", f"{shown} is no JSON: {error}"
    try:
        _decode_versioned(line)
    except msgspec.MsgspecError:
        return "foreign", f"{shown} is no record of fabio's: every one has its version in `v`"
    return "malformed", f"the record cannot be read: {error}"


def put_aside(folder: Path, left_out: Iterable[LeftOut]) -> Quarantined:
    """Keep the lines that were left out in the folder's quarantine, each once.

    The half-written end of a file that an agent is writing now is none of them: it will be whole.
    """
    bad = list(left_out)
    if any(each.kind == "half_written" for each in bad) and _is_written(folder):
        bad = [each for each in bad if each.kind != "half_written"]
    return quarantine(folder, bad)


def bad_lines(folder: Path, names: Iterable[str]) -> list[LeftOut]:
    """Find the lines of a folder's files that are no records: damaged, half-written or foreign."""
    found: list[LeftOut] = []
    for name in names:
        for _ in read_records(folder / f"{name}.jsonl", _Versioned, found):
            pass
    return found


def _is_written(folder: Path) -> bool:
    try:
        return is_running(folder)
    except OSError:  # a folder of somebody else's: his agent may be writing
        return True


def journal_end_ns(folder: Path) -> int | None:
    """Give the time of the journal's last whole step; None where there is none to see.

    A record says nothing that the journal does not say, so one with a later time was not written by the agent.
    Read the records first: an agent that is running goes on writing.
    """
    for path in reversed(day_files(folder / "journal", SUFFIX)):
        size = path.stat().st_size
        for wanted in (_TAIL_BYTES, size):
            end_ns = _last_step_ns(path, wanted)
            if end_ns is not None:
                return end_ns
            if wanted >= size:
                break
    return None


def _last_step_ns(path: Path, tail_bytes: int) -> int | None:
    with path.open("rb") as file:
        file.seek(-min(tail_bytes, file.seek(0, os.SEEK_END)), os.SEEK_END)
        lines = file.read().split(b"\n")[:-1]  # what follows the last newline is torn
    for line in reversed(lines):
        try:
            return _decode_step(line).ts_ns
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue  # a remark, or damage: `fabio journal verify` names it
    return None
