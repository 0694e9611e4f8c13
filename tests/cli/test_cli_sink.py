"""`fabio sink` as people run it, and that the agent's own records do not know of it."""

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from recorded_days import Cli, record_day

MINE = ("fabio.db", "fabio.db-wal", "fabio.db-shm")


def _count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def _lines(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def test_once_puts_everything_into_a_file_beside_the_records(cli: Cli, logs: Path) -> None:
    told = cli("sink", "--once", "--logs", logs)
    assert told.code == 0, told.err
    assert told.err == ""
    database = logs / "fabio.db"
    assert _count(database, "decisions") == _lines(logs / "decisions.jsonl") > 0
    assert _count(database, "predictions") == _lines(logs / "llm_exchanges.jsonl") > 0
    assert _count(database, "strategy_changes") == 1
    assert f"decisions            {_count(database, 'decisions'):,}".split() in [
        line.split() for line in told.out.splitlines()]
    again = cli("sink", "--once", "--logs", logs)
    assert again.out.strip().endswith("0 rows put, nothing was new")


def test_once_answers_in_json_for_every_target(cli: Cli, logs: Path, tmp_path: Path) -> None:
    told = cli("sink", "--once", "--json", "--logs", logs, "--to", "sqlite:///a.db", "--to", "sqlite:///b.db")
    first, second = told.json["sinks"]
    assert (first["target"], second["target"]) == ("sqlite:///a.db", "sqlite:///b.db")
    assert first["rows"] == second["rows"]
    assert first["damaged_lines"] == first["refused_rows"] == first["behind_bytes"] == 0
    assert _count(tmp_path / "a.db", "verdicts") == first["rows"]["verdicts"]


def test_targets_and_names_come_from_the_settings(
    cli: Cli, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FABIO_SINKS__TARGETS", '["sqlite:///mine.db"]')
    monkeypatch.setenv("FABIO_SINKS__USER_ID", "ada")
    assert cli("sink", "--once", "--logs", logs).code == 0
    connection = sqlite3.connect(tmp_path / "mine.db")
    assert connection.execute("SELECT DISTINCT user_id FROM decisions").fetchall() == [("ada",)]
    connection.close()


def test_a_damaged_line_is_named(cli: Cli, logs: Path) -> None:
    path = logs / "decisions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"garbage\n", *lines[1:]]))
    told = cli("sink", "--once", "--logs", logs)
    assert told.code == 0
    assert "left out: decisions.jsonl, line 2: " in told.err


@pytest.mark.parametrize(("address", "words"), [
    ("postgres", "it is no address of a sink"), ("sqlite://", "it is no address of a sink"),
    ("sqlight:///a.db", "did you mean sqlite?"), ("bigquery://project", "it is not whole"),
])
def test_an_address_that_is_none_is_explained(cli: Cli, logs: Path, address: str, words: str) -> None:
    told = cli("sink", "--once", "--logs", logs, "--to", address)
    assert told.code == 3
    assert words in told.err


def test_a_password_is_never_shown(cli: Cli, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "postgresql://ada:tops3cret@127.0.0.1:1/trading"
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    pytest.importorskip("psycopg")
    told = cli("sink", "--once", "--json", "--logs", logs, "--to", address)
    assert told.code == 5
    assert "postgresql://***@127.0.0.1" in told.out + told.err
    status = b"".join(path.read_bytes() for path in (logs / "sinks").iterdir())
    assert "tops3cret" not in told.out + told.err + status.decode()
    monkeypatch.setenv("FABIO_SINKS__TARGETS", orjson.dumps([address]).decode())
    for verb in (["config", "show"], ["sink", "--once", "--logs", logs]):
        told = cli(*verb)
        assert told.code == 3
        assert "PGPASSWORD" in told.err
        assert "tops3cret" not in told.out + told.err


def test_a_folder_without_an_agent_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli("sink", "--once", "--logs", "empty").code == 4
    assert cli("sink", "--once", "--logs", "nowhere").code == 4


def test_the_agent_writes_the_same_bytes_with_and_without_a_sink_beside_it(tmp_path: Path) -> None:
    with_, without = tmp_path / "with", tmp_path / "without"
    with_.mkdir()
    sink = subprocess.Popen([sys.executable, "-m", "fabio", "sink", "--logs", with_], cwd=tmp_path,
                            stderr=subprocess.PIPE, text=True)
    record_day(with_, mean_ticks=20_000, seed=7)
    record_day(without, mean_ticks=20_000, seed=7)
    deadline = time.monotonic() + 300
    while not (with_ / "fabio.db").exists() or _behind(with_):
        assert time.monotonic() < deadline
        assert sink.poll() is None
        time.sleep(0.05)
    sink.send_signal(signal.SIGTERM)
    _, told = sink.communicate(timeout=120)
    assert sink.returncode == 0, told
    assert "up to date" in told
    assert _agents(with_) == _agents(without)
    assert _count(with_ / "fabio.db", "decisions") == _lines(with_ / "decisions.jsonl")


def _behind(folder: Path) -> bool:
    statuses = [orjson.loads(path.read_bytes()) for path in (folder / "sinks").glob("*.json")]
    return not statuses or any(each["state"] != "following" or each["behind_bytes"] for each in statuses) \
        or len(statuses[0]["places"]) < 6


def _agents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in MINE and path.parent.name != "sinks"}
