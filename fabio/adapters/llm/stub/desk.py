"""The stub's desk: a request in, a delivery out; the shells carry it over a socket or in process."""

from collections import Counter
from typing import Any

import msgspec
import orjson

from fabio.adapters.llm.stub.answers import Question, answer_to, question_of, tokens_in, told_of
from fabio.adapters.llm.stub.delivery import Answered, Delivery, completion, error
from fabio.adapters.llm.stub.script import Script

COMPLETIONS, MODELS, METER = "/v1/chat/completions", "/v1/models", "/stub/meter"
_SMALLEST_CACHED, _CACHED_STEP = 1024, 128
_PREFIXES_KEPT = 64
_LIMITS = ("max_completion_tokens", "max_tokens")


class Desk:
    """Answers requests in the order in which they come, and counts them."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.calls = 0
        self.tokens: Counter[str] = Counter()
        self.played: Counter[str] = Counter()  # failure's name -> how often
        self.refused: Counter[str] = Counter()  # parameter's name -> how often
        self.bodies: list[dict[str, Any]] = []  # of the latest requests, oldest first
        self._prefixes: dict[str, None] = {}  # stable texts seen, as a server's cache keeps them

    def answer(self, method: str, path: str, body: bytes, key: str = "") -> Delivery:
        """Answer one request.

        Parameters
        ----------
        key
            Bearer token; empty if none was shown.
        """
        if (method, path) == ("GET", METER):
            return Delivery(body=orjson.dumps(self.meter()))
        if (method, path) == ("GET", MODELS):
            return Delivery(body=orjson.dumps({
                "object": "list", "data": [{"id": "stub", "object": "model", "created": 0, "owned_by": "fabio"}]}))
        if (method, path) != ("POST", COMPLETIONS):
            return error(404, "not_found", f"the stub has no {method} {path[:100]}")
        self.calls += 1
        try:
            asked = orjson.loads(body)
            question = question_of(asked)
        except (orjson.JSONDecodeError, ValueError, AttributeError) as wrong:
            return error(400, "invalid_request_error", f"this is no chat completion: {wrong}")
        self.bodies = [*self.bodies[-15:], asked]
        delivery = self._complete(asked, question, key)
        return msgspec.structs.replace(delivery, delay_s=delivery.delay_s + self.script.latency_s)

    def meter(self) -> dict[str, Any]:
        """Tell what was asked and answered so far."""
        return {
            "calls": self.calls,
            "tokens": {name: self.tokens[name] for name in ("prompt", "cached", "completion")},
            "failures": dict(sorted(self.played.items())),
            "refused": dict(sorted(self.refused.items())),
        }

    def _complete(self, asked: dict[str, Any], question: Question, key: str) -> Delivery:
        unliked = self._unliked(asked)
        if unliked is not None:
            name, param = unliked
            self.refused[name] += 1
            return error(400, "unsupported_parameter", f"Unsupported parameter: '{name}' is not supported.",
                         param=param)
        strategies, last_price = told_of(question)
        limits = [asked[name] for name in _LIMITS if isinstance(asked.get(name), int)]
        answered = Answered(
            number=self.calls, model=question.model, text=orjson.dumps(answer_to(question)).decode(), key=key,
            most_tokens=min(limits, default=None), strategies=strategies, last_price=last_price,
            prompt_tokens=tokens_in(question.stable) + tokens_in(question.user), cached_tokens=self._cached(question))
        failing = self.script.failing(self.calls)
        if failing is None:
            delivery = completion(answered, answered.text)
        else:
            self.played[failing.name] += 1
            delivery = failing.play(answered)
        if delivery.tokens is not None:
            for name, count in zip(("prompt", "cached", "completion"), delivery.tokens, strict=True):
                self.tokens[name] += count
        return delivery

    def _unliked(self, asked: dict[str, Any]) -> tuple[str, str] | None:
        wanted = asked.get("response_format")
        form = wanted.get("type") if isinstance(wanted, dict) else None
        for name in self.script.refuses:
            if name == form:
                return name, "response_format"
            if name in asked:
                return name, name
        return None

    def _cached(self, question: Question) -> int:
        """Count what a server would have kept: whole steps of a text seen before, if it is long enough."""
        stable = question.stable
        seen = stable in self._prefixes
        self._prefixes[stable] = None
        if len(self._prefixes) > _PREFIXES_KEPT:
            del self._prefixes[next(iter(self._prefixes))]
        whole = tokens_in(stable) // _CACHED_STEP * _CACHED_STEP
        return whole if seen and whole >= _SMALLEST_CACHED else 0
