"""A model's client at the stub in one process, in virtual time."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import openai._base_client
import orjson
import pytest
from pydantic import SecretStr

from fabio.adapters.llm.asking import Ask, Terms
from fabio.adapters.llm.client import OpenAIModel, Server, Times
from fabio.adapters.llm.memory import Memory
from fabio.adapters.llm.prices import Price
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.failures import FAILURES
from fabio.adapters.llm.stub.inprocess import URL, StubTransport
from fabio.adapters.llm.stub.script import Line, Script
from fabio.adapters.redact import Redactor

KEY = "sk-proj-" + "Planted0Secret1" * 3
TERMS = Terms(model="gpt-5.4-mini")
SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"], "additionalProperties": False}
QUESTION = {
    "id": "44136fa3", "last_price": 21_500.25,
    "market_stats": {"distance_to_vah_ticks": -12, "distance_to_val_ticks": 30, "seconds_outside_value_30min": 120},
    "poc_cross_stats": {"current_side": "above_poc"},
    "rules": {"label": "range", "market_state": "balanced", "direction": "none", "confidence": 0.42,
              "reasoning": "range_ratio 0.9"},
    "strategy_state": {"mean_reversion": {"enabled": True}, "trend_continuation": {"enabled": False}},
}
ALL_FAILURES = [failing.name for failing in FAILURES]


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The openai package looks at its platform in a thread, which virtual time would not wait for."""
    def direct(function: Any) -> Any:
        async def run(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)
        return run

    monkeypatch.setattr(openai._base_client, "asyncify", direct)


def make_ask(**changes: Any) -> Ask:
    """An ask about `QUESTION`."""
    values: dict[str, Any] = {
        "system": "You label regimes. " * 40, "user": orjson.dumps(QUESTION).decode(), "schema": SCHEMA,
        "schema_name": "assessment", "request_hash": "44136fa355b3678a", "prompt_version": "1",
        "allowance_usd": Decimal("0.05"), "deadline_s": 20.0,
    }
    return Ask(**(values | changes))


def desk_of(*failures: str, refuses: Iterable[str] = (), latency_s: float = 0.0) -> Desk:
    """A stub whose requests fail one after the other as named (`ok` does not); then it answers."""
    lines = [Line(failure=name, at=(place,)) for place, name in enumerate(failures, 1) if name != "ok"]
    return Desk(Script(lines=tuple(lines), refuses=tuple(refuses), latency_s=latency_s))


def desk_that_fails(name: str) -> Desk:
    """A stub whose every request fails."""
    return Desk(Script(lines=(Line(failure=name),)))


def now_s() -> float:
    """The loop's own clock, virtual or not."""
    return asyncio.get_running_loop().time()


def model_of(
    transport: httpx.AsyncBaseTransport, *, memory: Memory | None = None, redactor: Redactor | None = None,
    url: str = URL, price: Price | None = None, terms: Terms = TERMS,
) -> OpenAIModel:
    """A client with any way to a server."""
    return OpenAIModel(
        Server(base_url=url, api_key=SecretStr(KEY), price=price), terms, memory=memory or Memory(),
        redactor=redactor or Redactor(), times=Times(monotonic_s=now_s, random_share=lambda: 0.5), transport=transport)


def model_at(desk: Desk, **changes: Any) -> OpenAIModel:
    """A client at a stub."""
    return model_of(StubTransport(desk), **changes)


class Fixed(httpx.AsyncBaseTransport):
    """Gives the same answers in their order, then the last; an exception is raised."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def completion(content: Any, **changes: Any) -> httpx.Response:
    """A chat completion without usage."""
    body = {"model": "m", "choices": [{"finish_reason": "stop", "message": {"content": content}}]} | changes
    return httpx.Response(200, content=orjson.dumps(body))


def written(path: Path) -> bytes:
    """Everything in a folder or a file."""
    if path.is_file():
        return path.read_bytes()
    return b"".join(each.read_bytes() for each in sorted(path.rglob("*")) if each.is_file())


def as_bytes(value: Any) -> bytes:
    """A noun as the records write it."""
    return msgspec.json.encode(value)
