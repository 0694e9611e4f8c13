import re
import subprocess
import sys
from pathlib import Path

import msgspec
import orjson
import pytest
from journal_stories import ES, RESPONSE, day

from fabio.journal.exchanges import Exchange, exchange_record
from fabio.journal.query import COLUMNS, VIEWS, QueryFailed, Skipped, query
from fabio.journal.records import Records
from fabio.journal.schemas import SCHEMAS
from fabio.journal.writer import Journal

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"
QUESTIONS = re.findall(r'^fabio journal query "(.*)"$', PAGE.read_text("utf-8"), re.MULTILINE)


def _write_day(logs):
    journal, records = Journal(logs), Records(logs, {"ES": ES}, last_seq=0)
    for step in day():
        journal.append(step)
        records.write(step)
    records.exchange(Exchange(ask_id="A1", symbol="ES", ts_ns=1, source="rules", request_hash="00",
                              request={"market_stats": {"cvd": -40}}, response=RESPONSE))
    journal.close()
    records.close()


def _rows(logs, sql):
    return query(logs, sql).rows


def _ids(logs):
    """The ids of `learning`; and that nothing was left out."""
    answer = query(logs, "SELECT id FROM learning")
    assert answer.skipped == []
    return [id_ for id_, in answer.rows]


def test_every_view_of_an_empty_folder_is_empty_and_has_its_columns(tmp_path):
    for name in VIEWS:
        answer = query(tmp_path, f"SELECT * FROM {name}")
        assert (answer.rows, answer.skipped) == ([], [])
        assert "ts_ns" in answer.columns


def test_columns_and_types_are_the_same_with_and_without_records(tmp_path):
    full, empty, nowhere = tmp_path / "full", tmp_path / "empty", tmp_path / "nowhere"
    _write_day(full)
    empty.mkdir()
    for name in COLUMNS:
        (empty / f"{name}.jsonl").touch()
    for name in VIEWS:
        described = _rows(full, f"DESCRIBE {name}")
        assert described == _rows(empty, f"DESCRIBE {name}") == _rows(nowhere, f"DESCRIBE {name}")
    assert [row[:2] for row in _rows(empty, "DESCRIBE shadow") if row[0] in ("entry_ts", "size", "refused_by")] == [
        ("size", "DOUBLE"), ("entry_ts", "TIMESTAMP"), ("refused_by", "VARCHAR[]")]


def test_every_key_that_is_written_is_a_column(tmp_path):
    _write_day(tmp_path)
    with (tmp_path / "llm_exchanges.jsonl").open("ab") as file:
        file.write(exchange_record(Exchange(
            ask_id="A2", symbol="ES", ts_ns=2, source="gpt", request_hash="01", request={}, response=None,
            outcome="invalid", model="gpt-x", call_hash="02", attempts=2, raw="no")))
    for name, schema in SCHEMAS.items():
        assert list(COLUMNS[name]) == [field.name for field in msgspec.structs.fields(schema)]
    files = {name: tmp_path / f"{name}.jsonl" for name in COLUMNS if name != "journal"}
    files["journal"] = next((tmp_path / "journal").glob("*.jsonl"))
    for name, path in files.items():
        written = {key for line in path.read_bytes().splitlines() for key in orjson.loads(line)} - {"prev", "crc"}
        assert written
        assert written <= set(COLUMNS[name])


def test_records_join_by_their_ids(tmp_path):
    _write_day(tmp_path)
    answer = query(tmp_path, """
        SELECT t.id AS trade, d.id AS decision, t.net_pnl,
               x.response->'market_assessment'->>'regime' AS regime,
               (t.statistics->'market_stats'->>'cvd')::DOUBLE AS cvd, s.result AS shadow
        FROM trades t JOIN decisions d ON t.decision_id = d.id JOIN llm_exchanges x ON d.ask_id = x.id
        CROSS JOIN shadow s""")
    assert answer.columns == ["trade", "decision", "net_pnl", "regime", "cvd", "shadow"]
    assert answer.rows == [("T1", "D2", 591.64, "trend", -40.0, "loss")]
    assert _rows(tmp_path, "SELECT kind, strategy, text FROM learning ORDER BY seq, kind")[0] == (
        "note", None, "POC held twice")


def test_events_facts_and_commands_of_the_journal_have_a_row_each(tmp_path):
    _write_day(tmp_path)
    for name, parts in (("facts", [fact for step in day() for fact in step.facts]),
                        ("commands", [command for step in day() for command in step.commands]),
                        ("events", [step.event for step in day() if step.event is not None])):
        types = [type(each).__name__ for each in parts]
        assert _rows(tmp_path, f"SELECT type FROM {name} ORDER BY seq") == [(each,) for each in types]
    assert _rows(tmp_path, "SELECT data->'order'->>'id' FROM commands WHERE type = 'SubmitOrder'") == [("O1",)]


# -- while it is written, and what should not be in it


def test_a_last_line_torn_at_any_byte_is_not_there(tmp_path):
    whole = b'{"v":1,"id":"A"}\n'
    last = '{"v":1,"id":"B\\"€","after":[1]}\n'.encode()
    path = tmp_path / "learning.jsonl"
    for cut in range(len(last) - 1):
        path.write_bytes(whole + last[:cut])
        assert _ids(tmp_path) == ["A"]
    path.write_bytes(whole + last)
    assert _ids(tmp_path) == ["A", 'B"€']
    path.write_bytes(last[:9])
    assert _ids(tmp_path) == []


def test_records_are_whole_while_another_process_appends_them(tmp_path):
    path = tmp_path / "learning.jsonl"
    path.touch()
    writer = subprocess.Popen([sys.executable, "-c", """
import os, sys, time
with open(sys.argv[1], "ab", buffering=0) as file:
    number = 0
    while not os.path.exists(sys.argv[2]):
        text = chr(97 + number % 26) * (number * 37 % 3000)
        line = b'{"v":1,"ts_ns":%d,"id":"%d","text":"%s"}\\n' % (number, len(text), text.encode())
        for at in range(0, len(line), 997):
            file.write(line[at:at + 997])
        number += 1
        time.sleep(0.0002)
""", str(path), str(tmp_path / "enough")])
    counts = [0]
    while len(set(counts)) < 6:
        assert writer.poll() is None
        answer = query(tmp_path, "SELECT count(*), max(ts_ns), bool_and(length(text)::VARCHAR = id) FROM learning")
        count, latest, whole = answer.rows[0]
        assert answer.skipped == []
        assert count >= counts[-1]
        assert count == 0 or (latest == count - 1 and whole)
        counts.append(count)
    (tmp_path / "enough").touch()
    assert writer.wait(60) == 0
    assert _rows(tmp_path, "SELECT count(*) FROM learning") == [(path.read_bytes().count(b"\n"),)]


@pytest.mark.parametrize("bad", [
    b'{"v":1,"ts_ns":2,"id":', b"\x00\xff\xfe", b"[1,2]", b"42", b"null", b'{"v":2,"id":"new"}', b'{"name":"foreign"}',
    b'{"v":1}{"v":1}', b'{"v":1,"id":"\xff"}', b"[" * 2000, b"2026-11-20 12:00:00 INFO started",
])
def test_a_damaged_or_foreign_line_is_left_out_and_counted_with_its_place(tmp_path, bad):
    good = b'{"v":1,"ts_ns":%d,"id":"%d"}\n'
    path = tmp_path / "learning.jsonl"
    path.write_bytes(good % (1, 1) + bad + b"\n" + good % (2, 2) + b"\n" + bad + b"\n" + good % (3, 3) + b'{"v":1,"i')
    answer = query(tmp_path, "SELECT id FROM learning")
    assert answer.rows == [("1",), ("2",), ("3",)]
    assert answer.skipped == [Skipped(str(path), 2, 2)]
    assert query(tmp_path, "SELECT count(*) FROM trades").skipped == []  # nobody asked for that file


def test_a_value_of_another_type_is_null_and_its_record_stays(tmp_path):
    (tmp_path / "trades.jsonl").write_text(
        '{"v":1,"id":"a","size":2,"ts":"2026-06-01T13:56:06.918164Z","notes":["x"]}\n'
        '{"v":1,"id":"b","size":"many","ts":"today","notes":"x"}\n{"v":1,"id":3,"more":1}\n')
    answer = query(tmp_path, "SELECT id, size, ts IS NULL, notes FROM trades")
    assert answer.rows == [("a", 2.0, False, ["x"]), ("b", None, True, None), ("3", None, True, None)]


def test_a_line_longer_than_duckdb_expects_is_read(tmp_path):
    line = b'{"v":1,"id":"%s","raw":"%s"}\n'
    (tmp_path / "llm_exchanges.jsonl").write_bytes(
        line % (b"a", b"") + line % (b"b", b"y" * 40_000_000) + line % (b"c", b"z"))
    assert _rows(tmp_path, "SELECT id, length(raw) FROM llm_exchanges") == [("a", 0), ("b", 40_000_000), ("c", 1)]


@pytest.mark.parametrize("name", ["a[1]", "b*b", "c?x", "it's", "day=3", "naïve ordner"])
def test_no_character_of_a_folders_name_is_a_pattern(tmp_path, name):
    for number, folder in enumerate((name, "a1", "bxb", "cyx")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "learning.jsonl").write_text(f'{{"v":1,"id":"{number}"}}\n')
    assert _rows(tmp_path / name, "SELECT * EXCLUDE (v) FROM learning")[0][2:5] == (None, None, "0")


# -- only questions


@pytest.mark.parametrize("sql", [
    "COPY trades TO '{folder}/out.csv'", "COPY trades TO '{folder}/trades.jsonl' (FORMAT json, USE_TMP_FILE false)",
    "ATTACH '{folder}/out.db'", "CREATE TABLE mine AS SELECT 1", "INSERT INTO trades SELECT * FROM trades",
    "SET enable_external_access = true", "EXPLAIN ANALYZE COPY trades TO '{folder}/trades.jsonl'", "INSTALL httpfs",
    "EXPORT DATABASE '{folder}/out'", "SELECT 1; COPY trades TO '{folder}/out.csv'", "VACUUM", "BEGIN",
    "WITH gone AS (DELETE FROM trades RETURNING *) SELECT * FROM gone", "", "-- nothing", "PIVOT trades ON result",
    "SELECT * FROM read_text('{folder}/secret.txt')", "SELECT * FROM '{folder}/secret.csv'",
    "SELECT * FROM glob('{folder}/*')", "SELECT * FROM folder", "SELECT * FROM query('DROP VIEW trades')",
])
def test_what_is_no_question_over_the_records_is_refused_and_changes_nothing(tmp_path, sql):
    _write_day(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.csv").write_text("secret,1\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(QueryFailed) as failed:
        query(tmp_path, sql.format(folder=tmp_path))
    assert "secret,1" not in str(failed.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_wrong_sql_is_said_in_words_with_its_place(tmp_path):
    with pytest.raises(QueryFailed, match=r'"nothing" not found(?s:.*)LINE 1'):
        query(tmp_path, "SELECT nothing FROM trades")
    with pytest.raises(QueryFailed, match="Did you mean"):
        query(tmp_path, "SELECT * FROM trade")


# -- the document


def test_the_document_has_ten_questions_and_one_before_them():
    assert len(QUESTIONS) == 11
    assert PAGE.read_text("utf-8").count("\n**") == 11  # "Safe." is the eleventh


@pytest.mark.parametrize("sql", QUESTIONS)
def test_each_question_of_the_document_has_an_answer_with_and_without_records(tmp_path, sql):
    empty = query(tmp_path, sql)
    assert empty.rows == []
    _write_day(tmp_path)
    full = query(tmp_path, sql)
    assert full.rows
    assert full.columns == empty.columns


def test_the_answers_of_the_document_are_right(tmp_path):
    _write_day(tmp_path)
    first, guards, alone, regimes, strategies, slippage, hours, model, _, drawdown, behind = (
        _rows(tmp_path, sql) for sql in QUESTIONS)
    assert first == [("trend_continuation", "long", "win", 591.64)]
    assert guards == [("cooldown", 2, 1, 60.0)]
    assert alone == [("cooldown", 1, 1, -166.68)]
    assert regimes == [("trend", 1, 0.0, -1.1, -166.68)]
    assert strategies == [("trend_continuation", "pullback_to_poc", 1, 1.0, 591.64, 8.36, 1.94, 3.0, 24.0)]
    assert slippage == [("trend_continuation", "market", 1, 0.0, 0.0, 0.0)]
    assert hours == [(9, 2, 1, -1.1, 591.64)]
    assert model == [("rules", "ok", 1, None, 0.0, 0.0, "")]
    assert [row[2:] for row in drawdown] == [(591.64, 50591.64, 50591.64, 0.0, 0.0)]
    assert behind == [("T1", "pullback_to_poc", "trend", "rules", None, -40.0, 1.94, None)]


def test_the_drawdown_counts_from_the_balance_before_the_first_trade(tmp_path):
    line = '{{"v":1,"ts_ns":{0},"seq":{0},"id":"T{0}","net_pnl":{1},"balance":{2}}}\n'
    (tmp_path / "trades.jsonl").write_text("".join(line.format(*row) for row in (
        (1, -100, 900), (2, 300, 1200), (3, -600, 600), (4, 50, 650))))
    worst = {row[1]: row[5] for row in _rows(tmp_path, QUESTIONS[9])}
    assert worst == {"T3": 600.0, "T4": 550.0, "T1": 100.0, "T2": 0.0}
