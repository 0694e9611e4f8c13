"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

START_S = 1000.0
STILL_S, MOST_TURNS = 0.001, 100_000
"""So many turns of the loop within so little time are tasks that wake each other for ever."""


class ClockStandsStill(RuntimeError):
    """Tasks wake each other for ever, and no time passes."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = START_S
        self._moved_s, self._turns = START_S, 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._turns += 1
        if self.now_s - self._moved_s >= STILL_S:
            self._moved_s, self._turns = self.now_s, 0
        elif self._turns > MOST_TURNS:
            self._turns = 0
            raise ClockStandsStill(f"{MOST_TURNS} turns of the loop at {self.now_s:.6f} s")
        if timeout == 0.0:
            return []  # somebody's turn is due now; whoever wakes the loop from outside is heard when nobody's is
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits for something that nobody will do")
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """For tasks that wait for timers and each other only; sockets would starve."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def jump(self, seconds: float) -> None:
        """Let time pass in which nobody has a turn; what fell due is done afterwards."""
        self._jumping.now_s += seconds


def run_virtual(story: Coroutine[Any, Any, Result]) -> Result:
    """Run a story to its end; hours pass in milliseconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)
