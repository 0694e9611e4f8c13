"""Reading a stream of records on from a place, while it is written, cut off, or made again.

Only whole lines are taken. A bad one is passed over when a good one stands behind it, or when its file is finished:
until then it may be a tail that the next run of the agent cuts off. The line before the place is compared with what it
was: where it is another one (a tail was lost, the files were made again by another version) the stream begins anew,
and rows that are there already are replaced by the same.
"""

from pathlib import Path
from zlib import crc32

import msgspec

from fabio.adapters.sinks.port import Place
from fabio.journal.files import day_and_number, day_files, whole_line
from fabio.journal.lines import VERSION, LineBad
from fabio.journal.writer import SUFFIX

JOURNAL = "journal"
STREAMS = (JOURNAL, "decisions", "trades", "shadow", "learning", "llm_exchanges")
LINES_AT_ONCE = 250
BYTES_AT_ONCE = 4_000_000


class Line(msgspec.Struct, frozen=True):
    """A whole line, without its newline, and where the stream stands behind it."""

    data: bytes
    place: Place


class Damaged(msgspec.Struct, frozen=True):
    """A line that is no record of this version."""

    file: str
    line: int
    reason: str


class Part(msgspec.Struct, frozen=True):
    """What was read at once.

    Parameters
    ----------
    damaged
        Passed over for good; the place behind the lines counts them.
    doubtful
        Bad lines at the very end, which will be looked at again.
    end
        Where the stream stands once all of it is in.
    began_anew
        The place did not fit the files any more.
    is_last
        Nothing more stands behind it now.
    """

    lines: list[Line]
    damaged: list[Damaged]
    doubtful: list[Damaged]
    end: Place
    began_anew: bool
    is_last: bool


class _Head(msgspec.Struct):
    v: int
    ts_ns: int
    seq: int = 0


_DECODE_HEAD = msgspec.json.Decoder(_Head).decode


class RecordStream:
    """One stream of a folder of records.

    Parameters
    ----------
    name
        One of `STREAMS`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder

    def files(self) -> list[Path]:
        """Give the files there are, in the order of writing."""
        if self.name == JOURNAL:
            return day_files(self._folder / JOURNAL, SUFFIX)
        path = self._folder / f"{self.name}.jsonl"
        return [path] if path.exists() else []

    def shown(self, file: str) -> str:
        """Name a file as a person finds it below the folder."""
        return f"{JOURNAL}/{file}" if self.name == JOURNAL else file

    def behind_bytes(self, place: Place) -> int:
        """Give how many bytes stand behind a place."""
        files = self.files()
        names = [path.name for path in files]
        first = names.index(place.file) if place.file in names else 0
        sizes = [path.stat().st_size for path in files[first:]]
        return max(0, sum(sizes) - (place.offset if place.file in names else 0))

    def read(self, place: Place, lines_most: int = LINES_AT_ONCE) -> Part:
        """Give the next lines behind a place, at most so many and about `BYTES_AT_ONCE` bytes.

        Raises
        ------
        OSError
            If the system does not let us read.
        """
        files = self.files()  # before any is read: all but the last of these are finished
        names = [path.name for path in files]
        began_anew = False
        if place.file and place.file in names and not _fits(files[names.index(place.file)], place):
            place, began_anew = Place(place.stream), True
        if place.file not in names:
            later = [name for name in names if _is_later(name, place.file)]
            if names and not later:  # all are older than what was read: they are others
                place, began_anew, later = Place(place.stream), True, names
            if not later:
                return Part([], [], [], place, began_anew, True)
            place = msgspec.structs.replace(place, file=later[0], offset=0, line=0, length=0, crc=0)
        at = names.index(place.file)
        part = self._read_file(files[at], place, lines_most, is_finished=at < len(files) - 1)
        if not part.is_last or at == len(files) - 1:
            return msgspec.structs.replace(part, began_anew=began_anew)
        end = msgspec.structs.replace(part.end, file=names[at + 1], offset=0, line=0, length=0, crc=0)
        return msgspec.structs.replace(part, began_anew=began_anew, end=end, is_last=False)

    def _read_file(self, path: Path, place: Place, lines_most: int, *, is_finished: bool) -> Part:
        lines: list[Line] = []
        damaged: list[Damaged] = []
        bad: list[Damaged] = []
        before, taken_bytes, number, offset = place.damaged, 0, place.line, place.offset
        with path.open("rb") as file:
            file.seek(place.offset)
            for raw in file:
                if not raw.endswith(b"\n") and not is_finished:
                    break
                number, offset = number + 1, offset + len(raw)
                if not raw.strip():
                    continue
                try:
                    head = self._head(raw)
                except (LineBad, msgspec.MsgspecError, UnicodeDecodeError) as error:
                    bad.append(Damaged(self.shown(path.name), number, str(error)))
                    continue
                damaged, bad = damaged + bad, []
                nth = 0 if head.seq == 0 else place.nth + 1 if head.seq == place.seq else 1
                place = Place(place.stream, path.name, offset, number, len(raw), crc32(raw), head.seq, nth,
                              before + len(damaged))
                lines.append(Line(raw[:-1], place))
                taken_bytes += len(raw)
                if len(lines) >= lines_most or taken_bytes >= BYTES_AT_ONCE:
                    return Part(lines, damaged, [], place, False, False)
        if is_finished:
            damaged, bad = damaged + bad, []
            place = msgspec.structs.replace(place, damaged=before + len(damaged))
        return Part(lines, damaged, bad, place, False, True)

    def _head(self, raw: bytes) -> _Head:
        """Check a line and give what tells its step.

        Raises
        ------
        LineBad, MsgspecError, UnicodeDecodeError
            If it is no record of this version.
        """
        if self.name == JOURNAL:
            whole_line(raw)
        elif not raw.endswith(b"\n"):
            raise LineBad(f"it is torn after {len(raw)} bytes")
        head = _DECODE_HEAD(raw)
        if head.v != VERSION:
            raise LineBad(f"it has version {head.v}, this fabio reads version {VERSION}")
        return head


def _fits(path: Path, place: Place) -> bool:
    """Tell whether the line before the place is still the one that was taken."""
    if place.offset == 0:
        return True
    with path.open("rb") as file:
        file.seek(place.offset - place.length)
        return crc32(file.read(place.length)) == place.crc


def _is_later(name: str, than: str) -> bool:
    return not than or day_and_number(Path(name)) > day_and_number(Path(than))
