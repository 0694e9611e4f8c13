"""Whether the contracts we trade take entries still: no position is opened in one that is about to end."""

import datetime as dt

from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.contracts import check_units, expiry_of
from fabio.adapters.topstepx.errors import ContractUnfit
from fabio.adapters.topstepx.expiries import last_day
from fabio.adapters.topstepx.records import Contract
from fabio.adapters.topstepx.roll import DAYS_BEFORE_END

LOOK_EVERY_S = 300.0
_NEVER_S = float("-inf")


class Rolls:
    """Looks the contracts up now and then."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._looked_s: dict[int, float] = {}  # market -> when its contract was looked up, monotonic
        self._records: dict[int, Contract | None] = {}  # market -> the venue's record of it

    async def run(self) -> None:
        """Look, until cancelled."""
        while True:
            await self.look()
            await self._reach.clock.sleep(LOOK_EVERY_S / 10)

    async def look(self) -> None:
        """Look up what was not looked up for five minutes; what cannot be had stays as it was."""
        now_s = self._reach.clock.monotonic_s()
        for traded in self._reach.traded:
            if now_s - self._looked_s.get(traded.market, _NEVER_S) < LOOK_EVERY_S:
                continue
            try:
                self._records[traded.market] = await self._reach.rest.contract(traded.contract_id)
            except READ_ERRORS:
                continue
            self._looked_s[traded.market] = now_s

    def refused(self) -> dict[int, str]:
        """Say why markets take no entries, by market."""
        today = dt.datetime.fromtimestamp(self._reach.now_ns() / 1e9, tz=dt.UTC).date()
        refused = {}
        for traded in self._reach.traded:
            why = why_ending(traded, today)
            if not why and traded.market in self._records:
                why = why_unfit(self._records[traded.market], traded)
            if why:
                refused[traded.market] = why
        return refused


def why_unfit(record: Contract | None, traded: TradedContract) -> str:
    """Say why the venue's record of a contract forbids entries; empty where it does not."""
    if record is None:
        return f"TopstepX knows no contract {traded.contract_id}"
    if not record.active_contract:
        return f"{traded.contract_id} is no longer the active contract: restart to trade the next one"
    try:
        check_units(record, traded.instrument)
    except ContractUnfit as error:
        return str(error)
    return ""


def why_ending(traded: TradedContract, today: dt.date) -> str:
    """Say why a contract is too near its end; empty where it is not, or its end is not known."""
    expiry = expiry_of(traded.contract_id)
    ends = last_day(expiry, traded.instrument) if expiry is not None else None
    if ends is None:
        return ""
    if today > ends:
        return f"{traded.contract_id} ended on {ends.isoformat()}: restart to trade the next one"
    if (ends - today).days <= DAYS_BEFORE_END:
        return f"{traded.contract_id} ends on {ends.isoformat()}: no entries in its last {DAYS_BEFORE_END} days"
    return ""
