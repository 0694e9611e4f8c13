"""The tape: every tick as it came, in fixed binary records, readable after a kill.

A file per trading day: a header (magic, its length, JSON with the markets and the position
of the file's first tick), then records of 28 bytes, little-endian:

    ts_event_ns i8 | ts_recv_ns i8 | price_ticks i4 | size_steps i4 | side i1 | market i1 | check u2

`check` is the sum of the record's other thirteen 16-bit words, modulo 65536: any changed
word shows. A torn last record is cut, and so is what a lost power line has torn in the part that
was not on the drive yet. Gaps of the feed are events in the journal, which carry the tape's
position; the tape holds ticks only. Ticks that the journal names and the tape has lost are a
`Hole`: the file behind it says in its header how many, and behind which step.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.journal.appending import AppendFile, open_folder, set_mark, synced_bytes
from fabio.journal.files import day_and_number, day_files, day_path
from fabio.journal.pen import Pen
from fabio.journal.sync import SYSTEM, Disk
from fabio.journal.times import utc_day
from fabio.model.instrument import Instrument
from fabio.model.tick import Ticks

SUFFIX = ".tape"
MAGIC = b"FABIOTP1"
RECORD = np.dtype([
    ("ts_event_ns", "<i8"), ("ts_recv_ns", "<i8"), ("price_ticks", "<i4"), ("size_steps", "<i4"),
    ("side", "<i1"), ("market", "<i1"), ("check", "<u2"),
])
GROUP_TICKS = 65_536
"""This many waiting ticks are written without being asked."""
INT32 = np.iinfo(np.int32)


class TapeRange(ValueError):
    """A price or size too large for the tape's record."""


class TapeDamaged(Exception):
    """A tape file that is not as it was written; the message names the file and the record."""


class TapeMarket(msgspec.Struct, frozen=True):
    """One row of the header: what the tape's integers of a market mean."""

    symbol: str
    tick_size: str
    size_step: str


class TapeHeader(msgspec.Struct, frozen=True):
    """What stands before a file's records; `first_pos` counts the ticks before it.

    `lost` of them are on no file: the power went, after the journal's step `after_seq`.
    """

    v: int
    first_pos: int
    markets: tuple[TapeMarket, ...]
    lost: int = 0
    after_seq: int = 0


class Hole(msgspec.Struct, frozen=True):
    """Ticks `[first_pos, end_pos)` that were lived through and are lost; step `after_seq` was the last before."""

    first_pos: int
    end_pos: int
    after_seq: int


def _markets(instruments: Sequence[Instrument]) -> tuple[TapeMarket, ...]:
    return tuple(TapeMarket(each.symbol, str(each.tick_size), str(each.size_step)) for each in instruments)


def _check(records: NDArray[np.void]) -> NDArray[np.uint16]:
    words: NDArray[np.uint16] = records.view("<u2").reshape(-1, RECORD.itemsize // 2)
    total = words[:, 0].copy()
    for column in range(1, RECORD.itemsize // 2 - 1):
        total += words[:, column]
    return total


def _bad_rows(records: NDArray[np.void]) -> NDArray[np.intp]:
    """Find the records that are not as they were written; one of NULs has a check that holds."""
    is_empty = (records["check"] == 0) & (records["ts_recv_ns"] == 0) & (records["size_steps"] == 0)
    return np.flatnonzero((_check(records) != records["check"]) | is_empty)


def _pack(ticks: Ticks) -> bytes:
    for name, column in (("price", ticks.price_ticks), ("size", ticks.size_steps)):
        low, high = int(column.min()), int(column.max())
        if low < INT32.min or high > INT32.max:
            raise TapeRange(f"a {name} of {low if low < INT32.min else high} units does not fit the tape "
                            f"({INT32.min} to {INT32.max})")
    records = np.empty(len(ticks), dtype=RECORD)
    records["ts_event_ns"] = ticks.ts_event_ns
    records["ts_recv_ns"] = ticks.ts_recv_ns
    records["price_ticks"] = ticks.price_ticks
    records["size_steps"] = ticks.size_steps
    records["side"] = ticks.side
    records["market"] = ticks.market
    records["check"] = _check(records)
    return records.tobytes()


def _head(path: Path) -> tuple[TapeHeader, int] | None:
    """Give a file's header and the place of its first record; None where the header is torn."""
    with path.open("rb") as file:
        lead = file.read(len(MAGIC) + 4)
        if len(lead) < len(MAGIC) + 4:
            return None
        if not any(lead):
            return None  # the power went when only its name was there
        if lead[: len(MAGIC)] != MAGIC:
            raise TapeDamaged(f"{path} does not begin like a tape")
        length = int.from_bytes(lead[len(MAGIC):], "little")
        text = file.read(length)
    if len(text) < length:
        return None
    try:
        return msgspec.json.decode(text, type=TapeHeader), len(lead) + length
    except msgspec.MsgspecError as error:
        raise TapeDamaged(f"{path} has a header that cannot be read: {error}") from None


def _last_whole(path: Path) -> tuple[TapeHeader, int, int] | None:
    """Give a file's header, the place of its first record, and its count of whole records."""
    head = _head(path)
    if head is None:
        return None
    return head[0], head[1], (path.stat().st_size - head[1]) // RECORD.itemsize


class TapeWriter:
    """Append ticks as they came.

    Parameters
    ----------
    folder
        The folder `logs`; the files lie in `logs/tape`.
    instruments
        The engine's markets, in its order.
    disk, pen
        The file layer, and who writes; one pen for all files of a folder.

    Attributes
    ----------
    pos
        Ticks on this tape, those that wait in memory included: `tape_pos` of the last one.

    Raises
    ------
    TapeDamaged
        If the latest file is not a tape.
    """

    def __init__(self, folder: Path, instruments: Sequence[Instrument], disk: Disk = SYSTEM,
                 pen: Pen | None = None) -> None:
        self._folder = folder / "tape"
        self._disk = disk
        self._pen = pen or Pen()
        self._markets = _markets(instruments)
        self._waiting: list[Ticks] = []
        self._batch: Ticks | None = None  # the range of ticks that may still grow
        self._batch_start = self._batch_stop = 0
        self._waiting_ticks = 0
        self._file: AppendFile | None = None
        self._path: Path | None = None
        self._hole = (0, 0)  # ticks lost before the next file, and behind which step
        self.pos = 0
        open_folder(self._folder, disk)
        self._resume()

    def append(self, ticks: Ticks, start: int = 0, stop: int | None = None) -> None:
        """Add the ticks `[start, stop)` of a batch, by default all; it must not change until it is flushed.

        Neighbouring ranges of one batch are written as one: a replay comes in small steps.
        """
        stop = len(ticks) if stop is None else stop
        if stop == start:
            return
        if ticks is self._batch and start == self._batch_stop:
            self._batch_stop = stop
        else:
            self._end_batch()
            self._batch, self._batch_start, self._batch_stop = ticks, start, stop
        self._waiting_ticks += stop - start
        self.pos += stop - start
        if self._waiting_ticks >= GROUP_TICKS:
            self.flush()

    def _end_batch(self) -> None:
        if self._batch is not None:
            self._waiting.append(self._batch.slice(self._batch_start, self._batch_stop))
            self._batch = None

    def flush(self) -> None:
        """Hand everything over; once the pen has done it, a killed process loses nothing.

        Raises
        ------
        TapeRange
            If a number does not fit the record; nothing of the waiting ticks is written then.
        JournalFailed
            If the drive refused, now or earlier.
        """
        self._end_batch()
        if not self._waiting:
            return
        file = self._file or self._begin()
        data = _pack(Ticks.joined(self._waiting))  # live, every tick is a batch of its own
        self._waiting.clear()
        self._waiting_ticks = 0
        self._pen.put(lambda: file.write(data), len(data))

    def ask_drive(self) -> None:
        """Have everything that was handed over put on the drive."""
        if self._file is not None:
            self._pen.put(self._file.sync)

    def sync(self) -> None:
        """Flush, and wait for the drive."""
        self.flush()
        self.ask_drive()
        self._pen.wait()

    def roll(self, day: str) -> None:
        """Go on in the file of this trading day; an earlier day stays in the latest file."""
        if self._path is None:
            self._path = day_path(self._folder, day, 1, SUFFIX)
        elif day > day_and_number(self._path)[0]:
            if self._file is not None or self._path.exists():
                self.flush()
                self._end_file()
            self._path = day_path(self._folder, day, 1, SUFFIX)

    def lose(self, end_pos: int, after_seq: int) -> None:
        """Go on at a later position: the ticks between were lived through, and the power has taken them.

        Parameters
        ----------
        end_pos
            Where the journal's last line stands, > `pos`.
        after_seq
            That line's step.
        """
        self.flush()
        self._end_file()
        if self._path is not None and self._path.exists():
            day, number = day_and_number(self._path)
            self._path = day_path(self._folder, day, number + 1, SUFFIX)
        self._hole = (end_pos - self.pos, after_seq)
        self.pos = end_pos
        if self._path is not None:
            self._pen.put(self._begin().begin)

    def close(self) -> None:
        """Sync and let go of the file."""
        if not self._pen.failed:
            self.sync()
        if self._file is not None and self._pen.is_idle:
            self._file.close()
            self._file = None

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._pen.put(file.sync)
            self._pen.put(file.close)

    def _begin(self) -> AppendFile:
        if self._path is None:
            self._path = day_path(self._folder, utc_day(int(self._waiting[0].ts_recv_ns[0])), 1, SUFFIX)
        lost, after_seq = self._hole
        header = {"v": 1, "first_pos": self.pos - self._waiting_ticks, "markets": msgspec.to_builtins(self._markets)}
        if lost:
            header |= {"lost": lost, "after_seq": after_seq}
        self._hole = (0, 0)
        text = json.dumps(header).encode()
        head = MAGIC + len(text).to_bytes(4, "little") + text
        self._file = AppendFile(self._path, self._disk, head=head, is_marked=True)
        return self._file

    def _resume(self) -> None:
        files = day_files(self._folder, SUFFIX)
        while files:
            whole = _last_whole(files[-1])
            if whole is not None:
                header, start, count = whole
                count = self._sound(files[-1], start, count)
                place = start + count * RECORD.itemsize
                if place != files[-1].stat().st_size:
                    self._disk.truncate(files[-1], place)
                    if (synced_bytes(files[-1]) or 0) > place:
                        set_mark(files[-1], place, self._disk)
                self.pos = header.first_pos + count
                self._path = files[-1]
                if header.markets != self._markets:
                    day, number = day_and_number(files[-1])
                    self._path = day_path(self._folder, day, number + 1, SUFFIX)
                return
            self._disk.remove(files.pop())  # not even a whole header: no tick was in it

    def _sound(self, path: Path, start: int, count: int) -> int:
        """Count the records up to the first that the lost power has torn; other damage is left as it is."""
        known = synced_bytes(path)
        if known is None:
            return count
        first = min(max((known - start) // RECORD.itemsize, 0), count)
        records = np.fromfile(path, dtype=RECORD, count=count - first, offset=start + first * RECORD.itemsize)
        wrong = _bad_rows(records)
        return first + int(wrong[0]) if len(wrong) else count


class TapeReader:
    """Read a tape back.

    Parameters
    ----------
    folder
        The folder `logs`.

    Attributes
    ----------
    markets
        What the integers of each market mean, from the first file.
    first_pos, total
        The tape holds the ticks `[first_pos, total)`.
    holes
        Those among them that are lost.

    Raises
    ------
    TapeDamaged
        If a file is not a tape, or one is missing between two others.
    """

    def __init__(self, folder: Path) -> None:
        self._parts: list[tuple[Path, int, int, int]] = []  # path, first position, place, records
        self.markets: tuple[TapeMarket, ...] = ()
        self.holes: tuple[Hole, ...] = ()
        for path in day_files(folder / "tape", SUFFIX):
            whole = _last_whole(path)
            if whole is None:
                continue
            header, place, count = whole
            if header.lost:
                self.holes += (Hole(header.first_pos - header.lost, header.first_pos, header.after_seq),)
            if self._parts and header.first_pos - header.lost != self.total:
                raise TapeDamaged(f"{path} begins at tick {header.first_pos}, the file before ends at "
                                  f"{self.total}")
            self.markets = self.markets or header.markets
            self._parts.append((path, header.first_pos, place, count))

    @property
    def first_pos(self) -> int:
        """Position of the first tick kept; 0 unless early files were moved away."""
        return self._parts[0][1] if self._parts else 0

    @property
    def total(self) -> int:
        """Position after the last whole tick."""
        return self._parts[-1][1] + self._parts[-1][3] if self._parts else 0

    def read(self, start: int = 0, stop: int | None = None, batch: int = 262_144) -> Iterator[Ticks]:
        """Give the ticks `[start, stop)` in batches of at most `batch`.

        Raises
        ------
        TapeDamaged
            At the first record whose check does not hold.
        """
        stop = self.total if stop is None else min(stop, self.total)
        for path, first, place, count in self._parts:
            at, end = max(start - first, 0), min(stop - first, count)
            while at < end:
                size = min(batch, end - at)
                records = np.fromfile(path, dtype=RECORD, count=size, offset=place + at * RECORD.itemsize)
                wrong = _bad_rows(records)
                if len(wrong):
                    raise TapeDamaged(f"{path}: record {at + int(wrong[0]) + 1} is damaged")
                yield _ticks(records)
                at += size


def _ticks(records: NDArray[np.void]) -> Ticks:
    return Ticks(
        np.ascontiguousarray(records["ts_event_ns"]), np.ascontiguousarray(records["ts_recv_ns"]),
        records["price_ticks"].astype(np.int64), records["size_steps"].astype(np.int64),
        np.ascontiguousarray(records["side"]), np.ascontiguousarray(records["market"]),
    )
