"""In lock-step the live agent at the gateway decides and trades as the paper run of the same tape does."""

import asyncio
from pathlib import Path

import pytest

from fabio.engine.seams import MarketConfig
from fabio.model import fact as facts
from fabio.model import venue_fact
from fabio.model.tick import Ticks
from fabio.research.reliability.lab import LIVE_SETTINGS, Keep, World, arm
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reopen import Ready
from fabio.runtime.wiring import build_driver, engine_config, instrument_of
from fabio.settings.load import load

SEED = 82
SECOND_NS = 1_000_000_000
SETTINGS = load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS)
MNQ = instrument_of(SETTINGS, "MNQ")
ACCOUNT = 18_204_311


def regular_hours(ticks: int) -> tuple[Demo, Ticks]:
    """The first ticks of a generated day's regular hours."""
    demo = Demo(SETTINGS, MNQ, SEED)
    day = demo.day(0)
    return demo, day.ticks.slice(day.watched_from, day.watched_from + ticks)


def on_paper(demo: Demo, ticks: Ticks) -> Keep:
    kept = Keep()
    driver = build_driver(engine_config(SETTINGS, [MarketConfig(instrument=MNQ, table=demo.table)]), (kept,))
    driver.feed(ticks)
    return kept


def at_the_gateway(demo: Demo, ticks: Ticks, folder: Path) -> tuple[Keep, World, Ready]:
    kept = Keep()

    async def story() -> tuple[World, Ready]:
        world = World(ticks, demo)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(folder)
        ready.driver.sinks = (*ready.driver.sinks, kept)
        await world.live(ready, int(ticks.ts_recv_ns[-1]) + SECOND_NS, arm)
        ready.close()
        driving.cancel()
        return world, ready

    return kept, *run_virtual(story())


def decisions(kept: Keep) -> list[tuple[object, ...]]:
    found = kept.facts(facts.SignalApproved, facts.SignalBlocked)
    return [(each.decision.id, each.decision.ts_ns, each.decision.signal, each.decision.approved,
             each.decision.refused_by, each.decision.size_steps) for each in found]


def trades(kept: Keep) -> list[object]:
    return [(each.trade.entry_price, each.trade.exit_price, each.trade.exit_leg, each.trade.size,
             each.trade.net_pnl) for each in kept.facts(facts.TradeClosed)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Keep, Keep, World, Ready, Path]:
    demo, ticks = regular_hours(30_000)
    folder = tmp_path_factory.mktemp("live") / "logs"
    return on_paper(demo, ticks), *at_the_gateway(demo, ticks, folder), folder


def test_it_decides_and_trades_as_on_paper(both: tuple[Keep, Keep, World, Ready, Path]) -> None:
    paper, live, *_ = both
    assert live.facts(venue_fact.Armed)
    assert decisions(live) == decisions(paper)
    assert trades(live) == trades(paper)
    assert len(trades(live)) >= 1


def test_the_agents_book_is_the_gateways_book(both: tuple[Keep, Keep, World, Ready, Path]) -> None:
    _, live, world, ready, _ = both
    book = world.gateway.accounts[ACCOUNT]
    fills = [fact.fill for fact in live.facts(facts.FillBooked)]
    assert sorted((str(each.id), each.size, each.price) for _, each in book.half_turns) == sorted(
        (fill.id, fill.size_steps, MNQ.price(fill.price_ticks)) for fill in fills)
    position = ready.driver.engine.state.markets[0].position
    held = 0 if position is None else position.size_steps
    assert held == book.held_steps(world.gateway.listings.streamed()[0].id)
    assert ready.driver.engine.state.account.balance == book.money.balance


def test_the_recorded_live_day_comes_out_the_same_again(both: tuple[Keep, Keep, World, Ready, Path]) -> None:
    folder = both[-1]
    recorded = Recorded(SETTINGS, folder)
    again = Again(empty_machine(recorded), recorded)
    assert again.run() is None
    assert again.steps > 100
