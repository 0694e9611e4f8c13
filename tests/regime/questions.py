"""Questions about a random afternoon, written as the machine writes them."""

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import orjson
from views import NOW_NS, NQ, NS, OPEN_NS, SESSION, make_account, make_bars

from fabio.features.market import MarketFeatures
from fabio.features.written import LineWriter
from fabio.model.account import Recent
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.stats import Node, Nodes
from fabio.model.strategy import StrategyState
from fabio.model.tick import Ticks
from fabio.regime.numbers import hours_of
from fabio.regime.reading import RegimeSettings, read_market, session_age_s
from fabio.regime.request import MarketPicture, OwnRecord, QuestionWriter
from fabio.regime.rule_model import Brief
from fabio.regime.zones import default_zones

STATES = {"mean_reversion": StrategyState(), "trend_continuation": StrategyState(enabled=False)}
RANGE_BARS = make_bars([86_000 + (k % 2) * 8 for k in range(32)])
WILD_BARS = make_bars([86_000 + (k % 2) * 8 for k in range(32)], usual=10.0)
TREND_BARS = make_bars([86_000 + 8 * k for k in range(32)])
LTC = Instrument(
    symbol="LTCUSDT", description="Litecoin", tick_size=Decimal("0.01"), tick_value=Decimal("0.01"),
    size_step=Decimal("0.001"), product_group="crypto", trading_seconds_per_year=365 * 86_400,
    poc_cross_band_ticks=2,
)


def table() -> SessionTable:
    """The session of `views`, and one before it."""
    opens = np.array([SESSION.open_ns - 86_400 * NS, SESSION.open_ns], dtype=np.int64)
    none = np.full(2, NO_TIME, dtype=np.int64)
    regular = np.array([NO_TIME, SESSION.regular_open_ns], dtype=np.int64)
    return SessionTable("test", np.array([20250604, 20250605]), opens, opens + 23 * 3600 * NS, regular, none, none,
                        np.empty((0, 2), dtype=np.int64))


@cache
def features(count: int = 4000, instrument: Instrument = NQ, hours: int = 18) -> MarketFeatures:
    """Statistics after a random walk of so many trades over so many hours, ending at `NOW_NS` after 18."""
    dice = np.random.default_rng(count)
    times = OPEN_NS + np.sort(dice.integers(0, hours * 3600 * NS, count))
    prices = 86_000 + dice.integers(-2, 3, count).cumsum()
    sides = dice.integers(-1, 2, count).astype(np.int8)
    market = MarketFeatures(instrument, table())
    market.update(Ticks(times, times, prices, dice.integers(1, 60, count), sides, np.zeros(count, dtype=np.int8)))
    return market


def write(
    market: MarketFeatures | None = None, bars=RANGE_BARS, last_answers=(), settings: RegimeSettings | None = None,
    zones=None, band: int = 2, session=SESSION, **record: Any,
) -> tuple[bytes, Brief]:
    """Write a question and its brief; `record` changes what the agent knows of itself."""
    market = features() if market is None else market
    stats = market.stats()
    values = {
        "states": STATES, "configured": STATES, "performance": {}, "notes": (), "positions": (), "theses": {},
        "account": make_account(), "recent": Recent(),
    }
    readings = read_market(stats, bars, 300.0, session_age_s(stats), settings or RegimeSettings())
    writer = QuestionWriter(market.instrument)
    writer.put_market(MarketPicture(
        session=session, zones=default_zones(stats) if zones is None else zones, readings=readings,
        nodes=Nodes((Node(86_010, 5), Node(85_990, 4)), ()),
    ))
    writer.put_agent(OwnRecord(**(values | record)), NOW_NS, stats.last_ticks)
    arrays = (market.s, market.trades, market.history, hours_of(session))
    return writer.write(arrays, band, NOW_NS, last_answers)


def ask(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Give a question as a model reads it."""
    question: dict[str, Any] = orjson.loads(write(*args, **kwargs)[0])
    return question


def features_line(market: MarketFeatures) -> dict[str, Any]:
    """Give the line of `fabio features` at the same moment."""
    return LineWriter(market.instrument).line(market.stats(), market.nodes(), market.big_prints())
