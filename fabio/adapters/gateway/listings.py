"""Contracts the gateway lists: for each product with a gateway root the front month and its neighbours."""

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec

from fabio.adapters.data.contracts import MONTH_CODES
from fabio.adapters.topstepx.contracts import Expiry
from fabio.adapters.topstepx.expiries import last_day, third_friday
from fabio.adapters.topstepx.records import Contract
from fabio.model.instrument import Instrument

MOST_FOUND = 20
"""Contracts in one answer of a search."""

QUARTERS, EVERY_MONTH = "HMUZ", MONTH_CODES
_CYCLES = {
    "cme_equity": QUARTERS, "cme_fx": QUARTERS, "cme_rates": QUARTERS, "cme_crypto": EVERY_MONTH,
    "energy": EVERY_MONTH, "metals": "GJMQVZ", "grains": "HKNUZ", "livestock": "GJMQVZ",
}
_OWN_CYCLES = {
    "SI": "HKNUZ", "SIL": "HKNUZ", "HG": "HKNUZ", "MHG": "HKNUZ", "PL": "FJNV", "ZS": "FHKNQUX", "ZM": "FHKNQUVZ",
    "ZL": "FHKNQUVZ", "HE": "GJKMNQVZ",
}
# product group (or root) -> months that are traded

_ROLL_DAYS = dt.timedelta(days=8)
"""So long before a contract ends the next one becomes current: the custom of index futures."""

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A contract with what stands behind it.

    Parameters
    ----------
    market
        Row of the gateway's streams; None where nothing is streamed.
    is_expired
        Found by its id only.
    """

    contract: Contract
    instrument: Instrument
    market: int | None = None
    is_expired: bool = False

    @property
    def id(self) -> str:
        """The long id."""
        return self.contract.id


def front_month(instrument: Instrument, on: dt.date) -> Expiry:
    """Give the contract that is current on a day, by custom of its product."""
    return _months_from(instrument, on)[1]


class Listings:
    """All contracts of one day.

    Parameters
    ----------
    streamed
        The dated contracts that have ticks, by market; they are active and come first.
    """

    def __init__(self, instruments: Iterable[Instrument], streamed: Mapping[int, tuple[Instrument, Expiry]],
                 on: dt.date) -> None:
        self._all: dict[str, Listing] = {}  # long id -> listing, in the order they are told
        by_symbol = {instrument.symbol: (market, expiry) for market, (instrument, expiry) in streamed.items()}
        for market, (instrument, expiry) in streamed.items():
            self._add(instrument, expiry, active=True, market=market)
        for instrument in instruments:
            if instrument.gateway_root is None:
                continue
            before, front, after = _months_from(instrument, on)
            if instrument.symbol in by_symbol:
                front = by_symbol[instrument.symbol][1]
            self._add(instrument, front, active=True)
            if after > front:
                self._add(instrument, after)
            if before < front:
                self._add(instrument, before, is_expired=True)

    def find(self, contract_id: str) -> Listing | None:
        """Give a contract by its long id, expired ones too."""
        return self._all.get(contract_id)

    def streamed(self) -> list[Listing]:
        """Give those that have ticks, by market."""
        return [each for each in self._all.values() if each.market is not None]

    def available(self) -> list[Contract]:
        """Give all that are not expired."""
        return [each.contract for each in self._all.values() if not each.is_expired]

    def search(self, text: str) -> list[Contract]:
        """Give at most 20 that loosely match: a part of the name, the root, the id or the description."""
        wanted = text.strip().upper()
        found = []
        for each in self._all.values():
            contract, root = each.contract, each.instrument.gateway_root or ""
            words = (contract.name, root, contract.id, (contract.description or "").upper())
            if not each.is_expired and any(wanted in word.upper() for word in words):
                found.append(contract)
        return found[:MOST_FOUND]

    def _add(self, instrument: Instrument, expiry: Expiry, *, active: bool = False, market: int | None = None,
             is_expired: bool = False) -> None:
        code = MONTH_CODES[expiry.month - 1]
        symbol_id = f"F.US.{expiry.root}"
        contract = Contract(
            id=f"CON.{symbol_id}.{code}{expiry.year % 100:02d}",
            name=f"{instrument.symbol}{code}{expiry.year % 10}",
            description=f"{instrument.description}: {_MONTHS[expiry.month - 1]} {expiry.year}",
            tick_size=instrument.tick_size,
            tick_value=instrument.tick_value,
            active_contract=active,
            symbol_id=symbol_id,
        )
        self._all.setdefault(contract.id, Listing(contract=contract, instrument=instrument, market=market,
                                                  is_expired=is_expired))


def _months_from(instrument: Instrument, on: dt.date) -> tuple[Expiry, Expiry, Expiry]:
    """Give the last contract that is over, the current one, and the one after it."""
    cycle = _OWN_CYCLES.get(instrument.symbol, _CYCLES.get(instrument.product_group, QUARTERS))
    months = [
        Expiry(year, MONTH_CODES.index(code) + 1, instrument.gateway_root or instrument.symbol)
        for year in range(on.year - 1, on.year + 3) for code in cycle
    ]
    place = next(place for place, expiry in enumerate(months) if on < _roll(instrument, expiry))
    return months[place - 1], months[place], months[place + 1]


def _roll(instrument: Instrument, expiry: Expiry) -> dt.date:
    ends = last_day(expiry, instrument)
    return (third_friday(dt.date(expiry.year, expiry.month, 1)) if ends is None else ends) - _ROLL_DAYS
