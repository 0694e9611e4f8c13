"""The whole agent beside a model that fails in every way there is: it trades as the rules alone would."""

import asyncio
import math
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from model_lab import (
    EAGER,
    FREE,
    KEY,
    ORDERED,
    PAYLOADS,
    Kept,
    Run,
    at_stub,
    in_virtual_time,
    lived,
    piece,
    settings_of,
    tape_of,
)

from fabio.adapters.llm.stub.delivery import Answered, Delivery, completion
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.failures import FAILURES, Failing
from fabio.adapters.llm.stub.script import Line, Script
from fabio.model import fact as facts
from fabio.runtime.reopen import RunPlan
from fabio.runtime.start import prepare

__all__ = ["in_virtual_time"]
USABLE = {"fenced"}
"""The one way to fail that leaves a good answer: its fence is taken off."""
LATENCY_S = 1.5
MINDS = (facts.StrategyChanged, facts.ZonesSet, facts.NoteMade, facts.UpdateRefused)
DAY_CAP, HOUR_NS = 1.50, 3_600_000_000_000


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tape_of(tmp_path_factory.mktemp("piece") / "mnq.csv", piece())


@pytest.fixture(scope="module")
def alone(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """What the rules do of it when nobody is asked."""
    kept = Kept()
    ready = prepare(RunPlan(logs=tmp_path_factory.mktemp("alone") / "logs", feed=str(tape), symbol="MNQ",
                            speed=math.inf, model="rules"), settings_of(), lambda line: None)
    ready.driver.sinks = (*ready.driver.sinks, kept)
    try:
        asyncio.run(ready.agent.run())
    finally:
        ready.close()
    assert len(kept.facts(facts.TradeClosed)) >= 5
    return kept


def check_recorded(run: Run) -> None:
    """Every question has one line with its outcome and, where it had no effect, the reason that the journal tells."""
    lines = {line["id"]: line for line in run.exchanges()}
    assert len(lines) == len(run.exchanges())
    failed = {fact.ask_id: fact.reason for fact in run.kept.facts(facts.ModelFailed)}
    answered = {fact.regime.ask_id for fact in run.kept.facts(facts.ModelAnswered)}
    for asked in run.asked():
        if asked.ask_id not in failed and asked.ask_id not in answered:
            assert run.kept.steps[-1].questions  # it left in the very last step, and nobody had time to take it
            continue
        line = lines.pop(asked.ask_id)
        assert line["request_hash"] == asked.request_hash
        assert (line["outcome"] == "ok") is (asked.ask_id in answered)
        assert line["reason"] == failed.get(asked.ask_id, "")
        assert (line["reason"] == "") is (line["outcome"] == "ok")
    assert lines == {}


def check_bounds(run: Run) -> None:
    """Nothing that came of an answer lies outside what is written for it."""
    policy = run.ready.driver.engine.config.policy
    configured = {named.name: named.state for named in policy.strategies}
    every_guard = {named.name for named in policy.guards} | {"authority"}
    for change in run.kept.facts(facts.StrategyChanged):
        after, usual = change.after, configured[change.name]
        assert 0 < after.risk_fraction <= 0.01
        if change.source != "rules":
            assert after.risk_fraction <= max(usual.risk_fraction, change.before.risk_fraction)
            assert after.max_trades_per_session <= usual.max_trades_per_session
    check_changes_an_hour(run, policy.model.changes_per_hour)
    for fact in run.kept.facts(facts.SignalApproved):
        decision = fact.decision
        assert decision.size_steps <= policy.sizing.size_limit
        if decision.signal.setup == "model":
            assert {verdict.guard for verdict in decision.verdicts} >= every_guard
            assert all(verdict.passed for verdict in decision.verdicts)
    for fact in run.kept.facts(facts.ZonesSet):
        last = run.ready.driver.engine.markets[0].last_ticks()
        assert len(fact.zones) <= 8
        assert all(zone.outer_ticks <= 200 and abs(zone.centre_ticks - last) < 2_000 for zone in fact.zones)
    ledger = run.state.ledger
    assert float(ledger.committed) <= DAY_CAP
    assert ledger.calls <= 300 or not run.state.model.is_paid


def check_changes_an_hour(run: Run, most: int) -> None:
    times = [step.ts_ns for step in run.kept.steps for fact in step.facts
             if isinstance(fact, facts.StrategyChanged) and fact.source != "rules"]
    for place, ts_ns in enumerate(times):
        assert sum(ts_ns - HOUR_NS < other <= ts_ns for other in times[: place + 1]) <= most


@pytest.mark.parametrize("failing", FAILURES, ids=[failing.name for failing in FAILURES])
@pytest.mark.usefixtures("in_virtual_time")
def test_orders_are_those_of_the_rules_alone_whatever_the_model_says(
    failing: Failing, tape: Path, alone: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(Script(latency_s=LATENCY_S, lines=(Line(failure=failing.name),)))
    at_stub(monkeypatch, desk)
    run = lived(tmp_path / "logs", tape, settings_of())
    assert run.ready.agent.finished
    assert desk.played[failing.name] >= 1
    check_recorded(run)
    check_bounds(run)
    assert KEY.encode() not in run.written()
    outcomes = Counter(line["outcome"] for line in run.exchanges())
    if failing.name in USABLE:
        assert outcomes["ok"] >= 3
        return
    assert outcomes["ok"] == outcomes["superseded"] == 0
    assert run.kept.facts(facts.ModelAnswered) == []
    assert run.kept.traded() == alone.traded()
    assert [repr(fact) for fact in run.kept.facts(*MINDS)] == [repr(fact) for fact in alone.facts(*MINDS)]
    assert all(fact.regime.source == "rules" for fact in run.kept.facts(facts.RegimeInferred))


@pytest.mark.usefixtures("in_virtual_time")
def test_a_good_model_that_only_observes_changes_no_order_either(
    tape: Path, alone: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_stub(monkeypatch, Desk(Script(latency_s=LATENCY_S)))
    run = lived(tmp_path / "logs", tape, settings_of("model.authority=observe"))
    assert len(run.kept.facts(facts.ModelAnswered)) > 10
    check_recorded(run)
    assert run.kept.traded() == alone.traded()


# -- injections ---------------------------------------------------------------------------

PLACES = ("reasoning", "decision", "tweak", "claim", "zone", "note_zone", "all")


class Injections:
    """A script by which each answer carries another payload, at one place or at all."""

    latency_s = 0.4
    refuses: tuple[str, ...] = ()

    def __init__(self, payloads: dict[str, str], places: tuple[str, ...] = PLACES) -> None:
        self.asked = [(name, words, places[(number + number // len(places)) % len(places)])
                      for number, (name, words) in enumerate(payloads.items())]
        self.said: list[tuple[str, str, str]] = []

    def failing(self, number: int) -> Failing | None:
        if number > len(self.asked):
            return None
        name, words, place = self.asked[number - 1]
        self.said.append((name, words, place))
        return Failing(number=number, name=name, words=name, play=lambda a: injected(a, words, place))


def injected(a: Answered, payload: str, place: str, strategy: str = "mean_reversion") -> Delivery:
    """An answer that would be good, wishes a lot, and says the payload somewhere."""
    answer = orjson.loads(a.text)

    def says(where: str, otherwise: str) -> str:
        return payload if place in (where, "all") else otherwise

    said = answer["market_assessment"]
    if place in ("reasoning", "all"):
        said["reasoning"] = f"{said['reasoning'][:200]} {payload}"
    price = a.last_price
    answer["trade_decisions"] = [{
        "action": "enter", "side": "short", "strategy": strategy, "kind": "market", "entry_price": None,
        "stop_price": price + 10, "target_price": price - 20, "risk_fraction": 0.01,
        "reason": says("decision", "a wish")}]
    answer["strategy_updates"] = {"active_strategies": None, "strategy_tweaks": [
        {"name": strategy, "changes": dict.fromkeys(
            ("enabled", "risk_fraction", "max_trades_per_session", "min_rr", "stop_ticks", "target_ticks"),
        ) | {"risk_fraction": 0.01, "max_trades_per_session": 10}, "reason": says("tweak", "a change")}]}
    answer["importance_zones"] = [{"name": says("zone", "wall"), "price": price + 5, "inner_ticks": 4,
                                   "outer_ticks": 12, "priority": "high"}]
    answer["notes_to_future_self"] = [{
        "claim": says("claim", "fades win"), "strategy": strategy, "regime": None,
        "zone": says("note_zone", "wall"), "expects": "win"}]
    return completion(a, orjson.dumps(answer).decode("utf-8", "surrogatepass"))


def injected_run(
    payloads: dict[str, str], tape: Path, folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> tuple[Run, Any]:
    script: Any = Injections(payloads)
    desk = Desk(script)
    at_stub(monkeypatch, desk, failures_in_a_row=100_000)
    return lived(folder, tape, settings_of(*FREE, *EAGER, "model.authority=trade")), script


@pytest.mark.usefixtures("in_virtual_time")
def test_two_hundred_injections_have_no_effect_out_of_bounds(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = tape_of(tmp_path_factory.mktemp("long") / "mnq.csv", piece(4 * 3600))
    run, script = injected_run(PAYLOADS, long, tmp_path / "logs", monkeypatch)
    assert len(PAYLOADS) >= 200
    assert len(script.said) == len(PAYLOADS)
    check_recorded(run)
    check_bounds(run)
    check_words(run)
    # it was no empty exercise: answers were taken, wishes met the guards, changes were refused
    assert len(run.kept.facts(facts.ModelAnswered)) > 50
    assert run.kept.facts(facts.UpdateRefused)
    model = [fact.decision for fact in run.kept.facts(facts.SignalApproved, facts.SignalBlocked)
             if fact.decision.signal.setup == "model"]
    assert len(model) > 50
    assert run.state.strategies["mean_reversion"].risk_fraction <= 0.005


def check_words(run: Run) -> None:
    """No order reaches a later question, a note or a reason."""
    kept = [note.claim.text for note in run.state.notes]
    kept += [change.reason for change in run.kept.facts(facts.StrategyChanged, facts.UpdateRefused)
             if hasattr(change, "reason")]
    kept += [zone.name for fact in run.kept.facts(facts.ZonesSet) for zone in fact.zones]
    questions = [orjson.dumps(line["request"]).decode() for line in run.exchanges()]
    for name, words in ORDERED.items():
        written = orjson.dumps(words.encode("utf-8", "replace").decode()).decode()[1:-1]
        assert words not in kept, name
        assert not any(written in question for question in questions), name


@pytest.mark.slow
@pytest.mark.usefixtures("in_virtual_time")
@pytest.mark.parametrize("place", PLACES)
def test_every_injection_at_every_place_of_an_answer(
    place: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = tape_of(tmp_path_factory.mktemp("long") / "mnq.csv", piece(4 * 3600))
    script: Any = Injections(PAYLOADS, (place,))
    at_stub(monkeypatch, Desk(script), failures_in_a_row=100_000)
    run = lived(tmp_path / "logs", long, settings_of(*FREE, *EAGER, "model.authority=trade"))
    assert len(script.said) == len(PAYLOADS)
    check_recorded(run)
    check_bounds(run)
    check_words(run)


@pytest.mark.slow
@pytest.mark.usefixtures("in_virtual_time")
@pytest.mark.parametrize("authority", ["observe", "advise"])
@pytest.mark.parametrize("failing", FAILURES, ids=[failing.name for failing in FAILURES])
def test_the_same_with_less_authority_and_a_breaker_that_never_opens(
    failing: Failing, authority: str, tape: Path, alone: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(Script(latency_s=LATENCY_S, lines=(Line(failure=failing.name),)))
    at_stub(monkeypatch, desk, failures_in_a_row=10_000)
    run = lived(tmp_path / "logs", tape, settings_of(f"model.authority={authority}", *EAGER))
    check_recorded(run)
    check_bounds(run)
    if failing.name not in USABLE or authority == "observe":
        assert run.kept.traded() == alone.traded()
