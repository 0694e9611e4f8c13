"""Template: JSON text with holes, whose numbers a kernel writes.

Of a question only the numbers change from tick to tick; the text between them stands for a
minute or longer. So the text is put together where it changes, and a question is one pass of
a kernel over it (measured: 3 us for 60 numbers, against 25 us through a dict and an encoder).

Numbers have fixed decimals, less the zeros at their end: `0.5`, `-3`, `19998.0`. These are
the bytes that a JSON encoder gives the same values, so the question read and written again
is the same question. Missing is `null`.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from fabio.features.inlined import piece
from fabio.features.layout import NULL

INTEGER, REAL, WORD, SLOT = range(4)
WORDS = (b"null", b"false", b"true", b'"below_poc"', b'"at_poc"', b'"above_poc"', b'"none"', b'"outer"',
         b'"inner"', b'"A"', b'"N"', b'"B"')
"""All words a hole may take; a hole names its first one, its value counts from there."""
_WORD_TEXT = np.frombuffer(b"".join(WORDS), dtype=np.uint8)
_WORD_ENDS = np.cumsum([0, *map(len, WORDS)], dtype=np.uint64)
_LONGEST_NUMBER = 40

Parts = tuple[
    NDArray[np.uint8], NDArray[np.uint64], NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8],
    NDArray[np.uint64],
]
"""What a template hands to `fill`: its text, cut where; its holes, with their factors; the slots' texts, cut where."""
_KIND, _SOURCE, _FACTOR, _DECIMALS, _FIRST_WORD = range(5)
_HOLE_WIDTH = 5


class Hole(msgspec.Struct, frozen=True):
    """A place for a number.

    Parameters
    ----------
    source
        Index of the number among the integers, for `REAL` among the floats.
    kind
        `INTEGER`, `REAL` or `WORD`.
    factor
        Multiplies the number: the tick size without its decimal point, for a price. A whole number
        but for `REAL`.
    decimals
        Digits behind the decimal point, of which zeros at the end are left out, but one.
    first_word
        Place in `WORDS` of the word for 0.
    """

    source: int
    kind: int = INTEGER
    factor: float = 1
    decimals: int = 0
    first_word: int = 0


class Slot(msgspec.Struct, frozen=True):
    """A place for JSON that is put together elsewhere."""

    name: str


class Template:
    """A JSON object with holes and slots; keys are written in the order of the alphabet.

    Parameters
    ----------
    layout
        Dicts of dicts down to `Hole`, `Slot`, or a value that never changes.
    opening
        What stands before the first key: a comma where the object was begun elsewhere.
    """

    def __init__(self, layout: Mapping[str, Any], opening: bytes = b"{") -> None:
        self._slots: list[str] = []
        text, rows, factors, ends = b"", [], [], []
        for part in _walk(layout, opening):
            if isinstance(part, bytes):
                text += part
                continue
            ends.append(len(text))
            if isinstance(part, Slot):
                rows.append((SLOT, len(self._slots), 0, 0, 0))
                factors.append(0.0)
                self._slots.append(part.name)
            else:
                rows.append((part.kind, part.source, int(part.factor), part.decimals, part.first_word))
                factors.append(part.factor * 10**part.decimals)
        self._text = np.frombuffer(text, dtype=np.uint8)
        self._ends = np.array([*ends, len(text)], dtype=np.uint64)
        self._holes = np.array(rows, dtype=np.int64).reshape(len(rows), _HOLE_WIDTH)
        self._factors = np.array(factors, dtype=np.float64)
        self._slot_ends = np.zeros(len(self._slots) + 1, dtype=np.uint64)
        self._joined_ends = self._slot_ends.data  # takes Python's integers, at a third of numpy's cost
        self.out = np.empty(0, dtype=np.uint8)
        self.put(dict.fromkeys(self._slots, b"null"))

    def put(self, slots: Mapping[str, bytes]) -> None:
        """Put JSON into all slots; numbers come with `fill`.

        Sets `parts`, what the kernel `fill` takes first, and `out`, what it writes into.
        """
        pieces = [slots[name] for name in self._slots]
        joined = b"".join(pieces)
        for place, end in enumerate(accumulate(map(len, pieces)), 1):
            self._joined_ends[place] = end
        self.parts = (self._text, self._ends, self._holes, self._factors,
                      np.frombuffer(joined, dtype=np.uint8), self._slot_ends)
        room = len(self._text) + len(joined) + _LONGEST_NUMBER * len(self._holes)
        if len(self.out) < room:
            self.out = np.empty(2 * room, dtype=np.uint8)
            self._out_bytes = self.out.data

    def fill(self, integers: NDArray[np.int64], reals: NDArray[np.float64]) -> bytes:
        """Give the text with these numbers in its holes."""
        return bytes(self.written(fill(*self.parts, integers, reals, self.out)))

    def written(self, length: int) -> memoryview:
        """Give the first bytes of `out`; they stand until the next ones are written."""
        return self._out_bytes[:length]


def _walk(layout: Mapping[str, Any], before: bytes) -> Iterator[bytes | Hole | Slot]:
    for key in sorted(layout):
        value = layout[key]
        yield b'%b"%b":' % (before, key.encode())
        if isinstance(value, Hole | Slot):
            yield value
        elif isinstance(value, Mapping):
            yield from _walk(value, b"{")
        else:
            yield orjson.dumps(value)
        before = b","
    yield b"}"


# Places are unsigned: with signed ones numba asks at every byte whether it counts from the end,
# and copying takes ten times as long.


@piece
def _write_natural(out: NDArray[np.uint8], at: np.uint64, value: int, digits: int) -> np.uint64:
    """Write a natural number with at least so many digits; give the place behind it."""
    count, rest = 1, value // 10
    while rest > 0:
        count += 1
        rest //= 10
    end = at + np.uint64(max(count, digits))
    place = end
    while place > at:
        place -= np.uint64(1)
        out[place] = 48 + value % 10
        value //= 10
    return end


@piece
def _write_decimal(out: NDArray[np.uint8], at: np.uint64, value: int, decimals: int) -> np.uint64:
    """Write value / 10^decimals; give the place behind it."""
    if value < 0:
        out[at] = 45  # -
        at += np.uint64(1)
        value = -value
    while decimals > 1 and value % 10 == 0:
        value //= 10
        decimals -= 1
    if decimals == 0:
        return _write_natural(out, at, value, 1)
    end = _write_natural(out, at, value, decimals + 1)
    point = end - np.uint64(decimals)
    for place in range(end, point, -1):
        out[place] = out[place - np.uint64(1)]
    out[point] = 46  # .
    return end + np.uint64(1)


@piece
def _write_text(
    out: NDArray[np.uint8], at: np.uint64, text: NDArray[np.uint8], start: np.uint64, end: np.uint64,
) -> np.uint64:
    length = end - start
    for place in range(length):
        out[at + place] = text[start + place]
    return at + length


@piece
def _write_word(out: NDArray[np.uint8], at: np.uint64, word: int) -> np.uint64:
    return _write_text(out, at, _WORD_TEXT, _WORD_ENDS[word], _WORD_ENDS[word + 1])


@piece
def fill(
    text: NDArray[np.uint8], ends: NDArray[np.uint64], holes: NDArray[np.int64], factors: NDArray[np.float64],
    joined: NDArray[np.uint8], joined_ends: NDArray[np.uint64],
    integers: NDArray[np.int64], reals: NDArray[np.float64], out: NDArray[np.uint8],
) -> int:
    """Write text and what is in the holes by turns into `out`; give the length.

    `ends` holds where each hole cuts the text, `joined_ends` where each slot's text begins.
    """
    at = start = np.uint64(0)
    for number in range(len(holes)):
        at = _write_text(out, at, text, start, ends[number])
        start = ends[number]
        hole = holes[number]
        source, decimals = hole[_SOURCE], hole[_DECIMALS]
        if hole[_KIND] == SLOT:
            at = _write_text(out, at, joined, joined_ends[source], joined_ends[source + 1])
        elif hole[_KIND] == REAL:
            real = reals[source] * factors[number]
            known = real == real
            at = _write_decimal(out, at, int(np.rint(real)), decimals) if known else _write_word(out, at, 0)
        elif integers[source] == NULL:
            at = _write_word(out, at, 0)
        elif hole[_KIND] == WORD:
            at = _write_word(out, at, hole[_FIRST_WORD] + integers[source])
        else:
            at = _write_decimal(out, at, integers[source] * hole[_FACTOR], decimals)
    return int(_write_text(out, at, text, start, ends[len(holes)]))


def scaled(step: Decimal, least_decimals: int = 0) -> tuple[int, int]:
    """Give a decimal step as an integer and its count of decimals.

    >>> scaled(Decimal("0.25"), 1), scaled(Decimal(5), 1), scaled(Decimal(1))
    ((25, 2), (50, 1), (1, 0))
    """
    decimals = max(-int(step.normalize().as_tuple().exponent), least_decimals, 0)
    return int(step.scaleb(decimals)), decimals
