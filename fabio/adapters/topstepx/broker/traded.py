"""Which contract of the venue is which market of the machine."""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from fabio.adapters.topstepx.contracts import same_contract
from fabio.adapters.topstepx.errors import BadRequest
from fabio.model.instrument import Instrument


class TradedContract(msgspec.Struct, frozen=True, kw_only=True):
    """A market of the machine at the venue; `contract_id` is the long form."""

    market: int
    contract_id: str
    instrument: Instrument

    def near_ticks(self, price: Decimal) -> int:
        """Give the tick nearest to a price of the venue, on the grid or not."""
        return int((price / self.instrument.tick_size).to_integral_value(ROUND_HALF_EVEN))

    def is_on_grid(self, price: Decimal) -> bool:
        """Tell whether a price is a whole number of ticks."""
        return price % self.instrument.tick_size == 0

    def price(self, ticks: int) -> Decimal:
        """Give the price of a tick."""
        return self.instrument.price(ticks)

    def steps(self, size: int) -> int:
        """Give the venue's size in steps."""
        return int(size / self.instrument.size_step)

    def size(self, steps: int) -> int:
        """Give the venue's size of some steps.

        Raises
        ------
        BadRequest
            If it is no whole number of contracts.
        """
        size = self.instrument.size(steps)
        if size != int(size):
            raise BadRequest(f"{steps} steps of {self.instrument.symbol} are {size} contracts: not a whole number")
        return int(size)


class TradedContracts:
    """All contracts that the machine trades.

    Raises
    ------
    ValueError
        If a market is there twice.
    """

    def __init__(self, traded: Iterable[TradedContract]) -> None:
        self._by_market: dict[int, TradedContract] = {}  # market -> contract
        for each in traded:
            if each.market in self._by_market:
                raise ValueError(f"market {each.market} trades {self._by_market[each.market].contract_id} and "
                                 f"{each.contract_id}: expected one contract a market")
            self._by_market[each.market] = each
        self._by_id: dict[str, TradedContract | None] = {}  # the venue's id, long or short -> contract

    def __iter__(self) -> Iterator[TradedContract]:
        return iter(self._by_market.values())

    def of_market(self, market: int) -> TradedContract:
        """Give the contract of a market.

        Raises
        ------
        BadRequest
            If there is none.
        """
        traded = self._by_market.get(market)
        if traded is None:
            raise BadRequest(f"market {market} has no contract at the venue")
        return traded

    def change(self, market: int, contract_id: str) -> None:
        """Trade another contract of a market: a roll.

        Raises
        ------
        BadRequest
            If the market is not traded.
        """
        self._by_market[market] = msgspec.structs.replace(self.of_market(market), contract_id=contract_id)
        self._by_id.clear()

    def named(self, contract_id: str) -> TradedContract | None:
        """Give the contract of an id, long or short; None where the machine does not trade it."""
        if contract_id not in self._by_id:
            if len(self._by_id) > 1000:
                self._by_id.clear()
            self._by_id[contract_id] = next(
                (each for each in self._by_market.values() if same_contract(each.contract_id, contract_id)), None
            )
        return self._by_id[contract_id]
