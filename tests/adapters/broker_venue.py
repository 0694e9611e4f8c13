"""A small venue inside the process, with faults by the call, in virtual time.

It keeps books of its own, so that a test can compare what the broker told with what is true.
Far simpler than the simulated gateway: fills happen when the test says so.
"""

import asyncio
import random
from collections import Counter, deque
from decimal import Decimal

import msgspec
from pydantic import SecretStr

from fabio.adapters.topstepx.enums import LIVE, TERMINAL, OrderStatus, OrderType
from fabio.adapters.topstepx.errors import TemporaryError
from fabio.adapters.topstepx.records import Account, Contract, HalfTurn, Order, Position
from fabio.adapters.topstepx.rest.endpoints import OrderPage
from fabio.adapters.topstepx.rest.outcomes import Accepted, NotSent, Refused, Unknown
from fabio.adapters.topstepx.rest.requests import check_modify, check_place, order_number
from fabio.adapters.topstepx.signalr.inbox import Arrival
from fabio.adapters.topstepx.signalr.protocol import invocation
from fabio.adapters.topstepx.stamps import stamp_ns, stamp_text
from fabio.model.instrument import Instrument

ACCOUNT = 7
CONTRACT = "CON.F.US.MNQ.Z26"
FOREIGN_CONTRACT = "CON.F.US.EP.Z26"
START_NS = stamp_ns("2026-11-20T15:00:00Z")
MNQ = Instrument(
    symbol="MNQ", description="Micro E-mini Nasdaq-100", tick_size=Decimal("0.25"), tick_value=Decimal("0.50"),
    size_step=Decimal(1), product_group="cme_equity", trading_seconds_per_year=20_865_600, poc_cross_band_ticks=4,
    fee=Decimal("0.36"), commission=Decimal("0.25"), gateway_root="MNQ",
)
OPEN, FILLED, CANCELLED, SUSPENDED = (
    OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.SUSPENDED
)
CHILD_AFTER_S = 0.018


class Tokens:
    def __init__(self):
        self.logins = 0

    async def bearer(self, urgency=None):
        return SecretStr(f"token-{self.logins}")

    async def renew(self, dead):
        self.logins += 1
        return SecretStr(f"token-{self.logins}")


class Skew:
    def get(self):
        return 0.25


class FakeVenue:
    """Answers like `Rest`, tells like the user hub.

    `faults[name]` is a queue of faults for the calls of that name, first come first served:
    `drop` (never arrives, no answer), `lost` (carried out, the answer is lost), `late` (carried
    out after the answer was given up), `refuse`, `never` (not sent), `error` (a read fails).
    """

    def __init__(self, seed=0):
        self.random = random.Random(seed)
        self.orders = {}  # id -> record
        self.trades = []
        self.position = 0
        self.average = Decimal(0)
        self.last_ticks = 80_000
        self.balance = Decimal(50_000)
        self.can_trade = True
        self.faults = {}  # method -> deque of faults
        self.calls = Counter()
        self.placed = Counter()  # tag -> places carried out
        self.asked = Counter()  # tag -> places that left us
        self.touched = []  # order ids that were modified or cancelled
        self.closes = 0
        self.latency_s = 0.01
        self.give_up_s = 8.0
        self.hub_delays_s = (0.002, 0.002)
        self.copies = 1
        self.hub_loses = lambda target, data: False
        self.wraps = True
        self.arrivals = None
        self.tokens = Tokens()
        self.skew = Skew()
        self.foreign_positions = []
        self.brackets_fill_children = True
        self.close_cancels_legs = False
        self.contract_active = True
        self._next_id = 2_815_000_101
        self._tasks = set()

    # -- time and the hub ---------------------------------------------------------------------

    def now_ns(self):
        return START_NS + round((asyncio.get_running_loop().time() - 1000.0) * 1e9)

    def stamp(self):
        return stamp_text(self.now_ns())

    def later(self, delay_s, what, *arguments):
        asyncio.get_running_loop().call_later(delay_s, what, *arguments)

    def tell(self, target, record):
        data = {name: value for name, value in msgspec.to_builtins(record).items() if value is not None}
        argument = {"action": 1, "data": data} if self.wraps else data
        for _ in range(self.copies):
            if self.arrivals is not None and not self.hub_loses(target, record):
                low_s, high_s = self.hub_delays_s
                self.later(low_s + (high_s - low_s) * self.random.random(), self._arrive, target, argument)

    def _arrive(self, target, argument):
        if self.arrivals is not None:
            self.arrivals.put(Arrival("user", 1, self.now_ns(), invocation(target, argument)))

    # -- matching, by hand ----------------------------------------------------------------------

    def change(self, order_id, **fields):
        self.orders[order_id] = msgspec.structs.replace(
            self.orders[order_id], update_timestamp=self.stamp(), **fields
        )
        self.tell("GatewayUserOrder", self.orders[order_id])

    def new_order(self, **fields):
        order = Order(id=self._next_id, account_id=ACCOUNT, creation_timestamp=self.stamp(),
                      update_timestamp=self.stamp(), fill_volume=0, symbol_id="F.US.MNQ", **fields)
        self._next_id += 1
        self.orders[order.id] = order
        return order

    def fill(self, order_id, size=None, ticks=None, trade_first=None):
        """Fill an order, wholly or in part."""
        order = self.orders[order_id]
        assert order.status in LIVE, f"{order_id} is {order.status}"
        left = order.size - (order.fill_volume or 0)
        size = left if size is None else min(size, left)
        ticks = self.last_ticks if ticks is None else ticks
        side = 1 if order.side == 0 else -1
        self.position += side * size
        self.average = ticks * MNQ.tick_size
        trade = HalfTurn(
            id=self._next_id, account_id=ACCOUNT, contract_id=CONTRACT, creation_timestamp=self.stamp(),
            price=ticks * MNQ.tick_size, fees=Decimal("0.36") * size, commissions=Decimal("0.25") * size,
            side=order.side, size=size, order_id=order_id,
        )
        self._next_id += 1
        self.trades.append(trade)
        volume = (order.fill_volume or 0) + size
        first = self.random.random() < 0.5 if trade_first is None else trade_first
        if first:
            self.tell("GatewayUserTrade", trade)
        self.change(order_id, fill_volume=volume, filled_price=ticks * MNQ.tick_size,
                    status=FILLED if volume == order.size else order.status)
        if not first:
            self.tell("GatewayUserTrade", trade)
        self.tell_position()
        self._after_fill(order)
        return trade

    def tell_position(self):
        self.tell("GatewayUserPosition", Position(
            id=1, account_id=ACCOUNT, contract_id=CONTRACT, type=(self.position > 0) + 2 * (self.position < 0),
            size=abs(self.position), average_price=self.average,
        ))

    def _after_fill(self, order):
        if order.parent_order_id is None:
            for child in self.children(order.id):
                if child.status == SUSPENDED and self.brackets_fill_children:
                    self.later(CHILD_AFTER_S, self._work_child, child.id)
            return
        for sibling in self.children(order.parent_order_id):
            if sibling.id != order.id and sibling.status in LIVE and self.orders[order.id].status == FILLED:
                self.change(sibling.id, status=CANCELLED)

    def _work_child(self, child_id):
        child = self.orders[child_id]
        if child.status == SUSPENDED:
            price = self.orders[child.parent_order_id].filled_price + child.trail_distance * MNQ.tick_size
            where = "stop_price" if child.type == OrderType.STOP else "limit_price"
            self.change(child_id, status=OPEN, **{where: price})

    def children(self, order_id):
        return [each for each in self.orders.values() if each.parent_order_id == order_id]

    def by_tag(self, tag):
        return [each for each in self.orders.values() if each.custom_tag == tag]

    def cancel_now(self, order_id):
        self.change(order_id, status=CANCELLED)
        for child in self.children(order_id):
            if child.status in LIVE and not self.orders[order_id].fill_volume:
                self.change(child.id, status=CANCELLED)

    # -- faults -----------------------------------------------------------------------------------

    def fail(self, method, *faults):
        self.faults.setdefault(method, deque()).extend(faults)

    async def _mutate(self, method, carry_out):
        self.calls[method] += 1
        faults = self.faults.get(method)
        fault = faults.popleft() if faults else "ok"
        await asyncio.sleep(self.latency_s / 2)
        if fault == "never":
            return NotSent("no connection")
        if fault == "refuse":
            return Refused(2, "ORDER_REJECTED", "trading is currently unavailable")
        if fault == "error":
            return Unknown("HTTP 500")
        if fault == "late":
            self.later(self.give_up_s + 3.0, carry_out)
        outcome = carry_out() if fault in ("ok", "lost", "error after") else None
        if fault == "error after":
            return Unknown("HTTP 502")
        if fault != "ok":
            await asyncio.sleep(self.give_up_s)
            return Unknown("no whole answer within 8 s")
        await asyncio.sleep(self.latency_s / 2)
        return outcome

    async def _read(self, method, give):
        self.calls[method] += 1
        faults = self.faults.get(method)
        fault = faults.popleft() if faults else "ok"
        if fault == "error":
            await asyncio.sleep(3.0)
            raise TemporaryError(f"{method}: HTTP 503")
        await asyncio.sleep(self.latency_s)
        return () if fault == "empty" else give()

    # -- REST: mutations -----------------------------------------------------------------------------

    async def place(self, body, urgency=None, against=lambda: ""):
        check_place(body)
        if why := against():
            return NotSent(why)
        self.asked[body.custom_tag] += 1
        return await self._mutate("place", lambda: self._place(body))

    def _place(self, body):
        self.placed[body.custom_tag] += 1
        if self.by_tag(body.custom_tag):
            return Refused(2, "ORDER_REJECTED", "the custom tag was used before")
        order = self.new_order(
            contract_id=body.contract_id, status=OPEN, type=body.type, side=body.side, size=body.size,
            limit_price=body.limit_price, stop_price=body.stop_price, custom_tag=body.custom_tag,
        )
        brackets = (("-SL", body.stop_loss_bracket), ("-TP", body.take_profit_bracket))
        for end, bracket in brackets:
            if bracket is not None:
                self.new_order(
                    contract_id=body.contract_id, status=SUSPENDED, type=bracket.type, side=1 - body.side,
                    size=body.size, custom_tag=body.custom_tag + end, parent_order_id=order.id,
                    trail_distance=bracket.ticks,
                )
        for each in [order, *self.children(order.id)]:
            self.tell("GatewayUserOrder", each)
        if body.type == OrderType.MARKET:
            self.later(0.008, self._fill_if_live, order.id)
        return Accepted(order.id)

    def _fill_if_live(self, order_id):
        if self.orders[order_id].status in LIVE:
            self.fill(order_id)

    async def cancel(self, account_id, order_id):
        order_number(order_id)
        self.touched.append(order_id)
        return await self._mutate("cancel", lambda: self._cancel(order_id))

    def _cancel(self, order_id):
        order = self.orders.get(order_id)
        if order is None or order.status in TERMINAL:
            return Refused(2, "ORDER_NOT_FOUND", "")
        self.cancel_now(order_id)
        return Accepted()

    async def modify(self, change, urgency=None):
        check_modify(change)
        self.touched.append(change.order_id)
        return await self._mutate("modify", lambda: self._modify(change))

    def _modify(self, change):
        order = self.orders.get(change.order_id)
        if order is None or order.status in TERMINAL:
            return Refused(2, "ORDER_NOT_FOUND", "")
        self.change(change.order_id, stop_price=change.stop_price)
        return Accepted()

    async def close_contract(self, account_id, contract_id):
        return await self._mutate("close", lambda: self._close(abs(self.position)))

    async def partial_close(self, account_id, contract_id, size):
        return await self._mutate("close", lambda: self._close(size))

    def _close(self, size):
        if self.position == 0:
            return Refused(2, "POSITION_NOT_FOUND", "")
        self.closes += 1
        side = 1 if self.position > 0 else 0
        order = self.new_order(contract_id=CONTRACT, status=OPEN, type=OrderType.MARKET, side=side, size=size)
        self.tell("GatewayUserOrder", order)
        self.fill(order.id)
        return Accepted()

    # -- REST: reads ------------------------------------------------------------------------------------

    async def accounts(self, only_active=True, urgency=None):
        return await self._read("accounts", lambda: (
            Account(id=ACCOUNT, name="PRAC-V2-7", balance=self.balance, can_trade=self.can_trade),
        ))

    async def open_positions(self, account_id, urgency=None):
        def give():
            own = () if self.position == 0 else (Position(
                id=1, account_id=ACCOUNT, contract_id=CONTRACT, type=1 if self.position > 0 else 2,
                size=abs(self.position), average_price=self.average,
            ),)
            return (*own, *self.foreign_positions)
        return await self._read("positions", give)

    async def open_orders(self, account_id, urgency=None):
        return await self._read("open", lambda: tuple(each for each in self.orders.values() if each.status == OPEN))

    async def orders_page(self, query, first_row, urgency=None):
        def give():
            found = [each for each in self.orders.values()
                     if (not query.statuses or each.status in query.statuses)
                     and (query.created_after_ns is None
                          or stamp_ns(each.creation_timestamp) >= query.created_after_ns)]
            return OrderPage(tuple(found[first_row:first_row + 100]), len(found))
        page = await self._read("query", give)
        return page if page != () else OrderPage((), 0)

    async def orders_since(self, account_id, start_ns, end_ns=None, urgency=None):
        return await self._read("search", lambda: tuple(
            each for each in self.orders.values()
            if each.status != SUSPENDED and stamp_ns(each.creation_timestamp) >= start_ns
        ))

    async def order(self, account_id, order_id, urgency=None):
        order_number(order_id)
        found = await self._read("order", lambda: self.orders.get(order_id))
        return found if found != () else None

    async def contract(self, contract_id):
        return await self._read("contract", lambda: Contract(
            id=CONTRACT, tick_size=MNQ.tick_size, tick_value=MNQ.tick_value, active_contract=self.contract_active,
        ))


class Rest:
    """The venue's face to the broker; `trades` is a method here and the venue's book there."""

    def __init__(self, venue):
        self._venue = venue

    def __getattr__(self, name):
        return getattr(self._venue, name)

    async def trades(self, account_id, start_ns, end_ns=None, urgency=None):
        venue = self._venue
        return await venue._read("trades", lambda: tuple(
            each for each in venue.trades if stamp_ns(each.creation_timestamp) >= start_ns
        ))
