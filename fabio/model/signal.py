"""Wishes of strategies, opinions of guards, and the decision they make together."""

from typing import Literal

import msgspec

from fabio.model.account import Portfolio
from fabio.model.regime import Regime
from fabio.model.stats import MarketStats

EntryKind = Literal["market", "limit"]
LONG, SHORT = 1, -1


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to enter.

    Parameters
    ----------
    strategy
        File name of the strategy.
    setup
        What it saw; one shadow trade is open per strategy and setup.
    side
        LONG or SHORT.
    entry_ticks
        The limit price, or for a market entry the price it was decided on.
    stop_ticks, target_ticks
        Bracket, absolute.
    confidence
        In [0, 1].
    reason
        One sentence with the numbers.
    """

    strategy: str
    setup: str
    side: int
    kind: EntryKind = "market"
    entry_ticks: int
    stop_ticks: int
    target_ticks: int
    confidence: float
    reason: str

    @property
    def risk_ticks(self) -> int:
        """Distance from entry to stop; positive when the stop is on the losing side."""
        return (self.entry_ticks - self.stop_ticks) * self.side

    @property
    def reward_ticks(self) -> int:
        """Distance from entry to target; positive when the target is on the winning side."""
        return (self.target_ticks - self.entry_ticks) * self.side


class Tighten(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to move the stop of the strategy's open position closer; never further."""

    strategy: str
    stop_ticks: int
    reason: str


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to leave the strategy's open position now."""

    strategy: str
    reason: str


Wish = Signal | Tighten | Exit


class Verdict(msgspec.Struct, frozen=True):
    """One guard's opinion of one signal: what it saw against its threshold.

    `value` and `threshold` are in the unit that `reason` names; None where the guard has
    no number.
    """

    guard: str
    passed: bool
    value: float | None
    threshold: float | None
    reason: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A signal with every guard's verdict, on the snapshot it was made on.

    `size_steps` is 0 and `refused_by` names the guards (or `sizing`) when blocked. `zone` names the
    importance zone in whose band price stood, empty outside all. `portfolio` is None in records of
    earlier versions.
    """

    id: str
    ts_ns: int
    tape_pos: int
    market: int
    symbol: str
    session: str
    signal: Signal
    verdicts: tuple[Verdict, ...]
    approved: bool
    refused_by: tuple[str, ...]
    size_steps: int
    size_reason: str
    regime: Regime | None
    stats: MarketStats
    zone: str = ""
    portfolio: Portfolio | None = None
