"""The stub: answers, failures, scripts, its meter, and its socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest
from llm_lab import ALL_FAILURES, KEY, QUESTION, SCHEMA, desk_of, desk_that_fails, make_ask
from pydantic import SecretStr

from fabio.adapters.llm.asking import Terms
from fabio.adapters.llm.client import OpenAIModel, Server, Times, warm_up
from fabio.adapters.llm.memory import Memory
from fabio.adapters.llm.stub.answers import example_of
from fabio.adapters.llm.stub.desk import COMPLETIONS, Desk
from fabio.adapters.llm.stub.failures import FAILURES, UnknownFailure, failing_of
from fabio.adapters.llm.stub.script import BadScript, Line, Script, read_script
from fabio.adapters.llm.stub.server import StubServer
from fabio.adapters.redact import Redactor
from fabio.adapters.sockets import bound_socket, url_of


def post(desk: Desk, **changes):
    """Ask a desk as a client would; give the delivery and its body."""
    body = {"model": "m", "messages": [{"role": "system", "content": "s"},
                                       {"role": "user", "content": json.dumps(QUESTION)}]} | changes
    delivery = desk.answer("POST", COMPLETIONS, orjson.dumps(body), KEY)
    return delivery, orjson.loads(delivery.body)


def text_of(body) -> str:
    return body["choices"][0]["message"]["content"]


def test_all_thirty_failures_are_there_with_their_variants():
    assert {failing.number for failing in FAILURES} == set(range(1, 31))
    assert len({failing.name for failing in FAILURES}) == len(FAILURES)
    assert [failing.name for failing in FAILURES if failing.number == 28] == [
        "rate_limited_1", "rate_limited_100", "rate_limited_3600", "rate_limited", "quota"]
    assert {failing.name for failing in FAILURES if failing.number == 29} == {
        f"status_{status}" for status in (400, 401, 402, 403, 404, 500, 503)}
    with pytest.raises(UnknownFailure, match=r"wobbly.*fenced"):
        failing_of("wobbly")
    with pytest.raises(UnknownFailure):
        failing_of("31")


def test_what_each_text_failure_does_to_the_answer():
    good = text_of(post(desk_of())[1])
    texts = {}
    for name in ALL_FAILURES[:6] + ALL_FAILURES[14:24]:
        texts[name] = text_of(post(desk_that_fails(name))[1])
        assert texts[name] != good
    for name in ("malformed", "fenced", "prose", "think_tag", "two_objects", "nan"):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(texts[name])
    assert orjson.loads(texts["array"]) == [orjson.loads(good)]
    assert "NaN" in texts["nan"]
    assert "1e400" in texts["nan"]
    assert texts["duplicate_key"].count('"market_assessment"') == 2
    assert texts["spaces"].rstrip() == good
    assert len(texts["spaces"]) > 250_000
    answers = {name: orjson.loads(texts[name]) for name in ALL_FAILURES[16:23]}
    assert answers["number_as_text"]["market_assessment"]["confidence"] == "0.7"
    assert answers["unknown_regime"]["market_assessment"]["regime"] == "moon"
    assert answers["unknown_setup"]["market_assessment"]["chosen_model"] == "moon_shot"
    assert answers["size_99"]["trade_decisions"][0]["risk_fraction"] == 99
    assert answers["size_99"]["trade_decisions"][0]["strategy"] == "mean_reversion"
    assert answers["extra_order"]["order"]["quantity"] == 99
    assert answers["wrong_echo"]["id"] != QUESTION["id"]
    assert "moonbeam_ratio_30min" in answers["foreign_evidence"]["market_assessment"]["reasoning"]


def test_statuses_headers_and_the_key_in_a_401():
    for status in (400, 401, 402, 403, 404, 500, 503):
        delivery, body = post(desk_that_fails(f"status_{status}"))
        assert (delivery.status, bool(body["error"]["message"])) == (status, True)
    assert KEY in post(desk_that_fails("status_401"))[1]["error"]["message"]
    for name, wait in (("rate_limited_1", "1"), ("rate_limited_100", "100"), ("rate_limited_3600", "3600"),
                       ("rate_limited", None), ("quota", None)):
        delivery, _ = post(desk_that_fails(name))
        assert (delivery.status, delivery.headers.get("retry-after")) == (429, wait)
    assert post(desk_that_fails("late"))[0].delay_s == 60
    assert post(Desk(Script(latency_s=2.0, lines=(Line(failure=30),))))[0].delay_s == 62


def test_a_question_that_is_none_gets_an_example_of_its_schema():
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    asked = [{"role": "user", "content": "hello"}]
    assert orjson.loads(text_of(post(desk_of(), messages=asked, response_format=form)[1])) == {"id": ""}
    assert orjson.loads(text_of(post(desk_of(), messages=asked)[1])) == {"answer": None}
    schema = {"type": "object", "properties": {
        "a": {"enum": ["x", "y"]}, "b": {"type": ["number", "null"], "minimum": 2}, "c": {"anyOf": [{"const": 5}]},
        "d": {"type": "array"}, "e": {"type": "object", "properties": {"f": {"type": "string"}}}}}
    assert example_of(schema) == {"a": "x", "b": 2, "c": 5, "d": [], "e": {"f": ""}}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":"m"}', b'{"model":"m","messages":[]}',
                                  b'{"messages":[{"role":"user","content":"x"}]}', b'{"model":"m","messages":["x"]}'])
def test_what_is_no_chat_completion_is_refused(body):
    delivery = desk_of().answer("POST", COMPLETIONS, body)
    assert delivery.status == 400
    assert orjson.loads(delivery.body)["error"]["code"] == "invalid_request_error"


def test_a_script_says_which_request_fails(tmp_path):
    path = tmp_path / "script.toml"
    path.write_text('latency_s = 0.5\nrefuses = ["store"]\n'
                    '[[lines]]\nfailure = "fenced"\nat = [2]\n[[lines]]\nfailure = 9\nevery = 3\n')
    script = read_script(path)
    names = [failing.name if (failing := script.failing(number)) else "" for number in range(1, 7)]
    assert names == ["", "fenced", "refusal", "", "", "refusal"]
    assert post(Desk(script), store=False)[0].status == 400
    again = tmp_path / "script.json"
    again.write_text(json.dumps({"latency_s": 0.5, "refuses": ["store"], "lines": [
        {"failure": "fenced", "at": [2]}, {"failure": 9, "every": 3}]}))
    assert read_script(again) == script


@pytest.mark.parametrize("text", [
    "nonsense", "speed = 3", '[[lines]]\nfailure = "wobbly"', "[[lines]]\nat = [1]", "latency_s = -1",
    '[[lines]]\nfailure = "fenced"\nat = [0]', '[[lines]]\nfailure = "fenced"\nevery = 0', "latency_s = nan",
])
def test_a_script_that_cannot_be_is_refused_by_its_name(tmp_path, text):
    path = tmp_path / "script.toml"
    path.write_text(text)
    with pytest.raises(BadScript, match=r"script\.toml"):
        read_script(path)
    with pytest.raises(BadScript):
        read_script(tmp_path / "missing.toml")


def test_the_meter_counts_calls_tokens_and_failures():
    desk = desk_of("ok", "refusal", "status_500", refuses=["store"])
    bodies = [post(desk)[1], post(desk)[1], post(desk)[1], post(desk, store=True)[1]]
    used = [body["usage"] for body in bodies if "usage" in body]
    meter = orjson.loads(desk.answer("GET", "/stub/meter", b"").body)
    assert meter == {
        "calls": 4, "failures": {"refusal": 1, "status_500": 1}, "refused": {"store": 1},
        "tokens": {"prompt": sum(each["prompt_tokens"] for each in used), "cached": 0,
                   "completion": sum(each["completion_tokens"] for each in used)}}
    assert post(desk_that_fails("spaces"), max_tokens=100)[1]["usage"]["completion_tokens"] == 100


# -- over a socket ----------------------------------------------------------------------


@asynccontextmanager
async def site(desk: Desk) -> AsyncIterator[tuple[str, OpenAIModel]]:
    sock = bound_socket(0)
    url = f"{url_of(sock)}/v1"
    server = StubServer(sock, desk)
    await server.start()
    model = OpenAIModel(
        Server(base_url=url, api_key=SecretStr(KEY)), Terms(model="stub"), memory=Memory(), redactor=Redactor(),
        times=Times(monotonic_s=time.monotonic, random_share=lambda: 0.0))
    try:
        yield url, model
    finally:
        await model.aclose()
        await server.close()


async def test_it_serves_models_completions_and_a_meter_on_loopback():
    desk = desk_of()
    async with site(desk) as (url, model), httpx.AsyncClient() as http:
        assert (await http.get(f"{url}/models")).json()["data"][0]["id"] == "stub"
        reply = await model.ask(make_ask())
        assert orjson.loads(reply.text)["id"] == QUESTION["id"]
        assert (reply.cost_usd, reply.attempts) == (0, 1)
        meter = (await http.get(url.replace("/v1", "/stub/meter"))).json()
        assert (meter["calls"], meter["tokens"]["prompt"]) == (1, reply.usage.input)
        assert (await http.get(f"{url}/nowhere")).status_code == 404


@pytest.mark.parametrize(("name", "reason"), [
    ("silent", "timeout"), ("trickle", "timeout"), ("late", "timeout"), ("reset", "connection"),
    ("status_401", "unauthorised"), ("html_200", "bad_body"), ("spaces", "too_long"), ("status_404", "not_found"),
    ("rate_limited_100", "rate_limited"),
])
async def test_failures_over_a_socket_end_as_in_process(name, reason):
    async with site(desk_that_fails(name)) as (_, model):
        began_s = time.monotonic()
        reply = await model.ask(make_ask(deadline_s=0.05 if reason == "timeout" else 8.0))
        assert (reply.failure.reason, reply.text) == (reason, None)
        assert time.monotonic() - began_s < 30.0
        assert KEY not in reply.failure.detail


async def test_a_server_that_is_not_there_is_a_failed_connection():
    async with site(desk_of()) as (url, model):
        await model.aclose()
    gone = OpenAIModel(
        Server(base_url=url, api_key=SecretStr("")), Terms(model="stub"), memory=Memory(), redactor=Redactor(),
        times=Times(monotonic_s=time.monotonic, random_share=lambda: 0.0))
    reply = await gone.ask(make_ask(deadline_s=8.0))
    assert (reply.failure.reason, reply.attempts) == ("connection", 1)
    await gone.aclose()


async def test_warming_up_needs_no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    await asyncio.to_thread(warm_up)


async def test_a_client_that_leaves_is_forgotten():
    desk = desk_that_fails("silent")
    async with site(desk) as (_, model):
        for _ in range(3):
            assert (await model.ask(make_ask(deadline_s=0.5))).failure.reason == "timeout"
        assert desk.calls == 3
        for _ in range(6_000):
            if not any("_answer" in repr(task) for task in asyncio.all_tasks()):
                break
            await asyncio.sleep(0.01)
        assert not any("StubServer._answer" in repr(task) for task in asyncio.all_tasks())
