"""The endpoints that only tell."""

from collections.abc import Mapping

from fabio.adapters.gateway.accounts import AccountBook
from fabio.adapters.gateway.bars import BarsQuery, History
from fabio.adapters.gateway.bodies import (
    AccountsWanted,
    AccountWanted,
    BarsWanted,
    ContractsWanted,
    ContractWanted,
    OrderWanted,
    QueryWanted,
    SpanWanted,
    TextWanted,
)
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.listings import Listings
from fabio.adapters.gateway.messages import Answer, Refusal, Unreadable, read, refused, success
from fabio.adapters.gateway.orders import Orders
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.enums import BarsError, OrderStatus, SearchError
from fabio.adapters.topstepx.stamps import BadStamp, stamp_ns

PAGE_ROWS = 100
_NOT_FOUND = Refusal(SearchError.NOT_FOUND)
_ALL_TIME = (0, (1 << 63) - 1)


class Queries:
    """Answers what is asked of accounts, contracts, history, orders, positions and half-turns.

    Parameters
    ----------
    history
        By contract id.
    """

    def __init__(self, clock: VenueClock, accounts: Mapping[int, AccountBook], listings: Listings,
                 history: Mapping[str, History], orders: Orders, switches: Switches) -> None:
        self._clock = clock
        self._accounts = accounts
        self._listings = listings
        self._history = history
        self._orders = orders
        self._switches = switches

    def accounts(self, body: bytes, _: int) -> Answer:
        """`/api/Account/search`; a locked account is an active one that may not trade."""
        wanted = read(AccountsWanted, body)
        records = [account.record() for account in self._accounts.values()]
        return success(accounts=[each for each in records if each.is_visible or not wanted.only_active_accounts])

    # -- contracts and bars -------------------------------------------------------------

    def search_contracts(self, body: bytes, _: int) -> Answer:
        """`/api/Contract/search`; with `live` a simulated account finds nothing, without an error."""
        wanted = read(TextWanted, body)
        return success(contracts=[] if wanted.live else self._listings.search(wanted.search_text or ""))

    def available_contracts(self, body: bytes, _: int) -> Answer:
        """`/api/Contract/available`."""
        return success(contracts=[] if read(ContractsWanted, body).live else self._listings.available())

    def contract(self, body: bytes, _: int) -> Answer:
        """`/api/Contract/searchById`; expired ones are found too."""
        listing = self._listings.find(read(ContractWanted, body).contract_id)
        return refused(_NOT_FOUND, contract=None) if listing is None else success(contract=listing.contract)

    def bars(self, body: bytes, _: int) -> Answer:
        """`/api/History/retrieveBars`."""
        wanted = read(BarsWanted, body)
        listing = self._listings.find(wanted.contract_id)
        if listing is None or wanted.live:
            return refused(Refusal(BarsError.CONTRACT_NOT_FOUND), bars=None)
        query = BarsQuery(
            start_ns=self._time(wanted.start_time, "startTime"), end_ns=self._time(wanted.end_time, "endTime"),
            unit=wanted.unit, unit_number=wanted.unit_number, limit=wanted.limit,
            include_partial=wanted.include_partial_bar)
        history = self._history.get(listing.id, History(listing.instrument, list, self._clock.bar))
        found = history.bars(query, self._clock.now_ns)
        return refused(found, bars=None) if isinstance(found, Refusal) else success(bars=found)

    # -- orders -------------------------------------------------------------------------

    def orders_of_span(self, body: bytes, as_of_ns: int) -> Answer:
        """`/api/Order/search`, oldest first."""
        wanted = read(SpanWanted, body)
        if wanted.account_id not in self._accounts:
            return refused(_NOT_FOUND, orders=None)
        first_ns, last_ns = self._span(wanted)
        hides = self._switches.search_hides_suspended
        return success(orders=[
            order for order in self._orders.of(wanted.account_id, as_of_ns)
            if first_ns <= self._orders.created_ns(order.id) <= last_ns
            and not (hides and order.status == OrderStatus.SUSPENDED)])

    def open_orders(self, body: bytes, as_of_ns: int) -> Answer:
        """`/api/Order/searchOpen`: status Open only."""
        account_id = read(AccountWanted, body).account_id
        if account_id not in self._accounts:
            return refused(_NOT_FOUND, orders=None)
        return success(orders=[order for order in self._orders.of(account_id, as_of_ns)
                               if order.status == OrderStatus.OPEN])

    def order(self, body: bytes, as_of_ns: int) -> Answer:
        """`/api/Order/searchById`."""
        wanted = read(OrderWanted, body)
        order = self._orders.find(wanted.account_id, wanted.order_id, as_of_ns)
        return refused(_NOT_FOUND, order=None) if order is None else success(order=order)

    def query_orders(self, body: bytes, as_of_ns: int) -> Answer:
        """`/api/Order/v2/query`: 100 rows at most, the offset counts rows, the total comes unasked."""
        wanted = read(QueryWanted, body)
        chosen = wanted.filter
        if chosen.account_id not in self._accounts:
            return refused(_NOT_FOUND, orders=None, totalCount=None)
        after_ns = self._optional_time(chosen.created_after, "createdAfter", _ALL_TIME[0])
        before_ns = self._optional_time(chosen.created_before, "createdBefore", _ALL_TIME[1])
        rows = [order for order in self._orders.of(chosen.account_id, as_of_ns)
                if after_ns <= self._orders.created_ns(order.id) <= before_ns
                and (not chosen.statuses or order.status in chosen.statuses)]
        if wanted.sort_direction != 0:  # ids and times of creation rise together
            rows.reverse()
        first = max(wanted.page_offset or 0, 0)
        size = PAGE_ROWS if wanted.page_size is None else min(max(wanted.page_size, 0), PAGE_ROWS)
        return success(orders=rows[first : first + size], totalCount=len(rows))

    # -- positions and half-turns -------------------------------------------------------

    def positions(self, body: bytes, as_of_ns: int) -> Answer:
        """`/api/Position/searchOpen`."""
        account = self._accounts.get(read(AccountWanted, body).account_id)
        if account is None:
            return refused(_NOT_FOUND, positions=None)
        return success(positions=account.positions(as_of_ns))

    def half_turns(self, body: bytes, as_of_ns: int) -> Answer:
        """`/api/Trade/search`, newest first."""
        wanted = read(SpanWanted, body)
        account = self._accounts.get(wanted.account_id)
        if account is None:
            return refused(_NOT_FOUND, trades=None)
        first_ns, last_ns = self._span(wanted)
        return success(trades=[trade for ts_ns, trade in reversed(account.half_turns)
                               if first_ns <= ts_ns <= min(last_ns, as_of_ns)])

    # -- times --------------------------------------------------------------------------

    def _span(self, wanted: SpanWanted) -> tuple[int, int]:
        return (self._optional_time(wanted.start_timestamp, "startTimestamp", _ALL_TIME[0]),
                self._optional_time(wanted.end_timestamp, "endTimestamp", _ALL_TIME[1]))

    def _optional_time(self, text: str | None, name: str, otherwise_ns: int) -> int:
        return otherwise_ns if text is None else self._time(text, name)

    def _time(self, text: str, name: str) -> int:
        try:
            return stamp_ns(text) - self._clock.offset_ns
        except BadStamp as error:
            raise Unreadable(f"The JSON value of {name} could not be converted: {error}") from None
