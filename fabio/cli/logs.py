"""`fabio logs`: the human log or a file of records, its end, and what is added to it."""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from fabio.cli.options import DEFAULT_LOGS, LogsOption

LOGS = ("agent", "supervisor")
NAMES = (*LOGS, "decisions", "trades", "shadow", "learning", "llm_exchanges")
POLL_S = 0.1

NameArgument = Annotated[str, typer.Argument(metavar="[NAME]", help=f"One of {', '.join(NAMES)}.")]
FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are added, until Ctrl-C.")]
LinesOption = Annotated[int, typer.Option("--lines", "-n", min=0, metavar="N", help="How many lines of the end.")]


def logs(name: NameArgument = "agent", follow: FollowOption = False, lines: LinesOption = 20,
         logs: LogsOption = DEFAULT_LOGS) -> None:
    """Show the end of the human log, or of a file of records (decisions, trades, ...)."""
    from fabio.cli.failures import NotFound

    path = log_path(logs, name)
    if not path.exists() and not follow:
        raise NotFound(f"{path} is not there: nothing of that kind was recorded in {logs}")
    tail = Tail(path)
    for line in tail.last(lines):
        typer.echo(line, nl=False)
    while follow:
        for line in tail.more():
            typer.echo(line, nl=False)
        time.sleep(POLL_S)


def log_path(folder: Path, name: str) -> Path:
    """Name the file of a log.

    Raises
    ------
    BadUsage
        If there is no such log.
    """
    from fabio.cli.failures import BadUsage
    from fabio.model.errors import nearest

    word = name.removesuffix(".jsonl").removesuffix(".log")
    if word not in NAMES:
        meant = nearest(word, NAMES)
        raise BadUsage(f"no log is named {name!r}{f'; did you mean {meant}?' if meant else ''}: "
                       f"known are {', '.join(NAMES)}")
    return folder / (f"{word}.log" if word in LOGS else f"{word}.jsonl")


class Tail:
    """Reads a file's end and what comes after it, through replacement, truncation and late birth."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._inode = 0

    def last(self, count: int) -> list[str]:
        """Give the last whole lines, and stand behind them."""
        return list(deque(self.more(), maxlen=count))

    def more(self) -> Iterator[str]:
        """Give the whole lines that were added; those that were put aside with a full file come first."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._place:
                    yield from self._aside()
                    self._inode, self._place = status.st_ino, 0
                yield from self._whole(file)
        except FileNotFoundError:
            return

    def _aside(self) -> Iterator[str]:
        """Give what nobody has read of a full file that was just put aside."""
        with contextlib.suppress(FileNotFoundError), self._path.with_name(f"{self._path.name}.1").open("rb") as file:
            if os.fstat(file.fileno()).st_ino == self._inode:
                yield from self._whole(file)

    def _whole(self, file: BinaryIO) -> Iterator[str]:
        file.seek(self._place)
        for line in file:
            if not line.endswith(b"\n"):
                return
            self._place += len(line)
            yield line.decode("utf-8", "replace")
