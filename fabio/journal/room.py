"""Room on the drive: how much a start needs, when entries end, and what is kept back for the exits.

A full drive is met long before it is full: below 1 GiB nothing new starts, below 256 MiB entries
end. What may hold something at a venue by its record begins all the same, to reduce it, down to
16 MiB: it takes no entries until there is the room of a start. And 4 MiB lie in the file
`ballast`: where the drive is full all the same, it is taken away, so that what is told while
positions are closed (status, log, answers) has a place.
"""

import os
from contextlib import suppress
from pathlib import Path

from fabio.journal.sync import SYSTEM, Disk, write_whole

MIB = 1024 * 1024
START_BYTES = 1024 * MIB
ENTRIES_BYTES = 256 * MIB
REDUCING_BYTES = 16 * MIB
"""Room for the ballast and for the record of what is closed."""
BALLAST_BYTES = 4 * MIB
BALLAST = "ballast"


class NoRoom(Exception):
    """Too little room on the drive to begin (exit code 3)."""


def check_room(folder: Path, disk: Disk = SYSTEM, *, is_live: bool = False) -> str:
    """Refuse to begin on a drive that is nearly full; give why no entry may be taken, empty where entries may.

    Parameters
    ----------
    is_live
        Whether the folder's record, if it has one, may say that something is held at a venue.

    Raises
    ------
    NoRoom
        Below `START_BYTES`, and where what is held may have to be reduced below `REDUCING_BYTES`.
    """
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = disk.free_bytes(there)
    if free >= START_BYTES:
        return ""
    words = f"{free // MIB:,} MiB are free where {folder} lies, a start needs {START_BYTES // MIB:,}"
    if is_live and free >= REDUCING_BYTES and any((folder / "journal").glob("*.jsonl")):
        return words
    raise NoRoom(f"{words}: who cannot write a journal cannot trade. Free some space, or name a folder on another "
                 "drive with --logs")


def room_words(folder: Path, disk: Disk = SYSTEM, entries_bytes: int = ENTRIES_BYTES) -> str:
    """Say that entries must end because the drive is nearly full, or gone; empty where it is not."""
    try:
        free = disk.free_bytes(folder)
    except OSError as error:
        return f"the drive of the record does not say how much of it is free: {error}"
    if free >= entries_bytes:
        return ""
    return f"only {free // MIB:,} MiB are free on the drive of the record, entries need {entries_bytes // MIB:,}"


def lay_ballast(folder: Path, disk: Disk = SYSTEM) -> None:
    """Set space aside, where it is not yet; a drive that has none to give, or fails, is the journal's to meet."""
    path = folder / BALLAST
    with suppress(OSError):
        if path.exists() and path.stat().st_size >= BALLAST_BYTES:
            return
        disk.remove(path)
        descriptor = disk.open(path)
        try:
            for _ in range(BALLAST_BYTES // MIB):
                write_whole(descriptor, os.urandom(MIB), disk)  # zeros take no room on some file systems
        finally:
            disk.close(descriptor)


def drop_ballast(folder: Path, disk: Disk = SYSTEM) -> None:
    """Give the space back, for whatever is still to be told."""
    try:
        disk.remove(folder / BALLAST)
    except OSError:
        return  # the drive takes nothing more at all
