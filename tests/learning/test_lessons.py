"""Confirmed changes come back to the agent: through its inbox, within bounds, with an id, and can be undone."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from whatif_lab import BASE, MNQ, settings

from fabio.engine.seams import MarketConfig
from fabio.journal.inbox import Answer, Inbox, Request, post
from fabio.journal.reader import read_steps
from fabio.learning.lessons import known_lessons, lesson_of, send_best
from fabio.learning.proposals import Proposal
from fabio.model.event import LessonArrived
from fabio.model.fact import StrategyChanged, UpdateRefused
from fabio.model.strategy import StrategyUpdate
from fabio.model.tick import SIDE_LETTERS
from fabio.runtime.demo import Demo
from fabio.runtime.learned import Learned
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reopen import Ready, RunPlan
from fabio.runtime.requests import answer_of
from fabio.runtime.start import prepare
from fabio.runtime.wiring import build_driver, engine_config
from fabio.settings.load import Settings

CONFIRMED = settings((), "learning.apply=confirmed")
NAME = "mean_reversion"
HOUR_NS = 3_600_000_000_000
TRIAL = {"confirmed": True, "sessions": 4, "changed": 9, "difference": 812.0, "low": 120.0, "high": 1500.0}


def proposal(key: str = "enabled", before: Any = True, after: Any = False, section: str = "") -> Proposal:
    return Proposal(kind="switch_off", section=section or f"strategies.{NAME}", key=key, before=before, after=after,
                    why="planned", evidence={})


# -- the machine ------------------------------------------------------------------------


def taken(update: dict[str, Any], against: dict[str, Any], given: Settings = CONFIRMED) -> tuple[Any, ...]:
    """Send one lesson to a machine that has seen nothing else; give what it noted."""
    demo = Demo(given, MNQ, 3)
    driver = build_driver(engine_config(given, [MarketConfig(instrument=MNQ, table=demo.table)]))
    driver.feed(demo.day(0, 2_000).ticks.slice(0, 200))
    event = LessonArrived(ts_ns=driver.engine.state.now_ns, id="r1", update=StrategyUpdate(reason="so", **update),
                          against=StrategyUpdate(reason="", **against))
    return driver.happen(event).facts


def refusal(update: dict[str, Any], against: dict[str, Any], given: Settings = CONFIRMED) -> str:
    fact, = taken(update, against, given)
    assert isinstance(fact, UpdateRefused)
    assert fact.source == "cycle"
    return fact.reason


def test_a_lesson_is_a_change_with_an_id_and_its_source() -> None:
    fact, = taken({"name": NAME, "min_rr": 1.75}, {"name": NAME, "min_rr": 1.5})
    assert isinstance(fact, StrategyChanged)
    assert (fact.source, fact.reason, fact.before.min_rr, fact.after.min_rr) == ("cycle", "so", 1.5, 1.75)
    assert fact.id.startswith("C")


def test_a_machine_that_was_not_told_to_takes_no_lesson() -> None:
    said = refusal({"name": NAME, "enabled": False}, {"name": NAME, "enabled": True}, BASE)
    assert 'learning.apply is "shown"' in said


@pytest.mark.parametrize(("update", "against", "words"), [
    ({"name": NAME, "min_rr": 1.75}, {"name": NAME, "min_rr": 2.0}, "min_rr is 1.5 now, and it was tried against 2.0"),
    ({"name": NAME, "min_rr": 5.25}, {"name": NAME, "min_rr": 1.5}, "min_rr 5.25 is out of bounds: 0.5 to 5"),
    ({"name": NAME, "stop_ticks": 3}, {"name": NAME}, "stop_ticks 3 is out of bounds: 4 to 200"),
    ({"name": NAME, "risk_fraction": 0.02}, {"name": NAME, "risk_fraction": 0.005}, "out of bounds: 0.001 to 0.01"),
    ({"name": NAME, "enabled": True}, {"name": NAME, "enabled": False}, "fabio strategy enable"),
    ({"name": "nobody", "enabled": False}, {"name": "nobody", "enabled": True}, "no strategy is named 'nobody'"),
    ({"name": NAME}, {"name": NAME}, "what of which strategy is to change"),
    ({"name": NAME, "enabled": False}, {"name": "trend_continuation", "enabled": True}, "which strategy"),
])
def test_what_was_tried_on_something_else_or_is_out_of_bounds_is_refused(
    update: dict[str, Any], against: dict[str, Any], words: str,
) -> None:
    assert words in refusal(update, against)


# -- the inbox --------------------------------------------------------------------------


def request(update: dict[str, Any], hours_ago: float = 0.0) -> Request:
    return Request(id="l1", ts_ns=round((100 - hours_ago) * HOUR_NS), verb="lesson", name=NAME, data={
        "update": {"name": NAME, "reason": "so", **update}, "against": {"name": NAME, "reason": ""}})


@pytest.mark.parametrize(("wanted", "hours_ago", "outcome"), [
    ({"enabled": False}, 23.9, None),  # less is traded: it waits for a start
    ({"enabled": False}, 24.1, "expired"),
    ({"min_rr": 1.25}, 0.005, None),
    ({"min_rr": 1.25}, 0.01, "expired"),  # more could be traded: 30 s, as for whatever could
    ({"enabled": "no"}, 0.0, "invalid"),
    ({"reason": "x" * 401}, 0.0, "invalid"),
    ({"leverage": 3}, 0.0, None),  # not a field of a strategy: nothing to change, and the machine says so
])
def test_a_lesson_that_trades_less_waits_a_day_and_one_that_trades_more_does_not(
    tmp_path: Path, wanted: dict[str, Any], hours_ago: float, outcome: str | None,
) -> None:
    demo = Demo(CONFIRMED, MNQ, 3)
    engine = build_driver(engine_config(CONFIRMED, [MarketConfig(instrument=MNQ, table=demo.table)])).engine
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "l1.json").write_bytes(msgspec.json.encode(request(wanted, hours_ago)))
    waiting, = Inbox(tmp_path).pending(100 * HOUR_NS)
    said = waiting if isinstance(waiting, Answer) else answer_of(
        waiting, engine.state, halted_by_file=False, ts_ns=100 * HOUR_NS)
    assert (None if said is None else said.outcome) == outcome


# -- the agent --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ticks = Demo(BASE, MNQ, 3).day(0, 20_000).ticks
    path = tmp_path_factory.mktemp("tape") / "mnq.csv"
    rows = (ticks.row(index) for index in range(6_000))
    path.write_text("ts_event,price,size,side\n" + "".join(
        f"{each.ts_event_ns},{each.price_ticks / 4},{each.size_steps},{SIDE_LETTERS[each.side]}\n" for each in rows))
    return path


def opened(folder: Path, tape: Path) -> Ready:
    plan = RunPlan(logs=folder, feed=str(tape), symbol="MNQ", speed=5_000.0)
    return prepare(plan, CONFIRMED, lambda line: None)


def run(ready: Ready, **watchers: Callable[[], Any]) -> None:
    try:
        asyncio.run(ready.agent.run(watchers))
    finally:
        ready.close()


async def answered(folder: Path, count: int) -> None:
    """Let an agent run until so many requests have their answer."""
    async with asyncio.timeout(120):
        while len(answers(folder)) < count:
            await asyncio.sleep(0.005)


def answers(folder: Path) -> list[tuple[str, str]]:
    found = [orjson.loads(path.read_bytes()) for path in sorted((folder / "inbox" / "done").glob("*.json"))]
    return [(each["outcome"], each["message"]) for each in found]


def effects(folder: Path) -> list[dict[str, Any]]:
    return [each for each in Learned(CONFIRMED, folder).effects() if each["source"] in ("cycle", "operator")]


def test_a_lesson_sent_to_a_running_agent_is_taken_logged_undone_recovered_and_replayed(
    tmp_path: Path, tape: Path,
) -> None:
    folder = tmp_path / "logs"
    ready = opened(folder, tape)
    said: dict[str, Any] = {}

    async def cycle() -> None:
        while not ready.driver.engine.state.tape_pos:  # there has to be something to live through again
            await asyncio.sleep(0.005)
        known = known_lessons(CONFIRMED, folder)
        said.update(await asyncio.to_thread(send_best, CONFIRMED, folder, [(proposal(), TRIAL)], known))

    run(ready, cycle=cycle)
    [sent] = said.values()
    assert (sent["outcome"], sent["id"]) == ("done", sent["message"])
    assert not ready.driver.engine.state.strategies[NAME].enabled
    [effect] = effects(folder)
    assert (effect["id"], effect["source"], effect["changed"]) == (sent["id"], "cycle", {"enabled": [True, False]})
    assert effect["undoable"]
    assert "9 results differ, +812.00 USD (+120 to +1,500)" in effect["reason"]
    line = orjson.loads((folder / "learning.jsonl").read_bytes().splitlines()[0])
    assert (line["id"], line["asked_by"]) == (sent["id"], effect["asked_by"])
    assert known_lessons(CONFIRMED, folder).overrides == (f"strategies.{NAME}.enabled=false",)

    post(folder, "undo", name=sent["id"], reason="not today")
    again = opened(folder, tape)
    assert not again.driver.engine.state.strategies[NAME].enabled  # recovered
    run(again, undone=lambda: answered(folder, 2))
    assert again.driver.engine.state.strategies[NAME].enabled
    known = known_lessons(CONFIRMED, folder)
    assert (known.overrides, known.taken_back) == ((), {f"strategies.{NAME}.enabled=false": sent["id"]})
    once_more = send_best(CONFIRMED, folder, [(proposal(), TRIAL)], known)
    assert [(each["outcome"], "a person took it back" in each["message"]) for each in once_more.values()] == [
        ("not_sent", True)]

    recorded = Recorded(CONFIRMED, folder)
    replayed = Again(empty_machine(recorded), recorded)
    assert replayed.run() is None
    assert any(isinstance(step.event, LessonArrived) for step in read_steps(folder))


def test_a_lesson_waits_in_the_inbox_for_the_next_start_and_is_left_there_once(tmp_path: Path, tape: Path) -> None:
    folder = tmp_path / "logs"
    run(opened(folder, tape), nobody=lambda: asyncio.sleep(0.02))
    known = known_lessons(CONFIRMED, folder)
    first, second = (send_best(CONFIRMED, folder, [(proposal(), TRIAL)], known) for _ in range(2))
    assert [each["outcome"] for each in (*first.values(), *second.values())] == ["waits", "waits"]
    assert "in the inbox already" in next(iter(second.values()))["message"]
    assert len(list((folder / "inbox").glob("*.json"))) == 1
    again = opened(folder, tape)
    run(again, taken=lambda: answered(folder, 1))
    assert not again.driver.engine.state.strategies[NAME].enabled
    assert [outcome for outcome, _ in answers(folder)] == ["done"]


def test_what_would_let_more_be_traded_is_not_left_for_a_start(tmp_path: Path) -> None:
    looser = proposal("min_rr", 1.5, 1.25)
    said = send_best(CONFIRMED, tmp_path, [(looser, TRIAL)], known_lessons(CONFIRMED, tmp_path))
    assert [each["outcome"] for each in said.values()] == ["not_sent"]
    assert not (tmp_path / "inbox").exists()


def test_one_is_sent_with_each_run_the_best_and_a_guards_setting_never(tmp_path: Path) -> None:
    guard = proposal("minimum", 0.5, 0.55, section="guards.min_confidence")
    tighter = proposal("min_rr", 1.5, 1.75)
    tried = [(guard, {**TRIAL, "low": 900.0}), (tighter, {**TRIAL, "low": 10.0}), (proposal(), TRIAL),
             (proposal(section="strategies.trend_continuation"), {**TRIAL, "confirmed": False})]
    said = send_best(CONFIRMED, tmp_path, tried, known_lessons(CONFIRMED, tmp_path))
    assert {override: each["outcome"] for override, each in said.items()} == {
        "guards.min_confidence.minimum=0.55": "not_sent", f"strategies.{NAME}.enabled=false": "waits",
        f"strategies.{NAME}.min_rr=1.75": "not_sent"}
    assert send_best(BASE, tmp_path / "other", tried, known_lessons(BASE, tmp_path)) == {}


def test_a_lesson_is_made_of_strategies_own_state_alone() -> None:
    assert lesson_of(proposal("minimum", 0.5, 0.55, section="guards.min_confidence"), TRIAL) is None
    assert lesson_of(proposal("attempt_bars", 10, 11), TRIAL) is None
    lesson = lesson_of(proposal("min_rr", 1.5, 1.75), TRIAL)
    assert lesson is not None
    assert (lesson.update.min_rr, lesson.against.min_rr, lesson.update.enabled) == (1.75, 1.5, None)
    assert msgspec.convert(msgspec.to_builtins(lesson), type(lesson)) == lesson
