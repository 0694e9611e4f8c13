"""`fabio learn` and `fabio notes`: what a model and the lessons did, and taking it back."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from recorded_days import DAY_NS, ROOT, Cli, lines

from fabio.adapters.data.synthetic import synthetic_session
from fabio.engine.seams import MarketConfig
from fabio.journal.inbox import Answer, Inbox
from fabio.journal.world import World, claim, is_running
from fabio.model.assessment import Assessment, ModelTerms, TradeDecision
from fabio.model.event import ModelConnected, OperatorAsked, RegimeAnswered
from fabio.model.strategy import Claim, StrategyUpdate
from fabio.model.zone import Zone
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.kernels import prepare_cache
from fabio.runtime.wiring import build_driver, engine_config, instruments_of, sessions_between
from fabio.settings.load import load

MODEL = "gpt-test"
WORLD = World(mode="test", feed="demo", account="paper", instruments=("MNQ",))
QUICK = (
    "learning.least_outcomes=5", "learning.window=5", "learning.limit=0.5", "learning.confirm_outcomes=1",
    "learning.raise_every=2",
)
"""So that a day is enough to learn from."""
LIMIT_S = 120.0
"""Only a broken test waits so long."""


def said_by_model(driver: Driver, number: int) -> dict[str, Any]:
    """What the model's answers want, by their number; the rest want nothing."""
    last = driver.engine.markets[0].last_ticks()
    match number:
        case 1:
            return {"zones": (Zone("shelf", last - 40, 4, 12, source=MODEL),),
                    "notes": (Claim(text="longs fail below the shelf", strategy="trend_continuation", expects="loss"),)}
        case 2:
            return {"strategy_updates": (StrategyUpdate(name="mean_reversion", reason="it feels slow", enabled=False),)}
        case 3:
            return {"zones": (Zone("roof", last + 40, 4, 12, source=MODEL),), "trade_decisions": (TradeDecision(
                action="enter", strategy="trend_continuation", side=1, stop_ticks=last - 120, target_ticks=last + 400,
                reason="value is accepted above the roof"),)}
        case _:
            return {}


def record_model_day(folder: Path) -> None:
    """Record a session in which a model is asked, answers by hand, and a person undoes its first zones too late."""
    settings = load(config=ROOT / "config", environment={}, directory=folder.parent, overrides=QUICK)
    known = instruments_of(settings)
    instrument = known["MNQ"]
    table = sessions_between(settings, instrument, DAY_NS, DAY_NS)
    ticks = synthetic_session(instrument, table, table.index_at(DAY_NS), 7, 100_000, 20_000).ticks
    with claim(folder, WORLD, int(ticks.ts_recv_ns[0])):
        sink = FolderSink(folder, {"MNQ": instrument}, [instrument])
        driver = build_driver(engine_config(settings, [MarketConfig(instrument=instrument, table=table)]), (sink,))
        driver.happen(ModelConnected(ts_ns=int(ticks.ts_recv_ns[0]), terms=ModelTerms(
            name=MODEL, authority="trade", reserve_usd=Decimal("0.001"))))
        answers = 0
        for start in range(0, len(ticks), 64):
            driver.feed(ticks.slice(start, start + 64))
            market = driver.engine.state.markets[0]
            if market.asking is not None and market.rules is not None and market.rules.label != "unclear":
                answers += 1
                driver.happen(RegimeAnswered(
                    ts_ns=driver.engine.state.now_ns, market=0, ask_id=market.asking.ask_id, source=MODEL,
                    cost=Decimal("0.0005"), assessment=Assessment(
                        market_state="transition", regime=market.rules.label, direction=market.rules.direction,
                        location_vs_value="in_value", location_vs_poc="at_poc", confidence=0.6, reasoning="as told",
                        **said_by_model(driver, answers)),
                ))
        sink.close()
