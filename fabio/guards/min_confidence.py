"""min_confidence: a signal has to be sure enough of itself."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The least confidence.

    Parameters
    ----------
    minimum
        In [0, 1].
    """

    minimum: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= 1:
            raise ValueError(f"minimum is {self.minimum}; it must lie in 0 to 1")


class Guard:
    """Refuses faint signals."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare the signal's confidence with the least."""
        least = self.settings.minimum
        reason = f"confidence {signal.confidence:.2f}, at least {least:g} needed"
        return Verdict("min_confidence", signal.confidence >= least, signal.confidence, least, reason)
