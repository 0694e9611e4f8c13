"""Journal: append steps, in groups or durably, to one file per trading day.

A killed writer can leave a torn last line (a single `write` can be cut; 1 in 200 kills,
measured). Opening sets such a tail aside and goes on. A bad line with good ones behind it is
not a torn tail: something else wrote there, and the journal refuses to open.

Theory of the buffer: `append` collects, `flush` hands everything to the system in one write
(a killed process loses nothing after it), `sync` waits for the drive (a lost power line loses
nothing after it). `append(durable=True)` does all three.
"""

import os
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fabio.journal.files import (
    JournalDamaged,
    day_and_number,
    day_files,
    day_path,
    first_good_after,
    raw_lines,
    whole_line,
)
from fabio.journal.lines import FIRST_PREV, LineBad, remark_line, step_line
from fabio.journal.sync import sync_file, sync_folder, write_whole
from fabio.journal.times import utc_day
from fabio.model.fact import TradeDateBegan
from fabio.model.step import Step

SUFFIX = ".jsonl"
GROUP_BYTES = 256 * 1024
"""A full buffer is written without being asked."""
MAX_FILE_BYTES = 512 * 1024 * 1024
"""A day continues in its next file beyond this size."""


class _Numbered(msgspec.Struct):
    seq: int = 0  # remarks have none


_DECODE_NUMBERED = msgspec.json.Decoder(_Numbered).decode


class JournalFailed(Exception):
    """The drive refused a write or a sync. Nothing more is written: reduce, stop, and restart."""


class Companion(Protocol):
    """What has to be on disk before the journal's line is: the tape."""

    def flush(self) -> None:
        """Hand everything to the system."""

    def roll(self, day: str) -> None:
        """Go on in the file of this trading day."""


class Repair(msgspec.Struct, frozen=True):
    """A tail that was cut off on open: from which file, how many bytes, and where they are kept."""

    path: str
    line: int
    cut_bytes: int
    kept_in: str
    reason: str


class Journal:
    """The truth, one line per step.

    Parameters
    ----------
    folder
        The folder `logs`; the files lie in `logs/journal`. Take the folder's lock first
        (`world.claim`): two writers would break the chain.
    tape
        Is flushed before each flush, so that no line names ticks that are not on disk, and
        changes its file with the journal.
    max_file_bytes
        See `MAX_FILE_BYTES`.

    Attributes
    ----------
    last_seq
        Sequence number of the last step; 0 in an empty journal.
    repair
        What opening cut off, None where nothing was.

    Raises
    ------
    JournalDamaged
        If good lines follow a bad one in the latest file, or the chain does not hold there.
    """

    def __init__(self, folder: Path, tape: Companion | None = None, *,
                 max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._folder = folder / "journal"
        self._tape = tape
        self._max_file_bytes = max_file_bytes
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._descriptor: int | None = None
        self._file_bytes = 0
        self._failed = ""
        self.last_seq = 0
        self.repair: Repair | None = None
        self._folder.mkdir(parents=True, exist_ok=True)
        files = day_files(self._folder, SUFFIX)
        self._path = files[-1] if files else None
        self._prev = self._resume(files)

    def append(self, step: Step, durable: bool = False, body: bytes | None = None) -> None:
        """Add a step; with `durable` it is on the drive when this returns.

        Parameters
        ----------
        body
            What `lines.step_digest_bytes(step)` gave, to encode only once.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        ValueError
            If the step does not follow the last one.
        """
        if step.seq != self.last_seq + 1:
            raise ValueError(f"step {step.seq} does not follow step {self.last_seq}")
        for fact in step.facts:
            if type(fact) is TradeDateBegan:
                self.roll(fact.trade_date)
        line, self._prev = step_line(step, self._prev, body)
        self.last_seq = step.seq
        self._take(line, step.ts_ns)
        if durable:
            self.sync()

    def remark(self, kind: str, ts_ns: int, data: dict[str, Any]) -> None:
        """Add a line that is no step: which build and configuration run, what was repaired."""
        line, self._prev = remark_line(kind, ts_ns, data, self._prev)
        self._take(line, ts_ns)

    def _take(self, line: bytes, ts_ns: int) -> None:
        if self._failed:
            raise JournalFailed(self._failed)
        if self._path is None:
            self.roll(utc_day(ts_ns))
        self._buffer.append(line)
        self._buffered_bytes += len(line)
        if self._buffered_bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system; a killed process loses nothing after this.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        if self._failed:
            raise JournalFailed(self._failed)
        if self._tape is not None:
            self._tape.flush()
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered_bytes = 0
        try:
            write_whole(self._open_descriptor(), data)
        except OSError as error:
            raise self._fail("write", error) from error
        self._file_bytes += len(data)
        if self._file_bytes >= self._max_file_bytes and self._path is not None:
            day, number = day_and_number(self._path)
            self._change_file(day_path(self._folder, day, number + 1, SUFFIX))

    def sync(self) -> None:
        """Flush, and wait for the drive; a lost power line loses nothing after this.

        Raises
        ------
        JournalFailed
            If the drive refused. The same descriptor is never synced again: the system may
            have dropped the pages it could not write.
        """
        self.flush()
        self._wait_for_drive()

    def _wait_for_drive(self) -> None:
        if self._descriptor is not None:
            try:
                sync_file(self._descriptor)
            except OSError as error:
                raise self._fail("sync", error) from error

    def roll(self, day: str) -> None:
        """Go on in the file of this trading day (`YYYY-MM-DD`).

        A day before the latest file's stays in that file, so that names sort in the order of
        writing. `append` rolls by itself at `TradeDateBegan`.
        """
        if self._tape is not None:
            self._tape.roll(day)
        if self._path is None:
            self._path = day_path(self._folder, day, 1, SUFFIX)
        elif day > day_and_number(self._path)[0]:
            self.flush()
            self._change_file(day_path(self._folder, day, 1, SUFFIX))

    def close(self) -> None:
        """Sync and let go of the file."""
        if not self._failed:
            self.sync()
        self._let_go()

    def _change_file(self, path: Path) -> None:
        self._wait_for_drive()
        self._let_go()
        if self._path is not None and self._path.exists():
            self._path.chmod(0o444)  # finished files are only read
        self._path = path

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            if self._path is None:
                raise AssertionError("a line was buffered before its file was named")
            if self._path.exists():
                self._path.chmod(0o644)  # a crash can fall between a file's end and the next one
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self._path, flags, 0o644)
            self._file_bytes = os.fstat(self._descriptor).st_size
            sync_folder(self._folder)
        return self._descriptor

    def _fail(self, what: str, error: OSError) -> JournalFailed:
        self._failed = f"cannot {what} {self._path}: {error.strerror or error}"
        return JournalFailed(self._failed)

    def _resume(self, files: list[Path]) -> str:
        """Find the end of the chain; files that hold no whole line hand on to the one before."""
        for path in reversed(files):
            before, prev, seq = self._read_to_end(path)
            if prev is not None:
                if path == files[0] and before != FIRST_PREV:
                    raise JournalDamaged(path, 1, "it follows a file that is not here")
                self.last_seq = seq or self._last_seq_before(files[: files.index(path)])
                return prev
        return FIRST_PREV

    def _read_to_end(self, path: Path) -> tuple[str, str | None, int]:
        """Check a file, cut a bad tail off, and give its first `prev`, last crc and last seq."""
        first = FIRST_PREV
        last: str | None = None
        seq = 0
        for number, place, line in raw_lines(path):
            try:
                prev, crc = whole_line(line)
            except LineBad as bad:
                good = first_good_after(path, number)
                if good is not None:
                    raise JournalDamaged(path, number, f"{bad}; line {good} behind it is intact, so this is "
                                         "no torn tail: restore the file from a copy, or move the "
                                         "folder away") from None
                self._set_aside(path, number, place, str(bad))
                break
            if last is None:
                first = prev
            elif prev != last:
                raise JournalDamaged(path, number, f"it follows a line {prev}, the line before is {last}")
            last = crc
            seq = _DECODE_NUMBERED(line).seq or seq
        return first, last, seq

    def _last_seq_before(self, files: list[Path]) -> int:
        for path in reversed(files):
            seq = self._read_to_end(path)[2]
            if seq:
                return seq
        return 0

    def _set_aside(self, path: Path, line: int, place: int, reason: str) -> None:
        tail = path.read_bytes()[place:]
        number = 1
        while (aside := path.with_name(f"{path.name}.torn-{number}")).exists():
            number += 1
        path.chmod(0o644)
        with aside.open("wb") as kept:
            kept.write(tail)
            kept.flush()
            sync_file(kept.fileno())
        with path.open("r+b") as file:
            file.truncate(place)
            sync_file(file.fileno())
        sync_folder(path.parent)
        self.repair = Repair(str(path), line, len(tail), str(aside), reason)
