"""What-if: the counterfactual is the very replay of the day with the change, and says what it rests on."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from whatif_lab import BASE, record, settings

from fabio.journal.reader import read_steps
from fabio.learning.estimate import Missed, estimate_without
from fabio.learning.whatif import Variant, what_if
from fabio.learning.whatif_given import Answers
from fabio.learning.whatif_run import Happened, Outcome, Simulator, read_happened
from fabio.model.event import OperatorAsked, RegimeAnswered, RegimeFailed
from fabio.model.fact import ModelAnswered
from fabio.runtime.recorded import NothingRecorded, Recorded
from fabio.runtime.replay import replay_folder

GUARDS = [guard.name for guard in BASE.guards]


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ruled") / "logs"
    record(folder, seed=82, mean_ticks=15_000)
    return folder


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advised") / "logs"
    record(folder, seed=9, mean_ticks=30_000, has_model=True)
    return folder


@pytest.fixture(scope="module")
def answer(ruled: Path) -> dict[str, Any]:
    """Every guard left out, one by one."""
    return what_if(BASE, [(Variant(without=(name,)), settings((name,))) for name in GUARDS], ruled)


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_the_day_is_the_replay_without_it(ruled: Path, answer: dict[str, Any], guard: str) -> None:
    replayed = replay_folder(settings((guard,)), ruled).answer
    exact = answer["variants"][GUARDS.index(guard)]["exact"]
    assert exact["digest"] == replayed["digest"]
    assert exact["net_pnl"] == replayed["net_pnl"]
    assert exact["trades"] == replayed["trades"]
    assert exact["model"]["recomputed"] == replayed["model_calls"] > 0
    assert exact["model"]["held"] == exact["model"]["missing"] == 0


def test_the_unchanged_day_is_the_replay_and_the_record(ruled: Path, answer: dict[str, Any]) -> None:
    assert answer["baseline"]["digest"] == replay_folder(BASE, ruled).answer["digest"] == answer["recorded"]["digest"]
    assert answer["baseline_differs"] == []


def test_some_guard_changes_something_and_another_nothing(answer: dict[str, Any]) -> None:
    changed = [len(each["changed_decisions"]) for each in answer["variants"]]
    assert any(changed)
    assert not all(changed)


def test_a_change_is_told_with_both_decisions_and_the_reason(answer: dict[str, Any]) -> None:
    for variant in answer["variants"]:
        guard = variant["without"][0]
        gained = [each for each in variant["changed_decisions"]
                  if each["baseline"] and not each["baseline"]["approved"] and each["exact"]]
        for each in gained:
            assert each["exact"]["approved"]
            assert guard in each["baseline"]["refused_by"]
            assert guard in each["why"]
        places = [each["tape_pos"] for each in variant["changed_decisions"]]
        assert places == sorted(places)


def test_the_estimate_adds_the_shadows_that_this_guard_alone_refused(ruled: Path, answer: dict[str, Any]) -> None:
    missed = Simulator(Recorded(BASE, ruled), ()).run(BASE).missed
    alone = {name: [each for each in missed if each.refused_by == (name,)] for name in GUARDS}
    assert sum(map(len, alone.values())) > 0
    for variant in answer["variants"]:
        theirs = alone[variant["without"][0]]
        expected = sum((each.steps * (each.step_pnl or 0) for each in theirs), Decimal(0))
        assert variant["estimate"]["net_pnl"] == pytest.approx(answer["baseline"]["net_pnl"] + float(expected))
        assert variant["estimate_error"] == pytest.approx(
            variant["estimate"]["net_pnl"] - variant["exact"]["net_pnl"], abs=0.01)


def test_a_refused_signal_is_sized_as_the_machine_sizes_it_once_the_guard_is_gone(ruled: Path) -> None:
    simulator = Simulator(Recorded(BASE, ruled), ())
    before = simulator.run(BASE)
    places = {each.id: each for each in before.decisions}
    compared = 0
    for guard in sorted({each.refused_by[0] for each in before.missed if len(each.refused_by) == 1} & {*GUARDS}):
        after = simulator.run(settings((guard,)))
        first = next((each for each in after.decisions if each.approved and not _approved(before, each.tape_pos)), None)
        twin = None if first is None else next(
            (each for each in before.missed if places[each.decision_id].tape_pos == first.tape_pos), None)
        if first is not None and twin is not None:
            compared += 1
            assert twin.steps == first.size
    assert compared


def _approved(outcome: Outcome, tape_pos: int) -> bool:
    return any(each.approved for each in outcome.decisions if each.tape_pos == tape_pos)


def test_an_estimate_counts_signals_of_several_guards_only_where_all_are_left_out() -> None:
    missed = [
        Missed(decision_id="1", refused_by=("a",), steps=2, step_pnl=Decimal(5), is_filled=True),
        Missed(decision_id="2", refused_by=("a", "b"), steps=1, step_pnl=Decimal(-3), is_filled=True),
        Missed(decision_id="3", refused_by=("a",), steps=1),
        Missed(decision_id="4", refused_by=("b",), steps=3, step_pnl=Decimal(0)),
    ]
    alone, both = estimate_without(missed, ["a"]), estimate_without(missed, ["a", "b"])
    assert (alone.net_pnl, alone.trades, alone.unknown) == (Decimal(10), 1, 1)
    assert (both.net_pnl, both.trades, both.unknown) == (Decimal(7), 2, 1)


def test_another_change_has_no_estimate_and_says_why(ruled: Path) -> None:
    change = "guards.min_confidence.minimum=0.9"
    row = what_if(BASE, [(Variant(overrides=(change,)), settings((), change))], ruled)["variants"][0]
    assert row["estimate"]["net_pnl"] is None
    assert row["estimate"]["reason"]
    assert row["estimate_error"] is None
    assert row["exact"]["digest"] == replay_folder(settings((), change), ruled).answer["digest"]
    assert row["exact"]["trades"] == replay_folder(BASE, ruled).answer["trades"] + row["difference"]["trades"]
    assert row["difference"]["trades"] < 0


def test_processes_give_what_one_process_gives(ruled: Path) -> None:
    variants = [(Variant(without=(name,)), settings((name,))) for name in GUARDS[:3]]
    seen: list[tuple[int, int]] = []
    alone = what_if(BASE, variants, ruled, jobs=1)
    several = what_if(BASE, variants, ruled, jobs=2, progress=lambda done, total: seen.append((done, total)))
    assert [each["exact"]["digest"] for each in several["variants"]] == [
        each["exact"]["digest"] for each in alone["variants"]]
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_folder_without_a_tape_is_nothing_recorded(tmp_path: Path) -> None:
    with pytest.raises(NothingRecorded):
        what_if(BASE, [(Variant(without=("cooldown",)), settings(("cooldown",)))], tmp_path)


# -- people's requests ------------------------------------------------------------------


@pytest.fixture(scope="module")
def halted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("halted") / "logs"
    request = OperatorAsked(ts_ns=0, id="req-1", verb="disable", name="trend_continuation", reason="news")
    record(folder, seed=82, mean_ticks=15_000, request=request)
    return folder


def test_a_persons_request_is_left_out_as_replay_leaves_it_out_and_said(halted: Path) -> None:
    answer = what_if(BASE, [(Variant(without=("cooldown",)), settings(("cooldown",)))], halted)
    assert answer["baseline"]["digest"] == replay_folder(BASE, halted).answer["digest"]
    assert answer["baseline"]["digest"] != answer["recorded"]["digest"]
    assert any("1 x disable trend_continuation" in reason for reason in answer["baseline_differs"])


def test_a_persons_request_can_be_held_at_its_place(halted: Path) -> None:
    answer = what_if(BASE, [(Variant(without=("cooldown",)), settings(("cooldown",)))], halted, with_requests=True)
    assert answer["baseline"]["digest"] == answer["recorded"]["digest"]
    assert answer["baseline_differs"] == []


def test_other_settings_than_the_recorded_are_said(ruled: Path) -> None:
    other = settings((), "guards.min_confidence.minimum=0.9")
    answer = what_if(other, [(Variant(without=("cooldown",)), settings(("cooldown",)))], ruled)
    assert answer["baseline"]["digest"] != answer["recorded"]["digest"]
    assert answer["baseline_differs"]


# -- a model's answers ------------------------------------------------------------------


@pytest.fixture(scope="module")
def happened(advised: Path) -> Happened:
    return read_happened(Recorded(BASE, advised))


@pytest.fixture(scope="module")
def simulator(advised: Path, happened: Happened) -> Simulator:
    return Simulator(Recorded(BASE, advised), happened.given)


def _answers_of(folder: Path) -> Counter[str]:
    """Count what the record's answers came to."""
    counts: Counter[str] = Counter()
    for step in read_steps(folder):
        if isinstance(step.event, RegimeFailed):
            counts["failed"] += 1
        elif isinstance(step.event, RegimeAnswered):
            taken = any(isinstance(fact, ModelAnswered) for fact in step.facts)
            counts["held" if taken else "superseded"] += 1
    return counts


def test_with_nothing_changed_a_models_day_is_lived_through_to_the_byte(
    advised: Path, happened: Happened, simulator: Simulator,
) -> None:
    came = simulator.run(BASE)
    counts = _answers_of(advised)
    assert counts["held"] > 10
    assert came.digest == happened.outcome.digest
    assert came.answers == Answers(
        recomputed=came.answers.recomputed, held=counts["held"], superseded=counts["superseded"],
        failed=counts["failed"],
    )


@pytest.mark.parametrize("change", [
    ("without", "max_position"), ("without", "session_hours"), ("without", "volatility"),
    ("set", "material.max_age_s=60"), ("set", "material.least_gap_s=120"), ("set", "budget.calls_per_day=5"),
    ("set", "cadence.interval_default_s=90"), ("set", "model.changes_per_hour=0"),
])
def test_every_answer_comes_to_its_place_whatever_was_changed(
    advised: Path, simulator: Simulator, change: tuple[str, str],
) -> None:
    kind, value = change
    came = simulator.run(settings((value,)) if kind == "without" else settings((), value))
    counts = _answers_of(advised)
    answers = came.answers
    assert answers.failed + answers.held + answers.superseded + answers.unplaced == sum(counts.values())
    assert answers.unplaced == 0
    assert answers.held > counts["held"] * 0.8


def test_questions_that_nobody_answered_then_fall_to_the_rules(simulator: Simulator, happened: Happened) -> None:
    came = simulator.run(settings((), "material.max_age_s=10", "material.least_gap_s=0"))
    assert came.answers.missing > 10
    assert came.answers.unplaced == 0


def test_an_authority_that_is_set_goes_before_the_recorded_one(simulator: Simulator, happened: Happened) -> None:
    came = simulator.run(settings((), "model.authority=observe"))
    assert came.answers.held > 10
    assert not any(each.setup == "model" and each.approved for each in came.decisions)
    assert any(each.setup == "model" and each.approved for each in happened.outcome.decisions)
