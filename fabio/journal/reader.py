"""Reading the journal back: as steps, as remarks, or only to see whether it is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from fabio.journal.files import JournalDamaged, day_files, first_good_after, raw_lines, whole_line
from fabio.journal.lines import (
    FIRST_PREV,
    LineBad,
    LineUnknown,
    Remark,
    decode_remark,
    decode_step,
    is_remark,
)
from fabio.journal.writer import SUFFIX
from fabio.model.step import Step


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found.

    Parameters
    ----------
    code
        0 clean, 1 damaged, 2 unreadable: the exit code of `fabio journal verify`.
    path, line
        Where the first damage is; empty and 0 when clean.
    unknown
        Lines and facts of kinds that this version does not know, a word each; no damage.
    """

    code: Literal[0, 1, 2]
    reason: str
    path: str = ""
    line: int = 0
    files: int = 0
    lines: int = 0
    last_seq: int = 0
    unknown: tuple[str, ...] = ()


def _intact_lines(folder: Path, *, forgive_tail: bool) -> Iterator[tuple[Path, int, bytes]]:
    """Give every line without its newline; the chain is checked over all files.

    With `forgive_tail` a bad end of the last file ends the walk, as it does when a run opens
    the journal again.
    """
    files = day_files(folder / "journal", SUFFIX)
    last = FIRST_PREV
    for path in files:
        for number, _, line in raw_lines(path):
            try:
                prev, crc = whole_line(line)
            except LineBad as bad:
                if forgive_tail and path == files[-1] and first_good_after(path, number) is None:
                    return
                raise JournalDamaged(path, number, str(bad)) from None
            if prev != last:
                raise JournalDamaged(path, number, f"it follows a line {prev}, the line before is {last}: "
                                                   "lines are missing or were changed")
            last = crc
            yield path, number, line[:-1]


def _steps(
    folder: Path, skipped: list[str], *, forgive_tail: bool
) -> Iterator[tuple[Path, int, Step | None]]:
    expected = 1
    for path, number, line in _intact_lines(folder, forgive_tail=forgive_tail):
        if is_remark(line):
            yield path, number, None
            continue
        try:
            step = decode_step(line, skipped)
        except LineUnknown as error:
            raise JournalDamaged(path, number, str(error)) from None
        if step.seq != expected:
            raise JournalDamaged(path, number, f"it is step {step.seq}, step {expected} should stand here")
        expected += 1
        yield path, number, step


def read_steps(folder: Path, skipped: list[str] | None = None) -> Iterator[Step]:
    """Give the steps of `folder` (`logs`) in order; none where there is no journal.

    A torn tail ends the walk, as when a run opens the journal.

    Parameters
    ----------
    skipped
        Takes a word for each event, fact or command of a kind this version does not know.

    Raises
    ------
    JournalDamaged
        At the first line whose checksum, chain or number does not hold.
    """
    for _, _, step in _steps(folder, [] if skipped is None else skipped, forgive_tail=True):
        if step is not None:
            yield step


def read_remarks(folder: Path) -> Iterator[Remark]:
    """Give the remarks of `folder` in order.

    Raises
    ------
    JournalDamaged
        At the first line whose checksum or chain does not hold.
    """
    for _, _, line in _intact_lines(folder, forgive_tail=True):
        if is_remark(line):
            yield decode_remark(line)


def last_remark(folder: Path, kind: str) -> Remark | None:
    """Give the last remark of a kind; None where there is none. Reads back from the end as far as it has to.

    The journal is taken as it is: who opened it has checked it.
    """
    for path in reversed(day_files(folder / "journal", SUFFIX)):
        found: Remark | None = None
        for _, _, line in raw_lines(path):
            if is_remark(line) and line.endswith(b"\n") and (remark := decode_remark(line[:-1])).kind == kind:
                found = remark
        if found is not None:
            return found
    return None


def verify(folder: Path) -> Report:
    """Check every byte of the journal; changes nothing.

    A torn tail is damage here (a run would repair it). What no journal can know of itself: whole
    lines that are missing at its very end.
    """
    files = day_files(folder / "journal", SUFFIX)
    unknown: list[str] = []
    lines = last_seq = 0
    if not files:
        return Report(code=2, reason=f"there is no journal in {folder}", path=str(folder / "journal"))
    try:
        for _, _, step in _steps(folder, unknown, forgive_tail=False):
            lines += 1
            last_seq = last_seq if step is None else step.seq
    except JournalDamaged as damage:
        return Report(code=1, reason=damage.reason, path=str(damage.path), line=damage.line, files=len(files),
                      lines=lines, last_seq=last_seq, unknown=tuple(unknown))
    except OSError as error:
        return Report(code=2, reason=f"cannot read {error.filename}: {error.strerror}",
                      path=str(error.filename), files=len(files), lines=lines, last_seq=last_seq)
    return Report(code=0, reason="clean", files=len(files), lines=lines, last_seq=last_seq,
                  unknown=tuple(unknown))
