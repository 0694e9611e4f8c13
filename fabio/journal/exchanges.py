"""`llm_exchanges.jsonl`: each question with its answer, in one line.

The rules answer through the same port as a language model and leave the same record, so
`tail -f logs/llm_exchanges.jsonl | grep strategy_updates` works without a key.
"""

from collections.abc import Mapping
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
        `Units.response(assessment)`; None where there was no usable answer.
    reason
        Why it failed; empty when it did not.
    latency_ms
        From the question to the answer on the runtime clock.
    usage, cost_usd
        Tokens by kind and what they cost; None where nothing is billed.
    """

    ask_id: str
    symbol: str
    ts_ns: int
    source: str
    request: Mapping[str, Any] | bytes
    request_hash: str
    response: Mapping[str, Any] | None
    outcome: Outcome = "ok"
    reason: str = ""
    latency_ms: float = 0.0
    usage: Mapping[str, int] | None = None
    cost_usd: float | None = None


def exchange_record(exchange: Exchange) -> bytes:
    """Write the line, with its newline."""
    request = exchange.request
    return orjson.dumps(
        {
            "v": 1, "ts_ns": exchange.ts_ns, "ts": iso(exchange.ts_ns), "id": exchange.ask_id,
            "symbol": exchange.symbol, "source": exchange.source, "outcome": exchange.outcome,
            "reason": exchange.reason, "latency_ms": exchange.latency_ms, "usage": exchange.usage,
            "cost_usd": exchange.cost_usd, "response": exchange.response,
            "request": orjson.Fragment(request) if isinstance(request, bytes) else request,
            "request_hash": exchange.request_hash,
        },
        default=_plain,
        option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY,
    )


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{value!r} has no place in a record")
