"""The synthetic suite, run: classifiers asked minute by minute about sessions whose truth is known."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from fabio.regime.reading import DEFAULT_REGIME, RegimeSettings
from fabio.research.regime.learned import MissingExtra
from fabio.research.regime.recipe import (
    CLASSES,
    DOWN,
    SUITE_VERSION,
    SUITES,
    UNSCORED_MINUTES,
    UP,
    RecipeSession,
    make_session,
)
from fabio.research.regime.report import Record, missing_record, record_of
from fabio.research.regime.rivals import RIVALS, Rival
from fabio.research.regime.scores import Judged

TRAINING_SEEDS_FROM = 1000
MOST_TRAINING = 1000


def judge(session: RecipeSession, rival: Rival) -> Judged:
    """Ask a classifier about a session; the first 15 minutes are not scored."""
    said, confidence = rival(session)
    switches = session.starts[session.starts >= UNSCORED_MINUTES] - UNSCORED_MINUTES
    return Judged(
        session.labels[UNSCORED_MINUTES:], said[UNSCORED_MINUTES:],
        None if confidence is None else confidence[UNSCORED_MINUTES:], switches,
    )


def run_synthetic(
    seeds: Sequence[int], training_sessions: int, names: Sequence[str] = tuple(RIVALS),
    settings: RegimeSettings = DEFAULT_REGIME, tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure classifiers on the suites.

    Parameters
    ----------
    seeds
        Sessions that are scored, below `TRAINING_SEEDS_FROM`.
    training_sessions
        How many others (seeds from 1000 on) the learned ones are fitted to.
    names
        Of `RIVALS`.
    settings
        The classifiers' thresholds in force.
    tell
        Takes a line on how far it is.
    """
    answer: dict[str, Any] = {}
    for suite in SUITES:
        sessions = [make_session(seed, SUITES[suite]) for seed in seeds]
        training = [
            make_session(seed, SUITES[suite])
            for seed in range(TRAINING_SEEDS_FROM, TRAINING_SEEDS_FROM + training_sessions)
        ]
        records: dict[str, Record] = {}
        for name in names:
            tell(f"{suite}: {name}")
            try:
                rival = RIVALS[name](training, settings)
            except MissingExtra as error:
                records[name] = missing_record(str(error))
                continue
            records[name] = record_of([judge(session, rival) for session in sessions], CLASSES, (UP, DOWN))
        answer[suite] = {"classifiers": records, "n_sessions": len(sessions), "version": SUITE_VERSION}
    return {
        "suites": answer, "n_sessions": len(seeds), "seeds": [int(seed) for seed in np.asarray(seeds)],
        "training_sessions": training_sessions, "settings": msgspec.to_builtins(settings),
    }
