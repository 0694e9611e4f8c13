"""The classifiers of the synthetic suite, each an answer for every minute of a session.

- `majority`: the class met most often in the training sessions, always;
- `persistence`: the truth, told 30 minutes late: what a session's own past is worth (nobody has it);
- `rules`: `regime.rules`, with the thresholds in force and the recipe's usual range; `rules_own_range` with the one
  that the machine has measured over the 20 sessions before, as it has live;
- `playbook`, `playbook_seed`: `regime.playbook` with the thresholds in force, and with the preset `seed`; it has no
  word for volatile;
- `hmm`: a filtered hidden Markov model of five states, fitted without labels;
- `boosting`: gradient boosting fitted with labels: the ceiling of these six numbers.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from fabio.model.regime import Direction, Label
from fabio.regime.playbook import PRESETS, PlaybookSettings, read_playbook
from fabio.regime.reading import RegimeSettings
from fabio.regime.rules import DEFAULT_RULES, RuleSettings, classify
from fabio.research.regime.learned import Learned, train_boosting, train_hmm
from fabio.research.regime.numbers import numbers_of
from fabio.research.regime.recipe import (
    CHOP,
    CLASSES,
    DOWN,
    MINUTES,
    RANGE,
    UNSCORED_MINUTES,
    UP,
    VOLATILE,
    RecipeSession,
)
from fabio.research.regime.scores import UNCLEAR, Floats, Labels
from fabio.research.regime.suite import bars_of, columns_of, moments_of

LATE_MIN = 30
Answer = tuple[Labels, Floats | None]
Rival = Callable[[RecipeSession], Answer]
"""One session to a label for each of its minutes, and the confidence in it where there is one."""

_PLAIN: dict[Label, int] = {"range": RANGE, "chop": CHOP, "volatile": VOLATILE, "unclear": UNCLEAR}


def class_of(label: Label, direction: Direction) -> int:
    """Give the class of a label; a trend that goes nowhere is none.

    >>> class_of("trend", "down"), class_of("range", "none"), class_of("trend", "none")
    (1, 2, -1)
    """
    if label == "trend":
        return {"up": UP, "down": DOWN, "none": UNCLEAR}[direction]
    return _PLAIN[label]


def majority(training: Sequence[RecipeSession]) -> Rival:
    """Say what was most frequent in training."""
    counts = np.bincount(np.concatenate([session.labels for session in training]), minlength=len(CLASSES))
    constant = np.full(MINUTES, counts.argmax(), dtype=np.int8)
    return lambda session: (constant, None)


def persistence(session: RecipeSession) -> Answer:
    """Say what was true 30 minutes ago."""
    said = np.full(MINUTES, UNCLEAR, dtype=np.int8)
    said[LATE_MIN:] = session.labels[:-LATE_MIN]
    return said, None


def rules(session: RecipeSession, settings: RuleSettings = DEFAULT_RULES) -> Answer:
    """Ask the rule classifier at the end of each minute."""
    bars = bars_of(session)
    first = settings.window_bars
    readings = [classify(bars[max(0, minute + 1 - first): minute + 1], settings) for minute in range(MINUTES)]
    return _answers([(each.label, each.direction, each.confidence) for each in readings])


def rules_own_range(session: RecipeSession, settings: RuleSettings = DEFAULT_RULES) -> Answer:
    """Ask the rule classifier with the usual range that the machine has measured."""
    readings = [classify(moment.bars, settings) for moment in moments_of(session, near_bar_ranges=0.5)]
    return _answers([(each.label, each.direction, each.confidence) for each in readings])


def playbook(settings: PlaybookSettings) -> Rival:
    """Ask the playbook at the end of each minute."""

    def answer(session: RecipeSession) -> Answer:
        moments = moments_of(session, settings.near_bar_ranges, settings.near_ticks)
        readings = [
            read_playbook(moment.stats, moment.bars, moment.near_poc_30min_s, moment.age_s, settings)
            for moment in moments
        ]
        return _answers([(each.label, each.direction, each.confidence) for each in readings])

    return answer


def hmm(training: Sequence[RecipeSession]) -> Rival:
    """Fit the hidden Markov model."""
    return _of_numbers(train_hmm(*_rows(training), len(CLASSES)))


def boosting(training: Sequence[RecipeSession]) -> Rival:
    """Fit boosting; raises `MissingExtra` without scikit-learn."""
    return _of_numbers(train_boosting(*_rows(training)))


RIVALS: dict[str, Callable[[Sequence[RecipeSession], RegimeSettings], Rival]] = {
    "majority": lambda training, settings: majority(training),
    "persistence": lambda training, settings: persistence,
    "rules": lambda training, settings: partial(rules, settings=settings.rules),
    "rules_own_range": lambda training, settings: partial(rules_own_range, settings=settings.rules),
    "playbook": lambda training, settings: playbook(settings.thresholds),
    "playbook_seed": lambda training, settings: playbook(PRESETS["seed"]),
    "hmm": lambda training, settings: hmm(training),
    "boosting": lambda training, settings: boosting(training),
}
"""By name: training sessions and the settings in force to a classifier."""


def _rows(training: Sequence[RecipeSession]) -> tuple[Floats, Labels]:
    numbers = np.stack([numbers_of(columns_of(session))[UNSCORED_MINUTES:] for session in training])
    return numbers, np.stack([session.labels[UNSCORED_MINUTES:] for session in training])


def _of_numbers(learned: Learned) -> Rival:
    def answer(session: RecipeSession) -> Answer:
        said, confidence = learned(numbers_of(columns_of(session))[UNSCORED_MINUTES:])
        none = np.full(UNSCORED_MINUTES, UNCLEAR, dtype=np.int8)
        return np.concatenate([none, said]), np.concatenate([np.zeros(UNSCORED_MINUTES), confidence])

    return answer


def _answers(readings: Sequence[tuple[Label, Direction, float]]) -> Answer:
    said = np.array([class_of(label, direction) for label, direction, _ in readings], dtype=np.int8)
    return said, np.array([confidence for _, _, confidence in readings])
