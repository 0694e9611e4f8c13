"""Outcomes teach: losses switch off, wins in the shadow bring back, notes are believed when outcomes speak."""

from typing import Any

import orjson
from engine_worlds import Scripted
from model_worlds import World, every_bar, of_model
from test_model_authority import SLOW, enter

from fabio.engine.seams import NamedGuard
from fabio.guards import strategy_enabled
from fabio.model import fact as facts
from fabio.model.event import ModelConnected
from fabio.model.strategy import Claim, StrategyState
from fabio.regime.budget import BudgetSettings
from fabio.regime.evidence import LearningSettings
from fabio.regime.notes import NoteSettings

QUICK = LearningSettings(least_outcomes=5, window=5, limit=2.0, confirm_outcomes=1, return_outcomes=3,
                         return_limit=1.0, raise_every=3, least_in_condition=3)
SOON = NoteSettings(least_outcomes=3, least_sessions=1, least_strength=1.0)
GUARD = NamedGuard(name="strategy_enabled", part=strategy_enabled.Guard(strategy_enabled.Settings()))
ROOM = BudgetSettings(calls_per_hour=1000, calls_per_day=1000)
MANY = StrategyState(max_trades_per_session=100)


def learning(strategy: Scripted | None = None, **changes: Any) -> World:
    return World(strategy or every_bar(stop=10, target=20), **({
        "learning": QUICK, "notes": SOON, "parts": (GUARD,), "state": MANY, "material": SLOW, "budget": ROOM,
    } | changes))


def minute(world: World, move: int) -> None:
    """A bar closes, a wish is filled, and price goes so far: through a stop or a target of 10 or 20."""
    start = world.price
    world.walk(*[start] * 5, *[start + move] * 25, *[start] * 30)


def told(world: World) -> dict[str, Any]:
    """The last question that was put."""
    return orjson.loads(world.kept.exchanges[-1].request)  # type: ignore[no-any-return]


def test_planted_losses_switch_a_strategy_off_at_the_next_question_with_what_failed() -> None:
    world = learning()
    while world.state.strategies["scripted"].enabled:
        minute(world, -12)
        assert world.now_ns < 4e18
        assert len(world.kept.facts(facts.TradeClosed)) < 12
    lost = [fact.trade.net_pnl < 0 for fact in world.kept.facts(facts.TradeClosed)]
    assert all(lost)
    assert len(lost) >= 5
    step = next(step for step in world.kept.steps
                if any(isinstance(fact, facts.StrategyChanged) for fact in step.facts))
    assert [type(fact).__name__ for fact in step.facts] == [
        "RegimeAsked", "RegimeInferred", "StrategyChanged", "NoteMade"]
    change, note = step.facts[2], step.facts[3].note
    assert (change.source, change.after.enabled) == ("rules", False)
    assert change.reason.startswith("disabled: ")
    assert (note.claim.strategy, note.claim.expects, note.status) == ("scripted", "loss", "pending")


def switched_off() -> World:
    world = learning()
    while world.state.strategies["scripted"].enabled:
        minute(world, -12)
    return world


def test_a_disabled_strategy_trades_in_the_shadow_and_comes_back_by_it() -> None:
    world = switched_off()
    trades = len(world.kept.facts(facts.TradeClosed))
    for _ in range(30):
        minute(world, 22)
        if world.state.strategies["scripted"].enabled:
            break
    assert world.state.strategies["scripted"].enabled
    back = world.kept.facts(facts.StrategyChanged)[-1]
    assert (back.source, back.before.enabled) == ("rules", False)
    assert back.reason.startswith("returns: ")
    shadows = [fact.shadow for fact in world.kept.facts(facts.ShadowClosed) if not fact.shadow.approved]
    assert len(shadows) >= QUICK.return_outcomes
    at = [type(fact).__name__ for fact in world.kept.facts()].index("StrategyChanged")
    while_off = [type(fact).__name__ for fact in world.kept.facts()[at:]]
    assert "OrderBooked" not in while_off[1:while_off.index("StrategyChanged", 1)]
    assert len(world.kept.facts(facts.TradeClosed)) == trades  # nothing was risked meanwhile


def test_losses_in_the_shadow_bring_nothing_back() -> None:
    world = switched_off()
    for _ in range(15):
        minute(world, -12)
    assert not world.state.strategies["scripted"].enabled
    assert world.state.evidence["scripted"].since_raise >= 10


def test_what_a_person_switched_off_does_not_come_back_by_wins() -> None:
    world = learning()
    world.stay(1)
    world.person("disable", "scripted")
    for _ in range(15):
        minute(world, 22)
    assert world.state.evidence["scripted"].since_raise >= 8
    assert not world.state.strategies["scripted"].enabled


def test_wins_raise_the_risk_step_by_step_and_never_above_the_most() -> None:
    world = learning()
    for _ in range(60):
        minute(world, 22)
    changes = world.kept.facts(facts.StrategyChanged)
    risks = [change.after.risk_fraction for change in changes]
    assert risks == [0.006, 0.007, 0.008, 0.009, 0.01]
    assert all(change.source == "rules" for change in changes)


def test_with_learning_off_the_record_is_kept_and_nothing_follows() -> None:
    world = learning(learning=LearningSettings(enabled=False))
    for _ in range(12):
        minute(world, -12)
    assert world.state.evidence["scripted"].outcomes >= 8
    assert not world.kept.facts(facts.StrategyChanged, facts.NoteMade)


def test_a_note_reaches_the_question_only_when_outcomes_have_supported_it() -> None:
    world = learning(learning=LearningSettings(enabled=False)).connect("observe")
    world.stay(5)
    world.answer(notes=(Claim(text="longs fail", strategy="scripted", expects="loss"),
                        Claim(text="longs win", strategy="scripted", expects="win"),
                        Claim(text="feels heavy today")))
    world.drive.happen(ModelConnected(ts_ns=world.now_ns, terms=None))
    seen = []
    for _ in range(6):
        minute(world, -12)
        seen.append(([note.status for note in world.state.notes],
                     [note["claim"] for note in told(world)["historical_notes_snippet"]]))
    assert seen[0] == (["pending", "pending", "pending"], [])
    assert seen[-1] == (["supported", "contradicted", "pending"], ["longs fail"])
    for statuses, texts in seen:
        assert texts in ([], ["longs fail"])
        assert texts == [] or statuses[0] == "supported"
    judged = [(fact.note_id[-1], fact.status) for fact in world.kept.facts(facts.NoteJudged)]
    assert judged == [("1", "supported"), ("2", "contradicted")]


def test_a_signal_counts_once_however_it_ended() -> None:
    world = learning()
    for _ in range(4):
        minute(world, 22)
    taken = len(world.kept.facts(facts.TradeClosed))
    assert len([fact for fact in world.kept.facts(facts.ShadowClosed) if fact.shadow.approved]) >= taken - 1
    assert world.state.evidence["scripted"].outcomes == taken  # their shadows are the same signals


def test_a_models_own_wishes_are_outcomes_of_the_strategy_they_name() -> None:
    world = learning(Scripted(lambda view: None)).connect("observe")
    world.stay(5)
    world.answer(trade_decisions=(enter(),))
    world.walk(1000, 1000, *[975] * 70)
    outcome = world.state.evidence["scripted"].last[0]
    assert (outcome.setup, outcome.is_shadow, outcome.r_multiple < -1) == ("model", True, True)
    assert world.state.performance["scripted"].trades == 0


def test_the_same_lessons_whatever_the_model_says_of_them() -> None:
    def lived(authority: Any) -> list[str]:
        world = learning().connect(authority) if authority else learning()
        for _ in range(10):
            minute(world, -12)
            while world.market.asking is not None:
                world.answer()
        return [name for name in of_model(world.kept) if name in ("TradeClosed", "StrategyChanged", "NoteMade")]

    assert lived(None) == lived("observe") == lived("trade")
    assert "StrategyChanged" in lived(None)
