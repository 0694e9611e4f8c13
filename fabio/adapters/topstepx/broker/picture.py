"""One picture of the venue: six reads at once, and what they say in the house's nouns."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from fabio.adapters.topstepx.broker.book import is_live
from fabio.adapters.topstepx.broker.known import Known
from fabio.adapters.topstepx.broker.reach import READ_ERRORS, Reach
from fabio.adapters.topstepx.broker.rolls import Rolls
from fabio.adapters.topstepx.broker.translate import fill_of, optional_ns, venue_order, venue_position
from fabio.adapters.topstepx.enums import LIVE
from fabio.adapters.topstepx.errors import WireError
from fabio.adapters.topstepx.records import Account, HalfTurn, Order, Position
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.endpoints import OrderQuery
from fabio.adapters.topstepx.rest.lookup import query_orders
from fabio.model.order import Fill
from fabio.model.venue import NO_MARKET, VenueOrder, VenuePicture, VenuePosition

EARLIER_NS = 120_000_000_000
"""Clocks differ: what is listed from a time on is asked for from so long before."""

DONE_FOR_NS = 900_000_000_000
"""So long our own orders that are done stay in pictures."""

MOST_UNKNOWN = 20
"""Orders of executions that no list has, looked up by id for one picture."""

NOT_THERE_LOOKS = 3
"""Looks that have to say that an order does not exist before its execution is told without one."""

Part = TypeVar("Part")


class _Parts(msgspec.Struct):
    """What the reads gave; None for one that failed."""

    accounts: tuple[Account, ...] | None = None
    positions: tuple[Position, ...] | None = None
    open_orders: tuple[Order, ...] | None = None
    live_orders: tuple[Order, ...] | None = None
    recent_orders: tuple[Order, ...] | None = None
    trades: tuple[HalfTurn, ...] | None = None


class Taken(msgspec.Struct, frozen=True):
    """A picture, and why it is not whole; no picture where nothing at all answered.

    Parameters
    ----------
    failures
        Reads that were not answered.
    doubts
        Answers that cannot be used, or that do not fit together.
    """

    picture: VenuePicture | None
    failures: tuple[str, ...]
    doubts: tuple[str, ...] = ()


class Camera:
    """Takes pictures.

    Parameters
    ----------
    since_ns
        From when on executions and done orders are told; asked for each picture.
    """

    def __init__(self, reach: Reach, known: Known, rolls: Rolls, since_ns: Callable[[], int]) -> None:
        self._reach = reach
        self._known = known
        self._rolls = rolls
        self._since_ns = since_ns
        self._account: Account | None = None
        self._not_there: Counter[int] = Counter()  # venue id -> looks that did not find the order of an execution
        self._whole_ns = 0  # when the latest whole picture that counts was taken

    async def take(self, generation: int, urgency: Urgency, is_up: bool = True) -> Taken:
        """Ask for everything; `complete` only if everything was answered and could be read.

        Parameters
        ----------
        is_up
            Whether the engine will go by it; of one taken in a gap it believes the executions only.
        """
        taken_ns = self._reach.now_ns()
        failures: list[str] = []
        doubts: list[str] = []
        parts = await self._read(urgency, failures)
        if not any(getattr(parts, name) is not None for name in parts.__struct_fields__):
            return Taken(None, tuple(failures))
        orders = self._orders(parts, taken_ns)
        await self._identify_all(parts.trades or (), urgency, failures)
        fills = self._fills(parts.trades or (), doubts)
        positions = self._positions(parts.positions or (), doubts)
        balance, can_trade = self._balance(parts.accounts, doubts)
        is_whole = not failures and not doubts
        if is_whole and is_up:
            self._whole_ns = taken_ns
        skew_s = self._reach.rest.skew.get()
        return Taken(VenuePicture(
            generation=generation, taken_ns=taken_ns, complete=is_whole, balance=balance, can_trade=can_trade,
            positions=positions, orders=orders, fills=fills,
            clock_skew_ns=round(skew_s * 1e9) if skew_s is not None else 0,
            refused_markets=self._rolls.refused(),
        ), tuple(failures), tuple(doubts))

    async def _read(self, urgency: Urgency, failures: list[str]) -> _Parts:
        rest, account_id = self._reach.rest, self._reach.account_id
        start_ns = max(0, self._since_ns() - EARLIER_NS)
        live = OrderQuery(account_id=account_id, statuses=tuple(sorted(LIVE)))
        recent = OrderQuery(account_id=account_id, created_after_ns=start_ns)

        async def part(read: Coroutine[Any, Any, Part]) -> Part | None:
            try:
                return await read
            except READ_ERRORS as error:
                failures.append(str(error))
                return None

        async with asyncio.TaskGroup() as group:
            accounts = group.create_task(part(rest.accounts(urgency=urgency)))
            positions = group.create_task(part(rest.open_positions(account_id, urgency)))
            open_orders = group.create_task(part(rest.open_orders(account_id, urgency)))
            live_orders = group.create_task(part(query_orders(rest, live, urgency=urgency)))
            recent_orders = group.create_task(part(query_orders(rest, recent, urgency=urgency)))
            trades = group.create_task(part(rest.trades(account_id, start_ns, urgency=urgency)))
        return _Parts(
            accounts.result(), positions.result(), open_orders.result(), live_orders.result(),
            recent_orders.result(), trades.result(),
        )

    def _orders(self, parts: _Parts, taken_ns: int) -> tuple[VenueOrder, ...]:
        """Give what was listed, each in its newest version, but of what is done only our own of late."""
        book = self._known.book
        listed = [*(parts.open_orders or ()), *(parts.live_orders or ()), *(parts.recent_orders or ())]
        records = book.newest(listed)
        since_ns = min(taken_ns - DONE_FOR_NS, self._whole_ns - EARLIER_NS)
        return tuple(
            venue_order(each, book.tag_of(each.id), self._reach.traded.named(each.contract_id)) for each in records
            if is_live(each) or (book.tag_of(each.id) is not None and _done_ns(each) >= since_ns)
        )

    async def _identify_all(self, trades: Iterable[HalfTurn], urgency: Urgency, failures: list[str]) -> None:
        """Look up the orders of executions that no list has: old ones, and children without a tag."""
        book = self._known.book
        unknown = {each.order_id for each in trades
                   if each.order_id and self._reach.traded.named(each.contract_id) is not None
                   and not book.identifies(each.order_id) and self._not_there[each.order_id] < NOT_THERE_LOOKS}
        for venue_id in sorted(unknown)[:MOST_UNKNOWN]:
            await self._identify(venue_id, urgency, failures)

    async def _identify(self, venue_id: int, urgency: Urgency, failures: list[str]) -> None:
        book, rest = self._known.book, self._reach.rest
        wanted = venue_id
        for _ in range(2):  # the order; and its parent, where it is a child without a tag
            try:
                record = await rest.order(self._reach.account_id, wanted, urgency)
            except READ_ERRORS as error:
                failures.append(str(error))
                return
            if record is None:
                self._not_there[venue_id] += 1
                return
            book.update(record)
            if book.identifies(venue_id) or record.parent_order_id is None:
                return
            wanted = record.parent_order_id

    def _fills(self, trades: Iterable[HalfTurn], doubts: list[str]) -> tuple[Fill, ...]:
        """Give the executions in contracts we trade; one whose order is not known is left for the next time."""
        book, fills = self._known.book, []
        for trade in trades:
            traded = self._reach.traded.named(trade.contract_id)
            if traded is None:
                continue
            is_known = trade.order_id == 0 or book.identifies(trade.order_id)
            if not is_known and self._not_there[trade.order_id] < NOT_THERE_LOOKS:
                doubts.append(f"the order {trade.order_id} of execution {trade.id} cannot be looked up")
                continue
            self._known.executions.note(trade)
            if trade.voided:
                continue
            try:
                fills.append(fill_of(trade, book.tag_of(trade.order_id), traded, self._reach.now_ns()))
            except WireError as error:
                doubts.append(str(error))
        return tuple(sorted(fills, key=lambda fill: (fill.ts_ns, fill.id)))

    def _positions(self, records: Iterable[Position], doubts: list[str]) -> tuple[VenuePosition, ...]:
        found: dict[tuple[int, str], VenuePosition] = {}  # market, contract elsewhere -> position
        for record in records:
            try:
                position = venue_position(record, self._reach.traded.named(record.contract_id))
            except WireError as error:
                doubts.append(str(error))
                continue
            if position is not None:
                place = (position.market, position.contract if position.market == NO_MARKET else "")
                found[place] = position
        return tuple(found.values())

    def _balance(self, accounts: tuple[Account, ...] | None, doubts: list[str]) -> tuple[Decimal, bool]:
        """Give balance and permission; an account that is not listed any more may not trade."""
        if accounts is not None:
            listed = next((each for each in accounts if each.id == self._reach.account_id), None)
            if listed is None and self._account is None:
                doubts.append(f"account {self._reach.account_id} is not among the active ones")
            elif listed is None and self._account is not None:
                self._account = msgspec.structs.replace(self._account, can_trade=False)
            else:
                self._account = listed
        if self._account is None:
            return Decimal(0), False
        return self._account.balance, self._account.can_trade


def _done_ns(record: Order) -> int:
    return optional_ns(record.update_timestamp) or optional_ns(record.creation_timestamp) or 0
