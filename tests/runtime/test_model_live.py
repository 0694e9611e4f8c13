"""The live agent at the simulated gateway beside a model: its trades at the venue stay those of the rules."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from model_lab import KEY, TRADED, Kept, at_stub, in_virtual_time
from recovery_lab import MNQ, SETTINGS
from test_model_agent import injected

from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.failures import Failing
from fabio.adapters.llm.stub.script import Line, Script
from fabio.model import fact as facts
from fabio.model import venue_fact
from fabio.model.tick import Ticks
from fabio.research.reliability.lab import LIVE_SETTINGS, World, arm, trading_often
from fabio.research.reliability.virtual_time import run_virtual
from fabio.runtime.demo import Demo
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reopen import Ready
from fabio.settings.load import load

__all__ = ["in_virtual_time"]
SEED, COUNT, SECOND_NS = 82, 1_500, 1_000_000_000


@pytest.fixture(scope="module")
def market() -> tuple[Demo, Ticks]:
    demo = Demo(SETTINGS, MNQ, SEED)
    day = demo.day(0, 60_000)
    return demo, day.ticks.slice(day.watched_from, day.watched_from + COUNT)


def lived(market: tuple[Demo, Ticks], folder: Path, with_model: bool, *overrides: str) -> tuple[Kept, Ready]:
    """Let a live agent that trades at every bar live through some minutes at the gateway."""
    demo, ticks = market
    kept = Kept()

    async def story() -> Ready:
        world = World(ticks, demo, often=True)
        if with_model:
            asked = load(environment={"OPENAI_API_KEY": KEY}, directory=Path("/"),
                         overrides=(*LIVE_SETTINGS, *overrides))
            world.settings = dataclasses.replace(
                trading_often(asked), strategies=world.settings.strategies, guards=world.settings.guards)
        driving = asyncio.create_task(world.drive())
        ready = await world.begin(folder)
        ready.driver.sinks = (*ready.driver.sinks, kept)

        async def person(_: Ready) -> None:
            tasks = [asyncio.create_task(part()) for part in ready.agent.tasks.values()]
            try:
                await asyncio.gather(arm(ready), *tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

        await world.live(ready, int(ticks.ts_recv_ns[-1]) + SECOND_NS, person)
        ready.close()
        driving.cancel()
        return ready

    return kept, run_virtual(story())


@pytest.fixture(scope="module")
def alone(market: tuple[Demo, Ticks], tmp_path_factory: pytest.TempPathFactory) -> Kept:
    kept, _ = lived(market, tmp_path_factory.mktemp("alone") / "logs", False)
    assert kept.facts(venue_fact.Armed)
    assert len(kept.facts(facts.TradeClosed)) >= 2
    return kept


@pytest.mark.usefixtures("in_virtual_time")
@pytest.mark.parametrize("name", ["silent", "malformed", "size_99", "reset", "status_500", "status_401"])
def test_at_the_venue_too_orders_are_those_of_the_rules_alone(
    name: str, market: tuple[Demo, Ticks], alone: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(Script(latency_s=1.0, lines=(Line(failure=name),)))
    at_stub(monkeypatch, desk)
    kept, ready = lived(market, tmp_path / "logs", True)
    assert desk.played[name] >= 1
    assert kept.facts(facts.ModelFailed)
    assert [repr(fact) for fact in kept.facts(*TRADED)] == [repr(fact) for fact in alone.facts(*TRADED)]
    assert ready.driver.engine.state.model.authority == "advise"


class Wishing:
    """A script whose every answer wants to enter, to raise and to set zones."""

    latency_s = 1.0
    refuses: tuple[str, ...] = ()

    def failing(self, number: int) -> Failing | None:
        return Failing(number=number, name="wishes", words="", play=lambda a: injected(a, "", "nowhere", "often"))


@pytest.mark.usefixtures("in_virtual_time")
def test_live_a_model_advises_and_its_entries_are_shadows(
    market: tuple[Demo, Ticks], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    script: Any = Wishing()
    at_stub(monkeypatch, Desk(script))
    folder = tmp_path / "logs"
    kept, _ = lived(market, folder, True)
    assert kept.facts(facts.ModelAnswered)
    wished = [fact.decision for fact in kept.facts(facts.SignalBlocked) if fact.decision.signal.setup == "model"]
    assert wished
    assert all("authority" in decision.refused_by for decision in wished)
    assert all(fact.decision.signal.setup != "model" for fact in kept.facts(facts.SignalApproved))
    settings = trading_often(load(environment={}, directory=Path("/"), overrides=LIVE_SETTINGS))
    recorded = Recorded(settings, folder)
    assert Again(empty_machine(recorded), recorded).run() is None
