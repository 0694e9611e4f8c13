"""max_position: the account's position limit, and one position per instrument.

Sizing keeps an order within what is left of the limit; this guard asks that at least the
smallest size fits, and that the instrument is flat: no adding to, no trading against.
"""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How positions of other instruments weigh.

    Parameters
    ----------
    other_mini_equivalents
        Mini-equivalents of one size step of other instruments, by symbol, each >= 0; one not
        named weighs a whole mini, the pessimistic reading.
    """

    other_mini_equivalents: dict[str, float] = {}

    def __post_init__(self) -> None:
        for symbol, weight in self.other_mini_equivalents.items():
            if not 0 <= weight <= 100:
                raise ValueError(f"other_mini_equivalents of {symbol} is {weight}; it must lie in 0 to 100")


class Guard:
    """Refuses what would exceed the position limit, or meet an open position."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare what would be held, in mini-equivalents, with the account's limit."""
        own = view.position
        if own is not None:
            word = "long" if own.side > 0 else "short"
            reason = f"{own.strategy} is {word} {view.instrument.symbol} already; one position per instrument"
            return Verdict("max_position", False, 1.0, 0.0, reason)
        held = 0.0
        for position in view.positions:
            weight = self.settings.other_mini_equivalents.get(position.symbol, 1.0)
            held += abs(position.size_steps) * weight
        instrument, limit = view.instrument, float(view.account.position_limit)
        wanted = held + float(instrument.size(1) * instrument.mini_equivalent)
        reason = f"{wanted:g} mini-equivalents with the smallest size, at most {limit:g} allowed"
        return Verdict("max_position", wanted <= limit, wanted, limit, reason)
