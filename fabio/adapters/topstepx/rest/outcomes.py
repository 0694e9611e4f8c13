"""What became of a mutation: accepted, refused, never sent, or unknown; nothing else.

The rule behind the table: **a timeout is not a rejection**. Only words of the venue that say
what happened are definitive; all else is `Unknown`, is settled by looking (`lookup`, for an
order's tag), and is never sent again blind.

| what came | outcome |
| --- | --- |
| 200, `success` true, code 0 (and for a new order its id) | `Accepted` |
| 200, `success` false, a code of the endpoint's enum | `Refused` |
| 400 in the form of a validation problem | `Refused`, code None |
| no connection, no token, no place in the queue, 401 even with a new token | `NotSent` |
| 200, but the code says "unknown error" or "pending", or is in no enum, or contradicts `success` | `Unknown` |
| any other status (408, 429, 5xx, ...), a timeout, a reset, a body that is cut or no JSON | `Unknown` |

429 is in the last row on purpose: nobody has published whether a call over the limit was
executed all the same.
"""

from collections.abc import Callable
from enum import IntEnum

import msgspec

from fabio.adapters.topstepx.enums import CloseError, ModifyError, PartialCloseError, PlaceError
from fabio.adapters.topstepx.errors import WireError
from fabio.adapters.topstepx.rest.wire import Envelope, clean_text, code_name, read_envelope, read_problem

Codes = type[PlaceError] | type[ModifyError] | type[CloseError] | type[PartialCloseError]

_TELL_NOTHING: dict[type[IntEnum], frozenset[int]] = {
    PlaceError: frozenset({PlaceError.ORDER_PENDING, PlaceError.UNKNOWN_ERROR}),
    ModifyError: frozenset({ModifyError.PENDING, ModifyError.UNKNOWN_ERROR}),
    CloseError: frozenset({CloseError.ORDER_PENDING, CloseError.UNKNOWN_ERROR}),
    PartialCloseError: frozenset({PartialCloseError.ORDER_PENDING, PartialCloseError.UNKNOWN_ERROR}),
}
# codes that do not say whether something is under way: looking costs one call, a wrong guess a position

_OK, _BAD_REQUEST = 200, 400


class Accepted(msgspec.Struct, frozen=True, tag=True):
    """The venue took it; `order_id` for a new order, None for all else."""

    order_id: int | None = None


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The venue said no: it has changed nothing.

    Parameters
    ----------
    code
        Of the endpoint's enum; None for an HTTP 400.
    name
        The code's name in the enum.
    reason
        The venue's own words, without secrets; empty where it gave none.
    order_id
        Id of the record the venue made of a refused order; never a sign of success.
    """

    code: int | None
    name: str
    reason: str
    order_id: int | None = None


class NotSent(msgspec.Struct, frozen=True, tag=True):
    """It was certainly not executed; the same intent may be sent again, deliberately."""

    why: str


class Unknown(msgspec.Struct, frozen=True, tag=True):
    """It may or may not have been executed: look it up, never send it again before.

    `code` is set where the venue answered with a code that tells nothing, or that no enum has.
    """

    why: str
    code: int | None = None


Outcome = Accepted | Refused | NotSent | Unknown


def outcome_of(status: int, content: bytes, codes: Codes, hide: Callable[[str], str] = str) -> Outcome:
    """Say what became of a mutation that was answered; 401 is not for here, it is answered with a new token.

    Parameters
    ----------
    codes
        The endpoint's own error enum.
    hide
        Takes secrets out of the venue's words.

    Examples
    --------
    >>> outcome_of(200, b'{"success":true,"errorCode":0,"orderId":9056}', PlaceError)
    Accepted(order_id=9056)
    >>> outcome_of(200, b'{"success":false,"errorCode":2,"errorMessage":"not aligned","orderId":7}', PlaceError)
    Refused(code=2, name='ORDER_REJECTED', reason='not aligned', order_id=7)
    >>> outcome_of(502, b'<html>', PlaceError)
    Unknown(why='HTTP 502', code=None)
    """
    if status == _BAD_REQUEST:
        problem = read_problem(content)
        if problem is not None:
            return Refused(None, "BAD_REQUEST", clean_text(problem, hide))
    if status != _OK:
        return Unknown(f"HTTP {status}")
    try:
        answer = read_envelope(content)
    except WireError as error:
        return Unknown(clean_text(str(error), hide))
    if answer.success:
        return _success(answer, codes)
    return _refusal(answer, codes, clean_text(answer.message, hide))


def _success(answer: Envelope, codes: Codes) -> Outcome:
    if answer.code != 0:
        return Unknown(f"it says success and error {answer.code} at once", answer.code)
    if codes is not PlaceError:
        return Accepted()
    order_id = _order_id(answer)
    return Unknown("a new order was accepted without an id") if order_id is None else Accepted(order_id)


def _refusal(answer: Envelope, codes: Codes, words: str) -> Outcome:
    said = f': "{words}"' if words else ""
    if answer.code == 0:
        return Unknown(f"it says neither success nor error{said}", 0)
    name = code_name(codes, answer.code)
    if name is None:
        return Unknown(f"error {answer.code} is in no enum{said}", answer.code)
    if answer.code in _TELL_NOTHING[codes]:
        return Unknown(f"{name} does not say what became of it{said}", answer.code)
    return Refused(answer.code, name, words, _order_id(answer))


def _order_id(answer: Envelope) -> int | None:
    order_id = answer.fields.get("orderId")
    return order_id if isinstance(order_id, int) and not isinstance(order_id, bool) and order_id > 0 else None
