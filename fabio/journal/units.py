"""Integers of the machine as the numbers people read: prices, sizes, seconds, dollars.

Division of integers is correctly rounded, so 16467 ticks of 0.1 become 1646.7 and not
1646.7000000000003.
"""

from decimal import Decimal
from typing import Any

from fabio.model.instrument import Instrument
from fabio.model.regime import Assessment
from fabio.model.stats import MarketStats
from fabio.model.zone import Zone

_POC_SIDES = {1: "above_poc", 0: "at_poc", -1: "below_poc"}
_NS = 1_000_000_000


class Units:
    """The numbers of one instrument.

    Examples
    --------
    >>> mini = Instrument(symbol="ES", description="", tick_size=Decimal("0.25"),
    ...     tick_value=Decimal("12.5"), size_step=Decimal(1), product_group="equity",
    ...     trading_seconds_per_year=1, poc_cross_band_ticks=2)
    >>> Units(mini).price(6587), Units(mini).price(None), Units(mini).size(3)
    (1646.75, None, 3)
    """

    def __init__(self, instrument: Instrument) -> None:
        self._tick, self._tick_parts = instrument.tick_size.as_integer_ratio()
        self._step, self._step_parts = instrument.size_step.as_integer_ratio()

    def price(self, ticks: float | None) -> float | None:
        """Turn ticks into a price; None stays None."""
        return None if ticks is None else ticks * self._tick / self._tick_parts

    def size(self, steps: float | None) -> float | None:
        """Turn steps into a size: an integer where sizes are whole."""
        if steps is None or self._step_parts == 1:
            return None if steps is None else steps * self._step
        return steps * self._step / self._step_parts

    def zone(self, zone: Zone) -> dict[str, Any]:
        """Give a zone in price units."""
        return {
            "name": zone.name, "price": self.price(zone.centre_ticks),
            "inner": self.price(zone.inner_ticks), "outer": self.price(zone.outer_ticks),
            "priority": zone.priority, "source": zone.source,
        }

    def statistics(self, stats: MarketStats) -> dict[str, Any]:
        """Give the statistics as of one moment, with the names of a `fabio features` line."""
        price, size = self.price, self.size
        return {
            "ts_ns": stats.ts_ns,
            "last_price": price(stats.last_ticks),
            "profile": {
                "poc": price(stats.poc_ticks), "vah": price(stats.vah_ticks), "val": price(stats.val_ticks),
                "total_volume": size(stats.volume_steps),
            },
            "poc_cross_stats": {
                "count_last_5min": stats.crosses_5min,
                "count_last_15min": stats.crosses_15min,
                "count_last_30min": stats.crosses_30min,
                "session_total": stats.crosses_session,
                "time_since_last_cross_sec": seconds(stats.since_last_cross_ns),
                "current_side": _POC_SIDES[stats.poc_side],
                "time_near_poc_last_30min_sec": seconds(stats.near_poc_30min_ns),
            },
            "market_stats": {
                "session_high": price(stats.session_high_ticks),
                "session_low": price(stats.session_low_ticks),
                "session_range_ticks": stats.range_ticks,
                "session_range_percentile": real(stats.range_percentile),
                "distance_to_poc_ticks": stats.last_ticks - stats.poc_ticks,
                "distance_to_vah_ticks": stats.last_ticks - stats.vah_ticks,
                "distance_to_val_ticks": stats.last_ticks - stats.val_ticks,
                "time_in_value_sec": seconds(stats.in_value_ns),
                "time_above_value_sec": seconds(stats.above_value_ns),
                "time_below_value_sec": seconds(stats.below_value_ns),
                "time_in_value_sec_last_30min": seconds(stats.in_value_30min_ns),
                "time_above_value_sec_last_30min": seconds(stats.above_value_30min_ns),
                "time_below_value_sec_last_30min": seconds(stats.below_value_30min_ns),
                "cvd": size(stats.cvd_steps),
                "cvd_slope_5min": real(stats.cvd_slope_5min),
                "cvd_slope_15min": real(stats.cvd_slope_15min),
                "cvd_slope_5min_norm": real(stats.cvd_slope_5min_norm),
                "cvd_slope_15min_norm": real(stats.cvd_slope_15min_norm),
                "vwap": price(stats.vwap_ticks),
                "realized_vol_5min": real(stats.realized_vol_5min),
                "avg_bar_range_ticks_5min": real(stats.bar_range_5min_ticks),
                "avg_bar_range_ticks_15min": real(stats.bar_range_15min_ticks),
            },
            "orderflow": {
                "delta_1min": size(stats.delta_1min_steps),
                "volume_1min": size(stats.volume_1min_steps),
                "trades_1min": stats.trades_1min,
                "buy_absorption": real(stats.buy_absorption),
                "sell_absorption": real(stats.sell_absorption),
                "buy_exhaustion": real(stats.buy_exhaustion),
                "sell_exhaustion": real(stats.sell_exhaustion),
            },
        }

    def response(self, answer: Assessment) -> dict[str, Any]:
        """Give a model's whole answer in the shape of `llm_exchanges.jsonl`."""
        return {
            "market_assessment": {
                "market_state": answer.market_state, "regime": answer.regime, "direction": answer.direction,
                "location_vs_value": answer.location_vs_value, "location_vs_poc": answer.location_vs_poc,
                "chosen_model": answer.chosen_model, "confidence": answer.confidence,
                "reasoning": answer.reasoning,
            },
            "strategy_updates": {"strategy_tweaks": [
                {name: value for name in each.__struct_fields__ if (value := getattr(each, name)) is not None}
                for each in answer.strategy_updates
            ]},
            "importance_zones": [self.zone(zone) for zone in answer.zones],
            "notes_to_future_self": list(answer.notes),
        }


def seconds(duration_ns: int | None) -> float | None:
    """Turn nanoseconds into seconds; None stays None.

    >>> seconds(45_300_000_000)
    45.3
    """
    return None if duration_ns is None else duration_ns / _NS


def real(value: float | None) -> float | None:
    """Give a float where the type says float and the writer had an integer; None stays None.

    The journal reads `3` back as `3.0`: a record made again has to have the same bytes.

    >>> real(3)
    3.0
    """
    return None if value is None else float(value)


def dollars(amount: Decimal) -> float:
    """Give an amount of money as a JSON number, with all the digits it has.

    >>> dollars(Decimal("-12.74"))
    -12.74
    """
    return float(amount)
