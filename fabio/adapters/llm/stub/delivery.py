"""What the stub sends: bytes, and how they arrive."""

from typing import Any, Literal

import msgspec
import orjson

from fabio.adapters.llm.stub.answers import tokens_in

JSON = "application/json"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What would be answered if nothing went wrong.

    Parameters
    ----------
    number
        Of the request, from 1.
    key
        The key the client showed; empty if none.
    most_tokens
        What it may write, and so bill; None where the request has no limit.
    strategies, last_price
        As the question tells them.
    """

    number: int
    model: str
    text: str
    prompt_tokens: int
    cached_tokens: int
    key: str = ""
    most_tokens: int | None = None
    strategies: tuple[str, ...] = ()
    last_price: float = 1.0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An answer and how it arrives.

    Parameters
    ----------
    ending
        `whole`; a byte each second (`trickle`); half of it and then a `reset`.
    delay_s
        Before the first byte.
    tokens
        What it says it used: prompt, cached, completion; None where it does not say.
    """

    status: int = 200
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = {}
    ending: Literal["whole", "trickle", "reset"] = "whole"
    delay_s: float = 0.0
    tokens: tuple[int, int, int] | None = None


def completion(
    answered: Answered, text: str | None, *, finish: str = "stop", refusal: str | None = None, choices: bool = True,
) -> Delivery:
    """Write a chat completion."""
    written = tokens_in(text or refusal or "")
    if answered.most_tokens is not None:
        written = min(written, answered.most_tokens)
    prompt, cached = answered.prompt_tokens, answered.cached_tokens
    body: dict[str, Any] = {
        "id": f"chatcmpl-stub-{answered.number}",
        "object": "chat.completion",
        "created": 0,
        "model": answered.model,
        "choices": [{
            "index": 0, "finish_reason": finish, "logprobs": None,
            "message": {"role": "assistant", "content": text, "refusal": refusal},
        }] if choices else [],
        "usage": {
            "prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }
    return Delivery(body=orjson.dumps(body), tokens=(prompt, cached, written))


def error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, param: str | None = None,
) -> Delivery:
    """Write an error as OpenAI does."""
    body = {"error": {"message": message, "type": code, "param": param, "code": code}}
    return Delivery(status=status, body=orjson.dumps(body), headers=headers or {})
