"""Budget: what asking a paid model may cost a day, reserved before each question and settled after it.

The day is the account's trade date, the hour one of the runtime clock. What an ask in flight may
cost counts as spent until it is known, so that no order of events, failure or restart passes a cap:
spent + reserved never exceeds it before the question leaves. An ask whose cost nobody learned is
charged in full. A model that costs nothing has no caps; nobody is asked twice at once in either case.
"""

from decimal import Decimal
from typing import Literal

import msgspec

from fabio.model.session import Session

HOUR_NS = 3_600_000_000_000
NOTHING = Decimal(0)


class BudgetSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Caps on asking a paid model; money in USD.

    Parameters
    ----------
    calls_per_day
        Per trade date, 1 to 100000.
    calls_per_hour
        1 to 100000. The inner band's 5 seconds come to 720 an hour: without this the first half hour after the
        open could take the whole day's calls. A fifth of them leaves some for at least five hours.
    usd_per_day, usd_per_call
        0 < per call <= per day. What one call may cost at most is reserved before it.
    quiet_from_share
        From this share of the day's calls or money on only events ask, above 0 to 1 (1: never quiet).
    hours
        `regular` asks in regular trading hours only, `all` whenever the market trades.
    """

    calls_per_day: int = 300
    calls_per_hour: int = 60
    usd_per_day: Decimal = Decimal("1.50")
    usd_per_call: Decimal = Decimal("0.05")
    quiet_from_share: float = 0.8
    hours: Literal["regular", "all"] = "regular"

    def __post_init__(self) -> None:
        for name in ("calls_per_day", "calls_per_hour"):
            if not 1 <= getattr(self, name) <= 100_000:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in 1 to 100000")
        if not (self.usd_per_call.is_finite() and self.usd_per_day.is_finite()
                and 0 < self.usd_per_call <= self.usd_per_day):
            raise ValueError(f"usd_per_call is {self.usd_per_call} USD and usd_per_day {self.usd_per_day} USD; "
                             "expected 0 < usd_per_call <= usd_per_day")
        if not 0 < self.quiet_from_share <= 1:
            raise ValueError(f"quiet_from_share is {self.quiet_from_share}; it must lie above 0 to 1 "
                             "(0.8: from 80 % of a cap on only events ask)")
        if self.hours not in ("regular", "all"):
            raise ValueError(f"hours is {self.hours!r}; it must be regular or all")


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and spent on a trade date.

    Parameters
    ----------
    trade_date
        The account's, empty before the first.
    calls
        Questions that left today, the one in flight included.
    spent
        USD charged today.
    reserved
        USD that the question in flight may cost.
    in_flight
        Whether one is; its reserve may be nothing.
    hour, calls_in_hour
        The latest hour in which one left, counted from the epoch, and how many left in it.
    """

    trade_date: str = ""
    calls: int = 0
    spent: Decimal = NOTHING
    reserved: Decimal = NOTHING
    in_flight: bool = False
    hour: int = 0
    calls_in_hour: int = 0

    @property
    def committed(self) -> Decimal:
        """What is gone, or may be: spent and reserved."""
        return self.spent + self.reserved


DEFAULT_BUDGET = BudgetSettings()


def begin_date(ledger: Ledger, trade_date: str) -> Ledger:
    """Begin a trade date; nothing where it is the running one.

    A question in flight goes over into the new date with its reserve, and counts as its first call:
    it is charged there, so that neither date's sum can pass the cap. The hour goes on.
    """
    if trade_date == ledger.trade_date:
        return ledger
    return msgspec.structs.replace(ledger, trade_date=trade_date, calls=int(ledger.in_flight), spent=NOTHING)


def in_hours(settings: BudgetSettings, session: Session, now_ns: int) -> bool:
    """Tell whether a paid model is asked at all at this time of the session."""
    if settings.hours == "all":
        return True
    opens, closes = session.regular_open_ns, session.regular_close_ns
    return opens is not None and closes is not None and opens <= now_ns < closes


def may_ask(
    ledger: Ledger, settings: BudgetSettings, now_ns: int, reserve_usd: Decimal, is_event: bool, is_paid: bool = True,
) -> str:
    """Tell why a question may not leave; empty when it may.

    Parameters
    ----------
    reserve_usd
        The most it can cost.
    is_event
        Whether an event asks, and not just something that moved.
    is_paid
        Whether calls cost money; else only one in flight is asked for.
    """
    if ledger.in_flight:
        return "a question is in flight"
    if not is_paid:
        return ""
    _check(reserve_usd)
    if reserve_usd > settings.usd_per_call:
        return f"a call may cost {reserve_usd} USD, over the {settings.usd_per_call} USD per call"
    if ledger.calls >= settings.calls_per_day:
        return f"{ledger.calls} of {settings.calls_per_day} calls today"
    if ledger.committed + reserve_usd > settings.usd_per_day:
        return (f"{ledger.committed} of {settings.usd_per_day} USD today, and a call may cost {reserve_usd} USD")
    if calls_this_hour(ledger, now_ns) >= settings.calls_per_hour:
        return f"{calls_this_hour(ledger, now_ns)} of {settings.calls_per_hour} calls this hour"
    if not is_event and is_quiet(ledger, settings):
        return (f"from {settings.quiet_from_share:.0%} on only events ask: {ledger.calls} of "
                f"{settings.calls_per_day} calls, {ledger.committed} of {settings.usd_per_day} USD today")
    return ""


def reserve(ledger: Ledger, now_ns: int, usd: Decimal) -> Ledger:
    """Take a question that leaves into the books, with the most it can cost.

    Raises
    ------
    ValueError
        If one is in flight, or the amount is none.
    """
    if ledger.in_flight:
        raise ValueError(f"a question is in flight with {ledger.reserved} USD reserved; settle it first")
    _check(usd)
    # a clock that was set back counts on in the hour it came from: it never gives calls back
    hour = max(now_ns // HOUR_NS, ledger.hour)
    return msgspec.structs.replace(
        ledger, calls=ledger.calls + 1, reserved=usd, in_flight=True, hour=hour,
        calls_in_hour=ledger.calls_in_hour + 1 if hour == ledger.hour else 1,
    )


def settle(ledger: Ledger, usd: Decimal | None, left: bool = True) -> Ledger:
    """Charge the question in flight; nothing where none is.

    Parameters
    ----------
    usd
        What it cost, charged as it is even where it is more than the reserve; None where nobody
        knows (no usage told, no answer, a restart): the reserve is charged.
    left
        False where it turned out that the question never went out: then it is no call.
    """
    if not ledger.in_flight:
        return ledger
    cost = ledger.reserved if usd is None else usd
    _check(cost)
    unused = 0 if left else 1
    return msgspec.structs.replace(
        ledger, spent=ledger.spent + cost, reserved=NOTHING, in_flight=False, calls=ledger.calls - unused,
        calls_in_hour=ledger.calls_in_hour - unused,
    )


def share(ledger: Ledger, settings: BudgetSettings) -> float:
    """Give how much of the day's caps is used, the nearer of calls and money; over 1 where a call cost too much."""
    return max(ledger.calls / settings.calls_per_day, float(ledger.committed / settings.usd_per_day))


def is_quiet(ledger: Ledger, settings: BudgetSettings) -> bool:
    """Tell whether only events ask by now."""
    return settings.quiet_from_share < 1 and share(ledger, settings) >= settings.quiet_from_share


def calls_this_hour(ledger: Ledger, now_ns: int) -> int:
    """Count the questions of the hour that runs, by the latest of the clock and the books."""
    return ledger.calls_in_hour if now_ns // HOUR_NS <= ledger.hour else 0


def _check(usd: Decimal) -> None:
    if not usd.is_finite() or usd < 0:
        raise ValueError(f"the cost of a call is {usd} USD; expected an amount of 0 or more")
