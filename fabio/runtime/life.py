"""Life: what brings time, ticks and answers to the machine; a tape at its pace, or a venue."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from fabio.journal.inbox import Outcome, Request
from fabio.model.instrument import Instrument

Watcher = Callable[[], Coroutine[Any, Any, None]]
"""A root task, not yet begun."""


class Life(Protocol):
    """One run's time."""

    finished: bool
    """Whether it came to its end by itself."""

    @property
    def name(self) -> str:
        """Say what it is, in a few words."""

    @property
    def instrument(self) -> Instrument:
        """What is traded."""

    @property
    def tasks(self) -> Mapping[str, Watcher]:
        """Give the root tasks it needs beside `live`, by name."""

    @property
    def now_ns(self) -> int:
        """The runtime clock."""

    async def live(self, is_stopping: Callable[[], bool]) -> None:
        """Live until the end, or until somebody wants to stop."""

    async def end(self, stop: Callable[[str], None]) -> None:
        """Leave nothing behind: let what was asked for come to its end; `stop` asks for all to be closed."""

    async def answer(self, request: Request) -> tuple[Outcome, str]:
        """Do what only this life can, `arm` and `disarm`, or say why not."""

    def progress(self) -> float:
        """Tell how much of it is over, 0 to 1."""
