"""One agent lives through a bent market: the machine, its driver and the paper exchange, nothing else."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from fabio.engine.machine import EngineConfig
from fabio.engine.seams import MarketConfig, NamedGuard, NamedStrategy, OrderPolicy
from fabio.engine.turn import Policy
from fabio.guards import strategy_enabled
from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.model.event import OperatorAsked
from fabio.model.fact import ShadowClosed, StrategyChanged, TradeClosed
from fabio.model.order import ShadowTrade, Trade
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Ticks
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.sizing import SizeLimits
from fabio.regime.cadence import CadenceSettings
from fabio.regime.evidence import LearningSettings
from fabio.regime.reading import RegimeSettings
from fabio.regime.zones import ZoneSettings
from fabio.research.learning.market import ASSUMPTIONS, INSTRUMENT, PROBES, Planned, Terms, session_table
from fabio.research.learning.probe import probe
from fabio.runtime.wiring import build_driver

Agent = Literal["learning", "off", "oracle"]
AGENTS: tuple[Agent, ...] = ("learning", "off", "oracle")

ACCOUNT = AccountSettings(
    start_balance=Decimal(50_000), loss_limit=Decimal(50_000), size_limit=Decimal(200), mini_limit=Decimal(20),
)
"""The usual balance with room to lose all of it: what is compared is learning, not who meets the loss floor."""
ORDERS = OrderPolicy(entries_per_hour=60, entries_per_day=200)
CADENCE = CadenceSettings(interval_default_s=60.0, interval_outer_band_s=60.0, interval_inner_band_s=60.0)
"""A question a bar: none of the probes looks at the regime."""


class Taken(msgspec.Struct, frozen=True):
    """A trade that was closed, and the session it was made in."""

    session: int
    trade: Trade


class Switched(msgspec.Struct, frozen=True):
    """A probe was switched; `outcomes` counts its signals that had ended since the half began."""

    session: int
    probe: int
    enabled: bool
    outcomes: int
    source: str


class Record(msgspec.Struct, frozen=True):
    """What one agent did; `shadows` are those of the signals that it did not take."""

    agent: Agent
    trades: list[Taken]
    switched: list[Switched]
    shadows: list[ShadowTrade]
    digest: str


class Watcher:
    """A sink that keeps what is measured."""

    def __init__(self) -> None:
        self.session = 0
        self.trades: list[Taken] = []
        self.switched: list[Switched] = []
        self.shadows: list[ShadowTrade] = []
        self.ended: Counter[str] = Counter()  # strategy -> signals that ended since the half began

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Take ticks; nothing to keep."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Take a question; nothing to keep."""

    def step(self, step: Step, body: bytes) -> None:
        """Keep trades and switches."""
        for fact in step.facts:
            if isinstance(fact, TradeClosed):
                self.trades.append(Taken(self.session, fact.trade))
                self.ended[fact.trade.strategy] += 1
            elif isinstance(fact, ShadowClosed):
                if not fact.shadow.approved:
                    self.shadows.append(fact.shadow)
                    self.ended[fact.shadow.strategy] += 1
            elif isinstance(fact, StrategyChanged) and fact.before.enabled != fact.after.enabled:
                self.switched.append(Switched(self.session, PROBES.index(fact.name), fact.after.enabled,
                                              self.ended[fact.name], fact.source))


def live(agent: Agent, terms: Terms, signals: Sequence[Planned], tapes: Sequence[Ticks],
         learning: LearningSettings) -> Record:
    """Let one agent live through all sessions.

    Parameters
    ----------
    agent
        `off` never changes a strategy; `oracle` neither, and is told by hand which probe wins.
    tapes
        One of each session.
    learning
        The rule of the agent that learns.
    """
    watcher = Watcher()
    driver = build_driver(_config(agent, terms, signals, learning), (watcher,))
    for session, ticks in enumerate(tapes):
        watcher.session = session
        if session == terms.half:
            watcher.ended.clear()
            if agent == "oracle":
                for place, name in enumerate(PROBES):
                    driver.happen(OperatorAsked(
                        ts_ns=driver.engine.state.now_ns, id=f"swap-{name}", name=name, reason="the sides are swapped",
                        verb="enable" if place == terms.winner(session) else "disable",
                    ))
        driver.feed(ticks)
    return Record(agent, watcher.trades, watcher.switched, watcher.shadows, driver.digest)


def _config(agent: Agent, terms: Terms, signals: Sequence[Planned], learning: LearningSettings) -> EngineConfig:
    strategies = tuple(
        NamedStrategy(name=name, part=probe(place, signals), state=StrategyState(
            enabled=agent != "oracle" or place == terms.winner(0), max_trades_per_session=terms.signals,
        )) for place, name in enumerate(PROBES)
    )
    guard = NamedGuard(name="strategy_enabled", part=strategy_enabled.Guard(strategy_enabled.Settings()))
    rule = learning if agent == "learning" else msgspec.structs.replace(learning, enabled=False)
    slippage = ASSUMPTIONS.market_slippage_ticks + ASSUMPTIONS.stop_slippage_ticks
    return EngineConfig(
        markets=(MarketConfig(instrument=INSTRUMENT, table=session_table(terms.sessions)),),
        policy=Policy(
            strategies=strategies, guards=(guard,), account=ACCOUNT, orders=ORDERS, learning=rule,
            sizing=SizeLimits(slippage_reserve_ticks=slippage, size_limit=ACCOUNT.size_limit),
        ),
        assumptions=ASSUMPTIONS, regime=RegimeSettings(), zones=ZoneSettings(), cadence=CADENCE,
    )
