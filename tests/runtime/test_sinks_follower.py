"""Records reach a sink once each: over failures, kills, torn tails, rotation and rebuilt files."""

import asyncio
import random

import msgspec
import orjson
import pytest
from sink_days import INSTRUMENTS, Day, MemorySink, expected, follower, run_dry

from fabio.adapters.sinks.port import Pace, SinkAway
from fabio.journal.records import rebuild
from fabio.runtime.sinking.process import SinkSilent, catch_up, follow
from fabio.runtime.sinking.status import Status
from fabio.runtime.sinking.tables import TABLES


@pytest.fixture
def day(tmp_path):
    made = Day(tmp_path / "logs")
    yield made
    made.close()


def test_every_record_becomes_its_rows_and_none_stands_twice(day):
    day.write(30)
    sink = MemorySink()
    run_dry(follower(day.folder, sink))
    assert sink.full() == expected(day.folder)
    assert {name: len(rows) for name, rows in sink.full().items()} == {
        "decisions": 60, "signals": 60, "verdicts": 60, "features": 90, "signal_performance": 60, "shadows": 30,
        "trades": 30, "orders": 30, "order_states": 30, "fills": 30, "regimes": 30, "predictions": 30, "models": 1,
        "model_performance": 30, "learning_events": 60, "strategy_changes": 30, "notes": 30,
    }
    assert set(sink.full()) == {table.name for table in TABLES}
    before = len(sink.batches)
    run_dry(follower(day.folder, sink))
    assert len(sink.batches) == before  # a second process finds the places, and nothing new


@pytest.mark.parametrize(("lines", "size"), [(1, 1 << 20), (7, 1 << 20), (250, 1)])
def test_how_lines_are_cut_into_parts_changes_no_row(day, monkeypatch, lines, size):
    day.write(6)
    day.write(3, roll="2013-09-04")
    wanted = expected(day.folder)
    monkeypatch.setattr("fabio.runtime.sinking.lines.BYTES_AT_ONCE", size)
    sink = MemorySink()
    sink.pace = Pace(lines=lines)
    run_dry(follower(day.folder, sink))
    assert sink.full() == wanted


def test_a_sink_with_a_slow_pace_rests_although_the_agent_never_does(day):
    day.write(1)
    sink = MemorySink()
    sink.pace = Pace(wait_s=900.0)
    put = sink.put

    def put_while_it_writes(batch):
        put(batch)
        day.write(1)

    sink.put = put_while_it_writes
    one = follower(day.folder, sink)
    assert one.turn() == 900.0
    assert 0 < len(sink.tables["trades"]) < len(expected(day.folder)["trades"])


def test_every_row_has_its_key_its_time_and_only_columns_of_its_table(day):
    day.write(2)
    for name, rows in expected(day.folder).items():
        columns = next({column.name: column.kind for column in table.columns} for table in TABLES if table.name == name)
        for key, row in rows.items():
            assert set(row) <= set(columns)
            assert row["ts"].endswith("Z")
            assert key.startswith(row["agent_id"].rpartition("-")[2] + ":")
            for column, value in row.items():
                wanted = {"int": int, "float": float, "bool": bool}.get(columns[column], str)
                assert value is None or type(value) is wanted, f"{name}.{column} is {value!r}"


def test_money_is_exact_text(day):
    day.write(1)
    tables = expected(day.folder)
    (trade,) = tables["trades"].values()
    assert (trade["net_pnl"], trade["fees"], trade["balance"]) == ("591.64", "8.36", "50591.64")
    (fill,) = tables["fills"].values()
    assert (fill["price"], fill["fees"], fill["size"]) == ("1646.75", "4.18", 2.0)


@pytest.mark.parametrize("keeps_places", [True, False])
@pytest.mark.parametrize("when", ["before", "after", "open"])
def test_a_sink_that_goes_away_at_any_moment_gets_everything_once(day, keeps_places, when):
    day.write(3)
    calls = {"n": 0}
    for at in range(60):
        calls["n"] = 0

        def fault(what, at=at):
            if what == when:
                calls["n"] += 1
                if calls["n"] == at + 1:
                    raise SinkAway("gone")

        sink = MemorySink(keeps_places=keeps_places, fault=fault)
        one = follower(day.folder, sink, f"{when}-{keeps_places}-{at}")
        run_dry(one)
        assert sink.full() == expected(day.folder)
        ids = [batch.id for batch in sink.batches]
        assert len(ids) - len(set(ids)) <= 1  # what was sent again was the same batch
        assert max(map(len, ids)) <= 200


@pytest.mark.parametrize("keeps_places", [True, False])
def test_kills_at_random_moments_while_the_agent_writes_lose_and_double_nothing(day, keeps_places):
    chance = random.Random(7)
    sink = MemorySink(keeps_places=keeps_places)

    class Killed(BaseException):
        pass

    def fault(what):
        if what != "open" and chance.random() < 0.1:
            raise Killed

    sink.fault = fault
    kills = 0
    for _ in range(200):
        if chance.random() < 0.3:
            day.write(chance.randrange(3))
        one = follower(day.folder, sink)
        try:
            run_dry(one)
        except Killed:
            kills += 1
    sink.fault = lambda what: None
    run_dry(follower(day.folder, sink))
    assert kills > 20
    assert sink.full() == expected(day.folder)


def test_a_sink_without_places_goes_on_where_its_file_says(day):
    day.write(2)
    sink = MemorySink(keeps_places=False)
    run_dry(follower(day.folder, sink))
    day.write(1)
    again = MemorySink(keeps_places=False)
    run_dry(follower(day.folder, again))
    assert set(again.full()["trades"]) == {key for key in expected(day.folder)["trades"] if key.endswith(":T3")}


def test_a_torn_tail_is_taken_when_it_is_whole(day):
    day.write(2)
    path = day.folder / "trades.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    assert len(sink.tables["trades"]) == 1
    assert one.status.damaged_lines == 0
    assert one.status.behind_bytes > 0
    path.write_bytes(whole)
    run_dry(one)
    assert sink.full() == expected(day.folder)
    assert one.status.behind_bytes == 0


@pytest.mark.parametrize("bad", [
    b"garbage\n", b'{"v":2,"ts_ns":1,"seq":1}\n', b'{"v":1,"ts_ns":1,"seq":1}\n', b"\xff\n",
])
def test_a_bad_line_is_counted_and_named_and_stops_nothing(day, bad):
    day.write(2)
    path = day.folder / "decisions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], bad, *lines[2:]]))
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    assert len(sink.tables["decisions"]) == 4
    assert one.status.damaged_lines == 1
    assert [(each.file, each.line) for each in one.status.damaged] == [("decisions.jsonl", 3)]
    later = follower(day.folder, sink)
    run_dry(later)
    assert later.status.damaged_lines == 1  # known to the place


def test_a_bad_line_at_the_very_end_waits_for_what_becomes_of_it(day):
    day.write(1)
    path = day.folder / "shadow.jsonl"
    good = path.read_bytes()
    path.write_bytes(good + b"garbage\n")
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    assert [(each.file, each.line) for each in one.status.doubtful] == [("shadow.jsonl", 2)]
    path.write_bytes(good)  # as the next run of the agent does
    day.write(1)
    run_dry(one)
    assert (one.status.doubtful, one.status.damaged_lines) == ([], 0)
    assert sink.full() == expected(day.folder)


def test_the_journal_is_followed_over_days_and_past_the_torn_end_of_a_finished_file(day):
    sink = MemorySink()
    one = follower(day.folder, sink)
    day.write(2)
    run_dry(one)
    first = next((day.folder / "journal").iterdir())
    day.write(2, roll="2013-09-04")
    first.chmod(0o644)
    first.write_bytes(first.read_bytes() + b'{"v":1,"seq":')
    day.write(1, roll="2013-09-05")
    run_dry(one)
    assert [(each.file, each.reason[:7]) for each in one.status.damaged] == [(f"journal/{first.name}", "it is t")]
    assert len(sink.tables["fills"]) == 5
    assert {row["session"] for row in sink.tables["fills"].values()} == {"2013-09-03", "2013-09-04", "2013-09-05"}


def test_a_damaged_line_of_the_journal_is_known_by_its_checksum(day):
    day.write(1)
    path = next((day.folder / "journal").iterdir())
    path.write_bytes(path.read_bytes().replace(b'"state":"filled"', b'"state":"filles"'))
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    assert "order_states" not in sink.full()
    assert "checksum" in one.status.damaged[0].reason
    assert len(sink.tables["orders"]) == 1


def test_rebuilt_files_are_followed_without_putting_anything_again(day):
    day.write(3)
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    put = len(sink.batches)
    rebuild(day.folder, INSTRUMENTS)
    run_dry(one)
    assert (len(sink.batches), one.status.began_anew) == (put, 0)
    day.restart()
    day.write(1)
    run_dry(one)
    assert sink.full() == expected(day.folder)


def test_files_that_changed_behind_the_place_are_read_anew(day):
    day.write(3)
    path = day.folder / "trades.jsonl"
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    records = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    more = [{**record, "more": "as a later version writes it"} for record in records]
    path.write_bytes(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in more))
    run_dry(one)
    assert one.status.began_anew == 1
    assert sink.full() == expected(day.folder)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))  # a lost power line
    run_dry(one)
    assert one.status.began_anew == 2


def test_another_world_in_the_folder_gets_rows_of_its_own(day, tmp_path):
    day.write(2)
    sink = MemorySink()
    one = follower(day.folder, sink)
    run_dry(one)
    day.close()
    first = expected(day.folder)
    day.folder.rename(tmp_path / "old")
    other = Day(day.folder, feed="demo:2")
    other.write(1)
    run_dry(one)
    other.close()
    second = expected(day.folder)
    assert sink.full() == {name: {**rows, **second[name]} for name, rows in first.items()}
    assert not set(first["trades"]) & set(second["trades"])


def test_rows_that_are_refused_are_kept_aside_and_hold_nothing_up(day):
    day.write(20)
    wanted = expected(day.folder)
    key = list(wanted["trades"])[7]
    sink = MemorySink()
    sink.refuses = {key}
    one = follower(day.folder, sink)
    run_dry(one)
    assert one.status.refused_rows == 1
    aside = [orjson.loads(line) for line in (day.folder / "sinks" / "memory.refused.jsonl").read_bytes().splitlines()]
    assert aside == [{"table": "trades", "reason": "no such row here", "row": wanted["trades"].pop(key)}]
    assert sink.full() == wanted
    run_dry(follower(day.folder, sink))
    assert len((day.folder / "sinks" / "memory.refused.jsonl").read_bytes().splitlines()) == 1


def test_pauses_grow_while_a_sink_is_away_and_begin_anew_when_it_is_back(day):
    day.write(1)
    gone = {"is": True}

    def fault(what):
        if gone["is"]:
            raise SinkAway("connection refused")

    sink = MemorySink(fault=fault)
    one = follower(day.folder, sink)
    assert [one.turn() for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    told = msgspec.json.decode((day.folder / "sinks" / "memory.json").read_bytes(), type=Status)
    assert (told.state, told.reason) == ("away", "connection refused")
    assert told.behind_bytes > 0
    gone["is"] = False
    run_dry(one)
    assert one.status.state == "following"
    gone["is"] = True
    day.write(1)
    assert one.turn() == 0.5


def test_once_gives_up_where_nobody_answers(day):
    day.write(1)

    def fault(what):
        raise SinkAway("connection refused")

    slept = []
    with pytest.raises(SinkSilent, match="connection refused; given up after 30 s"):
        catch_up(follower(day.folder, MemorySink(fault=fault)), slept.append)
    assert sum(slept) <= 30


async def test_a_target_that_is_away_holds_up_no_other(day):
    day.write(2)

    def fault(what):
        raise SinkAway("connection refused")

    good, stop, said = MemorySink(), asyncio.Event(), []
    followers = [follower(day.folder, MemorySink(fault=fault), "gone"), follower(day.folder, good, "there")]
    following = asyncio.create_task(follow(followers, stop, said.append))
    async with asyncio.timeout(120):
        while not followers[1].is_caught_up:
            await asyncio.sleep(0.01)
        stop.set()
        await following
    assert good.full() == expected(day.folder)
    assert "memory://: away: connection refused" in said
    assert [each.status.state for each in followers] == ["stopped", "stopped"]


def test_nothing_is_asked_of_a_sink_before_an_agent_ran(tmp_path):
    sink = MemorySink()
    one = follower(tmp_path, sink)
    assert one.turn() > 0
    assert sink.opened == 0
    day = Day(tmp_path)
    day.write(1)
    run_dry(one)
    day.close()
    assert sink.full() == expected(tmp_path)
