"""What the venue says of an account's money: the closed balance, and what a day made so far."""

from decimal import Decimal

import msgspec

from fabio.adapters.topstepx.records import HalfTurn
from fabio.adapters.topstepx.rest.accounts import pinned_account
from fabio.adapters.topstepx.rest.endpoints import Rest


class DayMoney(msgspec.Struct, frozen=True):
    """In USD: the closed balance, and what was realized in a span, fees and commissions taken off."""

    balance: Decimal
    realized: Decimal


async def day_money(rest: Rest, account_id: int, since_ns: int) -> DayMoney:
    """Ask for both.

    Raises
    ------
    TemporaryError, WireError, PermanentError, AccountUnfit
        As `Rest.accounts` and `pinned_account` do.
    """
    account = pinned_account(await rest.accounts(), account_id)
    return DayMoney(account.balance, realized(await rest.trades(account_id, since_ns)))


def realized(half_turns: tuple[HalfTurn, ...]) -> Decimal:
    """Sum what half-turns made, net; voided ones are left out.

    >>> opened = HalfTurn(id=1, fees=Decimal("0.36"))
    >>> closed = HalfTurn(id=2, profit_and_loss=Decimal(10), fees=Decimal("0.36"))
    >>> realized((opened, closed, HalfTurn(id=3, profit_and_loss=Decimal(99), voided=True)))
    Decimal('9.28')
    """
    total = Decimal(0)
    for each in half_turns:
        if not each.voided:
            total += (each.profit_and_loss or 0) - (each.fees or 0) - (each.commissions or 0)
    return total
