"""`python -m tests.mutations`: break every guard and every control at the exit, one thing at a time.

The tests are collected and run once, which must be green and tells which of them reach which
function. Then each mutant lives in a forked process, in which one function's code is another, and
the tests that reach the function run, the quickest first, until one is red. A mutant that no test
notices is a survivor: it fails the check, unless `equivalent.txt` says why it changes nothing.
"""

import argparse
import importlib
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from .mutants import Mutant, counted, mutants_of
from .targets import EQUIVALENT, FILES, GUARDS, TESTS

ROOT = Path(__file__).parents[2]
LIMIT_S = 60
"""A mutant that computes for so long is dead too."""
GREEN, RED = 0, 1
COUNTER = "_mutations_counter"


class Breaking:
    """The plugin that takes the place of pytest's loop over the tests."""

    def __init__(self, mutants: list[Mutant], files: dict[str, frozenset[str]], jobs: int) -> None:
        self.mutants, self.files, self.jobs = mutants, files, jobs
        self.survivors: list[Mutant] = []
        self.looked_s = 0.0
        self._reached: dict[tuple[str, ...], list[int]] = {}  # file and path of a function -> tests that ran it
        self._seconds: list[float] = []
        self._report: list[Any] = []
        self.items: list[pytest.Item] = []

    def pytest_collection(self) -> None:
        """No shrinking: that a test is red is enough. The same examples each time."""
        from hypothesis import Phase, settings  # not before pytest has begun: it looks into it for its assertions

        settings.register_profile("mutations", deadline=None, database=None, derandomize=True,
                                  phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutations")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._report.append(report)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        self._look()
        running: dict[int, Mutant] = {}
        waiting, done = list(self.mutants), 0
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop(0)
                pid = os.fork()
                if pid == 0:
                    os._exit(self._live(mutant))
                running[pid] = mutant
            pid, status = os.wait()
            mutant = running.pop(pid)
            done += 1
            if os.waitstatus_to_exitcode(status) == GREEN:
                self.survivors.append(mutant)
                sys.stderr.write(f"{done} of {len(self.mutants)}, alive: {mutant.key}\n")
        return True

    def _look(self) -> None:
        """Run every test once, and note which of the functions it reaches."""
        here: set[tuple[str, ...]] = set()
        before: list[tuple[Any, CodeType]] = []
        for file, only in self.files.items():
            for module, path, code in counted(ROOT, file, only, COUNTER):
                function = _function(module, path)
                before.append((function, function.__code__))
                function.__code__ = code
                function.__globals__[COUNTER] = lambda file, path: here.add((file, *path))
        began = time.perf_counter()
        for index, item in enumerate(self.items):
            here.clear()
            since = time.perf_counter()
            if not self._run(item):
                sys.exit(f"{item.nodeid} is red before anything is broken")
            self._seconds.append(time.perf_counter() - since)
            for key in here:
                self._reached.setdefault(key, []).append(index)
        for function, code in before:
            function.__code__ = code
        self.looked_s = time.perf_counter() - began

    def _run(self, item: pytest.Item) -> bool:
        self._report.clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return not any(report.failed for report in self._report)

    def _live(self, mutant: Mutant) -> int:
        """Be the mutant: 0 where no test goes red."""
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        tests = sorted(self._reached.get((mutant.file, *mutant.path), []), key=self._seconds.__getitem__)
        _function(mutant.module, mutant.path).__code__ = mutant.code
        try:
            return GREEN if all(self._run(self.items[index]) for index in tests) else RED
        except BaseException:  # noqa: BLE001 - whatever a mutant raises where no test catches it
            return RED


def _function(module: str, path: tuple[str, ...]) -> Any:
    found: Any = importlib.import_module(module)
    for name in path:
        found = getattr(found, name)
    return found


def targets(only: str) -> dict[str, frozenset[str]]:
    """Give every file that is broken, of those whose name holds `only`."""
    guards = [f"{GUARDS}/{path.name}" for path in sorted((ROOT / GUARDS).glob("*.py")) if not path.stem.startswith("_")]
    files = FILES | dict.fromkeys(guards, frozenset())
    return {file: functions for file, functions in files.items() if only in file}


def equivalents() -> dict[str, str]:
    """Read which mutants change nothing, and why."""
    known: dict[str, str] = {}
    key = ""
    for line in (Path(__file__).parent / EQUIVALENT).read_text("utf-8").splitlines():
        if line.startswith("    ") and key:
            known[key] = line.strip()
        elif line.strip() and not line.startswith("#"):
            key = line.strip()
            known[key] = ""
    return known


def main() -> int:
    """Break everything; 0 where every mutant was noticed or changes nothing."""
    asked = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    asked.add_argument("--only", default="", help="only files whose name holds this")
    asked.add_argument("--jobs", type=int, default=2, help="mutants at a time (2)")
    arguments = asked.parse_args()
    os.chdir(ROOT)
    began = time.perf_counter()
    files, known = targets(arguments.only), equivalents()
    mutants = [mutant for file, functions in files.items() for mutant in mutants_of(ROOT, file, functions)]
    breaking = Breaking(mutants, files, arguments.jobs)
    code = pytest.main(
        ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:terminal", "--override-ini=addopts=--strict-markers",
         "-m", "not slow and not install", *TESTS], plugins=[breaking])
    if code not in (0, 5):
        sys.stdout.write(f"pytest ended with {code}\n")
        return 1
    sys.stdout.write(f"{len(breaking.items)} tests, green in {breaking.looked_s:.0f} s\n")
    return told(mutants, breaking.survivors, known, time.perf_counter() - began, arguments.only)


def told(mutants: list[Mutant], survivors: list[Mutant], known: dict[str, str], seconds: float, only: str) -> int:
    """Print the table, and give the exit code."""
    file_of = {mutant.key: mutant.file for mutant in mutants}
    made = Counter(file_of.values())
    alive = [mutant.key for mutant in survivors]
    excused = [key for key in alive if known.get(key)]
    bad = sorted(set(alive) - set(excused))
    lines = [f"{'module':<40}{'mutants':>9}{'killed':>9}{'same':>7}{'alive':>7}"]
    for file, count in made.items():
        same, left = (sum(file_of[key] == file for key in keys) for keys in (excused, bad))
        lines.append(f"{file:<40}{count:>9}{count - same - left:>9}{same:>7}{left:>7}")
    lines.append(f"{'all':<40}{len(mutants):>9}{len(mutants) - len(alive):>9}{len(excused):>7}{len(bad):>7}")
    lines.append(f"{seconds:.0f} s")
    lines += [f"survived: {key}" for key in bad]
    stale = [] if only else sorted(set(known) - set(alive))
    lines += [f"listed as changing nothing, and not so: {key}" for key in stale]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())
