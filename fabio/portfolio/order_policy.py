"""What `[orders]` says: how entries are worked, and how large the box at the exit is.

Every limit has a default, and a range in code that no setting leaves. The account's tier is one
of them, though it stands under `[account]`.
"""

from decimal import Decimal

import msgspec

from fabio.portfolio.account import AccountSettings

RANGES: dict[str, tuple[int, int]] = {
    "collar_ticks": (1, 400),
    "least_stop_ticks": (1, 2000),
    "most_stop_ticks": (1, 2000),
    "most_room_percent": (1, 25),
    "most_risk_usd": (1, 2500),
    "most_day_loss_percent": (10, 100),
    "least_room_percent": (5, 90),
    "entries_per_hour": (1, 60),
    "entries_per_day": (1, 200),
    "commands_per_10s": (1, 30),
    "commands_per_minute": (1, 140),
    "repeat_after_s": (1, 3600),
    "after_exit_s": (1, 3600),
    "most_losses_in_a_row": (1, 20),
    "most_age_s": (1, 300),
    "most_skew_s": (1, 60),
    "before_flat_by_s": (120, 7200),
    "close_before_flat_by_s": (120, 3600),
}
"""Key -> least and most that it may be. 140 commands in a minute are what the venue's gate leaves beside exits.

The account is to be flat and without orders a minute before the flat-by time: closing begins no later than a
minute before that, and what is closing takes no entries.
"""
TIERS = ((Decimal(50_000), Decimal(5)), (Decimal(100_000), Decimal(10)), (Decimal(150_000), Decimal(15)))
"""Start balance up to which, and the most mini-equivalents TopstepX lets such an account hold."""
TIERS_BY_LOSS_LIMIT = ((Decimal(2_000), Decimal(5)), (Decimal(3_000), Decimal(10)), (Decimal(4_500), Decimal(15)))
"""The same for express accounts, which start at 0, by their Maximum Loss Limit."""
MICROS_PER_MINI = 10


class OrderPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How entries are worked, and the box they have to fit into.

    Parameters
    ----------
    limit_good_for_s
        Seconds after which an unfilled limit entry expires.
    collar_ticks
        Most ticks between an entry's price and the last trade, 1 to 400.
    least_stop_ticks
        Least distance of a stop from the entry, in ticks, 1 to 2000.
    most_stop_ticks
        Most of it, in ticks, 1 to 2000.
    most_room_percent
        Most of the room above the loss floor that one trade may lose, slippage and fees included, 1 to 25 percent.
    most_risk_usd
        Most that one trade may lose, the same way, 1 to 2500 USD.
    most_day_loss_percent
        Share of the allowed daily loss at which everything is closed and trading halts for the trade date, 10 to
        100 percent. Allowed is `account.daily_loss`, half of `account.loss_limit` where that is none.
    least_room_percent
        Share of `account.loss_limit` left above the loss floor at which everything is closed and trading halts
        until a person resumes, 5 to 90 percent.
    entries_per_hour
        Entries that may leave in any hour, 1 to 60. Armed for live, one more ends trading until a
        person arms it again.
    entries_per_day
        Entries that may leave on one trade date, 1 to 200; beyond it the same.
    commands_per_10s
        Commands to the venue in any 10 s after which entries wait, 1 to 30; exits never do.
    commands_per_minute
        Commands to the venue in any 60 s after which entries wait, 1 to 140; exits never do.
    repeat_after_s
        Seconds before an entry of the same market, strategy, setup and side may leave again, 1 to 3600.
    after_exit_s
        Seconds after an exit before the next entry of that market may leave, 1 to 3600.
    most_losses_in_a_row
        Losses in a row at which entries end for the trade date, 1 to 20.
    most_age_s
        Most seconds since the last trade, 1 to 300.
    most_skew_s
        Most seconds that the exchange's clock may run ahead of ours, 1 to 60.
    before_flat_by_s
        No entries within so many seconds of the flat-by time, or of the close where there is none, 120 to 7200; not
        less than `close_before_flat_by_s`.
    close_before_flat_by_s
        Seconds before the flat-by time at which everything is closed and working orders are cancelled, 120 to 3600.
    """

    limit_good_for_s: float = 120.0
    collar_ticks: int = 40
    least_stop_ticks: int = 8
    most_stop_ticks: int = 200
    most_room_percent: int = 10
    most_risk_usd: int = 500
    most_day_loss_percent: int = 80
    least_room_percent: int = 15
    entries_per_hour: int = 6
    entries_per_day: int = 20
    commands_per_10s: int = 6
    commands_per_minute: int = 60
    repeat_after_s: int = 5
    after_exit_s: int = 5
    most_losses_in_a_row: int = 10
    most_age_s: int = 60
    most_skew_s: int = 30
    before_flat_by_s: int = 1200
    close_before_flat_by_s: int = 300

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}; it must lie in {least} to {most}")
        if self.least_stop_ticks > self.most_stop_ticks:
            raise ValueError(f"least_stop_ticks is {self.least_stop_ticks}, above most_stop_ticks "
                             f"({self.most_stop_ticks})")
        if self.before_flat_by_s < self.close_before_flat_by_s:
            raise ValueError(f"before_flat_by_s is {self.before_flat_by_s}, below close_before_flat_by_s "
                             f"({self.close_before_flat_by_s})")


def tier_minis(account: AccountSettings) -> Decimal:
    """Give the most mini-equivalents that an account of this size may hold, whatever `mini_limit` says.

    >>> tier_minis(AccountSettings()), tier_minis(AccountSettings(start_balance=Decimal(150_000)))
    (Decimal('5'), Decimal('15'))
    """
    tiers, size = (TIERS, account.start_balance)
    if size <= 0:
        tiers, size = TIERS_BY_LOSS_LIMIT, account.loss_limit
    for up_to, minis in tiers:
        if size <= up_to:
            return minis
    return tiers[-1][1]


def day_loss_limit(account: AccountSettings, policy: OrderPolicy) -> Decimal:
    """Give the loss of one trade date, in USD, that halts it.

    >>> day_loss_limit(AccountSettings(), OrderPolicy())
    Decimal('800')
    """
    allowed = account.loss_limit / 2 if account.daily_loss is None else account.daily_loss
    return min(allowed, account.loss_limit) * policy.most_day_loss_percent / 100


def least_room(account: AccountSettings, policy: OrderPolicy) -> Decimal:
    """Give the equity above the loss floor, in USD, at which everything is closed.

    >>> least_room(AccountSettings(), OrderPolicy())
    Decimal('300')
    """
    return account.loss_limit * policy.least_room_percent / 100
