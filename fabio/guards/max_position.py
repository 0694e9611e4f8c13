"""max_position: the account's position limit, and one position per instrument.

Sizing keeps an order within what is left of the limit; this guard asks that at least the
smallest size fits, and that the instrument is flat: no adding to, no trading against.
"""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No settings: the limit is the account's, the weights are the instruments'."""


class Guard:
    """Refuses what would exceed the position limit, or meet an open position."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare what would be held, in mini-equivalents, with the account's limit.

        Entries that may still fill count as held, also those of which nobody knows whether they work.
        """
        own = view.position
        if own is not None:
            word = "long" if own.side > 0 else "short"
            reason = f"{own.strategy} is {word} {view.instrument.symbol} already; one position per instrument"
            return Verdict("max_position", False, 1.0, 0.0, reason)
        instrument, limit = view.instrument, float(view.account.position_limit)
        smallest = instrument.size(1) * instrument.mini_equivalent
        wanted = float(view.account.held_mini_equivalents + smallest)
        reason = f"{wanted:g} mini-equivalents with the smallest size, at most {limit:g} allowed"
        return Verdict("max_position", wanted <= limit, wanted, limit, reason)
