"""Where records go: by default, files of JSON lines in a folder, each record once."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from fabio.journal.sync import sync_file, sync_folder, write_whole

DECISIONS, EVENTS = "trading_decisions", "trading_events"
"""The two tables: what was decided; what became of orders and trades."""
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class FMELStorage:
    """Append records to `FOLDER/RUN_ID.TABLE.jsonl`, each id once.

    What is streamed is on the drive when `append` returns. A backtest's records are with the operating
    system then: they outlive the process, and what a power cut takes a second run brings back; waiting for
    the drive would cost a short backtest more than all recording.

    Another place (a database, a queue) is a subclass with its own `append`, or an object that has
    `stream_realtime`, `append` and `read`; give it to a recorder as `storage`.

    Parameters
    ----------
    mode
        "BACKTEST" or "PAPER".
    agent_id, user_id, run_id
        Whose records they are; `run_id` names the files.
    stream_realtime
        True: records come one by one as they are made, not all at the end.
    folder
        Made when the first record comes.
    durable
        Wait for the drive at each `append`; None: where records are streamed.

    Attributes
    ----------
    repeated
        Records left out because their id was there already.
    damaged
        Lines of earlier writers that could not be read; a torn last line is cut off.
    """

    def __init__(self, mode: str, agent_id: str, user_id: str, run_id: str,
                 stream_realtime: bool = False, folder: str | os.PathLike[str] = "fmel",
                 durable: bool | None = None) -> None:
        self.mode, self.agent_id, self.user_id, self.run_id = mode, agent_id, user_id, run_id
        self.stream_realtime = stream_realtime
        self.durable = durable
        self.folder = Path(folder).absolute()
        self.repeated = 0
        self.damaged = 0
        self._seen: dict[str, set[str]] = {}  # table -> ids that are in its file
        self._paths: dict[str, Path] = {}

    def path(self, table: str) -> Path:
        """Name the file of a table."""
        if table not in self._paths:
            self._paths[table] = self.folder / f"{_UNFIT.sub('_', self.run_id)}.{table}.jsonl"
        return self._paths[table]

    def append(self, table: str, ids: Sequence[str], lines: Sequence[bytes]) -> int:
        """Write the records whose id is new and return how many.

        Parameters
        ----------
        table
            `DECISIONS` or `EVENTS`.
        ids, lines
            The id and the JSON text (no line end) of each record.

        Raises
        ------
        OSError
            Nothing of this call is in the file; call again with the same records.
        """
        seen, count = self._open(table), len(ids)
        if not seen.isdisjoint(ids) or len(set(ids)) < count:
            fresh = {known: line for known, line in zip(ids, lines, strict=True) if known not in seen}
            ids, lines = list(fresh), list(fresh.values())
        if lines:
            self._write(self.path(table), b"\n".join(lines) + b"\n")
            seen.update(ids)
        self.repeated += count - len(ids)
        return len(ids)

    def read(self, table: str) -> list[dict[str, Any]]:
        """Return the records of a table, in the order they were written; damaged lines are left out."""
        path = self.path(table)
        return [record for record in map(_record, _lines(path)) if record is not None] if path.exists() else []

    def _open(self, table: str) -> set[str]:
        if table not in self._seen:
            self.folder.mkdir(parents=True, exist_ok=True)
            seen: set[str] = set()
            path = self.path(table)
            for record in map(_record, _lines(path) if path.exists() else ()):
                if record is None:
                    self.damaged += 1
                else:
                    seen.add(str(record.get("decision_id" if table == DECISIONS else "event_id")))
            self._seen[table] = seen
        return self._seen[table]

    def _write(self, path: Path, block: bytes) -> None:
        durable = self.stream_realtime if self.durable is None else self.durable
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            with _locked(descriptor):
                end = _whole_lines(descriptor)
                try:
                    os.lseek(descriptor, end, os.SEEK_SET)
                    write_whole(descriptor, block)
                    if durable:
                        sync_file(descriptor)
                except OSError:
                    os.ftruncate(descriptor, end)  # a half-written block would look like records
                    raise
        finally:
            os.close(descriptor)
        if durable and end == 0:  # the folder has a name more
            sync_folder(path.parent)


def _lines(path: Path) -> list[bytes]:
    whole = path.read_bytes()
    return whole[:whole.rfind(b"\n") + 1].splitlines()


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _whole_lines(descriptor: int) -> int:
    """Cut off a last line without an end, the mark of a writer that died, and return the file's length."""
    end = kept = os.lseek(descriptor, 0, os.SEEK_END)
    if end:
        os.lseek(descriptor, end - 1, os.SEEK_SET)
        if os.read(descriptor, 1) == b"\n":
            return end
    while kept:
        start = max(0, kept - 65536)
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, kept - start).rfind(b"\n")
        if found >= 0:
            kept = start + found + 1
            break
        kept = start
    if kept != end:
        os.ftruncate(descriptor, kept)
    return kept


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Keep other processes out, so that each block is whole; Windows has no such lock and needs none
    unless two runs share one id."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield  # closing the descriptor unlocks it
