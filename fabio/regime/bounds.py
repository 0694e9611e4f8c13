"""What an answer may change at most: the fences that every model's answer is clamped to."""

import msgspec

RISK_CEILING = 0.01
"""No setting, model or lesson risks a larger share of the balance per trade."""


class AnswerBounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds of a model's answer; a little beyond is clamped and said, beyond twice refuses the whole answer.

    Parameters
    ----------
    risk_fraction_least, risk_fraction_most
        Share of the balance risked per trade; 0 < least <= most <= 0.01.
    min_rr_least, min_rr_most
        Least reward to risk of a signal; 0 < least <= most <= 20.
    max_trades_most
        Entries per session, 0 to 50.
    stop_ticks_least, stop_ticks_most, target_ticks_least, target_ticks_most
        Distances from the entry, of a strategy's state and of a wished trade; 1 <= least <= most.
    price_away_ticks
        Furthest a price of a wished trade may lie from the last one, >= 1; further refuses the answer.
    zone_away_ticks
        The same for a zone's price; further drops the zone.
    zone_width_ticks_most
        Largest half width of a zone, in ticks, >= 1.
    zones_most, notes_most, trade_decisions_most
        How many of each are taken, 0 to 16.
    location_slack_ticks
        As near as this to a level the answer's location is corrected from the numbers; further off
        a wrong location is a contradiction. 0 to 20.
    """

    risk_fraction_least: float = 0.001
    risk_fraction_most: float = 0.01
    min_rr_least: float = 0.5
    min_rr_most: float = 5.0
    max_trades_most: int = 10
    stop_ticks_least: int = 4
    stop_ticks_most: int = 200
    target_ticks_least: int = 4
    target_ticks_most: int = 400
    price_away_ticks: int = 400
    zone_away_ticks: int = 400
    zone_width_ticks_most: int = 200
    zones_most: int = 8
    notes_most: int = 3
    trade_decisions_most: int = 4
    location_slack_ticks: int = 3

    @property
    def of_strategies(self) -> dict[str, tuple[float, float]]:
        """Least and most of each number of a strategy's state."""
        return {
            "risk_fraction": (self.risk_fraction_least, self.risk_fraction_most),
            "max_trades_per_session": (0, self.max_trades_most),
            "min_rr": (self.min_rr_least, self.min_rr_most),
            "stop_ticks": (self.stop_ticks_least, self.stop_ticks_most),
            "target_ticks": (self.target_ticks_least, self.target_ticks_most),
        }

    def __post_init__(self) -> None:
        if not 0 < self.risk_fraction_least <= self.risk_fraction_most <= RISK_CEILING:
            raise ValueError(f"risk_fraction_least is {self.risk_fraction_least} and risk_fraction_most "
                             f"{self.risk_fraction_most}; they must satisfy 0 < least <= most <= {RISK_CEILING}")
        if not 0 < self.min_rr_least <= self.min_rr_most <= 20:
            raise ValueError(f"min_rr_least is {self.min_rr_least} and min_rr_most {self.min_rr_most}; "
                             "they must satisfy 0 < least <= most <= 20")
        if not 0 <= self.max_trades_most <= 50:
            raise ValueError(f"max_trades_most is {self.max_trades_most}; it must lie in 0 to 50")
        for name in ("stop", "target"):
            least, most = getattr(self, f"{name}_ticks_least"), getattr(self, f"{name}_ticks_most")
            if not 1 <= least <= most:
                raise ValueError(f"{name}_ticks_least is {least} and {name}_ticks_most {most}; "
                                 "they must satisfy 1 <= least <= most")
        for name in ("price_away_ticks", "zone_away_ticks", "zone_width_ticks_most"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)} ticks; it must be 1 or more")
        for name in ("zones_most", "notes_most", "trade_decisions_most"):
            if not 0 <= getattr(self, name) <= 16:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in 0 to 16")
        if not 0 <= self.location_slack_ticks <= 20:
            raise ValueError(f"location_slack_ticks is {self.location_slack_ticks}; it must lie in 0 to 20")


DEFAULT_BOUNDS = AnswerBounds()
