"""Wiring: from settings to a machine with its exchange."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from fabio.adapters.data.instruments import find_instrument, load_instruments
from fabio.adapters.data.sessions import load_sessions
from fabio.engine.machine import Engine, EngineConfig
from fabio.engine.seams import MarketConfig
from fabio.engine.turn import Policy
from fabio.exchange.venue import Exchange
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.portfolio.sizing import SizeLimits
from fabio.runtime.drive import Driver, Sink
from fabio.settings.load import Settings
from fabio.settings.places import config_file

NS_PER_DAY = 86_400_000_000_000
MARGIN_DAYS = 5


def instruments_of(settings: Settings) -> dict[str, Instrument]:
    """Read the table of instruments in force."""
    return load_instruments(config_file(settings.folder, "instruments.toml"))


def instrument_of(settings: Settings, symbol: str) -> Instrument:
    """Find one instrument by its root or contract."""
    return find_instrument(instruments_of(settings), symbol)[0]


def sessions_between(settings: Settings, instrument: Instrument, first_ns: int, last_ns: int) -> SessionTable:
    """Build the session table that covers two times, with a few days on each side."""
    first = dt.date.fromordinal(_day(first_ns) - MARGIN_DAYS)
    last = dt.date.fromordinal(_day(last_ns) + MARGIN_DAYS)
    return load_sessions(config_file(settings.folder, "sessions.toml"), instrument.product_group, first, last)


def engine_config(settings: Settings, markets: Sequence[MarketConfig]) -> EngineConfig:
    """Put the machine's configuration together."""
    assumptions = settings.exchange
    return EngineConfig(
        markets=tuple(markets),
        policy=Policy(
            strategies=settings.strategies,
            guards=settings.guards,
            account=settings.account,
            sizing=SizeLimits(
                slippage_reserve_ticks=assumptions.market_slippage_ticks + assumptions.stop_slippage_ticks,
                size_limit=settings.account.size_limit,
                room_share=Decimal(settings.orders.most_room_percent) / 100,
                most_risk_usd=Decimal(settings.orders.most_risk_usd),
            ),
            orders=settings.orders,
            model=settings.model,
            budget=settings.budget,
            material=settings.material,
            learning=settings.learning,
            notes=settings.notes,
            bounds=settings.bounds,
        ),
        assumptions=assumptions,
        regime=settings.regime,
        zones=settings.zones,
        cadence=settings.cadence,
    )


def build_driver(config: EngineConfig, sinks: tuple[Sink, ...] = ()) -> Driver:
    """Build a machine from empty state with a paper exchange beside it."""
    instruments = [market.instrument for market in config.markets]
    return Driver(Engine(config), Exchange(instruments, config.assumptions), sinks)


def _day(ts_ns: int) -> int:
    return dt.date(1970, 1, 1).toordinal() + ts_ns // NS_PER_DAY
