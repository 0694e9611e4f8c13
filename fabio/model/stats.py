"""MarketStats: what the market did, as of one moment, in integer units.

`features` computes them, `docs/features.md` defines each. Prices are ticks, sizes
steps, times nanoseconds; None means "not known yet", never 0.
"""

from typing import NamedTuple

import msgspec


class BigPrint(msgspec.Struct, frozen=True):
    """One print at least as big as the threshold; `side` is BUY, SELL or UNKNOWN_SIDE."""

    ts_ns: int
    price_ticks: int
    size_steps: int
    side: int


class Node(msgspec.Struct, frozen=True):
    """One high- or low-volume node of the profile."""

    price_ticks: int
    volume_steps: int


class Nodes(NamedTuple):
    """High- and low-volume nodes, most extreme first; `volume_steps` is the row's own volume, not the smoothed one."""

    high: tuple[Node, ...]
    low: tuple[Node, ...]


class MarketStats(msgspec.Struct, frozen=True):
    """Statistics of one instrument as of `ts_ns`; the field order is the kernel's."""

    # integers that are never null once a trade was seen
    ts_ns: int
    session_date: int
    """`YYYYMMDD`."""
    last_ticks: int
    last_trade_ns: int
    poc_ticks: int
    vah_ticks: int
    val_ticks: int
    volume_steps: int
    crosses_5min: int
    crosses_15min: int
    crosses_30min: int
    crosses_session: int
    poc_side: int
    """1 above the POC's row, 0 on it, -1 below."""
    near_poc_30min_ns: int
    session_high_ticks: int
    session_low_ticks: int
    in_value_ns: int
    above_value_ns: int
    below_value_ns: int
    in_value_30min_ns: int
    above_value_30min_ns: int
    below_value_30min_ns: int
    trades_session: int
    volume_1min_steps: int
    trades_1min: int
    rejected_ticks: int

    # nullable integers
    cvd_steps: int | None
    since_last_cross_ns: int | None
    opening_range_high_ticks: int | None
    opening_range_low_ticks: int | None
    prev_high_ticks: int | None
    prev_low_ticks: int | None
    prev_close_ticks: int | None
    prev_poc_ticks: int | None
    prev_vah_ticks: int | None
    prev_val_ticks: int | None
    delta_1min_steps: int | None

    # nullable floats
    range_percentile: float | None
    cvd_slope_5min: float | None
    """Size steps per second."""
    cvd_slope_15min: float | None
    cvd_slope_5min_norm: float | None
    cvd_slope_15min_norm: float | None
    realized_vol_5min: float | None
    bar_range_5min_ticks: float | None
    bar_range_15min_ticks: float | None
    vwap_ticks: float | None
    vwap_deviation_ticks: float | None
    buy_absorption: float | None
    sell_absorption: float | None
    buy_exhaustion: float | None
    sell_exhaustion: float | None

    @property
    def range_ticks(self) -> int:
        """Session high minus low."""
        return self.session_high_ticks - self.session_low_ticks

    @property
    def distance_to_poc_ticks(self) -> int:
        """Last price minus the POC, signed."""
        return self.last_ticks - self.poc_ticks
