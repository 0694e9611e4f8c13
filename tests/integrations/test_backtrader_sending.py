"""A run's decisions in a database: what stands in the files, each once, however often they are sent."""

import importlib
import sqlite3
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from backtrader_runs import ENVIRONMENT, Bars, Crossing, run, wave

from fabio.integrations.backtrader import FMELStorage
from fabio.integrations.backtrader.sending import TRADING_DECISIONS, send_decisions
from fabio.integrations.backtrader.utils import FIELDS

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc.*:DeprecationWarning")  # Backtrader, Python 3.12


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FMELStorage:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made: FMELStorage = run(Crossing, [Bars(closes=wave(40))], tmp_path / "fmel").analyzers.fmel.storage
    assert len(made.read("trading_decisions")) > 20
    return made


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    return {column.name: orjson.loads(record[column.name]) if column.kind == "json" else record[column.name]
            for column in TRADING_DECISIONS.columns}


def _recorded(storage: FMELStorage) -> dict[str, dict[str, Any]]:
    return {record["decision_id"]: {name: record[name] for name in FIELDS}
            for record in storage.read("trading_decisions")}


def test_the_table_has_the_fields_of_a_decision() -> None:
    assert [column.name for column in TRADING_DECISIONS.columns] == list(FIELDS)


def test_a_run_that_is_sent_twice_stands_there_once(storage: FMELStorage, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'fmel.db'}"
    for _ in range(2):
        assert send_decisions(storage, address) == len(_recorded(storage))
    connection = sqlite3.connect(tmp_path / "fmel.db")
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM trading_decisions")]
    connection.close()
    assert len(rows) == len(_recorded(storage))
    assert {row["decision_id"]: _comparable(row) for row in rows} == _recorded(storage)


def test_bigquery_has_the_table_partitioned_by_day_and_clustered_by_agent_user_and_session(
    storage: FMELStorage, monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("google.cloud.bigquery", reason="the extra `bigquery` is not installed")
    pytest.importorskip("sqlglot", reason="the server reads statements with it")
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[1] / "adapters"),
                                      str(Path(__file__).parents[1])])
    service = importlib.import_module("bigquery_server").BigQuery()
    try:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", service.url)
        for _ in range(2):
            send_decisions(storage, "bigquery://proj/trading")
        table = service.tables["trading_decisions"]
        assert table["timePartitioning"] == {"type": "DAY", "field": "timestamp"}
        assert table["clustering"] == {"fields": ["agent_id", "user_id", "session_id"]}
        rows = service.rows("trading_decisions")
        assert sorted(row["decision_id"] for row in rows) == sorted(_recorded(storage))
        first = min(rows, key=lambda row: row["timestamp"])
        record = _recorded(storage)[first["decision_id"]]
        assert orjson.loads(first["market_context"]) == record["market_context"]
        assert (first["price"], first["confidence"], first["trade_pnl"]) == (
            record["price"], record["confidence"], record["trade_pnl"])
    finally:
        service.stop()
