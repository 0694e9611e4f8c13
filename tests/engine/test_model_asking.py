"""When the model outside is asked, what it may cost, and what becomes of answers that come too late."""

from decimal import Decimal

import pytest
from engine_worlds import FLAT_BY, HOUR, MINUTE, OPEN, SECOND
from model_worlds import MODEL, RESERVE, START, World, names, nobody

from fabio.model import event as events
from fabio.model import fact as facts
from fabio.model.step import Step
from fabio.regime.authority import ModelSettings
from fabio.regime.budget import BudgetSettings
from fabio.regime.material import MaterialSettings

COST = Decimal("0.001")
FIRST = ["SessionRolled", "TradeDateBegan", "RegimeAsked", "RegimeInferred", "ModelAsked"]
ROOM = BudgetSettings(calls_per_hour=1000, calls_per_day=1000)
SLOW = MaterialSettings(least_gap_s=0, max_age_s=3600)


def steps_with(world: World, kind: type) -> list[Step]:
    return [step for step in world.kept.steps if any(isinstance(fact, kind) for fact in step.facts)]


def settled(world: World) -> World:
    """Live until nothing of the beginning is left to be told, and everything asked is answered."""
    for _ in range(80):
        world.swing(30)
        while world.market.asking is not None:
            world.answer()
    return world


# -- when ---------------------------------------------------------------------------------


def test_the_first_question_leaves_with_its_command_and_its_reserve() -> None:
    world = World().connect()
    world.stay(1)
    step = world.kept.steps[-1]
    assert names(step) == FIRST
    asked, question, command = world.asked()[0], step.questions[-1], step.commands[0]
    assert asked.ask_id == question.ask_id == command.ask_id == "M241004-1"
    assert asked.request_hash == question.request_hash == command.request_hash
    assert asked.reserved == command.reserved == RESERVE
    assert asked.why == "nothing told yet"
    assert question.response is None  # nobody in this step answers it
    assert world.state.ledger.committed == RESERVE


def test_without_a_model_nobody_is_asked() -> None:
    world = World()
    world.swing(300)
    assert not world.asked()
    assert not world.commands()
    assert world.state.asks > 10


def test_a_question_waits_until_something_that_was_told_has_moved() -> None:
    world = settled(World(budget=ROOM, material=SLOW).connect())
    count, asks = len(world.asked()), world.state.asks
    world.stay(60)
    assert world.state.asks > asks + 5  # the rules are asked all the while
    assert len(world.asked()) == count
    world.walk(*[world.price + 9] * 20)
    assert len(world.asked()) == count + 1
    assert world.asked()[-1].why


def test_an_old_answer_is_asked_for_again_although_nothing_moved() -> None:
    world = settled(World(budget=ROOM, material=MaterialSettings(least_gap_s=0, max_age_s=90)).connect())
    count = len(world.asked())
    world.stay(100)
    assert len(world.asked()) == count + 1
    assert world.asked()[-1].why.endswith("min old")


def test_leaving_value_asks_at_that_tick_and_not_when_the_rules_are_due() -> None:
    world = settled(World(budget=ROOM, material=SLOW).connect())
    world.stay(3)
    count, top = len(world.asked()), world.market.told.vah_ticks
    world.walk(top + 1)
    assert len(world.asked()) == count + 1
    assert names(world.kept.steps[-1]) == ["ModelAsked"]
    assert world.asked()[-1].why == "value area left upwards"


def test_what_asks_within_the_least_gap_waits_for_its_end() -> None:
    world = settled(World(budget=ROOM, material=MaterialSettings(least_gap_s=30, max_age_s=3600)).connect())
    world.stay(40)
    if world.market.asking is not None:
        world.answer()
    world.stay(35)
    assert world.market.asking is None
    count = len(world.asked())
    world.walk(*[world.price + 9] * 5)
    assert len(world.asked()) == count + 1
    world.answer()
    world.walk(*[world.price - 18] * 20)
    assert len(world.asked()) == count + 1
    world.stay(40)  # the rules are due every 30 s out here
    assert len(world.asked()) == count + 2
    told = [asked.told.at_ns for asked in world.asked()[-2:]]
    assert told[1] - told[0] >= 30 * SECOND


def test_a_paid_model_is_asked_in_regular_hours_only_and_a_free_one_always() -> None:
    before = World(start_ns=OPEN + 7 * HOUR + 55 * MINUTE).connect()
    before.swing(290)
    assert not before.asked()
    before.swing(20)
    assert before.asked()[0].ts_ns >= OPEN + 8 * HOUR
    for world in (World(start_ns=OPEN + 2 * HOUR).connect(reserve=Decimal(0)),
                  World(start_ns=OPEN + 2 * HOUR, budget=BudgetSettings(hours="all")).connect()):
        world.swing(10)
        assert len(world.asked()) == 1


def test_the_regular_hours_end_for_the_model_too() -> None:
    world = World(start_ns=OPEN + 21 * HOUR - 60 * SECOND, material=SLOW).connect()
    world.stay(30).answer()
    while world.now_ns < OPEN + 21 * HOUR:
        world.walk(world.price + 10)
        if world.market.asking is not None:
            world.answer()
    count = len(world.asked())
    world.walk(*range(world.price, world.price + 100))
    assert len(world.asked()) == count


def test_one_question_is_in_flight_whatever_moves() -> None:
    world = World(material=SLOW).connect()
    world.stay(30)
    world.walk(*range(1000, 1100), *range(1100, 900, -1))
    assert len(world.asked()) == 1
    assert world.state.ledger.calls == 1


def test_one_question_is_in_flight_over_all_markets() -> None:
    world = World(material=SLOW, markets=2).connect()
    world.stay(5)
    world.walk(*[1000] * 60, market=1)
    assert {asked.market for asked in world.asked()} == {0}
    assert not world.kept.facts(facts.ModelHeld)  # nothing is the matter: it waits its turn
    world.answer()
    world.walk(*[1000] * 60, market=1)
    assert [asked.market for asked in world.asked()] == [0, 1]


def test_after_an_answer_the_newest_reason_counts_and_not_the_one_that_waited() -> None:
    world = settled(World(budget=ROOM, material=SLOW, model=ModelSettings(superseded_after_bar_ranges=50)).connect())
    count = len(world.asked())
    world.walk(*[world.price + 8] * 12)
    assert len(world.asked()) == count + 1
    world.walk(*[world.price + 8] * 12)
    world.walk(*[world.price - 8] * 12)  # back where the question left it
    assert names(world.answer())[0] == "ModelAnswered"
    later = world.asked()[count + 1:]
    assert len(later) <= 1  # of what moved in between at most one question, about now
    for asked in later:
        assert asked.told.last_ticks == world.price
        assert asked.told.at_ns == world.now_ns - SECOND


def test_an_answer_and_the_next_question_are_one_step_when_much_has_moved() -> None:
    world = settled(World(budget=ROOM, material=SLOW, model=ModelSettings(superseded_after_bar_ranges=50)).connect())
    world.walk(*[world.price + 8] * 12)
    world.walk(*[world.price + 8] * 12)
    step = world.answer()
    assert names(step) == ["ModelAnswered", "ModelAsked"]
    assert step.questions[0].ask_id == world.asked()[-1].ask_id


def test_no_question_leaves_while_trading_is_halted() -> None:
    world = World(material=SLOW).connect()
    world.stay(5).answer()
    world.person("halt")
    world.walk(*range(1000, 1100))
    assert len(world.asked()) == 1
    world.person("resume")
    world.walk(*range(1100, 1200))
    assert len(world.asked()) == 2


# -- money --------------------------------------------------------------------------------


def test_a_reserve_stands_until_its_answer_is_charged() -> None:
    world = World(material=SLOW).connect()
    world.stay(5)
    assert (world.state.ledger.spent, world.state.ledger.reserved) == (0, RESERVE)
    world.answer(Decimal("0.0021"))
    assert (world.state.ledger.spent, world.state.ledger.reserved) == (Decimal("0.0021"), 0)


@pytest.mark.parametrize("known", [True, False])
def test_a_failure_is_charged_as_told_and_an_unknown_one_in_full(known: bool) -> None:
    world = World().connect()
    world.stay(5)
    step = world.fail("timeout: none came", Decimal("0.003") if known else None)
    assert names(step) == ["ModelFailed"]
    assert world.state.ledger.spent == (Decimal("0.003") if known else RESERVE)
    assert not world.state.ledger.in_flight
    assert world.market.regime.source == "rules"


@pytest.mark.parametrize("reason", ["breaker_open: open for 598 s more: timeout", "over_budget: could cost more"])
def test_a_question_that_nobody_was_asked_is_no_call(reason: str) -> None:
    world = World(material=SLOW).connect()
    world.stay(5).answer()
    before = world.state.ledger
    while world.market.asking is None:
        world.walk(world.price + 2)
    assert world.state.ledger.calls == before.calls + 1
    world.fail(reason, Decimal(0))
    assert world.state.ledger == before


def test_from_the_quiet_share_on_only_events_ask_and_over_the_cap_nobody() -> None:
    budget = BudgetSettings(calls_per_day=10, calls_per_hour=100)
    world = World(material=SLOW, budget=budget).connect()
    for _ in range(900):
        world.walk(world.price + 9)
        if world.market.asking is not None:
            world.answer()
        if world.state.model_held:
            break
    assert world.state.ledger.calls == 8
    held = [fact.reason for fact in world.kept.facts(facts.ModelHeld)]
    assert len(held) == 1
    assert held[0].startswith("from 80% on only events ask: 8 of 10 calls")
    # what only moved does not ask any more
    world.walk(*range(world.price, world.price + 300, 3))
    assert world.state.ledger.calls == 8
    assert len(world.kept.facts(facts.ModelHeld)) == 1
    # an event does, until nothing is left
    middle = world.market.told.poc_ticks
    for _ in range(200):
        for place in (middle - 300, middle):
            world.walk(*[place] * 12)
            if world.market.asking is not None:
                world.answer()
    kinds = [fact.reason for fact in world.kept.facts(facts.ModelHeld)]
    assert world.state.ledger.calls == 10
    assert kinds[1:] == ["10 of 10 calls today"]
    events_only = world.asked()[8:]
    assert all(asked.why.startswith(("rules changed", "value area left", "POC crossed")) for asked in events_only)
    asks = world.state.asks
    world.stay(60)
    assert world.state.asks > asks
    assert world.market.rules.source == "rules"


def test_no_question_leaves_that_could_pass_the_days_money() -> None:
    budget = BudgetSettings(usd_per_day=Decimal("0.05"), usd_per_call=Decimal("0.01"), quiet_from_share=1)
    world = World(material=SLOW, budget=budget).connect()
    for _ in range(300):
        world.walk(world.price + 9)
        if world.market.asking is not None:
            world.fail(cost=None)
    assert world.state.ledger.calls == 5
    assert world.state.ledger.spent == Decimal("0.05")
    assert [fact.reason for fact in world.kept.facts(facts.ModelHeld)] == [
        "0.05 of 0.05 USD today, and a call may cost 0.01 USD"]


def test_the_hours_cap_is_told_once_and_ends_with_the_hour() -> None:
    world = World(material=SLOW, budget=BudgetSettings(calls_per_hour=3)).connect()
    while world.now_ns < START + HOUR + 2 * MINUTE:
        world.walk(*[world.price + 9] * 10)
        if world.market.asking is not None:
            world.answer()
    asked_by_hour = [asked.ts_ns // HOUR for asked in world.asked()]
    assert asked_by_hour.count(START // HOUR) == 3
    held = [fact.reason for fact in world.kept.facts(facts.ModelHeld)]
    assert held[:2] == ["3 of 3 calls this hour", ""]


def test_a_call_that_may_cost_more_than_allowed_is_never_made() -> None:
    world = World().connect(reserve=Decimal("0.06"))
    world.swing(120)
    assert not world.asked()
    assert [fact.reason for fact in world.kept.facts(facts.ModelHeld)] == [
        "a call may cost 0.06 USD, over the 0.05 USD per call"]


def test_a_new_trade_date_begins_with_a_whole_budget() -> None:
    world = World(material=SLOW, budget=BudgetSettings(calls_per_day=1)).connect()
    world.stay(5).answer()
    world.walk(*range(1000, 1200))
    assert world.state.ledger.calls == 1
    world.now_ns = OPEN + 24 * HOUR + 9 * HOUR
    world.stay(20)
    assert world.state.ledger.calls == 1
    assert len(world.asked()) == 2
    assert world.asked()[1].ask_id == "M241005-2"


def test_a_free_model_has_no_caps() -> None:
    world = World(material=SLOW, budget=BudgetSettings(calls_per_day=1, calls_per_hour=1)).connect(reserve=Decimal(0))
    for _ in range(100):
        world.walk(*[world.price + 9] * 3)
        if world.market.asking is not None:
            world.answer(Decimal(0))
    assert len(world.asked()) > 5
    assert not world.kept.facts(facts.ModelHeld)


# -- too late -----------------------------------------------------------------------------


def test_an_answer_to_a_question_that_is_over_has_no_effect_at_all() -> None:
    world = World().connect()
    world.stay(5)
    late = world.market.asking.ask_id
    world.fail("timeout: none came", Decimal("0.004"))
    before = world.drive.engine.snapshot()
    step = world.answer(Decimal("0.009"), ask_id=late, regime="volatile")
    assert (step.facts, step.commands) == ((), ())
    world.state.seq -= 1
    assert world.drive.engine.snapshot() == before


def test_a_late_answer_is_not_taken_for_that_of_the_question_in_flight() -> None:
    world = World(material=SLOW).connect()
    world.stay(5)
    late = world.market.asking.ask_id
    world.fail()
    world.walk(*[world.price + 9] * 20)
    in_flight, ledger = world.market.asking, world.state.ledger
    assert in_flight.ask_id != late
    assert world.answer(ask_id=late, regime="volatile").facts == ()
    assert world.fail(ask_id=late).facts == ()
    assert (world.market.asking, world.state.ledger) == (in_flight, ledger)


def test_a_failure_of_a_question_that_is_over_has_no_effect_either() -> None:
    world = World().connect()
    world.stay(5)
    late = world.market.asking.ask_id
    world.answer()
    assert world.fail(ask_id=late).facts == ()
    assert world.state.ledger.spent == COST


def test_an_answer_is_superseded_when_price_has_gone_too_far() -> None:
    world = World(material=SLOW).connect()
    world.stay(5)
    world.walk(1003)
    assert names(world.answer(regime="volatile"))[0] == "ModelAnswered"
    world = World(material=SLOW).connect()
    world.stay(5)
    world.walk(1004)
    step = world.answer(regime="volatile")
    assert names(step)[0] == "ModelFailed"
    assert step.facts[0].reason == "superseded: price moved 4 ticks since, 3 at most"  # 3 bar ranges of 1 tick
    assert world.market.regime.source == "rules"
    assert world.state.ledger.spent == COST


def test_an_answer_is_superseded_when_the_rules_have_changed_their_label() -> None:
    world = World(material=SLOW).connect()
    world.stay(5)
    told = world.market.told.label
    while world.market.rules.label == told:
        world.swing(60)
    step = world.answer()
    assert step.facts[0].reason == f"superseded: the rules went from {told} none to {world.market.rules.label} none"
    assert world.market.stands is None


def test_an_answer_is_superseded_by_the_next_session() -> None:
    world = World(start_ns=FLAT_BY - HOUR - 5 * MINUTE, material=SLOW).connect()
    world.stay(5)
    world.now_ns = OPEN + 24 * HOUR + 1 * MINUTE
    world.stay(5)
    step = world.answer(Decimal("0.002"))
    assert step.facts[0].reason == "superseded: the session it was about is over"
    # its cost goes to the date on which it was known, where it counts as a call
    assert (world.state.ledger.trade_date, world.state.ledger.calls) == ("2024-10-05", 1)
    assert world.state.ledger.spent == Decimal("0.002")


def test_an_answer_is_superseded_by_a_halt() -> None:
    world = World().connect()
    world.stay(5)
    world.person("halt")
    step = world.answer()
    assert names(step) == ["ModelFailed"]
    assert step.facts[0].reason == "superseded: trading was halted"


def test_an_answer_on_terms_that_are_over_does_not_stand() -> None:
    world = World(material=SLOW).connect("trade")
    world.stay(5).answer(regime="volatile")
    assert world.market.regime.label == "volatile"
    world.connect("observe")
    assert world.market.regime == world.market.rules
    assert world.market.stands is None


def test_a_model_that_is_gone_is_asked_no_more_and_its_last_answer_has_no_effect() -> None:
    world = World(material=SLOW).connect()
    world.stay(5)
    world.drive.happen(events.ModelConnected(ts_ns=world.now_ns, terms=None))
    assert names(world.answer(regime="volatile")) == ["ModelFailed"]
    world.walk(*range(1000, 1100))
    assert len(world.asked()) == 1
    assert world.market.regime.source == "rules"


# -- the overlay --------------------------------------------------------------------------


def test_an_answer_stands_over_the_rules_until_its_time_is_over() -> None:
    world = World(material=SLOW, model=ModelSettings(good_for_s=60)).connect()
    world.stay(5).answer(regime="chop")
    answered_ns = world.market.regime.answered_at_ns
    assert (world.market.regime.label, world.market.regime.source) == ("chop", MODEL)
    world.stay(50)
    assert world.market.regime.source == MODEL
    assert world.market.rules.answered_at_ns > answered_ns
    world.stay(20)
    assert world.market.regime.source == "rules"
    assert world.market.stands is None


def test_an_answer_falls_when_the_rules_change_their_label() -> None:
    world = World(material=SLOW, model=ModelSettings(good_for_s=3600)).connect()
    world.stay(5)
    world.answer(regime="chop")
    told = world.market.rules.label
    while world.market.rules.label == told:
        assert world.market.regime.source == MODEL
        world.swing(5)
    assert world.market.regime.source == "rules"


def test_an_answer_falls_with_its_session() -> None:
    world = World(start_ns=OPEN + 20 * HOUR, model=ModelSettings(good_for_s=3600), strategy=nobody()).connect()
    world.stay(5)
    world.answer(regime="chop")
    world.now_ns = OPEN + 24 * HOUR
    world.stay(1)
    assert world.market.stands is None
    assert world.market.regime.source == "rules"
