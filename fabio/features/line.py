"""The line of `fabio features`: statistics in price and contract units, as plain JSON values.

Prices, sizes and distances are exact multiples turned into floats at the very end; sizes stay
integers where the instrument's size step is a whole number.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from fabio.features.hours import Gap
from fabio.features.layout import SECOND_NS
from fabio.features.market import MarketFeatures
from fabio.features.nodes import Nodes
from fabio.model.instrument import Instrument
from fabio.model.session import date_text
from fabio.model.stats import BigPrint, MarketStats
from fabio.model.tick import SIDE_LETTERS, Ticks


def line(
    instrument: Instrument, stats: MarketStats, nodes: Nodes, big_prints: Sequence[BigPrint],
) -> dict[str, Any]:
    """Write one reading as a dict of JSON values; what is not known is None.

    Nodes are given as prices, most extreme first; times in seconds unless named `_ns`.
    """
    units = _Units(instrument)
    return {
        "ts_ns": stats.ts_ns,
        "symbol": instrument.symbol,
        "session": date_text(stats.session_date),
        "last_price": units.price(stats.last_ticks),
        "profile": {
            "poc": units.price(stats.poc_ticks),
            "vah": units.price(stats.vah_ticks),
            "val": units.price(stats.val_ticks),
            "total_volume": units.size(stats.volume_steps),
            "lvn": [units.price(node.price_ticks) for node in nodes.low],
            "hvn": [units.price(node.price_ticks) for node in nodes.high],
        },
        "poc_cross_stats": _crosses(stats),
        "market_stats": _market(stats, units),
        "orderflow": {
            "delta_1min": units.size(stats.delta_1min_steps),
            "volume_1min": units.size(stats.volume_1min_steps),
            "trades_1min": stats.trades_1min,
            "big_prints": [
                {"ts_ns": print_.ts_ns, "price": units.price(print_.price_ticks),
                 "size": units.size(print_.size_steps), "side": SIDE_LETTERS[print_.side]}
                for print_ in big_prints
            ],
            "buy_absorption": stats.buy_absorption,
            "sell_absorption": stats.sell_absorption,
            "buy_exhaustion": stats.buy_exhaustion,
            "sell_exhaustion": stats.sell_exhaustion,
        },
        "rejected_ticks": stats.rejected_ticks,
    }


class _Units:
    """Turns ticks and steps into price and contract units."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.tick = float(instrument.tick_size)
        self.step = float(instrument.size_step)
        self.whole = instrument.size_step == int(instrument.size_step)

    def price(self, ticks: int | None) -> float | None:
        return None if ticks is None else float(self.instrument.price(ticks))

    def mean_price(self, ticks: float | None) -> float | None:
        return None if ticks is None else ticks * self.tick

    def size(self, steps: int | None) -> float | None:
        if steps is None:
            return None
        return int(self.instrument.size(steps)) if self.whole else float(self.instrument.size(steps))

    def flow(self, steps_per_second: float | None) -> float | None:
        return None if steps_per_second is None else steps_per_second * self.step


def _seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / SECOND_NS


def _crosses(stats: MarketStats) -> dict[str, Any]:
    return {
        "count_last_5min": stats.crosses_5min,
        "count_last_15min": stats.crosses_15min,
        "count_last_30min": stats.crosses_30min,
        "session_total": stats.crosses_session,
        "time_since_last_cross_sec": _seconds(stats.since_last_cross_ns),
        "current_side": ("below_poc", "at_poc", "above_poc")[stats.poc_side + 1],
        "time_near_poc_last_30min_sec": _seconds(stats.near_poc_30min_ns),
    }


def _market(stats: MarketStats, units: _Units) -> dict[str, Any]:
    mean, deviation = stats.vwap_ticks, stats.vwap_deviation_ticks
    bands: dict[str, float | None] = {}
    for name, distance in (("upper_2", 2), ("upper_1", 1), ("lower_1", -1), ("lower_2", -2)):
        known = mean is not None and deviation is not None
        bands[name] = units.mean_price((mean or 0) + distance * (deviation or 0)) if known else None
    return {
        "session_high": units.price(stats.session_high_ticks),
        "session_low": units.price(stats.session_low_ticks),
        "session_range_ticks": stats.range_ticks,
        "session_range_percentile": stats.range_percentile,
        "distance_to_poc_ticks": stats.distance_to_poc_ticks,
        "distance_to_vah_ticks": stats.last_ticks - stats.vah_ticks,
        "distance_to_val_ticks": stats.last_ticks - stats.val_ticks,
        "time_in_value_sec": _seconds(stats.in_value_ns),
        "time_above_value_sec": _seconds(stats.above_value_ns),
        "time_below_value_sec": _seconds(stats.below_value_ns),
        "time_in_value_sec_last_30min": _seconds(stats.in_value_30min_ns),
        "time_above_value_sec_last_30min": _seconds(stats.above_value_30min_ns),
        "time_below_value_sec_last_30min": _seconds(stats.below_value_30min_ns),
        "cvd": units.size(stats.cvd_steps),
        "cvd_slope_5min": units.flow(stats.cvd_slope_5min),
        "cvd_slope_15min": units.flow(stats.cvd_slope_15min),
        "cvd_slope_5min_norm": stats.cvd_slope_5min_norm,
        "cvd_slope_15min_norm": stats.cvd_slope_15min_norm,
        "vwap": units.mean_price(mean),
        "vwap_bands": bands,
        "realized_vol_5min": stats.realized_vol_5min,
        "avg_bar_range_ticks_5min": stats.bar_range_5min_ticks,
        "avg_bar_range_ticks_15min": stats.bar_range_15min_ticks,
        "opening_range": None if stats.opening_range_high_ticks is None else {
            "high": units.price(stats.opening_range_high_ticks),
            "low": units.price(stats.opening_range_low_ticks),
        },
        "prev_session": None if stats.prev_high_ticks is None else {
            "high": units.price(stats.prev_high_ticks),
            "low": units.price(stats.prev_low_ticks),
            "close": units.price(stats.prev_close_ticks),
            "poc": units.price(stats.prev_poc_ticks),
            "vah": units.price(stats.prev_vah_ticks),
            "val": units.price(stats.prev_val_ticks),
        },
    }


def lines(market: MarketFeatures, source: Iterable[Ticks | Gap], every_s: int) -> Iterator[dict[str, Any]]:
    """Give a line at every whole multiple of `every_s` seconds while the market is open.

    From the first trade of `source` on; each holds the state after all trades at or before
    its time; the last line is at the last trade. A `Gap` stands where the tape carries it,
    before the first trade after it.

    Parameters
    ----------
    source
        Parts of a tape of one instrument, in order.
    every_s
        Seconds since the epoch that lines are multiples of, at least 1.
    """
    if every_s < 1:
        raise ValueError(f"lines every {every_s} s: expected at least 1 s")
    step_ns = every_s * SECOND_NS
    due_ns = written_ns = -1
    for part in source:
        if isinstance(part, Gap):
            market.mark_gap(part)
            continue
        position = 0
        while due_ns < 0 and position < len(part):
            latest_ns = market.latest_ns
            trades = market.trades_taken
            market.update(part.slice(position, position + 1))
            position += 1
            if market.latest_ns != latest_ns or market.trades_taken != trades:
                due_ns = -(-market.latest_ns // step_ns) * step_ns
        while due_ns >= 0:
            position = market.update(part, position, due_ns)
            if position == len(part):
                break
            if market.is_open(due_ns):
                yield reading(market, due_ns)
                written_ns = due_ns
            due_ns = _next_due(market, due_ns, step_ns)
    if due_ns >= 0 and written_ns != market.latest_ns:
        yield reading(market, market.latest_ns)


def reading(market: MarketFeatures, now_ns: int) -> dict[str, Any]:
    """Write the line of a market as of `now_ns`."""
    return line(market.instrument, market.stats(now_ns), market.nodes(), market.big_prints())


def _next_due(market: MarketFeatures, due_ns: int, step_ns: int) -> int:
    """The multiple after `due_ns`; out of trading hours the first one after the next opening."""
    following = due_ns + step_ns
    opens_ns = market.table.opens_ns
    index = int(market.table.closes_ns.searchsorted(following, side="right"))
    if index < len(opens_ns) and opens_ns[index] > following:
        following = -(-int(opens_ns[index]) // step_ns) * step_ns
    return following
