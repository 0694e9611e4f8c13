"""A generated day with a model: killed at any moment it knows what it knew, and owes what it owed."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from model_answers import MODEL, answer_number
from recovery_lab import SETTINGS, Lab, killed_after, steps_with

from fabio.engine.machine import Engine
from fabio.journal.reader import read_steps, verify
from fabio.model import fact as facts
from fabio.model.assessment import ModelTerms
from fabio.model.event import ModelConnected, RegimeFailed
from fabio.model.step import Step
from fabio.runtime.drive import Driver
from fabio.runtime.recorded import Again, Recorded, empty_machine

SEED, TICKS, EVERY = 9, 60_000, 150
RESERVE = Decimal("0.004")
FREE = ("learning.jsonl", "decisions.jsonl", "trades.jsonl", "shadow.jsonl")
TERMS = ModelTerms(name=MODEL, authority="trade", reserve_usd=RESERVE)


class Minds:
    """A sink that keeps the state after each step that concerns the model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.states: dict[int, bytes] = {}

    def ticks(self, *_: Any) -> None: ...

    def exchange(self, _: Any) -> None: ...

    def step(self, step: Step, body: bytes) -> None:
        if any(isinstance(fact, KINDS) for fact in step.facts):
            self.states[step.seq] = msgspec.msgpack.encode(self._engine.state)


KINDS = (facts.ModelAsked, facts.ModelAnswered, facts.ModelFailed, facts.ZonesSet, facts.StrategyChanged,
         facts.NoteMade, facts.ModelHeld, facts.ModelSet, facts.UpdateRefused, facts.NoteJudged)


def live(driver: Driver, ticks: Any, first: int) -> None:
    """Live on, the question in flight being answered at every so-many-th tick of the day."""
    at = first
    while at < len(ticks):
        stop = min(at - at % EVERY + EVERY, len(ticks))
        driver.feed(ticks.slice(at, stop))
        event = answer_number(driver.engine, stop // EVERY, "mean_reversion")
        if event is not None:
            driver.happen(event)
        at = stop


class WholeDay:
    def __init__(self, folder: Path) -> None:
        self.folder, self.lab = folder, Lab(SEED)
        self.ticks = self.lab.demo.day(0, TICKS).ticks
        driver, sink = self.lab.begin(folder)
        self.minds = Minds(driver.engine)
        driver.sinks = (*driver.sinks, self.minds)
        driver.happen(ModelConnected(ts_ns=self.lab.day.session.open_ns, terms=TERMS))
        live(driver, self.ticks, 0)
        sink.close()
        self.digest, self.state = driver.digest, driver.engine.state
        self.steps = list(read_steps(folder))


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> WholeDay:
    return WholeDay(tmp_path_factory.mktemp("day") / "logs")


def test_the_day_has_every_kind_of_fact_that_a_model_makes(day: WholeDay) -> None:
    found = {type(fact) for step in day.steps for fact in step.facts}
    assert found >= {facts.ModelSet, facts.ModelAsked, facts.ModelAnswered, facts.ModelFailed, facts.ZonesSet,
                     facts.StrategyChanged, facts.NoteMade}
    assert day.state.ledger.calls > 40


@pytest.mark.parametrize("kind", [facts.ModelAnswered, facts.ModelFailed, facts.ZonesSet, facts.StrategyChanged,
                                  facts.NoteMade, facts.ModelAsked, facts.ModelSet])
@pytest.mark.parametrize("place", [0, 7])
def test_a_killed_machine_comes_back_to_the_very_same_state(
    day: WholeDay, tmp_path: Path, kind: type, place: int,
) -> None:
    found = steps_with(day.steps, kind, place + 1)
    seq = found[min(place, len(found) - 1)]
    folder = tmp_path / "logs"
    killed_after(day.folder, folder, seq, 0, torn=b'{"v":1,"seq":')
    driver, sink, _ = day.lab.resume(folder)
    sink.close()
    wanted = msgspec.msgpack.decode(day.minds.states[seq], type=type(day.state))
    came = driver.engine.state
    steps = list(read_steps(folder))
    if wanted.markets[0].asking is None:
        assert len(steps) == seq
        assert msgspec.msgpack.encode(came) == day.minds.states[seq]
        return
    # who was asked does not know us any more: the question has failed, and cost what it may have cost
    last = steps[-1]
    assert isinstance(last.event, RegimeFailed)
    assert [type(fact) for fact in last.facts] == [facts.ModelFailed]
    assert last.facts[0].reason.startswith("restarted: ")
    assert came.ledger.spent == wanted.ledger.spent + RESERVE
    assert (came.ledger.calls, came.ledger.in_flight) == (wanted.ledger.calls, False)
    for name in ("strategies", "evidence", "notes", "last_changes", "model", "changes", "performance"):
        assert getattr(came, name) == getattr(wanted, name), name


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_a_day_gone_on_with_after_a_kill_ends_as_it_would_have(day: WholeDay, tmp_path: Path, share: float) -> None:
    quiet = [step.seq for step in day.steps if step.seq in day.minds.states and step.tape_pos % EVERY == 0
             and step.event is not None and msgspec.msgpack.decode(
                 day.minds.states[step.seq], type=type(day.state)).markets[0].asking is None]
    seq = quiet[int(len(quiet) * share)]
    folder = tmp_path / "logs"
    killed_after(day.folder, folder, seq, 0)
    driver, sink, recovered = day.lab.resume(folder)
    live(driver, day.ticks, recovered.ticks)
    sink.close()
    assert driver.digest == day.digest
    assert msgspec.msgpack.encode(driver.engine.state) == msgspec.msgpack.encode(day.state)
    assert verify(folder).code == 0
    for name in FREE:
        assert (folder / name).read_bytes() == (day.folder / name).read_bytes(), name


def test_a_day_with_a_model_is_lived_through_again_without_one(day: WholeDay) -> None:
    recorded = Recorded(SETTINGS, day.folder)
    again = Again(empty_machine(recorded), recorded)
    assert again.run() is None
    assert again.steps == len(day.steps)


def test_a_day_in_which_the_agent_was_killed_is_lived_through_again_too(day: WholeDay, tmp_path: Path) -> None:
    asked = steps_with(day.steps, facts.ModelAsked, 9)[8]
    folder = tmp_path / "logs"
    killed_after(day.folder, folder, asked, 40)
    driver, sink, recovered = day.lab.resume(folder)
    live(driver, day.ticks.slice(0, recovered.ticks + 5_000), recovered.ticks)
    sink.close()
    recorded = Recorded(SETTINGS, folder)
    again = Again(empty_machine(recorded), recorded)
    assert again.run() is None
    assert again.steps > asked
