"""What an answer changed is taken back by a person, each kind by its id, and once."""

from typing import Any

from engine_worlds import HOUR, MINUTE, OPEN, enter_once
from model_worlds import MODEL, World, names
from test_model_authority import NOTE, OFF, SLOW, ZONE, enter, of

from fabio.engine.mind import OPERATOR
from fabio.model import fact as facts
from fabio.model.command import ClosePosition
from fabio.model.step import Step
from fabio.model.strategy import StrategyState, StrategyUpdate
from fabio.regime.material import MaterialSettings


def asking() -> World:
    return World(material=SLOW).connect("trade").stay(5)


def changed(step: Step) -> Any:
    return of(step, facts.StrategyChanged)[0]


def test_every_change_has_an_id_of_its_own_and_holds_what_stood_before() -> None:
    step = asking().answer(strategy_updates=(OFF,), zones=(ZONE,))
    zones, change = of(step, facts.ZonesSet)[0], changed(step)
    assert (zones.id, change.id) == ("C241004-1", "C241004-2")
    assert (zones.before, zones.source) == ((), MODEL)
    assert (change.before, change.source) == (StrategyState(), MODEL)


def test_a_switch_is_undone() -> None:
    world = asking()
    change = changed(world.answer(strategy_updates=(OFF,)))
    step = world.person("undo", change.id)
    assert names(step) == ["StrategyChanged"]
    assert (changed(step).source, changed(step).after) == (OPERATOR, StrategyState())
    assert world.state.strategies["scripted"] == StrategyState()
    assert world.state.evidence["scripted"].switched_off_by == ""


def test_undoing_takes_back_only_what_still_stands() -> None:
    world = asking()
    change = changed(world.answer(strategy_updates=(
        StrategyUpdate(name="scripted", reason="less", risk_fraction=0.002, max_trades_per_session=2),)))
    world.drive.engine.apply_strategy_updates(
        (StrategyUpdate(name="scripted", reason="a person", risk_fraction=0.003),), OPERATOR)
    step = world.person("undo", change.id)
    after = changed(step).after
    assert (after.risk_fraction, after.max_trades_per_session) == (0.003, 4)


def test_what_was_undone_is_not_undone_twice() -> None:
    world = asking()
    change = changed(world.answer(strategy_updates=(OFF,)))
    world.person("undo", change.id)
    assert world.person("undo", change.id).facts == ()


def test_an_undoing_can_be_undone() -> None:
    world = asking()
    change = changed(world.answer(strategy_updates=(OFF,)))
    again = changed(world.person("undo", change.id))
    world.person("undo", again.id)
    assert not world.state.strategies["scripted"].enabled


def test_zones_are_undone_where_they_still_stand() -> None:
    world = asking()
    zones = of(world.answer(zones=(ZONE,)), facts.ZonesSet)[0]
    market = world.drive.engine.markets[0]
    world.walk(1010)
    assert market.band() == "inner"
    step = world.person("undo", zones.id)
    assert names(step) == ["ZonesSet"]
    assert (step.facts[0].zones, step.facts[0].source) == ((), OPERATOR)
    assert world.market.zones == ()
    assert market.band() == "none"
    assert world.person("undo", zones.id).facts == ()


def test_zones_of_a_session_that_is_over_are_not_brought_back() -> None:
    world = asking()
    zones = of(world.answer(zones=(ZONE,)), facts.ZonesSet)[0]
    world.now_ns = OPEN + 24 * HOUR + 5 * MINUTE
    world.stay(5)
    assert world.person("undo", zones.id).facts == ()
    assert world.market.zones == ()


def test_a_note_is_retired() -> None:
    world = asking()
    note = of(world.answer(notes=(NOTE,)), facts.NoteMade)[0].note
    assert note.id == "NM241004-1-1"
    step = world.person("undo", note.id)
    assert names(step) == ["NoteJudged"]
    assert [each.status for each in world.state.notes] == ["retired"]


def test_a_retired_note_can_be_made_again_by_who_says_it_anew() -> None:
    world = asking()
    note = of(world.answer(notes=(NOTE,)), facts.NoteMade)[0].note
    world.person("undo", note.id)
    while world.market.asking is None:
        world.walk(world.price + 1)
    assert len(of(world.answer(notes=(NOTE, NOTE)), facts.NoteMade)) == 1  # once, though said twice


def test_a_models_trade_is_closed_by_its_decision() -> None:
    world = asking()
    decision = of(world.answer(trade_decisions=(enter(),)), facts.SignalApproved)[0].decision
    world.stay(3)
    assert world.market.position is not None
    step = world.person("undo", decision.id)
    assert names(step) == ["ExitAsked"]
    assert [type(command) for command in step.commands] == [ClosePosition]
    world.stay(3)
    assert world.market.position is None
    assert world.person("undo", decision.id).facts == ()


def test_a_models_order_that_waits_is_taken_back() -> None:
    world = asking()
    wish = enter(kind="limit", entry_ticks=990, stop_ticks=980, target_ticks=1030)
    decision = of(world.answer(trade_decisions=(wish,)), facts.SignalApproved)[0].decision
    world.stay(2)
    assert [record.state for record in world.state.orders.values()] == ["working"]
    world.person("undo", decision.id)
    world.walk(1000, 989, 989)  # through its price
    assert world.state.orders == {}
    assert world.market.position is None


def test_an_id_nobody_knows_changes_nothing() -> None:
    world = World(enter_once(), material=MaterialSettings()).connect()
    world.stay(65)
    before = repr(world.state.strategies), world.market.position
    assert world.person("undo", "C000000-9").facts == ()
    assert world.person("undo", "").facts == ()
    assert (repr(world.state.strategies), world.market.position) == before


def test_undoing_one_trade_leaves_another_alone() -> None:
    world = World(enter_once(), material=SLOW).connect("trade").stay(65)
    mine = world.market.position
    assert mine is not None
    step = world.person("undo", "241004-99")
    assert step.facts == ()
    assert world.market.position == mine


def test_a_person_who_undoes_makes_a_reason_to_ask_again() -> None:
    world = asking()
    change = changed(world.answer(strategy_updates=(OFF,)))
    count = len(world.asked())
    world.person("undo", change.id)
    world.stay(10)
    assert [asked.why for asked in world.asked()[count:]] == ["strategies or their record changed"]
