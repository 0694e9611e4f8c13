"""daily_loss: the soft limit of the day; no more entries once so much is lost."""

from decimal import Decimal

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The soft daily limit.

    Parameters
    ----------
    limit_usd
        Loss of the trade date in USD, open P&L included, at which entries end; > 0. The
        default is half of the 1,000 USD that a 50K account may lose in a day.
    """

    limit_usd: float = 500.0

    def __post_init__(self) -> None:
        if not 0 < self.limit_usd < 1e9:
            raise ValueError(f"limit_usd is {self.limit_usd} USD; it must be above 0 (and finite)")


class Guard:
    """Refuses entries once the day's loss has reached the limit."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._limit = Decimal(str(settings.limit_usd))

    def check(self, signal: Signal, view: View) -> Verdict:
        """Pass while the day's loss is below the limit."""
        loss = -view.account.day_pnl
        reason = f"the day's P&L is {-loss:.2f} USD, entries end at a loss of {self._limit} USD"
        return Verdict("daily_loss", loss < self._limit, float(loss), self.settings.limit_usd, reason)
