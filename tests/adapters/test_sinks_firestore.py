"""Against a server of our own that speaks Firestore's interface to Google's client; never the real one."""

import random
import re

import orjson
import pytest
from sink_days import Day, expected, follower, run_dry
from sinks_sql_lab import normal, wanted

from fabio.adapters.sinks.port import KEY, Batch, Column, Place, RowsRefused, SinkAway, SinkUnusable, Table
from fabio.adapters.sinks.targets import make_sink, parse_target
from fabio.model.errors import ConfigError
from fabio.runtime.sinking.tables import TABLES

pytest.importorskip("google.cloud.firestore", reason="the extra `firestore` is not installed")
import grpc
from firestore_server import COLLECTION, PROJECT, Firestore

URL = f"firestore://{PROJECT}/{COLLECTION}"
ROWS = Table("rows", (Column("record_id", "text"), Column("ts", "time"), Column("ts_ns", "int"),
                      Column("agent_id", "text"), Column("symbol", "text"), Column("price", "decimal"),
                      Column("before", "json"), Column("size", "float"), Column("passed", "bool")))
TRADES = Table("trades", ROWS.columns)
NOON = "2026-11-20T12:00:00.123456Z"
LOST = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED]


@pytest.fixture
def service(monkeypatch):
    made = Firestore()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", made.host)
    yield made
    made.stop()


@pytest.fixture
def sink(service):
    made = make_sink(parse_target(URL))
    made.open([ROWS, TRADES])
    yield made
    made.close()


@pytest.fixture
def day(tmp_path):
    made = Day(tmp_path / "logs")
    yield made
    made.close()


def _row(id_, ts_ns=1, **values):
    return {"record_id": id_, "ts": NOON, "ts_ns": ts_ns, "agent_id": "ada", "symbol": "ES", **values}


def _open_and_put(sink):
    sink.open([ROWS])
    sink.put(Batch("b", "rows", [_row("1")]))


def _contents(service):
    """Give all rows as they compare; JSON that Firestore could not hold is text."""
    found = {}
    for table in TABLES:
        for name, fields in service.rows(table.name).items():
            assert name == fields[KEY].replace("/", "%2F")
            found.setdefault(table.name, {})[fields[KEY]] = {
                column.name: normal(column.kind, fields[column.name]) for column in table.columns}
    return found


def test_what_is_read_back_is_what_was_recorded(day, service):
    day.write(6)
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    assert _contents(service) == wanted(expected(day.folder))
    before = list(service.commits)
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    assert service.commits == before  # a second process finds its places, and nothing new


def test_the_last_record_of_each_kind_is_at_hand(day, service):
    day.write(3)
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    tables = expected(day.folder)
    (agent,) = {row["agent_id"] for row in tables["trades"].values()}
    about = service.documents[f"{COLLECTION}/{agent}"]
    assert about["ts_ns"] == max(row["ts_ns"] for rows in tables.values() for row in rows.values())
    live = {place.split("/")[-1]: fields for place, fields in service.documents.items() if "/live/" in place}
    assert set(live) == {f"ES.{name}" for name in (
        "decisions", "signals", "regimes", "predictions", "orders", "order_states", "fills", "trades",
    )} | {"strategy_changes", "notes"}
    for fields in live.values():
        assert fields["ts_ns"] == max(row["ts_ns"] for row in tables[fields["table"]].values())
    assert live["ES.trades"]["net_pnl"] == "591.64"


def test_what_is_shown_as_last_never_goes_back(service):
    for ts_ns, shown in ((5, 5), (3, 5), (7, 7)):  # each by a process of its own
        sink = make_sink(parse_target(URL))
        sink.open([TRADES])
        for number in (0, 1):
            sink.put(Batch("b", "trades", [_row(f"{ts_ns}{number}", ts_ns), _row(f"{ts_ns}{number}x", ts_ns - 1)]))
        sink.close()
        assert service.documents[f"{COLLECTION}/ada/live/ES.trades"]["ts_ns"] == shown
        assert service.documents[f"{COLLECTION}/ada"]["ts_ns"] == shown
    assert len(service.rows("trades")) == 12


class Killed(BaseException):
    """What a process does not live to see."""


@pytest.mark.parametrize("interruptions", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_any_interruption_at_any_moment_loses_and_doubles_nothing(day, service, interruptions, monkeypatch):
    monkeypatch.setattr("fabio.adapters.sinks.firestore.WRITES_MOST", 3)  # so that most puts take several commits
    chance, done, kills = random.Random(5), 0, 0

    def happens(share):
        nonlocal done
        hit = chance.random() < share
        done += hit
        return hit

    service.fault = lambda name, when: chance.choice(LOST) if happens(0.06 if name == "commit" else 0.02) else None
    while done < interruptions:
        day.write(chance.randrange(2))
        sink = make_sink(parse_target(URL))
        put = sink.put

        def put_or_die(batch, put=put):
            if happens(0.04):
                raise Killed
            put(batch)
            if happens(0.08):
                raise Killed

        sink.put = put_or_die
        try:
            run_dry(follower(day.folder, sink))
        except Killed:
            kills += 1
        sink.close()
    assert kills > interruptions // 10
    service.fault = lambda name, when: None
    run_dry(follower(day.folder, make_sink(parse_target(URL))))
    assert _contents(service) == wanted(expected(day.folder))


@pytest.mark.parametrize("status", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_call_and_a_lost_reply_are_away_and_change_nothing(service, sink, status, when):
    service.fault = lambda name, at: status if (name, at) == ("commit", when) else None
    with pytest.raises(SinkAway):
        sink.put(Batch("b", "rows", [_row("1", price="0.1")]))
    service.fault = lambda name, at: None
    sink.open([ROWS])
    sink.put(Batch("b", "rows", [_row("1", price="0.1")]))
    assert {name: fields["price"] for name, fields in service.rows("rows").items()} == {"1": "0.1"}


@pytest.mark.parametrize(("status", "cure"), [
    (grpc.StatusCode.PERMISSION_DENIED, "Cloud Datastore User"),
    (grpc.StatusCode.UNAUTHENTICATED, "gcloud auth application-default login"),
    (grpc.StatusCode.NOT_FOUND, "gcloud firestore databases create"),
    (grpc.StatusCode.FAILED_PRECONDITION, "gcloud firestore databases create")])
@pytest.mark.parametrize("call", ["get", "commit"])
def test_what_only_a_person_can_mend_is_said_with_its_cure(service, status, cure, call):
    service.fault = lambda name, when: status if name == call else None
    sink = make_sink(parse_target(URL))
    with pytest.raises(SinkUnusable, match=cure):
        _open_and_put(sink)
    sink.close()


def test_a_service_that_cannot_be_reached_is_away(monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:9")
    sink = make_sink(parse_target(URL))
    with pytest.raises(SinkAway):
        sink.open([ROWS])
    sink.close()


def test_who_has_not_signed_in_is_told_how(monkeypatch, tmp_path):
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SinkUnusable, match="gcloud auth application-default login"):
        make_sink(parse_target(URL)).open([ROWS])


def test_every_digit_comes_back_and_nothing_stays_null(service, sink):
    exact = "-12345678901234567890123.000000000000000001"
    sink.put(Batch("b", "rows", [
        _row("1", price=exact, before='{"a":[1,2.5,null,{"b":"x"}],"c":9007199254740993}', size=3, passed=False),
        {"record_id": "2", "ts": NOON, "agent_id": "ada"}]))
    one, two = service.rows("rows")["1"], service.rows("rows")["2"]
    assert (one["price"], one["size"], one["passed"], one["ts"]) == (exact, 3.0, False, NOON)
    assert type(one["size"]) is float
    assert one["before"] == {"a": [1, 2.5, None, {"b": "x"}], "c": 9007199254740993}
    assert [two[name] for name in ("ts_ns", "price", "before", "size", "passed")] == [None] * 5


def _deep(levels):
    return {"a": _deep(levels - 1)} if levels else 1


@pytest.mark.parametrize(("nested", "is_text"), [
    ({"a": [[1]]}, True), ({"__a__": 1}, True), ({"": 1}, True), ({"a": 1 << 63}, True), (_deep(18), False),
    (_deep(19), True), ({"a": [{"b": [1]}]}, False), ([], False), ("text", False), ({"a.b/`c`": 1}, False)])
def test_json_that_firestore_cannot_hold_is_text(service, sink, nested, is_text):
    text = orjson.dumps(nested).decode()
    sink.put(Batch("b", "rows", [_row("1", before=text)]))
    assert service.rows("rows")["1"]["before"] == (text if is_text else nested)


@pytest.mark.parametrize("bad", [
    {"ts": "soon"}, {"price": "much"}, {"before": "{"}, {"ts_ns": 1 << 63}, {"size": float("inf")}, {"record_id": ""}])
def test_a_row_that_does_not_fit_is_refused_and_nothing_is_sent(service, sink, bad):
    with pytest.raises(RowsRefused, match="rows"):
        sink.put(Batch("b", "rows", [_row("1"), {**_row("2"), **bad}]))
    assert service.commits == []


def test_a_row_that_only_the_service_refuses_is_kept_aside_and_the_others_get_in(day, service, monkeypatch):
    day.write(2)
    one = follower(day.folder, make_sink(parse_target(URL)))
    monkeypatch.setattr("firestore_server._RESERVED", re.compile(r".*:T1|__.*__"))
    run_dry(one)
    assert one.status.refused_rows == 1
    refused = orjson.loads((day.folder / "sinks" / "memory.refused.jsonl").read_bytes().splitlines()[0])
    assert (refused["table"], refused["row"]["id"]) == ("trades", "T1")
    assert len(service.rows("trades")) == 1


def test_a_large_batch_goes_in_several_commits_and_a_half_done_one_is_made_whole(service, sink):
    rows = [_row(f"w:{number}/x") for number in range(1_000)]
    service.fault = lambda name, when: grpc.StatusCode.UNAVAILABLE if len(service.commits) == 2 else None
    with pytest.raises(SinkAway):
        sink.put(Batch("b", "rows", rows))
    assert len(service.rows("rows")) == 800
    service.fault = lambda name, when: None
    sink.open([ROWS])
    sink.put(Batch("b", "rows", rows))
    assert service.commits == [400, 400, 400, 400, 201]
    assert set(service.rows("rows")) == {f"w:{number}%2Fx" for number in range(1_000)}


def test_commits_stay_below_the_size_that_is_taken(service, sink):
    text = orjson.dumps("ü" * 450_000).decode()
    sink.put(Batch("b", "rows", [_row(str(number), before=text) for number in range(12)]))
    assert service.commits == [4, 4, 5]


def test_tables_that_are_not_wanted_are_left_out(day, service):
    day.write(1)
    run_dry(follower(day.folder, make_sink(parse_target(URL + "?tables=decisions,trades"))))
    assert {place.split("/")[2] for place in service.documents if place.count("/") == 3} == {
        "decisions", "trades", "live"}
    with pytest.raises(SinkUnusable, match=r"no table trade;.*trades"):
        make_sink(parse_target(URL + "?tables=trade")).open(TABLES)


def test_an_empty_batch_sends_nothing(service, sink):
    sink.put(Batch("b", "rows", [], Place("w/trades")))
    assert service.commits == []
    assert sink.places() is None


@pytest.mark.parametrize("path", ["agents/ada", "__agents__", "agents//x", "agents/../x"])
def test_a_collection_that_cannot_be_is_said_at_once(path):
    with pytest.raises(ConfigError, match="no name of a collection"):
        make_sink(parse_target(f"firestore://{PROJECT}/{path}"))
