"""Which dated contract is our instrument: by the exact root of its id, never by name or prefix.

`CON.F.US.<root>.<month><yy>` is the long form; some records carry the short one, `F.US.<root>`.
The venue's roots are often not the exchange's (`ENQ` is NQ), and some look like others: `NQM` is
QM (mini crude), `NQG` is QG (mini gas).
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from fabio.adapters.data.contracts import MONTH_CODES
from fabio.adapters.topstepx.errors import ContractUnfit
from fabio.adapters.topstepx.records import Contract
from fabio.model.instrument import Instrument

_LONG = re.compile(rf"CON\.([A-Z])\.([A-Z]{{2}})\.([A-Z0-9]+)\.([{MONTH_CODES}])(\d\d)", re.ASCII)
_SHORT = re.compile(r"(?:CON\.)?([A-Z])\.([A-Z]{2})\.([A-Z0-9]+)", re.ASCII)


class Expiry(NamedTuple):
    """A contract's root and its month; sorts by year, then month (1 to 12)."""

    year: int
    month: int
    root: str


def expiry_of(contract_id: str) -> Expiry | None:
    """Read a long id; None where it is none.

    >>> expiry_of("CON.F.US.ENQ.Z26")
    Expiry(year=2026, month=12, root='ENQ')
    >>> expiry_of("F.US.ENQ") is None
    True
    """
    parts = _LONG.fullmatch(contract_id)
    if parts is None:
        return None
    return Expiry(2000 + int(parts[5]), MONTH_CODES.index(parts[4]) + 1, parts[3])


def root_of(contract_id: str) -> str | None:
    """Read the root of a long or short id; None where it is neither.

    >>> root_of("CON.F.US.NQM.F27"), root_of("F.US.ENQ"), root_of("NQZ6")
    ('NQM', 'ENQ', None)
    """
    expiry = expiry_of(contract_id)
    if expiry is not None:
        return expiry.root
    short = _SHORT.fullmatch(contract_id)
    return short[3] if short is not None else None


def same_contract(one: str, other: str) -> bool:
    """Tell whether two ids may name one contract: equal, or one is short and the roots are equal.

    >>> same_contract("CON.F.US.ENQ.Z26", "F.US.ENQ"), same_contract("CON.F.US.ENQ.Z26", "CON.F.US.ENQ.H27")
    (True, False)
    """
    if one == other:
        return True
    if expiry_of(one) is not None and expiry_of(other) is not None:
        return False
    root = root_of(one)
    return root is not None and root == root_of(other)


def front_month(contracts: Iterable[Contract], instrument: Instrument) -> Contract:
    """Choose the active contract of an instrument that expires first.

    Raises
    ------
    ContractUnfit
        If none is active, or its units are not those of the instrument.
    """
    root = gateway_root(instrument)
    own = [(expiry, contract) for contract in contracts
           if (expiry := expiry_of(contract.id)) is not None and expiry.root == root]
    active = [(expiry, contract) for expiry, contract in own if contract.active_contract]
    if not active:
        found = f"only inactive ones ({', '.join(sorted(contract.id for _, contract in own)[:6])})" if own else "none"
        raise ContractUnfit(f"TopstepX lists no active contract of {instrument.symbol} (root {root}): {found}. "
                            "Compare gateway_root in config/instruments.toml with the platform")
    contract = min(active, key=lambda found: found[0])[1]
    check_units(contract, instrument)
    return contract


def check_units(contract: Contract, instrument: Instrument) -> None:
    """Let a contract pass whose tick is worth what our table says.

    Raises
    ------
    ContractUnfit
        If size or value of a tick differ: every stop and every risk would be wrong.
    """
    for name, theirs, ours in (
        ("tick size", contract.tick_size, instrument.tick_size),
        ("tick value", contract.tick_value, instrument.tick_value),
    ):
        if theirs != ours:
            raise ContractUnfit(f"{contract.id} has a {name} of {_plain(theirs)} at TopstepX, but "
                                f"{_plain(ours)} in config/instruments.toml, [{instrument.symbol}]: correct the table")


def gateway_root(instrument: Instrument) -> str:
    """The instrument's root at the venue.

    Raises
    ------
    ContractUnfit
        If our table has none.
    """
    if instrument.gateway_root is None:
        raise ContractUnfit(f"{instrument.symbol} is not traded on TopstepX: config/instruments.toml gives it no "
                            "gateway_root; choose another symbol")
    return instrument.gateway_root


def _plain(number: Decimal) -> str:
    return f"{number:f}"
