"""What is asked of a model and what comes back: an `Ask` in, a `Reply` out, never an exception."""

import hashlib
import json
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

Reason = Literal[
    "timeout", "connection", "rate_limited", "quota", "unauthorised", "not_found", "bad_request", "server_error",
    "refused", "filtered", "too_long", "empty", "bad_body", "over_budget", "breaker_open", "not_recorded",
    "unexpected",
]
"""Why there is no text; closed, so that whoever reads it can name each."""

NOTHING_USD = Decimal(0)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same in every call of a run, and so part of a recording's key.

    Parameters
    ----------
    max_output_tokens
        Of one answer, what the model thinks before it included, 64 to 100000.
    reasoning_effort
        Asked for where the server takes it; empty leaves it to the server.
    """

    model: str
    max_output_tokens: int = 1500
    reasoning_effort: str = "low"

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model is empty; expected the name of a model, such as gpt-5.4-mini")
        if not 64 <= self.max_output_tokens <= 100_000:
            raise ValueError(f"max_output_tokens is {self.max_output_tokens}; it must lie in 64 to 100000")


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One question.

    Parameters
    ----------
    system, user
        The stable text and the question itself.
    schema, schema_name
        JSON Schema of the answer: sent where the server takes one, put into words where not.
    request_hash
        The asker's own key of the question; only carried into records.
    allowance_usd
        The most this ask may cost, a second attempt included; None asks without a limit.
    deadline_s
        Seconds from the call to the reply, by the clock on the wall, everything included.
    """

    system: str
    user: str
    schema: dict[str, Any]
    schema_name: str
    request_hash: str
    prompt_version: str
    allowance_usd: Decimal | None
    deadline_s: float


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as the server counted them; `cached` is part of `input`, `reasoning` part of `output`."""

    input: int
    output: int
    cached: int = 0
    reasoning: int = 0


class Failure(msgspec.Struct, frozen=True):
    """Why there is no text, in a word and in words; without secrets."""

    reason: Reason
    detail: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an ask: a text or a failure, never both.

    Parameters
    ----------
    text
        As the model wrote it, but for masked secrets.
    usage
        None where the server told none.
    cost_usd
        By `usage`, else the most the attempts could have cost.
    latency_s
        From the call to the reply.
    model
        As the server named it; as it was asked for where it did not.
    call_hash
        Key of the call, see `call_hash`.
    attempts
        Requests that left.
    """

    text: str | None = None
    failure: Failure | None = None
    usage: Usage | None = None
    cost_usd: Decimal = NOTHING_USD
    latency_s: float = 0.0
    model: str
    call_hash: str
    attempts: int = 0


class Model(Protocol):
    """Who answers asks."""

    async def ask(self, ask: Ask) -> Reply:
        """Answer within the ask's deadline; nothing but cancellation is raised."""
        ...


def canonical(value: object) -> bytes:
    """Write JSON of which the same content always gives the same bytes.

    >>> canonical({"b": 1, "a": "é"})
    b'{"a":"\\\\u00e9","b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str).encode("ascii")


def digest(value: object) -> str:
    """Give the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def messages_of(ask: Ask) -> list[dict[str, str]]:
    """Write both texts as chat messages."""
    return [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.user}]


def parameters_of(terms: Terms) -> dict[str, Any]:
    """Name what is sent beside the messages, as it was wished; a server may take less."""
    return {"max_output_tokens": terms.max_output_tokens, "reasoning_effort": terms.reasoning_effort}


def call_hash(ask: Ask, terms: Terms) -> str:
    """Give the key of a call: SHA-256 over everything that was asked, and of whom.

    What a server turned out to take is left out, so that a recording made before and after it
    was learnt has one key.
    """
    return digest({
        "prompt_version": ask.prompt_version,
        "schema_hash": digest(ask.schema),
        "model": terms.model,
        "parameters": parameters_of(terms),
        "messages": messages_of(ask),
    })


def failed(ask: Ask, terms: Terms, failure: Failure) -> Reply:
    """Write the reply of an ask that never left."""
    return Reply(failure=failure, model=terms.model, call_hash=call_hash(ask, terms))
