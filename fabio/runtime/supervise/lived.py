"""The supervisor's own time: it passes only while the supervisor looks.

A machine that sleeps, or a supervisor that was stopped for a while, would else find every heartbeat
hours old at once and kill agents that slept just as it did (H27).
"""

from collections.abc import Callable


class Lived:
    """Counts the time between looks, each gap by at most `most_s`.

    Examples
    --------
    >>> times = iter([100.0, 100.2, 28_900.2, 28_900.4])
    >>> lived = Lived(lambda: next(times), 1.0)
    >>> [round(lived.now_s(), 1) for _ in range(3)]
    [0.2, 1.2, 1.4]
    """

    def __init__(self, clock: Callable[[], float], most_s: float) -> None:
        self._clock = clock
        self._most_s = most_s
        self._last_s = clock()
        self._lived_s = 0.0

    def now_s(self) -> float:
        """Give the time lived so far."""
        now_s = self._clock()
        self._lived_s += min(max(now_s - self._last_s, 0.0), self._most_s)
        self._last_s = now_s
        return self._lived_s
