"""Real agent processes, many of them: forked from one that has everything imported and compiled already.

A start of Python with all kernels loaded costs two seconds, a fork of one that has them a few
milliseconds. Each child is a process of its own with its own files, and can be killed as such.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

REFUSED = 6
"""Exit code of a child whose folder belonged to another."""

Child = Callable[..., None]


class Nursery:
    """Forks children; POSIX only.

    Raises
    ------
    RuntimeError
        If its own process ended.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._mine, theirs = context.Pipe()
        self._process = context.Process(target=_nurse, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._mine.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()

    def start(self, child: Child, *arguments: Any, output: Path) -> int:
        """Run a function in a process of its own, and give its id; what it prints goes to `output`."""
        return int(self._ask("start", child, arguments, str(output)))

    def prepare(self, function: Child, *arguments: Any) -> None:
        """Run a function where all children are forked from, so that they need not."""
        self._ask("prepare", function, arguments)

    def wait(self, pid: int) -> int:
        """Wait for a child's end, and give its exit code: minus the signal where one ended it."""
        return int(self._ask("wait", pid))

    def kill(self, pid: int) -> None:
        """Kill a child by SIGKILL, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        self.wait(pid)

    def _ask(self, *words: Any) -> Any:
        try:
            self._mine.send(words)
            return self._mine.recv()
        except (EOFError, OSError):
            raise RuntimeError("the process that forks agents has ended") from None


def _nurse(pipe: Connection) -> None:
    from fabio.runtime.kernels import prepare_cache

    prepare_cache()  # before anything imports numba
    from fabio.research.reliability.processes.victims import warm

    warm()
    while True:
        try:
            words = pipe.recv()
        except EOFError:
            return
        if words[0] == "wait":
            pipe.send(os.waitstatus_to_exitcode(os.waitpid(words[1], 0)[1]))
            continue
        if words[0] == "prepare":
            pipe.send(words[1](*words[2]))
            continue
        pid = os.fork()
        if pid == 0:
            pipe.close()
            _be(*words[1:])
        pipe.send(pid)


def _be(child: Child, arguments: tuple[Any, ...], output: str) -> None:
    """Be the child; never returns."""
    code = 1
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        child(*arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the edge of a process
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)
