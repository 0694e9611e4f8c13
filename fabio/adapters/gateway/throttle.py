"""Rate limits: so many calls in a sliding window, by the replay clock."""

from collections import deque

from fabio.adapters.topstepx.stamps import SECOND_NS

BARS_PATH = "/api/History/retrieveBars"
BARS_LIMIT = (50, 30)
GENERAL_LIMIT = (200, 60)
"""Calls, seconds; from the documentation. A refused call does not count here (not documented)."""


class Throttle:
    """The two windows of each user."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, bool], deque[int]] = {}  # user, whether for bars -> times, ns

    def takes(self, user: str, path: str, now_ns: int) -> bool:
        """Count a call; False where it is one too many."""
        for_bars = path == BARS_PATH
        most, seconds = BARS_LIMIT if for_bars else GENERAL_LIMIT
        calls = self._calls.setdefault((user, for_bars), deque())
        while calls and calls[0] <= now_ns - seconds * SECOND_NS:
            calls.popleft()
        if len(calls) >= most:
            return False
        calls.append(now_ns)
        return True
