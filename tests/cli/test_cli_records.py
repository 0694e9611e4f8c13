"""`fabio journal`, `fabio strategy` and `fabio data`."""

import threading
import time
from pathlib import Path

import pytest
from recorded_days import Cli, lines

from fabio.journal.inbox import Answer, Inbox, Request
from fabio.journal.world import World, claim

SQL = "SELECT strategy, count(*) AS n, min(ts) AS first FROM decisions GROUP BY 1 ORDER BY 1"


# -- journal


def test_a_whole_journal_is_clean(cli: Cli, logs: Path) -> None:
    said = cli("journal", "verify", "--logs", logs, "--json")
    assert (said.code, said.json["code"]) == (0, 0)
    assert cli("journal", "verify", "--logs", logs).out.startswith("clean")


def test_a_damaged_line_is_named_with_its_file_and_the_code_is_1(cli: Cli, logs: Path) -> None:
    journal = sorted((logs / "journal").glob("*.jsonl"))[0]
    content = journal.read_bytes().splitlines(keepends=True)
    content[6] = content[6].replace(b'"seq"', b'"sec"')
    journal.chmod(0o644)
    journal.write_bytes(b"".join(content))
    said = cli("journal", "verify", "--logs", logs)
    assert said.code == 1
    assert f"{journal}, line 7" in said.err


@pytest.mark.parametrize("name", ["nowhere", "a_file"])
def test_where_there_is_no_journal_the_code_is_2(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "a_file").write_text("no folder")
    assert cli("journal", "verify", "--logs", name).code == 2


def test_sql_over_the_records_gives_rows_for_programs_and_for_people(cli: Cli, logs: Path) -> None:
    rows = cli("journal", "query", SQL, "--logs", logs, "--json").json
    decisions = lines(logs / "decisions.jsonl")
    assert sum(row["n"] for row in rows) == len(decisions)
    assert min(row["first"] for row in rows) == decisions[0]["ts"]
    table = cli("journal", "query", SQL, "--logs", logs).out.splitlines()
    assert table[0].split() == ["strategy", "n", "first"]
    assert len(table) == 1 + len(rows)


def test_wrong_sql_is_a_usage_error_that_names_the_column(cli: Cli, logs: Path) -> None:
    said = cli("journal", "query", "SELECT nope FROM decisions", "--logs", logs)
    assert said.code == 2
    assert "nope" in said.err


def test_rebuild_makes_the_same_bytes_again(cli: Cli, logs: Path) -> None:
    names = ("decisions", "trades", "shadow", "learning")
    before = {name: (logs / f"{name}.jsonl").read_bytes() for name in names}
    for name in names:
        (logs / f"{name}.jsonl").unlink()
    counts = cli("journal", "rebuild", "--logs", logs, "--json").json
    assert {name: (logs / f"{name}.jsonl").read_bytes() for name in names} == before
    assert counts["decisions"] == before["decisions"].count(b"\n")


def test_rebuild_leaves_the_folder_of_a_running_agent_alone(cli: Cli, logs: Path) -> None:
    with claim(logs, World(mode="test", feed="demo", account="paper", instruments=("MNQ",)), 0):
        said = cli("journal", "rebuild", "--logs", logs)
    assert said.code == 6
    assert "stop it" in said.err


# -- strategy


def test_the_list_has_each_strategys_trades_of_the_folder(cli: Cli, logs: Path) -> None:
    listed = {each["name"]: each for each in cli("strategy", "list", "--logs", logs, "--json").json["strategies"]}
    trades = lines(logs / "trades.jsonl")
    assert set(listed) == {"mean_reversion", "trend_continuation"}
    for name, each in listed.items():
        own = [trade for trade in trades if trade["strategy"] == name]
        assert each["trades"] == len(own)
        assert each["net_pnl"] == pytest.approx(sum(trade["net_pnl"] for trade in own))


def test_without_records_the_list_shows_the_configuration(cli: Cli) -> None:
    said = cli("strategy", "list")
    assert said.code == 0
    assert "trend_continuation" in said.out


def test_the_state_shown_is_the_last_one_in_the_records(cli: Cli, logs: Path) -> None:
    changes = [each for each in lines(logs / "learning.jsonl") if each["kind"] == "strategy_changed"]
    listed = {each["name"]: each for each in cli("strategy", "list", "--logs", logs, "--json").json["strategies"]}
    last = {each["strategy"]: each["after"] for each in changes}
    assert last["mean_reversion"]["enabled"] is False
    for name, state in last.items():
        assert {key: listed[name][key] for key in state} == state


def test_show_tells_rules_settings_and_changes(cli: Cli, logs: Path) -> None:
    answer = cli("strategy", "show", "trend_continuation", "--logs", logs, "--json").json
    assert "pullback" in answer["rules"]
    assert any(each["path"] == "strategies.trend_continuation.target_r" for each in answer["settings"])
    assert "break_even" in cli("strategy", "show", "trend_continuation", "--logs", logs).out


def test_an_unknown_strategy_is_not_found_and_the_near_one_named(cli: Cli, logs: Path) -> None:
    for verb in ("show", "enable", "disable"):
        said = cli("strategy", verb, "Trend-continuatoin", "--logs", logs)
        assert said.code == 4
        assert "did you mean trend_continuation?" in said.err


def test_where_no_agent_runs_it_says_how_to_configure_the_next(cli: Cli, logs: Path) -> None:
    said = cli("strategy", "disable", "mean_reversion", "--logs", logs)
    assert said.code == 4
    assert "strategies.mean_reversion.enabled=false" in said.err


@pytest.mark.parametrize(("outcome", "code"), [("done", 0), ("refused", 6), ("expired", 1)])
def test_a_running_agent_is_asked_through_its_inbox(cli: Cli, logs: Path, outcome: str, code: int) -> None:
    taken = []

    def agent() -> None:
        inbox = Inbox(logs)
        deadline = time.monotonic() + 60
        while not taken and time.monotonic() < deadline:
            for request in inbox.pending(time.time_ns()):
                assert isinstance(request, Request)
                taken.append((request.verb, request.name, request.reason))
                inbox.answer(Answer(id=request.id, ts_ns=request.ts_ns, outcome=outcome, message="as told"))
            time.sleep(0.005)

    with claim(logs, World(mode="test", feed="demo", account="paper", instruments=("MNQ",)), 0):
        thread = threading.Thread(target=agent)
        thread.start()
        said = cli("strategy", "enable", "mean_reversion", "--reason", "calm again", "--logs", logs)
        thread.join()
    assert taken == [("enable", "mean_reversion", "calm again")]
    assert said.code == code
    assert "as told" in said.out + said.err


# -- data


def test_a_tape_is_taken_in_and_listed_and_replayed(cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"{1_746_396_000_000_000_000 + i * 1_000_000_000},20000.25,1,B\n" for i in range(50))
    (tmp_path / "night.csv").write_text("ts_event,price,size,side\n" + rows + "1746396060000000000,0.1,1,B\n")
    said = cli("data", "import", "night.csv", "--symbol", "NQ", "--json")
    assert (said.code, said.json["to"], said.json["rows"], said.json["refused"]) == (0, "data/night.parquet", 50, 1)
    (tmp_path / "data" / "broken.csv").write_text("nothing,here\n1,2\n")
    # a name without the instrument: the listing says what to do
    listed = {each["file"]: each for each in cli("data", "list", "--json").json}
    assert listed["data/broken.csv"]["problem"]
    assert listed["data/night.parquet"]["problem"] or listed["data/night.parquet"]["rows"] == 50
    assert cli("replay", "data/night.parquet", "--symbol", "NQ", "--json").json["ticks"] == 50


def test_an_import_overwrites_only_when_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "nq.csv").write_text("ts_event,price,size\n1746396000000000000,20000.25,1\n")
    assert cli("data", "import", "nq.csv", "--symbol", "NQ", "--to", "kept.parquet").code == 0
    assert cli("data", "import", "nq.csv", "--symbol", "NQ", "--to", "kept.parquet").code == 3
    assert cli("data", "import", "nq.csv", "--symbol", "NQ", "--to", "kept.parquet", "--overwrite").code == 0


def test_a_folder_that_is_not_there_is_not_found(cli: Cli) -> None:
    assert cli("data", "list").code == 4
    assert cli("data", "list", "nowhere").code == 4
