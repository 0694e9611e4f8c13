"""Which changes are proposed, and when a paired trial confirms one."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from whatif_lab import BASE, record, settings

from fabio.learning.cycle_trial import LEAST_CHANGED, compare, split, try_out
from fabio.learning.guard_effect import LEAST_OUTCOMES
from fabio.learning.proposals import MOST_PROPOSALS, dials, propose
from fabio.learning.whatif import Variant, what_if
from fabio.learning.whatif_run import Decided, Outcome
from fabio.learning.window import Signal


def cases(net: str, refused_by: Sequence[str] = (), count: int = LEAST_OUTCOMES, strategy: str = "mean_reversion",
          **values: float) -> list[Signal]:
    return [Signal(
        decision_id=f"D{number}", ts_ns=number, session=f"2025-06-{2 + number % 6:02d}", strategy=strategy,
        regime="range", approved=not refused_by, refused_by=tuple(refused_by), ending="filled",
        net_pnl=Decimal(net) + number % 3, r_multiple=1.0, regime_source="rules", values=dict(values),
    ) for number in range(count)]


def proposed(found: Sequence[Signal]) -> list[str]:
    return [each.override for each in propose(BASE, found)]


def test_a_guard_is_loosened_by_a_step_where_what_that_lets_in_would_have_won() -> None:
    assert proposed(cases("50", ["min_confidence"], min_confidence=0.47)) == ["guards.min_confidence.minimum=0.45"]
    assert proposed(cases("50", ["volatility"], volatility=2.6)) == ["guards.volatility.max_ratio=2.75"]


def test_a_guard_is_tightened_by_a_step_where_what_that_keeps_out_lost() -> None:
    found = cases("-50", min_confidence=0.52) + cases("200", min_confidence=0.8)
    assert proposed(found) == ["guards.min_confidence.minimum=0.55"]
    found = cases("-50", volatility=2.4) + cases("200", volatility=1.0)
    assert proposed(found) == ["guards.volatility.max_ratio=2.25"]


def test_min_rr_moves_for_its_own_strategy_alone() -> None:
    found = cases("-50", min_reward_risk=1.6) + cases("200", min_reward_risk=3.0)
    assert proposed(found) == ["strategies.mean_reversion.min_rr=1.75"]
    found = cases("50", ["min_reward_risk"], strategy="trend_continuation", min_reward_risk=1.3)
    assert proposed(found) == ["strategies.trend_continuation.min_rr=1.25"]


def test_a_strategy_whose_taken_signals_lose_is_proposed_off_with_the_way_back() -> None:
    only, = propose(BASE, cases("-50"))
    assert only.override == "strategies.mean_reversion.enabled=false"
    assert (only.apply, only.undo) == ("fabio strategy disable mean_reversion", "fabio strategy enable mean_reversion")


@pytest.mark.parametrize("found", [
    cases("50", ["min_confidence"], count=LEAST_OUTCOMES - 1, min_confidence=0.47),  # too few
    cases("50", ["min_confidence", "volatility"], min_confidence=0.47, volatility=2.6),  # another refused it as well
    cases("50", ["min_confidence"], min_confidence=0.2),  # a step does not let them in
    cases("-50", ["min_confidence"], min_confidence=0.47),  # it was right
    cases("-1", min_confidence=0.52),  # nothing on one side of 0
    cases("50", ["daily_loss"], daily_loss=499.0),  # what protects the account stays
    [],
])
def test_nothing_is_proposed_without_enough_on_one_side(found: list[Signal]) -> None:
    assert proposed(found) == []


def test_proposals_are_few_and_every_step_stays_within_its_limits() -> None:
    many = [
        *cases("-50", min_confidence=0.52, volatility=2.4, cooldown=70.0, min_reward_risk=1.6),
        *cases("-60", strategy="trend_continuation", min_reward_risk=1.6),
        *cases("50", ["min_reward_risk"], min_reward_risk=1.3),
        *cases("50", ["cooldown"], cooldown=40.0), *cases("50", ["volatility"], volatility=2.6),
    ]
    assert len(proposed(many)) == MOST_PROPOSALS
    for dial in dials(settings((), "guards.min_confidence.minimum=0.9", "guards.cooldown.after_exit_s=10")):
        for kind in ("loosen", "tighten"):
            assert dial.least <= dial.turned(kind) <= dial.most
    for override in proposed(many):
        settings((), override)  # the configuration takes it


# -- trials -----------------------------------------------------------------------------


def outcome(pnl: Mapping[int, str]) -> Outcome:
    """Give a run whose decisions, by their place on the tape, made this; a session has 100 places."""
    return Outcome(
        net_pnl=sum(map(Decimal, pnl.values()), Decimal(0)), trades=len(pnl), digest="", by_guard={},
        pnl={f"D{place}": Decimal(net) for place, net in pnl.items()},
        decisions=tuple(Decided(
            id=f"D{place}", ts_ns=place, tape_pos=place, symbol="MNQ", strategy="mean_reversion", setup="planned",
            side=1, approved=True, refused_by=(), size=1.0, levels=(0, 0, 0), why="",
        ) for place in pnl),
    )


def session_of(symbol: str, ts_ns: int) -> str:
    return f"d{ts_ns // 100}"


HELD = ("d5", "d6", "d7", "d8", "d9")


def test_only_what_held_back_sessions_made_is_compared() -> None:
    row = compare(outcome({120: "1000", 510: "10"}), outcome({120: "-1000", 510: "30"}), HELD, session_of)
    assert (row["baseline_pnl"], row["exact_pnl"], row["difference"], row["changed"]) == (10, 30, 20, 1)


def test_a_gain_in_every_held_back_session_confirms() -> None:
    before, after = {n * 100 + 7: "-40" for n in range(5, 10)}, dict[int, str]()
    row = compare(outcome(before), outcome(after), HELD, session_of)
    assert (row["difference"], row["interval_over"], row["confirmed"]) == (200, "sessions", True)
    assert row["low"] == row["high"] == 200


@pytest.mark.parametrize(("before", "after"), [
    ({507: "-900"}, {}),  # one session's luck
    ({n * 100 + 7: "40" for n in range(5, 10)}, {}),  # it loses
    ({n * 100 + 7: "40" for n in range(5, 10)}, {n * 100 + 7: "40" for n in range(5, 10)}),  # nothing differs
    ({n * 100 + 7: "-40" for n in range(5, 5 + LEAST_CHANGED - 1)}, {}),  # too few differ
])
def test_a_difference_of_luck_none_or_few_does_not_confirm(before: dict[int, str], after: dict[int, str]) -> None:
    assert not compare(outcome(before), outcome(after), HELD, session_of)["confirmed"]


def test_a_third_is_held_back_and_it_is_the_last() -> None:
    made_from, held = split([f"2025-06-{day:02d}" for day in range(11, 1, -1)])
    assert (len(made_from), held) == (7, ("2025-06-09", "2025-06-10", "2025-06-11"))


def test_a_trial_over_a_whole_tape_differs_by_what_whatif_says(tmp_path: Path) -> None:
    record(tmp_path / "logs", seed=82, mean_ticks=15_000)
    override = "guards.session_hours.entries=all"
    told = what_if(BASE, [(Variant(overrides=(override,)), settings((), override))], tmp_path / "logs")["variants"][0]
    assert told["difference"]["net_pnl"] != 0
    dates = [f"2026-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 32)]
    row, = try_out(BASE, [settings((), override)], tmp_path / "logs", dates, lambda done, total: None)
    assert row["difference"] == pytest.approx(told["difference"]["net_pnl"])
    none, = try_out(BASE, [settings((), override)], tmp_path / "logs", ["1999-01-04"], lambda done, total: None)
    assert (none["difference"], none["changed"], none["confirmed"]) == (0, 0, False)
