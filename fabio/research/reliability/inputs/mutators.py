"""Bad input made from good: bytes changed at random, and megabytes that parsers do not like.

One place for all surfaces: the bars of `input_bars` and the tests draw from it. The same seed gives the same
bytes on every machine.
"""

import random
import re
from collections.abc import Callable, Sequence

Mutation = Callable[[random.Random, bytes], bytes]

TOKENS = (
    b"null", b"NaN", b"-Infinity", b"1e400", b"1e999999999", b'"NaN"', b'"7"', b"-1", b"0", b"{}", b"[]", b"true",
    b'"\\ud800"', b"99999999999999999999999999", b'"0001-01-01T00:00:00Z"', b"[" * 5000, b"[" * 2000 + b"]" * 2000,
    b"-0.0", b"0x10", b"1_000", b'""', b"'", b'"treu"', b"24:00", b"\xef\xbc\x91", b"1e-400", b"9" * 5000,
)
BYTES = (b"\x1e", b"\x00", b"\xff", b"\xef\xbb\xbf", b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b" ", b"\n",
         b"9", b"=", b"\r", b";", b"#", b"$", b"\x1b[31m")
VALUE = re.compile(rb'-?\d+(?:\.\d+)?|"[^"]*"|null|\[\]|true')
MIB = 1024 * 1024


def flip(draw: random.Random, text: bytes) -> bytes:
    """Flip one bit."""
    if not text:
        return text
    place = draw.randrange(len(text))
    return text[:place] + bytes([text[place] ^ (1 << draw.randrange(8))]) + text[place + 1 :]


def cut_out(draw: random.Random, text: bytes) -> bytes:
    """Take a stretch away."""
    start, stop = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    return text[:start] + text[stop:]


def cut_off(draw: random.Random, text: bytes) -> bytes:
    """End it early."""
    return text[: draw.randrange(len(text) + 1)]


def insert(draw: random.Random, text: bytes) -> bytes:
    """Put a byte in that means something somewhere."""
    place = draw.randrange(len(text) + 1)
    return text[:place] + draw.choice(BYTES) + text[place:]


def repeat(draw: random.Random, text: bytes) -> bytes:
    """Say a stretch twice."""
    start, stop = sorted(draw.randrange(len(text) + 1) for _ in range(2))
    return text[:stop] + text[start:]


def other_value(draw: random.Random, text: bytes) -> bytes:
    """Put something else in a value's place."""
    found = list(VALUE.finditer(text))
    if not found:
        return text
    value = draw.choice(found)
    return text[: value.start()] + draw.choice(TOKENS) + text[value.end() :]


def swap_lines(draw: random.Random, text: bytes) -> bytes:
    """Let two lines change places."""
    lines = text.split(b"\n")
    first, second = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


USUAL: tuple[Mutation, ...] = (flip, flip, cut_out, cut_off, insert, repeat, other_value, other_value, other_value,
                               swap_lines)


class Mutator:
    """Makes bad input of good.

    Parameters
    ----------
    samples
        Good input.
    draw
        Where chance comes from.
    more
        Mutations of one format's own, beside the usual ones.
    """

    def __init__(self, samples: Sequence[bytes], draw: random.Random, more: Sequence[Mutation] = ()) -> None:
        self._samples = samples
        self._draw = draw
        self._mutations = (*USUAL, *more, self._splice)

    def mutated(self) -> bytes:
        """Give one sample, changed in one to three ways; now and then nothing but noise."""
        if self._draw.random() < 0.02:
            return self._draw.randbytes(self._draw.randrange(300))
        return self.changed(self._draw.choice(self._samples))

    def changed(self, text: bytes) -> bytes:
        """Change a text in one to three ways."""
        for _ in range(self._draw.choice((1, 1, 1, 2, 3))):
            text = self._draw.choice(self._mutations)(self._draw, text)
        return text

    def _splice(self, draw: random.Random, text: bytes) -> bytes:
        """End it with another sample's end."""
        other = draw.choice(self._samples)
        if not other:
            return text
        return text[: draw.randrange(len(text) + 1)] + other[draw.randrange(len(other)) :]


def megabytes(samples: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """Give a mebibyte each of what parsers do not like, by name."""
    shapes = {
        "zeros": b"\x00", "blanks": b" ", "lines": b"\n", "brackets": b"[", "braces": b'{"a":', "digits": b"9",
        "letters": b"a", "quotes": b'"', "backslashes": b"\\", "commas": b",", "tables": b"[a]\n", "keys": b"a = 1\n",
        "text": b'"aaaaaaaaaaaaaaaa",', "high bytes": b"\xff",
    }
    made = [(name, unit * (MIB // len(unit))) for name, unit in shapes.items()]
    for number, sample in enumerate(samples[:3]):
        made.append((f"sample {number} again and again", sample * (MIB // max(len(sample), 1))))
        made.append((f"sample {number} and blanks", sample + b" " * (MIB - len(sample))))
    made.append(("one long string", b'{"a":"' + b"a" * (MIB - 8) + b'"}'))
    made.append(("many keys", b"{" + b",".join(b'"k%d":1' % key for key in range(60_000)) + b"}"))
    return made
