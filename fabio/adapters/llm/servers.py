"""What servers are known to take, by address, and how an ask becomes the body of a request."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from fabio.adapters.llm.asking import Ask, Terms, canonical

Format = Literal["schema", "object", "plain"]
Limit = Literal["max_completion_tokens", "max_tokens"]
_NEXT: dict[Format, Format] = {"schema": "object", "object": "plain"}
_OTHER: dict[Limit, Limit] = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
_REASONING = re.compile(r"(?:gpt-[5-9]|o\d)")
_ABOUT_FORMAT = re.compile(
    r"response_format|json_schema|json_object|json schema|structured output|grammar|guided", re.IGNORECASE)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """How a server wants to be asked.

    Parameters
    ----------
    format
        Structured output by `schema`, JSON by `object`, or nothing but words (`plain`).
    limit
        What it calls the limit on an answer's tokens.
    extras
        Optional parameters that it takes: `store`, `reasoning_effort`, `prompt_cache_key`.
    """

    format: Format = "schema"
    limit: Limit = "max_tokens"
    extras: tuple[str, ...] = ()

    def without(self, complaint: str) -> "Shape | None":
        """Leave out what a refusal names, or None where it names nothing that can be."""
        for name in self.extras:
            if _names(complaint, name):
                return msgspec.structs.replace(self, extras=tuple(each for each in self.extras if each != name))
        if _names(complaint, self.limit):
            return msgspec.structs.replace(self, limit=_OTHER[self.limit])
        if self.format in _NEXT and _ABOUT_FORMAT.search(complaint):
            return msgspec.structs.replace(self, format=_NEXT[self.format])
        return None


_OPENAI = Shape(limit="max_completion_tokens", extras=("store", "reasoning_effort", "prompt_cache_key"))
_OBJECT_ONLY = Shape(format="object")
# end of the host's name -> what it takes; others are asked by schema, and what they refuse is left out
_KNOWN = {
    "api.openai.com": _OPENAI,
    ".openai.azure.com": Shape(limit="max_completion_tokens", extras=("reasoning_effort",)),
    "api.deepseek.com": _OBJECT_ONLY,
    ".moonshot.ai": _OBJECT_ONLY,
    ".moonshot.cn": _OBJECT_ONLY,
    "api.z.ai": _OBJECT_ONLY,
}


def _names(complaint: str, parameter: str) -> bool:
    return re.search(rf"\b{parameter}\b", complaint) is not None


def host_of(base_url: str) -> str:
    """Give an address's host in lower case; empty where it has none."""
    return (urlsplit(base_url).hostname or "").lower()


def is_loopback(base_url: str) -> bool:
    """Tell whether a server runs on this machine: it costs nothing.

    >>> is_loopback("http://127.0.0.1:8791/v1"), is_loopback("https://api.openai.com/v1")
    (True, False)
    """
    host = host_of(base_url)
    return host in ("localhost", "::1") or bool(re.fullmatch(r"127(?:\.\d{1,3}){3}", host))


def shape_of(base_url: str, model: str) -> Shape:
    """Say how to ask a server that nothing was learnt about yet."""
    host = host_of(base_url)
    shape = next((shape for end, shape in _KNOWN.items() if host.endswith(end)), Shape())
    if _REASONING.match(model):
        return shape
    return msgspec.structs.replace(shape, extras=tuple(each for each in shape.extras if each != "reasoning_effort"))


def system_text(ask: Ask, shape: Shape) -> str:
    """Give the system text; where the server takes no schema, with the schema in words."""
    if shape.format == "schema":
        return ask.system
    written = canonical(ask.schema).decode()
    if written in ask.system:
        return ask.system
    return f"{ask.system}\n\nAnswer with one JSON object that fits this JSON Schema, and with nothing else:\n{written}"


def body_of(ask: Ask, terms: Terms, shape: Shape) -> dict[str, Any]:
    """Write the body of a chat completion."""
    body: dict[str, Any] = {
        "model": terms.model,
        "messages": [
            {"role": "system", "content": system_text(ask, shape)}, {"role": "user", "content": ask.user},
        ],
        shape.limit: terms.max_output_tokens,
    }
    if shape.format == "schema":
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": ask.schema_name, "schema": ask.schema, "strict": True},
        }
    elif shape.format == "object":
        body["response_format"] = {"type": "json_object"}
    if "store" in shape.extras:
        body["store"] = False
    if "reasoning_effort" in shape.extras and terms.reasoning_effort:
        body["reasoning_effort"] = terms.reasoning_effort
    if "prompt_cache_key" in shape.extras:
        body["prompt_cache_key"] = f"fabio-{ask.prompt_version}"
    return body
