"""Recorded days for what-if: one by the rules with a person's request in it, one with a model beside them."""

from decimal import Decimal
from pathlib import Path

from model_answers import MODEL, answer_number

from fabio.engine.seams import MarketConfig
from fabio.journal.world import World, claim
from fabio.model.assessment import ModelTerms
from fabio.model.event import HistoryLoaded, ModelConnected, OperatorAsked
from fabio.runtime.demo import Demo
from fabio.runtime.drive import Driver
from fabio.runtime.folder import FolderSink
from fabio.runtime.history import keep_history
from fabio.runtime.wiring import build_driver, engine_config, instrument_of
from fabio.settings.load import Settings, load

ROOT = Path(__file__).parents[2]
BASE = load(config=ROOT / "config", environment={}, directory=Path("/"))
MNQ = instrument_of(BASE, "MNQ")
EVERY = 150
TERMS = ModelTerms(name=MODEL, authority="trade", reserve_usd=Decimal("0.004"))


def settings(without: tuple[str, ...] = (), *overrides: str) -> Settings:
    """The shipped configuration, with a change."""
    return load(config=ROOT / "config", environment={}, directory=Path("/"), without=without, overrides=overrides)


def record(
    folder: Path, seed: int, mean_ticks: int, *, request: OperatorAsked | None = None, has_model: bool = False,
) -> None:
    """Record a generated session, twenty earlier ones behind it; the request comes after two thirds of it."""
    demo = Demo(BASE, MNQ, seed)
    day = demo.day(0, mean_ticks)
    with claim(folder, World(mode="test", feed="demo", account="paper", instruments=("MNQ",)), day.session.open_ns):
        sink = FolderSink(folder, [MNQ])
        driver = build_driver(engine_config(BASE, [MarketConfig(instrument=MNQ, table=demo.table)]), (sink,))
        history = demo.history()
        driver.engine.markets[0].load_history(history)
        driver.happen(HistoryLoaded(ts_ns=day.session.open_ns, market=0, source="lab", sessions=20,
                                    content_hash=keep_history(folder, history)))
        if has_model:
            driver.happen(ModelConnected(ts_ns=day.session.open_ns, terms=TERMS))
        at, ticks = 0, day.ticks
        asked_at = len(ticks) * 2 // 3 // EVERY * EVERY
        while at < len(ticks):
            stop = min(at + EVERY, len(ticks))
            driver.feed(ticks.slice(at, stop))
            at = stop
            _outside(driver, at, request if at == asked_at else None, has_model)
        sink.close()


def _outside(driver: Driver, at: int, request: OperatorAsked | None, has_model: bool) -> None:
    if request is not None:
        driver.happen(request)
    event = answer_number(driver.engine, at // EVERY, "mean_reversion") if has_model else None
    if event is not None:
        driver.happen(event)
