"""Numbers and words of an answer are held to their bounds once and for all."""

import math

from hypothesis import given
from hypothesis import strategies as st

from fabio.regime.answer_context import Refused, Taking
from fabio.regime.wording import clean_text

BOUND = st.floats(0.001, 1000)


@given(st.floats(-3000, 3000), BOUND, BOUND)
def test_i62_a_number_that_was_held_stays_and_lies_in_its_bounds(said: float, one: float, other: float) -> None:
    least, most = sorted((one, other))
    taking, again = Taking(), Taking()
    try:
        taken = taking.hold("x", said, least, most)
    except Refused:
        assert not least / 2 <= said <= 2 * most
        return
    assert least <= taken <= most
    assert again.hold("x", taken, least, most) == taken
    assert again.changed == ()
    assert (taking.changed == ()) == (taken == said)


@given(st.integers(-300, 300), st.integers(1, 100), st.integers(1, 100))
def test_i62_a_whole_number_too(said: int, one: int, other: int) -> None:
    least, most = sorted((one, other))
    try:
        taken = Taking().whole("x", said, least, most)
    except Refused:
        assert said < math.ceil(least / 2) or said > 2 * most
        return
    assert least <= taken <= most
    assert Taking().whole("x", taken, least, most) == taken


@given(st.text(max_size=200), st.integers(1, 120))
def test_i63_words_that_were_cleaned_are_one_printable_line(text: str, most: int) -> None:
    taking = Taking()
    taken = taking.text("note", text, most)
    assert taken.splitlines() in ([], [taken])
    assert taken.isprintable()
    assert all(isinstance(said, str) and said.isprintable() for _, said, _ in taking.changed)
    assert clean_text(taken, most).isprintable()
