"""What if: a recorded day re-simulated with one thing changed, beside the same day with nothing changed.

The rules are computed anew. A model's answers are held fixed by time (`whatif_given` says how), so
what comes out holds given these answers. `baseline` and `exact` differ by the change alone; where
`recorded` and `baseline` differ, it is said why.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from fabio import __version__
from fabio.journal.reader import read_remarks
from fabio.learning.estimate import estimate_without
from fabio.learning.whatif_compare import changed_decisions, changed_results
from fabio.learning.whatif_given import Given
from fabio.learning.whatif_run import Happened, Outcome, Simulator, read_happened
from fabio.runtime.recorded import Recorded
from fabio.settings.load import Settings

WORTH_A_PROCESS_TICKS = 2_000_000
"""Ticks to live through from which more processes are worth their start (about 2 s each)."""
NO_ESTIMATE = "shadows tell only what guards cost: this changes something else"
Done = Callable[[int, int], None]


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One thing changed, or several at once."""

    without: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The change in words."""
        return ", ".join((*(f"without {guard}" for guard in self.without), *self.overrides)) or "nothing changed"


def no_one(done: int, total: int) -> None:
    """Show progress to nobody."""


def what_if(
    base: Settings, variants: Sequence[tuple[Variant, Settings]], folder: Path, *, with_requests: bool = False,
    jobs: int | None = None, progress: Done = no_one,
) -> dict[str, Any]:
    """Re-simulate a folder's day unchanged, and once for every variant.

    Parameters
    ----------
    variants
        Each with its own settings.
    with_requests
        Let people's requests and the feed's gaps happen again at their places.
    jobs
        Processes; None takes one for a short day, else as many as there are cores.
    progress
        Is told how many of the runs are done.

    Raises
    ------
    NothingRecorded
        If there is no tape.
    """
    recorded = Recorded(base, folder)
    happened = read_happened(recorded, with_requests)
    simulator = Simulator(recorded, happened.given)
    total = 1 + len(variants)
    progress(0, total)
    baseline = simulator.run(base)
    progress(1, total)
    wanted = [settings for _, settings in variants]
    ticks = recorded.tape.total
    if jobs is None:
        jobs = (os.cpu_count() or 1) if ticks * len(wanted) >= WORTH_A_PROCESS_TICKS else 1
    jobs = min(jobs, len(wanted))
    if jobs > 1:
        del simulator  # its ticks: each process reads its own
        outcomes = _in_processes(base, wanted, folder, happened.given, jobs, progress)
    else:
        outcomes = []
        for settings in wanted:
            outcomes.append(simulator.run(settings))
            progress(1 + len(outcomes), total)
    return {
        "logs": str(folder),
        "ticks": ticks,
        "recorded": _numbers(happened.outcome),
        "baseline": _run_row(baseline),
        "baseline_differs": _differs(base, recorded, happened, baseline),
        "variants": [
            _variant_row(variant, baseline, outcome)
            for (variant, _), outcome in zip(variants, outcomes, strict=True)
        ],
    }


def _numbers(outcome: Outcome) -> dict[str, Any]:
    return {"net_pnl": float(outcome.net_pnl), "trades": outcome.trades, "digest": outcome.digest}


def _run_row(outcome: Outcome) -> dict[str, Any]:
    return {
        **_numbers(outcome), "signals": len(outcome.decisions),
        "approved": sum(each.approved for each in outcome.decisions),
        "by_guard": dict(sorted(outcome.by_guard.items())),
        "model": msgspec.to_builtins(outcome.answers), "elapsed_s": outcome.seconds,
    }


def _variant_row(variant: Variant, baseline: Outcome, exact: Outcome) -> dict[str, Any]:
    estimate = _estimate_row(variant, baseline)
    guessed = estimate["net_pnl"]
    return {
        "name": variant.name, "without": list(variant.without), "set": list(variant.overrides),
        "estimate": estimate,
        "exact": _run_row(exact),
        "given_these_answers": exact.answers.held > 0,
        "difference": {
            "net_pnl": float(exact.net_pnl - baseline.net_pnl), "trades": exact.trades - baseline.trades,
            "same_digest": exact.digest == baseline.digest,
        },
        "estimate_error": None if guessed is None else round(guessed - float(exact.net_pnl), 2),
        "changed_decisions": changed_decisions(baseline, exact),
        "changed_results": changed_results(baseline, exact),
    }


def _estimate_row(variant: Variant, baseline: Outcome) -> dict[str, Any]:
    """Estimate from the baseline's shadows, so that its error is its own and not the record's."""
    if variant.overrides or not variant.without:
        return {"net_pnl": None, "trades": None, "digest": None, "reason": NO_ESTIMATE}
    found = estimate_without(baseline.missed, variant.without)
    made = f"{found.trades} trade" + ("" if found.trades == 1 else "s")
    unknown = f"; {found.unknown} more had no shadow of their own" if found.unknown else ""
    return {
        "net_pnl": float(baseline.net_pnl + found.net_pnl), "trades": baseline.trades + found.trades, "digest": None,
        "reason": f"signals that only {' or '.join(variant.without)} refused would have made {made} "
                  f"and {found.net_pnl:+.2f} USD{unknown}",
    }


def _differs(base: Settings, recorded: Recorded, happened: Happened, baseline: Outcome) -> list[str]:
    """Say why the day comes out otherwise than it was recorded; nothing where it does not."""
    if happened.outcome.digest == baseline.digest:
        return []
    reasons = [f"left out: {words}" for words in happened.left_out]
    runs = [remark for remark in read_remarks(recorded.folder) if remark.kind == "run"]
    if len(runs) > 1:
        reasons.append(f"it was recorded in {len(runs)} runs, here it is one")
    reasons += recorded.circumstances(__version__, base)
    return reasons or [f"this build decides otherwise: `fabio replay --against {recorded.folder}` names the first "
                       "difference"]


# -- processes --------------------------------------------------------------------------


_worker: list[Simulator] = []


def _begin(base: Settings, folder: Path, given: Sequence[Given]) -> None:
    """Prepare a process: it reads the tape once and lives through it for all its variants."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    _worker.append(Simulator(Recorded(base, folder), given))


def _run(settings: Settings) -> Outcome:
    return _worker[0].run(settings)


def _in_processes(
    base: Settings, wanted: Sequence[Settings], folder: Path, given: Sequence[Given], jobs: int, progress: Done,
) -> list[Outcome]:
    with _processes(jobs, base, folder, given) as executor:
        futures: list[Future[Outcome]] = [executor.submit(_run, settings) for settings in wanted]
        for done, future in enumerate(as_completed(futures), start=2):
            future.result()
            progress(done, 1 + len(wanted))
        return [future.result() for future in futures]


@contextmanager
def _processes(jobs: int, *begin_with: Any) -> Iterator[ProcessPoolExecutor]:
    """Start processes anew, not by a fork of this one with its threads; what is not begun is dropped on a failure."""
    executor = ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=begin_with,
    )
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
