"""One account, one agent: a lock in the user's state folder, whatever folder the records lie in.

Two agents that are armed on one account would take each other's orders for a stranger's, and
each would allow itself the whole of the account's limits. The lock is named by the venue's address and
the account's id; the system lets go of it when the process ends, however it ends. It reaches as far as
one user of one machine.
"""

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import orjson

from fabio.journal.world import LOOK_S, LOOKS, FolderBusy, lock_file


class AccountBusy(Exception):
    """Another agent trades the account from another folder (exit code 6)."""

    def __init__(self, url: str, account: str, folder: str, pid: int | None) -> None:
        self.folder, self.pid = folder, pid
        who = "another agent" if pid is None else f"another agent (process {pid})"
        where = f", its records are in {folder}: stop it (`fabio stop --logs {folder}`)" if folder else ": stop it"
        super().__init__(f"{who} is live on account {account} at {url}{where}, or trade another account. "
                         "Two agents on one account would close each other's positions")


class NoStateFolder(Exception):
    """No folder can be written in which an account could be locked."""


class AccountClaim:
    """The right to trade an account, held until `release` or the process ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let the next agent in."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # Windows keeps what is open
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = None


def claim_account(url: str, account: str, folder: Path) -> AccountClaim:
    """Make an account this process's.

    Parameters
    ----------
    url, account
        The venue's address, and the account's id there.
    folder
        Where this agent's records lie, for whoever is refused.

    Raises
    ------
    AccountBusy
        While another agent has it.
    FolderBusy
        If that agent's records are in the same folder.
    NoStateFolder
        If it cannot be locked anywhere.
    """
    named = f"{url.rstrip('/').lower()} {account}"
    name = f"{hashlib.sha256(named.encode()).hexdigest()[:32]}.lock"
    why = "there is neither XDG_STATE_HOME nor a home"
    for parent in _state_folders():
        path = parent / "accounts" / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _lock_soon(path)
        except OSError as error:
            why = str(error)
            continue
        if descriptor is None:
            raise _busy(url, account, folder, _holder(path))
        _sign(descriptor, folder)
        return AccountClaim(path, descriptor)
    raise NoStateFolder(why)


def _busy(url: str, account: str, folder: Path, holder: dict[str, Any]) -> Exception:
    pid, theirs = holder.get("pid"), holder.get("folder")
    pid, theirs = pid if isinstance(pid, int) else None, theirs if isinstance(theirs, str) else ""
    if theirs == str(folder.absolute()):
        return FolderBusy(folder, pid)
    return AccountBusy(url, account, theirs, pid)


def _lock_soon(path: Path) -> int | None:
    """Lock the file that has this name; None where another process has it.

    Who lets go takes the file away: what was locked then may be one that nobody finds any more.
    """
    for _ in range(LOOKS):
        descriptor = lock_file(path)
        if descriptor is not None and _is_named(path, descriptor):
            return descriptor
        if descriptor is not None:
            os.close(descriptor)
        time.sleep(LOOK_S)
    return None


def _is_named(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _sign(descriptor: int, folder: Path) -> None:
    """Say in the file who holds it; a drive that takes no more leaves it without a name."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, orjson.dumps({"pid": os.getpid(), "folder": str(folder.absolute())}))


def _holder(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _state_folders() -> list[Path]:
    """Give where a program of this user may keep its state, the first to be asked first."""
    given = os.environ.get("XDG_STATE_HOME", "")
    folders = [Path(given) / "fabio"] if os.path.isabs(given) else []
    with contextlib.suppress(RuntimeError):  # no home at all
        folders.append(Path.home() / ".local" / "state" / "fabio")
    return folders
