"""`llm_exchanges.jsonl`: each question with its answer, in one line.

The rules answer through the same port as a language model and leave the same record, so
`tail -f logs/llm_exchanges.jsonl | grep strategy_updates` works without a key.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
import orjson

from fabio.journal.times import iso

Outcome = Literal["ok", "failed", "timeout", "refused", "invalid", "superseded", "budget"]


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One question and what became of it.

    Parameters
    ----------
    ask_id
        Joins the decisions whose regime it gave.
    ts_ns
        Runtime clock of the answer, or of its failure.
    source
        `rules`, or the model's name.
    request
        The question (`market_stats`, `poc_cross_stats`, `strategy_performance`,
        `historical_notes_snippet`, ...), as a mapping or as its JSON, encoded already.
    request_hash
        SHA-256 of the request's canonical JSON, as in `AskRegime`.
    response
        As a mapping or as its JSON (`rule_model.response_json`); None where there was no
        usable answer.
    reason
        Why it failed; empty when it did not.
    latency_ms
        From the question to the answer on the runtime clock.
    usage, cost_usd
        Tokens by kind and what they cost; None where nothing is billed.
    model, call_hash, attempts
        As the server named itself; the key of the whole call, prompt included; requests that left.
    raw, parsed, clamped
        The answer's text, the JSON in it, and what of that was changed on the way to `response`: path,
        what was said, what was taken. Nothing of it where the rules answered.
    """

    ask_id: str
    symbol: str
    ts_ns: int
    source: str
    request: Mapping[str, Any] | bytes
    request_hash: str
    response: Mapping[str, Any] | bytes | None
    outcome: Outcome = "ok"
    reason: str = ""
    latency_ms: float = 0.0
    usage: Mapping[str, int] | None = None
    cost_usd: float | None = None
    model: str | None = None
    call_hash: str | None = None
    attempts: int = 0
    raw: str | None = None
    parsed: Mapping[str, Any] | None = None
    clamped: Sequence[Sequence[Any]] = ()


def exchange_record(exchange: Exchange) -> bytes:
    """Write the line, with its newline."""
    head = _ENCODE(_Head(
        1, exchange.ts_ns, iso(exchange.ts_ns), exchange.ask_id, exchange.symbol, exchange.source,
        exchange.outcome, exchange.reason, exchange.latency_ms, exchange.usage, exchange.cost_usd,
    ))
    asked = (b"" if exchange.model is None else b"," + orjson.dumps({
        "model": exchange.model, "call_hash": exchange.call_hash, "attempts": exchange.attempts,
        "clamped": exchange.clamped, "parsed": exchange.parsed, "raw": exchange.raw,
    })[1:-1])
    return b"".join((
        head[:-1], b',"response":', _json(exchange.response), b',"request":', _json(exchange.request),
        b',"request_hash":"', exchange.request_hash.encode(), b'"', asked, b"}\n",
    ))


class _Head(msgspec.Struct, frozen=True, gc=False):
    """What stands before the long parts, which come encoded and are only copied."""

    v: int
    ts_ns: int
    ts: str
    id: str
    symbol: str
    source: str
    outcome: Outcome
    reason: str
    latency_ms: float
    usage: Mapping[str, int] | None
    cost_usd: float | None


_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


def _json(value: Mapping[str, Any] | bytes | None) -> bytes:
    if type(value) is bytes:
        return value
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} has no place in a record")
