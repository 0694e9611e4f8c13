"""JSON of the wire, both ways: exact decimals, lenient records, one kind of error.

Answers are read leniently (missing and null are the same, unknown fields are ignored, a number
may come as a string), but never guessed: a price that is no finite number of a sane size, or
rows that are not there, are a `WireError`.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

import msgspec

from fabio.adapters.topstepx.errors import BadRequest, WireError

_SANE_POWERS = range(-30, 13)
"""Of ten, of a price's or an amount's first digit; with `1e999999` every integer made of it takes all memory."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")

Record = TypeVar("Record", bound=msgspec.Struct)


class Envelope(msgspec.Struct, frozen=True):
    """What every answer to a POST carries, and its other fields as plain JSON."""

    success: bool
    code: int
    message: str
    fields: dict[str, Any]

    def __repr__(self) -> str:
        return f"Envelope(success={self.success}, code={self.code})"  # the fields may hold a token


def encode(body: object) -> bytes:
    """Write a request's body; decimals become JSON numbers in plain digits.

    >>> encode({"price": Decimal("2.1E+4"), "ticks": -8})
    b'{"price":21000,"ticks":-8}'
    """
    return _encoder.encode(_plain(body))


def decode(content: bytes) -> Any:
    """Read JSON; numbers with a point become `Decimal`.

    Raises
    ------
    WireError
        If it is no JSON, or nested absurdly deep.
    """
    try:
        return _decoder.decode(content.removeprefix(_BYTE_ORDER_MARK))
    except _UNREADABLE as error:
        raise WireError(f"no JSON ({_first_line(error)}): {_shown(content)}") from None


def read_record(kind: type[Record], raw: object) -> Record:
    """Make a record of one decoded JSON object.

    Raises
    ------
    WireError
        If it is no object, a needed field is missing, or a field has the wrong type.
    """
    if not isinstance(raw, dict):
        raise WireError(f"a {kind.__name__} has to be an object, not {type(raw).__name__}")
    given = {name: value for name, value in raw.items() if value is not None}
    try:
        record = msgspec.convert(given, kind, strict=False)
    except _UNREADABLE as error:
        raise WireError(f"a {kind.__name__} cannot be read: {_first_line(error)}") from None
    for name in kind.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, Decimal) and not (value.is_finite() and value.adjusted() in _SANE_POWERS):
            raise WireError(f"a {kind.__name__} cannot be read: {name} is {str(value)[:40]}")
    return record


def read_envelope(content: bytes) -> Envelope:
    """Read an answer's envelope.

    Raises
    ------
    WireError
        If it is no JSON object with a boolean `success` and a whole `errorCode`.
    """
    raw = decode(content)
    if not isinstance(raw, dict):
        raise WireError(f"an answer has to be an object, not {type(raw).__name__}: {_shown(content)}")
    success, code, message = raw.pop("success", None), raw.pop("errorCode", None), raw.pop("errorMessage", None)
    if not isinstance(success, bool):
        raise WireError(f"an answer without a true or false `success`: {_shown(content)}")
    if code is None:
        code = 0 if success else -1  # a refusal without a code is in no enum
    if isinstance(code, bool) or not isinstance(code, int):
        raise WireError(f"an answer whose `errorCode` is no whole number: {_shown(content)}")
    return Envelope(success, code, message if isinstance(message, str) else "", raw)


def read_rows(answer: Envelope, name: str, kind: type[Record]) -> list[Record]:
    """Read the list `name` of an answer.

    Raises
    ------
    WireError
        If the list is missing or null (that is not the same as empty), or one row cannot be read.
    """
    rows = answer.fields.get(name)
    if not isinstance(rows, list):
        raise WireError(f"an answer without its list `{name}`; whether there are none is not known")
    return [read_record(kind, row) for row in rows]


def read_problem(content: bytes) -> str | None:
    """Read a validation problem (`title`, `status`, `detail`); None where it is none."""
    try:
        raw = decode(content)
    except WireError:
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("title"), str) or raw.get("status") != 400:
        return None
    words = [raw["title"]]
    if isinstance(raw.get("detail"), str):
        words.append(raw["detail"])
    errors = raw.get("errors")
    if isinstance(errors, dict):
        words.extend(f"{field}: {text}" for field, text in errors.items())
    return "; ".join(words)


def code_name(codes: type[IntEnum], code: int) -> str | None:
    """Name an error code in its enum; None where it is not in it."""
    return next((known.name for known in codes if known.value == code), None)


def clean_text(text: str, hide: Callable[[str], str] = str, limit: int = 300) -> str:
    """Make foreign words fit for a message: no secrets, no control characters, not endless.

    >>> clean_text("price \\n not\\taligned")
    'price not aligned'
    """
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in hide(text)).split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise BadRequest(f"{value} is no number the venue could read")
        return Decimal(f"{value:f}")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{
            name: _plain(getattr(value, name))
            for name in value.__struct_fields__
            if isinstance(getattr(value, name), Decimal | msgspec.Struct)
        })
    return value


def _first_line(error: BaseException) -> str:
    return clean_text(str(error) or type(error).__name__, limit=120)


def _shown(content: bytes) -> str:
    # never its words: a cut answer to a login holds half a token
    start = content.lstrip()[:1]
    kind = "HTML" if start == b"<" else "JSON, cut or damaged" if start in (b"{", b"[") else "text"
    return f"{len(content)} bytes of {kind}" if content else "an empty body"
