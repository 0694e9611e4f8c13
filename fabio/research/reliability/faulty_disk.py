"""A drive that fails as drives do: full, refusing, taking half, slow, or without power.

It stands where `journal/sync.py:SystemDisk` stands and writes real files, so whoever reads sees
what the system's cache would show. Beside that it remembers how much of each file was synced,
and which names were, so that `lose_power` can leave a folder as a drive may be found after the
power went: what was synced is there; of the rest nothing, all, a part cut at any byte, or
sectors of NULs among whole ones; names, renames and small files put without a sync may be old.

Everything is chosen by a seed; nothing here is for a running agent.
"""

import errno
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from fabio.journal.sync import SYSTEM

SECTOR_BYTES = 512
NOTHING_FREE, PLENTY_FREE = 0, 1 << 40


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong, and when.

    Parameters
    ----------
    what
        `write`, `sync` or `open`.
    number
        Which call of that kind fails, from 1.
    code
        `errno.ENOSPC`, `errno.EIO`, ...
    lasts
        Whether every later call of that kind fails too.
    """

    what: str = "write"
    number: int
    code: int = errno.ENOSPC
    lasts: bool = True


class _Kept(msgspec.Struct):
    """What of a file is certain: its bytes up to `synced`, and its name."""

    synced: int
    is_named: bool


class FaultyDisk:
    """See the module; `journal/sync.py:Disk` is its shape.

    Parameters
    ----------
    seed
        Chooses where writes are cut and what is left without power.
    faults
        What goes wrong.
    short_share
        Share of writes that take a part only, without an error, as the system may.
    slow
        Called before each write and sync, with its name: may wait.

    Attributes
    ----------
    calls
        Calls so far, by kind.
    refused
        Descriptors that an error was raised on, each with the calls on it since: must stay empty of calls.
    """

    def __init__(self, seed: int = 0, faults: tuple[Fault, ...] = (), *, short_share: float = 0.0,
                 slow: Callable[[str], None] = lambda what: None) -> None:
        self.faults = faults
        self.calls: Counter[str] = Counter()
        self.refused: dict[int, int] = {}
        self.free = PLENTY_FREE
        self._random = random.Random(seed)
        self._short_share = short_share
        self._slow = slow
        self._paths: dict[int, Path] = {}
        self._kept: dict[Path, _Kept] = {}
        self._before: dict[Path, bytes | None] = {}  # replaced or put over since the last sync of the folder

    # -- the file layer ------------------------------------------------------------------

    def open(self, path: Path) -> int:
        """Open a file behind its end."""
        self._count("open", None)
        is_new = not path.exists()
        descriptor = SYSTEM.open(path)
        self._paths[descriptor] = path
        if path not in self._kept:  # what an earlier life wrote is on the drive by now
            self._kept[path] = _Kept(path.stat().st_size, not is_new)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        """Write at the end, perhaps a part, perhaps not at all."""
        code = self._count("write", descriptor)
        if code:
            os.write(descriptor, data[: self._random.randrange(len(data) + 1)])
            raise OSError(code, os.strerror(code))
        if len(data) > 1 and self._random.random() < self._short_share:
            data = data[: self._random.randrange(1, len(data))]
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Remember that the file's content is safe now."""
        code = self._count("sync", descriptor)
        if code:
            raise OSError(code, os.strerror(code))
        path = self._paths[descriptor]
        self._kept[path].synced = os.fstat(descriptor).st_size

    def close(self, descriptor: int) -> None:
        """Let go."""
        self._paths.pop(descriptor)
        self.refused.pop(descriptor, None)
        os.close(descriptor)

    def put(self, path: Path, data: bytes) -> None:
        """Write over a small file; without power it may be the old one."""
        self._remember(path)
        SYSTEM.put(path, data)

    def truncate(self, path: Path, size: int) -> None:
        """Cut; that waits for the drive."""
        os.truncate(path, size)
        self._kept[path] = _Kept(size, True)

    def replace(self, source: Path, target: Path) -> None:
        """Rename; without power the old name may be back."""
        self._remember(target)
        was_named = target in self._kept and self._kept[target].is_named
        os.replace(source, target)
        kept = self._kept.pop(source, None)
        if kept is not None:
            self._kept[target] = _Kept(kept.synced, kept.is_named or was_named)

    def remove(self, path: Path) -> None:
        """Unlink."""
        self._kept.pop(path, None)
        self._before.pop(path, None)
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Remember that the folder's names are safe now."""
        for path, kept in self._kept.items():
            if path.parent == folder:
                kept.is_named = True
        for path in [each for each in self._before if each.parent == folder]:
            del self._before[path]

    def free_bytes(self, folder: Path) -> int:
        """Tell what the test wants told."""
        return self.free

    # -- what goes wrong -----------------------------------------------------------------

    def heal(self) -> None:
        """Take everything from now on."""
        self.faults = ()

    def lose_power(self) -> None:
        """Close everything and leave the files as the drive may have them."""
        for descriptor in list(self._paths):
            self.close(descriptor)
        for path in sorted(self._before):
            if self._random.random() < 0.5:
                self._give_back(path, self._before[path])
                self._kept.pop(path, None)
        for path in sorted(self._kept):
            if path.exists():
                self._weather(path, self._kept[path])
        self._kept.clear()
        self._before.clear()

    def _weather(self, path: Path, kept: _Kept) -> None:
        if not kept.is_named and self._random.random() < 0.5:
            path.unlink()
            return
        path.chmod(0o644)
        data = path.read_bytes()
        tail = bytearray(data[kept.synced:])
        if not tail:
            return
        how = self._random.choice(("whole", "gone", "cut", "torn", "nul"))
        if how == "gone":
            tail.clear()
        elif how == "cut":
            del tail[self._random.randrange(len(tail)):]
        elif how == "nul":
            place = self._random.randrange(len(tail))
            tail[place:] = bytes(len(tail) - place)
        elif how == "torn":
            self._tear(tail, kept.synced)
        with path.open("r+b") as file:
            file.truncate(kept.synced)
            file.seek(kept.synced)
            file.write(tail)

    def _tear(self, tail: bytearray, start: int) -> None:
        """Lose every other sector or so; what is lost of the last ones is cut."""
        first = start // SECTOR_BYTES
        for sector in range(first, (start + len(tail)) // SECTOR_BYTES + 1):
            if self._random.random() < 0.5:
                low = max(sector * SECTOR_BYTES - start, 0)
                high = min((sector + 1) * SECTOR_BYTES - start, len(tail))
                tail[low:high] = bytes(max(high - low, 0))
        if self._random.random() < 0.5:
            del tail[len(tail.rstrip(b"\0")):]

    def _count(self, what: str, descriptor: int | None) -> int:
        self._slow(what)
        self.calls[what] += 1
        if descriptor in self.refused:
            self.refused[descriptor] += 1
        number = self.calls[what]
        for fault in self.faults:
            if fault.what == what and (number == fault.number or (fault.lasts and number > fault.number)):
                if descriptor is None:
                    raise OSError(fault.code, os.strerror(fault.code))
                self.refused.setdefault(descriptor, 0)
                return fault.code
        return 0

    def _remember(self, path: Path) -> None:
        if path not in self._before:
            self._before[path] = path.read_bytes() if path.exists() else None

    @staticmethod
    def _give_back(path: Path, data: bytes | None) -> None:
        if data is None:
            path.unlink(missing_ok=True)
        elif path.exists():
            path.chmod(0o644)
            path.write_bytes(data)
