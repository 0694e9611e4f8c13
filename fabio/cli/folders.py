"""Folders of records: what a person should know where one is missing or cannot be read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fabio.cli.failures import Failed, NotFound


@contextmanager
def records_in(logs: Path) -> Iterator[None]:
    """Check that a folder of records is there, and turn what is amiss inside this block into a sentence.

    Raises
    ------
    NotFound
        If there is no such folder, or it does not hold what was asked for.
    Failed
        If the system does not let us read it.
    """
    if not logs.is_dir():
        what = "is a file, not a folder" if logs.exists() else "does not exist"
        raise NotFound(f"{logs} {what}: `fabio run --logs {logs}` records into a folder, --logs DIR names another")
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.filename is None:
            raise
        raise Failed(f"{error.filename} cannot be read: {error.strerror}; check who owns it") from None
    except LookupError as error:
        if type(error).__name__ in ("NotThere", "NothingRecorded"):
            raise NotFound(str(error)) from None
        raise
