"""Which contract of an instrument is traded in a session: decided before it opens, and never back.

The venue marks contracts as active, but not when that changes against volume, and it does not say when
one ends (`expiries`). A contract is fit for a trade date if it is active and ends more than
`days_before_end` days later; of the fit ones the first to end is traded. With the default of four
days an index future is left on the Monday of its last week, as the exchange recommends.

What is traded stays for the whole session: every session ends flat, so nothing is held across a roll.
Where something is held all the same, the contract stays what it is until that is gone.
"""

import datetime as dt
from collections.abc import Iterable

import msgspec

from fabio.adapters.topstepx.contracts import Expiry, check_units, expiry_of, gateway_root
from fabio.adapters.topstepx.errors import ContractUnfit
from fabio.adapters.topstepx.expiries import last_day
from fabio.adapters.topstepx.records import Contract
from fabio.model.instrument import Instrument

DAYS_BEFORE_END = 4


class Roll(msgspec.Struct, frozen=True, kw_only=True):
    """What is traded from the next session on.

    Parameters
    ----------
    contract_id
        The contract.
    is_new
        Whether it is another one than before.
    refused
        Why earlier contracts are not: id and reason each.
    """

    contract_id: str
    is_new: bool
    refused: tuple[str, ...] = ()


def decide_roll(
    contracts: Iterable[Contract], instrument: Instrument, trade_date: dt.date, *,
    current: str | None = None, is_held: bool = False, days_before_end: int = DAYS_BEFORE_END,
) -> Roll:
    """Choose the contract of a session.

    Parameters
    ----------
    contracts
        What the venue lists now.
    trade_date
        The session's date, or that of today where one runs.
    current
        What was traded up to now; a contract that ends earlier is never gone back to.
    is_held
        Whether a position or an order stands in it.

    Raises
    ------
    ContractUnfit
        If no contract is fit, or the chosen one's units are not those of our table.
    """
    if current is not None and is_held:
        return Roll(contract_id=current, is_new=False, refused=("a position or an order stands in it",))
    root = gateway_root(instrument)
    own = sorted(
        ((expiry, contract) for contract in contracts
         if (expiry := expiry_of(contract.id)) is not None and expiry.root == root),
        key=lambda found: found[0],
    )
    since = expiry_of(current) if current is not None else None
    refused: list[str] = []
    for expiry, contract in own:
        reason = _unfit(expiry, contract, instrument, trade_date, days_before_end)
        if not reason and since is not None and expiry < since:
            reason = f"{current} is traded already"
        if not reason:
            check_units(contract, instrument)
            return Roll(contract_id=contract.id, is_new=contract.id != current, refused=tuple(refused))
        refused.append(f"{contract.id}: {reason}")
    listed = "; ".join(refused[-6:]) or "none is listed"
    raise ContractUnfit(
        f"no contract of {instrument.symbol} (root {root}) at TopstepX is fit for {trade_date.isoformat()}: {listed}. "
        "Compare with the platform; choose another symbol, or wait until the next contract is active"
    )


def _unfit(
    expiry: Expiry, contract: Contract, instrument: Instrument, trade_date: dt.date, days_before_end: int,
) -> str:
    """Say why a contract is not to be traded on a date; empty where it is fit."""
    if not contract.active_contract:
        return "not active"
    ends = last_day(expiry, instrument)
    if ends is not None and (ends - trade_date).days <= days_before_end:
        return f"ends on {ends.isoformat()}"
    return ""
