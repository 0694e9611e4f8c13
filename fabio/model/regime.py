"""Regime: what somebody thinks the market is doing."""

from typing import Literal

import msgspec

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
