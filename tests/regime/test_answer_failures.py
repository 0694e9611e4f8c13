"""Every way in which an answer fails is refused as a whole, with a reason of the closed set."""

import time
from typing import get_args

import answer_corpus as corpus
import pytest

from fabio.regime.answer import BYTES_MOST, read_answer
from fabio.regime.answer_context import Why


@pytest.mark.parametrize("name", corpus.FAILURES)
def test_a_failed_answer_is_refused_as_a_whole_and_says_why(name):
    make, why = corpus.FAILURES[name]
    raw = make()
    reading = read_answer(raw, corpus.context())
    assert reading.reason.partition(":")[0] == why, reading.reason
    assert why in get_args(Why)
    assert (reading.assessment, reading.response) == (None, None)
    assert len(reading.reason) < 400


def test_every_failure_of_content_is_in_the_corpus():
    numbers = {int(name.split()[0]) for name in corpus.FAILURES if name[0].isdigit() and int(name.split()[0]) <= 24}
    assert numbers == set(range(1, 25))


@pytest.mark.parametrize("wrap", [
    "{}", "\ufeff{}", "\n\n  {}\t\r\n", "```json\n{}\n```", "```\n{}\n```", "  ```JSON\r\n{}\r\n```  ",
    "```json\n{}```", "{}" + " " * 250_000, "\n" * 250_000 + "{}",
])
def test_white_space_a_byte_order_mark_and_one_fence_are_taken_off(wrap):
    raw = wrap.replace("{}", corpus.text(corpus.good()))
    for each in (raw, raw.encode()):
        reading = read_answer(each, corpus.context())
        assert reading.reason == ""
        assert reading.assessment is not None


def test_the_json_of_a_refused_answer_is_kept_for_the_record():
    reading = read_answer(corpus.text(corpus.good(id="00000000")), corpus.context())
    assert reading.parsed == corpus.good(id="00000000")
    assert read_answer("no", corpus.context()).parsed is None


def test_the_largest_nonsense_is_refused_quickly():
    assert read_answer("no", corpus.context()).assessment is None  # kernels are compiled at their first call
    started = time.process_time()
    most = BYTES_MOST
    for raw in (b"x" * 1_000_000, "[" * most, '{"a":' * (most // 5), "```json\n" * (most // 8), "`" * most,
                '{"x":"' + "a_" * (most // 2 - 5) + '"}', '{"x":"' + "api key " * (most // 9) + '"}',
                "[" + "1," * (most // 3)):
        assert read_answer(raw, corpus.context()).assessment is None
    assert time.process_time() - started < 5
