"""Nouns that the portfolio's tests are told with."""

from decimal import Decimal

from fabio.model.instrument import Instrument
from fabio.model.order import Fill, Leg, Order
from fabio.model.signal import Signal

NQ = Instrument(
    symbol="NQ", description="E-mini Nasdaq-100", tick_size=Decimal("0.25"), tick_value=Decimal(5),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=20_865_600,
    poc_cross_band_ticks=4, fee=Decimal("1.40"), commission=Decimal("0.50"),
)
MNQ = Instrument(
    symbol="MNQ", description="Micro E-mini Nasdaq-100", tick_size=Decimal("0.25"),
    tick_value=Decimal("0.50"),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=20_865_600,
    poc_cross_band_ticks=4, fee=Decimal("0.37"), commission=Decimal("0.25"), mini_equivalent=Decimal("0.1"),
)
BTC = Instrument(
    symbol="BTCUSDT", description="Bitcoin perpetual", tick_size=Decimal("0.1"), tick_value=Decimal("0.1"),
    size_step=Decimal("0.001"), product_group="crypto", trading_seconds_per_year=31_536_000,
    poc_cross_band_ticks=50, taker_rate=Decimal("0.0005"), mini_equivalent=Decimal(0),
)


def an_order(side: int = 1, limit_ticks: int | None = None, size_steps: int = 3) -> Order:
    return Order(
        id="A", decision_id="D", strategy="mean_reversion", market=0, symbol="NQ", side=side,
        kind="market" if limit_ticks is None else "limit", size_steps=size_steps, limit_ticks=limit_ticks,
        stop_offset_ticks=-8 * side, target_offset_ticks=16 * side, ts_ns=0,
    )


def a_fill(leg: Leg, side: int, size_steps: int, price_ticks: int, number: int = 1,
           instrument: Instrument = NQ) -> Fill:
    return Fill(
        id=f"A-F{number}", order_id="A", leg=leg, market=0, side=side, size_steps=size_steps,
        price_ticks=price_ticks, fees=instrument.fees(size_steps, price_ticks), ts_ns=number,
    )


def a_signal(stop: int = 20, side: int = 1, entry_ticks: int = 100_000) -> Signal:
    return Signal(
        strategy="mean_reversion", setup="reclaim", side=side, entry_ticks=entry_ticks,
        stop_ticks=entry_ticks - stop * side, target_ticks=entry_ticks + 2 * stop * side, confidence=0.6,
        reason="a reason",
    )
