"""The account: a fold of closed trades, with TopstepX's limits.

The loss floor (TopstepX's Maximum Loss Limit) begins at start balance minus the limit.
It is raised only when a trade date ends, to the highest end-of-day *closed* balance minus
the limit, never falls, and stops for good at the start balance. It is checked in real
time against equity: touching it ends the account. The trade date begins at 17:00
Chicago; the caller knows the clock and gives its text.
Source: help.topstep.com "Maximum Loss Limit", read 2026.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from fabio.model.account import Account
from fabio.model.instrument import Instrument
from fabio.model.order import Position


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the account is; money in USD. The defaults are TopstepX's 50K account.

    Parameters
    ----------
    kind
        What the account is: `practice`, `combine` or `express`. Express accounts scale their size.
    start_balance
        Closed balance on the first day; the loss floor never rises above it. An express account starts at 0.
    loss_limit
        Maximum Loss Limit, > 0.
    daily_loss
        Loss of one trade date (open P&L counted, the stricter reading) at which entries
        stop; None for none, TopstepX's default since 2024-08-25.
    size_limit
        Most contracts (or coins) held of one instrument.
    mini_limit
        Most mini-equivalents held over all instruments: the account's tier.
    loss_floor
        Where the venue's dashboard shows the Maximum Loss Limit, as a balance, on the day `as_of`; None
        takes start balance minus limit. Live trading needs it: the venue's API does not tell.
    as_of
        The trade date (YYYY-MM-DD) whose evening `loss_floor` was read after; live trading refuses an older one.
    """

    kind: Literal["practice", "combine", "express"] = "practice"
    start_balance: Decimal = Decimal(50_000)
    loss_limit: Decimal = Decimal(2_000)
    daily_loss: Decimal | None = None
    size_limit: Decimal = Decimal(2)
    mini_limit: Decimal = Decimal(5)
    loss_floor: Decimal | None = None
    as_of: str = ""


def open_account(settings: AccountSettings, trade_date: str) -> Account:
    """Give the account as it is before its first trade.

    >>> open_account(AccountSettings(), "2026-11-20").loss_floor
    Decimal('48000')
    """
    return Account(
        trade_date=trade_date,
        balance=settings.start_balance,
        open_pnl=Decimal(0),
        day_start_balance=settings.start_balance,
        loss_floor=settings.start_balance - settings.loss_limit if settings.loss_floor is None else settings.loss_floor,
        position_limit=settings.mini_limit,
    )


def book_result(account: Account, net_pnl: Decimal) -> Account:
    """Add a closed trade's net P&L to the balance; open P&L is marked by `mark` alone."""
    return msgspec.structs.replace(account, balance=account.balance + net_pnl)


def mark(account: Account, open_pnl: Decimal) -> Account:
    """Set the unrealised P&L of all positions together."""
    return msgspec.structs.replace(account, open_pnl=open_pnl)


def raised_floor(account: Account, settings: AccountSettings) -> Decimal:
    """Give the loss floor of the next trade date, from the closed balance at this one's end.

    Taking the maximum day by day equals the rule's "highest end-of-day balance".
    """
    trailed = min(account.balance - settings.loss_limit, settings.start_balance)
    return max(account.loss_floor, trailed)


def begin_trade_date(account: Account, settings: AccountSettings, trade_date: str) -> Account:
    """End the current trade date and begin the next one: day limits start again."""
    if trade_date == account.trade_date:
        return account
    return msgspec.structs.replace(
        account,
        trade_date=trade_date,
        day_start_balance=account.balance,
        loss_floor=raised_floor(account, settings),
    )


def touches_floor(account: Account) -> bool:
    """Tell whether equity is at or below the loss floor."""
    return account.equity <= account.loss_floor


def reaches_daily_loss(account: Account, settings: AccountSettings) -> bool:
    """Tell whether the trade date lost as much as it may; False without a daily limit."""
    return settings.daily_loss is not None and account.day_pnl <= -settings.daily_loss


def mini_equivalents(positions: Iterable[Position], instruments: Sequence[Instrument]) -> Decimal:
    """Sum what is held over all instruments, 10 micros being 1 mini, long and short alike.

    Parameters
    ----------
    positions
        All open positions.
    instruments
        By market.
    """
    total = Decimal(0)
    for position in positions:
        instrument = instruments[position.market]
        total += instrument.size(abs(position.size_steps)) * instrument.mini_equivalent
    return total
