"""The probes: strategies that wish at given moments, whatever the market says."""

from collections.abc import Mapping, Sequence

from fabio.model.signal import Signal
from fabio.model.view import View, Wake
from fabio.research.learning.market import MINUTE_NS, PROBES, STOP_TICKS, TARGET_TICKS, Planned


class Probe:
    """Enters at market when the bars of its moments close, with a stop and a target at 2R.

    Parameters
    ----------
    name
        What it is called in the machine.
    sides
        Start of a bar in ns -> LONG or SHORT.
    """

    triggers = Wake.BAR_CLOSED

    def __init__(self, name: str, sides: Mapping[int, int]) -> None:
        self.name = name
        self._sides = sides

    def propose(self, view: View) -> Signal | None:
        """Wish to enter where the bar that closed is one of its moments."""
        side = self._sides.get(view.bars[-1].start_ns) if view.bars else None
        if side is None:
            return None
        last = view.stats.last_ticks
        return Signal(
            strategy=self.name, setup="planned", side=side, entry_ticks=last, stop_ticks=last - side * STOP_TICKS,
            target_ticks=last + side * TARGET_TICKS, confidence=0.5,
            reason=f"planned: {STOP_TICKS} ticks to the stop, {TARGET_TICKS} to the target",
        )


def probe(place: int, signals: Sequence[Planned]) -> Probe:
    """Make the probe that wishes the signals planned for it."""
    return Probe(PROBES[place], {
        signal.at_ns - MINUTE_NS: signal.side for signal in signals if signal.probe == place
    })
