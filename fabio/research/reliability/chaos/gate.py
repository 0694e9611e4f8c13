"""Gate: what lies between one life and its drive; a life that ended writes nothing any more."""

import errno
import os
from pathlib import Path

from fabio.research.reliability.faulty_disk import FaultyDisk


class Gate:
    """A drive until its life ends; `journal/sync.py:Disk` is its shape."""

    def __init__(self, disk: FaultyDisk) -> None:
        self._disk = disk
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
        return self._disk.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Wait for the drive."""
        self._look()
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
        return self._disk.free_bytes(folder)
