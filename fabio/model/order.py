"""Orders, fills, positions and trades of the account.

A *Fill* is an own execution, a *Trade* a closed round trip, a *Tick* a public print.
"""

from decimal import Decimal
from typing import Literal

import msgspec

OrderKind = Literal["market", "limit"]
Leg = Literal["entry", "stop", "target", "close"]
OrderState = Literal[
    "in_flight", "working", "partly_filled", "filled", "cancelled", "rejected", "expired", "unknown", "never_accepted"
]
DONE_STATES = frozenset({"filled", "cancelled", "rejected", "expired", "never_accepted"})


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with its bracket, as it leaves the house.

    The bracket's distances are signed ticks relative to the fill: above is positive. The
    venue names the children `ID-SL` and `ID-TP`.
    """

    id: str
    decision_id: str
    strategy: str
    market: int
    symbol: str
    side: int
    kind: OrderKind
    size_steps: int
    limit_ticks: int | None
    stop_offset_ticks: int
    target_offset_ticks: int
    ts_ns: int
    good_until_ns: int | None = None


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One own execution. `side` is that of this execution, `fees` in USD for it."""

    id: str
    order_id: str
    leg: Leg
    market: int
    side: int
    size_steps: int
    price_ticks: int
    fees: Decimal
    ts_ns: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What we hold of one instrument: a fold of fills.

    `size_steps` is signed (positive long); `entry_tick_steps` is the sum of price times
    steps over the entry fills. `stop_ticks` and `target_ticks` are the working bracket,
    None while it is not known to work.
    """

    market: int
    symbol: str
    strategy: str
    decision_id: str
    order_id: str
    size_steps: int
    entry_steps: int
    entry_tick_steps: int
    exit_steps: int
    exit_tick_steps: int
    fees: Decimal
    opened_ns: int
    planned_stop_ticks: int
    stop_ticks: int | None
    target_ticks: int | None

    @property
    def side(self) -> int:
        """1 long, -1 short."""
        return 1 if self.size_steps > 0 else -1

    @property
    def entry_ticks(self) -> float:
        """Average entry price in ticks."""
        return self.entry_tick_steps / self.entry_steps


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A closed round trip; prices are averages in price units, money in USD.

    `r_multiple` is the net P&L over the money at risk when it was decided; `mae_ticks` and
    `mfe_ticks` the worst and best excursion from the entry, both >= 0.
    """

    id: str
    decision_id: str
    order_id: str
    symbol: str
    strategy: str
    setup: str
    side: int
    size: Decimal
    entry_ns: int
    exit_ns: int
    entry_price: Decimal
    exit_price: Decimal
    exit_leg: Leg
    gross_pnl: Decimal
    fees: Decimal
    net_pnl: Decimal
    r_multiple: float
    roi: float
    mae_ticks: int
    mfe_ticks: int
    confidence: float
    regime: str
    reason: str


class ShadowTrade(msgspec.Struct, frozen=True, kw_only=True):
    """What a signal, blocked or taken, would have made with its static bracket and a size of one step.

    `exit_leg` is `close` when closing for the flat-by time or the session's end closed it, and
    `never_filled` where a limit entry was not reached in time (all results 0).
    """

    id: str
    decision_id: str
    symbol: str
    strategy: str
    setup: str
    side: int
    approved: bool
    refused_by: tuple[str, ...]
    regime: str
    entry_ns: int
    exit_ns: int
    entry_ticks: int
    exit_ticks: int
    exit_leg: Literal["stop", "target", "close", "never_filled"]
    gross_pnl: Decimal
    fees: Decimal
    net_pnl: Decimal
    r_multiple: float
