"""A run's decisions into a database: table `trading_decisions`, each once by its `decision_id`.

Not while the strategy runs, which would wait for it: the files of a run are the buffer, and are sent afterwards.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Protocol
from zlib import crc32

import orjson

from fabio.adapters.sinks.port import Batch, Column, Kind, Row, Table, Value
from fabio.adapters.sinks.targets import make_sink, parse_target
from fabio.integrations.backtrader.storage import DECISIONS

_KINDS: dict[str, Kind] = {
    "decision_id": "text", "timestamp": "time", "agent_id": "text", "user_id": "text", "run_id": "text",
    "session_id": "text", "mode": "text", "symbol": "text", "action_type": "text", "quantity": "float",
    "price": "float", "confidence": "float", "reasoning": "text", "market_context": "json", "portfolio_value": "float",
    "position_value": "float", "indicators": "json", "trade_pnl": "float", "daily_return": "float",
    "recorded_at": "time",
}
TRADING_DECISIONS = Table(
    DECISIONS, tuple(Column(name, kind) for name, kind in _KINDS.items()), key="decision_id", partition_by="timestamp",
    cluster_by=("agent_id", "user_id", "session_id"))
"""In BigQuery, with the dataset `fmel`: partitioned by day, clustered by agent, user, session."""
_AT_ONCE = 500


class Records(Protocol):
    """What is asked of a storage; `FMELStorage` has it."""

    run_id: str

    def read(self, table: str) -> list[dict[str, Any]]:
        """Return the records of a table."""


def send_decisions(storage: Records, address: str) -> int:
    """Put all decisions of a run into a table; sending them again changes nothing.

    Parameters
    ----------
    address
        As `fabio sink` takes it: `bigquery://PROJECT/fmel`, `postgresql://USER@HOST/DATABASE`, `sqlite:///FILE`,
        `firestore://PROJECT/COLLECTION`.

    Returns
    -------
    int
        How many decisions that are.

    Raises
    ------
    SinkAway
        If the other side cannot be reached: call again later.
    SinkUnusable, RowsRefused, ConfigError
        If a person has to act; the message says how.
    """
    sink = make_sink(parse_target(address))
    rows = map(_row, storage.read(DECISIONS))
    sent = 0
    try:
        sink.open((TRADING_DECISIONS,))
        for part in iter(lambda: list(islice(rows, _AT_ONCE)), []):
            sink.put(Batch(f"fmel/{crc32(storage.run_id.encode()):08x}/{sent}", DECISIONS, part))
            sent += len(part)
    finally:
        sink.close()
    return sent


def _row(record: Mapping[str, Any]) -> Row:
    return dict(_fields(record))


def _fields(record: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    for name, kind in _KINDS.items():
        value = record.get(name)
        if value is not None and kind == "json":
            value = orjson.dumps(value).decode()
        yield name, float(value) if value is not None and kind == "float" else value
