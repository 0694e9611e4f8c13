"""Any bytes, any JSON and any mutation of a good answer are survived."""

import json
from typing import Any

import answer_corpus as corpus
from answer_corpus import context, good
from hypothesis import example, given
from hypothesis import strategies as st
from test_answer_injection import check

from fabio.regime.answer import read_answer

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4), max_leaves=12)
FIELDS = ("id", "market_assessment", "trade_decisions", "strategy_updates", "importance_zones", "notes_to_future_self")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the way to every value in an answer."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for step, each in inner for found in places(each, (*path, step)))]


PLACES = places(good())[1:]


@given(st.binary(max_size=300))
@example(b"\xff\xfe{\x00}\x00")
@example(b"\xed\xa0\x80")
@example(b"\x00")
def test_any_bytes_are_survived(raw):
    reading = read_answer(raw, context())
    assert reading.assessment is None
    assert reading.reason


@given(st.text(st.characters(codec=None), max_size=200))
def test_any_text_is_survived(raw):
    assert read_answer(raw, context()).assessment is None


@given(anything)
def test_any_json_is_survived(value):
    reading = read_answer(json.dumps(value), context())
    assert reading.assessment is None
    check(reading, context())


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, anything)))
def test_any_values_under_the_right_names_are_survived(value):
    check(read_answer(json.dumps(value), context()), context())


@given(st.sampled_from(PLACES), anything)
def test_a_good_answer_with_one_value_replaced_is_survived(path, value):
    answer = good()
    target: Any = answer
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    check(read_answer(json.dumps(answer), context()), context())


@given(st.sampled_from([path for path in PLACES if isinstance(path[-1], str)]))
def test_a_good_answer_with_one_field_taken_away_is_refused_but_for_changes(path):
    answer = good()
    target: Any = answer
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    reading = read_answer(json.dumps(answer), context())
    assert (reading.assessment is None) == ("changes" not in path[:-1])


@given(st.data())
def test_a_good_answer_with_its_bytes_damaged_is_survived(data):
    raw = bytearray(corpus.text(good()).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at:at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    check(read_answer(bytes(raw), context()), context())


@given(st.integers(0, 3000))
def test_a_good_answer_cut_off_anywhere_is_refused(at):
    raw = corpus.text(good())
    if at < len(raw):
        assert read_answer(raw[:at], context()).assessment is None


@given(st.permutations(FIELDS))
def test_the_order_of_the_fields_does_not_matter(order):
    answer = good()
    shuffled = {name: answer[name] for name in order}
    assert read_answer(json.dumps(shuffled, indent=2), context()) == read_answer(json.dumps(answer), context())
