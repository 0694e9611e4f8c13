"""The bootstrap: how far a sum could have been elsewhere by luck alone."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 10_000
LEAST_SESSIONS = 5
_SEED = 0
_DRAWS_AT_ONCE = 1_000_000
_TAILS = (0.025, 0.975)


def interval_of_sum(values: Sequence[float]) -> tuple[float, float] | None:
    """Give the 95 % interval of the values' sum: 10,000 samples of as many, drawn with replacement.

    The seed is fixed: the same record gives the same interval.

    Returns
    -------
    low, high
        None for fewer than two values, which say nothing of luck.

    Examples
    --------
    >>> interval_of_sum([2.0, 2.0, 2.0])
    (6.0, 6.0)
    >>> interval_of_sum([2.0]) is None
    True
    """
    if len(values) < 2:
        return None
    units = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(_SEED)
    at_once = max(1, _DRAWS_AT_ONCE // len(units))
    sums = [units[random.integers(0, len(units), (min(at_once, RESAMPLES - done), len(units)))].sum(axis=1)
            for done in range(0, RESAMPLES, at_once)]
    low, high = np.quantile(np.concatenate(sums), _TAILS)
    return float(low), float(high)


def interval_by_session(sessions: Sequence[str], values: Sequence[float]) -> tuple[tuple[float, float] | None, str]:
    """Give the interval of the values' sum over sessions where there are enough, else over trades; and which.

    What happened in one session tends to end alike, so whole sessions are drawn. Of fewer than five
    there is not enough to draw from: single trades are drawn then, and the interval is too narrow.

    Returns
    -------
    interval, over
        `over` is `sessions` or `trades`.
    """
    if len(set(sessions)) < LEAST_SESSIONS:
        return interval_of_sum(values), "trades"
    by_session = dict.fromkeys(sessions, 0.0)
    for session, value in zip(sessions, values, strict=True):
        by_session[session] += value
    return interval_of_sum(list(by_session.values())), "sessions"
