"""One folder, one world: mode, feed, account, instruments; and one agent at a time in it.

State is restored only from the same world, so that a live agent never learns its position
from a demo, nor a demo from yesterday's NQ.
"""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson

from fabio.journal.sync import replace_file
from fabio.journal.times import iso

LOOKS, LOOK_S = 5, 0.01
HELD = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
"""What a system answers to whoever wants a lock that another has."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder's state is true for.

    Parameters
    ----------
    mode
        `test` or `live`.
    feed
        `demo`, `topstepx`, or the tape's path.
    account
        The venue's account id, or the name of the paper account.
    instruments
        Symbols, in the engine's order.
    """

    mode: str
    feed: str
    account: str
    instruments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.mode} mode, feed {self.feed}, account {self.account}, {' and '.join(self.instruments)}"


class OtherWorld(Exception):
    """The folder belongs to another world; `suggested` is a folder that does not (exit code 3)."""

    def __init__(self, folder: Path, theirs: World, ours: World) -> None:
        self.folder, self.theirs, self.ours = folder, theirs, ours
        self.suggested = suggested_folder(folder, ours)
        super().__init__(
            f"{folder} belongs to another world: it holds {theirs}; this run is {ours}. Its state would be "
            f"wrong here. Use another folder: --logs {self.suggested}"
        )


class FolderBusy(Exception):
    """Another agent runs in the folder; `pid` is its process id, None where it did not say."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.folder, self.pid = folder, pid
        who = "another agent" if pid is None else f"another agent (process {pid})"
        super().__init__(f"{who} runs in {folder}: stop it (`fabio stop --logs {folder}`), "
                         "or use another --logs")


class WorldUnreadable(Exception):
    """`world.json` is not what an agent wrote (exit code 3)."""


def suggested_folder(folder: Path, world: World) -> Path:
    """Name a folder beside `folder` for another world.

    >>> demo = World(mode="test", feed="data/es.csv", account="paper", instruments=("ES",))
    >>> suggested_folder(Path("logs"), demo).name
    'logs-test-es-es'
    """
    feed = Path(world.feed).name.split(".")[0]
    words = [world.mode, feed, *world.instruments]
    if world.mode == "live":
        words.append(world.account)
    text = "-".join(words).lower()
    return folder.with_name(f"{folder.name}-" + "".join(c if c.isalnum() or c == "-" else "_" for c in text))


def read_world(folder: Path) -> World | None:
    """Read a folder's world; None where no agent ran yet.

    Raises
    ------
    WorldUnreadable
        If `world.json` is not what an agent wrote.
    """
    path = folder / "world.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=World)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WorldUnreadable(f"{path} cannot be read: {error}; use another --logs, or mend it") from None


class Claim:
    """The right to write in a folder, held until `release` or the process ends."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self._folder = folder
        self._descriptor: int | None = descriptor
        self.then: Callable[[], None] = lambda: None  # what else is let go of, after the folder

    def release(self) -> None:
        """Let the next agent in."""
        if self._descriptor is not None:
            (self._folder / "agent.pid").unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None
            self.then()

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(folder: Path, world: World, ts_ns: int) -> Claim:
    """Make the folder this agent's, and this world's.

    Parameters
    ----------
    ts_ns
        Written as `started` where the folder is new.

    Raises
    ------
    FolderBusy
        While another agent runs in it.
    OtherWorld
        If it holds another world's state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = _lock_soon(folder / "agent.lock")
    if descriptor is None:
        raise FolderBusy(folder, running_pid(folder))
    try:
        theirs = read_world(folder)
        if theirs is not None and theirs != world:
            raise OtherWorld(folder, theirs, world)
        if theirs is None:
            text = {"v": 1, **msgspec.to_builtins(world), "started_ns": ts_ns, "started": iso(ts_ns)}
            replace_file(folder / "world.json", orjson.dumps(text, option=orjson.OPT_INDENT_2))
        replace_file(folder / "agent.pid", b"%d\n" % os.getpid(), durable=False)
    except BaseException:
        os.close(descriptor)
        raise
    return Claim(folder, descriptor)


def is_running(folder: Path) -> bool:
    """Tell whether an agent holds the folder now; a leftover `agent.pid` does not mislead."""
    path = folder / "agent.lock"
    if not path.exists():
        return False
    descriptor = lock_file(path)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def running_pid(folder: Path) -> int | None:
    """Give the process id in `agent.pid`, None where there is none."""
    try:
        return int((folder / "agent.pid").read_text("ascii"))
    except (OSError, ValueError):
        return None


def write_status(folder: Path, status: dict[str, Any]) -> None:
    """Replace `status.json` in one step; a reader never sees half of it."""
    replace_file(folder / "status.json", orjson.dumps(status, default=str), durable=False)


def read_status(folder: Path) -> dict[str, Any] | None:
    """Read `status.json`; None where no agent wrote one."""
    try:
        status: dict[str, Any] = orjson.loads((folder / "status.json").read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return None
    return status


def _lock_soon(path: Path) -> int | None:
    """Lock a file, or try again for a moment: somebody who only looks (`is_running`) has it that long."""
    for _ in range(LOOKS):
        descriptor = lock_file(path)
        if descriptor is not None:
            return descriptor
        time.sleep(LOOK_S)
    return None


def lock_file(path: Path) -> int | None:
    """Lock a file for this process; None where another holds it. The system lets go at its end.

    Raises
    ------
    OSError
        If there is no file to be had, or the file system knows no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in HELD:
            return None
        raise
    return descriptor
