"""One supervisor to an ecosystem, and one to a folder of records."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fabio.runtime.supervise.told import read_told


class SupervisorBusy(Exception):
    """Another supervisor is there already (exit code 6)."""

    def __init__(self, what: Path, pid: object) -> None:
        who = "another supervisor" if not isinstance(pid, int) else f"another supervisor (process {pid})"
        super().__init__(f"{who} keeps the processes of {what} alive: a second one would double them. "
                         "SIGHUP makes it read its files again, SIGTERM ends it")


@contextmanager
def hold(ecosystem: Path, logs: Path) -> Iterator[None]:
    """Be the only supervisor inside this block; the system lets go when the process ends, however it ends.

    Raises
    ------
    SupervisorBusy
        If there is another.
    """
    import fcntl

    logs.mkdir(parents=True, exist_ok=True)
    descriptors: list[int] = []
    try:
        for what, path, flags in ((logs, logs / "supervisor.lock", os.O_RDWR | os.O_CREAT),
                                  (ecosystem, ecosystem, os.O_RDONLY)):  # a folder can be locked itself
            descriptors.append(os.open(path, flags, 0o600))
            try:
                fcntl.flock(descriptors[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise SupervisorBusy(what, (read_told(logs) or {}).get("pid")) from None
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
