"""Schemas of the records people and other programs read: versioned, checked, published.

`validate(name, record)` says what is wrong with a record; `json_schema(name)` is what `docs/schemas` holds. More keys
may follow within a version; those named here stay.
"""

from typing import Any, Literal

import msgspec

Text = str | None
Number = float | None


class _Record(msgspec.Struct, kw_only=True):
    v: Literal[1]
    ts_ns: int
    ts: str
    seq: int


class VerdictRecord(msgspec.Struct, kw_only=True):
    """One guard's opinion: what it saw against its threshold."""

    guard: str
    passed: bool
    value: Number
    threshold: Number
    reason: str


class RegimeRecord(msgspec.Struct, kw_only=True):
    """The regime in force, with its age when it was decided on."""

    label: Literal["trend", "range", "chop", "volatile", "unclear"]
    direction: Literal["up", "down", "none"]
    confidence: float
    source: str
    ask_id: str
    age_s: float
    stale: bool
    reasoning: str


class QuoteRecord(msgspec.Struct, kw_only=True):
    """What an instrument traded at; the rest is null without quotes."""

    price: Number
    bid: Number
    ask: Number
    spread: Number
    spread_bp: Number


class PositionRecord(msgspec.Struct, kw_only=True):
    """A position at the last price; `value` and `pnl` in USD, signed."""

    symbol: str
    strategy: str
    size: float
    entry_price: float
    price: float
    value: float
    pnl: float


class PortfolioRecord(msgspec.Struct, kw_only=True):
    """The account in USD; `leverage` is the sum of absolute values over equity."""

    cash: float
    equity: float
    open_pnl: float
    day_pnl: float
    room_to_loss_floor: float
    exposure: float
    leverage: Number
    positions: list[PositionRecord]


class DecisionRecord(_Record, kw_only=True):
    """A line of `decisions.jsonl`: a signal, every verdict, and what it was made on."""

    id: str
    symbol: str
    session: str
    strategy: str
    setup: str
    side: Literal["long", "short"]
    approved: bool
    refused_by: list[str]
    reason: str
    confidence: float
    kind: Literal["market", "limit"]
    entry_price: float
    stop_price: float
    target_price: float
    risk_ticks: int
    reward_ticks: int
    reward_risk: Number
    size: float
    size_reason: str
    signal_id: str
    order_id: Text
    ask_id: Text
    tape_pos: int
    regime: RegimeRecord | None
    zone: Text
    verdicts: list[VerdictRecord]
    statistics: dict[str, Any]
    market: dict[str, QuoteRecord] | None
    portfolio: PortfolioRecord | None


class _Outcome(_Record, kw_only=True):
    id: str
    symbol: str
    strategy: str
    setup: str
    side: Literal["long", "short"]
    size: float
    net_pnl: float
    gross_pnl: float
    fees: float
    r_multiple: float
    entry_ts_ns: int
    entry_ts: str
    entry_price: float
    exit_ts_ns: int
    exit_ts: str
    exit_price: float
    duration_s: float
    regime: str
    decision_id: str
    signal_id: str


class TradeRecord(_Outcome, kw_only=True):
    """A line of `trades.jsonl`: a closed round trip."""

    result: Literal["win", "loss", "scratch"]
    roi: float
    exit_leg: str
    mae_ticks: int
    mfe_ticks: int
    confidence: float
    order_id: str
    ask_id: Text
    balance: float
    reason: str
    notes: list[str]
    statistics: dict[str, Any] | None


class ShadowRecord(_Outcome, kw_only=True):
    """A line of `shadow.jsonl`: what one size step of a signal would have made."""

    result: Literal["win", "loss", "scratch", "never_filled"]
    exit_leg: Literal["stop", "target", "close", "never_filled"]
    approved: bool
    refused_by: list[str]


class LearningRecord(_Record, kw_only=True):
    """A line of `learning.jsonl`: what changed, was noted, or was refused."""

    kind: Literal["strategy_changed", "zones_set", "update_refused", "note", "note_judged"]
    id: Text
    ask_id: Text
    asked_by: Text
    strategy: Text
    source: Text
    reason: Text
    text: Text
    changed: dict[str, Any] | None
    before: Any
    after: Any
    wanted: dict[str, Any] | None
    regime: Text
    zone: Text
    expects: Literal["win", "loss"] | None
    status: Text


SCHEMAS: dict[str, type[_Record]] = {
    "decisions": DecisionRecord, "trades": TradeRecord, "shadow": ShadowRecord, "learning": LearningRecord,
}
"""By the name of the file."""


def validate(name: str, record: dict[str, Any]) -> list[str]:
    """Say what is wrong with a record of `NAME.jsonl`; empty when nothing is.

    >>> validate("shadow", {"v": 2})
    ['Invalid enum value 2 - at `$.v`']
    """
    try:
        msgspec.convert(record, SCHEMAS[name])
    except msgspec.ValidationError as error:
        return [str(error)]
    return []


def json_schema(name: str) -> dict[str, Any]:
    """Give the JSON Schema of a line of `NAME.jsonl`."""
    return msgspec.json.schema(SCHEMAS[name])
