"""The user hub's events, sorted by what they are about; what is not of our account is passed over."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.life import Life
from fabio.adapters.topstepx.broker.positions import Positions
from fabio.adapters.topstepx.broker.reach import Reach
from fabio.adapters.topstepx.errors import WireError
from fabio.adapters.topstepx.events import BadItem, Event, EventReader, LoggedOut, UserEvent
from fabio.adapters.topstepx.records import Account, HalfTurn, Order, Position
from fabio.adapters.topstepx.signalr.inbox import Arrival
from fabio.model.event import AccountSeen


class Arrivals(Protocol):
    """Where the hub's events wait: `signalr.inbox.Inbox`."""

    async def take(self) -> list[Arrival]:
        """Wait until something has arrived, and take all of it."""


class Listening:
    """Hears what the user hub tells.

    Parameters
    ----------
    logged_out
        Called when the venue threw us out.
    """

    def __init__(
        self, reach: Reach, known: Known, life: Life, positions: Positions, logged_out: Callable[[], None]
    ) -> None:
        self._reach = reach
        self._known = known
        self._life = life
        self._positions = positions
        self._logged_out = logged_out
        self._reader = EventReader()
        self._account: tuple[Decimal, bool] | None = None  # balance and canTrade as told

    async def run(self, arrivals: Arrivals) -> None:
        """Hear what arrives, until cancelled."""
        while True:
            self.take(await arrivals.take())
            await asyncio.sleep(0)

    def take(self, arrivals: list[Arrival]) -> None:
        """Take events that came together; they are told as one where that matters."""
        records: list[Order | HalfTurn] = []
        for arrival in arrivals:
            if self._reach.keep_raw is not None:
                self._reach.keep_raw(arrival)
            for event in self._reader.read(arrival.invocation):
                record = self._sorted(event, arrival.generation)
                if record is not None:
                    records.append(record)
        self._known.heard(records)

    def _sorted(self, event: Event, connection: int) -> Order | HalfTurn | None:
        """Give orders and executions; deal with all else at once."""
        match event:
            case UserEvent(record=record):
                return self._of_account(record)
            case LoggedOut(arguments=arguments):
                words = arguments.decode("utf-8", "replace")
                self._reach.note(f"GatewayLogout: {words!r}")
                if connection >= self._life.connection:  # a late one must not end the next connection
                    self._logged_out()
            case BadItem(target=target, kind=kind):
                self._reach.counts["unreadable events"] += 1
                self._known.doubt(f"an unreadable {target} ({kind.value})")
            case _:
                self._reach.counts["unknown events"] += 1
        return None

    def _of_account(self, record: Account | Order | Position | HalfTurn) -> Order | HalfTurn | None:
        if isinstance(record, Account):
            self._hear_account(record)
            return None
        if record.account_id not in (0, self._reach.account_id):
            self._reach.counts["events of other accounts"] += 1
            return None
        if isinstance(record, Position):
            self._hear_position(record)
            return None
        return record

    def _hear_account(self, record: Account) -> None:
        told = (record.balance, record.can_trade)
        if record.id == self._reach.account_id and told != self._account:
            self._account = told
            self._reach.emit(AccountSeen(ts_ns=self._reach.now_ns(), balance=record.balance,
                                         can_trade=record.can_trade))

    def _hear_position(self, record: Position) -> None:
        try:
            self._positions.take(record)
        except WireError as error:
            self._reach.counts["unreadable events"] += 1
            self._known.doubt(str(error))
        self._known.changes.happened()
