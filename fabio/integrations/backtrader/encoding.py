"""Records as JSON lines, made by the column.

A record has some forty numbers. orjson turns a whole column of one of them into text at once; a
template with a place for each then makes the lines. A record costs a few microseconds that way,
where one dictionary per record costs tens.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from fabio.integrations.backtrader.reading import Column

Tokens = Sequence[bytes]
"""The JSON text of one field, for each record."""

_ORDINAL_1970 = 719163.0
_GRAINS_PER_DAY = 864_000_000
"""A day in steps of 100 microseconds; Backtrader's times, days as floats, are not finer than 12."""
_NUMPY = orjson.OPT_SERIALIZE_NUMPY
_UTC = _NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def numbers(column: Column | NDArray[np.int64]) -> Tokens:
    """Write numbers; NaN and infinity become null.

    >>> numbers(np.array([1.5, float("nan")]))
    [b'1.5', b'null']
    """
    if not len(column):
        return []
    bits = column.view(np.int64)  # not the values: -0.0 equals 0.0 and is written otherwise
    if bits[0] == bits[-1] and (bits == bits[0]).all():
        return [_numbers(column[:1])] * len(column)
    return _numbers(column).split(b",")


def _numbers(column: Column | NDArray[np.int64]) -> bytes:
    return orjson.dumps(np.ascontiguousarray(column), option=_NUMPY)[1:-1]


def times(days: Column) -> Tokens:
    """Write Backtrader's times as RFC 3339, taken as UTC; null where there is none.

    >>> times(np.array([732099.395833333372, float("nan")]))
    [b'"2005-06-02T09:30:00Z"', b'null']
    """
    known = np.isfinite(days)
    grains = np.rint((np.where(known, days, _ORDINAL_1970) - _ORDINAL_1970) * _GRAINS_PER_DAY)
    stamps = (grains.astype(np.int64) * 100).astype("datetime64[us]")
    written = orjson.dumps(stamps, option=_UTC)[1:-1].split(b",") if len(days) else []
    if known.all():
        return written
    return [one if here else b"null" for one, here in zip(written, known, strict=True)]


def _plain(value: Any) -> float | str:
    """Make a number of what a foreign library counts with (numpy, Decimal), text of anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


text = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
"""Write any value."""


def alike(values: Sequence[Any]) -> Tokens:
    """Write values most of which are often the same."""
    same = values[0] == values[-1] and values.count(values[0]) == len(values)
    return [text(values[0])] * len(values) if same else [text(value) for value in values]


class Template:
    """Builds the lines: fixed text, and places that are filled from columns.

    Examples
    --------
    >>> template = Template()
    >>> template.fixed({"mode": "BACKTEST"})
    >>> template.place("price", [b"1.5", b"2.0"])
    >>> template.lines(2)
    [b'{"mode":"BACKTEST","price":1.5}', b'{"mode":"BACKTEST","price":2.0}']
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = [b"{"]  # the fixed text since the last place
        self._bare = True  # nothing in the innermost object yet
        self._columns: list[Iterable[bytes]] = []  # fixed text, place, fixed text, place, ...

    def fixed(self, fields: dict[str, Any]) -> None:
        """Add fields that are the same in every record."""
        for name, value in fields.items():
            self._name(name)
            self._parts.append(orjson.dumps(value))

    def place(self, name: str, column: Tokens) -> None:
        """Add a field whose text comes from `column`; one text for all is made a fixed one."""
        self._name(name)
        if len(column) > 1 and column[0] == column[-1] and column.count(column[0]) == len(column):
            self._parts.append(column[0])
            return
        self._columns += (repeat(b"".join(self._parts), len(column)), column)
        self._parts = []

    def open(self, name: str) -> None:
        """Begin an object inside."""
        self._name(name)
        self._parts.append(b"{")
        self._bare = True

    def close(self) -> None:
        """End the object that was begun last."""
        self._parts.append(b"}")
        self._bare = False

    def lines(self, count: int) -> list[bytes]:
        """Return `count` records."""
        end = b"".join([*self._parts, b"}"])
        if not self._columns:
            return [end] * count
        return list(map(b"".join, zip(*self._columns, repeat(end, count), strict=True)))

    def _name(self, name: str) -> None:
        self._parts.append(_key(name) if self._bare else b"," + _key(name))
        self._bare = False


@lru_cache(maxsize=4096)
def _key(name: str) -> bytes:
    return orjson.dumps(name) + b":"
