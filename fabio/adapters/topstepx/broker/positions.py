"""What is held, by the hub's last word and by looking; hints, never proof on their own."""

from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.broker.translate import venue_position
from fabio.adapters.topstepx.contracts import same_contract
from fabio.adapters.topstepx.records import Position
from fabio.adapters.topstepx.rest.buckets import Urgency


class Positions:
    """The venue's positions of the contracts we trade."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._heard: dict[int, int] = {}  # market -> signed steps, by the hub

    def take(self, record: Position) -> None:
        """Take a record of the hub.

        Raises
        ------
        WireError
            If its direction is not known.
        """
        traded = self._reach.traded.named(record.contract_id)
        if traded is not None:
            position = venue_position(record, traded)
            self._heard[traded.market] = position.size_steps if position is not None else 0

    def forget(self) -> None:
        """Forget what the hub said: it may have changed unheard."""
        self._heard.clear()

    def heard(self, market: int) -> int | None:
        """Give the hub's last word, in signed steps; None where it said nothing that counts."""
        return self._heard.get(market)

    def heard_flat(self, market: int) -> bool:
        """Tell whether the hub's last word was that nothing is held."""
        return self._heard.get(market) == 0

    def forget_word(self, market: int) -> None:
        """Take the hub's last word for old: only what it says from now on tells that nothing is held."""
        self._heard.pop(market, None)

    async def look(self, traded: TradedContract) -> int:
        """Ask what is held of a contract, in signed steps.

        Raises
        ------
        TemporaryError, WireError, PermanentError, CredentialsRefused
            If it cannot be had.
        """
        records = await self._reach.rest.open_positions(self._reach.account_id, Urgency.PROTECT)
        found = (venue_position(each, traded) for each in records
                 if same_contract(each.contract_id, traded.contract_id))
        return sum(each.size_steps for each in found if each is not None)
