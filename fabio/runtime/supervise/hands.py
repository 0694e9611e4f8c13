"""The hands on one process: start it, look at it, send it signals; whether it is our child or was adopted."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from fabio.journal.sync import replace_file
from fabio.journal.world import read_status, running_pid
from fabio.model.errors import ConfigError
from fabio.runtime.supervise import keeping
from fabio.runtime.supervise.definition import Definition
from fabio.runtime.supervise.last_word import LastWord, last_word
from fabio.runtime.supervise.reading import argv_of, environment_of
from fabio.runtime.supervise.system import identity, memory_mb

NO_START = 127
"""What a shell gives for a program that cannot be run."""
LAST_LINES_S = 1.0
_MB = 2**20


class Hands:
    """The hands on one process.

    Parameters
    ----------
    logs
        The supervisor's folder, for output that has no place of its own.

    Attributes
    ----------
    pid, mark
        The process's number, and what makes it this one; None where none runs.
    why_not
        Why the latest start failed; empty where it did not.
    """

    def __init__(self, name: str, definition: Definition, logs: Path) -> None:
        self.pid: int | None = None
        self.mark: str | None = None
        self.why_not = ""
        output = definition.output
        self._definition = definition
        self._files = (output.stdout or str(logs / f"{name}.out"), output.stderr or str(logs / f"{name}.err"))
        self._child: subprocess.Popen[bytes] | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._pipes: tuple[int, ...] = ()  # their reading ends: another keeper can go on where one was killed
        self._ending: list[subprocess.Popen[bytes]] = []  # keepers that have a last bit to write
        self._code: int | None = None
        self._beat = self._beat_mark()

    @property
    def errors(self) -> str:
        """The file of standard error."""
        return self._files[1]

    def start(self) -> None:
        """Start the process; one that cannot be started ends at once with `NO_START`."""
        self._let_go()
        self._beat, self.why_not = self._beat_mark(), ""
        out, err = os.pipe(), os.pipe()
        self._pipes = (out[0], err[0])
        try:
            self._keep()
            self._child = subprocess.Popen(
                argv_of(self._definition), cwd=self._definition.directory, stdin=subprocess.DEVNULL, stdout=out[1],
                stderr=err[1], start_new_session=True,  # Ctrl-C at our terminal is for us alone
                env=environment_of(self._definition, {**os.environ, "PYTHONUNBUFFERED": "1"}))
        except (OSError, ConfigError, subprocess.SubprocessError) as error:
            self._child, self._code, self.why_not = None, NO_START, str(error)
        finally:
            os.close(out[1])
            os.close(err[1])
        if self._child is None:
            self._let_go()
        else:
            self.pid, self.mark = self._child.pid, identity(self._child.pid)

    def adopt(self, pid: int, mark: str) -> None:
        """Take over a process that another supervisor has started."""
        self.pid, self.mark = pid, mark

    def runs(self) -> tuple[bool, int | None]:
        """Tell whether the process is there; if not, with which code it ended, None where nobody could know."""
        self._ending = [keeper for keeper in self._ending if keeper.poll() is None]
        if self._child is not None:
            code = self._child.poll()
            if code is None:
                if self._keeper is not None and self._keeper.poll() is not None:
                    with contextlib.suppress(OSError):  # the next look tries again
                        self._keep()
                return True, None
            self._code = code
            self._child = None
            self._let_go()
        elif self.pid is not None:
            if identity(self.pid) == self.mark:
                return True, None
            self._code = 0 if self.last_word().in_order else None
            self._let_go()
        return False, self._code

    def beats(self) -> bool:
        """Tell whether the heartbeat's file has changed since the last look, and by our process."""
        found = self._beat_mark()
        if found is None or found == self._beat:
            return False
        self._beat = found
        return self._definition.heartbeat is not None or self._is_our_status()

    def _is_our_status(self) -> bool:
        """Tell whether `status.json` is of the process we started, or of one that it started: they share its session.

        Another agent may hold the folder while ours finds out that it is taken.
        """
        try:
            status = read_status(Path(self._definition.records))
            return status is not None and os.getsid(int(status["pid"])) == self.pid
        except (OSError, KeyError, TypeError, ValueError):
            return False

    def memory_mb(self) -> float | None:
        """Give the process's memory."""
        return None if self.pid is None else memory_mb(self.pid)

    def send(self, number: int) -> None:
        """Send a signal; a SIGKILL takes what the process has started along."""
        if self.pid is None or (self._child is None and identity(self.pid) != self.mark):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def halt(self, reason: str) -> None:
        """Put the file HALT into the folder of records; one that is there says enough."""
        flag = Path(self._definition.records) / "HALT"
        if self._definition.records and not flag.exists():
            replace_file(flag, f"the supervisor: {reason}\n".encode())

    def last_word(self) -> LastWord:
        """Tell what the agent said last; other programs hold nothing."""
        if not self._definition.records:
            return LastWord("flat", False, False)
        return last_word(Path(self._definition.records))

    def holder(self) -> int | None:
        """Give the process that has the folder of records; None where nobody says so."""
        return running_pid(Path(self._definition.records)) if self._definition.records else None

    def close(self) -> None:
        """Wait a moment until the last lines are in their files; the process has ended."""
        for keeper in self._ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                keeper.wait(LAST_LINES_S)

    def _let_go(self) -> None:
        for descriptor in self._pipes:
            os.close(descriptor)
        self._pipes = ()
        if self._keeper is not None:
            self._ending.append(self._keeper)  # it ends by itself, once nobody can write any more
        self.pid = self.mark = self._keeper = None

    def _keep(self) -> None:
        output = self._definition.output
        pairs = [str(word) for pair in zip(self._pipes, self._files, strict=True) for word in pair]
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeping.__file__, str(round(output.size_mb * _MB)), str(output.kept), *pairs],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=self._pipes,
            start_new_session=True)

    def _beat_mark(self) -> tuple[int, int, int] | None:
        """Give what changes when the heartbeat's file is written; clocks are not compared, only told apart."""
        beats = self._definition.beats
        if beats is None:
            return None
        try:
            status = os.stat(beats.file)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
