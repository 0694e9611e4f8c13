"""How far a model reaches: what it may only observe, what it may advise, what it may trade."""

from decimal import Decimal
from typing import Any

import pytest
from engine_worlds import FLAT_BY, HOUR, OPEN, Scripted, enter_once
from model_worlds import MODEL, START, World, every_bar, names

from fabio.engine.entries import act_on
from fabio.engine.seams import NamedGuard
from fabio.guards import kill_switch, regime_mismatch, strategy_enabled
from fabio.model import fact as facts
from fabio.model.assessment import Authority, TradeDecision
from fabio.model.command import ClosePosition, MoveStop, SubmitOrder
from fabio.model.regime import Label
from fabio.model.signal import Decision, Signal, Verdict
from fabio.model.step import Step
from fabio.model.strategy import Claim, StrategyState, StrategyUpdate
from fabio.model.view import View, Wake
from fabio.model.zone import Zone
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.sizing import SizeLimits
from fabio.regime.authority import ModelSettings
from fabio.regime.evidence import LearningSettings
from fabio.regime.material import MaterialSettings

SLOW = MaterialSettings(least_gap_s=0, max_age_s=3600)
ZONE = Zone("gap", 1010, 2, 6, "high", MODEL)
OFF = StrategyUpdate(name="scripted", reason="it loses here", enabled=False)
ON = StrategyUpdate(name="scripted", reason="it is back", enabled=True)
NOTE = Claim(text="longs fail here", strategy="scripted", expects="loss")
RICH = AccountSettings(start_balance=Decimal(100_000), loss_limit=Decimal(60_000), size_limit=Decimal(50),
                       mini_limit=Decimal(50))


def enter(side: int = 1, **changes: Any) -> TradeDecision:
    return TradeDecision(**({
        "action": "enter", "strategy": "scripted", "side": side, "stop_ticks": 1000 - 20 * side,
        "target_ticks": 1000 + 40 * side, "reason": "the model wishes",
    } | changes))


def out(action: Any = "exit", **changes: Any) -> TradeDecision:
    return TradeDecision(action=action, strategy="scripted", reason="the model wishes", **changes)


def asking(authority: Authority, strategy: Scripted | None = None, **changes: Any) -> World:
    """A world whose first question is in flight."""
    world = World(strategy, material=SLOW, **changes).connect(authority)
    world.stay(5)
    return world


def holding(authority: Authority) -> World:
    """A world that is long one contract from 1001, with a question in flight."""
    world = World(enter_once(), material=SLOW, model=ModelSettings(superseded_after_bar_ranges=50)).connect(authority)
    world.stay(5).answer()
    world.stay(60)
    assert world.market.position is not None
    if world.market.asking is None:
        world.stay(30)
    return world


def of(step: Step, kind: type) -> list[Any]:
    return [fact for fact in step.facts if isinstance(fact, kind)]


def rich(steps: int = 50) -> dict[str, Any]:
    return {"account": RICH, "sizing": SizeLimits(size_limit=Decimal(steps))}


# -- observe ------------------------------------------------------------------------------


def test_to_observe_changes_nothing_but_records_and_shadows() -> None:
    world = asking("observe")
    step = world.answer(regime="chop", confidence=0.9, strategy_updates=(OFF,), zones=(ZONE,), notes=(NOTE,),
                        trade_decisions=(enter(),))
    assert names(step) == ["ModelAnswered", "NoteMade", "SignalBlocked", "ShadowOpened"]
    assert step.commands == ()
    assert not of(step, facts.ModelAnswered)[0].stands
    decision = of(step, facts.SignalBlocked)[0].decision
    assert decision.refused_by == ("authority",)
    assert decision.verdicts[-1].reason == "the model's authority is observe, entries need trade"
    assert world.market.regime == world.market.rules
    assert world.market.zones == ()
    assert world.state.strategies["scripted"] == StrategyState()
    assert world.state.orders == {}


def test_to_observe_neither_closes_nor_tightens_what_is_held() -> None:
    world = holding("observe")
    step = world.answer(trade_decisions=(out(), out("modify", stop_ticks=990)))
    assert names(step)[0] == "ModelAnswered"
    assert not {"ExitAsked", "StopTightened"} & set(names(step))
    assert not [command for command in step.commands if isinstance(command, ClosePosition | MoveStop)]


def test_a_market_under_observation_trades_as_if_nobody_were_asked() -> None:
    def lived(with_model: bool) -> list[str]:
        world = World(every_bar(), material=SLOW)
        if with_model:
            world.connect("observe")
        for place in range(120):
            world.walk(*[world.price + (-3 if place % 30 < 15 else 4)] * 6)
            if world.market.asking is not None:
                world.answer(regime="volatile", strategy_updates=(OFF,), zones=(ZONE,), notes=(NOTE,),
                             trade_decisions=(out(), out("modify", stop_ticks=world.price - 1)))
        assert (len(world.asked()) > 10) is with_model
        traded = (facts.OrderBooked, facts.FillBooked, facts.TradeClosed, facts.StopTightened, facts.SignalApproved)
        return [repr(fact) for fact in world.kept.facts(*traded)]

    # the decisions' own numbers and labels are the rules' in both
    assert lived(True) == lived(False) != []


# -- advise -------------------------------------------------------------------------------


def test_to_advise_refuses_the_models_entries_and_shadows_them() -> None:
    step = asking("advise").answer(trade_decisions=(enter(),))
    assert names(step) == ["ModelAnswered", "SignalBlocked", "ShadowOpened"]
    decision = of(step, facts.SignalBlocked)[0].decision
    assert (decision.refused_by, decision.signal.setup) == (("authority",), "model")
    assert not [command for command in step.commands if isinstance(command, SubmitOrder)]


def test_to_advise_closes_a_position() -> None:
    world = holding("advise")
    step = world.answer(trade_decisions=(out(),))
    assert names(step)[:2] == ["ModelAnswered", "ExitAsked"]
    assert of(step, facts.ExitAsked)[0].reason == "model: the model wishes"
    assert isinstance(step.commands[0], ClosePosition)
    world.stay(2)
    assert world.market.position is None


def test_to_advise_tightens_a_stop_and_never_loosens_it() -> None:
    world = holding("advise")
    stop = world.market.position.stop_ticks
    step = world.answer(trade_decisions=(out("modify", stop_ticks=stop + 5),))
    assert names(step)[:2] == ["ModelAnswered", "StopTightened"]
    assert world.market.position.stop_ticks == stop + 5
    while world.market.asking is None:
        world.walk(*[world.price + 3] * 10)
    step = world.answer(trade_decisions=(out("modify", stop_ticks=stop),))
    assert names(step)[0] == "ModelAnswered"
    assert "StopTightened" not in names(step)
    assert world.market.position.stop_ticks == stop + 5


def test_what_another_strategy_holds_is_not_closed_in_this_ones_name() -> None:
    world = holding("trade")
    step = world.answer(trade_decisions=(TradeDecision(action="exit", strategy="other", reason="x"),))
    assert "ExitAsked" not in names(step)


def mismatch(**made_for: tuple[str, ...]) -> NamedGuard:
    settings = regime_mismatch.Settings(**({"trend": (), "balance": ()} | made_for))
    return NamedGuard(name="regime_mismatch", part=regime_mismatch.Guard(settings))


def decided(authority: Authority, said: Label, guard: NamedGuard, rules: Label) -> Decision:
    """The decision on a strategy's own wish while the rules say one thing and the model another."""
    strategy = every_bar()
    wish, strategy.wish = strategy.wish, lambda view: None
    world = World(strategy, material=SLOW, model=ModelSettings(good_for_s=3600), parts=(guard,)).connect(authority)
    world.swing(30)
    while world.market.rules.label != rules:
        world.swing(60)
        while world.market.asking is not None:
            world.answer()
    while world.market.asking is None:
        world.walk(*[world.price + 4] * 2)
    world.answer(regime=said, direction="up" if said == "trend" else "none")
    strategy.wish = wish
    world.stay(61)
    assert world.market.rules.label == rules
    return world.kept.facts(facts.SignalApproved, facts.SignalBlocked)[0].decision  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(("authority", "said", "fits"), [
    ("advise", "trend", False), ("trade", "trend", False), ("observe", "trend", True),
    ("advise", "range", True), ("trade", "range", True),
])
def test_an_entry_has_to_fit_what_the_model_says_as_far_as_it_reaches(
    authority: Authority, said: Label, fits: bool,
) -> None:
    decision = decided(authority, said, mismatch(balance=("scripted",)), "range")
    assert decision.refused_by == (() if fits else ("regime_mismatch",))


@pytest.mark.parametrize(("authority", "fits"), [("observe", False), ("advise", False), ("trade", True)])
def test_only_to_trade_opens_what_the_rules_keep_shut(authority: Authority, fits: bool) -> None:
    decision = decided(authority, "trend", mismatch(trend=("scripted",)), "unclear")
    assert decision.refused_by == (() if fits else ("regime_mismatch",))
    if authority == "advise":
        assert decision.verdicts[0].reason.startswith("the rules say unclear")


def test_size_is_halved_where_model_and_rules_disagree() -> None:
    def size(said: Label) -> int:
        world = World(enter_once(at_bar=2), material=SLOW, **rich()).connect("advise")
        world.stay(5)
        world.answer(regime=said)
        world.stay(120)
        return world.kept.facts(facts.SignalApproved)[0].decision.size_steps  # type: ignore[attr-defined, no-any-return]

    assert (size("unclear"), size("chop"), size("volatile")) == (4, 2, 2)


# -- trade --------------------------------------------------------------------------------


def test_to_trade_makes_an_order_of_a_wish() -> None:
    world = asking("trade")
    step = world.answer(trade_decisions=(enter(),))
    assert names(step)[:4] == ["ModelAnswered", "SignalApproved", "ShadowOpened", "OrderBooked"]
    decision, order = of(step, facts.SignalApproved)[0].decision, of(step, facts.OrderBooked)[0].order
    assert (decision.signal.setup, decision.signal.strategy) == ("model", "scripted")
    assert (order.side, order.stop_offset_ticks, order.target_offset_ticks) == (1, -20, 40)
    world.stay(3)
    position = world.market.position
    assert position is not None
    assert position.stop_ticks is not None


def test_a_wish_to_trade_meets_every_guard() -> None:
    step = asking("trade", guards=(True, False, True)).answer(trade_decisions=(enter(),))
    decision = of(step, facts.SignalBlocked)[0].decision
    assert [verdict.guard for verdict in decision.verdicts] == ["says", "says", "says", "authority"]
    assert decision.refused_by == ("says",)
    assert not [command for command in step.commands if isinstance(command, SubmitOrder)]


@pytest.mark.parametrize("guard", [strategy_enabled, kill_switch])
def test_a_wish_in_a_disabled_strategys_name_or_a_halt_is_refused(guard: Any) -> None:
    world = World(material=SLOW, parts=(NamedGuard(name="it", part=guard.Guard(guard.Settings())),))
    world.connect("trade").stay(5)
    world.person("disable", "scripted")
    if guard is kill_switch:
        world.person("enable", "scripted")
        world.person("halt")
    step = world.answer(trade_decisions=(enter(),))
    assert "SignalApproved" not in names(step)
    assert "OrderBooked" not in names(step)


@pytest.mark.parametrize(("share", "steps"), [(None, 4), (0.01, 4), (0.5, 4), (0.0025, 2), (0.00001, 0)])
def test_a_wish_risks_never_more_than_its_strategy(share: float | None, steps: int) -> None:
    step = asking("trade", **rich()).answer(trade_decisions=(enter(risk_fraction=share),))
    decision = of(step, facts.SignalApproved if steps else facts.SignalBlocked)[0].decision
    assert decision.size_steps == steps
    assert ("sizing" in decision.refused_by) is (steps == 0)


def test_a_wish_without_a_stop_or_of_a_strategy_nobody_knows_is_left() -> None:
    for wish in (enter(stop_ticks=None), enter(target_ticks=None), enter(strategy="moon"),
                 out("modify", stop_ticks=None)):
        assert names(asking("trade").answer(trade_decisions=(wish,))) == ["ModelAnswered"]


class Sees:
    """A guard that keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[Signal, View]] = []

    def check(self, signal: Signal, view: View) -> Verdict:
        self.shown.append((signal, view))
        return Verdict("sees", True, None, None, "all of it")


@pytest.mark.parametrize("labelled", [True, False])
def test_guards_are_shown_a_wish_with_the_labels_confidence_and_that_no_trigger_woke_anybody(labelled: bool) -> None:
    sees = Sees()
    world = asking("trade", parts=(NamedGuard(name="sees", part=sees),))
    if labelled:
        world.answer(regime="range", confidence=0.83, trade_decisions=(enter(),))
    else:
        world.market.regime = None
        act_on(world.drive.engine._turn, 0, enter(), "trade")
    signal, view = sees.shown[0]
    assert view.wake == Wake(0)
    assert signal.confidence == (0.83 if labelled else 0.0)
    assert signal.entry_ticks == view.stats.last_ticks


def test_a_limit_wish_waits_at_its_price() -> None:
    world = asking("trade")
    step = world.answer(trade_decisions=(enter(kind="limit", entry_ticks=996, stop_ticks=980, target_ticks=1030),))
    order = of(step, facts.OrderBooked)[0].order
    assert (order.kind, order.limit_ticks, order.stop_offset_ticks) == ("limit", 996, -16)
    assert order.good_until_ns is not None
    assert world.market.position is None


# -- zones and strategies -----------------------------------------------------------------


@pytest.mark.parametrize("authority", ["advise", "trade"])
def test_zones_stand_beside_the_profiles_and_quicken_the_questions(authority: Authority) -> None:
    world = asking(authority)
    market = world.drive.engine.markets[0]
    of_profile = market.zones(())
    step = world.answer(zones=(ZONE,))
    assert names(step) == ["ModelAnswered", "ZonesSet"]
    assert market.zones(world.market.zones) == (ZONE, *of_profile)
    world.walk(1010)
    assert market.band() == "inner"


def test_zones_are_gone_with_their_session_at_its_very_first_tick() -> None:
    world = World(material=SLOW, start_ns=FLAT_BY - 2 * HOUR).connect("trade", Decimal(0))
    world.stay(5)
    world.answer(zones=(Zone("far", 2000, 5, 10, "high", MODEL),))
    world.walk(*[2000] * 5)
    market = world.drive.engine.markets[0]
    assert market.band() == "inner"
    world.now_ns = OPEN + 24 * HOUR
    world.walk(2004)  # inside the old zone, beside the new session's
    assert world.market.zones == ()
    world.walk(1996)
    assert all(zone.source != MODEL for zone in market.zones(world.market.zones))
    assert market.band() == "none"


def test_the_same_zones_again_are_no_change() -> None:
    world = asking("trade")
    world.answer(zones=(ZONE,))
    while world.market.asking is None:
        world.walk(world.price + 1)
    assert "ZonesSet" not in names(world.answer(zones=(ZONE,)))


def test_a_model_may_switch_a_strategy_off_and_take_that_back() -> None:
    world = asking("advise")
    step = world.answer(strategy_updates=(OFF,))
    assert names(step) == ["ModelAnswered", "StrategyChanged"]
    change = of(step, facts.StrategyChanged)[0]
    assert (change.source, change.before.enabled, change.after.enabled) == (MODEL, True, False)
    assert world.state.evidence["scripted"].switched_off_by == MODEL
    while world.market.asking is None:
        world.walk(world.price + 1)
    assert names(world.answer(strategy_updates=(ON,)))[:2] == ["ModelAnswered", "StrategyChanged"]
    assert world.state.strategies["scripted"].enabled


def test_what_an_operator_switched_off_no_model_brings_back() -> None:
    world = asking("trade")
    world.person("disable", "scripted")
    step = world.answer(strategy_updates=(ON,))
    assert names(step)[:2] == ["ModelAnswered", "UpdateRefused"]
    assert "operator" in of(step, facts.UpdateRefused)[0].reason
    assert not world.state.strategies["scripted"].enabled


@pytest.mark.parametrize("update", [
    StrategyUpdate(name="scripted", reason="more", risk_fraction=0.006),
    StrategyUpdate(name="scripted", reason="more", max_trades_per_session=9),
    StrategyUpdate(name="scripted", reason="more", min_rr=0.6),
    StrategyUpdate(name="scripted", reason="more", stop_ticks=4),
    StrategyUpdate(name="scripted", reason="less, and more", risk_fraction=0.001, min_rr=0.6),
])
def test_what_no_evidence_supports_is_refused_as_a_whole_and_said(update: StrategyUpdate) -> None:
    world = asking("trade")
    step = world.answer(strategy_updates=(update,))
    assert names(step) == ["ModelAnswered", "UpdateRefused"]
    refused = of(step, facts.UpdateRefused)[0]
    assert (refused.update, refused.source) == (update, MODEL)
    assert refused.reason
    assert world.state.strategies["scripted"] == StrategyState()


def test_less_risk_is_always_taken() -> None:
    world = asking("advise")
    world.answer(strategy_updates=(StrategyUpdate(name="scripted", reason="less", risk_fraction=0.002),))
    assert world.state.strategies["scripted"].risk_fraction == 0.002


def test_a_model_makes_so_many_changes_an_hour_and_no_more() -> None:
    world = World(material=SLOW, model=ModelSettings(changes_per_hour=2, superseded_after_bar_ranges=50),
                  learning=LearningSettings(enabled=False)).connect("trade")
    made = []
    for risk in (0.003, 0.004, 0.0045):  # smaller, then back towards the configured one
        world.walk(*[world.price + 5] * 2)
        while world.market.asking is None:
            world.walk(world.price + 4)
        step = world.answer(strategy_updates=(StrategyUpdate(name="scripted", reason="risk", risk_fraction=risk),))
        made.append(names(step)[1])
    assert made == ["StrategyChanged", "StrategyChanged", "UpdateRefused"]
    assert "2 changes an hour" in world.kept.facts(facts.UpdateRefused)[0].reason
    if world.market.asking is None:
        world.stay(40)
    step = world.answer(strategy_updates=(StrategyUpdate(name="scripted", reason="less", risk_fraction=0.003),))
    assert names(step)[:2] == ["ModelAnswered", "StrategyChanged"]  # smaller is never one too many
    if world.market.asking is not None:
        world.answer()
    world.now_ns = START + HOUR + 5 * 60 * 10**9
    world.stay(40)
    step = world.answer(strategy_updates=(StrategyUpdate(name="scripted", reason="less", risk_fraction=0.001),))
    assert names(step)[:2] == ["ModelAnswered", "StrategyChanged"]


def test_its_own_changes_are_no_reason_to_ask_it_again_but_a_persons_are() -> None:
    world = asking("trade")
    count = len(world.asked())
    world.answer(strategy_updates=(StrategyUpdate(name="scripted", reason="less", risk_fraction=0.002),))
    assert len(world.asked()) == count
    world.person("disable", "scripted")
    world.stay(10)
    assert len(world.asked()) == count + 1
    assert world.asked()[-1].why == "strategies or their record changed"
