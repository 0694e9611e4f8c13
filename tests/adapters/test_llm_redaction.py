"""Secrets are masked, and nothing else is."""

import re
from pathlib import Path

import pytest

import fabio
from fabio.adapters.redact import Redactor

SECRET = "p1anted/Secret+Value=="


@pytest.mark.parametrize("text", [
    "sk-proj-AbCd1234EfGh5678", "sk-ant-api03-abcdefghijkl0", "gsk_abcdefghijkl0123", "Bearer abcdefghijkl0123",
    "bearer  abcdefghijkl-0123.xyz", "Authorization: Basic dXNlcjpwYXNzMTIz", "sk-abcd****wxyz****",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "AIzaSyA-1234567890abcdef", "AKIAIOSFODNN7EXAMPLE",
    "https://me:hunter2@host/", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "dGhpcyBpcyBhIGxvbmcgYmFzZTY0IHNlY3JldCAxMjM0NTY3", SECRET, f"x{SECRET}y",
])
def test_what_looks_like_a_secret_is_masked(text):
    hidden = Redactor([SECRET]).hide(f"it said {text} twice: {text}")
    assert "***" in hidden
    assert hidden.startswith("it said ")
    for piece in re.findall(r"[A-Za-z0-9+/=_-]{10,}", text):
        if piece != "Authorization":
            assert piece not in hidden


def test_our_own_words_are_never_masked():
    words = set()
    for path in Path(fabio.__file__).parent.rglob("*.py"):
        if "llm" not in path.parts:
            words.update(re.findall(r"[a-z_0-9]{3,}", path.read_text()))
    words = {word for word in words if not re.search(r"\d{6}", word)}  # a date in a file's name is no word
    assert len(words) > 3000
    hide = Redactor().hide
    assert [word for word in words if hide(f"the {word}") != f"the {word}"] == []


def test_what_the_question_told_may_be_said_again_but_a_key_may_not():
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    redactor = Redactor([SECRET])
    assert redactor.hide(digest, told=f"id {digest}") == digest
    assert redactor.hide(digest, told="id") == "***"
    assert redactor.hide(SECRET, told=SECRET) == "***"


def test_short_values_are_no_secrets_and_one_may_hold_another():
    redactor = Redactor(["", "demo", "hunter22", "hunter22hunter23"])
    assert redactor.hide("demo hunter22hunter23 hunter22") == "demo *** ***"
    redactor.keep_secret("a word of mine")
    assert redactor.hide("it is a word of mine") == "it is ***"


def test_a_detail_is_one_short_printable_line():
    redactor = Redactor([SECRET])
    assert redactor.detail(" a\x1b[31m\n\u202eb\x00 ") == "a [31m b"
    detail = redactor.detail("x" * 280 + SECRET * 9)
    assert len(detail) <= 300
    assert "p1anted" not in detail
