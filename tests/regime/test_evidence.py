"""What outcomes teach of a strategy: the two tests, the lessons, and what a model may change."""

import random
import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.strategy import Outcome, StrategyEvidence, StrategyState, StrategyUpdate
from fabio.regime.conditions import TEXT_MOST, condition_claim, tally_of
from fabio.regime.evidence import (
    KEPT,
    LearningSettings,
    book_outcome,
    changed,
    failing,
    judge,
    supports,
    switched,
)

CONFIGURED = StrategyState()
WIN, LOSS = 1.95, -1.05
BUILT = LearningSettings()
multiples = st.lists(st.sampled_from([WIN, LOSS, 0.0, 0.4, -0.3, 7.0, -30.0]), max_size=80)


def outcome(number, value, regime="range", zone="", side=1, strategy="probe"):
    return Outcome(id=f"D{number}", strategy=strategy, setup="probe", side=side, regime=regime, zone=zone,
                   session="2026-01-05", ts_ns=number, r_multiple=value, net_pnl=100 * value, is_shadow=number % 2 == 0)


def evidence_of(values, start=None, **more):
    known = start or StrategyEvidence(name="probe")
    for value in values:
        known = book_outcome(known, outcome(known.outcomes, value, **more))
    return known


def with_changes(**changes):
    return msgspec.structs.replace(CONFIGURED, **changes)


LOSING = evidence_of([WIN, WIN, *[LOSS] * 30])
WINNING = evidence_of([WIN, WIN, LOSS] * 10)


# -- the fold


def test_the_tests_are_sums_that_never_fall_below_zero():
    known = evidence_of([LOSS, LOSS])
    assert known.falling == pytest.approx(1.6)
    assert known.rising == 0
    known = evidence_of([WIN], known)
    assert known.falling == 0
    assert known.rising == pytest.approx(1.7)
    assert (known.outcomes, known.since_raise) == (3, 3)


def test_one_absurd_multiple_counts_as_five():
    assert evidence_of([-400.0]).falling == pytest.approx(4.75)
    assert evidence_of([400.0]).rising == pytest.approx(4.75)
    assert tally_of(evidence_of([-400.0]).last).net_r == -5
    assert evidence_of([float("-inf")]).falling == pytest.approx(4.75)


def test_a_signal_counts_once():
    known = evidence_of([LOSS])
    assert book_outcome(known, outcome(0, LOSS)) == known


def test_what_is_another_strategys_or_no_number_is_refused():
    with pytest.raises(ValueError, match="is of other"):
        book_outcome(StrategyEvidence(name="probe"), outcome(1, 1.0, strategy="other"))
    with pytest.raises(ValueError, match="NaN"):
        evidence_of([float("nan")])


def test_switching_starts_both_tests_again_and_remembers_who():
    off = switched(LOSING, "rules", False)
    assert (off.falling, off.rising, off.since_raise, off.switched_off_by) == (0, 0, 0, "rules")
    assert off.last == LOSING.last
    assert switched(off, "operator", True).switched_off_by == ""


def test_a_change_folds_as_switch_as_raise_or_as_nothing():
    more, off = with_changes(risk_fraction=0.006), with_changes(enabled=False)
    assert changed(WINNING, CONFIGURED, more, "rules").since_raise == 0
    assert changed(WINNING, more, CONFIGURED, "rules") == WINNING
    assert changed(WINNING, CONFIGURED, off, "operator").switched_off_by == "operator"
    assert changed(WINNING, off, with_changes(enabled=False, risk_fraction=0.006), "rules") == WINNING


@given(multiples)
def test_evidence_keeps_thirty_and_its_tests_stay_at_or_above_zero(values):
    known = evidence_of(values)
    assert known.outcomes == len(values)
    assert len(known.last) == min(len(values), KEPT)
    assert known.falling >= 0
    assert known.rising >= 0


# -- disabling


def test_a_loser_is_disabled_after_thirty_outcomes_and_not_before():
    assert judge(evidence_of([LOSS] * 29), CONFIGURED, CONFIGURED) is None
    lesson = judge(evidence_of([LOSS] * 30), CONFIGURED, CONFIGURED)
    assert lesson.update.enabled is False
    assert "0 of the last 30 won" in lesson.update.reason
    assert "falling test 24.00 (limit 5)" in lesson.update.reason
    assert lesson.claim.expects == "loss"


def test_the_bare_conditions_alone_disable_only_under_the_bare_rule():
    known = evidence_of([LOSS, LOSS, WIN] * 10)  # a third won: below 0.4, but the test keeps falling back
    assert judge(known, CONFIGURED, CONFIGURED) is None
    lesson = judge(known, CONFIGURED, CONFIGURED, LearningSettings(rule="bare"))
    assert lesson.update.enabled is False
    assert "falling test" not in lesson.update.reason


def test_a_run_of_losses_disables_only_when_the_test_stands_for_five_outcomes():
    lucky = [WIN, LOSS, LOSS] * 10
    for losses in range(1, 15):
        known = evidence_of([*lucky, *[LOSS] * losses])
        stood = sum(evidence_of([*lucky, *[LOSS] * count]).falling >= 5 for count in range(losses + 1))
        assert bool(failing(known)) == (stood >= 5), losses
        assert bool(failing(known, LearningSettings(confirm_outcomes=1))) == (known.falling >= 5)


@given(multiples, st.integers(1, 8), st.integers(0, 40))
def test_that_the_test_stood_is_told_from_the_outcomes_as_from_its_whole_course(values, confirm, switch_at):
    settings = LearningSettings(confirm_outcomes=confirm, least_outcomes=5)
    known, course = StrategyEvidence(name="probe"), []
    for number, value in enumerate(values):
        known = book_outcome(known, outcome(number, value))
        course.append(known.falling)
        if number == switch_at:
            known, course = switched(known, "operator", True), []
    tally = tally_of(known.last)
    bare = len(values) >= 5 and (tally.win_rate < 0.4 or tally.net_r < 0)
    stood = len(course) >= confirm and all(level >= 5 for level in course[-confirm:])
    near = any(abs(level - 5) < 1e-6 for level in course)
    assert near or bool(failing(known, settings)) == (bare and stood)


def test_the_window_is_judged_and_not_the_whole_life():
    known = evidence_of([*[WIN] * 160, *[LOSS] * 25])
    assert judge(known, CONFIGURED, CONFIGURED).update.enabled is False


def trades_to_disable(seed, win_rate, most):
    """Give the trades until a strategy of that win rate at 2 R is disabled, None where it is not."""
    draw, known = random.Random(seed), StrategyEvidence(name="probe")
    for number in range(most):
        known = book_outcome(known, outcome(number, WIN if draw.random() < win_rate else LOSS))
        if failing(known):
            return number + 1
    return None


def test_a_planted_loser_is_disabled_within_forty_five_trades():
    assert statistics.median(trades_to_disable(seed, 0.15, 300) or 999 for seed in range(20)) <= 45


def test_a_planted_winner_is_disabled_in_at_most_five_of_a_hundred_lives():
    assert sum(trades_to_disable(seed, 0.58, 160) is not None for seed in range(100)) <= 5


def test_disabling_gives_a_raised_risk_back_too():
    lesson = judge(LOSING, with_changes(risk_fraction=0.008), CONFIGURED)
    assert (lesson.update.enabled, lesson.update.risk_fraction) == (False, 0.005)


def test_nothing_follows_where_learning_is_off():
    assert judge(LOSING, CONFIGURED, CONFIGURED, LearningSettings(enabled=False)) is None


# -- risk


def test_success_raises_risk_by_a_step_up_to_the_most():
    lesson = judge(WINNING, CONFIGURED, CONFIGURED)
    assert lesson.update.risk_fraction == 0.006
    assert lesson.claim.expects == "win"
    assert "20 of the last 30 won" in lesson.update.reason
    assert judge(WINNING, with_changes(risk_fraction=0.0095), CONFIGURED).update.risk_fraction == 0.01
    assert judge(WINNING, with_changes(risk_fraction=0.01), CONFIGURED) is None


def test_two_raises_are_ten_outcomes_apart():
    raised = with_changes(risk_fraction=0.006)
    known = changed(WINNING, CONFIGURED, raised, "rules")
    for _ in range(9):
        known = evidence_of([WIN], known)
        assert judge(known, raised, CONFIGURED) is None
    assert judge(evidence_of([WIN], known), raised, CONFIGURED).update.risk_fraction == 0.007


def test_a_risk_that_somebody_lowered_is_left_alone():
    assert judge(WINNING, with_changes(risk_fraction=0.0025), CONFIGURED) is None


def test_a_win_rate_of_exactly_sixty_percent_raises_nothing():
    assert judge(evidence_of([WIN, WIN, WIN, LOSS, LOSS] * 6), CONFIGURED, CONFIGURED) is None


def test_many_small_wins_and_a_loss_in_all_raise_nothing():
    assert judge(evidence_of([0.1, 0.1, 0.1, LOSS] * 8), CONFIGURED, CONFIGURED) is None


def test_a_raised_risk_goes_back_when_the_window_loses():
    known = evidence_of([LOSS, LOSS, LOSS, WIN] * 8)
    lesson = judge(known, with_changes(risk_fraction=0.007), CONFIGURED)
    assert (lesson.update.risk_fraction, lesson.update.enabled) == (0.005, None)
    assert judge(known, CONFIGURED, CONFIGURED) is None


# -- return


def test_a_strategy_that_the_rules_disabled_returns_by_the_mirror_test():
    off, known = with_changes(enabled=False), switched(LOSING, "rules", False)
    for _ in range(9):
        known = evidence_of([WIN], known)
        assert judge(known, off, CONFIGURED) is None  # ten outcomes since then are the least
    lesson = judge(evidence_of([WIN], known), off, CONFIGURED)
    assert lesson.update.enabled is True
    assert "10 of the last 10 won" in lesson.update.reason
    assert lesson.claim.expects == "win"


def test_two_wins_that_touch_bring_no_loser_back():
    known = evidence_of([*[LOSS] * 9, WIN, WIN], switched(LOSING, "rules", False))
    assert known.rising >= 2
    assert judge(known, with_changes(enabled=False), CONFIGURED) is None


@pytest.mark.parametrize("by", ["operator", "settings", "gpt-x", ""])
def test_what_somebody_else_switched_off_does_not_return_by_rule(by):
    known = evidence_of([WIN] * 20, switched(LOSING, by, False))
    assert judge(known, with_changes(enabled=False), CONFIGURED) is None


def test_under_the_bare_rule_nothing_returns_that_it_would_disable_at_once():
    bare, off = LearningSettings(rule="bare"), with_changes(enabled=False)
    known = evidence_of([WIN] * 11, switched(LOSING, "rules", False))
    assert judge(known, off, CONFIGURED).update.enabled is True
    assert judge(known, off, CONFIGURED, bare) is None
    assert judge(evidence_of([WIN] * 10, known), off, CONFIGURED, bare).update.enabled is True


@given(multiples)
def test_a_lesson_once_followed_is_not_taught_again(values):
    known, state = StrategyEvidence(name="probe"), CONFIGURED
    for number, value in enumerate(values):
        known = book_outcome(known, outcome(number, value))
        lesson = judge(known, state, CONFIGURED)
        if lesson is None:
            continue
        changes = {name: getattr(lesson.update, name) for name in ("enabled", "risk_fraction")
                   if getattr(lesson.update, name) is not None}
        after = msgspec.structs.replace(state, **changes)
        assert after != state
        known, state = changed(known, state, after, "rules"), after
        assert judge(known, state, CONFIGURED) is None
        assert 0.005 <= state.risk_fraction <= 0.01


# -- conditions


def test_the_claim_names_where_it_failed_with_its_numbers():
    rows = [outcome(n, WIN if n % 6 == 0 else LOSS, regime="trend", side=-1 if n % 3 else 1) for n in range(18)]
    rows += [outcome(n, WIN if n % 2 else LOSS, zone="poc") for n in range(18, 30)]
    claim = condition_claim("probe", tuple(rows), "loss", 5)
    assert claim.text == "probe fails in trend: 3 of 18 won, mean -0.55 R, most so short (0 of 12, -1.05 R)"
    assert (claim.strategy, claim.regime, claim.zone, claim.expects) == ("probe", "trend", "", "loss")
    best = condition_claim("probe", tuple(rows), "win", 5)
    assert best.zone == "poc" or best.regime == "range"
    assert best.text.startswith("probe works")


def test_a_condition_with_few_outcomes_is_not_named():
    rows = [outcome(n, LOSS, regime="trend") for n in range(4)] + [outcome(n, 0.0) for n in range(4, 12)]
    rows += [outcome(n, LOSS) for n in range(12, 14)]
    assert condition_claim("probe", tuple(rows), "loss", 5).regime == "range"
    assert condition_claim("probe", tuple(rows), "loss", 20).text == "probe fails: 0 of 14 won, mean -0.45 R"


def test_no_claim_says_what_its_numbers_do_not():
    rows = tuple(outcome(n, WIN) for n in range(10))
    assert condition_claim("probe", rows, "loss", 5) is None
    assert condition_claim("probe", (), "loss", 5) is None
    assert len(condition_claim("p" * 300, rows, "win", 5).text) == TEXT_MOST


# -- what a model may change


def supported(known, state=CONFIGURED, settings=BUILT, **changes):
    return supports(known, StrategyUpdate(name="probe", reason="why", **changes), state, CONFIGURED, settings)


@pytest.mark.parametrize("changes", [
    {"enabled": False}, {"risk_fraction": 0.001}, {"max_trades_per_session": 0}, {"min_rr": 3.0}, {"enabled": True},
    {"risk_fraction": 0.005}, {"max_trades_per_session": 4}, {"min_rr": 1.5},
])
def test_what_shrinks_or_stands_as_configured_is_supported_without_any_evidence(changes):
    assert supported(StrategyEvidence(name="probe"), **changes) == ""
    assert supported(LOSING, **changes) == ""


def test_what_an_operator_switched_off_no_model_enables():
    known = evidence_of([WIN] * 30, switched(LOSING, "operator", False))
    assert "operator" in supported(known, with_changes(enabled=False), enabled=True)
    off = with_changes(enabled=False)
    update = StrategyUpdate(name="probe", reason="why", enabled=True)
    assert "settings" in supports(evidence_of([WIN] * 30), update, off, off)


def test_what_the_rules_disabled_a_model_enables_only_once_the_mirror_test_agrees():
    off, known = with_changes(enabled=False), switched(LOSING, "rules", False)
    assert "10 are the least" in supported(known, off, enabled=True)
    assert "rising test" in supported(evidence_of([LOSS] * 12, known), off, enabled=True)
    assert "of the last 10 won" in supported(evidence_of([LOSS, LOSS, LOSS, WIN, WIN] * 3, known), off, enabled=True)
    assert supported(evidence_of([WIN] * 12, known), off, enabled=True) == ""


def test_what_a_model_disabled_a_model_may_enable_unless_it_fails():
    off, known = with_changes(enabled=False), switched(WINNING, "gpt-x", False)
    assert supported(known, off, enabled=True) == ""
    assert "falling test" in supported(evidence_of([LOSS] * 25, known), off, enabled=True)


def test_more_risk_than_configured_needs_success_and_goes_by_one_step():
    assert supported(WINNING, risk_fraction=0.006) == ""
    assert "one step" in supported(WINNING, risk_fraction=0.0061)
    assert "won" in supported(LOSING, risk_fraction=0.006)
    assert "30 are the least" in supported(evidence_of([WIN] * 29), risk_fraction=0.006)
    assert "last raise" in supported(msgspec.structs.replace(WINNING, since_raise=9), risk_fraction=0.006)
    assert supported(LOSING, with_changes(risk_fraction=0.0025), risk_fraction=0.005) == ""
    assert "at the most" in supported(WINNING, with_changes(risk_fraction=0.01), risk_fraction=0.011)


@pytest.mark.parametrize("risk", [0.0, -1.0, float("nan"), float("inf")])
def test_a_risk_that_is_no_share_is_not_supported(risk):
    assert supported(WINNING, risk_fraction=risk) != ""


def test_more_trades_than_configured_are_never_supported():
    assert "configured 4" in supported(WINNING, max_trades_per_session=5)
    assert supported(WINNING, with_changes(max_trades_per_session=1), max_trades_per_session=4) == ""


@pytest.mark.parametrize("changes", [{"min_rr": 1.2}, {"stop_ticks": 10}, {"target_ticks": 10}])
def test_nearer_exits_and_lower_reward_need_success(changes):
    assert supported(WINNING, **changes) == ""
    assert "below the configured" in supported(LOSING, **changes)


def test_a_farther_fixed_distance_is_supported_and_a_nearer_one_is_not():
    fixed = with_changes(stop_ticks=20)
    update = StrategyUpdate(name="probe", reason="why", stop_ticks=30)
    assert supports(LOSING, update, fixed, fixed) == ""
    assert supports(LOSING, msgspec.structs.replace(update, stop_ticks=19), fixed, fixed) != ""


def test_one_part_that_is_not_supported_refuses_the_whole_change_with_all_reasons():
    refused = supported(LOSING, enabled=False, risk_fraction=0.009, max_trades_per_session=9)
    assert "risk_fraction" in refused
    assert "max_trades_per_session" in refused


@given(multiples, st.floats(0.0001, 0.02))
def test_no_evidence_supports_more_than_a_step_above_what_stands(values, risk):
    if risk > 0.006 + 1e-6:
        assert supported(evidence_of(values), risk_fraction=risk) != ""


# -- settings


@pytest.mark.parametrize(("name", "value"), [
    ("least_outcomes", 4), ("window", 31), ("reference", -0.1), ("limit", 0), ("return_limit", 101),
    ("raise_step", 0), ("raise_most", 0.02), ("raise_every", 0), ("confirm_outcomes", 0), ("return_outcomes", 31),
    ("disable_win_rate", 0.6), ("raise_win_rate", 1.1), ("least_in_condition", 0), ("limit", float("nan")),
])
def test_a_bad_setting_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=name):
        LearningSettings(**{name: value})
