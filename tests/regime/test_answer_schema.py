"""The schema that servers are held to is the shape that the reader accepts."""

from pathlib import Path
from typing import Any, get_args

import answer_corpus as corpus
import orjson
import pytest
from answer_corpus import STRATEGIES, context, good
from test_answer_any_bytes import PLACES

from fabio.model.regime import Balance, Direction, Label, PocLocation, ValueLocation
from fabio.regime import answer_shape
from fabio.regime.answer import read_answer
from fabio.regime.prompt import answer_schema, schema_hash

SCHEMA = answer_schema(STRATEGIES)
ALLOWED = {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf"}


def nodes(node: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """Give every schema in the schema."""
    inner = [((*path, name), each) for name, each in node.get("properties", {}).items()]
    inner += [((*path, "[]"), node["items"])] if "items" in node else []
    inner += [(path, each) for each in node.get("anyOf", ())]
    return [(path, node), *(found for way, each in inner for found in nodes(each, way))]


def fits(value: Any, node: dict[str, Any]) -> bool:
    """Tell whether a value follows a schema, as a server would."""
    if "anyOf" in node:
        return any(fits(value, each) for each in node["anyOf"])
    kind = node["type"]
    if kind == "object":
        return (isinstance(value, dict) and set(value) == set(node["required"])
                and all(fits(each, node["properties"][name]) for name, each in value.items()))
    if kind == "array":
        return isinstance(value, list) and all(fits(each, node["items"]) for each in value)
    if kind == "null":
        return value is None
    if kind == "string":
        return isinstance(value, str) and value in node.get("enum", [value])
    if kind == "boolean":
        return isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole if kind == "integer" else whole or isinstance(value, float)


def test_the_schema_is_strict_everywhere():
    for path, node in nodes(SCHEMA):
        assert set(node) <= ALLOWED, path
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])


def test_the_words_are_those_of_the_model_and_the_live_strategies():
    words = {path: node["enum"] for path, node in nodes(SCHEMA) if "enum" in node}
    about = "market_assessment"
    for field, nouns in (("market_state", Balance), ("regime", Label), ("direction", Direction),
                         ("location_vs_value", ValueLocation), ("location_vs_poc", PocLocation)):
        assert tuple(words[about, field]) == get_args(nouns)
    for path in (("trade_decisions", "[]", "strategy"), ("strategy_updates", "active_strategies", "[]"),
                 ("strategy_updates", "strategy_tweaks", "[]", "name"), ("notes_to_future_self", "[]", "strategy")):
        assert words[path] == list(STRATEGIES)
    assert words[about, "chosen_model"] == [*STRATEGIES, "none"]
    assert answer_schema(["b", "a", "a"])["properties"]["market_assessment"]["properties"]["chosen_model"]["enum"] == [
        "a", "b", "mean_reversion", "trend_continuation", "none"]


def test_a_good_answer_fits_the_schema_and_what_it_became_does_too():
    assert fits(good(), SCHEMA)
    response = read_answer(corpus.text(good()), context()).response
    assert response is not None
    assert set(SCHEMA["required"]) == {"id", *response}
    assert set(SCHEMA["properties"]["market_assessment"]["required"]) == set(response["market_assessment"])


WRONG = (None, True, 3, 2.5, "a word", [], {}, [1], {"a": 1}, ["mean_reversion"])


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_the_reader_refuses_for_its_shape_what_the_schema_forbids_and_nothing_else(path):
    for value in WRONG:
        answer = good()
        target: Any = answer
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
        why = read_answer(corpus.text(answer), context()).reason.partition(":")[0]
        is_short_changes = path[-1] == "changes" and value == {}  # the one object that may leave out its nulls
        assert (why == "wrong_shape") == (not fits(answer, SCHEMA) and not is_short_changes), (value, why)


def test_every_enum_value_is_accepted_by_the_reader():
    for path, node in nodes(SCHEMA):
        for word in node.get("enum", ()):
            name = "__".join("0" if step == "[]" else step for step in path)
            if name == "strategy_updates__strategy_tweaks__0__name" or path[0] == "strategy_updates":
                continue
            reading = read_answer(corpus.text(good(**{name: word})), context())
            assert not reading.reason.startswith("wrong_shape"), (name, word)


def test_only_the_shape_imports_pydantic():
    room = Path(answer_shape.__file__).parent
    importing = [file.name for file in room.glob("*.py") if "pydantic import" in file.read_text(encoding="utf-8")]
    assert importing == ["answer_shape.py"]


def test_the_hash_is_of_the_content():
    assert schema_hash(["b", "a"]) == schema_hash(["a", "b", "a"])
    assert schema_hash(["a"]) != schema_hash(["b"])
    assert len(schema_hash([])) == 64
    assert orjson.dumps(answer_schema([])).count(b'"enum":[]') == 0
