"""The real suite: what classifiers say of real sessions, against what the market did next.

Each file is measured for itself, its two questions (`forward.TASKS`) apart. Sessions go forward:
cuts, thresholds and models are learned on sessions before those that are scored. Every figure stands beside
persistence: the level realised in the last 30 minutes, the plainest guess at the next 30.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.regime.rules import DEFAULT_RULES, RuleSettings
from fabio.research.regime.bars import (
    DAY_MINUTES,
    LEAST_USUAL,
    MINUTE_NS,
    Days,
    NoBars,
    bar_files,
    describe_dropped,
    read_file,
    whole_days,
)
from fabio.research.regime.forward import (
    HORIZON_MIN,
    LEVELS,
    TASKS,
    Cuts,
    Fold,
    forward_figures,
    learn_cuts,
    walk_forward,
)
from fabio.research.regime.learned import MissingExtra, train_boosting
from fabio.research.regime.numbers import NUMBERS, numbers_of
from fabio.research.regime.refit import AS_MEANT, Refit, refit
from fabio.research.regime.report import Record, missing_record, record_of
from fabio.research.regime.scores import Floats, Judged, Labels, confusion_matrix, paired_bootstrap

MINUTES_ASKED = np.arange(HORIZON_MIN, DAY_MINUTES - HORIZON_MIN)
"""Minutes with 30 behind them and 30 before them."""
LEAST_SESSIONS = 15
REAL_RIVALS = ("majority", "persistence", "rules", "rules_refitted", "boosting")
Tables = Callable[[Instrument, int, int], SessionTable]
"""Instrument, first and last time to a session table."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a classifier said of a fold's test sessions, shape (days, minutes asked); `chosen` is what it learned."""

    said: Labels
    confidence: Floats | None = None
    chosen: dict[str, Any] | None = None


class TooFewSessions(Exception):
    """A file with too few whole sessions to learn from some and be scored on others."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One fold of one question: what training gives, and what is asked.

    Parameters
    ----------
    numbers, figures
        Of all sessions and minutes, shapes (days, 390, 6) and (days, 390).
    cuts
        Learned on the fold's training sessions.
    settings
        The rules' thresholds in force.
    """

    task: str
    fold: Fold
    numbers: Floats
    figures: Floats
    cuts: Cuts
    settings: RuleSettings = DEFAULT_RULES

    def truth(self, days: NDArray[np.int64]) -> Labels:
        """Give the level of the 30 minutes that follow each minute asked."""
        return self.cuts.labels(self.figures[days][:, MINUTES_ASKED], MINUTES_ASKED)

    def asked(self, days: NDArray[np.int64]) -> Floats:
        """Give the numbers at each minute asked."""
        return self.numbers[days][:, MINUTES_ASKED]


def majority(case: Case) -> Told:
    """Say what was most frequent in training."""
    constant = np.bincount(case.truth(case.fold.training).ravel(), minlength=len(LEVELS)).argmax()
    return Told(np.full((len(case.fold.test), len(MINUTES_ASKED)), constant, dtype=np.int8))


def persistence(case: Case) -> Told:
    """Say the level realised in the 30 minutes up to now, all of which have passed."""
    then = MINUTES_ASKED - HORIZON_MIN
    return Told(case.cuts.labels(case.figures[case.fold.test][:, then], then))


def rules(case: Case) -> Told:
    """Say what the rules' words mean."""
    return Told(Refit(case.settings, AS_MEANT[case.task]).labels(case.asked(case.fold.test)))


def rules_refitted(case: Case) -> Told:
    """Say it with the thresholds and the reading that were best in training."""
    training = case.fold.training
    chosen = refit(case.asked(training).reshape(-1, len(NUMBERS)), case.truth(training).ravel(), case.settings)
    return Told(chosen.labels(case.asked(case.fold.test)), chosen=chosen.told())


def boosting(case: Case) -> Told:
    """Say it with gradient boosting; raises `MissingExtra` without scikit-learn."""
    training = case.fold.training
    learned = train_boosting(case.asked(training), case.truth(training))
    days = [learned(day) for day in case.asked(case.fold.test)]
    return Told(np.stack([said for said, _ in days]), np.stack([confidence for _, confidence in days]))


_RIVALS: dict[str, Callable[[Case], Told]] = {
    "majority": majority, "persistence": persistence, "rules": rules, "rules_refitted": rules_refitted,
    "boosting": boosting,
}


def run_real(
    days: Days, names: Sequence[str] = REAL_RIVALS, settings: RuleSettings = DEFAULT_RULES,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure classifiers on one file's sessions, both questions.

    Returns
    -------
    dict
        A suite for each question, named `FILE/trendiness` and `FILE/volatility`.

    Raises
    ------
    TooFewSessions
        With fewer than 15 sessions behind which a usual range is known.
    """
    usable = np.arange(LEAST_USUAL, len(days))
    if len(usable) < LEAST_SESSIONS:
        raise TooFewSessions(f"{len(days)} whole sessions, the first {LEAST_USUAL} of which only tell the usual range; "
                             f"at least {LEAST_SESSIONS + LEAST_USUAL} are needed")
    numbers = np.stack([numbers_of(days.columns(int(day)), settings) for day in usable])
    figures = forward_figures(days.ohlc_ticks[usable], days.usual_range_ticks[usable])
    folds = walk_forward(days.open_ns[usable], DAY_MINUTES * MINUTE_NS, HORIZON_MIN * MINUTE_NS)
    asked = list(dict.fromkeys([*names, "persistence"]))  # all are measured against it
    suites: dict[str, Any] = {}
    for task in TASKS:
        cases = [
            Case(task, fold, numbers, figures[task], learn_cuts(figures[task][fold.training]), settings)
            for fold in folds
        ]
        records: dict[str, Record] = {}
        judged: dict[str, list[Judged]] = {}
        for name in asked:
            tell(f"{days.name}, {task}: {name}")
            try:
                told = [_RIVALS[name](case) for case in cases]
            except MissingExtra as error:
                records[name] = missing_record(str(error))
                continue
            judged[name] = [each for case, said in zip(cases, told, strict=True) for each in _judge(case, said)]
            records[name] = record_of(judged[name], LEVELS)
            if told[-1].chosen is not None:
                records[name]["chosen"] = [said.chosen for said in told]
        for name, sessions in judged.items():
            if name != "persistence":
                records[name]["gain"] = gain_of(sessions, judged["persistence"])
        suites[f"{days.name}/{task}"] = {
            "classifiers": {name: records[name] for name in names}, "n_sessions": sum(len(fold.test) for fold in folds),
            "n_sessions_training_only": len(folds[0].training), "sessions_dropped": dict(days.dropped),
        }
    return suites


def _judge(case: Case, told: Told) -> list[Judged]:
    truth, confidence = case.truth(case.fold.test), told.confidence
    return [
        Judged(truth[row], told.said[row], None if confidence is None else confidence[row])
        for row in range(len(truth))
    ]


def gain_of(ours: Sequence[Judged], theirs: Sequence[Judged]) -> dict[str, float]:
    """Give how much more macro-F1 one classifier has than another over the same sessions, with its 95 % interval."""
    tables = [
        np.stack([confusion_matrix(each.truth, each.said, len(LEVELS)) for each in sessions])
        for sessions in (ours, theirs)
    ]
    mean, low, high = paired_bootstrap(tables[0], tables[1])
    return {"mean": mean, "low": low, "high": high}


def run_folder(
    folder: Path, instruments: dict[str, Instrument], tables: Tables, names: Sequence[str] = REAL_RIVALS,
    settings: RuleSettings = DEFAULT_RULES, tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure classifiers on every file of a folder that has enough whole sessions.

    Returns
    -------
    dict
        `suites`, `n_sessions` (scored, of all files), `seeds` (none) and `left_out` (file to reason).
    """
    suites: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    total = 0
    for path in bar_files(folder):
        try:
            bars = read_file(path, instruments)
            table = tables(bars.instrument, int(bars.start_ns[0]), int(bars.start_ns[-1]))
            days = whole_days(bars, table)
            tell(f"{path.name}: {len(days)} whole regular sessions; left out: {describe_dropped(days.dropped)}")
            measured = run_real(days, names, settings, tell)
        except (NoBars, TooFewSessions) as error:
            left_out[path.name] = str(error)
            tell(f"{path.name} is left out: {error}")
            continue
        suites |= measured
        total += next(iter(measured.values()))["n_sessions"]
    return {"suites": suites, "n_sessions": total, "seeds": [], "left_out": left_out,
            "settings": msgspec.to_builtins(settings)}
