"""Requests and answers of REST as plain values, and the venue's JSON."""

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

JSON_TYPE = "application/json; charset=utf-8"
PROBLEM_TYPE = "application/problem+json; charset=utf-8"

TIME_HEADER, RATE_HEADER = "X-Gateway-Time-Ns", "X-Gateway-Rate"
"""Tell the replay clock and its rate with every answer to a ping."""

Body = TypeVar("Body")
_encoder = msgspec.json.Encoder(decimal_format="number")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request; `token` from the bearer header or the query."""

    path: str
    method: str = "POST"
    body: bytes = b""
    token: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


class Unreadable(ValueError):
    """A body that is not what the endpoint takes; the answer is 400."""


class NoAccess(Exception):
    """No token, or a dead one: the answer is 401, at a WebSocket's upgrade too."""


class UnknownConnection(LookupError):
    """A connection id that was never handed out, or was used already: the answer is 404."""


class Refusal(msgspec.Struct, frozen=True):
    """A business refusal: a code of the endpoint's own enum, and the venue's words or None."""

    code: int
    message: str | None = None


def success(**fields: Any) -> Answer:
    """Answer with the envelope of a success."""
    return Answer(body=encode({**fields, "success": True, "errorCode": 0, "errorMessage": None}))


def refused(refusal: Refusal, **fields: Any) -> Answer:
    """Answer with the envelope of a refusal: HTTP 200 all the same."""
    return Answer(body=encode({**fields, "success": False, "errorCode": int(refusal.code),
                               "errorMessage": refusal.message}))


def problem(detail: str, status: int = 400, title: str = "One or more validation errors occurred.") -> Answer:
    """Answer with ProblemDetails, as ASP.NET does for a body it cannot bind."""
    body = {"type": "https://tools.ietf.org/html/rfc9110#section-15.5.1", "title": title, "status": status,
            "detail": detail, "instance": None}
    return Answer(status=status, body=encode(body), content_type=PROBLEM_TYPE)


def read(kind: type[Body], body: bytes) -> Body:
    """Read a request's body.

    Raises
    ------
    Unreadable
        If it is no JSON of this shape.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def encode(value: object) -> bytes:
    """Write JSON; decimals become numbers in plain digits."""
    return _encoder.encode(value)


def plain(number: Decimal) -> Decimal:
    """Write a decimal without an exponent and without zeros at its end.

    >>> plain(Decimal("25000.00")), plain(Decimal("1E+2")), plain(Decimal("0.25"))
    (Decimal('25000'), Decimal('100'), Decimal('0.25'))
    """
    return Decimal(f"{number.normalize():f}")


def without_nulls(record: msgspec.Struct) -> dict[str, Any]:
    """Give a record as the hub writes it: null fields are left out."""
    return {name: value for name, value in msgspec.to_builtins(record, builtin_types=(Decimal,)).items()
            if value is not None}
