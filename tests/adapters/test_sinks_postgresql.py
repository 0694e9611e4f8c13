"""Against a real server, started here: what it does when killed is not ours to imagine."""

import os
from decimal import Decimal

import pytest
from postgres_server import Server
from sink_days import Day, expected, follower, run_dry
from sinks_sql_lab import asked, contents, documented_questions, kill_often, wanted

from fabio.adapters.sinks.port import Batch, Column, Place, RowsRefused, SinkAway, SinkUnusable, Table
from fabio.adapters.sinks.targets import make_sink, parse_target

pytest.importorskip("sqlalchemy", reason="the extra `sql` is not installed")
pytest.importorskip("psycopg", reason="the extra `sql` is not installed")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the server is started as on Unix")

ROWS = Table("rows", (Column("record_id", "text"), Column("ts", "time"), Column("price", "decimal"),
                      Column("before", "json"), Column("words", "text")))
MORE = Table("rows", (*ROWS.columns, Column("after", "json"), Column("count", "int")))


@pytest.fixture(scope="module")
def server():
    made = Server()
    made.start()
    yield made
    made.remove()


@pytest.fixture
def url(server, request):
    return server.make(f"t{abs(hash(request.node.name))}")


@pytest.fixture
def day(tmp_path):
    made = Day(tmp_path / "logs")
    yield made
    made.close()


def _sink(url, *tables):
    sink = make_sink(parse_target(url))
    if tables:
        sink.open(tables)
    return sink


def test_what_is_read_back_is_what_was_recorded(day, url):
    day.write(20)
    run_dry(follower(day.folder, _sink(url)))
    assert contents(url) == wanted(expected(day.folder))


def test_the_documented_questions_are_answered_as_by_sqlite(day, url, tmp_path):
    day.write(8)
    addresses = url, f"sqlite:///{tmp_path / 'fabio.db'}"
    for address in addresses:
        run_dry(follower(day.folder, _sink(address), f"to-{address[:6]}"))
    questions = documented_questions()
    assert len(questions) == 3
    for question in questions:
        here, there = (asked(address, question) for address in addresses)
        assert here == there


def test_every_digit_of_money_comes_back(server, url):
    sink = _sink(url, ROWS)
    exact = "12345678901234567890123.000000000000000001"
    sink.put(Batch("b", "rows", [{"record_id": "1", "ts": "2026-11-20T14:30:00.123456Z", "price": exact}]))
    sink.close()
    database = url.rpartition("/")[2]
    assert Decimal(server.ask(database, "SELECT price FROM rows")) == Decimal(exact)
    assert server.ask(database, "SELECT ts AT TIME ZONE 'UTC' FROM rows").strip() == "2026-11-20 14:30:00.123456"


@pytest.mark.parametrize("kills", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_processes_killed_between_any_two_statements_lose_and_double_nothing(tmp_path, url, kills):
    assert kill_often(tmp_path / "logs", url, kills) > kills // 2
    assert contents(url) == wanted(expected(tmp_path / "logs"))


def test_a_server_killed_in_the_middle_of_a_batch_gets_the_rest_when_it_is_back(day, server, url):
    day.write(10)
    sink = _sink(url)
    whole = sink._database.transaction
    begun = []

    def transaction():
        begun.append(1)
        return _Killing(whole(), server) if len(begun) in (8, 20) else whole()

    sink._database.transaction = transaction
    one = follower(day.folder, sink)
    outages = 0
    while not one.is_caught_up:
        one.turn()
        if one.status.state == "away":
            outages += 1
            assert one.turn() > 0  # nobody is there: the pause grows
            assert "refused" in one.status.reason
            server.start()
    assert outages == 2
    assert contents(url) == wanted(expected(day.folder))


class _Killing:
    """A transaction in whose middle the server dies: after the first statement, before the commit."""

    def __init__(self, manager, server):
        self._manager, self._server = manager, server

    def __enter__(self):
        transaction = self._manager.__enter__()
        many = transaction.execute_many

        def execute_many(sql, rows):
            many(sql, rows)
            transaction.execute_many = many
            self._server.kill()

        transaction.execute_many = execute_many
        return transaction

    def __exit__(self, *error):
        return self._manager.__exit__(*error)


def test_a_server_that_is_not_there_at_the_start_is_waited_for(day, server, url):
    day.write(1)
    server.kill()
    one = follower(day.folder, _sink(url))
    assert [one.turn(), one.turn()] == [0.5, 1.0]
    assert (one.status.state, "refused" in one.status.reason) == ("away", True)
    server.start()
    run_dry(one)
    assert contents(url) == wanted(expected(day.folder))


def test_columns_that_a_later_version_knows_are_added_to_what_is_there(server, url):
    for table in (ROWS, MORE):
        sink = _sink(url, table)
        sink.put(Batch("b", "rows", [{"record_id": str(len(table.columns)), "after": "[1]"}]))
        sink.close()
    told = server.ask(url.rpartition("/")[2], 'SELECT record_id, "after" FROM rows ORDER BY 1')
    assert told.split() == ["5|", "7|[1]"]


def test_a_row_that_does_not_fit_is_refused_with_its_whole_batch(url):
    sink = _sink(url, MORE)
    good = {"record_id": "1", "ts": "2026-11-20T14:30:00Z"}
    for bad in ({"ts": "soon"}, {"price": "much"}, {"before": "{"}, {"count": 1 << 70}):
        with pytest.raises(RowsRefused):
            sink.put(Batch("b", "rows", [good, {"record_id": "2", **bad}], Place("w/trades")))
    assert sink.places() == {}
    sink.put(Batch("b", "rows", [good], Place("w/trades")))  # the connection is still good
    assert sink.places() == {"w/trades": Place("w/trades")}
    sink.close()


def test_a_nul_in_a_text_is_shown_as_unknown_and_stops_nothing(server, url):
    sink = _sink(url, ROWS)
    sink.put(Batch("b", "rows", [{"record_id": "1", "words": "a\x00b", "before": '["c\\u0000d", "\\\\u0000"]'}]))
    sink.close()
    told = server.ask(url.rpartition("/")[2], "SELECT words, before ->> 0, before ->> 1 FROM rows").strip()
    assert told == "a\ufffdb|c\ufffdd|\\u0000"


def test_a_table_that_somebody_dropped_is_made_again(day, server, url):
    day.write(2)
    one = follower(day.folder, _sink(url))
    run_dry(one)
    server.ask(url.rpartition("/")[2], "DROP TABLE trades")
    day.write(1)
    assert one.turn() == 30.0
    assert "trades" in one.status.reason
    run_dry(one)
    assert len(contents(url)["trades"]) == 1  # what stood there before is gone: its place had passed


def test_a_database_that_does_not_exist_needs_a_person(server):
    with pytest.raises(SinkUnusable, match="does not exist"):
        _sink(server.url("nowhere"), ROWS)


def test_a_connection_that_an_administrator_ended_is_away(server, url):
    sink = _sink(url, ROWS)
    database = url.rpartition("/")[2]
    server.ask("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
    with pytest.raises(SinkAway):
        sink.put(Batch("b", "rows", [{"record_id": "1"}]))
    sink.open([ROWS])
    sink.put(Batch("b", "rows", [{"record_id": "1"}]))
    sink.close()
