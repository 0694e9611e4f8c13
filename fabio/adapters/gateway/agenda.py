"""Agenda: what the gateway has to do at a later moment, in order."""

import heapq
from collections.abc import Callable

NEVER_NS = (1 << 63) - 1


class Agenda:
    """Deeds by due time; those of one time in the order they were noted.

    Attributes
    ----------
    on_earlier
        Called when a deed is noted that is due before all others.
    """

    def __init__(self) -> None:
        self.on_earlier: Callable[[], None] = _nobody
        self._deeds: list[tuple[int, int, Callable[[], None]]] = []
        self._noted = 0

    @property
    def next_ns(self) -> int:
        """When the next deed is due; `NEVER_NS` without one."""
        return self._deeds[0][0] if self._deeds else NEVER_NS

    def at(self, due_ns: int, deed: Callable[[], None]) -> None:
        """Note a deed."""
        is_earlier = due_ns < self.next_ns
        self._noted += 1
        heapq.heappush(self._deeds, (due_ns, self._noted, deed))
        if is_earlier:
            self.on_earlier()

    def take(self) -> Callable[[], None]:
        """Take the next deed off."""
        return heapq.heappop(self._deeds)[2]


def _nobody() -> None:
    """Nobody waits for the next deed yet."""
