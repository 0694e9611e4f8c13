"""Random walks as views, and the mirror that turns long into short."""

import random
from collections.abc import Iterator

import msgspec
from views import MIN_NS, NOW_NS, NS, PRICE_TICKS, make_regime, make_stats, make_view

from fabio.model.bar import Bar
from fabio.model.regime import Regime
from fabio.model.signal import Signal
from fabio.model.stats import BigPrint, MarketStats
from fabio.model.view import View
from fabio.model.zone import Zone

MIRROR = 2 * PRICE_TICKS
OPPOSITE = {"up": "down", "down": "up", "none": "none"}
EDGES = {"failed_vah": "failed_val", "failed_val": "failed_vah"}


def walk_views(seed: int, minutes: int = 200) -> Iterator[View]:
    """Walk one made-up session; a view at each close with levels near enough to matter."""
    dice = random.Random(seed)
    bars: list[Bar] = []
    price, drift = PRICE_TICKS, 0
    for minute in range(minutes):
        if minute % 40 == 0:
            drift = dice.choice([-8, 0, 0, 8])
        opens = price
        price += drift + dice.randint(-25, 25)
        high, low = max(opens, price) + dice.randint(0, 12), min(opens, price) - dice.randint(0, 12)
        bars.append(Bar(NOW_NS + minute * MIN_NS, opens, high, low, price, 300, 0, 200, 30.0))
        if minute >= 3:
            yield _view(dice, bars, drift)


def _view(dice: random.Random, bars: list[Bar], drift: int) -> View:
    seen = bars[-60:]
    middle = round(sum(bar.close_ticks for bar in seen) / len(seen))
    half = dice.randint(40, 70)
    last = bars[-1]
    spans = [bar.high_ticks - bar.low_ticks for bar in bars[-15:]]
    now = last.start_ns + MIN_NS
    maybe = [None, dice.random()]
    stats = make_stats(
        ts_ns=now, last_trade_ns=now, last_ticks=last.close_ticks + dice.randint(-1, 1), poc_ticks=middle,
        vah_ticks=middle + half, val_ticks=middle - half, bar_range_15min_ticks=sum(spans) / len(spans),
        in_value_30min_ns=dice.randint(0, 900) * NS, above_value_30min_ns=dice.randint(0, 900) * NS,
        below_value_30min_ns=dice.randint(0, 900) * NS, vwap_ticks=middle + 0.3,
        cvd_slope_5min_norm=dice.choice([None, dice.uniform(-0.5, 0.5)]),
        delta_1min_steps=dice.choice([None, dice.randint(-90, 90)]), buy_absorption=dice.choice(maybe),
        sell_absorption=dice.choice(maybe), buy_exhaustion=dice.choice(maybe),
        sell_exhaustion=dice.choice(maybe),
    )
    offsets = (("poc", 0), ("vah", half), ("prev_low", -half - 31))
    zones = tuple(Zone(name, middle + offset, 4, 12) for name, offset in offsets)
    prints = (BigPrint(now - NS, last.close_ticks, dice.randint(1, 50), dice.choice([1, -1, 0])),)
    direction = "none" if drift == 0 else "up" if drift > 0 else "down"
    regime = make_regime(
        label="range" if drift == 0 else "trend", direction=direction, confidence=dice.random(),
        good_until_ns=now,
    )
    return make_view(
        now_ns=now, stats=stats, bars=tuple(bars[-32:]), zones=zones, big_prints=prints,
        regime=dice.choice([None, regime, regime]), rule_label=regime.label,
    )


def mirrored(view: View) -> View:
    """Turn the market upside down around `PRICE_TICKS`: what was bought is sold."""
    stats = view.stats
    return msgspec.structs.replace(
        view,
        stats=_mirrored_stats(stats),
        bars=tuple(
            msgspec.structs.replace(
                bar, open_ticks=MIRROR - bar.open_ticks, high_ticks=MIRROR - bar.low_ticks,
                low_ticks=MIRROR - bar.high_ticks, close_ticks=MIRROR - bar.close_ticks,
                delta_steps=-bar.delta_steps)
            for bar in view.bars
        ),
        zones=tuple(
            msgspec.structs.replace(zone, centre_ticks=MIRROR - zone.centre_ticks) for zone in view.zones
        ),
        big_prints=tuple(
            msgspec.structs.replace(item, price_ticks=MIRROR - item.price_ticks, side=-item.side)
            for item in view.big_prints
        ),
        regime=_mirrored_regime(view.regime),
    )


def _mirrored_regime(regime: Regime | None) -> Regime | None:
    return None if regime is None else msgspec.structs.replace(regime, direction=OPPOSITE[regime.direction])


def _mirrored_stats(stats: MarketStats) -> MarketStats:
    def negative(value: float | None) -> float | None:
        return None if value is None else -value

    return msgspec.structs.replace(
        stats, last_ticks=MIRROR - stats.last_ticks, poc_ticks=MIRROR - stats.poc_ticks,
        vah_ticks=MIRROR - stats.val_ticks, val_ticks=MIRROR - stats.vah_ticks,
        above_value_30min_ns=stats.below_value_30min_ns, below_value_30min_ns=stats.above_value_30min_ns,
        vwap_ticks=None if stats.vwap_ticks is None else MIRROR - stats.vwap_ticks,
        cvd_slope_5min_norm=negative(stats.cvd_slope_5min_norm),
        delta_1min_steps=None if stats.delta_1min_steps is None else -stats.delta_1min_steps,
        buy_absorption=stats.sell_absorption, sell_absorption=stats.buy_absorption,
        buy_exhaustion=stats.sell_exhaustion, sell_exhaustion=stats.buy_exhaustion,
    )


def mirrored_signal(signal: Signal) -> tuple[object, ...]:
    """Give what a signal must be on the mirrored view: setup, side, prices, confidence."""
    return (EDGES.get(signal.setup, signal.setup), -signal.side, MIRROR - signal.entry_ticks,
            MIRROR - signal.stop_ticks, MIRROR - signal.target_ticks, signal.confidence)
