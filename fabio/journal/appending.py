"""One file that only grows: opened at its first write, and never touched again once the drive refused it.

Beside the day files lies `synced`: the latest of them and how much of it is certainly on the
drive, written after each sync, itself without waiting. After a power loss pages may be missing
in the middle of what was not synced, with whole lines behind them; that is a torn tail. Bad
bytes before the mark are none: something else wrote there, or the drive has rotted.
"""

import stat
from pathlib import Path
from zlib import crc32

from fabio.journal.files import day_and_number
from fabio.journal.pen import JournalFailed
from fabio.journal.sync import SYSTEM, Disk, replace_file, write_whole

MARK = "synced"


class AppendFile:
    """A file being appended to; its methods are work for the pen.

    Parameters
    ----------
    head
        Written first, where the file is new or empty, and on the drive with the file's name.
    is_marked
        Whether its name has to be on the drive before its bytes, and each sync be noted in `synced`.
    """

    def __init__(self, path: Path, disk: Disk = SYSTEM, *, head: bytes = b"", is_marked: bool = False) -> None:
        self.path = path
        self._disk = disk
        self._head = head
        self._is_marked = is_marked
        self._descriptor: int | None = None
        self._bytes = 0
        self._synced_bytes = -1  # of which it is known, and noted, that they are on the drive
        self._is_broken = False

    def begin(self) -> None:
        """Open it, and have its name and head on the drive."""
        try:
            self._opened("open")
        except OSError as error:
            raise self._refused("open", error) from error

    def write(self, data: bytes) -> None:
        """Add bytes; a killed process loses nothing after this.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        try:
            write_whole(self._opened("write"), data, self._disk)
        except OSError as error:
            raise self._refused("write", error) from error
        self._bytes += len(data)

    def sync(self) -> None:
        """Wait for the drive; a lost power line loses nothing after this.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        if self._descriptor is None and not (self._is_marked and self.path.exists()):
            return  # nothing was written, in no earlier run either
        if self._bytes == self._synced_bytes and not self._is_broken:
            return
        try:
            self._disk.sync(self._opened("sync"))
            if self._is_marked:
                self._disk.put(self.path.parent / MARK, _mark(self.path, self._bytes))
        except OSError as error:
            raise self._refused("sync", error) from error
        self._synced_bytes = self._bytes

    def finish(self) -> None:
        """Sync and let go, and let the file be only read from now on."""
        self.sync()
        self.close()
        if self.path.exists():
            self.path.chmod(self.path.stat().st_mode & 0o555)

    def close(self) -> None:
        """Let go of the file; what was not synced may be lost with the power."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            self._disk.close(descriptor)

    def _opened(self, what: str) -> int:
        if self._is_broken:
            raise JournalFailed(f"cannot {what} {self.path}: the drive refused it before")
        if self._descriptor is None:
            if self.path.exists():
                let_write(self.path)  # a crash can fall between a file's end and the next one
                self._bytes = self.path.stat().st_size
            self._descriptor = self._disk.open(self.path)
            if self._head and self._bytes == 0:
                write_whole(self._descriptor, self._head, self._disk)
                self._bytes = len(self._head)
                self._disk.sync(self._descriptor)
            if self._is_marked:
                self._disk.sync_folder(self.path.parent)
            if self._is_marked and not (self.path.parent / MARK).exists():
                self._disk.sync(self._descriptor)
                set_mark(self.path, self._bytes, self._disk)
        return self._descriptor

    def _refused(self, what: str, error: OSError) -> JournalFailed:
        self._is_broken = True
        return JournalFailed(f"cannot {what} {self.path}: {error.strerror or error}")


def let_write(path: Path) -> None:
    """Let the owner write to a finished file again."""
    path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _mark(path: Path, count: int) -> bytes:
    text = f"{path.name} {count:015d}"
    return f"{text} {crc32(text.encode()):08x}\n".encode()


def set_mark(path: Path, count: int, disk: Disk) -> None:
    """Note how much of a day file is on the drive, and have the note there too."""
    replace_file(path.parent / MARK, _mark(path, count), disk=disk)


def synced_bytes(path: Path) -> int | None:
    """Tell how much of a day file was certainly on the drive once; None where nothing says so."""
    try:
        text = (path.parent / MARK).read_bytes().partition(b"\n")[0].decode("ascii", "replace")
    except OSError:
        return None
    words = text.split(" ")
    if len(words) != 3 or f"{crc32(' '.join(words[:2]).encode()):08x}" != words[2]:
        return None
    if words[0] != path.name:
        is_later = day_and_number(path) > day_and_number(path.with_name(words[0]))
        return 0 if is_later else path.stat().st_size  # what came before the marked file is whole
    return int(words[1])


def open_folder(folder: Path, disk: Disk) -> None:
    """Make a folder, its name on the drive."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        disk.sync_folder(folder.parent)
