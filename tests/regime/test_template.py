"""Numbers in holes: the bytes that an encoder gives."""

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.features.layout import NULL
from fabio.regime.template import REAL, WORD, WORDS, Hole, Slot, Template

NOTHING = np.empty(0, dtype=np.int64)
NO_REALS = np.empty(0, dtype=np.float64)


def filled(hole: Hole, integer: int = 0, real: float = 0.0) -> bytes:
    template = Template({"n": hole})
    text = template.fill(np.array([integer], dtype=np.int64), np.array([real]))
    assert text.startswith(b'{"n":')
    return text[5:-1]


@given(st.integers(-(2**62), 2**62))
def test_an_integer_is_written_as_an_encoder_does(number):
    assert filled(Hole(0), number) == orjson.dumps(number)


@given(st.integers(-(10**9), 10**9), st.sampled_from([(25, 2), (1, 2), (10, 1), (5, 5), (50, 1)]))
def test_a_price_is_written_as_an_encoder_does(ticks, scale):
    factor, decimals = scale
    written = filled(Hole(0, factor=factor, decimals=decimals), ticks)
    value = ticks * factor / 10**decimals
    if value == 0 or abs(value) >= 1e-4:  # smaller ones get an exponent
        assert written == orjson.dumps(value)
    assert orjson.loads(written) == value


@given(st.floats(-1e9, 1e9), st.integers(1, 4))
def test_a_real_is_rounded_to_its_decimals(number, decimals):
    written = filled(Hole(0, REAL, decimals=decimals), real=number)
    assert abs(orjson.loads(written) - number) <= 0.500001 * 10**-decimals + 1e-6 * abs(number) * 1e-6
    assert len(written.partition(b".")[2]) <= decimals


@pytest.mark.parametrize(("number", "text"), [
    (0.0, b"0.0"), (-0.0001, b"0.0"), (0.5, b"0.5"), (-1.25, b"-1.25"), (1.0, b"1.0"), (100.0, b"100.0"),
    (0.03, b"0.03"), (-0.001, b"-0.001"), (12.3456, b"12.346"), (float("nan"), b"null"),
])
def test_zeros_at_the_end_are_left_out_but_one(number, text):
    assert filled(Hole(0, REAL, decimals=3), real=number) == text


def test_a_missing_integer_is_null():
    assert filled(Hole(0), NULL) == b"null"
    assert filled(Hole(0, WORD), NULL) == b"null"


@pytest.mark.parametrize("value", [-1, 0, 1])
def test_a_word_counts_from_its_first(value):
    hole = Hole(0, WORD, first_word=WORDS.index(b'"at_poc"'))
    assert filled(hole, value) == (b'"below_poc"', b'"at_poc"', b'"above_poc"')[value + 1]


def test_slots_are_filled_anew_and_keys_stand_in_order():
    template = Template({"b": {"y": Slot("y"), "x": 1.5}, "a": Slot("a"), "c": "é"}, opening=b"[")
    assert template.fill(NOTHING, NO_REALS) == '["a":null,"b":{"x":1.5,"y":null},"c":"é"}'.encode()
    template.put({"a": b"[1,2]", "y": b""})
    assert template.fill(NOTHING, NO_REALS) == '["a":[1,2],"b":{"x":1.5,"y":},"c":"é"}'.encode()
    template.put({"a": b"0", "y": b'"' + 1000 * b"z" + b'"'})
    longer = template.fill(NOTHING, NO_REALS)
    assert longer == b'["a":0,"b":{"x":1.5,"y":"%b"},"c":"\xc3\xa9"}' % (1000 * b"z")
