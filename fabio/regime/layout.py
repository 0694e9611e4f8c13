"""Where each number of a question stands: the part of it that every tick may change."""

from typing import Any

from fabio.model.instrument import Instrument
from fabio.regime import numbers
from fabio.regime.numbers import INTEGERS_OF, REALS_OF
from fabio.regime.template import REAL, WORD, WORDS, Hole, Slot, scaled

VERSION = 2


def market_layout(instrument: Instrument) -> dict[str, Any]:
    """Lay out the keys from `last_price` on; those before it do not change with every tick."""
    price_factor, price_decimals = scaled(instrument.tick_size, 1)
    size_factor, size_decimals = scaled(instrument.size_step)
    tick, step = float(instrument.tick_size), float(instrument.size_step)

    def price(name: str | int) -> Hole:
        return Hole(_place(name), factor=price_factor, decimals=price_decimals)

    def size(name: str | int) -> Hole:
        return Hole(_place(name), factor=size_factor, decimals=size_decimals)

    def real(name: str, decimals: int = 3, factor: float = 1.0) -> Hole:
        return Hole(REALS_OF[name], REAL, factor, decimals)

    def word(name: str | int, first: bytes) -> Hole:
        return Hole(_place(name), WORD, first_word=WORDS.index(first))

    def whole(name: str | int) -> Hole:
        return Hole(_place(name))

    return {
        "last_price": price("last_ticks"),
        "market_stats": {
            "avg_bar_range_ticks_15min": real("bar_range_15min_ticks", 1),
            "avg_bar_range_ticks_5min": real("bar_range_5min_ticks", 1),
            "cvd": size("cvd_steps"),
            "cvd_slope_15min": real("cvd_slope_15min", factor=step),
            "cvd_slope_15min_norm": real("cvd_slope_15min_norm"),
            "cvd_slope_5min": real("cvd_slope_5min", factor=step),
            "cvd_slope_5min_norm": real("cvd_slope_5min_norm"),
            "distance_to_poc_ticks": whole(numbers.TO_POC_TICKS),
            "distance_to_vah_ticks": whole(numbers.TO_VAH_TICKS),
            "distance_to_val_ticks": whole(numbers.TO_VAL_TICKS),
            "opening_range": {
                "high": price("opening_range_high_ticks"), "low": price("opening_range_low_ticks"),
            },
            "prev_session": {
                name: price(f"prev_{name}_ticks") for name in ("close", "high", "low", "poc", "vah", "val")
            },
            "realized_vol_5min": real("realized_vol_5min"),
            "session_high": price("session_high_ticks"),
            "session_low": price("session_low_ticks"),
            "session_range_percentile": real("range_percentile"),
            "session_range_ticks": whole(numbers.RANGE_TICKS),
            "time_above_value_sec": whole(numbers.ABOVE_VALUE_S),
            "time_above_value_sec_last_30min": whole(numbers.ABOVE_VALUE_30MIN_S),
            "time_below_value_sec": whole(numbers.BELOW_VALUE_S),
            "time_below_value_sec_last_30min": whole(numbers.BELOW_VALUE_30MIN_S),
            "time_in_value_sec": whole(numbers.IN_VALUE_S),
            "time_in_value_sec_last_30min": whole(numbers.IN_VALUE_30MIN_S),
            "vwap": real("vwap_ticks", price_decimals, tick),
            "vwap_deviation": real("vwap_deviation_ticks", price_decimals, tick),
        },
        "open_positions": Slot("open_positions"),
        "orderflow": {
            "big_prints_5min": {
                "count": whole(numbers.BIG_PRINTS),
                "last_age_sec": whole(numbers.BIG_LAST_AGE_S),
                "last_price": price(numbers.BIG_LAST_TICKS),
                "last_side": word(numbers.BIG_LAST_SIDE, b'"A"'),
                "last_size": size(numbers.BIG_LAST_STEPS),
                "net_size": size(numbers.BIG_NET_STEPS),
            },
            "buy_absorption": real("buy_absorption"),
            "buy_exhaustion": real("buy_exhaustion"),
            "delta_1min": size("delta_1min_steps"),
            "sell_absorption": real("sell_absorption"),
            "sell_exhaustion": real("sell_exhaustion"),
            "trades_1min": whole("trades_1min"),
            "volume_1min": size("volume_1min_steps"),
        },
        "poc_cross_stats": {
            "count_last_15min": whole("crosses_15min"),
            "count_last_30min": whole("crosses_30min"),
            "count_last_5min": whole("crosses_5min"),
            "current_side": word(numbers.POC_SIDE, b'"at_poc"'),
            "session_total": whole("crosses_session"),
            "time_near_poc_last_30min_sec": whole(numbers.NEAR_POC_30MIN_S),
            "time_since_last_cross_sec": whole(numbers.SINCE_CROSS_S),
        },
        "profile": {
            "approximate": word(numbers.IS_APPROXIMATE, b"false"),
            "hvn": Slot("hvn"),
            "lvn": Slot("lvn"),
            "poc": price("poc_ticks"),
            "total_volume": size("volume_steps"),
            "vah": price("vah_ticks"),
            "val": price("val_ticks"),
        },
        "rules": Slot("rules"),
        "session": Slot("session"),
        "session_stats": {
            "minutes_since_open": whole(numbers.SINCE_OPEN_MIN),
            "minutes_to_close": whole(numbers.TO_CLOSE_MIN),
            "minutes_to_flat_by": whole(numbers.TO_FLAT_BY_MIN),
            "regular_hours": word(numbers.IS_REGULAR, b"false"),
        },
        "strategy_defaults": Slot("strategy_defaults"),
        "strategy_performance": Slot("strategy_performance"),
        "strategy_state": Slot("strategy_state"),
        "symbol": instrument.symbol,
        "tick_size": tick,
        "ts_ns": whole("ts_ns"),
        "v": VERSION,
        "zone_band": word(numbers.ZONE_BAND, b'"none"'),
        "zone_defaults": Slot("zone_defaults"),
    }


def _place(name: str | int) -> int:
    return INTEGERS_OF[name] if isinstance(name, str) else name
