"""Reading a chat completion's body: a text, or the reason why there is none."""

from typing import Any

import msgspec
import orjson

from fabio.adapters.llm.asking import Failure, Reason, Usage

LONGEST_TEXT = 32 * 1024
_SHOWN_BYTES = 16 * 1024
_MOST_TOKENS = 10_000_000
"""A count beyond this is a mistake, and as good as none."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a body; `model` is empty and `usage` None where it does not say."""

    text: str | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    model: str = ""


def read(body: bytes) -> Said:
    """Read the body of an answer with status 200."""
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        start = body[:_SHOWN_BYTES].decode("utf-8", "replace")  # not cut short before secrets are masked
        return Said(failure=Failure("bad_body", f"{len(body)} bytes that are no JSON: {start}"))
    if not isinstance(whole, dict):
        return Said(failure=Failure("bad_body", f"JSON, but a {type(whole).__name__} where an object belongs"))
    usage = _usage(whole.get("usage"))
    model = whole.get("model")
    text = _text(whole)
    return Said(
        text=text if isinstance(text, str) else None, failure=text if isinstance(text, Failure) else None,
        usage=usage, model=model if isinstance(model, str) else "")


def _text(whole: dict[str, Any]) -> str | Failure:
    choices = whole.get("choices")
    if whole.get("error") and not choices:
        code, words = error_words(whole)
        return Failure(reason_of_code(code) or "bad_body", f"status 200 with an error: {code} {words}")
    if not isinstance(choices, list):
        return Failure("bad_body", "JSON without `choices`")
    if not choices:
        return Failure("empty", "no choices")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return Failure("bad_body", "a choice without `message`")
    return _content(message, choice.get("finish_reason"))


def _content(message: dict[str, Any], finish: object) -> str | Failure:
    refusal, content = message.get("refusal"), message.get("content")
    if isinstance(refusal, str) and refusal:
        return Failure("refused", f"the model refused: {refusal}")
    if finish == "length":
        return Failure("too_long", "the answer reached its limit of tokens")
    if finish == "content_filter":
        return Failure("filtered", "the server's content filter ended the answer")
    if content is None:
        return Failure("empty", "the content is null")
    if not isinstance(content, str):
        return Failure("bad_body", f"the content is a {type(content).__name__}, not a text")
    if not content.strip():
        return Failure("empty", "the content is empty")
    if len(content) > LONGEST_TEXT:
        return Failure("too_long", f"a text of {len(content)} characters; {LONGEST_TEXT} are read")
    return content


def error_words(body: object) -> tuple[str, str]:
    """Give code (or type) and message of an error's body, in whatever of the usual forms it has."""
    error: object = body
    while isinstance(error, dict) and "error" in error:
        error = error["error"]
    if not isinstance(error, dict):
        return "", error if isinstance(error, str) else ""
    code = error.get("code") or error.get("type")
    words = error.get("message") or error.get("detail")
    return str(code) if isinstance(code, str | int) else "", words if isinstance(words, str) else ""


def reason_of_code(code: str) -> Reason | None:
    """Give the reason that an error's code names, None where it is none of those that matter."""
    known: dict[str, Reason] = {
        "insufficient_quota": "quota", "billing_hard_limit_reached": "quota", "billing_not_active": "quota",
        "insufficient_balance": "quota", "content_filter": "filtered", "content_policy_violation": "filtered",
        "invalid_api_key": "unauthorised", "rate_limit_exceeded": "rate_limited",
    }
    return known.get(code)


def _usage(told: object) -> Usage | None:
    if not isinstance(told, dict):
        return None
    given, written = _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))
    if given is None or written is None:
        return None
    cached = _count(_inside(told, "prompt_tokens_details", "cached_tokens")) or 0
    reasoning = _count(_inside(told, "completion_tokens_details", "reasoning_tokens")) or 0
    return Usage(input=given, output=written, cached=min(cached, given), reasoning=min(reasoning, written))


def _inside(told: dict[str, Any], part: str, name: str) -> object:
    inner = told.get(part)
    return inner.get(name) if isinstance(inner, dict) else None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_TOKENS:
        return None
    return value
