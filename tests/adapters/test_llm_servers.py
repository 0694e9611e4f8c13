"""What servers take: known, found out, remembered."""

from decimal import Decimal

import httpx
import msgspec
import orjson
import pytest
from llm_lab import (  # noqa: F401  # the fixture works by being here
    SCHEMA,
    Fixed,
    completion,
    desk_of,
    make_ask,
    model_at,
    model_of,
    no_threads,
    written,
)

from fabio.adapters.llm.asking import Terms, canonical
from fabio.adapters.llm.breaker import BreakerLimits
from fabio.adapters.llm.client import Patience
from fabio.adapters.llm.memory import FILE, Memory
from fabio.adapters.llm.prices import Price
from fabio.adapters.llm.probe import probe
from fabio.adapters.llm.servers import Shape, body_of, is_loopback, shape_of
from fabio.adapters.llm.stub.inprocess import URL
from fabio.research.reliability.virtual_time import run_virtual

OPENAI = "https://api.openai.com/v1"


def test_openai_is_asked_with_everything_it_takes():
    desk = desk_of()
    assert run_virtual(model_at(desk, url=OPENAI).ask(make_ask())).failure is None
    body = desk.bodies[-1]
    assert body["response_format"]["json_schema"] == {"name": "assessment", "schema": SCHEMA, "strict": True}
    assert (body["store"], body["reasoning_effort"], body["prompt_cache_key"]) == (False, "low", "fabio-1")
    assert body["max_completion_tokens"] == 1500
    assert "max_tokens" not in body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


@pytest.mark.parametrize(("url", "model", "form", "extras"), [
    ("https://api.deepseek.com/v1", "deepseek-chat", "object", ()),
    ("https://api.moonshot.ai/v1", "kimi", "object", ()),
    ("http://127.0.0.1:8000/v1", "llama", "schema", ()),
    (OPENAI, "gpt-4o-mini", "schema", ("store", "prompt_cache_key")),
    ("https://evil.invalid/api.openai.com", "gpt-5.4-mini", "schema", ()),
])
def test_servers_are_known_by_their_host(url, model, form, extras):
    shape = shape_of(url, model)
    assert (shape.format, shape.extras) == (form, extras)


@pytest.mark.parametrize(("url", "free"), [
    ("http://localhost:1/v1", True), ("http://127.8.9.1/v1", True), ("http://[::1]:9/v1", True),
    ("http://127.0.0.1.evil.invalid/", False), ("http://localhost.evil.invalid/", False), ("http://10.0.0.1/", False),
    ("http://127.0.0.1@evil.invalid/", False), ("", False),
])
def test_only_this_machine_is_free(url, free):
    assert is_loopback(url) is free


def test_the_format_falls_back_and_stays(tmp_path):
    desk = desk_of(refuses=["json_schema"])
    reply = run_virtual(model_at(desk, memory=Memory(tmp_path)).ask(make_ask()))
    assert (reply.failure, reply.attempts) == (None, 2)
    assert desk.bodies[-1]["response_format"] == {"type": "json_object"}
    assert canonical(SCHEMA).decode() in desk.bodies[-1]["messages"][0]["content"]
    again = run_virtual(model_at(desk, memory=Memory(tmp_path)).ask(make_ask()))
    assert (again.attempts, desk.refused["json_schema"]) == (1, 1)
    other = run_virtual(model_at(desk, memory=Memory(tmp_path), terms=Terms(model="other")).ask(
        make_ask(allowance_usd=None)))
    assert other.attempts == 2  # per server and model


def test_a_server_that_takes_nothing_is_asked_in_words():
    desk = desk_of(refuses=["json_schema", "json_object", "max_completion_tokens", "store", "reasoning_effort",
                            "prompt_cache_key"])
    reply = run_virtual(model_at(desk, url=OPENAI).ask(make_ask()))
    assert (reply.failure, reply.attempts) == (None, 7)
    assert set(desk.bodies[-1]) == {"model", "messages", "max_tokens"}
    assert desk.bodies[-1]["max_tokens"] == 1500  # never without a limit
    assert reply.cost_usd > 0


def test_a_schema_that_the_system_text_holds_is_not_told_twice():
    ask = make_ask(system=f"Answer by {canonical(SCHEMA).decode()}")
    told = body_of(ask, Terms(model="m"), Shape(format="object"))["messages"][0]["content"]
    assert told == ask.system


def test_a_server_that_refuses_all_it_is_asked_ends_the_asking():
    refusal = httpx.Response(400, json={"error": {"message": "max_tokens, max_completion_tokens, response_format?"}})
    way = Fixed(refusal)
    reply = run_virtual(model_of(way, url=OPENAI).ask(make_ask()))
    assert reply.failure.reason == "bad_request"
    assert len(way.requests) == reply.attempts <= 8


@pytest.mark.parametrize("message", [
    "either json_schema or grammar", "response_format is not supported", "Invalid JSON schema: bad keyword",
])
def test_a_refusal_in_words_is_understood(message):
    way = Fixed(httpx.Response(400, json={"error": {"message": message}}), completion("{}"))
    reply = run_virtual(model_of(way).ask(make_ask()))
    assert (reply.text, reply.attempts) == ("{}", 2)
    assert orjson.loads(way.requests[-1].content)["response_format"]["type"] == "json_object"


def test_what_was_only_tried_is_not_remembered(tmp_path):
    way = Fixed(httpx.Response(400, json={"error": {"param": "response_format"}}), httpx.Response(404))
    reply = run_virtual(model_of(way, memory=Memory(tmp_path)).ask(make_ask()))
    assert reply.failure.reason == "not_found"
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"a": {"format": "odd"}}', b"\xff", b"{}" * 200_000])
def test_a_memory_that_cannot_be_read_is_as_none(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    memory = Memory(tmp_path)
    assert memory.get(URL, "m") is None
    memory.put(URL, "m", Shape(format="plain"))
    assert Memory(tmp_path).get(URL, "m") == Shape(format="plain")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_folder_that_cannot_be_written_costs_only_the_memory(tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"")
    memory = Memory(tmp_path / "file")
    memory.put(URL, "m", Shape(format="plain"))
    assert memory.get(URL, "m") == Shape(format="plain")
    assert "cannot be written" in caplog.text


def test_the_memory_holds_no_login(tmp_path):
    async def story():
        model = model_of(Fixed(completion("{}")), memory=Memory(tmp_path), url="http://me:hunter22x@host.invalid/v1")
        await model.ask(make_ask())

    run_virtual(story())
    assert b"host.invalid" in written(tmp_path)
    assert b"hunter22x" not in written(tmp_path)


def test_a_probe_says_who_answers_how_fast_and_for_how_much():
    memory = Memory()
    memory.put(URL, "gpt-5.4-mini", Shape(format="plain"))
    found = run_virtual(probe(model_at(desk_of(latency_s=1.5), memory=memory)))
    assert found.ok
    for word in ("gpt-5.4-mini at http://stub.invalid/v1", "1.5 s", "by schema", "0.75/0.075/4.50 USD", "2026-03"):
        assert word in found.words


@pytest.mark.parametrize(("name", "cure"), [
    ("status_401", "OPENAI_API_KEY"), ("quota", "pay"), ("status_404", "OPENAI_MODEL"), ("silent", "slow"),
    ("refusal", "later"),
])
def test_a_probe_that_fails_says_what_to_do(name, cure):
    found = run_virtual(probe(model_at(desk_of(name))))
    assert not found.ok
    assert cure in found.cure
    assert "sk-proj" not in msgspec.json.encode(found).decode()


@pytest.mark.parametrize(("make", "words"), [
    (lambda: Terms(model=""), "model is empty"), (lambda: Terms(model="m", max_output_tokens=0), "max_output_tokens"),
    (lambda: BreakerLimits(failures=0), "failures is 0"), (lambda: BreakerLimits(open_s=float("nan")), "open_s"),
    (lambda: Patience(pause_s=-1.0), "pause_s"),
    (lambda: Price(input=Decimal(1), cached=Decimal(1), output=Decimal("NaN")), "price of output"),
])
def test_settings_that_cannot_be_are_refused_by_name(make, words):
    with pytest.raises(ValueError, match=words):
        make()
