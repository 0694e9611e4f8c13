"""Operator: the hand of the venue's staff, of another program, or of the person at the platform.

What a client cannot see coming: orders by others, a locked account, a paused market, a child
of a bracket that goes missing. Tests and faults use it; REST does not.
"""

from collections.abc import Mapping

from fabio.adapters.gateway.accounts import AccountBook
from fabio.adapters.gateway.clerk import REJECTED
from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.gateway.floor import Floor
from fabio.adapters.gateway.hubs import Hubs
from fabio.adapters.gateway.listings import Listings
from fabio.adapters.gateway.rules import Rules
from fabio.adapters.gateway.street import Street
from fabio.adapters.topstepx.records import Order, PlaceOrder
from fabio.exchange.ticket import Executed


class Operator:
    """Interventions; each takes effect at once."""

    def __init__(self, clock: VenueClock, accounts: Mapping[int, AccountBook], listings: Listings,
                 streets: Mapping[str, Street], floor: Floor, rules: Rules, hubs: Hubs) -> None:
        self._clock = clock
        self._accounts = accounts
        self._listings = listings
        self._streets = streets
        self._floor = floor
        self._rules = rules
        self._hubs = hubs

    # -- orders -------------------------------------------------------------------------

    def place(self, order: PlaceOrder) -> int:
        """Place an order as a person at the platform does, without a tag of ours; nothing is checked."""
        listing = self._listings.find(order.contract_id)
        assert listing is not None
        order_id = self._floor.place(order, self._accounts[order.account_id], listing, at_once=True)
        self._rules.look()
        return order_id

    def flatten(self, account_id: int, reason: str = "asked by a person") -> None:
        """End the account's orders and close what it holds."""
        self._rules.flatten(self._accounts[account_id], reason)
        self._rules.look()

    def cancel(self, order_id: int) -> None:
        """Cancel an order, a bracket's child too."""
        self._floor.end(order_id, "cancelled by the venue")

    def reject(self, order_id: int) -> None:
        """Reject an order that was accepted."""
        self._floor.end(order_id, REJECTED)

    def hide(self, order_id: int) -> None:
        """Let an order go missing without a word."""
        self._floor.orders.hide(order_id)
        self._floor.end(order_id, REJECTED)

    def overfill(self, order_id: int, steps: int, price_ticks: int) -> None:
        """Fill more of an order than was ordered."""
        contract_id = self._floor.orders.get(order_id).contract_id
        self._floor.force(contract_id, Executed(order_id, self._clock.now_ns, steps, price_ticks, 0))
        self._rules.look()

    def live_orders(self, account_id: int) -> list[Order]:
        """Give what may still change the account's position, hidden orders too."""
        return self._floor.orders.live(account_id)

    def little_liquidity(self, steps: int | None) -> None:
        """Let one print fill so many steps of an order at most; None for all."""
        self._floor.little_liquidity(steps)

    def cancels_late(self, delay_ns: int) -> None:
        """Let cancels that were answered take effect so much later; 0 as usual."""
        self._floor.cancels_late_ns = delay_ns

    # -- account, market, clock ---------------------------------------------------------

    def set_can_trade(self, account_id: int, can_trade: bool) -> None:
        """Lock or unlock an account; what it holds stays."""
        account = self._accounts[account_id]
        account.can_trade = can_trade
        self._hubs.tell_user(account.record())

    def pause(self, contract_id: str, reason: str = "paused") -> None:
        """Take no orders in a market."""
        self._streets[contract_id].paused = reason

    def resume(self, contract_id: str) -> None:
        """Take orders again."""
        self._streets[contract_id].paused = ""

    def skew(self, ahead_ns: int) -> None:
        """Tell times that are so much ahead of the replay clock; negative: behind."""
        self._clock.skew_ns = ahead_ns

    def log_out(self) -> None:
        """End every hub connection: another session has taken over."""
        self._hubs.log_out()
