"""max_loss_limit: keep clear of the trailing loss floor that would end the account.

The floor itself is kept in the account: TopstepX raises it at the end of the day only
and checks it against equity in real time.
"""

from decimal import Decimal

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The distance kept from the floor.

    Parameters
    ----------
    keep_usd
        Equity above the loss floor that has to be left if the trade is stopped out at its
        smallest size, fees included, in USD, >= 0. The default is 15 % of the 2,000 USD of
        a 50K account.
    """

    keep_usd: float = 300.0

    def __post_init__(self) -> None:
        if not 0 <= self.keep_usd < 1e9:
            raise ValueError(f"keep_usd is {self.keep_usd} USD; it must be 0 or more (and finite)")


class Guard:
    """Refuses a trade whose loss would leave too little room to the floor."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._keep = Decimal(str(settings.keep_usd))

    def check(self, signal: Signal, view: View) -> Verdict:
        """Take the stop's cost for one size step, both sides' fees included, off the room."""
        instrument, room = view.instrument, view.account.room
        risk = instrument.money(signal.risk_ticks) + 2 * instrument.fees(1, signal.entry_ticks)
        left = room - risk
        reason = (f"{room:.2f} USD above the loss floor less {risk:.2f} USD at risk leave {left:.2f} USD, "
                  f"at least {self._keep} USD needed")
        return Verdict("max_loss_limit", left >= self._keep, float(left), self.settings.keep_usd, reason)
