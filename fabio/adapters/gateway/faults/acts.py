"""Faults that are deeds of somebody: the venue's staff, another program, a person at the platform.

Each is set up once, notes its deeds on the gateway's agenda, and does them through the operator.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.topstepx.enums import OrderSide, OrderStatus, OrderType
from fabio.adapters.topstepx.records import PlaceOrder
from fabio.adapters.topstepx.stamps import SECOND_NS

_MOST_DEEDS = 100_000
_FAR_TICKS = 400


class Stage:
    """What an act needs: the gateway, its window, its own randomness.

    Parameters
    ----------
    start_ns
        From which the fault's seconds count.
    """

    def __init__(self, gateway: Gateway, spec: FaultSpec, options: dict[str, Any], dice: Random, start_ns: int) -> None:
        self.gateway = gateway
        self.operator = gateway.operator
        self.options = options
        self.dice = dice
        self.account_id = next(iter(gateway.accounts))
        self._spec = spec
        self._start_ns = start_ns

    def within(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Do something when the window opens, and undo it when it closes."""
        self._at(self._spec.from_s, begin)
        if self._spec.until_s is not None:
            self._at(self._spec.until_s, end)

    def repeatedly(self, deed: Callable[[], None]) -> None:
        """Do something every `every_s` seconds of the window, each time with the fault's rate."""
        done = 0

        def turn(at_s: float) -> None:
            nonlocal done
            if self.dice.random() < self._spec.rate:
                done += 1
                deed()
            next_s = at_s + self.options["every_s"]
            if done < (self._spec.most or _MOST_DEEDS) and next_s < (self._spec.until_s or float("inf")):
                self._at(next_s, lambda: turn(next_s))

        self._at(self._spec.from_s, lambda: turn(self._spec.from_s))

    def on_brackets(self, deed: Callable[[int], None]) -> None:
        """Do something to one child of an entry with a bracket, just after it has arrived."""
        latency_ns = self.gateway.plan.assumptions.order_latency_ns + SECOND_NS // 1000

        def seen(order_ids: list[int]) -> None:
            now_ns = self.gateway.now_ns
            if len(order_ids) > 1 and self._spec.is_on(self._seconds(now_ns)) and self.dice.random() < self._spec.rate:
                child_id = self._chosen(order_ids[1:])
                after_ns = latency_ns + int(self.options.get("after_s", 0) * SECOND_NS)
                self.gateway.at(now_ns + after_ns, lambda: deed(child_id))

        self.gateway.watch_entries(seen)

    def _chosen(self, child_ids: list[int]) -> int:
        which = self.options.get("child", "any")
        return child_ids[0] if which == "stop" else child_ids[-1] if which == "target" else self.dice.choice(child_ids)

    def _seconds(self, ts_ns: int) -> float:
        return (ts_ns - self._start_ns) / SECOND_NS

    def _at(self, seconds: float, deed: Callable[[], None]) -> None:
        self.gateway.at(max(self._start_ns + int(seconds * SECOND_NS), self.gateway.now_ns), deed)


Act = Callable[[Stage], None]


def partial_fills(stage: Stage) -> None:
    """F19: one print fills so many contracts of an order at most."""
    stage.within(lambda: stage.operator.little_liquidity(stage.options["size"]),
                 lambda: stage.operator.little_liquidity(None))


def late_cancels(stage: Stage) -> None:
    """F19: cancels are answered, and take effect so much later: fills come after the answer."""
    stage.within(lambda: stage.operator.cancels_late(int(stage.options["seconds"] * SECOND_NS)),
                 lambda: stage.operator.cancels_late(0))


def overfill(stage: Stage) -> None:
    """F19: one contract more of a filled entry is filled."""
    def deed() -> None:
        for ts_ns, turn in reversed(stage.gateway.accounts[stage.account_id].half_turns):
            order = stage.gateway.orders.get(turn.order_id)
            if order.parent_order_id is None and stage.gateway.now_ns - ts_ns < stage.options["every_s"] * SECOND_NS:
                instrument = stage.gateway.listings.streamed()[0].instrument
                stage.operator.overfill(order.id, 1, instrument.price_ticks(turn.price))
            return

    stage.repeatedly(deed)


def partial_reject(stage: Stage) -> None:
    """F19: the rest of an entry that is partly filled is taken away."""
    def deed() -> None:
        for order in stage.operator.live_orders(stage.account_id):
            if order.parent_order_id is None and order.fill_volume and order.status == OrderStatus.OPEN:
                stage.operator.cancel(order.id)

    stage.repeatedly(deed)


def child_missing(stage: Stage) -> None:
    """F20: a child of a bracket goes missing without a word."""
    stage.on_brackets(stage.operator.hide)


def child_rejected(stage: Stage) -> None:
    """F20: a child of a bracket is rejected."""
    stage.on_brackets(stage.operator.reject)


def child_cancelled(stage: Stage) -> None:
    """F20: a child of a bracket is cancelled by the venue, a while after it came."""
    stage.on_brackets(stage.operator.cancel)


def manual_trade(stage: Stage) -> None:
    """F21: somebody else trades on the account."""
    def deed() -> None:
        stage.operator.place(_order(stage, OrderType.MARKET))

    stage.repeatedly(deed)


def foreign_order(stage: Stage) -> None:
    """F21: somebody else leaves an order far from the market."""
    def deed() -> None:
        last_ticks = stage.gateway.last_ticks(0)
        if last_ticks is not None:
            instrument = stage.gateway.listings.streamed()[0].instrument
            stage.operator.place(_order(stage, OrderType.LIMIT, instrument.price(last_ticks - _FAR_TICKS)))

    stage.repeatedly(deed)


def manual_flatten(stage: Stage) -> None:
    """F21: a person presses the platform's flatten button."""
    stage.repeatedly(lambda: stage.operator.flatten(stage.account_id))


def log_out(stage: Stage) -> None:
    """F21: another session takes over: `GatewayLogout` on both hubs."""
    stage.repeatedly(stage.operator.log_out)


def lock_account(stage: Stage) -> None:
    """F22: the account may not trade."""
    stage.within(lambda: stage.operator.set_can_trade(stage.account_id, False),
                 lambda: stage.operator.set_can_trade(stage.account_id, True))


def pause_market(stage: Stage) -> None:
    """F22: the market takes no orders."""
    contract_id = stage.gateway.listings.streamed()[0].id
    stage.within(lambda: stage.operator.pause(contract_id), lambda: stage.operator.resume(contract_id))


def tokens_die(stage: Stage) -> None:
    """F09: every token is dead at once."""
    stage.repeatedly(stage.gateway.tokens.end_all)


def skew(stage: Stage) -> None:
    """F23: the venue's clock is off; below 0 it goes back."""
    stage.within(lambda: stage.operator.skew(int(stage.options["seconds"] * SECOND_NS)),
                 lambda: stage.operator.skew(0))


def _order(stage: Stage, kind: OrderType, limit_price: Decimal | None = None) -> PlaceOrder:
    buys = kind == OrderType.LIMIT or stage.dice.random() < 0.5
    return PlaceOrder(
        account_id=stage.account_id, contract_id=stage.gateway.listings.streamed()[0].id, type=int(kind),
        side=int(OrderSide.BID if buys else OrderSide.ASK), size=stage.options["size"], limit_price=limit_price)
