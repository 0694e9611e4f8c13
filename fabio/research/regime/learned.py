"""Classifiers that learn from training sessions: the hidden Markov model without labels, boosting with them.

Boosting needs scikit-learn, the extra `[research]`; it stands for the most that the six numbers hold.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabio.research.regime.hmm import GaussianHmm, fit
from fabio.research.regime.numbers import SHORT_VR, VR
from fabio.research.regime.scores import Floats, Labels

INSTALL = "needs scikit-learn: pip install 'fabio[research]'"
STARTS = (1, 2)
"""Seeds of the first guesses; the more likely fit is taken."""
LEAST_RATIO = 1e-3
BOOSTING_ROUNDS = 60
ONE_THREAD = 1
"""On a machine with other work two threads that wait for each other took 25 times as long (2026-11-21)."""

Learned = Callable[[Floats], tuple[Labels, Floats]]
"""Numbers of one session, shape (minutes, 6), to labels and the confidence in them."""


class MissingExtra(Exception):
    """A library of the extra `[research]` is not installed; the message says how to get it."""


def train_hmm(rows: Floats, truth: NDArray[np.int8], classes: int) -> Learned:
    """Fit a hidden Markov model of as many states as classes, then name its states.

    The fit sees no label. A state gets the name of the class it met most often in the training
    sessions, so two states may share one and a class may have none.

    Parameters
    ----------
    rows
        Shape (sessions, minutes, 6), no holes.
    truth
        Shape (sessions, minutes).
    """
    spread = _spread_out(rows)
    middle, scale = spread.mean(axis=(0, 1)), spread.std(axis=(0, 1))
    scaled = (spread - middle) / scale
    model = max((fit(scaled, classes, seed=seed) for seed in STARTS), key=lambda each: _likelihood(each, scaled))
    states = model.filtered(scaled)[0].argmax(axis=2)
    names = np.array([np.bincount(truth[states == state], minlength=classes).argmax() for state in range(classes)])
    to_class = np.eye(classes)[names]

    def answer(numbers: Floats) -> tuple[Labels, Floats]:
        beliefs = model.filtered(((_spread_out(numbers) - middle) / scale)[None])[0][0] @ to_class
        return beliefs.argmax(axis=1).astype(np.int8), beliefs.max(axis=1)

    return answer


def _spread_out(numbers: Floats) -> Floats:
    """Take the logarithm of the two ratios: a Gaussian fits that far better."""
    spread = numbers.copy()
    for place in (VR, SHORT_VR):
        spread[..., place] = np.log(np.maximum(spread[..., place], LEAST_RATIO))
    return spread


def _likelihood(model: GaussianHmm, rows: Floats) -> float:
    return float(model.filtered(rows)[1].mean())


def train_boosting(rows: Floats, truth: NDArray[np.int8]) -> Learned:
    """Fit gradient boosting to labelled rows, shape (..., 6).

    Raises
    ------
    MissingExtra
        Without scikit-learn.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise MissingExtra(INSTALL) from None
    model: Any = HistGradientBoostingClassifier(max_iter=BOOSTING_ROUNDS, early_stopping=False, random_state=0)
    with threadpool_limits(ONE_THREAD):
        model.fit(rows.reshape(-1, rows.shape[-1]), truth.ravel())
    classes = np.asarray(model.classes_, dtype=np.int8)

    def answer(numbers: Floats) -> tuple[Labels, Floats]:
        with threadpool_limits(ONE_THREAD):
            beliefs = np.asarray(model.predict_proba(numbers), dtype=np.float64)
        return classes[beliefs.argmax(axis=1)], beliefs.max(axis=1)

    return answer
