"""`python -m tests.mutations`: break every guard and every control at the exit, one thing at a time.

Each mutant lives in a forked process, in which one function's code is another, and tests run until one
is red. A mutant that no test notices is a survivor: it fails the check, unless `equivalent.txt` says why
it changes nothing. Those listed there are broken with `--all` only.
"""

import argparse
import os
import resource
import sys
import zlib
from collections import Counter
from pathlib import Path

import pytest

from .breaking import ROOT, Breaking
from .mutants import Mutant, mutants_of
from .targets import TESTS, targets

EQUIVALENT = Path(__file__).parent / "equivalent.txt"
"""Mutants that change nothing: a line with the key, and the reason in the next one, indented."""
KILLERS = Path(__file__).parent / "killers.txt"
"""A test in a line, and in the next one, indented, the numbers of the mutants that it killed the last time."""


def pairs(file: Path) -> dict[str, str]:
    """Read lines that each have an indented one below them."""
    known: dict[str, str] = {}
    key = ""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("    ") and key:
            known[key] = line.strip()
        elif line.strip() and not line.startswith("#"):
            key = line.strip()
            known[key] = ""
    return known


def number_of(key: str) -> str:
    """Give the short number by which a mutant is remembered."""
    return f"{zlib.crc32(key.encode()):08x}"


def read_killers() -> dict[str, str]:
    """Give the test that killed each mutant the last time, by the mutant's number."""
    remembered = pairs(KILLERS) if KILLERS.exists() else {}
    return {number: test for test, numbers in remembered.items() for number in numbers.split()}


def write_killers(killers: dict[str, str]) -> None:
    """Remember who killed whom."""
    numbers: dict[str, list[str]] = {}
    for number, test in killers.items():
        numbers.setdefault(test, []).append(number)
    lines = ["# Which test killed which mutant, asked first the next time. Written by --learn."]
    for test in sorted(numbers):
        lines += [test, "    " + " ".join(sorted(numbers[test]))]
    KILLERS.write_text("\n".join(lines) + "\n", "utf-8")


def main() -> int:
    """Break everything; 0 where every mutant was noticed or changes nothing."""
    asked = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    asked.add_argument("--only", default="", help="only files whose name holds this")
    asked.add_argument("--jobs", type=int, default=2, help="mutants at a time (2)")
    asked.add_argument("--all", action="store_true", help="also those that are listed as changing nothing")
    asked.add_argument("--learn", action="store_true", help="remember in killers.txt which test killed which mutant")
    arguments = asked.parse_args()
    os.chdir(ROOT)
    known = pairs(EQUIVALENT)
    files = targets(arguments.only)
    made = [mutant for file, target in files.items() for mutant in mutants_of(ROOT, file, target.functions)]
    numbers = {mutant.key: number_of(mutant.key) for mutant in made}
    broken = made if arguments.all else [mutant for mutant in made if not known.get(mutant.key)]
    remembered = read_killers()
    guesses = {key: remembered[number] for key, number in numbers.items() if number in remembered}
    breaking = Breaking(broken, files, guesses, arguments.jobs)
    starts = tuple({start for target in files.values() for start in target.tests})
    code = pytest.main(
        ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:terminal", "-p", "no:logging", "-s", "--assert=plain",
         "--override-ini=addopts=--strict-markers", "-m", "not slow and not install",
         *(test for test in TESTS if test.startswith(starts))], plugins=[breaking])
    if arguments.learn:
        others = dict(remembered) if arguments.only else {}
        write_killers(others | {numbers[key]: test for key, test in breaking.killers.items()})
    if code not in (0, 5) or breaking.trouble:
        sys.stdout.write(f"{breaking.trouble or f'pytest ended with {code}'}\n")
        return 1
    alive = {mutant.key for mutant in breaking.survivors}
    unbroken = {mutant.key for mutant in made} - {mutant.key for mutant in broken}
    return told(made, alive | unbroken, {key for key, reason in known.items() if reason}, arguments.only)


def told(made: list[Mutant], alive: set[str], excused: set[str], only: str) -> int:
    """Print the table, and give the exit code."""
    lines = [f"{'module':<40}{'mutants':>9}{'killed':>9}{'same':>7}{'alive':>7}"]
    counts: dict[str, Counter[str]] = {}
    for mutant in made:
        kind = "killed" if mutant.key not in alive else "same" if mutant.key in excused else "alive"
        counts.setdefault(mutant.file, Counter())[kind] += 1
    for file, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        lines.append(f"{file:<40}{count.total():>9}{count['killed']:>9}{count['same']:>7}{count['alive']:>7}")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    lines.append(f"{sum(each.ru_utime + each.ru_stime for each in used):.0f} s of one core")
    bad = sorted(alive - excused)
    lines += [f"survived: {key}" for key in bad]
    stale = [] if only else sorted(excused - alive)
    lines += [f"listed as changing nothing, and not so: {key}" for key in stale]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if bad or stale else 0


if __name__ == "__main__":
    sys.exit(main())
