"""Questions about a random afternoon, written as the machine writes them."""

from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import orjson
from views import MIN_NS, NOW_NS, NQ, NS, OPEN_NS, SESSION, make_account, make_bars, make_position, make_regime

from fabio.features.market import MarketFeatures
from fabio.features.written import LineWriter
from fabio.model.account import Recent
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.stats import Node, Nodes
from fabio.model.strategy import Claim, Note, StrategyPerformance, StrategyState
from fabio.model.tick import Ticks
from fabio.model.zone import Zone
from fabio.regime.numbers import hours_of
from fabio.regime.reading import RegimeSettings, read_market, session_age_s
from fabio.regime.request import AccountRecord, MarketPicture, OwnRecord, QuestionWriter
from fabio.regime.rule_model import Brief
from fabio.regime.zones import default_zones

STATES = {"mean_reversion": StrategyState(), "trend_continuation": StrategyState(enabled=False)}
RANGE_BARS = make_bars([86_000 + (k % 2) * 8 for k in range(32)])
WILD_BARS = make_bars([86_000 + (k % 2) * 8 for k in range(32)], usual=10.0)
TREND_BARS = make_bars([86_000 + 8 * k for k in range(32)])
NOTE = Note(
    id="NA20250605-7-1", ts_ns=NOW_NS - 40 * MIN_NS, source="rules", status="supported", outcomes=14, wins=9,
    total_r=7.3, age_sessions=2, claim=Claim(
        text="mean_reversion won 62 % of its last 30 signals in range near vah while flow was flat",
        strategy="mean_reversion", regime="range", zone="vah", expects="win"),
)
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
    market = MarketFeatures(instrument, table())
    market.update(ticks(count, hours))
    return market


def ticks(count: int, hours: int = 18) -> Ticks:
    """Make a random walk of so many trades over so many hours."""
    dice = np.random.default_rng(count)
    times = OPEN_NS + np.sort(dice.integers(0, hours * 3600 * NS, count))
    prices = 86_000 + dice.integers(-2, 3, count).cumsum()
    sides = dice.integers(-1, 2, count).astype(np.int8)
    return Ticks(times, times, prices, dice.integers(1, 60, count), sides, np.zeros(count, dtype=np.int8))


def write(
    market: MarketFeatures | None = None, bars=RANGE_BARS, last_answers=(), settings: RegimeSettings | None = None,
    zones=None, band: int = 2, session=SESSION, **record: Any,
) -> tuple[bytes, Brief]:
    """Write a question and its brief; `record` changes what the agent knows of itself."""
    market = features() if market is None else market
    stats = market.stats()
    agent = {"states": STATES, "configured": STATES, "performance": {}, "notes": ()}
    account = {"positions": (), "theses": {}, "account": make_account(), "recent": Recent()}
    readings = read_market(stats, bars, 300.0, session_age_s(stats), settings or RegimeSettings())
    writer = QuestionWriter(market.instrument)
    writer.put_market(MarketPicture(
        session=session, zones=default_zones(stats) if zones is None else zones, readings=readings,
        nodes=Nodes((Node(86_010, 5), Node(85_990, 4)), ()),
    ))
    writer.put_agent(OwnRecord(**(agent | {name: record[name] for name in record.keys() & OwnRecord.__annotations__})))
    writer.put_account(
        AccountRecord(**(account | {name: record[name] for name in record.keys() & account.keys()})),
        NOW_NS, stats.last_ticks,
    )
    arrays = (market.s, market.trades, market.history, hours_of(session))
    return writer.write(arrays, band, NOW_NS, last_answers)


def ask(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Give a question as a model reads it."""
    question: dict[str, Any] = orjson.loads(write(*args, **kwargs)[0])
    return question


def usual(market: MarketFeatures | None = None, **changes: Any) -> bytes:
    """Write a question such as a model gets on a usual day: records of 30 trades, a position, 5 zones, 3 answers."""
    market = features() if market is None else market
    last = market.stats().last_ticks
    latest = tuple(np.random.default_rng(1).choice([-1.0, -1.04, 1.93, 0.52, -0.37], 30).tolist())
    record = {
        "performance": {
            name: StrategyPerformance(name=name, trades=47, wins=21, net_pnl=-1234.56, win_rate=21 / 47,
                                      average_rr=-0.213, last=latest) for name in STATES
        },
        "positions": (make_position(1, last - 10, last - 50, last + 80),),
        "theses": {"D1": "failed break of VAH: price left value by 6 ticks and closed inside; target the POC"},
        "zones": tuple(Zone(name, last + away, 12, 48) for name, away in (
            ("poc", -40), ("vah", -32), ("val", -90), ("prev_high", 120), ("gap_low", 200))),
        "last_answers": [
            make_regime(label="trend", direction="up", confidence=0.47, answered_at_ns=NOW_NS - age_min * MIN_NS,
                        last_ticks=last - 7 * age_min) for age_min in (9, 5, 1)
        ],
    }
    return write(market, **(record | changes))[0]


def features_line(market: MarketFeatures) -> dict[str, Any]:
    """Give the line of `fabio features` at the same moment."""
    return LineWriter(market.instrument).line(market.stats(), market.nodes(), market.big_prints())
