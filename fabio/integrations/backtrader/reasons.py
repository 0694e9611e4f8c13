"""Why a strategy decided, and how sure it was: asked of it, where it can say."""

from collections.abc import Callable
from math import isfinite
from typing import Any

NOT_STATED = "not stated: the strategy has no get_decision_reasoning()"
SAID_NOTHING = "not stated: get_decision_reasoning() returned None"
FAILED = "not stated: get_decision_reasoning() failed"


class Reasons:
    """Asks a strategy's `get_decision_reasoning()` and `get_decision_confidence()`, where it has them.

    Parameters
    ----------
    strategy
        Any strategy.
    failed
        Told in one sentence when a method fails or answers what is no confidence.
    """

    def __init__(self, strategy: Any, failed: Callable[[str], None]) -> None:
        self._reasoning = getattr(strategy, "get_decision_reasoning", None)
        self._confidence = getattr(strategy, "get_decision_confidence", None)
        self._failed = failed
        self.silent = self._reasoning is None and self._confidence is None

    def why(self) -> str:
        """Return the strategy's words, or that it cannot say."""
        if self._reasoning is None:
            return NOT_STATED
        try:
            said = self._reasoning()
        except Exception as error:  # noqa: BLE001 - the strategy's own code, called for the record only
            self._failed(f"get_decision_reasoning: {type(error).__name__}: {error}")
            return FAILED
        return SAID_NOTHING if said is None else str(said)

    def sure(self) -> float | None:
        """Return a confidence between 0 and 1; None where there is none."""
        if self._confidence is None:
            return None
        try:
            said = self._confidence()
            sure = None if said is None else float(said)
        except Exception as error:  # noqa: BLE001 - as above
            self._failed(f"get_decision_confidence: {type(error).__name__}: {error}")
            return None
        if sure is not None and not (isfinite(sure) and 0.0 <= sure <= 1.0):
            self._failed(f"get_decision_confidence: {sure} is no confidence; expected 0 to 1; recorded as null")
            return None
        return sure
