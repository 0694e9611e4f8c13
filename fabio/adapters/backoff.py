"""How long to wait before trying again, and how often at all: for everything that reconnects or repeats."""

from collections import deque
from collections.abc import Callable


class Backoff:
    """Pauses that grow by a factor up to a cap, each shortened by a random share.

    Endless: after the cap is reached every pause is about the cap. It never forgets by itself;
    whoever uses it calls `reset` when things have been good for long enough.

    Parameters
    ----------
    first_s, cap_s
        The first pause and the longest one, in seconds.
    random_share
        Gives numbers in [0, 1), as `random.Random(seed).random` does.
    factor
        Growth from one pause to the next.
    jitter
        The share of a pause that chance may take off; 0 makes the pauses exact.

    Raises
    ------
    ValueError
        If the numbers do not make growing pauses.

    Examples
    --------
    >>> pauses = Backoff(1.0, 30.0, lambda: 0.0)
    >>> [pauses.next_s() for _ in range(7)]
    [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """

    def __init__(
        self, first_s: float, cap_s: float, random_share: Callable[[], float], factor: float = 2.0, jitter: float = 0.25
    ) -> None:
        if not (0 < first_s <= cap_s and factor >= 1 and 0 <= jitter < 1):
            raise ValueError(
                f"pauses from {first_s} s to {cap_s} s, growing by {factor}, less up to {jitter}: "
                "expected 0 < first <= cap, factor >= 1, 0 <= jitter < 1"
            )
        self.first_s = first_s
        self.cap_s = cap_s
        self._factor = factor
        self._jitter = jitter
        self._random_share = random_share
        self._whole_s = first_s

    def next_s(self) -> float:
        """Give the next pause in seconds: at most the cap, never below `1 - jitter` of the whole pause."""
        whole_s = self._whole_s
        self._whole_s = min(whole_s * self._factor, self.cap_s)
        return whole_s * (1.0 - self._jitter * self._random_share())

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._whole_s = self.first_s


class AttemptBudget:
    """A hard limit on attempts in any window of time, whatever a backoff says.

    The first half of the budget is free (but for the smallest gap), so that short outages end
    quickly; the rest is spread evenly over what is left of the window, so that a long outage
    never ends in minutes without a single attempt.

    Parameters
    ----------
    attempts, window_s
        At most so many attempts in any window of so many seconds.
    gap_s
        The shortest time between two attempts.

    Examples
    --------
    >>> budget = AttemptBudget(attempts=4, window_s=60.0, gap_s=0.5)
    >>> for at_s in (0.0, 1.0):
    ...     budget.spend(at_s)
    >>> budget.wait_s(1.0)
    29.5
    """

    def __init__(self, attempts: int, window_s: float, gap_s: float) -> None:
        if attempts < 2 or not 0 <= gap_s <= window_s / attempts:
            raise ValueError(
                f"{attempts} attempts in {window_s} s, {gap_s} s apart: expected at least 2, and room for all of them"
            )
        self._attempts = attempts
        self._window_s = window_s
        self._gap_s = gap_s
        self._spent_s: deque[float] = deque(maxlen=attempts)  # monotonic seconds, oldest first

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next attempt is allowed; 0 when it is now."""
        while self._spent_s and now_s - self._spent_s[0] >= self._window_s:
            self._spent_s.popleft()
        if not self._spent_s:
            return 0.0
        latest_s = self._spent_s[-1]
        gap_s = self._gap_s
        used = len(self._spent_s)
        if used >= self._attempts:
            gap_s = max(gap_s, self._spent_s[0] + self._window_s - latest_s)
        elif used >= self._attempts // 2:
            left_s = self._spent_s[0] + self._window_s - latest_s
            gap_s = max(gap_s, left_s / (self._attempts - used))
        return max(0.0, latest_s + gap_s - now_s)

    def spend(self, now_s: float) -> None:
        """Note an attempt that begins now."""
        self._spent_s.append(now_s)
