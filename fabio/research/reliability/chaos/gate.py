"""Gate: what lies between one life and its drive; a life that ended writes nothing any more."""

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from fabio.research.reliability.chaos.plot import DriveFault, Plot
from fabio.research.reliability.faulty_disk import Fault, FaultyDisk

SLOW_S = (0.02, 0.2)
"""What a piece of work takes a slow drive."""
SHORT_SHARE = 0.3
_ONCE = {"failed_sync": "sync", "failed_write": "write"}  # woe -> the call that fails


class Drive:
    """What is wrong with the machine's drive, over all lives.

    Parameters
    ----------
    seconds
        Tells what time it is in the run.

    Attributes
    ----------
    struck
        How often each woe was felt.
    """

    def __init__(self, plot: Plot, seconds: Callable[[], float]) -> None:
        self.struck: Counter[str] = Counter()
        self._left = list(plot.drive)
        self._seconds = seconds
        self._dice = Random(f"drive's own {plot.seed}")

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return self._now("full") is not None

    def fault(self, what: str) -> int:
        """Give the error that a write or sync meets now; 0 for none."""
        if what == "write" and self.is_full:
            self.struck["full"] += 1
            return errno.ENOSPC
        for woe, call in _ONCE.items():
            found = self._now(woe)
            if call == what and found is not None:
                self._left.remove(found)
                self.struck[woe] += 1
                return errno.EIO
        return 0

    def taken(self, size: int) -> int:
        """Give how much of a write is taken now."""
        if size < 2 or self._now("short") is None or self._dice.random() >= SHORT_SHARE:
            return size
        self.struck["short"] += 1
        return self._dice.randrange(1, size)

    def takes_s(self) -> float:
        """Give how long a piece of work takes now."""
        if self._now("slow") is None:
            return 0.0
        self.struck["slow"] += 1
        return self._dice.uniform(*SLOW_S)

    def _now(self, woe: str) -> DriveFault | None:
        at_s = self._seconds() if self._left else 0.0
        return next((each for each in self._left if each.woe == woe and each.from_s <= at_s < each.until_s), None)


class Gate:
    """A drive until its life ends; `journal/sync.py:Disk` is its shape.

    Parameters
    ----------
    drive
        What is wrong with it.
    found
        Told what must not be done to a drive, and was.
    """

    def __init__(self, disk: FaultyDisk, drive: Drive, found: Callable[[str], None]) -> None:
        self._disk = disk
        self._drive = drive
        self._found = found
        self._is_shut = False

    def shut(self, without_power: bool) -> None:
        """Let nothing through any more; without power the files are as the drive may have them."""
        self._is_shut = True
        if without_power:
            self._disk.lose_power()

    def _look(self) -> None:
        if self._is_shut:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def open(self, path: Path) -> int:
        """Open a file behind its end."""
        self._look()
        return self._disk.open(path)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write at the end."""
        self._look()
        self._meet("write", descriptor)
        return self._disk.write(descriptor, data[: self._drive.taken(len(data))])

    def sync(self, descriptor: int) -> None:
        """Wait for the drive."""
        self._look()
        self._meet("sync", descriptor)
        self._disk.sync(descriptor)

    def close(self, descriptor: int) -> None:
        """Let go, which a dead life may; where the power took it, nothing is left to let go of."""
        try:
            self._disk.close(descriptor)
        except KeyError:
            self._look()
            raise

    def put(self, path: Path, data: bytes) -> None:
        """Write over a small file."""
        self._look()
        self._disk.put(path, data)

    def truncate(self, path: Path, size: int) -> None:
        """Cut."""
        self._look()
        self._disk.truncate(path, size)

    def replace(self, source: Path, target: Path) -> None:
        """Rename."""
        self._look()
        self._disk.replace(source, target)

    def remove(self, path: Path) -> None:
        """Unlink."""
        self._look()
        self._disk.remove(path)

    def sync_folder(self, folder: Path) -> None:
        """Wait for the folder's names."""
        self._look()
        self._disk.sync_folder(folder)

    def free_bytes(self, folder: Path) -> int:
        """Tell how much more fits."""
        return 0 if self._drive.is_full else self._disk.free_bytes(folder)

    def _meet(self, what: str, descriptor: int) -> None:
        """Let the next call fail where the drive wants it, and see that no descriptor is used after it failed."""
        code = self._drive.fault(what)
        self._disk.faults = (Fault(what=what, number=1, code=code),) if code else ()
        if descriptor in self._disk.refused:
            self._found(f"a {what} on a file that the drive had refused before")
