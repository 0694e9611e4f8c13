"""Suite v1 of synthetic sessions: every minute's regime is known, because the price was made by it.

A session has 390 minutes of 12 sub-steps. Segments of 25 to 109 minutes follow each other, the next
regime drawn evenly among the other four. A sub-step adds noise of Student's t with 4 degrees of
freedom, of the regime's deviation a minute (`NOISE_POINTS`, times the hour's factor `tod`); a trend adds
its drift, a range pulls back to the price it began at by 2 %. The three suites differ in the drift alone.

Each sub-step is a print on the grid of NQ, so that what looks at prints can be measured as well:

- its price is the path's, rounded to a tick;
- its side is the direction it moved in, in 90 of 100 cases;
- its size is one more than the whole part of an exponential draw. The draw's mean is 3, times the hour's
  factor and the root of the regime's deviation over a trend's (busy hours and wild markets trade more),
  times how far the sub-step went against its usual deviation (0.2 to 3: who moves price, trades).

The correlation of delta and return over 1-minute bars is then 0.58 (ES 0.63, NQ 0.70 on real bars). Twelve
prints a minute are few: the share of volume that delta makes up is 0.38 in deviation, 0.10 to 0.13 on real bars.

All draws are raw PCG64 words made into uniform numbers, so a seed gives the same session with any
version of numpy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SUITE_VERSION = 1
MINUTES = 390
STEPS = 12
"""Sub-steps of a minute, evenly apart."""
TICKS_A_POINT = 4
START_POINTS = 20_000.0
UP, DOWN, RANGE, VOLATILE, CHOP = range(5)
CLASSES = ("up", "down", "range", "volatile", "chop")
NOISE_POINTS = (7.0, 7.0, 6.0, 16.0, 2.5)
"""Deviation of a minute's noise by class, before the hour's factor."""
DRIFT_SIGN = (1.0, -1.0, 0.0, 0.0, 0.0)
PULL = 0.02
SHORTEST_MIN, LENGTHS_MIN = 25, 85
USUAL_RANGE_POINTS = 9.0
"""A minute's usual range before the hour's factor; the rules are told it."""
UNSCORED_MINUTES = 15
SIDE_AS_MOVED = 0.9
MEAN_SIZE = 3.0
EAGER = (0.2, 3.0)
SUITES = {"easy": 3.0, "medium": 2.0, "hard": 1.2}
"""Drift of the trends by suite, in points a minute against about 7 points of noise."""


@dataclass(frozen=True, slots=True, eq=False)
class RecipeSession:
    """One made session.

    Parameters
    ----------
    labels
        The truth: the class of each minute, an index into `CLASSES`.
    starts
        First minute of each segment; the first is 0.
    price_ticks, size_steps, side
        Shape (390, 12): the prints.
    """

    seed: int
    drift: float
    labels: NDArray[np.int8]
    starts: NDArray[np.int64]
    price_ticks: NDArray[np.int64]
    size_steps: NDArray[np.int64]
    side: NDArray[np.int8]

    @property
    def age_min(self) -> NDArray[np.int64]:
        """How long each minute's regime has lasted, in minutes; 0 in its first."""
        minutes = np.arange(MINUTES)
        ages: NDArray[np.int64] = minutes - self.starts[np.searchsorted(self.starts, minutes, side="right") - 1]
        return ages


def time_of_day() -> NDArray[np.float64]:
    """Give the factor of each minute, U-shaped: 1.6 at the open, 0.5 at noon."""
    factors: NDArray[np.float64] = 1.6 - 1.1 * np.sqrt(np.sin(np.pi * np.arange(MINUTES) / MINUTES))
    return factors


def make_session(seed: int, drift: float) -> RecipeSession:
    """Make the session of a seed; `drift` in points a minute (`SUITES`)."""
    plan, moves, prints = (np.random.PCG64(part) for part in np.random.SeedSequence([SUITE_VERSION, seed]).spawn(3))
    labels, starts = _segments(plan)
    path = _path(labels, starts, drift, student_t4(_uniforms(moves, MINUTES * STEPS)).reshape(MINUTES, STEPS))
    price_ticks = np.rint(path * TICKS_A_POINT).astype(np.int64)
    size_steps, side = _flow(labels, path, prints)
    return RecipeSession(seed, drift, labels, starts, price_ticks, size_steps, side)


def student_t4(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give Student's t with 4 degrees of freedom, scaled to a deviation of 1, by its quantiles.

    >>> np.round(student_t4(np.array([0.025, 0.5, 0.9])), 3).tolist()
    [-1.963, 0.0, 1.084]
    """
    spread = np.clip(4.0 * uniform * (1.0 - uniform), 1e-300, 1.0)
    quotient = np.cos(np.arccos(np.sqrt(spread)) / 3.0) / np.sqrt(spread)
    draws: NDArray[np.float64] = np.sign(uniform - 0.5) * np.sqrt(2.0 * np.maximum(quotient - 1.0, 0.0))
    return draws


def _uniforms(bits: np.random.PCG64, count: int) -> NDArray[np.float64]:
    """Give numbers in (0, 1): the middles of 2^53 equal cells."""
    words: NDArray[np.uint64] = np.asarray(bits.random_raw(count), dtype=np.uint64)
    uniform: NDArray[np.float64] = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def _segments(bits: np.random.PCG64) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    labels = np.empty(MINUTES, dtype=np.int8)
    starts: list[int] = []
    minute, label = 0, -1
    while minute < MINUTES:
        choice, length = _uniforms(bits, 2).tolist()
        if label < 0:
            label = int(choice * len(CLASSES))
        else:
            other = int(choice * (len(CLASSES) - 1))
            label = other + (other >= label)
        starts.append(minute)
        stop = minute + SHORTEST_MIN + int(length * LENGTHS_MIN)
        labels[minute:stop] = label
        minute = stop
    return labels, np.array(starts, dtype=np.int64)


def _path(
    labels: NDArray[np.int8], starts: NDArray[np.int64], drift: float, noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    tod = time_of_day()
    moves = noise * (np.array(NOISE_POINTS)[labels] * tod / np.sqrt(STEPS))[:, None]
    moves += (np.array(DRIFT_SIGN)[labels] * drift * tod / STEPS)[:, None]
    path = np.empty((MINUTES, STEPS))
    price = START_POINTS
    stops = [*starts[1:].tolist(), MINUTES]
    for start, stop in zip(starts.tolist(), stops, strict=True):
        piece = moves[start:stop].ravel()
        if labels[start] == RANGE:
            anchor, walked = price, []
            for move in piece.tolist():
                price += move + PULL * (anchor - price)
                walked.append(price)
            path[start:stop] = np.array(walked).reshape(-1, STEPS)
        else:
            path[start:stop] = (price + np.cumsum(piece)).reshape(-1, STEPS)
            price = float(path[stop - 1, -1])
    return path


def _flow(
    labels: NDArray[np.int8], path: NDArray[np.float64], bits: np.random.PCG64
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    move = np.diff(path.ravel(), prepend=START_POINTS).reshape(path.shape)
    as_moved, size = _uniforms(bits, 2 * path.size).reshape(2, *path.shape)
    side = np.where((move > 0) == (as_moved < SIDE_AS_MOVED), 1, -1)
    noise = np.array(NOISE_POINTS)[labels]
    busy = time_of_day() * np.sqrt(noise / NOISE_POINTS[UP])
    eager = np.clip(np.abs(move) / (noise * time_of_day() / np.sqrt(STEPS))[:, None], *EAGER)
    sizes = 1 + np.floor(-np.log(size) * MEAN_SIZE * busy[:, None] * eager)
    return sizes.astype(np.int64), side.astype(np.int8)
