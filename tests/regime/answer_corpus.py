"""A question with a good answer to it, and the ways in which an answer fails."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from questions import STATES, features, write
from views import NQ, make_position

from fabio.regime.answer import AnswerContext
from fabio.regime.request import request_hash

STRATEGIES = tuple(sorted(STATES))
CHANGES = ("enabled", "risk_fraction", "max_trades_per_session", "min_rr", "stop_ticks", "target_ticks")
REASONING = ("range: distance_to_poc_ticks 40 and distance_to_vah_ticks 32 with market_stats.cvd_slope_5min_norm near "
             "0.08 and count_last_30min 0; rules.efficiency_ratio is flat, mean_reversion may work at prev_high.")


@cache
def last_ticks() -> int:
    return int(features().stats().last_ticks)


@cache
def body() -> bytes:
    """The question: 40 ticks above the POC, above value, the rules say range."""
    return write()[0]


def price(ticks_from_last: float) -> float:
    return (last_ticks() + ticks_from_last) * 0.25


def context(**changes: Any) -> AnswerContext:
    values = {
        "instrument": NQ, "last_ticks": last_ticks(), "states": STATES, "request_hash": request_hash(body()),
        "body": body(), "source": "a model",
    }
    return AnswerContext(**(values | changes))


def holding(side: int = 1, stop_away: int = 40) -> AnswerContext:
    """With an open position of mean_reversion, its stop so far from the last price."""
    last = last_ticks()
    return context(positions=(make_position(side, last - 10 * side, last - stop_away * side, last + 60 * side),))


def good(**changes: Any) -> dict[str, Any]:
    """A good answer; `changes` replace fields by a dotted path written with double underscores."""
    answer: dict[str, Any] = {
        "id": request_hash(body())[:8],
        "market_assessment": {
            "market_state": "transition", "regime": "range", "direction": "none", "location_vs_value": "above_value",
            "location_vs_poc": "above_poc", "chosen_model": "mean_reversion", "confidence": 0.6, "reasoning": REASONING,
        },
        "trade_decisions": [enter()],
        "strategy_updates": {"active_strategies": list(STRATEGIES), "strategy_tweaks": [tweak()]},
        "importance_zones": [zone()],
        "notes_to_future_self": [note()],
    }
    for path, value in changes.items():
        *way, last = path.split("__")
        target: Any = answer
        for step in way:
            target = target[int(step) if step.isdigit() else step]
        target[int(last) if last.isdigit() else last] = value
    return copy.deepcopy(answer)


def enter(**changes: Any) -> dict[str, Any]:
    return {
        "action": "enter", "strategy": "mean_reversion", "side": "short", "kind": "market", "entry_price": None,
        "stop_price": price(20), "target_price": price(-40), "risk_fraction": 0.004, "reason": "failed break of VAH",
    } | changes


def other(action: str, **changes: Any) -> dict[str, Any]:
    """An exit or a modify."""
    return enter(action=action, side=None, kind=None, stop_price=None, target_price=None, risk_fraction=None) | changes


def tweak(name: str = "mean_reversion", reason: str = "12 of 30 won", **changes: Any) -> dict[str, Any]:
    wanted = changes or {"risk_fraction": 0.004, "min_rr": 2.0}
    return {"name": name, "changes": dict.fromkeys(CHANGES) | wanted, "reason": reason}


def zone(**changes: Any) -> dict[str, Any]:
    return {"name": "gap_low", "price": price(80), "inner_ticks": 4, "outer_ticks": 12, "priority": "low"} | changes


def note(**changes: Any) -> dict[str, Any]:
    return {
        "claim": "fades of VAH win while CVD is flat", "strategy": "mean_reversion", "regime": "range", "zone": "vah",
        "expects": "win",
    } | changes


def text(answer: Any) -> str:
    return json.dumps(answer)


def _without(field: str) -> str:
    answer = good()
    del answer[field]
    return text(answer)


def _twice(field: str, value: str) -> str:
    return text(good()).replace(f'"{field}":', f'"{field}": {value}, "{field}":', 1)


FAILURES: dict[str, tuple[Callable[[], str | bytes | None], str]] = {
    # number and name  # -> the answer, and the first word of the reason; those of the wire (8, 12 to 14 in part,
    # 25 to 30) are the client's: here stands what could still come through as text
    "1 malformed": (lambda: text(good())[:-1] + ",}", "not_json"),
    "1 malformed, single quotes": (lambda: str(good()), "not_json"),
    "2 two fences": (lambda: f"```json\n{text(good())}\n```\n```json\n{text(good())}\n```", "not_json"),
    "2 fence in a fence": (lambda: f"```\n```json\n{text(good())}\n```\n```", "not_json"),
    "2 half a fence": (lambda: f"```json\n{text(good())}", "not_json"),
    "3 prose before": (lambda: "Here is the answer:\n" + text(good()), "not_json"),
    "3 prose after": (lambda: text(good()) + "\nI hope this helps.", "not_json"),
    "4 think tag": (lambda: "<think>range or trend?</think>" + text(good()), "not_json"),
    "4 open think tag": (lambda: "<think>" + text(good()), "not_json"),
    "5 two objects": (lambda: text(good()) + text(good()), "not_json"),
    "5 two lines": (lambda: text(good()) + "\n" + text(good()), "not_json"),
    "6 array": (lambda: text([good()]), "wrong_shape"),
    "6 a word": (lambda: '"range"', "wrong_shape"),
    "7 truncated": (lambda: text(good())[:700], "not_json"),
    "8 content filter": (lambda: "The response was filtered.", "not_json"),
    "9 refusal": (lambda: "I cannot help with trading decisions.", "not_json"),
    "10 null": (lambda: None, "empty"),
    "10 null as text": (lambda: "null", "wrong_shape"),
    "11 empty": (lambda: "", "empty"),
    "11 white space": (lambda: b" \n\t\r\n ", "empty"),
    "11 empty fence": (lambda: "```json\n```", "empty"),
    "11 byte order mark": (lambda: "\ufeff", "empty"),
    "12 no choices": (lambda: '{"id":"x","object":"chat.completion","choices":[]}', "wrong_shape"),
    "13 error body": (lambda: '{"error":{"message":"overloaded","code":529}}', "wrong_shape"),
    "14 HTML": (lambda: b"<!doctype html><html><body>502 Bad Gateway</body></html>", "not_json"),
    "15 NaN": (lambda: text(good(market_assessment__confidence=float("nan"))), "not_json"),
    "15 Infinity": (lambda: text(good(market_assessment__confidence=float("-inf"))), "not_json"),
    "15 1e400": (lambda: text(good()).replace("0.6", "1e400"), "not_json"),
    "15 400 digits": (lambda: text(good()).replace('"inner_ticks": 4', f'"inner_ticks": {"9" * 400}'), "not_json"),
    "15 5000 digits": (lambda: text(good()).replace('"inner_ticks": 4', f'"inner_ticks": {"9" * 5000}'), "not_json"),
    "15 NaN as text": (lambda: text(good(market_assessment__confidence="NaN")), "wrong_shape"),
    "16 duplicate key": (lambda: _twice("confidence", "0.1"), "not_json"),
    "16 duplicate key at the top": (lambda: _twice("trade_decisions", "[]"), "not_json"),
    "17 number as text": (lambda: text(good(market_assessment__confidence="0.6")), "wrong_shape"),
    "17 price as text": (lambda: text(good(importance_zones__0__price="21510")), "wrong_shape"),
    "17 truth as a number": (
        lambda: text(good(strategy_updates__strategy_tweaks__0__changes__enabled=1)), "wrong_shape"),
    "17 number as truth": (lambda: text(good(market_assessment__confidence=True)), "wrong_shape"),
    "17 half a tick of width": (lambda: text(good(importance_zones__0__inner_ticks=4.5)), "wrong_shape"),
    "18 unknown regime": (lambda: text(good(market_assessment__regime="trend_up")), "wrong_shape"),
    "18 regime in capitals": (lambda: text(good(market_assessment__regime="Range")), "wrong_shape"),
    "18 unknown market state": (lambda: text(good(market_assessment__market_state="bullish")), "wrong_shape"),
    "19 unknown strategy": (lambda: text(good(trade_decisions__0__strategy="breakout")), "wrong_shape"),
    "19 unknown active strategy": (
        lambda: text(good(strategy_updates__active_strategies=["mean_reversion", "breakout"])), "wrong_shape"),
    "19 unknown tweak": (lambda: text(good(strategy_updates__strategy_tweaks=[tweak("breakout")])), "wrong_shape"),
    "19 unknown model": (lambda: text(good(market_assessment__chosen_model="breakout")), "wrong_shape"),
    "19 note on an unknown strategy": (lambda: text(good(notes_to_future_self__0__strategy="breakout")), "wrong_shape"),
    "20 size 99": (lambda: text(good(trade_decisions__0__risk_fraction=99)), "out_of_bounds"),
    "20 tweak of 99": (
        lambda: text(good(strategy_updates__strategy_tweaks=[tweak(risk_fraction=99)])), "out_of_bounds"),
    "20 confidence 85": (lambda: text(good(market_assessment__confidence=85)), "out_of_bounds"),
    "20 no risk": (lambda: text(good(trade_decisions__0__risk_fraction=0)), "out_of_bounds"),
    "20 99 trades": (
        lambda: text(good(strategy_updates__strategy_tweaks=[tweak(max_trades_per_session=99)])), "out_of_bounds"),
    "20 negative stop": (lambda: text(good(strategy_updates__strategy_tweaks=[tweak(stop_ticks=-8)])), "out_of_bounds"),
    "21 extra order field": (lambda: text(good() | {"order": {"side": "buy", "size": 10}}), "wrong_shape"),
    "21 extra size": (lambda: text(good(trade_decisions__0__size=10)), "wrong_shape"),
    "21 extra change": (lambda: text(good(strategy_updates__strategy_tweaks__0__changes__leverage=5)), "wrong_shape"),
    "21 a field left out": (lambda: _without("notes_to_future_self"), "wrong_shape"),
    "22 wrong echo": (lambda: text(good(id="00000000")), "wrong_id"),
    "22 echo of the whole hash": (lambda: text(good(id=request_hash(body()))), "too_long"),
    "22 no echo": (lambda: text(good(id="")), "wrong_id"),
    "23 evidence not in the question": (
        lambda: text(good(market_assessment__reasoning="order_book_imbalance high, cvd rises")), "unknown_statistic"),
    "23 no evidence": (lambda: text(good(market_assessment__reasoning="It looks like a range.")), "unknown_statistic"),
    "23 a strategy is no evidence": (
        lambda: text(good(market_assessment__reasoning="mean_reversion fits")), "unknown_statistic"),
    "24 250 kB of spaces inside": (lambda: text(good())[:-1] + " " * 250_000 + "}", "too_long"),
    "24 250 kB of spaces": (lambda: " " * 250_000, "empty"),
    "24 250 kB of another space": (lambda: text(good()) + "\u00a0" * 250_000, "too_long"),
    "24 1 MB of text": (lambda: b"x" * 1_000_000, "too_long"),
    "deep array": (lambda: "[" * 15_000 + "]" * 15_000, "not_json"),
    "deep object": (lambda: '{"a":' * 5_000 + "1" + "}" * 5_000, "not_json"),
    "17 levels": (lambda: "[" * 17 + "]" * 17, "not_json"),
    "deep field": (lambda: text(good()).replace("[", "[" * 40, 1), "not_json"),
    "lone surrogate": (lambda: text(good()).replace("failed break", "failed \\ud800 break"), "not_json"),
    "lone surrogate in a key": (lambda: text(good()).replace('"importance_zones"', '"\\udfff"'), "not_json"),
    "lone surrogate in the text": (lambda: text(good()).replace("failed", "\ud800"), "not_json"),
    "no UTF-8": (lambda: text(good()).encode("utf-16"), "not_json"),
    "null byte": (lambda: text(good()) + "\0", "not_json"),
    "comment": (lambda: text(good()).replace("{", "{ // note\n", 1), "not_json"),
    "long reasoning": (lambda: text(good(market_assessment__reasoning=REASONING * 10)), "too_long"),
    "long claim": (lambda: text(good(notes_to_future_self__0__claim="x" * 1000)), "too_long"),
    "40 zones": (lambda: text(good(importance_zones=[zone()] * 40)), "too_long"),
    "17 zones": (lambda: text(good(importance_zones=[zone()] * 17)), "out_of_bounds"),
    "9 decisions": (lambda: text(good(trade_decisions=[enter()] * 9)), "contradiction"),
    "7 notes": (lambda: text(good(notes_to_future_self=[note()] * 7)), "out_of_bounds"),
}
