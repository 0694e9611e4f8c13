"""One cheap question, to see whether a model can be asked and what its server takes."""

import msgspec

from fabio.adapters.llm.asking import Ask
from fabio.adapters.llm.client import OpenAIModel

_SCHEMA = {
    "type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"],
    "additionalProperties": False,
}
_ASKED_AS = {"schema": "by schema", "object": "as a JSON object", "plain": "in words"}
_CURES = {
    "unauthorised": "set OPENAI_API_KEY to a key that this server takes",
    "quota": "the account is empty: pay, or take another server with OPENAI_BASE_URL",
    "not_found": "look at OPENAI_MODEL and OPENAI_BASE_URL",
    "connection": "look at OPENAI_BASE_URL and your network",
    "timeout": "the server is too slow, or cannot be reached",
    "rate_limited": "wait, or ask for a higher limit",
    "bad_request": "this server does not take what fabio asks",
    "too_long": "the model thinks longer than it may: raise the limit of output tokens",
}


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model answered, in words, and what to do where it did not."""

    ok: bool
    words: str
    cure: str = ""


async def probe(model: OpenAIModel, deadline_s: float = 20.0) -> Probed:
    """Ask once, with whatever was learnt about the server forgotten."""
    model.forget()
    reply = await model.ask(Ask(
        system="You are being asked whether you can be reached.", user='{"id":"probe","question":"are you ready?"}',
        schema=_SCHEMA, schema_name="probe", request_hash="probe", prompt_version="probe-1", allowance_usd=None,
        deadline_s=deadline_s))
    who = f"{model.terms.model} at {model.address}"
    if reply.failure is not None:
        words = f"{who} gives no answer: {reply.failure.reason} ({reply.failure.detail})"
        return Probed(ok=False, words=words, cure=_CURES.get(reply.failure.reason, "try again later"))
    named = "" if reply.model == model.terms.model else f" (it calls itself {reply.model})"
    price = model.price
    costs = f"{price.input}/{price.cached}/{price.output} USD per million tokens in/cached/out"
    costs += f", list of {price.as_of}" if price.as_of else ""
    return Probed(ok=True, words=(
        f"{who}{named} answers in {reply.latency_s:.1f} s, asked {_ASKED_AS[model.shape.format]}, "
        f"for {reply.cost_usd:.6f} USD ({costs})"))
