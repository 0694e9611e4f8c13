"""Scores of a classifier: how often right, how soon, how steadily, and how well it knows itself.

Labels are small integers; a label outside `0 .. classes - 1` (`UNCLEAR`) is an answer that is never right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int8]
Floats = NDArray[np.float64]
UNCLEAR = -1
CALIBRATION_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What was said of one session, beside the truth; one row a scored minute.

    Parameters
    ----------
    confidence
        In the label given, in [0, 1]; None where the classifier has none.
    starts
        Rows at which the truth switches to another class; empty where a switch has no meaning.
    """

    truth: Labels
    said: Labels
    confidence: Floats | None = None
    starts: NDArray[np.int64] | None = None


def confusion_matrix(truth: Labels, said: Labels, classes: int) -> NDArray[np.int64]:
    """Count pairs: rows the truth, columns what was said, the last column `UNCLEAR`.

    >>> confusion_matrix(np.array([0, 0, 1], np.int8), np.array([0, 1, -1], np.int8), 2).tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    columns = np.where((said >= 0) & (said < classes), said, classes).astype(np.int64)
    flat = np.bincount(truth.astype(np.int64) * (classes + 1) + columns, minlength=classes * (classes + 1))
    return flat.reshape(classes, classes + 1)


def recalls(confusion: NDArray[np.int64]) -> list[float | None]:
    """Give each class's share found; None for a class that never was."""
    totals = confusion.sum(axis=1)
    return [float(confusion[k, k] / totals[k]) if totals[k] else None for k in range(len(totals))]


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """Give the mean over the classes of 2 hits / (2 hits + misses + false alarms), 0 where there is nothing."""
    hits = np.diag(confusion).astype(np.float64)
    classes = len(confusion)
    both = confusion.sum(axis=1) + confusion[:, :classes].sum(axis=0)
    return float(np.mean(np.divide(2.0 * hits, both, out=np.zeros(classes), where=both > 0)))


def share_swapped(confusion: NDArray[np.int64], one: int, other: int) -> float | None:
    """Give the share of both classes' minutes that was taken for the other one of the two."""
    total = int(confusion[[one, other]].sum())
    return float((confusion[one, other] + confusion[other, one]) / total) if total else None


def lags(sessions: Sequence[Judged]) -> tuple[list[int], int]:
    """Give the minutes from each switch to the first right label, and how many segments were missed.

    0 is right in the very first minute. A segment runs to the next switch or the session's end.
    """
    found: list[int] = []
    missed = 0
    for session in sessions:
        starts = [] if session.starts is None else session.starts.tolist()
        ends = [*starts[1:], len(session.truth)]
        for start, stop in zip(starts, ends[:len(starts)], strict=True):
            right = np.flatnonzero(session.said[start:stop] == session.truth[start:stop])
            if len(right):
                found.append(int(right[0]))
            else:
                missed += 1
    return found, missed


def flips(sessions: Sequence[Judged]) -> float:
    """Give how often a session the label changed, in the mean."""
    if not sessions:
        return 0.0
    return float(np.mean([np.count_nonzero(np.diff(session.said.astype(np.int64))) for session in sessions]))


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Give the mean distance of confidence and hit rate over ten equal bins, weighted by their numbers."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    confident = np.bincount(bins, weights=confidence, minlength=CALIBRATION_BINS)
    hits = np.bincount(bins, weights=right.astype(np.float64), minlength=CALIBRATION_BINS)
    return float(np.abs(confident - hits).sum() / counts.sum())


def brier(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Give the mean squared distance of confidence and being right (1) or wrong (0)."""
    return float(np.mean((confidence - right) ** 2))


def paired_bootstrap(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], draws: int = 2000, seed: int = 1
) -> tuple[float, float, float]:
    """Give the difference of two macro-F1 over the same sessions, with its 95 % interval.

    Whole sessions are drawn anew, for both at once: minutes of one session hang together.

    Parameters
    ----------
    ours, theirs
        Confusion matrices by session, shape (sessions, classes, classes + 1).
    """
    count = len(ours)
    bits = np.random.PCG64(np.random.SeedSequence([seed, count]))
    words = np.asarray(bits.random_raw(draws * count), dtype=np.uint64)
    chosen = (words % np.uint64(count)).astype(np.int64).reshape(draws, count)
    weights = np.zeros((draws, count))
    np.add.at(weights, (np.arange(draws)[:, None], chosen), 1.0)
    differences = _macro_f1s(weights, ours) - _macro_f1s(weights, theirs)
    whole = macro_f1(ours.sum(axis=0)) - macro_f1(theirs.sum(axis=0))
    low, high = np.quantile(differences, [0.025, 0.975]).tolist()
    return whole, low, high


def _macro_f1s(weights: Floats, confusions: NDArray[np.int64]) -> Floats:
    classes = confusions.shape[1]
    summed = (weights @ confusions.reshape(len(confusions), -1)).reshape(-1, classes, classes + 1)
    hits = np.diagonal(summed, axis1=1, axis2=2)
    both = summed.sum(axis=2) + summed[:, :, :classes].sum(axis=1)
    scores: Floats = np.divide(2.0 * hits, both, out=np.zeros_like(hits), where=both > 0).mean(axis=1)
    return scores
