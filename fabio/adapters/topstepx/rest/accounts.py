"""Which account is ours: the one a person named, never the first of several."""

from collections.abc import Sequence

from fabio.adapters.topstepx.errors import AccountUnfit
from fabio.adapters.topstepx.records import Account


def pinned_account(accounts: Sequence[Account], account_id: int | None) -> Account:
    """Choose the account to trade.

    Parameters
    ----------
    accounts
        What the venue lists.
    account_id
        What the configuration names; None is enough where there is only one.

    Returns
    -------
    Account
        It may be locked: `can_trade` says so.

    Raises
    ------
    AccountUnfit
        If there is none, or several and none was named; lists them.
    """
    listed = ", ".join(f"{account.id} ({account.name})" for account in accounts[:12]) or "none"
    if account_id is not None:
        for account in accounts:
            if account.id == account_id:
                return account
        raise AccountUnfit(f"TopstepX lists no active account {account_id}: it lists {listed}; set TOPSTEP_ACCOUNT_ID")
    if len(accounts) != 1:
        raise AccountUnfit(f"TopstepX lists {len(accounts)} active accounts, {listed}: "
                           "set TOPSTEP_ACCOUNT_ID to the one to trade" if accounts else
                           "TopstepX lists no active account: look on the platform whether one was closed or reset")
    return accounts[0]
