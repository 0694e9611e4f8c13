"""The client against every failure of the stub, and against servers that are worse."""

import asyncio
import json
import logging
import typing
import zlib
from decimal import Decimal

import httpx
import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_lab import (  # noqa: F401  # the fixture works by being here
    ALL_FAILURES,
    KEY,
    TERMS,
    Fixed,
    as_bytes,
    completion,
    desk_of,
    desk_that_fails,
    make_ask,
    model_at,
    model_of,
    no_threads,
    now_s,
)

from fabio.adapters.llm.asking import Ask, Reason, Reply, call_hash
from fabio.adapters.llm.prices import FREE, HIGHEST, Price, cost_of
from fabio.adapters.llm.reading import read
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.troubles import retry_after_s
from fabio.research.reliability.virtual_time import run_virtual

REASONS = typing.get_args(Reason)
# failures of the whole answer, not of its content -> reason
EXPECTED = {
    "length": "too_long", "content_filter": "filtered", "refusal": "refused", "null": "empty", "empty": "empty",
    "no_choices": "empty", "error_200": "bad_body", "html_200": "bad_body", "spaces": "too_long", "silent": "timeout",
    "trickle": "timeout", "reset": "connection", "rate_limited_1": "rate_limited", "rate_limited_100": "rate_limited",
    "rate_limited_3600": "rate_limited", "rate_limited": "rate_limited", "quota": "quota",
    "status_401": "unauthorised", "status_402": "quota", "status_403": "unauthorised", "status_404": "not_found",
    "status_400": "bad_request", "status_500": "server_error", "status_503": "server_error", "late": "timeout",
}


def ask_once(model_maker, ask: Ask | None = None) -> tuple[Reply, float]:
    """Ask in virtual time; give the reply and how long it took."""
    async def story() -> tuple[Reply, float]:
        model = model_maker()
        began_s = now_s()
        try:
            return await model.ask(ask or make_ask()), now_s() - began_s
        finally:
            await model.aclose()

    return run_virtual(story())


def ask_desk(desk: Desk, ask: Ask | None = None, **changes) -> tuple[Reply, float]:
    return ask_once(lambda: model_at(desk, **changes), ask)


def ask_fixed(*answers, ask: Ask | None = None, **changes) -> Reply:
    return ask_once(lambda: model_of(Fixed(*answers), **changes), ask)[0]


@pytest.mark.parametrize("name", ALL_FAILURES)
def test_every_failure_ends_within_the_deadline_in_a_reason_or_a_text(name):
    ask = make_ask()
    reply, took_s = ask_desk(desk_that_fails(name), ask)
    assert took_s <= ask.deadline_s
    assert (reply.text is None) != (reply.failure is None)
    assert (reply.failure and reply.failure.reason) == EXPECTED.get(name)
    assert reply.failure is None or reply.failure.reason in REASONS
    assert reply.cost_usd <= ask.allowance_usd
    assert reply.call_hash == call_hash(ask, TERMS)
    assert KEY not in as_bytes(reply).decode()


def test_an_answer_comes_back_as_it_was_written_with_usage_and_cost():
    desk = desk_of()
    reply, _ = ask_desk(desk)
    answer = orjson.loads(reply.text)
    assert list(answer) == ["id", "market_assessment", "trade_decisions", "strategy_updates", "importance_zones",
                            "notes_to_future_self"]
    assert (answer["id"], answer["market_assessment"]["regime"]) == ("44136fa3", "range")
    assert (reply.attempts, reply.model) == (1, "gpt-5.4-mini")
    meter = desk.meter()
    assert (reply.usage.input, reply.usage.output) == (meter["tokens"]["prompt"], meter["tokens"]["completion"])
    assert reply.cost_usd == (reply.usage.input * Decimal("0.75") + reply.usage.output * Decimal("4.50")) / 1_000_000


@pytest.mark.parametrize("name", ["silent", "trickle", "late"])
@pytest.mark.parametrize("deadline_s", [0.5, 7.0, 20.0])
def test_the_deadline_is_by_the_clock_on_the_wall(name, deadline_s):
    reply, took_s = ask_desk(desk_that_fails(name), make_ask(deadline_s=deadline_s))
    assert reply.failure.reason == "timeout"
    assert took_s == pytest.approx(deadline_s, abs=0.01)
    assert reply.latency_s == pytest.approx(deadline_s, abs=0.01)
    assert reply.cost_usd > 0  # nobody knows what the server counted: the most is charged


@pytest.mark.parametrize("name", ["rate_limited_1", "rate_limited", "status_500", "status_503"])
def test_what_passes_is_tried_once_more(name):
    desk = desk_of(name)
    reply, took_s = ask_desk(desk)
    assert reply.failure is None
    assert (desk.calls, reply.attempts) == (2, 2)
    assert took_s == pytest.approx(1.0 if name == "rate_limited_1" else 0.75)
    again = desk_of(name, name)
    assert ask_desk(again)[0].failure.reason in ("rate_limited", "server_error")
    assert again.calls == 2


@pytest.mark.parametrize("name", sorted({*EXPECTED} - {"rate_limited_1", "rate_limited", "status_500", "status_503"}))
def test_what_is_hopeless_is_never_tried_again(name):
    desk = desk_of(name)
    reply, _ = ask_desk(desk)
    assert (desk.calls, reply.failure.reason) == (1, EXPECTED[name])


def test_a_connection_that_never_stood_is_tried_again_and_one_that_broke_is_not():
    reply = ask_fixed(httpx.ConnectError("refused"), completion("hello"))
    assert (reply.text, reply.attempts) == ("hello", 2)
    reply = ask_fixed(httpx.ReadError("reset"), completion("hello"))
    assert (reply.failure.reason, reply.attempts) == ("connection", 1)
    reply = ask_fixed(httpx.ConnectError("refused"))
    assert (reply.failure.reason, reply.attempts, reply.cost_usd) == ("connection", 2, 0)


def test_no_second_attempt_without_time_or_money():
    desk = desk_of("status_500")
    reply, took_s = ask_desk(desk, make_ask(deadline_s=8.0))
    assert (desk.calls, reply.failure.reason, took_s) == (1, "server_error", 0.0)
    most = ask_desk(desk_that_fails("silent"))[0].cost_usd
    desk = desk_of("status_500")
    reply, _ = ask_desk(desk, make_ask(allowance_usd=2 * most - Decimal("0.000001")))
    assert (desk.calls, reply.failure.reason, reply.cost_usd) == (1, "server_error", most)
    assert ask_desk(desk_of("status_500"), make_ask(allowance_usd=2 * most))[0].failure is None


def test_what_may_cost_too_much_never_leaves():
    desk = desk_of()
    reply, _ = ask_desk(desk, make_ask(allowance_usd=Decimal("0.001")))
    assert (reply.failure.reason, desk.calls, reply.attempts, reply.cost_usd) == ("over_budget", 0, 0, 0)
    unlisted, _ = ask_desk(desk, terms=type(TERMS)(model="mystery"))
    assert (unlisted.failure.reason, desk.calls) == ("over_budget", 0)
    assert "mystery has no known price" in unlisted.failure.detail
    assert ask_desk(desk, make_ask(allowance_usd=None))[0].failure is None


def test_the_bound_on_the_cost_holds_whatever_the_text():
    for text in ("a" * 5000, "日本語" * 900, "\u202e\U0001f600" * 500, " " * 4000):
        desk = desk_of()
        reply, _ = ask_desk(desk, make_ask(system=text, allowance_usd=None))
        model_most = ask_desk(desk_that_fails("silent"), make_ask(system=text, allowance_usd=None))[0].cost_usd
        assert reply.cost_usd <= model_most


@pytest.mark.parametrize("refuses", [(), ("json_schema",), ("json_schema", "json_object")])
@pytest.mark.parametrize("text", ["a", "日本語" * 900, '"\\' * 999])
def test_what_the_model_says_it_may_cost_is_enough_however_the_server_is_asked(refuses, text):
    async def story() -> None:
        ask = make_ask(user=text, schema={"type": "object", "title": "é" * 300})
        model = model_at(desk_of(refuses=refuses))
        reply = await model.ask(msgspec.structs.replace(ask, allowance_usd=model.most_cost(ask)))
        assert reply.failure is None
        assert reply.cost_usd <= model.most_cost(ask)

    run_virtual(story())


def test_what_is_cached_is_cheaper_and_a_server_of_ones_own_is_free():
    desk = desk_of()
    ask = make_ask(system="You label regimes. " * 300)

    async def twice() -> list[Reply]:
        model = model_at(desk)
        return [await model.ask(ask) for _ in range(2)]

    first, second = run_virtual(twice())
    assert (first.usage.cached, second.usage.cached % 128) == (0, 0)
    assert second.usage.cached >= 1024
    saved = second.usage.cached * (Decimal("0.75") - Decimal("0.075")) / 1_000_000
    assert second.cost_usd == first.cost_usd - saved
    assert ask_desk(desk_of(), url="http://127.0.0.1:1/v1")[0].cost_usd == 0
    own = Price(input=Decimal(1), cached=Decimal(1), output=Decimal(0))
    priced, _ = ask_desk(desk_of(), url="http://127.0.0.1:1/v1", price=own)
    assert priced.cost_usd == Decimal(priced.usage.input) / 1_000_000


@pytest.mark.parametrize(("model", "price"), [("never-heard-of", HIGHEST), ("gpt-5.4-mini-2026-03-17", None)])
def test_a_model_nobody_listed_costs_the_most(model, price):
    reply, _ = ask_desk(desk_of(), make_ask(allowance_usd=None), terms=type(TERMS)(model=model))
    expected = price or Price(input=Decimal("0.75"), cached=Decimal("0.075"), output=Decimal("4.50"))
    assert reply.cost_usd == cost_of(reply.usage, expected) > 0
    assert FREE.output == 0


def test_without_usage_the_most_is_charged():
    silent_cost = ask_desk(desk_that_fails("silent"))[0].cost_usd
    for usage in (None, {}, {"prompt_tokens": "7", "completion_tokens": 1}, {"prompt_tokens": -1,
                  "completion_tokens": 1}, {"prompt_tokens": True, "completion_tokens": 1}, [], "much",
                  {"prompt_tokens": 10**12, "completion_tokens": 1}):
        reply = ask_fixed(completion("hello", usage=usage))
        assert (reply.text, reply.usage, reply.cost_usd) == ("hello", None, silent_cost)
    odd = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99},
           "completion_tokens_details": {"reasoning_tokens": 4}}
    usage = ask_fixed(completion("hello", usage=odd)).usage
    assert (usage.input, usage.cached, usage.output, usage.reasoning) == (10, 10, 5, 4)


@pytest.mark.parametrize(("body", "reason"), [
    (b"", "bad_body"), (b"null", "bad_body"), (b"[]", "bad_body"), (b"7", "bad_body"), (b"\xff\xfe\x00", "bad_body"),
    (b'{"choices":null}', "bad_body"), (b'{"choices":{}}', "bad_body"), (b'{"choices":[null]}', "bad_body"),
    (b'{"choices":[{}]}', "bad_body"), (b'{"choices":[{"message":[]}]}', "bad_body"),
    (b'{"choices":[{"message":{}}]}', "empty"), (b'{"choices":[{"message":{"content":7}}]}', "bad_body"),
    (b'{"choices":[{"message":{"content":[{"type":"text","text":"x"}]}}]}', "bad_body"),
    (b'{"choices":[{"message":{"content":" \\n\\t "}}]}', "empty"), (b'{"error":"down"}', "bad_body"),
    (b'{"error":{"code":"insufficient_quota"}}', "quota"), (b"[" * 100_000, "bad_body"),
    (b'{"choices":[{"message":{"content":"\\ud800"}}]}', "bad_body"),
    (b"x" * 300_000, "bad_body"),
])
def test_any_body_has_a_reason(body, reason):
    reply = ask_fixed(httpx.Response(200, content=body))
    assert (reply.failure.reason, reply.text) == (reason, None)
    assert len(reply.failure.detail) <= 300


_ODD = (st.none() | st.booleans() | st.integers() | st.text(max_size=9)
        | st.floats(allow_nan=False, allow_infinity=False))
_NAMES = st.sampled_from(["choices", "message", "content", "refusal", "finish_reason", "usage", "prompt_tokens",
                          "completion_tokens", "prompt_tokens_details", "cached_tokens", "error", "code", "model"])
_BODIES = st.recursive(
    _ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5), max_leaves=25)


@given(body=_BODIES | st.binary(max_size=200))
def test_reading_survives_any_body(body):
    said = read(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (said.text is None) != (said.failure is None)
    assert said.failure is None or said.failure.reason in REASONS


@pytest.mark.parametrize(("headers", "wait_s"), [
    ({"retry-after": "Mon, 01 Jun 2026 14:00:30 GMT", "date": "Mon, 01 Jun 2026 14:00:00 GMT"}, 30.0),
    ({"retry-after": "Mon, 01 Jun 2026 13:00:00 GMT", "date": "Mon, 01 Jun 2026 14:00:00 GMT"}, 0.0),
    ({"retry-after": "Mon, 01 Jun 2026 14:00:30 GMT"}, None), ({"retry-after": "soon"}, None),
    ({"retry-after": "-1"}, None), ({"retry-after": "9" * 500}, 999_999_999.0), ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "."}, None), ({"retry-after": "٣"}, None), ({"retry-after-ms": "500", "retry-after": "9"}, 0.5),
])
def test_how_long_to_wait_is_read_in_every_form(headers, wait_s):
    assert retry_after_s(headers) == wait_s


@pytest.mark.parametrize("status", [204, 301, 307, 405, 408, 409, 413, 418, 421, 422, 451, 500, 502, 504, 520, 599])
def test_any_status_has_a_reason(status):
    reply = ask_fixed(httpx.Response(status, content=b"\x00<html>" + b"y" * 9000, headers={"Location": "http://a.b"}))
    assert reply.failure.reason in REASONS
    assert reply.attempts <= 2


@pytest.mark.parametrize("error", [
    ValueError("odd"), RuntimeError("odd"), OSError("odd"), httpx.DecodingError("odd"), httpx.TooManyRedirects("odd"),
    httpx.LocalProtocolError("odd"), KeyError("odd"), TimeoutError("odd"), UnicodeDecodeError("utf-8", b"", 0, 1, "o"),
])
def test_whatever_the_way_to_the_server_raises_is_a_reason(error):
    reply = ask_fixed(error)
    assert reply.failure.reason in ("unexpected", "connection", "timeout")


def test_texts_that_cannot_be_sent_are_a_reason():
    assert ask_fixed(completion("x"), ask=make_ask(user="\ud800")).failure.reason == "unexpected"


class Parcel(httpx.AsyncBaseTransport):
    """Sends a body as it is, under any encoding."""

    def __init__(self, encoding: str, body: bytes) -> None:
        self.encoding, self.body = encoding, body

    async def handle_async_request(self, request):
        assert request.headers["Accept-Encoding"] == "identity"
        return httpx.Response(200, headers={"Content-Encoding": self.encoding}, stream=httpx.ByteStream(self.body))


def test_packed_answers_are_unpacked_within_the_bound():
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(completion("hello").content) + packer.flush()
    assert ask_once(lambda: model_of(Parcel("gzip", good)))[0].text == "hello"
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(b" " * 50_000_000) + packer.flush()
    assert len(bomb) < 100_000
    for parcel in (Parcel("gzip", bomb), Parcel("gzip", b"nonsense"), Parcel("br", good)):
        reply = ask_once(lambda parcel=parcel: model_of(parcel))[0]
        assert reply.failure.reason == "bad_body"


def test_cancellation_passes():
    async def story() -> None:
        asking = asyncio.create_task(model_at(desk_that_fails("silent")).ask(make_ask()))
        await asyncio.sleep(1.0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    run_virtual(story())


@pytest.mark.parametrize("echo", [
    lambda: httpx.Response(401, json={"error": {"message": f"Incorrect key {KEY}", "code": KEY, "type": KEY}}),
    lambda: httpx.Response(400, json={"error": {"message": "odd", "param": KEY, "code": None}}),
    lambda: httpx.Response(500, content=f"trace: Authorization: Bearer {KEY}".encode()),
    lambda: httpx.Response(200, content=("x" * 250 + KEY).encode()),
    lambda: httpx.Response(200, content=("x" * 16370 + KEY).encode()),
    lambda: completion(f'{{"note": "{KEY}"}}', model=KEY),
    lambda: completion(None, choices=[{"message": {"content": None, "refusal": f"not with {KEY}"}}]),
    lambda: httpx.ConnectError(f"proxy said {KEY}"),
    lambda: RuntimeError(f"odd {KEY}"),
])
def test_the_key_is_never_told(echo, caplog):
    caplog.set_level(logging.DEBUG)
    reply = ask_fixed(echo())
    seen = as_bytes(reply).decode() + caplog.text
    assert KEY not in seen
    assert KEY[10:30] not in seen


def test_an_address_with_a_login_does_not_tell_it(caplog):
    caplog.set_level(logging.DEBUG, logger="fabio")

    async def story() -> str:
        model = model_of(Fixed(httpx.ConnectError("http://fabio:hunter22secret@host.invalid/v1")),
                         url="http://fabio:hunter22secret@host.invalid/v1")
        return as_bytes(await model.ask(make_ask())).decode() + model.address

    assert "hunter22secret" not in run_virtual(story()) + caplog.text
