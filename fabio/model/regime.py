"""Regime and Assessment: what somebody thinks the market is doing."""

from typing import Literal

import msgspec

from fabio.model.strategy import StrategyUpdate
from fabio.model.zone import Zone

Label = Literal["trend", "range", "chop", "volatile", "unclear"]
Direction = Literal["up", "down", "none"]
Balance = Literal["balanced", "out_of_balance_up", "out_of_balance_down", "transition"]
ValueLocation = Literal["above_value", "in_value", "below_value"]
PocLocation = Literal["above_poc", "at_poc", "below_poc"]


class Regime(msgspec.Struct, frozen=True, kw_only=True):
    """One label with its age; `direction` is `none` unless the label is trend.

    `source` names who said so (`rules`, or a model's name); times are on the runtime
    clock; after `good_until_ns` the label is stale. `last_ticks` is the last price when the
    answer came, None where it is not known.
    """

    label: Label
    direction: Direction = "none"
    confidence: float
    source: str
    ask_id: str
    asked_at_ns: int
    answered_at_ns: int
    good_until_ns: int
    reasoning: str = ""
    last_ticks: int | None = None


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """One whole answer of a model, the rules included.

    `chosen_model` is the playbook model that fits (`trend_continuation`,
    `mean_reversion` or `none`); `strategy_updates`, `zones` and `notes` are what the answer
    would change.
    """

    market_state: Balance
    regime: Label
    direction: Direction = "none"
    location_vs_value: ValueLocation
    location_vs_poc: PocLocation
    chosen_model: str = "none"
    confidence: float
    reasoning: str
    strategy_updates: tuple[StrategyUpdate, ...] = ()
    zones: tuple[Zone, ...] = ()
    notes: tuple[str, ...] = ()
