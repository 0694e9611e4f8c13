"""Journal: append steps, in groups or durably, to one file per trading day.

A killed writer can leave a torn last line (a single `write` can be cut; 1 in 200 kills,
measured). Opening sets such a tail aside and goes on. A bad line with good ones behind it is
a torn tail only where the power was lost: it holds NUL bytes, which no line has, and lies in
what was not on the drive yet (`appending.py`). Else something else wrote there, and the
journal refuses to open.

Theory of the buffer: `append` collects, `flush` hands everything to the system in one write
(a killed process loses nothing after it), `commit` asks the drive for it without waiting (a
lost power line loses nothing once `durable_seq` has come so far), `sync` waits for that.
Lines, checksums and file names are made here, in the caller's thread; who writes them, and on
which thread, is the pen's (`pen.py`).
"""

from pathlib import Path
from typing import Any, Protocol

import msgspec

from fabio.journal.appending import AppendFile, let_write, open_folder, set_mark, synced_bytes
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
from fabio.journal.pen import JournalFailed, Pen
from fabio.journal.snapshots import Place
from fabio.journal.sync import SYSTEM, Disk, write_whole
from fabio.journal.times import utc_day
from fabio.model.fact import TradeDateBegan
from fabio.model.step import Step

__all__ = ["Journal", "JournalFailed", "Repair"]

SUFFIX = ".jsonl"
GROUP_BYTES = 256 * 1024
"""A full buffer is written without being asked."""
MAX_FILE_BYTES = 512 * 1024 * 1024
"""A day continues in its next file beyond this size."""


class _Numbered(msgspec.Struct):
    seq: int = 0  # remarks have none


_DECODE_NUMBERED = msgspec.json.Decoder(_Numbered).decode


class Companion(Protocol):
    """What has to be on disk before the journal's line is: the tape."""

    def flush(self) -> None:
        """Hand everything to the system."""

    def roll(self, day: str) -> None:
        """Go on in the file of this trading day."""

    def ask_drive(self) -> None:
        """Have everything that was handed over put on the drive."""


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
    disk, pen
        The file layer, and who writes; one pen for all files of a folder.
    max_file_bytes
        See `MAX_FILE_BYTES`.

    Attributes
    ----------
    last_seq
        Sequence number of the last step; 0 in an empty journal.
    durable_seq
        That of the last step that is on the drive; 0 until the first commit of this run.
    repair
        What opening cut off, None where nothing was.

    Raises
    ------
    JournalDamaged
        If good lines follow a bad one in the latest file, or the chain does not hold there.
    """

    def __init__(self, folder: Path, tape: Companion | None = None, *, disk: Disk = SYSTEM, pen: Pen | None = None,
                 max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._folder = folder / "journal"
        self._tape = tape
        self._disk = disk
        self._pen = pen or Pen()
        self._max_file_bytes = max_file_bytes
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._file: AppendFile | None = None
        self.last_seq = 0
        self.repair: Repair | None = None
        open_folder(self._folder, disk)
        files = day_files(self._folder, SUFFIX)
        self._path = files[-1] if files else None
        self._prev = self._resume(files)
        self._file_bytes = 0 if self._path is None else self._path.stat().st_size
        self.durable_seq = 0

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
        if self._pen.failed:
            raise JournalFailed(self._pen.failed)
        if self._path is None:
            self.roll(utc_day(ts_ns))
        self._buffer.append(line)
        self._buffered_bytes += len(line)
        if self._buffered_bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything over; once the pen has done it, a killed process loses nothing.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        if self._pen.failed:
            raise JournalFailed(self._pen.failed)
        if self._tape is not None:
            self._tape.flush()
        if not self._buffer or self._path is None:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered_bytes = 0
        file = self._file or self._begin(self._path)
        self._file_bytes += len(data)
        self._pen.put(lambda: file.write(data), len(data))
        if self._file_bytes >= self._max_file_bytes:
            day, number = day_and_number(self._path)
            self._change_file(day_path(self._folder, day, number + 1, SUFFIX))

    def commit(self, *, with_tape: bool = False) -> None:
        """Flush, and have it put on the drive; `durable_seq` says when that is done.

        Parameters
        ----------
        with_tape
            The ticks too, first: then no line reaches the drive before its ticks. What is sent
            to the venue waits for its line only.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        if self._tape is not None and with_tape:
            self._tape.flush()
            self._tape.ask_drive()
        self.flush()
        if self._file is None and self._path is not None:
            self._begin(self._path)
        file, seq = self._file, self.last_seq

        def to_drive() -> None:
            if file is not None:
                file.sync()
            self.durable_seq = max(self.durable_seq, seq)

        self._pen.put(to_drive)

    def sync(self) -> None:
        """Commit, and wait for the drive; a lost power line loses nothing after this.

        Raises
        ------
        JournalFailed
            If the drive refused. The same descriptor is never synced again: the system may
            have dropped the pages it could not write.
        """
        self.commit()
        self._pen.wait()

    @property
    def place(self) -> Place:
        """The end of what was handed over; call `flush` first."""
        if self._path is None or self._buffer:
            raise AssertionError("the journal holds lines that were not handed over")
        return Place(file=self._path.name, bytes=self._file_bytes, crc=self._prev)

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
        if not self._pen.failed:
            self.sync()
        if self._file is not None and self._pen.is_idle:  # else the drive hangs, and its thread has the file
            self._file.close()
            self._file = None

    def _begin(self, path: Path) -> AppendFile:
        self._file = AppendFile(path, self._disk, is_marked=True)
        return self._file

    def _change_file(self, path: Path) -> None:
        """Go on in another file; the one before is whole on the drive first, and only read from then on."""
        old = self._file or (None if self._path is None else AppendFile(self._path, self._disk, is_marked=True))
        if old is not None:
            self._pen.put(old.finish)
        self._file, self._path, self._file_bytes = None, path, 0

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
                if good is not None and not self._was_lost(path, place, line):
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

    def _was_lost(self, path: Path, place: int, line: bytes) -> bool:
        """Tell whether a bad line is what a lost power line leaves: NULs, where nothing was on the drive yet."""
        known = synced_bytes(path)
        return known is not None and place + len(line) > known and b"\0" in line[max(known - place, 0):]

    def _set_aside(self, path: Path, line: int, place: int, reason: str) -> None:
        tail = path.read_bytes()[place:]
        number = 1
        while (aside := path.with_name(f"{path.name}.torn-{number}")).exists():
            number += 1
        let_write(path)
        descriptor = self._disk.open(aside)
        try:
            write_whole(descriptor, tail, self._disk)
            self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)
        self._disk.sync_folder(path.parent)
        self._disk.truncate(path, place)
        if (synced_bytes(path) or 0) > place:
            set_mark(path, place, self._disk)
        self.repair = Repair(str(path), line, len(tail), str(aside), reason)
