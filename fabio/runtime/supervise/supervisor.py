"""The supervisor: looks at every process a few times a second, and lets their courses decide.

Three root tasks: the looks, the pages, and the watch on Python files. Children live in sessions of their
own and write into pipes that keepers of their own empty, so the end of a supervisor, however it comes, ends
no process; the next one takes them over by number and beginning.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from fabio.model.errors import ConfigError
from fabio.runtime.supervise.definition import Definition
from fabio.runtime.supervise.hands import Hands
from fabio.runtime.supervise.lived import Lived
from fabio.runtime.supervise.member import Member, mark_of
from fabio.runtime.supervise.reading import read_ecosystem
from fabio.runtime.supervise.told import is_same, read_told, write_told

LOOK_S = 0.2
MOST_BETWEEN_LOOKS_S = 1.0
TELL_S = 1.0
KILLED, UNCERTAIN = 1, 7
OURS = "supervisor"


class Pages(Protocol):
    """Runs a person's program when they have to know at once."""

    def page(self, kind: str, text: str, ts_ns: int) -> None:
        """Put a page in line."""

    async def run(self) -> None:
        """Run the program for each page; for ever."""

    def last_words(self) -> None:
        """Give what waits, at the end."""


class Place(msgspec.Struct, frozen=True):
    """Where the files are, and where the records go."""

    ecosystem: Path
    logs: Path


class Supervisor:
    """Keeps the processes of an ecosystem alive.

    Parameters
    ----------
    definitions
        By name, in the order of their start.
    find_pager
        Finds who is paged, which may take seconds: in a thread, while the processes start; None for nobody.
    hear
        Takes lines: of whom, and the words.
    random_share
        Gives numbers in [0, 1), for the pauses.
    """

    def __init__(
        self, place: Place, definitions: Mapping[str, Definition], find_pager: Callable[[], Pages | None],
        hear: Callable[[str, str], None], random_share: Callable[[], float],
    ) -> None:
        self._place = place
        self._find_pager = find_pager
        self._pager: Pages | None = None
        self._early: list[str] | None = []  # pages from before it was found; None after that
        self._hear_line = hear
        self._random_share = random_share
        self._lived = Lived(time.monotonic, MOST_BETWEEN_LOOKS_S)
        self._members = {name: self._member(name, each) for name, each in definitions.items()}
        self._leaving = 0  # how often it was asked to end
        self._reread = asyncio.Event()  # the watch has to look at other files
        self._was_told: dict[str, object] = {}
        self._told_s = -TELL_S

    async def run(self) -> int:
        """Live until asked to end; give the exit code."""
        loop = asyncio.get_running_loop()
        for number, act in ((signal.SIGINT, self.leave), (signal.SIGTERM, self.leave), (signal.SIGHUP, self._read)):
            loop.add_signal_handler(number, act)
        self._take_over()
        others = [asyncio.create_task(self._watch(), name="watch"), asyncio.create_task(self._page(), name="pager")]
        looks = asyncio.create_task(self._look_on(), name="looks")
        try:
            await asyncio.wait([looks, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in others:
                if task.done():
                    task.result()  # ended before the looks did: it has failed
            await looks
        finally:
            for task in (looks, *others):
                task.cancel()
            await asyncio.gather(looks, *others, return_exceptions=True)
            for member in self._members.values():
                member.close()
            if self._pager is not None:
                self._pager.last_words()
        return self._exit_code()

    def leave(self) -> None:
        """Stop everything, in order, and end; the second time, kill what still runs."""
        self._leaving += 1
        self._hear(OURS, "ends: every process is stopped, the last one started first" if self._leaving == 1 else
                   "does not wait any longer: what still runs is killed")

    # -- the looks ----------------------------------------------------------------------

    async def _look_on(self) -> None:
        while True:
            now_s = self._lived.now_s()
            for member in list(self._members.values()):
                member.look(now_s, self._may_start(member))
                if member.is_leaving and not member.runs:
                    self._replace(member)
            if self._leaving:
                self._stop_in_order(now_s)
            self._tell(now_s)
            if self._leaving and not any(member.runs for member in self._members.values()):
                self._tell(now_s, "stopped")
                return
            await asyncio.sleep(LOOK_S)

    def _may_start(self, member: Member) -> bool:
        if self._leaving or member.is_leaving:
            return False
        return all(name in self._members and self._members[name].is_ready for name in member.definition.after)

    def _stop_in_order(self, now_s: float) -> None:
        """Stop whom nobody needs any more: those that came after are stopped first."""
        needed = {name for member in self._members.values() if member.runs for name in member.definition.after}
        for name, member in self._members.items():
            if name not in needed or not member.runs:
                member.ask_stop(now_s, "the supervisor ends")
            if self._leaving > 1:
                member.ask_kill(now_s)

    def _replace(self, member: Member) -> None:
        member.close()
        if member.successor is None:
            del self._members[member.name]
            self._hear(OURS, f"{member.name} is gone: no file names it any more")
        else:
            self._members[member.name] = self._member(member.name, member.successor)

    def _tell(self, now_s: float, state: str = "running") -> None:
        """Write down what there is: each second, and at once where something has changed."""
        told = {name: member.told(now_s) for name, member in self._members.items()}
        kept = {name: (each["state"], each["pid"], each["starts"]) for name, each in told.items()}
        if kept == self._was_told and now_s - self._told_s < TELL_S and state == "running":
            return
        self._was_told, self._told_s = dict(kept), now_s
        try:
            write_told(self._place.logs, state, self._place.ecosystem, told)
        except OSError as error:
            self._hear(OURS, f"what there is cannot be written down: {error}")

    # -- what comes from outside --------------------------------------------------------

    def _read(self) -> None:
        """Read the files again; where they do not stand, everything stays as it is."""
        try:
            found = read_ecosystem(self._place.ecosystem)
        except ConfigError as error:
            self._hear(OURS, f"the files are not taken, all stays as it is: {error}")
            return
        now_s = self._lived.now_s()
        self._hear(OURS, f"has read the files again: {', '.join(found)}")
        for name, member in self._members.items():
            if name not in found:
                member.is_leaving, member.successor = True, None
                member.ask_stop(now_s, "no file names it any more")
        for name, definition in found.items():
            known = self._members.get(name)
            if known is None:
                self._members[name] = self._member(name, definition)
                continue
            if known.is_leaving or known.mark != mark_of(definition):
                known.is_leaving, known.successor = True, definition
                known.ask_stop(now_s, "its definition has changed")
            elif known.course.state == "stopped":
                known.ask_restart(now_s, "the files were read again")
        self._members = {name: self._members[name] for name in
                         (*found, *(name for name in self._members if name not in found))}
        self._reread.set()

    async def _watch(self) -> None:
        """Restart whose Python has changed."""
        from watchfiles import PythonFilter, awatch

        while True:
            self._reread.clear()
            paths = sorted({path for member in self._members.values() for path in member.definition.watch})
            if not paths:
                await self._reread.wait()
                continue
            try:
                async for changes in awatch(*paths, watch_filter=PythonFilter(), stop_event=self._reread):
                    self._restart_changed({Path(path) for _, path in changes})
            except (OSError, RuntimeError) as error:  # the system's limit of watches, a folder that is gone
                self._hear(OURS, f"{', '.join(paths)} cannot be watched: {error}; SIGHUP tries again")
                await self._reread.wait()

    def _restart_changed(self, changed: set[Path]) -> None:
        now_s = self._lived.now_s()
        for member in self._members.values():
            roots = [Path(path).resolve() for path in member.definition.watch]
            ours = sorted(path.name for path in changed if any(path.resolve().is_relative_to(root) for root in roots))
            if ours and not self._leaving and member.definition.schedule is None:
                more = f" and {len(ours) - 1} more" if len(ours) > 1 else ""
                member.ask_restart(now_s, f"{ours[0]}{more} has changed")

    # -- beginning and end --------------------------------------------------------------

    def _take_over(self) -> None:
        """Adopt what an earlier supervisor has left running."""
        told = read_told(self._place.logs)
        if told is None:
            return
        now_s = self._lived.now_s()
        for name, each in told["processes"].items():
            runs = is_same(each.get("pid"), each.get("identity"))
            member = self._members.get(name)
            if member is not None:
                member.remember(each, runs, now_s)
                if runs and each.get("mark") != member.mark:
                    member.ask_restart(now_s, "its definition has changed")
            elif runs:
                self._hear(OURS, f"process {each['pid']}, {name} of an earlier supervisor, still runs and no file "
                                 "names it: left alone")

    def _member(self, name: str, definition: Definition) -> Member:
        return Member(name, definition, Hands(name, definition, self._place.logs), self._random_share, self._hear)

    async def _page(self) -> None:
        self._pager = await asyncio.to_thread(self._find_pager)
        early, self._early = self._early or [], None
        if self._pager is None:
            await asyncio.Event().wait()  # a root task that ends, ends all
            return
        for text in early:
            self._pager.page("process", text, time.time_ns())
        await self._pager.run()

    def _hear(self, name: str, text: str, is_page: bool = False) -> None:
        if not is_page:
            self._hear_line(name, text)
        elif self._pager is not None:
            self._pager.page("process", f"{name} {text}", time.time_ns())
        elif self._early is not None:
            self._early.append(f"{name} {text}")

    def _exit_code(self) -> int:
        ends = [member.course.last_exit for member in self._members.values()]
        if any(end.startswith(f"exit code {UNCERTAIN}") for end in ends):
            return UNCERTAIN
        return KILLED if self._leaving > 1 else 0
