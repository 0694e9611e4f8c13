"""What a model does depends on the tape and on where its answers came, not on how ticks were cut."""

import numpy as np
import pytest
from engine_worlds import HOUR, OPEN, Kept, driver
from model_answers import answer_number
from model_worlds import RESERVE, START, World, every_bar, rows
from test_model_authority import rich

from fabio.engine.machine import Engine
from fabio.model import fact as facts
from fabio.model.assessment import Authority, ModelTerms
from fabio.model.event import ModelConnected
from fabio.model.tick import Ticks
from fabio.regime.authority import ModelSettings
from fabio.regime.evidence import LearningSettings
from fabio.regime.notes import NoteSettings
from fabio.runtime.drive import Driver

COUNT, EVERY = 4_200, 30


def tape() -> Ticks:
    """Seventy minutes of a walk with a tick a second."""
    steps = np.random.default_rng(7).integers(-2, 3, COUNT)
    return rows([int(price) for price in 1000 + np.cumsum(steps)], START)


def world(authority: Authority = "trade") -> World:
    made = World(
        every_bar(stop=12, target=18), model=ModelSettings(superseded_after_bar_ranges=6, changes_per_hour=2),
        learning=LearningSettings(least_outcomes=5, window=5, limit=0.5, confirm_outcomes=1, raise_every=2,
                                  return_outcomes=2, return_limit=0.5, least_in_condition=2),
        notes=NoteSettings(least_outcomes=2, least_sessions=1, least_strength=0.5), **rich())
    return made.connect(authority)


def live(drive: Driver, ticks: Ticks, batch: int, first: int = 0, last: int = COUNT) -> None:
    """Feed ticks, the question in flight being answered at every so-many-th."""
    for start in range(first, last, EVERY):
        stop = min(start + EVERY, last)
        for place in range(start, stop, batch):
            drive.feed(ticks.slice(place, min(place + batch, stop)))
        event = answer_number(drive.engine, stop // EVERY, "scripted")
        if event is not None:
            drive.happen(event)


def whole(authority: Authority = "trade", batch: int = COUNT) -> World:
    made = world(authority)
    live(made.drive, tape(), batch)
    return made


def test_the_walk_shows_everything_that_a_model_can_do() -> None:
    kinds = {type(fact) for fact in whole().kept.facts()}
    assert kinds >= {
        facts.ModelAsked, facts.ModelAnswered, facts.ModelFailed, facts.ModelHeld, facts.ZonesSet,
        facts.StrategyChanged, facts.UpdateRefused, facts.NoteMade, facts.NoteJudged, facts.SignalApproved,
        facts.TradeClosed, facts.StopTightened, facts.ExitAsked, facts.ShadowClosed}
    made = whole()
    assert any(fact.decision.signal.setup == "model" for fact in made.kept.facts(facts.SignalApproved))
    assert any(fact.reason.startswith("superseded") for fact in made.kept.facts(facts.ModelFailed))


@pytest.mark.parametrize("authority", ["observe", "advise", "trade"])
def test_however_the_ticks_are_cut_the_same_comes_out(authority: Authority) -> None:
    runs = [whole(authority, batch) for batch in (1, 7, COUNT)]
    assert len({made.drive.digest for made in runs}) == 1
    assert len({made.drive.engine.snapshot() for made in runs}) == 1
    assert len(runs[0].asked()) > 20
    assert [made.state.seq for made in runs] == [runs[0].state.seq] * 3


@pytest.mark.parametrize("place", range(EVERY, COUNT, 13 * EVERY))
def test_a_machine_restored_from_a_snapshot_goes_on_as_the_one_it_was_taken_of(place: int) -> None:
    straight, first = whole(), world()
    live(first.drive, tape(), COUNT, last=place)
    engine = Engine(first.config)
    engine.restore(first.drive.engine.snapshot())
    kept = Kept()
    second = Driver(engine, first.drive.exchange, (kept,))
    second.continue_digest(first.drive)
    live(second, tape(), COUNT, first=place)
    assert second.engine.snapshot() == straight.drive.engine.snapshot()
    assert second.digest == straight.drive.digest


def test_the_facts_alone_make_the_same_mind() -> None:
    straight = whole()
    folded = Engine(straight.config)
    for step in straight.kept.steps:
        folded.state.now_ns = step.ts_ns
        for fact in step.facts:
            folded.apply(fact)
    mine, theirs = folded.state, straight.state
    for name in ("strategies", "evidence", "notes", "last_changes", "ledger", "model", "model_held", "model_asks",
                 "changes", "model_changes", "performance", "account", "decisions"):
        assert getattr(mine, name) == getattr(theirs, name), name
    for name in ("regime", "rules", "stands", "asking", "told", "zones", "last_answers", "model_answers", "position"):
        assert getattr(mine.markets[0], name) == getattr(theirs.markets[0], name), name


def test_a_restart_gives_back_no_money() -> None:
    made = world()
    live(made.drive, tape(), COUNT, last=1_200)
    spent, calls = made.state.ledger.spent, made.state.ledger.calls
    assert calls > 5
    drive, _ = driver(made.config)
    drive.engine.restore(made.drive.engine.snapshot())
    drive.happen(ModelConnected(ts_ns=made.state.now_ns, terms=None))
    drive.happen(ModelConnected(ts_ns=made.state.now_ns, terms=ModelTerms(
        name="another", authority="observe", reserve_usd=RESERVE)))
    assert (drive.engine.state.ledger.spent, drive.engine.state.ledger.calls) == (spent, calls)
    assert drive.engine.state.ledger.trade_date == "2024-10-04"
    assert START // HOUR > OPEN // HOUR
