"""One fault of a script: which, where, how often, when."""

from typing import Any

import msgspec


class FaultSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as it is written.

    Parameters
    ----------
    name
        See `catalogue`.
    surface
        What it strikes; empty takes the fault's own.
    rate
        Chance per call, per event, or per turn of a deed, 0 to 1.
    from_s, until_s
        Window, in seconds of the replay clock from the gateway's start; None for no end.
    most
        So many times at most; None for no limit.
    options
        The fault's own numbers.
    """

    name: str
    surface: str = ""
    rate: float = 1.0
    from_s: float = 0.0
    until_s: float | None = None
    most: int | None = None
    options: dict[str, Any] = {}

    def is_on(self, seconds: float) -> bool:
        """Tell whether a time lies in the window."""
        return self.from_s <= seconds and (self.until_s is None or seconds < self.until_s)
