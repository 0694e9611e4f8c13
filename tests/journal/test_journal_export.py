import csv
import json
import os
import sys
from pathlib import Path

import duckdb
import orjson
import pytest
from journal_stories import ES, day

from fabio.journal import export as module
from fabio.journal.export import ExportImpossible, ExportRefused, export
from fabio.journal.query import VIEWS, QueryFailed, Skipped, query
from fabio.journal.records import Records
from fabio.journal.writer import Journal


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    journal, records = Journal(folder), Records(folder, {"ES": ES}, last_seq=0)
    for step in day():
        journal.append(step)
        records.write(step)
    journal.close()
    records.close()
    return folder


def _lines(path):
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("table", ["decisions", "trades", "shadow", "learning"])
def test_json_lines_of_a_table_are_its_records_again(logs, tmp_path, table):
    done = export(logs, tmp_path / "out.jsonl", table)
    records = _lines(logs / f"{table}.jsonl")
    assert _lines(tmp_path / "out.jsonl") == records
    assert (done.records, done.table, done.skipped) == (len(records), table, [])


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("table", VIEWS)
def test_every_table_has_every_format(logs, tmp_path, table, suffix):
    to = tmp_path / f"o'ut [1]{suffix}"
    done = export(logs, to, table)
    assert done.records == query(logs, f"SELECT count(*) FROM {table}").rows[0][0]
    assert to.stat().st_size > 0 or done.records == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", to.name]


def test_parquet_keeps_the_columns_types_and_rows_of_a_query(logs, tmp_path):
    export(logs, tmp_path / "out.parquet", "decisions")
    read = duckdb.sql(f"DESCRIBE FROM '{tmp_path / 'out.parquet'}'").fetchall()
    assert [row[:2] for row in read] == [row[:2] for row in query(logs, "DESCRIBE decisions").rows]
    everything = duckdb.sql(f"FROM '{tmp_path / 'out.parquet'}'").fetchall()
    assert everything == query(logs, "FROM decisions").rows


def test_csv_has_times_as_the_records_and_lists_as_json(logs, tmp_path):
    export(logs, tmp_path / "out.csv", "decisions")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    records = _lines(logs / "decisions.jsonl")
    assert [row["ts"] for row in rows] == [record["ts"] for record in records]
    for name in ("refused_by", "verdicts", "regime", "statistics"):
        assert [json.loads(row[name]) for row in rows] == [record[name] for record in records]


def test_an_empty_table_is_a_file_with_columns(tmp_path):
    export(tmp_path / "nothing", tmp_path / "out.csv", "trades")
    export(tmp_path / "nothing", tmp_path / "out.parquet", "trades")
    columns = query(tmp_path, "SELECT * FROM trades").columns
    assert (tmp_path / "out.csv").read_text("utf-8").strip().split(",") == columns
    assert duckdb.sql(f"FROM '{tmp_path / 'out.parquet'}'").columns == columns


def test_a_condition_chooses_records(logs, tmp_path):
    export(logs, tmp_path / "out.jsonl", "decisions", where="NOT approved -- the refused\n")
    assert [record["id"] for record in _lines(tmp_path / "out.jsonl")] == ["D1"]


@pytest.mark.parametrize("where", ["nope = 1", "1 = 1) TO 'x' --", "1 = 1); COPY trades TO 'x'; SELECT (1", "", "/*"])
def test_a_condition_that_is_none_leaves_nothing_behind(logs, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryFailed):
        export(logs, tmp_path / "out.jsonl", "decisions", where=where)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_what_is_no_record_is_left_out_and_counted(logs, tmp_path):
    path = logs / "trades.jsonl"
    path.write_bytes(b"\x00\n" + path.read_bytes() + b'{"v":1,"ts_ns"')
    done = export(logs, tmp_path / "out.jsonl", "trades")
    assert (done.records, done.skipped) == (1, [Skipped(str(path), 1, 1)])


def test_a_file_that_is_there_is_replaced_only_if_that_is_asked_for(logs, tmp_path):
    to = tmp_path / "out.csv"
    to.write_text("mine")
    with pytest.raises(ExportRefused, match="--overwrite"):
        export(logs, to, "trades")
    assert to.read_text() == "mine"
    export(logs, to, "trades", overwrite=True)
    assert to.read_text("utf-8").startswith("v,ts_ns")


def test_a_failure_while_writing_leaves_the_file_that_was_there(logs, tmp_path, monkeypatch):
    to = tmp_path / "out.csv"
    to.write_text("mine")

    def fail(*_):
        raise OSError("the drive is gone")

    monkeypatch.setattr(module, "skipped_lines", fail)  # after DuckDB wrote
    with pytest.raises(OSError, match="gone"):
        export(logs, to, "trades", overwrite=True)
    assert to.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "out.csv"]


def test_nothing_is_exported_among_the_records(logs, tmp_path):
    before = (logs / "trades.jsonl").read_bytes()
    (tmp_path / "link").symlink_to(logs)
    for to in (logs / "trades.jsonl", logs / "journal" / "out.jsonl", tmp_path / "link" / "out.csv"):
        with pytest.raises(ExportRefused, match="among the records"):
            export(logs, to, "trades", overwrite=True)
    assert (logs / "trades.jsonl").read_bytes() == before


@pytest.mark.parametrize(("name", "table", "words"), [
    ("out.xlsx", "trades", r"\.parquet, \.csv, \.jsonl"), ("out", "trades", "ends in nothing"),
    ("out.csv", "trade", "Did you mean 'trades'"), ("out.csv", "trades; DROP VIEW trades", "there are journal"),
    ("nowhere/out.csv", "trades", "No such file"), ("folder.csv", "trades", "is a folder"),
])
def test_what_cannot_be_is_said_with_its_cure(logs, tmp_path, name, table, words):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ExportImpossible, match=words):
        export(logs, tmp_path / name, table)


# -- the verbs


@pytest.fixture
def fabio(capsys, monkeypatch, tmp_path):
    from fabio.cli.app import run

    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["fabio", "journal", *arguments])
        capsys.readouterr()
        code = run()
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, said.out, said.err

    return command


def test_the_verb_says_what_it_wrote_and_answers_by_its_code(logs, fabio):
    assert fabio("export", "--to", "d.csv") == (0, "d.csv: 2 records of decisions\n", "")
    assert fabio("export", "--to", "d.csv")[:2] == (6, "")
    code, out, _ = fabio("export", "--to", "t.parquet", "--table", "trades", "--json")
    assert (code, orjson.loads(out)) == (0, {"file": "t.parquet", "table": "trades", "records": 1, "skipped": []})
    for arguments, expected in (
        (("--to", "x.txt"), 2), (("--to", "x.csv", "--table", "nope"), 2), (("--to", "x.csv", "--where", "nope"), 2),
        (("--to", "logs/x.csv"), 6), (("--to", "x.csv", "--logs", "nowhere"), 4), ((), 2),
    ):
        code, out, words = fabio("export", *arguments)
        assert (code, out) == (expected, "")
        assert words
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["d.csv", "logs", "t.parquet"]


def test_lines_that_are_left_out_are_said_on_stderr_and_the_answer_stands(logs, fabio):
    path = logs / "decisions.jsonl"
    path.write_bytes(path.read_bytes() + b'{"v":9}\nnoise\n')
    code, out, words = fabio("query", "SELECT count(*) AS n FROM decisions", "--json")
    assert (code, orjson.loads(out)) == (0, [{"n": 2}])
    assert f"{path}, line 3 and 1 more: damaged, or not of this version" in words
    assert fabio("query", "SELECT count(*) AS n FROM shadow", "--json")[2] == ""


@pytest.mark.parametrize(("sql", "words"), [
    ("SELECT nope FROM trades", '"nope" not found'), ("DROP VIEW trades", "only SELECT"), ("", "no statement"),
    ("SELECT 1; SELECT 2", "one question at a time"), ("FROM read_csv('/etc/hosts')", "/etc/hosts"),
])
def test_what_is_no_question_is_a_usage_error(logs, fabio, sql, words):
    code, out, said = fabio("query", sql)
    assert (code, out) == (2, "")
    assert words in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(logs, fabio):
    (logs / "trades.jsonl").chmod(0)
    code, _, said = fabio("query", "SELECT 1")
    assert (code, "trades.jsonl" in said) == (1, True)
