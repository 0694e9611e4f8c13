"""Member: one process with its course and the hands on it."""

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from fabio.journal.times import iso
from fabio.model.errors import ConfigError
from fabio.runtime.supervise.acts import Act, Halt, Page, Say, Seen, Send, Start
from fabio.runtime.supervise.course import Course
from fabio.runtime.supervise.definition import Definition
from fabio.runtime.supervise.hands import Hands
from fabio.runtime.supervise.reading import environment_of
from fabio.runtime.supervise.schedule import next_due_ns

LOOKS_A_MEMORY = 5
NS = 1_000_000_000


class Member:
    """One process of the ecosystem.

    Parameters
    ----------
    hear
        Takes what is said of it: the name, the words, and whether a person has to know at once.

    Attributes
    ----------
    mark
        Differs where the definition or its environment file do.
    is_leaving
        Whether no file names it any more, or another definition follows.
    successor
        That definition.
    """

    def __init__(
        self, name: str, definition: Definition, hands: Hands, random_share: Callable[[], float],
        hear: Callable[[str, str, bool], None],
    ) -> None:
        self.name = name
        self.definition = definition
        self.course = Course(definition, random_share, hands.errors)
        self.mark = mark_of(definition)
        self.is_leaving = False
        self.successor: Definition | None = None
        self._hands = hands
        self._hear = hear
        self._looks = 0
        self._memory_mb: float | None = None
        self._started_ns: int | None = None
        self._last_ns: int | None = None  # wall clock of the latest scheduled start
        self._since_ns = time.time_ns()

    @property
    def runs(self) -> bool:
        """Whether the process is there, as far as is known."""
        return self.course.runs

    @property
    def is_ready(self) -> bool:
        """Whether those that come after it may start."""
        return self.course.state == "ready"

    def remember(self, told: dict[str, Any], runs: bool, now_s: float) -> None:
        """Take over what an earlier supervisor knew, and its process where that still runs."""
        self._last_ns = told.get("last_ns")
        if runs:
            self._hands.adopt(told["pid"], told["identity"])
            self._started_ns = told.get("started_ns")
            self.course.adopt(now_s, was_ready=told.get("state") in ("ready", "running"))
            self._say(f"runs already as process {told['pid']}: taken over from an earlier supervisor")

    def look(self, now_s: float, may_start: bool) -> None:
        """See how the process does, and do what follows."""
        runs, code = self._hands.runs() if self.course.runs else (False, None)
        has_ended = self.course.runs and not runs
        word = self._hands.last_word() if has_ended else None
        self._looks += 1
        if not runs:
            self._memory_mb = None
        elif self._looks % LOOKS_A_MEMORY == 0:
            self._memory_mb = self._hands.memory_mb()
        self._do(self.course.look(Seen(
            now_s=now_s, running=runs, code=code, beat=runs and self._hands.beats(), memory_mb=self._memory_mb,
            may_start=may_start and self._is_due(), exposure="flat" if word is None else word.exposure,
            asked=word is not None and word.asked,
        )), now_s)

    def ask_stop(self, now_s: float, why: str) -> None:
        """Stop the process, for good."""
        self._do(self.course.ask_stop(now_s, why), now_s)

    def ask_restart(self, now_s: float, why: str) -> None:
        """Stop and start the process."""
        self._do(self.course.ask_restart(now_s, why), now_s)

    def ask_kill(self, now_s: float) -> None:
        """Wait no longer."""
        self._do(self.course.ask_kill(), now_s)

    def close(self) -> None:
        """Let the last lines be written; the process has ended."""
        self._hands.close()

    def told(self, now_s: float) -> dict[str, Any]:
        """Give what `supervisor.json` says of it."""
        course, runs = self.course, self.course.runs
        return {
            "state": self._state(), "note": course.note, "pid": self._hands.pid if runs else None,
            "identity": self._hands.mark if runs else None, "mark": self.mark, "starts": course.starts,
            "restarts": max(course.starts - 1, 0), "reducing": course.reducing, "last_exit": course.last_exit,
            "memory_mb": None if self._memory_mb is None else round(self._memory_mb, 1),
            "started_ns": self._started_ns, "started": None if self._started_ns is None else iso(self._started_ns),
            "last_ns": self._last_ns, "next_start": self._next_start(now_s),
        }

    def _state(self) -> str:
        course = self.course
        if course.state == "waiting" and course.elsewhere:
            return "runs elsewhere"
        if course.state == "waiting" and self.definition.schedule is not None:
            return "scheduled"
        if course.state == "ready" and self.definition.schedule is not None:
            return "running"
        return course.state

    def _next_start(self, now_s: float) -> str | None:
        if self.course.state != "waiting":
            return None
        pause_ns = round(max(self.course.start_at_s - now_s, 0.0) * NS)
        if self.definition.schedule is None:
            return iso(time.time_ns() + pause_ns)
        return iso(next_due_ns(self.definition.schedule, self._last_ns, self._since_ns))

    def _is_due(self) -> bool:
        schedule = self.definition.schedule
        return schedule is None or time.time_ns() >= next_due_ns(schedule, self._last_ns, self._since_ns)

    def _do(self, acts: list[Act], now_s: float) -> None:
        for act in acts:
            match act:
                case Start():
                    self._start()
                case Send(number=number):
                    self._hands.send(number)
                case Halt(reason=reason):
                    self._halt(reason)
                case Page(text=text):
                    self._hear(self.name, text, True)
                case Say(text=text):
                    self._say(text)

    def _start(self) -> None:
        self._hands.start()
        self._started_ns = time.time_ns()
        if self.definition.schedule is not None:
            self._last_ns = self._started_ns
        if self._hands.why_not:
            self._say(f"cannot be started: {self._hands.why_not}")
        elif not self.course.elsewhere:
            self._say(f"started as process {self._hands.pid}")

    def _halt(self, reason: str) -> None:
        try:
            self._hands.halt(reason)
        except OSError as error:
            self._hear(self.name, f"the file HALT cannot be put into {self.definition.records}: {error}", True)

    def _say(self, text: str) -> None:
        if self.course.elsewhere and self.course.state == "waiting" and text.startswith("runs already"):
            holder = self._hands.holder()
            text = text if holder is None else text.replace("somebody else", f"somebody else (process {holder})")
        self._hear(self.name, text, False)


def mark_of(definition: Definition) -> str:
    """Name what a process is started with; the environment file's content counts."""
    try:
        environment = environment_of(definition, {})
    except (ConfigError, OSError):
        environment = {}
    body = msgspec.json.encode([definition, sorted(environment.items()), os.getcwd()])
    return hashlib.sha256(body).hexdigest()[:16]
