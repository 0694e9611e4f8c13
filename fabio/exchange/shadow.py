"""The shadow book: every signal, blocked or taken, run to its end with a size of one step.

A shadow has the signal's static bracket (distances from the fill, as orders have), the
venue's latency and slippage, and limits that fill by trade-through. Nobody manages its
stop. One is open per strategy and setup. What it made, against what was decided, is how
guards and strategies are judged.
"""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.exchange import shadow_kernel as row
from fabio.exchange.assumptions import NEVER_NS, Assumptions
from fabio.exchange.scan import NO_HIGH, NO_LOW
from fabio.exchange.shadow_kernel import close_slot, find_nearest, shadow_time
from fabio.model.instrument import Instrument
from fabio.model.order import ShadowTrade
from fabio.model.signal import Decision

ShadowLeg = Literal["stop", "target", "close", "never_filled"]
LEGS: tuple[ShadowLeg, ...] = ("stop", "target", "close", "never_filled")


class ShadowPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a shadow's record says beyond its fills: the decision without its statistics."""

    decision_id: str
    strategy: str
    setup: str
    approved: bool
    refused_by: tuple[str, ...]
    regime: str
    risk_ticks: int


class ShadowSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that the book knows, as plain data."""

    header: list[int]
    columns: list[list[int]]
    plans: dict[int, ShadowPlan]


def shadow_id(decision_id: str) -> str:
    """Name the shadow of a decision."""
    return f"{decision_id}-SH"


class ShadowBook:
    """The shadows of one market.

    The per-tick loop calls `shadow_is_quiet(b, ts_recv_ns, price_ticks)` and, where that is
    False, `shadow_tick(b, slots, ts_recv_ns, price_ticks)`, with the book's `b` and `slots`;
    `open` and `restore` may replace `slots`, so it has to be taken again after them.
    Exits have to be drained at each wake before signals are offered, so that the book
    does not depend on how ticks are cut.

    Parameters
    ----------
    instrument
        Whose money the results are in.
    assumptions
        The venue's; the queue is never assumed. None takes the defaults.
    capacity
        Shadows at once before the arrays grow, >= 1.
    """

    def __init__(self, instrument: Instrument, assumptions: Assumptions | None = None,
                 capacity: int = 64) -> None:
        self._instrument = instrument
        self._assumptions = Assumptions() if assumptions is None else assumptions
        self._plans: dict[int, ShadowPlan] = {}  # slot -> plan
        self._open: dict[tuple[str, str], int] = {}  # (strategy, setup) -> slot
        self.b: NDArray[np.int64] = np.zeros(row.HEADER, dtype=np.int64)
        self.slots: NDArray[np.int64] = _empty_slots(capacity)
        self.b[[row.BELOW, row.ABOVE, row.NEXT_DUE_NS]] = NO_LOW, NO_HIGH, NEVER_NS
        self.b[row.MARKET_SLIPPAGE] = self._assumptions.market_slippage_ticks
        self.b[row.STOP_SLIPPAGE] = self._assumptions.stop_slippage_ticks

    @property
    def open_count(self) -> int:
        """Shadows in flight, working, open, or over and not drained."""
        return len(self._plans)

    def open(self, decision: Decision, now_ns: int, last_price_ticks: int,
             good_until_ns: int | None = None) -> int | None:
        """Run a signal in the shadow book.

        Parameters
        ----------
        decision
            Its signal's stop and target give the bracket, `approved` does not matter.
        now_ns
            Runtime clock; the entry arrives one latency later.
        last_price_ticks
            The market's last trade.
        good_until_ns
            When a limit entry ends, as of the order; None for never.

        Returns
        -------
        int or None
            The slot; None while a shadow of the strategy and setup is open, or where stop
            or target lie on the wrong side.
        """
        signal = decision.signal
        key = (signal.strategy, signal.setup)
        if key in self._open or signal.risk_ticks <= 0 or signal.reward_ticks <= 0:
            return None
        slot = self._free_slot()
        self._open[key] = slot
        self._plans[slot] = ShadowPlan(
            decision_id=decision.id, strategy=signal.strategy, setup=signal.setup, approved=decision.approved,
            refused_by=decision.refused_by, regime="" if decision.regime is None else decision.regime.label,
            risk_ticks=signal.risk_ticks,
        )
        column = self.slots[:, slot]
        column[row.STATE] = row.IN_FLIGHT
        column[row.SIDE] = signal.side
        column[row.IS_LIMIT] = signal.kind == "limit"
        column[row.LIMIT] = signal.entry_ticks
        column[row.STOP_OFFSET] = signal.stop_ticks - signal.entry_ticks
        column[row.TARGET_OFFSET] = signal.target_ticks - signal.entry_ticks
        column[row.GOOD_UNTIL_NS] = NEVER_NS if good_until_ns is None else good_until_ns
        column[row.DUE_NS] = self._assumptions.arrival_ns(now_ns)
        self.b[row.LAST] = last_price_ticks
        self.b[row.NEXT_DUE_NS] = min(self.b[row.NEXT_DUE_NS], column[row.DUE_NS])
        return slot

    def drain(self) -> list[ShadowTrade]:
        """Take the shadows that are over, by time of exit, then by slot."""
        if self.b.item(row.WAITING) == 0:  # asked at every wake
            return []
        used = int(self.b[row.USED])
        over = np.flatnonzero(self.slots[row.STATE, :used] == row.OVER)
        over = over[np.argsort(self.slots[row.EXIT_NS, over], kind="stable")]
        trades = [self._trade(int(slot)) for slot in over]
        for slot in over:
            plan = self._plans.pop(int(slot))
            del self._open[plan.strategy, plan.setup]
        self.slots[row.STATE, over] = row.FREE
        self.b[row.WAITING] = 0
        self.b[row.USED] = max(self._plans, default=-1) + 1
        return trades

    def close_all(self, ts_ns: int, price_ticks: int) -> list[ShadowTrade]:
        """End every shadow as trades end before the flat-by time, or with the session, and drain.

        What is due by then comes first; what is open closes at the price with slippage;
        what was not filled never is.
        """
        shadow_time(self.b, self.slots, ts_ns)
        for slot in range(int(self.b[row.USED])):
            close_slot(self.b, self.slots, slot, ts_ns, price_ticks)
        trades = self.drain()
        find_nearest(self.b, self.slots)
        return trades

    def reserve(self, capacity: int) -> None:
        """Make room for so many shadows; replaces `slots` where it grows."""
        missing = capacity - self.slots.shape[1]
        if missing > 0:
            self.slots = np.concatenate([self.slots, _empty_slots(missing)], axis=1)

    def snapshot(self) -> ShadowSnapshot:
        """Give all state as plain data."""
        used = int(self.b[row.USED])
        return ShadowSnapshot(header=self.b.tolist(), columns=self.slots[:, :used].T.tolist(),
                              plans=dict(self._plans))

    def restore(self, snapshot: ShadowSnapshot) -> None:
        """Become what the snapshot was taken of; instrument and assumptions have to be the same."""
        used = len(snapshot.columns)
        self.b[:] = snapshot.header
        self.slots = _empty_slots(max(self.slots.shape[1], used))
        if used > 0:
            self.slots[:, :used] = np.array(snapshot.columns, dtype=np.int64).T
        self._plans = dict(snapshot.plans)
        self._open = {(plan.strategy, plan.setup): slot for slot, plan in self._plans.items()}

    def _free_slot(self) -> int:
        used, capacity = int(self.b[row.USED]), self.slots.shape[1]
        free = np.flatnonzero(self.slots[row.STATE, :used] == row.FREE)
        if len(free) > 0:
            return int(free[0])
        if used == capacity:
            self.reserve(2 * capacity)
        self.b[row.USED] = used + 1
        return used

    def _trade(self, slot: int) -> ShadowTrade:
        plan, column = self._plans[slot], self.slots[:, slot].tolist()
        entry_ticks, exit_ticks, side = column[row.ENTRY], column[row.EXIT], column[row.SIDE]
        gross = self._instrument.money((exit_ticks - entry_ticks) * side)
        fees = self._instrument.fees(1, entry_ticks) + self._instrument.fees(1, exit_ticks)
        leg = LEGS[column[row.EXIT_LEG]]
        if leg == "never_filled":
            fees = fees * 0
        net = gross - fees
        return ShadowTrade(
            id=shadow_id(plan.decision_id),
            decision_id=plan.decision_id,
            symbol=self._instrument.symbol,
            strategy=plan.strategy,
            setup=plan.setup,
            side=side,
            approved=plan.approved,
            refused_by=plan.refused_by,
            regime=plan.regime,
            entry_ns=column[row.ENTRY_NS],
            exit_ns=column[row.EXIT_NS],
            entry_ticks=entry_ticks,
            exit_ticks=exit_ticks,
            exit_leg=leg,
            gross_pnl=gross,
            fees=fees,
            net_pnl=net,
            r_multiple=float(net / self._instrument.money(plan.risk_ticks)),
        )


def _empty_slots(capacity: int) -> NDArray[np.int64]:
    slots = np.zeros((row.ROWS, capacity), dtype=np.int64)
    slots[row.LOW] = NO_LOW
    slots[row.HIGH] = NO_HIGH
    slots[row.DUE_NS] = NEVER_NS
    return slots
