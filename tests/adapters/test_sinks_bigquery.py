"""Against a server of our own that speaks BigQuery's interface to Google's client; never the real one."""

import datetime as dt
import random
from decimal import Decimal

import orjson
import pytest
from sink_days import Day, expected, follower, run_dry
from sinks_sql_lab import wanted

from fabio.adapters.sinks.port import Batch, Column, Place, RowsRefused, SinkAway, SinkUnusable, Table
from fabio.adapters.sinks.targets import make_sink, parse_target
from fabio.model.errors import ConfigError
from fabio.runtime.sinking.tables import TABLES

pytest.importorskip("google.cloud.bigquery", reason="the extra `bigquery` is not installed")
pytest.importorskip("sqlglot", reason="the server reads statements with it")
from bigquery_server import DATASET, PROJECT, BigQuery

URL = f"bigquery://{PROJECT}/{DATASET}"
ROWS = Table("rows", (Column("record_id", "text"), Column("ts", "time"), Column("price", "decimal"),
                      Column("before", "json"), Column("words", "text"), Column("size", "float"),
                      Column("count", "int"), Column("passed", "bool")), cluster_by=("words",))
NOON = "2026-11-20T12:00:00.123456Z"


@pytest.fixture
def service(monkeypatch):
    made = BigQuery()
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", made.url)
    yield made
    made.stop()


@pytest.fixture
def sink(service):
    made = make_sink(parse_target(URL))
    made._sleep = lambda s: None
    made.open([ROWS])
    yield made
    made.close()


@pytest.fixture
def day(tmp_path):
    made = Day(tmp_path / "logs")
    yield made
    made.close()


def _row(id_, **values):
    return {"record_id": id_, "ts": NOON, **values}


def _open_and_put(sink):
    sink.open([ROWS])
    sink.put(Batch("b", "rows", [_row("1")]))


def _once(what, fault, method="POST"):
    """A fault that happens to the first such call only."""
    left = [fault]
    return lambda called, about: left.pop() if left and (called, about) == (method, what) else None


def test_what_is_read_back_is_what_was_recorded(day, service):
    day.write(6)
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    assert service.contents(TABLES) == wanted(expected(day.folder))
    before = list(service.merged)
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    assert service.merged == before  # a second process finds its places, and nothing new


def test_tables_are_cut_by_day_and_ordered_by_whose_records_they_are(day, service):
    day.write(1)
    run_dry(follower(day.folder, make_sink(parse_target(URL + "?location=EU"))))
    assert service.datasets[DATASET]["location"] == "EU"
    assert set(service.tables) == {table.name for table in TABLES}
    for table in service.tables.values():
        assert table["timePartitioning"] == {"type": "DAY", "field": "ts"}
        assert table["clustering"] == {"fields": ["agent_id", "user_id", "session"]}
    for sql in service.statements:  # constants, and one day: other partitions are neither read nor paid for
        assert "T.`ts` >= TIMESTAMP '2013-09-03 00:00:00+00' AND T.`ts` < TIMESTAMP '2013-09-04 00:00:00+00'" in sql


class Killed(BaseException):
    """What a process does not live to see."""


def _hurt(service, chance, share):
    """Have calls, statements and processes die at random; give the count, and what a put goes through."""
    done = {"n": 0}
    cuts = ["cut before", "cut after", (503, "backendError"), (429, "rateLimitExceeded"), (403, "quotaExceeded"),
            (412, "conditionNotMet")]

    def happens(part):
        hit = chance.random() < share * part
        done["n"] += hit
        return hit

    service.fault = lambda method, what: chance.choice(cuts) if happens(0.2 if method == "GET" else 1) else None
    service.job_error = lambda sql: chance.choice(["backendError", "quotaExceeded"]) if happens(1) else ""

    def dying(put):
        def put_or_die(batch):
            if happens(0.5):
                raise Killed
            put(batch)
            if happens(1):
                raise Killed
        return put_or_die

    return done, dying


@pytest.mark.parametrize("interruptions", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_any_interruption_at_any_moment_loses_and_doubles_nothing(day, service, interruptions):
    chance = random.Random(5)
    done, dying = _hurt(service, chance, 0.2)
    kills = 0
    while done["n"] < interruptions:
        day.write(chance.randrange(2))
        sink = make_sink(parse_target(URL))
        sink.put = dying(sink.put)
        try:
            run_dry(follower(day.folder, sink))
        except Killed:
            kills += 1
        sink.close()
    assert kills > interruptions // 10
    service.fault, service.job_error = lambda method, what: None, lambda sql: ""
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    assert service.contents(TABLES) == wanted(expected(day.folder))


@pytest.mark.parametrize("polls", [0, 3])
def test_a_statement_whose_reply_was_lost_is_asked_for_and_not_run_again(service, sink, polls):
    service.polls = polls
    service.fault = _once("jobs", "cut after")
    batch = Batch("b", "rows", [_row("1", price="0.1")])
    with pytest.raises(SinkAway):
        sink.put(batch)
    sink.open([ROWS])
    sink.put(batch)
    assert len(service.merged) == 1
    assert [row["record_id"] for row in service.rows("rows")] == ["1"]


def test_a_job_that_failed_is_sent_again_by_another_id(service, sink):
    service.job_error = lambda sql: "" if service.jobs else "backendError"
    with pytest.raises(SinkAway, match="backendError"):
        sink.put(Batch("b", "rows", [_row("1")]))
    sink.open([ROWS])
    sink.put(Batch("b", "rows", [_row("1")]))
    first, second = service.jobs
    assert (first[:-1], first[-1], second[-1]) == (second[:-1], "0", "1")


def test_a_table_that_a_person_emptied_is_filled_again_by_a_new_process(service, sink):
    batch = Batch("b", "rows", [_row("1")])
    sink.put(batch)
    service.forget_rows("rows")
    again = make_sink(parse_target(URL))
    again.open([ROWS])
    again.put(batch)
    assert [row["record_id"] for row in service.rows("rows")] == ["1"]
    again.close()


def test_a_record_that_was_corrected_replaces_what_is_there_also_when_it_is_corrected_back(service, sink):
    for words in ("first", "second", "first"):
        sink.put(Batch("b", "rows", [_row("1", words=words), _row("2")]))
        assert sorted((row["record_id"], row["words"]) for row in service.rows("rows")) == [("1", words), ("2", None)]


def test_every_digit_comes_back_and_nothing_stays_null(service, sink):
    exact = "-12345678901234567890123456789012345678.00000000000000000000000000000000000001"
    words = 'a "quoted"\nline: é'
    nested = '{"a":[[1,2.5,null],{"b":"x\\"y"}],"c":9007199254740993}'
    sink.put(Batch("b", "rows", [
        _row("1", price=exact, before=nested, words=words, size=0.1 + 0.2, count=-(1 << 63), passed=False),
        _row("2"), _row("3", before='"text"'), _row("4", words="", before="[]", size=1e300, count=0)]))
    one, two, three, four = sorted(service.rows("rows"), key=lambda row: row["record_id"])
    assert Decimal(one["price"]) == Decimal(exact)
    assert (one["words"], one["size"], one["count"], one["passed"]) == (words, 0.1 + 0.2, -(1 << 63), False)
    assert orjson.loads(one["before"]) == orjson.loads(nested)
    assert (one["ts"], two) == (NOON, {"record_id": "2", "ts": NOON} | dict.fromkeys(
        ("price", "before", "words", "size", "count", "passed")))
    assert three["before"] == '"text"'
    assert (four["words"], four["before"], four["size"], four["count"]) == ("", "[]", 1e300, 0)


@pytest.mark.parametrize("bad", [
    {"ts": "soon"}, {"ts": None}, {"ts": "2026-11-20T12:00:00"}, {"price": "1e5"}, {"price": "0." + "1" * 39},
    {"before": "{"}, {"count": 1 << 63}, {"size": float("nan")}, {"passed": "yes"}, {"record_id": ""}, {"words": 5}])
def test_a_row_that_does_not_fit_is_refused_with_its_whole_batch_and_nothing_is_sent(service, sink, bad):
    with pytest.raises(RowsRefused, match="rows"):
        sink.put(Batch("b", "rows", [_row("1"), {**_row("2"), **bad}]))
    assert service.jobs == {}
    sink.put(Batch("b", "rows", [_row("1")]))


def test_rows_that_only_the_service_refuses_are_refused(service, sink):
    service.job_error = lambda sql: "invalidQuery"
    with pytest.raises(RowsRefused, match="invalidQuery"):
        sink.put(Batch("b", "rows", [_row("1")]))


@pytest.mark.parametrize(("code", "reason"), [
    (403, "quotaExceeded"), (403, "rateLimitExceeded"), (429, "rateLimitExceeded"), (500, "backendError"),
    (503, "backendError"), (502, ""), (412, "conditionNotMet")])
def test_a_quota_and_a_busy_service_are_waited_for(day, service, code, reason):
    day.write(1)
    service.fault = lambda method, what: (code, reason) if method == "POST" and what == "jobs" else None
    one = follower(day.folder, make_sink(parse_target(URL)))
    assert [one.turn(), one.turn()] == [0.5, 1.0]
    assert (one.status.state, "as told" in one.status.reason) == ("away", True)
    service.fault = lambda method, what: None
    run_dry(one)
    assert service.contents(TABLES) == wanted(expected(day.folder))


@pytest.mark.parametrize(("code", "reason", "cure"), [
    (403, "accessDenied", "BigQuery Data Editor"), (403, "billingNotEnabled", "billing"),
    (401, "authError", "gcloud auth application-default login")])
@pytest.mark.parametrize("what", ["datasets", "jobs"])
def test_a_right_that_is_missing_needs_a_person_and_the_cure_is_named(service, code, reason, cure, what):
    sink = make_sink(parse_target(URL))
    service.fault = lambda method, about: (code, reason) if about == what else None
    with pytest.raises(SinkUnusable, match=cure):
        _open_and_put(sink)
    sink.close()


def test_who_has_not_signed_in_is_told_how(monkeypatch, tmp_path):
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SinkUnusable, match="gcloud auth application-default login"):
        make_sink(parse_target(URL)).open([ROWS])


def test_a_service_that_cannot_be_reached_is_away(monkeypatch):
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(SinkAway, match="refused"):
        make_sink(parse_target(URL)).open([ROWS])


def test_a_job_that_does_not_end_is_away_and_found_again_later(service, sink):
    now = [0.0]
    sink._clock_s = lambda: now[0]

    def sleep(seconds):
        now[0] += seconds

    sink._sleep = sleep
    service.polls = 100
    batch = Batch("b", "rows", [_row("1")])
    with pytest.raises(SinkAway, match="within 90 s"):
        sink.put(batch)
    service._left = dict.fromkeys(service._left, 0)
    sink.open([ROWS])
    sink.put(batch)
    assert len(service.merged) == 1


def test_columns_that_a_later_version_knows_are_added_and_an_earlier_version_writes_beside_them(service, sink):
    more = Table("rows", (*ROWS.columns, Column("after", "json")), cluster_by=ROWS.cluster_by)
    for number, table in enumerate((ROWS, more, ROWS)):
        one = make_sink(parse_target(URL))
        one.open([table])
        one.put(Batch("b", "rows", [_row(str(number), after=f"[{number}]" if table is more else None)]))
        one.close()
    assert sorted((row["record_id"], row["after"]) for row in service.rows("rows")) == [
        ("0", None), ("1", "[1]"), ("2", None)]


def test_a_table_that_somebody_dropped_is_made_again(day, service):
    day.write(1)
    one = follower(day.folder, make_sink(parse_target(URL)))
    run_dry(one)
    service.drop("trades")
    day.write(1)
    assert one.turn() == 30.0
    assert "trades" in one.status.reason
    run_dry(one)
    assert len(service.rows("trades")) == 1  # what stood there before is gone: its place had passed


def test_more_rows_than_one_statement_may_carry_go_in_several(service, sink, monkeypatch):
    monkeypatch.setattr("fabio.adapters.sinks.bigquery_merge.TEXT_BYTES", 300)
    rows = [_row(str(number), words="x" * 100, ts=f"2026-11-{number + 1:02d}T00:00:00Z") for number in range(20)]
    service.fault = lambda method, what: "cut before" if len(service.merged) == 4 and method == "POST" else None
    with pytest.raises(SinkAway):
        sink.put(Batch("b", "rows", rows))
    service.fault = lambda method, what: None
    sink.open([ROWS])
    sink.put(Batch("b", "rows", rows))
    assert len(service.rows("rows")) == 20
    for sql in service.statements:
        first, last = (dt.date.fromisoformat(each) for each in _days(sql))
        assert (last - first).days <= 2


def _days(sql):
    return [part[:10] for part in sql.split("TIMESTAMP '")[1:3]]


def test_an_empty_batch_sends_nothing(service, sink):
    sink.put(Batch("b", "rows", [], Place("w/trades")))
    assert service.jobs == {}
    assert sink.places() is None


def test_a_dataset_with_a_name_that_cannot_be_is_said_at_once():
    with pytest.raises(ConfigError, match="letters, digits and _"):
        make_sink(parse_target("bigquery://proj/my-data"))
