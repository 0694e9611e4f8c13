"""Statistics in people's units: prices, contracts and seconds, as plain JSON values.

Prices, sizes and distances are exact multiples turned into floats at the very end; sizes stay
integers where the instrument's size step is a whole number.
"""

from collections.abc import Sequence
from typing import Any

from fabio.model.instrument import Instrument
from fabio.model.session import date_text
from fabio.model.stats import BigPrint, MarketStats, Nodes
from fabio.model.tick import SIDE_LETTERS

SECOND_NS = 1_000_000_000


class LineWriter:
    """Writes one instrument's readings as dicts of JSON values, keys in the order of the alphabet.

    Prices are exact multiples of the tick, divided at the very end: the nearest float, as
    from a decimal. Sizes stay integers where the size step is a whole number.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._tick = float(instrument.tick_size)
        self._tick_over, self._tick_under = instrument.tick_size.as_integer_ratio()
        self._step_over, self._step_under = instrument.size_step.as_integer_ratio()
        self._prints: tuple[Sequence[BigPrint], list[dict[str, Any]]] = ((), [])

    def line(self, stats: MarketStats, nodes: Nodes, big_prints: Sequence[BigPrint]) -> dict[str, Any]:
        """Write one reading; what is not known is None.

        Nodes are given as prices, most extreme first; times in seconds unless named `_ns`.
        """
        written = self.statistics(stats)
        written["profile"]["hvn"] = [self.price(node.price_ticks) for node in nodes.high]
        written["profile"]["lvn"] = [self.price(node.price_ticks) for node in nodes.low]
        written["orderflow"]["big_prints"] = self._big_prints(big_prints)
        return {
            "ts_ns": stats.ts_ns, "symbol": self.instrument.symbol, "session": date_text(stats.session_date),
            **written, "rejected_ticks": stats.rejected_ticks,
        }

    def statistics(self, stats: MarketStats) -> dict[str, Any]:
        """Write the statistics alone, as decisions keep them."""
        price = self.price
        return {
            "ts_ns": stats.ts_ns,
            "last_price": price(stats.last_ticks),
            "profile": {
                "poc": price(stats.poc_ticks),
                "total_volume": self.size(stats.volume_steps),
                "vah": price(stats.vah_ticks),
                "val": price(stats.val_ticks),
            },
            "poc_cross_stats": _crosses(stats),
            "market_stats": self._market(stats),
            "orderflow": {
                "buy_absorption": stats.buy_absorption,
                "buy_exhaustion": stats.buy_exhaustion,
                "delta_1min": None if stats.delta_1min_steps is None else self.size(stats.delta_1min_steps),
                "sell_absorption": stats.sell_absorption,
                "sell_exhaustion": stats.sell_exhaustion,
                "trades_1min": stats.trades_1min,
                "volume_1min": self.size(stats.volume_1min_steps),
            },
        }

    def price(self, ticks: float) -> float:
        """Turn ticks into the nearest float of the price."""
        return ticks * self._tick_over / self._tick_under

    def size(self, steps: int) -> float:
        """Turn steps into contracts or coins; an integer where the step is a whole number."""
        whole = steps * self._step_over
        return whole if self._step_under == 1 else whole / self._step_under

    def _big_prints(self, big_prints: Sequence[BigPrint]) -> list[dict[str, Any]]:
        if big_prints is not self._prints[0]:  # the same ones until another print was big
            written = [
                {"price": self.price(each.price_ticks), "side": SIDE_LETTERS[each.side],
                 "size": self.size(each.size_steps), "ts_ns": each.ts_ns}
                for each in big_prints
            ]
            self._prints = (big_prints, written)
        return self._prints[1]

    def _flow(self, steps_per_second: float | None) -> float | None:
        if steps_per_second is None:
            return None
        return steps_per_second * self._step_over / self._step_under

    def _market(self, stats: MarketStats) -> dict[str, Any]:
        price, last = self.price, stats.last_ticks
        return {
            "avg_bar_range_ticks_15min": stats.bar_range_15min_ticks,
            "avg_bar_range_ticks_5min": stats.bar_range_5min_ticks,
            "cvd": None if stats.cvd_steps is None else self.size(stats.cvd_steps),
            "cvd_slope_15min": self._flow(stats.cvd_slope_15min),
            "cvd_slope_15min_norm": stats.cvd_slope_15min_norm,
            "cvd_slope_5min": self._flow(stats.cvd_slope_5min),
            "cvd_slope_5min_norm": stats.cvd_slope_5min_norm,
            "distance_to_poc_ticks": last - stats.poc_ticks,
            "distance_to_vah_ticks": last - stats.vah_ticks,
            "distance_to_val_ticks": last - stats.val_ticks,
            "opening_range": self._opening_range(stats),
            "prev_session": self._previous(stats),
            "realized_vol_5min": stats.realized_vol_5min,
            "session_high": price(stats.session_high_ticks),
            "session_low": price(stats.session_low_ticks),
            "session_range_percentile": stats.range_percentile,
            "session_range_ticks": stats.session_high_ticks - stats.session_low_ticks,
            "time_above_value_sec": stats.above_value_ns / SECOND_NS,
            "time_above_value_sec_last_30min": stats.above_value_30min_ns / SECOND_NS,
            "time_below_value_sec": stats.below_value_ns / SECOND_NS,
            "time_below_value_sec_last_30min": stats.below_value_30min_ns / SECOND_NS,
            "time_in_value_sec": stats.in_value_ns / SECOND_NS,
            "time_in_value_sec_last_30min": stats.in_value_30min_ns / SECOND_NS,
            "vwap": None if stats.vwap_ticks is None else stats.vwap_ticks * self._tick,
            "vwap_bands": self._bands(stats.vwap_ticks, stats.vwap_deviation_ticks),
        }

    def _bands(self, mean: float | None, deviation: float | None) -> dict[str, float | None]:
        if mean is None or deviation is None:
            return {"lower_1": None, "lower_2": None, "upper_1": None, "upper_2": None}
        tick = self._tick
        return {
            "lower_1": (mean - deviation) * tick,
            "lower_2": (mean - 2 * deviation) * tick,
            "upper_1": (mean + deviation) * tick,
            "upper_2": (mean + 2 * deviation) * tick,
        }

    def _opening_range(self, stats: MarketStats) -> dict[str, float] | None:
        high, low = stats.opening_range_high_ticks, stats.opening_range_low_ticks
        if high is None or low is None:
            return None
        return {"high": self.price(high), "low": self.price(low)}

    def _previous(self, stats: MarketStats) -> dict[str, float | None] | None:
        if stats.prev_high_ticks is None:
            return None
        levels = (
            ("close", stats.prev_close_ticks), ("high", stats.prev_high_ticks), ("low", stats.prev_low_ticks),
            ("poc", stats.prev_poc_ticks), ("vah", stats.prev_vah_ticks), ("val", stats.prev_val_ticks),
        )
        return {name: None if ticks is None else self.price(ticks) for name, ticks in levels}


def _crosses(stats: MarketStats) -> dict[str, Any]:
    since = stats.since_last_cross_ns
    return {
        "count_last_15min": stats.crosses_15min,
        "count_last_30min": stats.crosses_30min,
        "count_last_5min": stats.crosses_5min,
        "current_side": ("below_poc", "at_poc", "above_poc")[stats.poc_side + 1],
        "session_total": stats.crosses_session,
        "time_near_poc_last_30min_sec": stats.near_poc_30min_ns / SECOND_NS,
        "time_since_last_cross_sec": None if since is None else since / SECOND_NS,
    }
