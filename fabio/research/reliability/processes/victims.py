"""What the killed processes are: whole agents, as `fabio run` starts them."""

import asyncio
import math
import sys
from pathlib import Path

from fabio.engine.seams import NamedStrategy
from fabio.journal.world import FolderBusy
from fabio.model.strategy import StrategyState
from fabio.research.reliability.lab import Often, dressed
from fabio.research.reliability.processes.nursery import REFUSED
from fabio.runtime.demo import Demo
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.start import prepare, warm_up
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

SYMBOL = "MNQ"
STRATEGY = "often"
LIVE_OVERRIDES = (
    "account.loss_floor=48000", "account.as_of=2026-05-29", "orders.most_stop_ticks=2000",
    "orders.entries_per_hour=60", "orders.entries_per_day=200", "learning.enabled=false",
)


def warm() -> None:
    """Load every kernel, once for all children."""
    warm_up(load(environment={}))


def know_prices(seed: int) -> None:
    """Follow the generated market to where a seed's first day begins: its sessions are no part of a start."""
    settings = load(environment={})
    Demo(settings, instrument_of(settings, SYMBOL), seed).day(0)


def on_paper(logs: Path, seed: int, until: str, speed: float = math.inf) -> None:
    """Live through a synthetic session on paper."""
    plan = RunPlan(logs=logs, symbol=SYMBOL, seed=seed, speed=speed, until=until)
    _live(prepare_or_leave(plan))


def at_venue(logs: Path, url: str) -> None:
    """Trade often at a gateway, once it is armed and the strategy was switched on."""
    loaded = load(environment=venue_environment(url), overrides=LIVE_OVERRIDES)
    off = NamedStrategy(name=STRATEGY, part=Often(), state=StrategyState(
        enabled=False, max_trades_per_session=1000, min_rr=0.5))
    guards = tuple(guard for guard in loaded.guards if guard.name in ("strategy_enabled", "kill_switch"))
    settings = dressed(loaded, (off,), guards)
    plan = RunPlan(logs=logs, mode="live", feed="topstepx", symbol=SYMBOL)
    _live(prepare(plan, settings, print))


def prepare_or_leave(plan: RunPlan) -> Ready:
    """Open the folder; where another agent has it, end with `REFUSED`."""
    try:
        return prepare(plan, load(environment={}), print)
    except FolderBusy:
        sys.exit(REFUSED)


def venue_environment(url: str) -> dict[str, str]:
    """Give a person's variables for the demo account of the gateway at a URL."""
    hubs = url.replace("http:", "ws:") + "/hubs"
    return {
        "TOPSTEP_USERNAME": "demo", "TOPSTEP_API_KEY": "0123456789abc", "TOPSTEPX_API_URL": url,
        "TOPSTEPX_USER_HUB_URL": f"{hubs}/user", "TOPSTEPX_MARKET_HUB_URL": f"{hubs}/market",
    }


def _live(ready: Ready) -> None:
    try:
        asyncio.run(ready.agent.run())
    finally:
        ready.close()
