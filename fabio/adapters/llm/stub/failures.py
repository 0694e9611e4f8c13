"""Every way to fail that the stub knows, by number and name."""

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from fabio.adapters.llm.stub.delivery import Answered as A
from fabio.adapters.llm.stub.delivery import Delivery, completion, error

SILENCE_S = 3600.0
LATE_S = 60.0
_SPACES = 250_000


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fail.

    Parameters
    ----------
    number
        Variants of one failure share it.
    play
        Makes the delivery out of what would have been answered.
    """

    number: int
    name: str
    words: str
    play: Callable[[A], Delivery]


def _texts(write: Callable[[str, A], str]) -> Callable[[A], Delivery]:
    return lambda a: completion(a, write(a.text, a))


def _changed(change: Callable[[dict[str, Any]], None]) -> Callable[[A], Delivery]:
    """Answer with a field that is not as it should be."""
    def play(a: A) -> Delivery:
        answer = orjson.loads(a.text)
        change(answer)
        return completion(a, orjson.dumps(answer).decode())
    return play


def _assess(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda answer: answer.setdefault("market_assessment", {}).update(fields)


def _unknown_setup(answer: dict[str, Any]) -> None:
    _assess(chosen_model="moon_shot")(answer)
    answer["strategy_updates"] = {"active_strategies": ["moon_shot"], "strategy_tweaks": []}


def _size_99(a: A) -> Delivery:
    answer = orjson.loads(a.text)
    strategy = a.strategies[0] if a.strategies else "trend_continuation"
    answer["trade_decisions"] = [{
        "action": "enter", "side": "long", "strategy": strategy, "kind": "market", "entry_price": None,
        "stop_price": a.last_price * 0.999, "target_price": a.last_price * 1.003, "risk_fraction": 99,
        "reason": "all in"}]
    answer["strategy_updates"] = {"active_strategies": None, "strategy_tweaks": [
        {"name": strategy, "changes": {"risk_fraction": 99}, "reason": "all in"}]}
    return completion(a, orjson.dumps(answer).decode())


def _duplicate_key(text: str, a: A) -> str:
    return text[:-1] + ',"market_assessment":{"regime":"volatile","confidence":1.0}}'


def _numbers_as_nan(text: str, a: A) -> str:
    answer = orjson.loads(text)
    _assess(confidence="@nan")(answer)
    answer["importance_zones"] = [
        {"name": "far", "price": "@huge", "inner_ticks": 4, "outer_ticks": 8, "priority": "high"}]
    return orjson.dumps(answer).decode().replace('"@nan"', "NaN").replace('"@huge"', "1e400")


def _truncated(a: A) -> Delivery:
    return completion(a, a.text[: len(a.text) // 2], finish="length")


def _trickle(a: A) -> Delivery:
    return msgspec.structs.replace(completion(a, a.text), ending="trickle")


def _http(status: int, code: str, message: str, **headers: str) -> Callable[[A], Delivery]:
    return lambda a: error(status, code, message.replace("{key}", a.key or "none"), {
        name.replace("_", "-"): value for name, value in headers.items()})


_HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloud edge</body></html>"
_ERROR_200 = {"error": {"message": "upstream model crashed", "type": "server_error", "param": None, "code": None}}
_WAIT = "Rate limit reached for requests per min (RPM): Limit 3, Used 3."

FAILURES = (
    Failing(number=1, name="malformed", words="JSON that breaks off", play=_texts(lambda t, a: t[:-7] + "}{,")),
    Failing(number=2, name="fenced", words="in a code fence", play=_texts(lambda t, a: f"```json\n{t}\n```")),
    Failing(number=3, name="prose", words="prose around JSON",
            play=_texts(lambda t, a: f"Sure! Here is my view [1] {{so far}}:\n{t}\nGood luck!")),
    Failing(number=4, name="think_tag", words="a think tag before JSON",
            play=_texts(lambda t, a: f'<think>maybe {{"regime": "trend"}}</think>{t}')),
    Failing(number=5, name="two_objects", words="two objects", play=_texts(lambda t, a: f"{t}\n{t}")),
    Failing(number=6, name="array", words="an array", play=_texts(lambda t, a: f"[{t}]")),
    Failing(number=7, name="length", words="cut by its limit of tokens", play=_truncated),
    Failing(number=8, name="content_filter", words="ended by a content filter",
            play=lambda a: completion(a, a.text[:20], finish="content_filter")),
    Failing(number=9, name="refusal", words="a refusal",
            play=lambda a: completion(a, None, refusal="I'm sorry, I cannot help with trading.")),
    Failing(number=10, name="null", words="null as content", play=lambda a: completion(a, None)),
    Failing(number=11, name="empty", words="nothing as content", play=lambda a: completion(a, "")),
    Failing(number=12, name="no_choices", words="no choices", play=lambda a: completion(a, a.text, choices=False)),
    Failing(number=13, name="error_200", words="an error's body with status 200",
            play=lambda a: Delivery(body=orjson.dumps(_ERROR_200))),
    Failing(number=14, name="html_200", words="a page of HTML with status 200",
            play=lambda a: Delivery(body=_HTML, content_type="text/html")),
    Failing(number=15, name="nan", words="NaN and 1e400", play=_texts(_numbers_as_nan)),
    Failing(number=16, name="duplicate_key", words="a key twice", play=_texts(_duplicate_key)),
    Failing(number=17, name="number_as_text", words="a number as a text", play=_changed(_assess(confidence="0.7"))),
    Failing(number=18, name="unknown_regime", words="a regime nobody knows", play=_changed(_assess(regime="moon"))),
    Failing(number=19, name="unknown_setup", words="a strategy nobody knows", play=_changed(_unknown_setup)),
    Failing(number=20, name="size_99", words="99 times the balance at risk", play=_size_99),
    Failing(number=21, name="extra_order", words="a field `order` that is not in the schema",
            play=_changed(lambda answer: answer.update(order={"side": "buy", "quantity": 99, "type": "market"}))),
    Failing(number=22, name="wrong_echo", words="the id of another question",
            play=_changed(lambda answer: answer.update(id="00000000"))),
    Failing(number=23, name="foreign_evidence", words="statistics that were not told",
            play=_changed(_assess(reasoning="moonbeam_ratio_30min is 7.3 and dark_pool_sweep is rising"))),
    Failing(number=24, name="spaces", words="250 kB of spaces after the answer",
            play=_texts(lambda t, a: t + " " * _SPACES)),
    Failing(number=25, name="silent", words="never an answer",
            play=lambda a: msgspec.structs.replace(completion(a, a.text), delay_s=SILENCE_S)),
    Failing(number=26, name="trickle", words="a byte each second", play=_trickle),
    Failing(number=27, name="reset", words="a reset within the body",
            play=lambda a: msgspec.structs.replace(completion(a, a.text), ending="reset")),
    Failing(number=28, name="rate_limited_1", words="429, again after 1 s",
            play=_http(429, "rate_limit_exceeded", _WAIT, retry_after="1")),
    Failing(number=28, name="rate_limited_100", words="429, again after 100 s",
            play=_http(429, "rate_limit_exceeded", _WAIT, retry_after="100")),
    Failing(number=28, name="rate_limited_3600", words="429, again after an hour",
            play=_http(429, "rate_limit_exceeded", _WAIT, retry_after="3600")),
    Failing(number=28, name="rate_limited", words="429 without a time", play=_http(429, "rate_limit_exceeded", _WAIT)),
    Failing(number=28, name="quota", words="429, the quota is used up",
            play=_http(429, "insufficient_quota", "You exceeded your current quota, please check your plan.")),
    Failing(number=29, name="status_401", words="401, repeating the key",
            play=_http(401, "invalid_api_key", "Incorrect API key provided: {key}. You sent Bearer {key}.")),
    Failing(number=29, name="status_402", words="402", play=_http(402, "payment_required", "Insufficient Balance")),
    Failing(number=29, name="status_403", words="403", play=_http(403, "forbidden", "Country not supported")),
    Failing(number=29, name="status_404", words="404", play=_http(404, "model_not_found", "The model does not exist")),
    Failing(number=29, name="status_400", words="400", play=_http(400, "invalid_request_error", "Invalid request")),
    Failing(number=29, name="status_500", words="500", play=_http(500, "server_error", "The server had an error")),
    Failing(number=29, name="status_503", words="503", play=_http(503, "overloaded", "The engine is overloaded")),
    Failing(number=30, name="late", words="the answer a minute late",
            play=lambda a: msgspec.structs.replace(completion(a, a.text), delay_s=LATE_S)),
)
BY_NAME = {failing.name: failing for failing in FAILURES}


class UnknownFailure(ValueError):
    """A failure that the stub does not know."""


def failing_of(name: str) -> Failing:
    """Find a failure by its name, or by its number (the first variant).

    Raises
    ------
    UnknownFailure
        If there is none.

    >>> failing_of("fenced").number, failing_of("28").name
    (2, 'rate_limited_1')
    """
    if name.isdecimal():
        for failing in FAILURES:
            if failing.number == int(name):
                return failing
    if name not in BY_NAME:
        raise UnknownFailure(f"{name!r} is no failure of the stub; it knows 1 to 30 and {', '.join(BY_NAME)}")
    return BY_NAME[name]
