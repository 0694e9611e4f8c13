"""Notes: how outcomes support or contradict a claim, and which ones a question shows."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.model.strategy import Claim, Outcome
from fabio.regime.notes import (
    LIVING,
    NoteSettings,
    add_note,
    age,
    best,
    book,
    in_scope,
    is_known,
    judge_note,
    make_note,
    score,
    strength,
)

WIN, LOSS = 1.95, -1.05
SESSIONS = ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08")


def note(number=1, source="rules", text="it works", **claim):
    claim = {"strategy": "probe", "expects": "win", **claim}
    return make_note(f"N{number}", number, SESSIONS[0], Claim(text=text, **claim), source)


def outcome(number, value, strategy="probe", regime="trend", zone="poc"):
    return Outcome(id=f"D{number}", strategy=strategy, setup="probe", side=1, regime=regime, zone=zone,
                   session=SESSIONS[number % 4], ts_ns=number, r_multiple=value, net_pnl=value, is_shadow=True)


def told(which, values, **scope):
    for number, value in enumerate(values):
        which = book(which, outcome(number, value, **scope))
    return which


def lived(which, values, settings=NoteSettings()):  # noqa: B008
    """Book and judge as the machine does; give the note and all it was called."""
    called = []
    for number, value in enumerate(values):
        which = book(which, outcome(number, value))
        said = judge_note(which, settings)
        if said is not None:
            called.append(said[0])
            which = with_status(which, said[0])
    return which, called


def with_status(which, status):
    return msgspec.structs.replace(which, status=status)


outcomes = st.lists(st.tuples(st.sampled_from([WIN, LOSS, 0.0, 9.0, -9.0]), st.sampled_from(["probe", "other"]),
                              st.sampled_from(["trend", "range"])), max_size=60)


def test_a_scope_is_what_a_claim_names_and_nothing_where_it_names_nothing():
    seen = outcome(1, WIN)
    assert in_scope(note(), seen)
    assert in_scope(note(strategy="", regime="trend", zone="poc"), seen)
    assert not in_scope(note(regime="range"), seen)
    assert not in_scope(note(zone="vah"), seen)
    assert not in_scope(note(strategy="other"), seen)
    assert not in_scope(note(strategy=""), seen)


def test_a_record_counts_outcomes_wins_r_and_sessions_each_once():
    kept = told(note(), [WIN, LOSS, 0.0, -400.0, WIN])
    assert (kept.outcomes, kept.wins) == (5, 2)
    assert kept.total_r == pytest.approx(2 * WIN + LOSS - 5)
    assert kept.sessions == SESSIONS
    assert told(note(), [WIN], regime="trend", strategy="other") == note()


def test_a_note_is_supported_by_eight_outcomes_over_three_sessions():
    assert judge_note(told(note(), [WIN] * 7)) is None
    status, reason = judge_note(told(note(), [WIN] * 8))
    assert status == "supported"
    assert reason == "8 of 8 won over 4 sessions, mean +1.95 R: win was expected"
    few_days = note()
    for number in range(0, 80, 4):
        few_days = book(few_days, outcome(number, WIN))
    assert judge_note(few_days) is None
    assert judge_note(book(few_days, outcome(1, WIN))) is None
    assert judge_note(book(book(few_days, outcome(1, WIN)), outcome(2, WIN)))[0] == "supported"


def test_a_warning_is_supported_by_losses_and_contradicted_by_wins():
    warning = note(expects="loss")
    assert judge_note(told(warning, [LOSS] * 8))[0] == "supported"
    assert judge_note(told(warning, [WIN] * 8))[0] == "contradicted"
    assert judge_note(told(note(), [LOSS] * 8))[0] == "contradicted"


def test_outcomes_that_say_little_leave_a_note_pending():
    assert judge_note(told(note(), [WIN, LOSS, LOSS] * 4)) is None
    assert judge_note(told(note(expects="loss"), [WIN, LOSS, LOSS] * 4)) is None


def test_a_few_big_wins_among_losses_support_no_note():
    kept = told(note(), [5.0, 5.0, 5.0, *[LOSS] * 6])
    assert strength(kept) > 2
    assert judge_note(kept) is None


def test_a_supported_note_is_contradicted_once_its_sum_is_gone():
    kept, called = lived(note(), [WIN] * 8 + [LOSS] * 15)
    assert called == ["supported", "contradicted"]
    assert judge_note(kept) is None


def test_a_note_expires_after_twenty_sessions_whatever_it_was():
    for kept in (note(), told(note(), [WIN] * 20), with_status(told(note(), [WIN] * 20), "supported")):
        for _ in range(20):
            assert (judge_note(kept) or ("",))[0] != "expired"
            kept = age(kept)
        status, reason = judge_note(kept)
        assert status == "expired"
        assert "20 sessions old" in reason


@pytest.mark.parametrize("claim", [{"expects": None}, {"strategy": ""}])
def test_a_claim_that_cannot_be_tested_is_never_supported_and_expires(claim):
    kept = told(note(**claim), [WIN] * 40)
    assert judge_note(kept) is None
    for _ in range(20):
        kept = age(kept)
    assert judge_note(kept)[0] == "expired"


@pytest.mark.parametrize("status", ["contradicted", "expired", "retired"])
def test_what_no_longer_lives_is_neither_booked_nor_judged_nor_shown(status):
    kept = with_status(told(note(), [WIN] * 8), status)
    assert book(kept, outcome(1, WIN)) == kept
    assert judge_note(kept) is None
    assert best([kept]) == ()


def test_the_score_is_strength_that_fades_by_a_tenth_a_session():
    kept = told(note(), [WIN] * 9)
    assert score(note()) == 0
    assert score(kept) == pytest.approx(WIN * 3)
    assert score(age(age(kept))) == pytest.approx(WIN * 3 * 0.81)


def test_only_supported_fresh_notes_are_shown_the_best_few():
    kept = [with_status(told(note(number), [WIN] * (8 + number)), "supported") for number in range(8)]
    pending = told(note(90), [WIN] * 40)
    old = kept[7]
    for _ in range(20):
        old = age(old)
    shown = best([*kept[:7], pending, old])
    assert [each.id for each in shown] == ["N6", "N5", "N4", "N3", "N2"]
    assert best(kept, NoteSettings(shown_most=0)) == ()


def test_a_claim_of_the_same_meaning_makes_no_second_note():
    known = [note(1, text="probe works")]
    assert is_known(note(2, text="in other words", source="model"), known)
    assert not is_known(note(2, expects="loss"), known)
    assert not is_known(note(2, regime="trend"), known)
    assert not is_known(note(2), [with_status(known[0], "contradicted")])


def test_claims_that_cannot_be_tested_are_the_same_where_their_words_are():
    known = [note(1, text="Mondays are slow", strategy="", expects=None)]
    assert is_known(note(2, text="mondays  are slow", strategy="", expects=None), known)
    assert not is_known(note(2, text="Fridays are slow", strategy="", expects=None), known)


def test_a_flood_of_notes_washes_no_supported_one_away():
    kept = [with_status(told(note(0), [WIN] * 8), "supported")]
    for number in range(1, 300):
        kept = add_note(kept, note(number, text=f"flood {number}", strategy="", expects=None))
        assert len(kept) <= 50
    assert kept[0].id == "N0"
    assert kept[-1].id == "N299"


def test_what_goes_first_is_dead_then_untestable_then_pending_then_the_weakest():
    dead = with_status(note(1), "expired")
    untestable = note(2, strategy="", expects=None)
    weak = with_status(told(note(4), [WIN] * 8), "supported")
    strong = with_status(told(note(5), [WIN] * 20), "supported")
    kept, gone = [strong, weak, note(3), untestable, dead], []
    for number in range(10, 14):
        after = add_note(kept, with_status(told(note(number), [WIN] * 30), "supported"), most=5)
        gone += [each.id for each in kept if each not in after]
        kept = after
    assert gone == ["N1", "N2", "N3", "N4"]


def test_a_text_is_cut_at_a_hundred_and_sixty_characters():
    assert len(note(text="x" * 500).claim.text) == 160


@given(outcomes)
def test_counts_are_never_negative_and_never_exceed_each_other(rows):
    kept = note(regime="trend")
    for number, (value, strategy, regime) in enumerate(rows):
        kept = book(kept, outcome(number, value, strategy=strategy, regime=regime))
    matching = [row for row in rows if row[1:] == ("probe", "trend")]
    assert kept.outcomes == len(matching)
    assert 0 <= kept.wins == sum(row[0] > 0 for row in matching) <= kept.outcomes
    assert len(set(kept.sessions)) == len(kept.sessions) <= min(4, kept.outcomes)
    assert score(kept) >= 0


@given(st.lists(st.sampled_from([LOSS, -0.01, 0.0, -9.0]), max_size=60))
def test_a_note_that_expects_wins_and_only_loses_never_reaches_the_prompt(values):
    kept, called = lived(note(), values)
    assert "supported" not in called
    assert best([kept]) == ()


@given(st.lists(st.sampled_from([WIN, LOSS, 5.0]), max_size=80))
def test_a_note_is_called_at_most_supported_and_then_once_something_final(values):
    kept, called = lived(note(), values)
    assert called in ([], ["supported"], ["contradicted"], ["supported", "contradicted"])
    assert (kept.status in LIVING) == ("contradicted" not in called)


@given(outcomes, st.randoms(use_true_random=False))
def test_the_order_in_which_notes_are_kept_does_not_matter(rows, shuffle: random.Random):
    kept = [note(number, regime=regime, expects=expects) for number, (regime, expects) in
            enumerate((regime, expects) for regime in ("", "trend", "range") for expects in ("win", "loss"))]
    mixed = list(kept)
    shuffle.shuffle(mixed)

    def live(notes):
        for number, (value, strategy, regime) in enumerate(rows):
            notes = [book(each, outcome(number, value, strategy=strategy, regime=regime)) for each in notes]
            said = [judge_note(each) for each in notes]
            notes = [each if word is None else with_status(each, word[0])
                     for each, word in zip(notes, said, strict=True)]
        return notes

    assert best(live(kept)) == best(live(mixed))
    assert {each.id: each for each in live(kept)} == {each.id: each for each in live(mixed)}


@pytest.mark.parametrize(("name", "value"), [
    ("shown_most", 21), ("least_outcomes", 0), ("least_sessions", 0), ("least_strength", 0), ("least_share", 1.1),
    ("expires_sessions", 0), ("least_strength", float("nan")),
])
def test_a_bad_note_setting_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=name):
        NoteSettings(**{name: value})
