"""The backoff and the budget of attempts, by a clock made of numbers."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.backoff import AttemptBudget, Backoff

shares = st.floats(min_value=0, max_value=1, exclude_max=True)


def test_pauses_grow_by_the_factor_up_to_the_cap() -> None:
    pauses = Backoff(1.0, 30.0, lambda: 0.0)
    assert [pauses.next_s() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_reset_begins_with_the_first_pause_again() -> None:
    pauses = Backoff(0.5, 4.0, lambda: 0.0, factor=3.0)
    assert [pauses.next_s() for _ in range(3)] == [0.5, 1.5, 4.0]
    pauses.reset()
    assert pauses.next_s() == 0.5


@given(st.lists(shares, min_size=1, max_size=60), st.floats(0.1, 10), st.floats(1, 10), st.floats(0, 0.9))
def test_no_pause_is_above_the_cap_or_below_its_share(drawn, first_s, factor, jitter) -> None:
    draws = iter(drawn)
    pauses = Backoff(first_s, first_s * 20, lambda: next(draws), factor=factor, jitter=jitter)
    whole_s = first_s
    for _ in drawn:
        pause_s = pauses.next_s()
        assert whole_s * (1 - jitter) * 0.999999 <= pause_s <= min(whole_s, pauses.cap_s)
        whole_s = min(whole_s * factor, first_s * 20)


def test_chance_makes_two_backoffs_differ_and_a_seed_makes_them_equal() -> None:
    def drawn(seed):
        pauses = Backoff(1.0, 30.0, random.Random(seed).random)
        return [pauses.next_s() for _ in range(10)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize(
    "numbers", [{"first_s": 0.0}, {"cap_s": 0.5}, {"factor": 0.9}, {"jitter": 1.0}, {"jitter": -0.1}]
)
def test_pauses_that_do_not_grow_are_refused(numbers) -> None:
    with pytest.raises(ValueError, match="expected 0 < first"):
        Backoff(**{"first_s": 1.0, "cap_s": 30.0, "random_share": lambda: 0.0} | numbers)


def attempts_at(budget, pause_s, until_s):
    """Attempt again and again, `pause_s` after each attempt, as soon as the budget allows."""
    now_s, made = 0.0, []
    while now_s < until_s:
        wait_s = budget.wait_s(now_s)
        if wait_s > 0:
            now_s += wait_s
            continue
        budget.spend(now_s)
        made.append(now_s)
        now_s += pause_s()
    return [at_s for at_s in made if at_s < until_s]


def most_in_any_window(made, window_s):
    return max(sum(1 for each in made if start <= each < start + window_s) for start in made)


@given(st.floats(0, 40), st.integers(0, 2**32))
def test_whatever_the_pauses_at_most_25_attempts_fall_into_ten_minutes_and_none_too_near(pause_s, seed) -> None:
    draw = random.Random(seed)
    made = attempts_at(AttemptBudget(25, 600.0, 0.5), lambda: pause_s * draw.random(), 2400.0)
    assert most_in_any_window(made, 599.999) <= 25
    assert min(later - earlier for earlier, later in itertools.pairwise(made)) >= 0.499999


def test_a_storm_never_leaves_minutes_without_an_attempt() -> None:
    backoff = Backoff(1.0, 30.0, random.Random(7).random)
    made = attempts_at(AttemptBudget(25, 600.0, 0.5), backoff.next_s, 3600.0)
    assert max(later - earlier for earlier, later in itertools.pairwise(made)) <= 45.0


def test_a_short_outage_does_not_feel_the_budget() -> None:
    backoff = Backoff(1.0, 30.0, lambda: 0.0)
    made = attempts_at(AttemptBudget(25, 600.0, 0.5), backoff.next_s, 60.0)
    assert made == [0, 1, 3, 7, 15, 31]


@pytest.mark.parametrize("numbers", [(1, 60.0, 0.5), (25, 10.0, 0.5), (25, 600.0, -1.0)])
def test_a_budget_without_room_is_refused(numbers) -> None:
    with pytest.raises(ValueError, match="expected at least 2"):
        AttemptBudget(*numbers)
