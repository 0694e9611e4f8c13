"""One account's books: money, positions, half-turns; and what may not be traded, and why."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count

import msgspec

from fabio.adapters.gateway.listings import Listing
from fabio.adapters.gateway.plan import AccountPlan
from fabio.adapters.gateway.positions import Holding, book, open_tick_steps
from fabio.adapters.topstepx.enums import OrderSide
from fabio.adapters.topstepx.records import Account, HalfTurn, Position
from fabio.model.account import Account as Money
from fabio.portfolio.account import book_result, open_account

FIRST_TRADE_ID = 1_904_500_201
FIRST_POSITION_ID = 520_114_001


class Ids:
    """Numbers of half-turns and positions, over all accounts."""

    def __init__(self) -> None:
        self.trade = count(FIRST_TRADE_ID)
        self.position = count(FIRST_POSITION_ID)


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """An own fill; `side` 1 buys, -1 sells."""

    order_id: int
    side: int
    steps: int
    price_ticks: int
    ts_ns: int
    stamp: str


class AccountBook:
    """An account.

    Parameters
    ----------
    trade_date
        On which it is opened.

    Attributes
    ----------
    money
        Closed balance, loss floor and the day's start, as `portfolio.account` folds them.
    can_trade
        False when the venue has locked it.
    paused_until_ns
        Until when new orders are refused; 0 when they are not.
    half_turns
        Every execution, oldest first.
    """

    def __init__(self, plan: AccountPlan, trade_date: str, ids: Ids) -> None:
        self.plan = plan
        self.id = plan.id
        self.money: Money = open_account(plan.limits, trade_date)
        self.can_trade = plan.can_trade
        self.paused_until_ns = 0
        self.half_turns: list[tuple[int, HalfTurn]] = []  # when, half-turn
        self._ids = ids
        self._holdings: dict[str, tuple[Listing, Holding, str]] = {}  # contract id -> holding, stamp of its opening
        self._positions: list[tuple[int, tuple[Position, ...]]] = []  # since ns, what was open

    def record(self) -> Account:
        """Give the account as the wire has it."""
        plan = self.plan
        return Account(id=plan.id, name=plan.name, balance=self.money.balance, can_trade=self.can_trade,
                       is_visible=plan.is_visible, simulated=plan.simulated)

    def held_steps(self, contract_id: str) -> int:
        """Give the signed size held of a contract."""
        return self._holdings[contract_id][1].steps if contract_id in self._holdings else 0

    def held(self) -> list[tuple[Listing, int]]:
        """Give what is held, and how much of it, signed."""
        return [(listing, holding.steps) for listing, holding, _ in self._holdings.values() if holding.steps]

    def position(self, contract_id: str) -> Position:
        """Give the position of a contract that was held at least once; size 0 when flat."""
        listing, holding, stamp = self._holdings[contract_id]
        return Position(
            id=holding.id, account_id=self.id, contract_id=contract_id, contract_display_name=listing.contract.name,
            creation_timestamp=stamp, type=int(holding.type), size=abs(holding.steps),
            average_price=holding.average_price,
        )

    def positions(self, as_of_ns: int) -> tuple[Position, ...]:
        """Give what was open at a time."""
        return next((open_then for since_ns, open_then in reversed(self._positions) if since_ns <= as_of_ns), ())

    def fill(self, listing: Listing, execution: Execution) -> HalfTurn:
        """Book an execution: the position, the half-turn, the balance with fees and commission taken off."""
        instrument, contract_id = listing.instrument, listing.id
        before = self._holdings.get(contract_id)
        if before is None or before[1].steps == 0:
            before = (listing, Holding(id=next(self._ids.position), opened_ns=execution.ts_ns), execution.stamp)
        booked = book(before[1], instrument, execution.side * execution.steps, execution.price_ticks)
        self._holdings[contract_id] = (listing, booked.holding, before[2])
        size = instrument.size(execution.steps)
        fees, commissions = size * instrument.fee, size * instrument.commission
        gross = None if booked.result_tick_steps is None else instrument.money(booked.result_tick_steps)
        half_turn = HalfTurn(
            id=next(self._ids.trade), account_id=self.id, contract_id=contract_id,
            creation_timestamp=execution.stamp, price=instrument.price(execution.price_ticks), profit_and_loss=gross,
            fees=fees, commissions=commissions, side=int(OrderSide.BID if execution.side > 0 else OrderSide.ASK),
            size=execution.steps, order_id=execution.order_id,
        )
        self.half_turns.append((execution.ts_ns, half_turn))
        self.money = book_result(self.money, (gross or Decimal(0)) - fees - commissions)
        now_open = tuple(self.position(held.id) for held, _ in self.held())
        self._positions.append((execution.ts_ns, now_open))
        return half_turn

    def open_pnl(self, last_ticks: Callable[[Listing], int | None]) -> Decimal:
        """Value what is held at the last prices, gross."""
        total = Decimal(0)
        for listing, holding, _ in self._holdings.values():
            price_ticks = last_ticks(listing) if holding.steps else None
            if price_ticks is not None:
                total += listing.instrument.money(open_tick_steps(holding, price_ticks))
        return total
