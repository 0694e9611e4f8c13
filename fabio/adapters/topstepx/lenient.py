"""Reads JSON that may be partly wrong: what can be read is kept, what cannot is handed back.

Tried whole first, at full speed; only where that fails item by item, field by field. Not
strict: a number may come as a string, an integer with a zero fraction.
"""

from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from fabio.adapters.topstepx.signalr.protocol import DECODE_ERRORS

T = TypeVar("T", bound=msgspec.Struct)

_LARGEST_POWER = 12
_SMALLEST_POWER = -30


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """Give a decoder for a type that takes numbers as strings."""
    return msgspec.json.Decoder(kind, strict=False)


ITEMS: msgspec.json.Decoder[list[msgspec.Raw]] = decoder(list[msgspec.Raw])
"""An array's items, each as it stands."""

MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = decoder(dict[str, msgspec.Raw])
"""An object's members, each as it stands."""


def is_number(value: Decimal) -> bool:
    """Tell whether a number can be a price or an amount: finite, and below a million million.

    `1e999999` is a finite decimal; made an integer it takes all memory.

    Examples
    --------
    >>> [is_number(Decimal(text)) for text in ("21000.25", "0", "-37.63", "NaN", "1e999999")]
    [True, True, True, False, False]
    """
    return value.is_finite() and _SMALLEST_POWER < value.adjusted() < _LARGEST_POWER


class Items(Generic[T]):
    """Reads an object, or an array of objects with nulls between them, as values of one type.

    Parameters
    ----------
    kind
        A struct.
    """

    def __init__(self, kind: type[T]) -> None:
        self._one: msgspec.json.Decoder[T] = decoder(kind)
        one_or_many: Any = kind | list[kind | None]  # type: ignore[valid-type]
        self._whole: msgspec.json.Decoder[T | list[T | None]] = decoder(one_or_many)

    def read(self, raw: msgspec.Raw) -> tuple[list[T], list[msgspec.Raw]]:
        """Give the values, and the items that are none; nulls are neither."""
        try:
            whole = self._whole.decode(raw)
        except DECODE_ERRORS:
            return self._one_by_one(raw)
        if not isinstance(whole, list):
            return [whole], []
        return [each for each in whole if each is not None], []

    def _one_by_one(self, raw: msgspec.Raw) -> tuple[list[T], list[msgspec.Raw]]:
        try:
            parts = ITEMS.decode(raw)
        except DECODE_ERRORS:
            return [], [raw]
        good: list[T] = []
        bad: list[msgspec.Raw] = []
        for part in parts:
            if bytes(part) == b"null":
                continue
            try:
                good.append(self._one.decode(part))
            except DECODE_ERRORS:
                bad.append(part)
        return good, bad


class Fields(Generic[T]):
    """Reads an object as a struct all of whose fields may be left out.

    Parameters
    ----------
    kind
        A struct with defaults only.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._whole: msgspec.json.Decoder[T] = decoder(kind)
        # name on the wire -> name of the field, its decoder
        self._fields = {
            field.encode_name: (field.name, decoder(field.type)) for field in msgspec.structs.fields(kind)
        }

    def read(self, raw: msgspec.Raw) -> tuple[T | None, list[msgspec.Raw]]:
        """Give the value, and the values of fields that cannot be read; None where it is no object."""
        try:
            return self._whole.decode(raw), []
        except DECODE_ERRORS:
            pass
        try:
            wire = MEMBERS.decode(raw)
        except DECODE_ERRORS:
            return None, [raw]
        good: dict[str, Any] = {}
        bad: list[msgspec.Raw] = []
        for name, value in wire.items():
            if name not in self._fields:
                continue
            field, field_decoder = self._fields[name]
            try:
                good[field] = field_decoder.decode(value)
            except DECODE_ERRORS:
                bad.append(value)
        return self._kind(**good), bad
