"""Small worlds for stories about the machine: hand-made sessions, ticks, scripted strategies and guards."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np

from fabio.engine.machine import Engine, EngineConfig
from fabio.engine.seams import MarketConfig, NamedGuard, NamedStrategy, OrderPolicy
from fabio.engine.turn import Policy
from fabio.exchange.assumptions import Assumptions
from fabio.exchange.venue import Exchange
from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.signal import Exit, Signal, Tighten, Verdict
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Tick, Ticks
from fabio.model.view import View, Wake
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.sizing import SizeLimits
from fabio.regime.cadence import CadenceSettings
from fabio.regime.reading import RegimeSettings
from fabio.regime.zones import ZoneSettings
from fabio.runtime.drive import Driver

SECOND, MINUTE, HOUR, DAY = 10**9, 60 * 10**9, 3600 * 10**9, 86400 * 10**9
OPEN = 20_000 * DAY  # 2024-10-04, midnight UTC
"""Opening of the first session; sessions last 23 hours, one a day."""
FLAT_BY = OPEN + 22 * HOUR
CLOSING = FLAT_BY - 300 * SECOND
"""When closing for the flat-by time begins."""

INSTRUMENT = Instrument(
    symbol="TST", description="a test future", tick_size=Decimal("0.25"), tick_value=Decimal("5.00"),
    size_step=Decimal(1), product_group="test", trading_seconds_per_year=252 * 23 * 3600,
    poc_cross_band_ticks=4, fee=Decimal("1.00"), commission=Decimal("0.50"),
)


def table(sessions: int = 4) -> SessionTable:
    """Sessions of 23 hours, regular hours from 8 to 21, to be flat by 22."""
    opens = OPEN + DAY * np.arange(sessions, dtype=np.int64)
    dates = np.array([20241004, 20241005, 20241006, 20241007, 20241008][:sessions], dtype=np.int64)
    return SessionTable(
        product_group="test", dates=dates, opens_ns=opens, closes_ns=opens + 23 * HOUR,
        regular_opens_ns=opens + 8 * HOUR, regular_closes_ns=opens + 21 * HOUR,
        flat_by_ns=opens + 22 * HOUR, breaks_ns=np.empty((0, 2), dtype=np.int64),
    )


class Scripted:
    """A strategy that wishes what it is told: `wish(view)` at each closed bar."""

    triggers = Wake.BAR_CLOSED

    def __init__(self, wish: Callable[[View], Signal | Tighten | Exit | None]) -> None:
        self.wish = wish
        self.views: list[View] = []

    def propose(self, view: View) -> Signal | Tighten | Exit | None:
        self.views.append(view)
        return self.wish(view)

    def conditions(self, view: View) -> tuple[tuple[str, bool | None, float | None, float | None], ...]:
        return ()


class Says:
    """A guard that always says the same."""

    def __init__(self, passed: bool) -> None:
        self.passed = passed

    def check(self, signal: Signal, view: View) -> Verdict:
        return Verdict("says", self.passed, None, None, "as told")


def enter_once(side: int = 1, stop: int = 20, target: int = 40, setup: str = "test", at_bar: int = 1) -> Scripted:
    """Wish to enter at market when the `at_bar`-th bar closes, once."""
    seen = 0

    def wish(view: View) -> Signal | None:
        nonlocal seen
        seen += 1
        if seen != at_bar:
            return None
        last = view.stats.last_ticks
        return Signal(
            strategy="scripted", setup=setup, side=side, entry_ticks=last, stop_ticks=last - side * stop,
            target_ticks=last + side * target, confidence=0.7, reason="scripted",
        )

    return Scripted(wish)


class Kept:
    """A sink that keeps everything in memory."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.exchanges: list[ModelExchange] = []
        self.tick_count = 0

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        self.tick_count += stop - start

    def step(self, step: Step, body: bytes) -> None:
        self.steps.append(step)

    def exchange(self, exchange: ModelExchange) -> None:
        self.exchanges.append(exchange)

    def facts(self, *kinds: type) -> list[object]:
        """All facts of these kinds, in order."""
        return [fact for step in self.steps for fact in step.facts if not kinds or isinstance(fact, kinds)]

    def names(self, without: Sequence[str] = ("RegimeAsked", "RegimeInferred")) -> list[str]:
        """The kinds of all facts but the questions', in order."""
        names = [type(fact).__name__ for fact in self.facts()]
        return [name for name in names if name not in without]


def config(
    strategy: Scripted, guards: Sequence[bool] = (True,), markets: int = 1,
    account: AccountSettings | None = None, state: StrategyState | None = None,
    assumptions: Assumptions | None = None, orders: OrderPolicy | None = None,
) -> EngineConfig:
    """A machine with one scripted strategy and guards that always say the same."""
    account = account or AccountSettings()
    return EngineConfig(
        markets=tuple(MarketConfig(instrument=INSTRUMENT, table=table()) for _ in range(markets)),
        policy=Policy(
            strategies=(NamedStrategy(name="scripted", part=strategy, state=state or StrategyState()),),
            guards=tuple(
                NamedGuard(name=f"says_{place}", part=Says(passed)) for place, passed in enumerate(guards)
            ),
            account=account,
            sizing=SizeLimits(size_limit=account.size_limit),
            orders=orders or OrderPolicy(),
        ),
        assumptions=assumptions or Assumptions(),
        regime=RegimeSettings(),
        zones=ZoneSettings(),
        cadence=CadenceSettings(),
    )


def driver(engine_config: EngineConfig) -> tuple[Driver, Kept]:
    """A machine with its exchange and a sink that keeps everything."""
    kept = Kept()
    instruments = [market.instrument for market in engine_config.markets]
    return Driver(Engine(engine_config), Exchange(instruments, engine_config.assumptions), (kept,)), kept


def ticks(*rows: tuple[float, int], start_ns: int = OPEN + 9 * HOUR, market: int = 0) -> Ticks:
    """Ticks of one contract at `(seconds after start, price)`, bought and sold in turn."""
    return Ticks.of([
        Tick(
            ts_event_ns=start_ns + round(seconds * SECOND), ts_recv_ns=start_ns + round(seconds * SECOND),
            price_ticks=price, size_steps=1, side=1 if place % 2 else -1, market=market,
        )
        for place, (seconds, price) in enumerate(rows)
    ])
