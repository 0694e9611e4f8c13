"""What a failed request means: its reason, whether it may be tried again, and whether it may have cost."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

from fabio.adapters.llm.asking import Failure, Reason
from fabio.adapters.llm.reading import error_words, reason_of_code
from fabio.adapters.llm.transport import UnfitBody

_REASONS: dict[int, Reason] = {
    400: "bad_request", 401: "unauthorised", 402: "quota", 403: "unauthorised", 404: "not_found", 408: "timeout",
    413: "bad_request", 422: "bad_request", 429: "rate_limited",
}
_NEVER_LEFT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError")


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A request that brought no answer.

    Parameters
    ----------
    may_retry
        Whether the same request may be sent once more.
    after_s
        How long the server wants to be left alone; None where it does not say.
    may_cost
        Whether the server may have counted tokens.
    complaint
        Of a request the server did not like, its words on what; empty otherwise.
    """

    failure: Failure
    may_retry: bool = False
    after_s: float | None = None
    may_cost: bool = True
    complaint: str = ""


def trouble_of(error: Exception) -> Trouble | None:
    """Read what the openai package raised, or the way to the server; None for anything else."""
    import openai

    if isinstance(error, UnfitBody):
        return Trouble(failure=Failure("bad_body", str(error)))
    if isinstance(error, openai.APIStatusError):
        return _of_status(error.status_code, error.body, error.response.headers)
    if isinstance(error, openai.APITimeoutError | openai.APIConnectionError):
        return _of_connection(error.__cause__ or error)
    return None


def _of_connection(cause: BaseException) -> Trouble:
    kind = type(cause).__name__
    words = f"{kind}: {cause}" if str(cause) else kind
    never_left = kind in _NEVER_LEFT
    timed_out = "Timeout" in kind and not never_left
    return Trouble(
        failure=Failure("timeout" if timed_out else "connection", words), may_retry=never_left, may_cost=not never_left)


def _of_status(status: int, body: object, headers: Mapping[str, str]) -> Trouble:
    code, message = error_words(body)
    reason = _REASONS.get(status, "server_error" if status >= 500 or status == 409 else "bad_request")
    if status in (400, 403, 429):
        reason = reason_of_code(code) or reason
    after_s = retry_after_s(headers)
    words = f"status {status} {code} {message}"
    if after_s is not None:
        words = f"status {status}, again after {after_s:g} s: {code} {message}"
    return Trouble(
        failure=Failure(reason, words),
        may_retry=reason in ("rate_limited", "server_error"),
        after_s=after_s,
        may_cost=status >= 500,  # a proxy may have lost the answer of a server that had counted
        complaint=_complaint(body, message) if status in (400, 422) and reason == "bad_request" else "",
    )


def _complaint(body: object, message: str) -> str:
    inner = body.get("error", body) if isinstance(body, dict) else None
    named = inner.get("param") if isinstance(inner, dict) else None
    return named if isinstance(named, str) and named else message or str(body)[:2000]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait, in seconds; a date is held against the answer's own.

    >>> retry_after_s({"retry-after": "7"}), retry_after_s({"retry-after-ms": "250"}), retry_after_s({})
    (7.0, 0.25, None)
    """
    for name, per_s in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if text.isascii() and text.replace(".", "", 1).isdigit():
            return float(text[:9]) / per_s
    try:
        wanted = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (wanted - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
