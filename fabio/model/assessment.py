"""Assessment: one whole answer of a model, and what it wants done."""

from decimal import Decimal
from typing import Literal

import msgspec

from fabio.model.regime import Balance, Direction, Label, PocLocation, ValueLocation
from fabio.model.signal import EntryKind
from fabio.model.strategy import Claim, StrategyUpdate
from fabio.model.zone import Zone

Authority = Literal["observe", "advise", "trade"]


class ModelTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A model outside, and on which terms it is asked.

    Parameters
    ----------
    authority
        `observe`: recorded and shadowed only; `advise`: may shrink, veto, switch strategies and set
        zones; `trade`: its trade decisions become signals, which meet every guard.
    reserve_usd
        The most that one question may cost; 0 where nothing is billed.
    """

    name: str
    authority: Authority
    reserve_usd: Decimal

    @property
    def is_paid(self) -> bool:
        """Tell whether asking costs money."""
        return self.reserve_usd > 0


class TradeDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model wants done in a strategy's name: no order, a wish that meets every guard.

    Parameters
    ----------
    action
        `enter`; `exit` of the strategy's open position; `modify`, which can only tighten its stop.
    side
        1 or -1 for `enter`, else 0.
    entry_ticks
        The limit price; None for a market entry.
    stop_ticks, target_ticks
        Absolute. `enter` needs both, `modify` the stop, `exit` none.
    risk_fraction
        Share of the balance to risk; None takes the strategy's, which it never exceeds.
    """

    action: Literal["enter", "exit", "modify"]
    strategy: str
    side: int = 0
    kind: EntryKind = "market"
    entry_ticks: int | None = None
    stop_ticks: int | None = None
    target_ticks: int | None = None
    risk_fraction: float | None = None
    reason: str


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer of a model, the rules included.

    `chosen_model` is the playbook model that fits (`trend_continuation`,
    `mean_reversion` or `none`); `trade_decisions`, `strategy_updates`, `zones` and `notes` are
    what the answer would change.
    """

    market_state: Balance
    regime: Label
    direction: Direction = "none"
    location_vs_value: ValueLocation
    location_vs_poc: PocLocation
    chosen_model: str = "none"
    confidence: float
    reasoning: str
    trade_decisions: tuple[TradeDecision, ...] = ()
    strategy_updates: tuple[StrategyUpdate, ...] = ()
    zones: tuple[Zone, ...] = ()
    notes: tuple[Claim, ...] = ()
