"""SQL over all records, by DuckDB, while the agent writes.

Each file is a view with fixed columns (DuckDB's own guess turns a field of mixed types into
JSON without a word); what is nested is JSON. A torn last line reads as a row of NULLs that
even `count(*)` would count, so every view asks for `v IS NOT NULL`.
"""

from pathlib import Path
from typing import Any

from fabio.journal.files import day_files
from fabio.journal.writer import SUFFIX

_IDENTITY = {"v": "INTEGER", "ts_ns": "BIGINT", "ts": "TIMESTAMP"}
_RESULT = {
    "strategy": "VARCHAR", "setup": "VARCHAR", "side": "VARCHAR", "size": "DOUBLE", "result": "VARCHAR",
    "net_pnl": "DOUBLE", "gross_pnl": "DOUBLE", "fees": "DOUBLE", "r_multiple": "DOUBLE",
    "entry_ts_ns": "BIGINT", "entry_ts": "TIMESTAMP", "entry_price": "DOUBLE", "exit_ts_ns": "BIGINT",
    "exit_ts": "TIMESTAMP", "exit_price": "DOUBLE", "exit_leg": "VARCHAR", "duration_s": "DOUBLE",
    "decision_id": "VARCHAR", "signal_id": "VARCHAR", "regime": "VARCHAR",
}
COLUMNS: dict[str, dict[str, str]] = {
    "journal": {
        **_IDENTITY, "seq": "BIGINT", "tape_pos": "BIGINT", "wake": "INTEGER", "event": "JSON",
        "facts": "JSON[]", "commands": "JSON[]", "kind": "VARCHAR", "data": "JSON",
    },
    "decisions": {
        **_IDENTITY, "seq": "BIGINT", "id": "VARCHAR", "symbol": "VARCHAR", "session": "VARCHAR",
        "strategy": "VARCHAR", "setup": "VARCHAR", "side": "VARCHAR", "approved": "BOOLEAN",
        "refused_by": "VARCHAR[]", "reason": "VARCHAR", "confidence": "DOUBLE", "kind": "VARCHAR",
        "entry_price": "DOUBLE", "stop_price": "DOUBLE", "target_price": "DOUBLE", "risk_ticks": "BIGINT",
        "reward_ticks": "BIGINT", "reward_risk": "DOUBLE", "size": "DOUBLE", "size_reason": "VARCHAR",
        "signal_id": "VARCHAR", "order_id": "VARCHAR", "ask_id": "VARCHAR", "tape_pos": "BIGINT",
        "regime": "JSON", "verdicts": "JSON[]", "statistics": "JSON",
    },
    "trades": {
        **_IDENTITY, "seq": "BIGINT", "id": "VARCHAR", "symbol": "VARCHAR", **_RESULT, "roi": "DOUBLE",
        "mae_ticks": "BIGINT", "mfe_ticks": "BIGINT", "confidence": "DOUBLE", "order_id": "VARCHAR",
        "ask_id": "VARCHAR", "balance": "DOUBLE", "reason": "VARCHAR", "notes": "VARCHAR[]",
        "statistics": "JSON",
    },
    "shadow": {
        **_IDENTITY, "seq": "BIGINT", "id": "VARCHAR", "symbol": "VARCHAR", **_RESULT,
        "approved": "BOOLEAN", "refused_by": "VARCHAR[]",
    },
    "learning": {
        **_IDENTITY, "seq": "BIGINT", "kind": "VARCHAR", "id": "VARCHAR", "strategy": "VARCHAR",
        "source": "VARCHAR", "reason": "VARCHAR", "text": "VARCHAR", "ask_id": "VARCHAR",
        "asked_by": "VARCHAR", "changed": "JSON", "before": "JSON", "after": "JSON",
    },
    "llm_exchanges": {
        **_IDENTITY, "id": "VARCHAR", "symbol": "VARCHAR", "source": "VARCHAR", "outcome": "VARCHAR",
        "reason": "VARCHAR", "latency_ms": "DOUBLE", "usage": "JSON", "cost_usd": "DOUBLE",
        "response": "JSON", "request": "JSON", "request_hash": "VARCHAR",
    },
}
"""The views and their columns; `facts` (one row per fact of the journal) comes on top."""

_FACTS = (
    "CREATE VIEW facts AS SELECT seq, ts_ns, ts, tape_pos, fact->>'type' AS type, fact AS data FROM "
    "(SELECT seq, ts_ns, ts, tape_pos, unnest(facts) AS fact FROM journal WHERE seq IS NOT NULL)"
)


class QueryFailed(ValueError):
    """The SQL is wrong; the message is DuckDB's."""


def query(folder: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run SQL over the records of `folder` (`logs`).

    Parameters
    ----------
    sql
        Over the views `journal`, `facts`, `decisions`, `trades`, `shadow`, `learning` and
        `llm_exchanges`; a file that is not there is an empty view.

    Returns
    -------
    columns, rows

    Raises
    ------
    QueryFailed
        With what is wrong in the SQL.
    """
    import duckdb  # 60 MB: only for those who ask

    with duckdb.connect(":memory:") as connection:
        for name, columns in COLUMNS.items():
            connection.execute(_view(name, columns, _paths(folder, name)))
        connection.execute(_FACTS)
        try:
            result = connection.execute(sql)
            return [column[0] for column in result.description or ()], result.fetchall()
        except duckdb.Error as error:
            raise QueryFailed(str(error)) from None


def _paths(folder: Path, name: str) -> list[Path]:
    paths = day_files(folder / "journal", SUFFIX) if name == "journal" else [folder / f"{name}.jsonl"]
    return [path for path in paths if path.exists() and path.stat().st_size > 0]


def _view(name: str, columns: dict[str, str], paths: list[Path]) -> str:
    if not paths:
        nulls = ", ".join(f"NULL::{kind} AS {_quoted(column)}" for column, kind in columns.items())
        return f"CREATE VIEW {name} AS SELECT {nulls} WHERE false"
    files = ", ".join(_text(str(path)) for path in paths)
    types = ", ".join(f"{_text(column)}: {_text(kind)}" for column, kind in columns.items())
    return (
        f"CREATE VIEW {name} AS SELECT * FROM read_json([{files}], format='newline_delimited', "
        f"ignore_errors=true, columns={{{types}}}) WHERE v IS NOT NULL"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
