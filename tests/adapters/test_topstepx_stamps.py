"""Timestamps of the wire to nanoseconds and back."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.stamps import BadStamp, stamp_ns, stamp_text

nanoseconds = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("2026-08-27T14:30:00.1234567+00:00", 1_787_841_000_123_456_700),
        ("2026-08-27T14:30:00.1Z", 1_787_841_000_100_000_000),
        ("2026-08-27T09:30:00.123-05:00", 1_787_841_000_123_000_000),
        ("2026-08-28T00:15:00+09:45", 1_787_841_000_000_000_000),
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
        ("2024-02-29T23:59:59.9999999Z", 1_709_251_199_999_999_900),
    ],
)
def test_the_forms_the_gateway_writes_are_read_to_the_last_digit(text, expected) -> None:
    assert stamp_ns(text) == expected


@given(st.integers(10**7, 7 * 10**9), st.integers(-1439, 1439), st.integers(0, 9), st.data())
def test_every_instant_agrees_with_datetime_and_keeps_its_fraction(seconds, offset_minutes, digits, data) -> None:
    moment = datetime.fromtimestamp(seconds, tz=timezone(timedelta(minutes=offset_minutes)))
    fraction = data.draw(st.text("0123456789", min_size=digits, max_size=digits))
    text = moment.isoformat()
    with_fraction = text[:19] + ("." + fraction if digits else "") + text[19:]
    assert stamp_ns(with_fraction) == seconds * 10**9 + int(fraction.ljust(9, "0"))


@given(nanoseconds, st.integers(0, 9), st.sampled_from(["Z", "+00:00"]))
def test_a_written_stamp_reads_back_cut_to_its_digits(value, digits, zone) -> None:
    unit = 10 ** (9 - digits)
    assert stamp_ns(stamp_text(value, digits, zone)) == value // unit * unit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-08-27",
        "2026-08-27T14:30:00",
        "2026-08-27 14:30:00Z",
        "2026-08-27T14:30Z",
        "2026-08-27T14:30:00.Z",
        "2026-08-27T14:30:00.1234567890Z",
        "2026-08-27T24:00:00Z",
        "2026-08-27T14:60:00Z",
        "2026-08-27T14:30:60Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-08-27T14:30:00+0000",
        "2026-08-27T14:30:00+24:00",
        "2026-08-27T14:30:00Z ",
        "2026-08-27T14:30:00z\n",
        "２０２６-08-27T14:30:00Z",
        "2026-08-27T14:30:0١Z",
        "0001-01-01T00:00:00+00:00",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00+01:00",
        "2262-04-11T23:47:16.854775808Z",
        "9999-12-31T23:59:59.9999999Z",
    ],
)
def test_what_is_no_stamp_is_refused_with_a_sentence(text) -> None:
    with pytest.raises(BadStamp, match="expected"):
        stamp_ns(text)


LIKE_A_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,12})?(Z|[+-]\d\d:\d\d)"


@given(st.text(max_size=60) | st.from_regex(LIKE_A_STAMP, fullmatch=True))
def test_any_text_is_a_stamp_of_63_bits_or_a_bad_stamp(text) -> None:
    try:
        value = stamp_ns(text)
    except BadStamp:
        return
    assert 0 <= value < 2**63


@pytest.mark.parametrize("wrong", [{"nanoseconds": -1}, {"nanoseconds": 2**63}, {"digits": 10}, {"zone": "CT"}])
def test_what_cannot_be_written_is_refused(wrong) -> None:
    with pytest.raises(BadStamp, match="expected"):
        stamp_text(**{"nanoseconds": 0} | wrong)
