"""Breaker, recorder and replayer, alone and around the client."""

import asyncio
import logging
import random
import socket
from decimal import Decimal

import msgspec
import pytest
from llm_lab import (  # noqa: F401  # the fixture works by being here
    ALL_FAILURES,
    KEY,
    TERMS,
    Fixed,
    as_bytes,
    completion,
    desk_of,
    make_ask,
    model_at,
    model_of,
    no_threads,
    now_s,
)

from fabio.adapters.llm.asking import Ask, Failure, Reason, Reply, Terms, call_hash, failed
from fabio.adapters.llm.breaker import Breaker, BreakerLimits
from fabio.adapters.llm.recorder import Recorder
from fabio.adapters.llm.replayer import Replayer, read_recording
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.script import Line, Script
from fabio.adapters.redact import Redactor
from fabio.research.reliability.virtual_time import run_virtual

DAY_S = 86_400.0


class Said:
    """An inner model that says what it is told to."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)  # `ok` is a text
        self.asked = 0

    async def ask(self, ask: Ask) -> Reply:
        self.asked += 1
        reason = self.reasons.pop(0) if self.reasons else "ok"
        if reason == "ok":
            return Reply(text="{}", model="m", call_hash=call_hash(ask, TERMS), attempts=1)
        return failed(ask, TERMS, Failure(reason, "as told"))  # type: ignore[arg-type]


class World:
    """A breaker with a clock and a day that a test moves."""

    def __init__(self, *reasons: str, limits: BreakerLimits | None = None) -> None:
        self.now, self.day, self.inner = 5000.0, "2026-06-01", Said(*reasons)
        self.breaker = Breaker(
            self.inner, TERMS, monotonic_s=lambda: self.now, day=lambda: self.day, limits=limits)

    def ask(self, times: int = 1) -> str:
        reply = None
        for _ in range(times):
            reply = asyncio.run(self.breaker.ask(make_ask()))
        return "ok" if reply.failure is None else reply.failure.reason


def test_three_failures_in_a_row_open_it_and_a_text_between_them_does_not():
    world = World("timeout", "bad_body", "ok", "server_error", "timeout", "empty")
    assert [world.ask() for _ in range(7)] == [
        "timeout", "bad_body", "ok", "server_error", "timeout", "empty", "breaker_open"]
    assert (world.breaker.state, world.inner.asked) == ("open", 6)
    assert world.breaker.words() == "open for 600 s more: empty"


def test_after_ten_minutes_one_probe_decides():
    world = World("timeout", "timeout", "timeout", "ok", "timeout", "timeout")
    world.ask(3)
    world.now += 599.9
    assert (world.ask(), world.inner.asked) == ("breaker_open", 3)
    world.now += 0.2
    assert (world.ask(), world.breaker.state) == ("ok", "closed")
    assert (world.ask(2), world.breaker.state) == ("timeout", "closed")  # the row begins anew


def test_the_third_opening_is_off_for_the_day():
    world = World(*["timeout"] * 9)
    world.ask(3)
    for state in ("open", "off"):
        world.now += 600
        assert (world.ask(), world.breaker.state) == ("timeout", state)
    world.now += 10 * 600
    assert (world.ask(), world.inner.asked) == ("breaker_open", 5)
    assert world.breaker.words() == "off until tomorrow: timeout"
    world.day = "2026-06-02"
    assert (world.breaker.state, world.ask(), world.inner.asked) == ("closed", "timeout", 6)
    world.ask(2)
    assert world.breaker.state == "open"  # openings are counted anew, too


@pytest.mark.parametrize("reason", ["quota", "unauthorised"])
def test_what_only_a_person_mends_is_off_at_once(reason):
    world = World(reason)
    world.ask()
    assert (world.breaker.state, world.ask(), world.inner.asked) == ("off", "breaker_open", 1)


@pytest.mark.parametrize("reason", ["over_budget", "not_recorded"])
def test_what_is_not_the_servers_fault_does_not_count(reason):
    world = World(*[reason] * 9)
    assert (world.ask(9), world.breaker.state) == (reason, "closed")
    world = World("timeout", "timeout", "timeout", reason, "ok")
    world.ask(3)
    world.now += 600
    assert (world.ask(), world.breaker.state) == (reason, "open")
    assert (world.ask(), world.breaker.state) == ("ok", "closed")


def test_texts_that_nobody_can_use_open_it_too():
    world = World()
    for _ in range(3):
        assert (world.ask(), world.breaker.state) == ("ok", "closed")
        world.breaker.reject_last("not_json")
    assert (world.breaker.state, world.breaker.words()) == ("open", "open for 600 s more: not_json")
    world = World("ok", "timeout", "timeout", "ok", "timeout")
    world.ask(4)
    world.ask()
    assert world.breaker.state == "closed"


def test_only_one_probes_and_a_cancelled_probe_lets_the_next_one():
    class Slow:
        asked = 0

        async def ask(self, ask: Ask) -> Reply:
            self.asked += 1
            if self.asked > 1:
                await asyncio.sleep(60)
            return failed(ask, TERMS, Failure("timeout", ""))

    async def story() -> None:
        inner = Slow()
        breaker = Breaker(inner, TERMS, monotonic_s=now_s, day=lambda: "d", limits=BreakerLimits(failures=1))
        await breaker.ask(make_ask())
        await asyncio.sleep(600)
        probe = asyncio.create_task(breaker.ask(make_ask()))
        await asyncio.sleep(1)
        assert breaker.state == "probing"
        assert (await breaker.ask(make_ask())).failure.reason == "breaker_open"
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        assert breaker.state == "open"
        await breaker.ask(make_ask())
        assert inner.asked == 3

    run_virtual(story())


def test_a_breakers_own_reply_carries_the_calls_hash():
    world = World("quota")
    world.ask()
    reply = asyncio.run(world.breaker.ask(make_ask()))
    assert (reply.call_hash, reply.cost_usd, reply.attempts) == (call_hash(make_ask(), TERMS), 0, 0)


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_forced_failures_never_cost_more_than_was_allowed(count):
    dice = random.Random(4)
    names = [name for name in ALL_FAILURES if name not in ("quota", "status_401", "status_402", "status_403")]
    lines = tuple(Line(failure=name, at=tuple(range(place + 1, 20_001, len(names))))
                  for place, name in enumerate(dice.sample(names, len(names))))

    async def story() -> tuple[int, int]:
        desk = Desk(Script(lines=lines))
        model = model_at(desk)
        breaker = Breaker(model, TERMS, monotonic_s=now_s, day=lambda: str(int(now_s() // DAY_S)),
                          limits=BreakerLimits(openings=1000))
        asked = 0
        for _ in range(count):
            allowance = Decimal(dice.randrange(0, 30)) / 1000
            reply = await breaker.ask(make_ask(allowance_usd=allowance, deadline_s=dice.choice((1.0, 10.0, 20.0))))
            assert reply.cost_usd <= allowance
            assert (reply.text is None) != (reply.failure is None)
            asked += reply.attempts > 0
            await asyncio.sleep(dice.choice((5.0, 15.0, 600.0)))
        return asked, len(desk.played)

    asked, kinds = run_virtual(story())
    assert asked > count // 10
    assert kinds == len(names)


# -- record and replay ------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_recording_replays_to_the_byte_without_the_network(tmp_path, no_network):
    path = tmp_path / "llm" / "calls.jsonl"
    asks = [make_ask(user=f'{{"id":"{number}"}}') for number in range(len(ALL_FAILURES))] * 2

    async def record() -> list[Reply]:
        redactor = Redactor()
        model = Recorder(model_at(desk_of(*ALL_FAILURES), redactor=redactor), path, TERMS, redactor)
        return [await model.ask(ask) for ask in asks]

    async def replay() -> list[Reply]:
        model = Replayer(path, TERMS)
        assert model.damaged_lines == 0
        return [await model.ask(ask) for ask in asks]

    recorded, replayed = run_virtual(record()), run_virtual(replay())
    assert as_bytes(replayed) == as_bytes(recorded)
    assert len({reply.failure.reason for reply in recorded if reply.failure}) >= 10


def test_the_same_ask_is_answered_in_order_and_then_with_the_last(tmp_path):
    path = tmp_path / "calls.jsonl"

    async def record() -> None:
        model = Recorder(model_of(Fixed(completion("one"), completion("two"))), path, TERMS, Redactor())
        for _ in range(2):
            await model.ask(make_ask())

    async def replay() -> list[str]:
        model = Replayer(path, TERMS)
        return [(await model.ask(make_ask())).text for _ in range(4)]

    run_virtual(record())
    assert run_virtual(replay()) == ["one", "two", "two", "two"]


@pytest.mark.parametrize("change", [
    {"user": "{}"}, {"system": "else"}, {"prompt_version": "2"}, {"schema": {}},
])
def test_what_was_not_recorded_fails(tmp_path, change):
    path = tmp_path / "calls.jsonl"
    asyncio.run(Recorder(Said(), path, TERMS, Redactor()).ask(make_ask()))
    model = Replayer(path, TERMS)
    assert asyncio.run(model.ask(make_ask(**change))).failure.reason == "not_recorded"
    assert model.missed == 1
    other = Replayer(path, Terms(model="gpt-5.4"))
    assert asyncio.run(other.ask(make_ask())).failure.reason == "not_recorded"
    assert asyncio.run(model.ask(make_ask(allowance_usd=None, deadline_s=1.0))).failure is None


def test_a_torn_line_is_counted_and_swallows_nothing(tmp_path):
    path = tmp_path / "calls.jsonl"
    asyncio.run(Recorder(Said(), path, TERMS, Redactor()).ask(make_ask()))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 3] + b"\n\xff{}\n[]\n" + whole[:50])
    asyncio.run(Recorder(Said(), path, TERMS, Redactor()).ask(make_ask(user="{}")))
    model = Replayer(path, TERMS)
    assert model.damaged_lines == 4
    for ask in (make_ask(), make_ask(user="{}")):
        assert asyncio.run(model.ask(ask)).failure is None


def test_the_stable_text_is_written_once(tmp_path):
    path = tmp_path / "calls.jsonl"
    recorder = Recorder(Said(), path, TERMS, Redactor())
    for number in range(5):
        asyncio.run(recorder.ask(make_ask(user=str(number))))
    kinds = [type(line).__name__ for line in read_recording(path)]
    assert kinds == ["Stable", *["Call"] * 5]


def test_a_disk_that_is_full_costs_the_record_not_the_answer(tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"")
    recorder = Recorder(Said(), tmp_path / "file" / "calls.jsonl", TERMS, Redactor())
    assert asyncio.run(recorder.ask(make_ask())).text == "{}"
    assert recorder.lost == 1
    assert "not recorded" in caplog.text


def test_planted_secrets_reach_no_record_no_reply_and_no_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    planted = "topstep-KEY+0123456789="
    ask = make_ask(user=f'{{"id":"44136fa3","note":"my key is {planted}, or {KEY}"}}', system=f"never say {planted}")
    sent = []

    async def story() -> list[Reply]:
        redactor = Redactor([planted])
        way = Fixed(completion(f"you said {planted} and {KEY}"), completion(None, error={"message": planted}))
        model = Recorder(model_of(way, redactor=redactor), tmp_path / "calls.jsonl", TERMS, redactor)
        replies = [await model.ask(ask) for _ in range(2)]
        sent.extend(request.content for request in way.requests)
        return replies

    replies = run_virtual(story())
    seen = as_bytes(replies) + (tmp_path / "calls.jsonl").read_bytes() + b"".join(sent) + caplog.text.encode()
    assert planted.encode() not in seen
    assert KEY.encode() not in seen
    assert replies[0].text == "you said *** and ***"


def test_a_reply_is_written_and_read_the_same():
    reply = Reply(text="é\u202e", cost_usd=Decimal("0.000123450"), model="m", call_hash="c", latency_s=0.123)
    assert msgspec.json.decode(as_bytes(reply), type=Reply) == reply
    assert "unexpected" in Reason.__args__
