"""The lines of the record files as far as a report wants them; keys that are not named here are passed over."""

from collections.abc import Mapping
from typing import Any

import msgspec


class _Named(msgspec.Struct, frozen=True):
    guard: str
    passed: bool


class _RegimeLine(msgspec.Struct, frozen=True):
    label: str
    source: str = ""


class DecisionLine(msgspec.Struct, frozen=True):
    """What a report wants of a line of `decisions.jsonl`."""

    ts_ns: int
    seq: int
    id: str
    symbol: str
    strategy: str
    side: str
    approved: bool
    refused_by: list[str]
    entry_price: float
    stop_price: float
    target_price: float
    setup: str = ""
    reason: str = ""
    size_reason: str = ""
    confidence: float | None = None
    verdicts: list[_Named] = []
    regime: _RegimeLine | None = None


class TradeLine(msgspec.Struct, frozen=True):
    """What a report wants of a line of `trades.jsonl`; `date` is the trade date, empty where nobody says it."""

    seq: int
    id: str
    decision_id: str
    symbol: str
    strategy: str
    side: str
    size: float
    net_pnl: float
    fees: float
    entry_ts_ns: int
    entry_price: float
    exit_ts_ns: int
    exit_price: float
    exit_leg: str
    balance: float
    setup: str = ""
    r_multiple: float | None = None
    regime: str = ""
    reason: str = ""
    notes: list[str] = []
    date: str = ""


class ShadowLine(msgspec.Struct, frozen=True):
    """What a report wants of a line of `shadow.jsonl`."""

    seq: int
    id: str
    decision_id: str
    strategy: str
    approved: bool
    refused_by: list[str]
    exit_ts_ns: int
    exit_leg: str
    net_pnl: float
    r_multiple: float | None = None


class LearningLine(msgspec.Struct, frozen=True):
    """What a report wants of a line of `learning.jsonl`."""

    ts_ns: int
    seq: int
    kind: str
    id: str | None = None
    strategy: str | None = None
    source: str | None = None
    reason: str | None = None
    text: str | None = None
    status: str | None = None
    asked_by: str | None = None
    changed: dict[str, list[Any]] | None = None
    before: Any = None
    after: Any = None


class ExchangeLine(msgspec.Struct, frozen=True):
    """What a report wants of a line of `llm_exchanges.jsonl`."""

    ts_ns: int
    id: str
    source: str
    outcome: str
    reason: str = ""
    latency_ms: float = 0.0
    usage: dict[str, int] | None = None
    cost_usd: float | None = None


KINDS: Mapping[str, type[msgspec.Struct]] = {
    "decisions": DecisionLine, "trades": TradeLine, "shadow": ShadowLine, "learning": LearningLine,
}
