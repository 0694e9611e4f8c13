"""Where a plot's kills strike: sinks before and behind all others, at which a process may die."""

from collections.abc import Callable

from fabio.journal.exchanges import Exchange
from fabio.model.command import ClosePosition, SubmitOrder
from fabio.model.event import OrderFilled, VenueSeen
from fabio.model.fact import FillBooked
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.research.reliability.chaos.plot import Point


class Before:
    """A sink in front of all others: kills before a step is recorded."""

    def __init__(self, at: Callable[[Point], None]) -> None:
        self._at = at

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to do."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to do."""

    def step(self, step: Step, body: bytes) -> None:
        """Die where the plot says so."""
        if any(isinstance(command, SubmitOrder) for command in step.commands):
            self._at("before_intent")
        if isinstance(step.event, OrderFilled):
            self._at("before_fill")
        if isinstance(step.event, VenueSeen):
            self._at("picture")


class After(Before):
    """The last sink: kills when a step is on the drive and its commands have not left."""

    def step(self, step: Step, body: bytes) -> None:
        """Die where the plot says so."""
        if any(isinstance(command, SubmitOrder) for command in step.commands):
            self._at("after_intent")
        if any(isinstance(fact, FillBooked) for fact in step.facts):
            self._at("after_fill")
        if any(isinstance(command, ClosePosition) for command in step.commands):
            self._at("closing")
