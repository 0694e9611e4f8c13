"""The endpoints that change something: orders placed, changed and cancelled, positions closed."""

from collections.abc import Mapping

from fabio.adapters.gateway.accounts import AccountBook
from fabio.adapters.gateway.bodies import CloseWanted, OrderWanted
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.floor import Floor
from fabio.adapters.gateway.listings import Listing, Listings
from fabio.adapters.gateway.messages import Answer, Refusal, read, refused, success
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.gateway.refusals import UNAVAILABLE, Wish, against_modify, against_place
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.enums import TERMINAL, CloseError, ModifyError, PartialCloseError, PlaceError
from fabio.adapters.topstepx.records import ModifyOrder, Order, PlaceOrder


class Mutations:
    """Takes what clients want done, or says why not."""

    def __init__(self, clock: VenueClock, accounts: Mapping[int, AccountBook], listings: Listings,
                 streets: Mapping[str, Street], floor: Floor, switches: Switches) -> None:
        self._clock = clock
        self._accounts = accounts
        self._listings = listings
        self._streets = streets
        self._floor = floor
        self._switches = switches

    def place(self, body: bytes, _: int = 0) -> Answer:
        """`/api/Order/place`."""
        order = read(PlaceOrder, body)
        account, listing = self._accounts.get(order.account_id), self._listings.find(order.contract_id)
        if account is None:
            return refused(Refusal(PlaceError.ACCOUNT_NOT_FOUND), orderId=None)
        if listing is None:
            return refused(Refusal(PlaceError.CONTRACT_NOT_FOUND), orderId=None)
        wish = Wish(order, account, listing, self._streets.get(listing.id), self._clock.now_ns)
        refusal = against_place(wish, self._floor, self._switches)
        if refusal is None:
            return success(orderId=self._floor.place(order, account, listing))
        order_id = None
        if refusal.code == PlaceError.ORDER_REJECTED and self._switches.refused_has_order_id:
            order_id = self._floor.reject(order, account, listing)
        return refused(refusal, orderId=order_id)

    def modify(self, body: bytes, _: int = 0) -> Answer:
        """`/api/Order/modify`: the answer says nothing of the order."""
        change = read(ModifyOrder, body)
        order = self._order(change.account_id, change.order_id)
        if isinstance(order, Refusal):
            return refused(order)
        street = self._streets.get(order.contract_id)
        if street is None:
            return refused(Refusal(ModifyError.REJECTED, UNAVAILABLE))
        refusal = against_modify(change, order, self._floor, street, self._clock.now_ns)
        if refusal is not None:
            return refused(refusal)
        self._floor.modify(change, order)
        return success()

    def cancel(self, body: bytes, _: int = 0) -> Answer:
        """`/api/Order/cancel`."""
        wanted = read(OrderWanted, body)
        order = self._order(wanted.account_id, wanted.order_id)
        if isinstance(order, Refusal):
            return refused(order)
        if order.status in TERMINAL:
            return refused(Refusal(ModifyError.REJECTED, "The order is not working any more."))
        self._floor.cancel(order)
        return success()

    def close(self, body: bytes, _: int = 0) -> Answer:
        """`/api/Position/closeContract`: a market order whose id is not told; children stay."""
        wanted = read(CloseWanted, body)
        account, listing = self._accounts.get(wanted.account_id), self._listings.find(wanted.contract_id)
        if account is None:
            return refused(Refusal(CloseError.ACCOUNT_NOT_FOUND))
        if listing is None:
            return refused(Refusal(CloseError.CONTRACT_NOT_FOUND))
        if account.held_steps(listing.id) == 0:
            return refused(Refusal(CloseError.POSITION_NOT_FOUND))
        if not self._trades(listing):
            return refused(Refusal(CloseError.ORDER_REJECTED, UNAVAILABLE))
        self._floor.close(account, listing, None)
        return success()

    def partial_close(self, body: bytes, _: int = 0) -> Answer:
        """`/api/Position/partialCloseContract`."""
        wanted = read(CloseWanted, body)
        account, listing = self._accounts.get(wanted.account_id), self._listings.find(wanted.contract_id)
        if account is None:
            return refused(Refusal(PartialCloseError.ACCOUNT_NOT_FOUND))
        if listing is None:
            return refused(Refusal(PartialCloseError.CONTRACT_NOT_FOUND))
        held = abs(account.held_steps(listing.id))
        if held == 0:
            return refused(Refusal(PartialCloseError.POSITION_NOT_FOUND))
        if wanted.size is None or not 1 <= wanted.size <= held:
            return refused(Refusal(PartialCloseError.INVALID_CLOSE_SIZE))
        if not self._trades(listing):
            return refused(Refusal(PartialCloseError.ORDER_REJECTED))
        self._floor.close(account, listing, wanted.size)
        return success()

    def _order(self, account_id: int, order_id: int) -> Order | Refusal:
        if account_id not in self._accounts:
            return Refusal(ModifyError.ACCOUNT_NOT_FOUND)
        order = self._floor.orders.find(account_id, order_id, self._clock.now_ns)
        return Refusal(ModifyError.ORDER_NOT_FOUND) if order is None else order

    def _trades(self, listing: Listing) -> bool:
        street = self._streets.get(listing.id)
        return street is not None and street.is_open(self._clock.now_ns)
