"""How each system makes a file durable: the one file that knows.

Linux has `fdatasync`, which skips the times of the file. macOS answers `fsync` before the
drive has written; only `F_FULLFSYNC` waits (Apple's `fsync(2)` page). Windows has `fsync`
(`_commit`) and cannot open a folder, whose entries are durable with the file.

Whatever this room writes goes through a `Disk`, so that a faulty one can be put in its place
(`research/reliability/faulty_disk.py`): a full drive, a failed sync, a lost power line.
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Protocol


def sync_file(descriptor: int) -> None:
    """Return when the file's content is on the drive.

    Raises
    ------
    OSError
        The drive refused. Pages may have been dropped: never sync this descriptor again
        and hope (PostgreSQL learned it in 2018).
    """
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    elif sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the folder's list of names is on the drive."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Disk(Protocol):
    """The file layer: all that can change a file. Reading is the system's own."""

    def open(self, path: Path) -> int:
        """Open a file behind its end, made where it is not there, and give its descriptor."""

    def write(self, descriptor: int, data: bytes) -> int:
        """Write at the end; as the system's own `write` it may take only a part."""

    def sync(self, descriptor: int) -> None:
        """Return when the file's content is on the drive."""

    def close(self, descriptor: int) -> None:
        """Let go of a descriptor."""

    def put(self, path: Path, data: bytes) -> None:
        """Write over the beginning of a small file, without waiting for the drive."""

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file, and return when that is on the drive."""

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another name, in one step; durable with the folder's sync."""

    def remove(self, path: Path) -> None:
        """Take a file away, if it is there."""

    def sync_folder(self, folder: Path) -> None:
        """Return when the folder's list of names is on the drive."""

    def free_bytes(self, folder: Path) -> int:
        """Tell how much more can be written."""


_BINARY = getattr(os, "O_BINARY", 0)


class SystemDisk:
    """The system's own files."""

    def open(self, path: Path) -> int:
        """Open a file behind its end."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o644)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write at the end."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Wait for the drive."""
        sync_file(descriptor)

    def close(self, descriptor: int) -> None:
        """Let go."""
        os.close(descriptor)

    def put(self, path: Path, data: bytes) -> None:
        """Write over the beginning."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _BINARY, 0o644)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def truncate(self, path: Path, size: int) -> None:
        """Cut, and wait for the drive."""
        with path.open("r+b") as file:
            file.truncate(size)
            sync_file(file.fileno())

    def replace(self, source: Path, target: Path) -> None:
        """Rename."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Unlink."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Wait for the drive."""
        sync_folder(folder)

    def free_bytes(self, folder: Path) -> int:
        """Ask the file system."""
        return shutil.disk_usage(folder).free


SYSTEM: Disk = SystemDisk()


def write_whole(descriptor: int, data: bytes, disk: Disk = SYSTEM) -> None:
    """Write all of `data`: one call, and more only where the system took a part of it."""
    written = disk.write(descriptor, data)
    while written < len(data):
        written += disk.write(descriptor, data[written:])


def replace_file(path: Path, data: bytes, *, durable: bool = True, disk: Disk = SYSTEM) -> None:
    """Put `data` in the place of `path` in one step: a reader sees the old or the new, never a half."""
    aside = path.with_name(path.name + ".tmp")
    disk.remove(aside)  # what a kill left of an earlier one
    descriptor = disk.open(aside)
    try:
        write_whole(descriptor, data, disk)
        if durable:
            disk.sync(descriptor)
    finally:
        disk.close(descriptor)
    disk.replace(aside, path)
    if durable:
        disk.sync_folder(path.parent)
