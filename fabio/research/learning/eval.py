"""`fabio eval learning`: three agents on every seed's tapes, seeds side by side in processes."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from fabio.regime.evidence import LearningSettings
from fabio.research.learning.market import Terms, planned, tape
from fabio.research.learning.measure import SeedResult, measure, summary
from fabio.research.learning.run import AGENTS, live


def run_seed(seed: int, terms: Terms, learning: LearningSettings) -> SeedResult:
    """Let all agents live through one seed's tapes, and measure."""
    signals = planned(terms, seed)
    tapes = [tape(terms, signals, seed, session) for session in range(terms.sessions)]
    records = {agent: live(agent, terms, signals, tapes, learning) for agent in AGENTS}
    return measure(seed, terms, records)


def evaluate(seeds: Sequence[int], terms: Terms, learning: LearningSettings, jobs: int,
             say: Callable[[str], None]) -> dict[str, Any]:
    """Evaluate seeds and put them together.

    Parameters
    ----------
    seeds
        At least one; each 0 or more.
    jobs
        Processes side by side; 1 stays in this one. The answer does not depend on it.
    say
        Told how far it is.
    """
    results: list[SeedResult] = []
    for result in _results(seeds, terms, learning, min(jobs, len(seeds))):
        results.append(result)
        gain = result.net["learning"].r - result.net["off"].r
        say(f"seed {result.seed}: learning gains {gain:+.1f} R  ({len(results)} of {len(seeds)})")
    return summary(terms, sorted(results, key=lambda result: result.seed))


def _results(seeds: Sequence[int], terms: Terms, learning: LearningSettings, jobs: int) -> Iterator[SeedResult]:
    if jobs == 1:
        for seed in seeds:
            yield run_seed(seed, terms, learning)
        return
    yield run_seed(seeds[0], terms, learning)  # compiles the kernels once, where nobody has yet
    context = multiprocessing.get_context("spawn")  # forks of a process with threads can hang
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts) as pool:
        tasks = [pool.submit(run_seed, seed, terms, learning) for seed in seeds[1:]]
        try:
            for task in as_completed(tasks):
                yield task.result()
        finally:  # a person who interrupts waits for the seeds that run, not for those that wait
            for task in tasks:
                task.cancel()


def _leave_interrupts() -> None:
    """Let a person's Ctrl-C reach the parent alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def usual_jobs() -> int:
    """Say how many processes this machine has cores for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
