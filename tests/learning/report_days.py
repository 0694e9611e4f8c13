"""Recorded days to report on: one with trades, and one on which every signal was refused."""

from pathlib import Path

from fabio.adapters.data.synthetic import synthetic_session
from fabio.engine.seams import MarketConfig
from fabio.journal.world import World, claim
from fabio.model.event import OperatorAsked
from fabio.runtime.folder import FolderSink
from fabio.runtime.wiring import build_driver, engine_config, instrument_of, sessions_between
from fabio.settings.load import Settings, load

DAY_NS = 1_780_488_000_000_000_000  # 2026-06-03T12:00:00Z
ROOT = Path(__file__).parents[2]


def settings_of(folder: Path, *overrides: str) -> Settings:
    """Read the shipped settings, whatever the environment says."""
    return load(config=ROOT / "config", environment={}, directory=folder, overrides=overrides)


def record(folder: Path, *overrides: str, seed: int = 7, stop_after: int | None = None) -> None:
    """Live one synthetic session of MNQ; where it goes to the end, a person disables a strategy late in it."""
    settings = settings_of(folder.parent, *overrides)
    instrument = instrument_of(settings, "MNQ")
    table = sessions_between(settings, instrument, DAY_NS, DAY_NS)
    day = synthetic_session(instrument, table, table.index_at(DAY_NS), seed, 100_000, 20_000)
    world = World(mode="test", feed="demo", account="paper", instruments=("MNQ",))
    with claim(folder, world, int(day.ticks.ts_recv_ns[0])):
        sink = FolderSink(folder, [instrument])
        driver = build_driver(engine_config(settings, [MarketConfig(instrument=instrument, table=table)]), (sink,))
        end = len(day.ticks) if stop_after is None else stop_after
        late = end * 9 // 10
        driver.feed(day.ticks.slice(0, late))
        if stop_after is None:
            driver.happen(OperatorAsked(ts_ns=int(day.ticks.ts_recv_ns[late - 1]), id="req-1", verb="disable",
                                        name="mean_reversion", reason="<b onclick=alert(1)>news</b> & \"more\""))
        driver.feed(day.ticks.slice(late, end))
        sink.close()
