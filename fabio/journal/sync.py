"""How each system makes a file durable: the one file that knows.

Linux has `fdatasync`, which skips the times of the file. macOS answers `fsync` before the
drive has written; only `F_FULLFSYNC` waits (Apple's `fsync(2)` page). Windows has `fsync`
(`_commit`) and cannot open a folder, whose entries are durable with the file.
"""

import os
import sys
from pathlib import Path


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


def write_whole(descriptor: int, data: bytes) -> None:
    """Write all of `data`: one call, and more only where the system took a part of it."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Put `data` in the place of `path` in one step: a reader sees the old or the new, never a half."""
    aside = path.with_name(path.name + ".tmp")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
    try:
        write_whole(descriptor, data)
        if durable:
            sync_file(descriptor)
    finally:
        os.close(descriptor)
    os.replace(aside, path)
    if durable:
        sync_folder(path.parent)
