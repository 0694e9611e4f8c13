"""What the stub answers when nothing goes wrong: the rules' own label, in the answer's shape."""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from fabio.regime import rule_model

_LETTERS_PER_TOKEN = 4


class Question(msgspec.Struct, frozen=True):
    """A chat completion that was asked for."""

    model: str
    messages: list[dict[str, Any]]
    schema: Mapping[str, Any] | None

    @property
    def user(self) -> str:
        """The last user message."""
        texts = [_text(message) for message in self.messages if message.get("role") == "user"]
        return texts[-1] if texts else ""

    @property
    def stable(self) -> str:
        """Everything before it."""
        return "".join(_text(message) for message in self.messages if message.get("role") != "user")


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def question_of(body: Mapping[str, Any]) -> Question:
    """Read a request's body.

    Raises
    ------
    ValueError
        If it is no chat completion; the message says why.
    """
    messages, model = body.get("messages"), body.get("model")
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        raise ValueError("'messages' must be a list of messages")
    if not isinstance(model, str) or not model:
        raise ValueError("you must provide a model parameter")
    wanted = body.get("response_format")
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    schema = described.get("schema") if isinstance(described, dict) else None
    return Question(model, messages, schema if isinstance(schema, dict) else None)


def answer_to(question: Question) -> dict[str, Any]:
    """Answer a question about the market as the rules do, any other with an example of its schema."""
    try:
        asked = orjson.loads(question.user)
        brief = rule_model.brief_of(asked)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        example = example_of(question.schema or {})
        return example if isinstance(example, dict) else {"answer": example}
    assessment = orjson.loads(rule_model.response_json(rule_model.answer(brief), brief))["market_assessment"]
    return {
        "id": asked.get("id"),
        "market_assessment": assessment,
        "trade_decisions": [],
        "strategy_updates": {"active_strategies": None, "strategy_tweaks": []},
        "importance_zones": [],
        "notes_to_future_self": [],
    }


def told_of(question: Question) -> tuple[tuple[str, ...], float]:
    """Give the strategies and the last price that a question tells, as far as it does."""
    try:
        asked = orjson.loads(question.user)
        return tuple(asked["strategy_state"]), float(asked["last_price"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return (), 1.0


def example_of(schema: Mapping[str, Any]) -> Any:
    """Make the smallest value that fits a plain schema.

    >>> example_of({"type": "object", "properties": {"ready": {"type": "boolean"}}})
    {'ready': True}
    """
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for choices in (schema.get("anyOf"), schema.get("oneOf")):
        if choices:
            return example_of(choices[0])
    kind = schema.get("type", "object" if "properties" in schema else "null")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: example_of(inner) for name, inner in schema.get("properties", {}).items()}
    plain: dict[str, Any] = {
        "boolean": True, "integer": schema.get("minimum", 0), "number": schema.get("minimum", 0), "string": "",
        "array": [],
    }
    return plain.get(kind)


def tokens_in(text: str) -> int:
    """Count tokens as roughly as a stub may: four bytes each.

    >>> tokens_in("12345678"), tokens_in("123456789")
    (2, 3)
    """
    return -(-len(text.encode()) // _LETTERS_PER_TOKEN)
