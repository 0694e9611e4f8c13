"""The loop that takes the place of pytest's: a process for each mutant, and tests until one is red.

Who killed a mutant the last time is asked first (`killers.txt`, a first guess and nothing more), after
those tests were green, in this process and in a second one, with nothing broken. Only for mutants that
live through that are all tests run once, to see which of them reach which function: then those run, the
likeliest first, until one is red.
"""

import gc
import importlib
import os
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import IO, Any

import pytest

from .mutants import Mutant, counted
from .targets import Target

ROOT = Path(__file__).parents[2]
COUNTER = "_mutations_counter"
GREEN, RED = 0, 1
LEAST_S = 2.0
"""A mutant that computes for so long beyond ten times of what its test takes is dead too."""
LONGEST = 1000
"""Bytes for the name of a test."""
WAITS_S = 300
"""And so is one that ends in no way at all."""
Place = tuple[str, ...]
"""File, and names of the classes and functions around, outermost first."""


class Broken(Exception):
    """The tests do not hold with nothing broken."""


class Breaking:
    """The plugin that takes the place of pytest's loop over the tests.

    Parameters
    ----------
    killers
        Mutant's key -> the test that killed it the last time.
    """

    def __init__(
        self, mutants: list[Mutant], targets: dict[str, Target], killers: dict[str, str], jobs: int
    ) -> None:
        self.mutants, self.targets, self.jobs = mutants, targets, jobs
        self.killers = {mutant.key: killers[mutant.key] for mutant in mutants if mutant.key in killers}
        self.survivors: list[Mutant] = []
        self.trouble = ""
        self._items: dict[str, pytest.Item] = {}
        self._seconds: dict[str, float] = {}
        self._report: list[pytest.TestReport] = []

    def pytest_collection(self, session: pytest.Session) -> None:
        """No shrinking: that a test is red is enough. The same examples each time."""
        from hypothesis import Phase, settings  # not before pytest has begun: it looks into it for its assertions

        settings.register_profile("mutations", deadline=None, database=None, derandomize=True,
                                  phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutations")
        session.config.option.tbstyle = "native"  # nobody reads why a test is red

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._report.append(report)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        try:
            self._break_all()
        except Broken as broken:
            self.trouble = str(broken)
        except KeyboardInterrupt:
            self.trouble = "interrupted"
        return True

    def _break_all(self) -> None:
        guessed = {mutant: self.killers[mutant.key] for mutant in self.mutants
                   if self.killers.get(mutant.key) in self._items}
        self._prove_green(dict.fromkeys(guessed.values()))
        alive = [mutant for mutant in self.mutants if mutant not in guessed]
        alive += self._try(list(guessed), lambda mutant: [guessed[mutant]])
        if alive:
            _say(f"{len(alive)} of {len(self.mutants)} not killed by who did it before, looking for others")
            self.survivors = self._try(alive, self._found(alive), loud=True)

    def _found(self, alive: list[Mutant]) -> Callable[[Mutant], list[str]]:
        """Give what gives the tests that reach a mutant, the likeliest first as of then."""
        files = {mutant.file for mutant in alive}
        tests = [test for test in self._items
                 if any(test.startswith(start) for file in files for start in self.targets[file].tests)]
        reached = self._look(files, tests)
        self._prove_green(tests)

        def likeliest(mutant: Mutant) -> list[str]:
            known = Counter(self.killers[other.key] for other in self.mutants
                            if other.key in self.killers and _place(other) == _place(mutant))
            return sorted(reached.get(_place(mutant), ()), key=lambda test: (-known[test], self._seconds[test]))

        return likeliest

    def _look(self, files: Iterable[str], tests: Sequence[str]) -> dict[Place, list[str]]:
        """Run tests with nothing broken, and note which of them reach which function."""
        here: set[Place] = set()
        before: list[tuple[Any, CodeType]] = []
        for file in files:
            for module, path, code in counted(ROOT, file, self.targets[file].functions, COUNTER):
                function = function_of(module, path)
                before.append((function, function.__code__))
                function.__code__ = code
                function.__globals__[COUNTER] = lambda file, path: here.add((file, *path))
        reached: dict[Place, list[str]] = {}
        for test in tests:
            here.clear()
            self._prove_green_here(test)
            for place in here:
                reached.setdefault(place, []).append(test)
        for function, code in before:
            function.__code__ = code
        return reached

    def _prove_green(self, tests: Iterable[str]) -> None:
        """Run tests with nothing broken: here, and in a process like those of the mutants."""
        tests = list(tests)
        for test in tests:
            if test not in self._seconds:
                self._prove_green_here(test)
        _settle()
        for _, red in self._forked([None], lambda _: tests, 1):
            if red is not None:
                raise Broken(f"{red} is red when it runs a second time, with nothing broken")

    def _prove_green_here(self, test: str) -> None:
        since_s = _cpu_s()
        if not self._runs(test):
            raise Broken(f"{test} is red before anything is broken")
        self._seconds[test] = _cpu_s() - since_s

    def _try(
        self, mutants: list[Mutant], tests_of: Callable[[Mutant], list[str]], loud: bool = False
    ) -> list[Mutant]:
        """Let mutants live, each against its tests; give those that no test noticed."""
        _settle()
        survivors = []
        for mutant, red in self._forked(mutants, tests_of, self.jobs):
            if red is None:
                survivors.append(mutant)
                if loud:
                    _say(f"alive: {mutant.key}")
            else:
                self.killers[mutant.key] = red
        return survivors

    def _forked(
        self, mutants: list[Any], tests_of: Callable[[Any], list[str]], jobs: int
    ) -> Iterator[tuple[Any, str | None]]:
        """Give for each mutant the test that was red, or in which it died: None for none."""
        running: dict[int, tuple[Any, IO[bytes]]] = {}
        waiting = mutants[::-1]
        while waiting or running:
            while waiting and len(running) < jobs:
                mutant = waiting.pop()
                tests, said = tests_of(mutant), tempfile.TemporaryFile()  # noqa: SIM115 - until its process ends
                pid = os.fork()
                if pid == 0:
                    self._live(mutant, tests, said.fileno())
                running[pid] = mutant, said
            pid, status = os.wait()
            code = os.waitstatus_to_exitcode(status)
            mutant, said = running.pop(pid)
            with said:
                last = os.pread(said.fileno(), LONGEST, 0).decode().rstrip()
            if code == -signal.SIGKILL:
                raise Broken(f"{last} was killed from outside")
            yield mutant, None if code == GREEN else last

    def _live(self, mutant: Mutant | None, tests: list[str], says: int) -> None:
        """Be the mutant: say which test runs, end at the first that is red, and with 0 where none is."""
        code = RED
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if mutant is not None:
                function_of(mutant.module, mutant.path).__code__ = mutant.code
            for test in tests:
                os.pwrite(says, test.encode().ljust(LONGEST), 0)
                signal.alarm(WAITS_S)
                signal.setitimer(signal.ITIMER_PROF, LEAST_S + 10 * self._seconds[test])
                if not self._runs(test):
                    break
            else:
                code = GREEN
        finally:  # whatever a mutant raises where no test catches it, this process never goes on as its parent
            os._exit(code)

    def _runs(self, test: str) -> bool:
        """Run a test, and tell whether it is green."""
        self._report.clear()
        item = self._items[test]
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return not any(report.failed for report in self._report)


def function_of(module: str, path: tuple[str, ...]) -> Any:
    """Give the function that stands at a place."""
    found: Any = importlib.import_module(module)
    for name in path:
        found = getattr(found, name)
    return found.fget if isinstance(found, property) else found


def _place(mutant: Mutant) -> Place:
    return (mutant.file, *mutant.path)


def _settle() -> None:
    """Make what is known here cheap to share: no collector walks over it in the processes to come."""
    gc.collect()
    gc.freeze()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
