import sqlite3
from pathlib import Path

import pytest
from sink_days import Day, expected, follower, run_dry
from sinks_sql_lab import contents, kill_often, wanted

from fabio.adapters.sinks.port import Batch, Column, Place, RowsRefused, SinkAway, SinkUnusable, Table
from fabio.adapters.sinks.targets import make_sink, parse_target

ROWS = Table("rows", (Column("record_id", "text"), Column("ts", "time"), Column("price", "decimal"),
                      Column("before", "json")))
MORE = Table("rows", (*ROWS.columns, Column("after", "json"), Column("count", "int")))


@pytest.fixture
def day(tmp_path):
    made = Day(tmp_path / "logs")
    yield made
    made.close()


def _url(tmp_path):
    return f"sqlite:///{tmp_path / 'fabio.db'}"


def _ask(tmp_path, sql):
    connection = sqlite3.connect(tmp_path / "fabio.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_what_is_read_back_is_what_was_recorded(day, tmp_path):
    day.write(20)
    run_dry(follower(day.folder, make_sink(parse_target(_url(tmp_path)))))
    assert contents(_url(tmp_path)) == wanted(expected(day.folder))


def test_money_adds_up_and_compares_as_numbers(day, tmp_path):
    day.write(3)
    run_dry(follower(day.folder, make_sink(parse_target(_url(tmp_path)))))
    assert _ask(tmp_path, "SELECT round(sum(net_pnl), 2) FROM trades WHERE net_pnl > 591.63") == [(1774.92,)]


@pytest.mark.parametrize("kills", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_processes_killed_between_any_two_statements_lose_and_double_nothing(tmp_path, kills):
    assert kill_often(tmp_path / "logs", _url(tmp_path), kills) > kills // 2
    assert contents(_url(tmp_path)) == wanted(expected(tmp_path / "logs"))


def test_a_batch_that_is_put_twice_changes_nothing(tmp_path):
    sink = make_sink(parse_target(_url(tmp_path)))
    sink.open([ROWS])
    batch = Batch("b", "rows", [{"record_id": "1", "ts": "2026-11-20T14:30:00.000000Z", "price": "0.1"}],
                  Place("w/trades", "trades.jsonl", 100, 1))
    sink.put(batch)
    sink.put(batch)
    assert _ask(tmp_path, "SELECT record_id, price, before FROM rows") == [("1", 0.1, None)]
    assert sink.places() == {"w/trades": batch.place}
    sink.close()


def test_a_batch_is_put_whole_or_not_at_all(tmp_path):
    sink = make_sink(parse_target(_url(tmp_path)))
    sink.open([MORE])
    rows = [{"record_id": "1", "count": 1}, {"record_id": "2", "count": 1 << 70}]
    with pytest.raises(RowsRefused):
        sink.put(Batch("b", "rows", rows, Place("w/trades")))
    assert _ask(tmp_path, "SELECT count(*) FROM rows") == [(0,)]
    assert sink.places() == {}
    sink.close()


def test_columns_that_a_later_version_knows_are_added_to_what_is_there(tmp_path):
    for table in (ROWS, MORE):
        sink = make_sink(parse_target(_url(tmp_path)))
        sink.open([table])
        sink.put(Batch(f"b{len(table.columns)}", "rows", [{"record_id": str(len(table.columns)), "after": "[]"}]))
        sink.close()
    assert _ask(tmp_path, 'SELECT record_id, "after" FROM rows ORDER BY 1') == [("4", None), ("6", "[]")]


def test_an_earlier_version_writes_beside_columns_it_does_not_know(tmp_path):
    for table in (MORE, ROWS):
        sink = make_sink(parse_target(_url(tmp_path)))
        sink.open([table])
        sink.put(Batch("b", "rows", [{"record_id": str(len(table.columns)), "before": "{}"}]))
        sink.close()
    assert _ask(tmp_path, "SELECT count(*) FROM rows") == [(2,)]


def test_a_database_that_another_program_locks_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr("fabio.adapters.sinks.sqlite._BUSY_S", 0.01)
    sink = make_sink(parse_target(_url(tmp_path)))
    sink.open([ROWS])
    other = sqlite3.connect(tmp_path / "fabio.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SinkAway, match="locked"):
        sink.put(Batch("b", "rows", [{"record_id": "1"}]))
    other.execute("ROLLBACK")
    other.close()
    sink.open([ROWS])
    sink.put(Batch("b", "rows", [{"record_id": "1"}]))
    sink.close()


@pytest.mark.parametrize("what", ["text", "folder", "below a file"])
def test_what_is_no_database_says_so(tmp_path, what):
    path = Path(tmp_path / "fabio.db")
    if what == "folder":
        path.mkdir()
    else:
        path.write_text("this is a letter to my bank, and no database at all\n" * 20)
    url = f"sqlite:///{path / 'more.db' if what == 'below a file' else path}"
    with pytest.raises(SinkUnusable, match=r"fabio\.db"):
        make_sink(parse_target(url)).open([ROWS])
