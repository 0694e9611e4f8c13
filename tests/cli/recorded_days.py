"""What the command line answers, and a day of records to ask it about."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from fabio.adapters.data.synthetic import synthetic_session
from fabio.engine.seams import MarketConfig
from fabio.journal.world import World, claim
from fabio.model.event import OperatorAsked
from fabio.runtime.folder import FolderSink
from fabio.runtime.wiring import build_driver, engine_config, instruments_of, sessions_between
from fabio.settings.load import load

DAY_NS = 1_780_488_000_000_000_000  # 2026-06-03T12:00:00Z
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)


Cli = Callable[..., Said]


def record_day(folder: Path, mean_ticks: int, seed: int) -> None:
    """Record one synthetic session of MNQ from empty state; late in it a person disables a strategy."""
    settings = load(config=ROOT / "config", environment={}, directory=folder.parent)
    known = instruments_of(settings)
    instrument = known["MNQ"]
    table = sessions_between(settings, instrument, DAY_NS, DAY_NS)
    day = synthetic_session(instrument, table, table.index_at(DAY_NS), seed, 100_000, mean_ticks)
    world = World(mode="test", feed="demo", account="paper", instruments=("MNQ",))
    with claim(folder, world, int(day.ticks.ts_recv_ns[0])):
        sink = FolderSink(folder, [instrument])
        config = engine_config(settings, [MarketConfig(instrument=instrument, table=table)])
        driver = build_driver(config, (sink,))
        late = len(day.ticks) * 9 // 10
        driver.feed(day.ticks.slice(0, late))
        ts_ns = int(day.ticks.ts_recv_ns[late - 1])
        driver.happen(OperatorAsked(ts_ns=ts_ns, id="req-1", verb="disable", name="mean_reversion", reason="news"))
        driver.feed(day.ticks.slice(late, len(day.ticks)))
        sink.close()


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a JSONL file."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
