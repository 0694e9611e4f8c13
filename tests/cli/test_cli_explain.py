"""`fabio explain` on a recorded day."""

from pathlib import Path

import orjson
from recorded_days import Cli, lines

GUARDS = {path.stem for path in (Path(__file__).parents[2] / "fabio" / "guards").glob("[a-z]*.py")}


def test_a_trade_is_explained_from_data_to_outcome(cli: Cli, logs: Path) -> None:
    trade = lines(logs / "trades.jsonl")[0]
    said = cli("explain", trade["id"], "--logs", logs, "--json")
    answer = said.json
    assert said.code == 0
    assert answer["decided_by"] == "approved"
    assert answer["trade_id"] == trade["id"]
    assert answer["decision_id"] == trade["decision_id"]
    kinds = [link["kind"] for link in answer["chain"]]
    assert kinds[:4] == ["data", "regime", "portfolio", "signal"]
    assert kinds.count("guard") == len(GUARDS)
    assert kinds.count("fill") >= 2
    assert [kind for kind in ("size", "order", "trade", "shadow") if kind not in kinds] == []
    assert next(link for link in answer["chain"] if link["kind"] == "trade")["value"] == trade["net_pnl"]


def test_a_blocked_signal_names_the_guard_that_decided_with_its_distance(cli: Cli, logs: Path) -> None:
    blocked = next(each for each in lines(logs / "decisions.jsonl") if not each["approved"])
    answer = cli("explain", blocked["id"], "--logs", logs, "--json").json
    assert answer["decided_by"] == blocked["refused_by"][0]
    by_name = {link["name"]: link for link in answer["chain"]}
    for verdict in blocked["verdicts"]:
        link = by_name[verdict["guard"]]
        assert link["passed"] == verdict["passed"]
        if verdict["value"] is None or verdict["threshold"] is None:
            assert link["distance"] is None
        else:
            away = abs(verdict["value"] - verdict["threshold"])
            assert abs(link["distance"] - (away if verdict["passed"] else -away)) < 1e-8


def test_every_id_of_a_record_leads_to_the_same_decision(cli: Cli, logs: Path) -> None:
    trade = lines(logs / "trades.jsonl")[0]
    shadow = next(each for each in lines(logs / "shadow.jsonl") if each["decision_id"] == trade["decision_id"])
    for asked in (trade["decision_id"], trade["signal_id"], trade["order_id"], trade["id"], shadow["id"]):
        assert cli("explain", asked, "--logs", logs, "--json").json["decision_id"] == trade["decision_id"]


def test_a_question_shows_its_answer(cli: Cli, logs: Path) -> None:
    ask_id = lines(logs / "decisions.jsonl")[-1]["ask_id"]
    answer = cli("explain", ask_id, "--logs", logs, "--json").json
    assert answer["ask_id"] == ask_id
    assert answer["decided_by"] == "rules"
    assert [link["kind"] for link in answer["chain"]] == ["question", "regime"]


def test_the_time_of_a_decision_explains_it_in_all_its_spellings(cli: Cli, logs: Path) -> None:
    decision = lines(logs / "decisions.jsonl")[0]
    for asked in (decision["ts"], decision["ts"][:16] + "Z", str(decision["ts_ns"]), decision["ts"][11:16] + "Z"):
        said = cli("explain", asked, "--logs", logs, "--json")
        assert said.json["decision_id"] == decision["id"], asked
        assert "UTC" in said.err


def test_a_clock_time_without_z_is_the_exchanges_wall_time_and_says_so(cli: Cli, logs: Path) -> None:
    decision = lines(logs / "decisions.jsonl")[0]
    hour, minute = int(decision["ts"][11:13]), decision["ts"][14:16]
    wall = f"{(hour - 5) % 24:02d}:{minute}"  # Chicago keeps summer time in June
    said = cli("explain", wall, "--logs", logs, "--json")
    assert said.json["decision_id"] == decision["id"]
    assert "America/Chicago" in said.err


def test_a_minute_without_a_signal_names_the_condition_that_failed(cli: Cli, logs: Path) -> None:
    taken = {each["ts"][:16] for each in lines(logs / "decisions.jsonl")}
    asked = next(f"2026-06-03T15:{minute:02d}" for minute in range(60) if f"2026-06-03T15:{minute:02d}" not in taken)
    answer = cli("explain", asked + "Z", "--logs", logs, "--json").json
    assert answer["outcome"] == "no signal"
    strategy, condition = answer["decided_by"].split(".")
    failed = next(link for link in answer["chain"] if link["name"] == f"{strategy}.{condition}")
    assert failed["passed"] is False
    assert not any(link["name"] == "recomputed" for link in answer["chain"]), "the replay differs from the record"
    near = answer["nearest"]
    assert near["before"] is None or near["before"]["time"] < asked + ":59.9"
    assert near["after"] is None or near["after"]["time"] > asked


def test_what_the_strategies_saw_is_what_they_saw_at_that_minute(cli: Cli, logs: Path) -> None:
    """The bar that closed with the minute before is the one they were asked about."""
    answer = cli("explain", "2026-06-03T15:20:59Z", "--logs", logs, "--json").json
    asked = answer["asked"]["mean_reversion"]
    assert asked.startswith("2026-06-03T15:20")


def test_without_a_tape_it_says_that_the_conditions_cannot_be_had(cli: Cli, logs: Path) -> None:
    for tape in (logs / "tape").glob("*.tape"):
        tape.unlink()
    answer = cli("explain", "2026-06-03T15:00:05Z", "--logs", logs, "--json").json
    assert "cannot be computed again" in answer["chain"][-1]["reason"]


def test_a_time_outside_the_record_says_what_the_record_holds(cli: Cli, logs: Path) -> None:
    answer = cli("explain", "2030-01-01T00:00Z", "--logs", logs, "--json").json
    assert answer["decided_by"] == "nothing recorded"
    assert "2026-06-0" in answer["chain"][0]["reason"]


def test_an_unknown_id_is_not_found_and_a_near_one_is_named(cli: Cli, logs: Path) -> None:
    decision = lines(logs / "decisions.jsonl")[0]["id"]
    said = cli("explain", decision.replace("-1", "-l"), "--logs", logs)
    assert said.code == 4
    assert f"did you mean {decision[:7]}" in said.err
    for asked in ("25:00", "soon", "٢٥:٠٠", "", "2026-13-01T00:00Z"):
        said = cli("explain", asked, "--logs", logs)
        assert (said.code, said.out) == (4, "")


def test_the_screen_shows_every_guard_in_one_line(cli: Cli, logs: Path) -> None:
    blocked = next(each for each in lines(logs / "decisions.jsonl") if not each["approved"])
    said = cli("explain", blocked["id"], "--logs", logs)
    for guard in GUARDS:
        assert sum(line[4:].startswith(guard + " ") for line in said.out.splitlines()) == 1
    assert "\x1b" not in said.out


def test_a_damaged_journal_is_said_with_its_line(cli: Cli, logs: Path) -> None:
    journal = sorted((logs / "journal").glob("*.jsonl"))[0]
    content = journal.read_bytes().splitlines(keepends=True)
    content[4] = content[4].replace(b"tape_pos", b"tape-pos")
    journal.chmod(0o644)
    journal.write_bytes(b"".join(content))
    said = cli("explain", "15:00Z", "--logs", logs)
    assert said.code == 1
    assert journal.name in said.err
    assert "5" in said.err


def test_the_json_is_one_document_with_the_promised_keys(cli: Cli, logs: Path) -> None:
    answer = orjson.loads(cli("explain", lines(logs / "decisions.jsonl")[0]["id"], "--logs", logs, "--json").out)
    assert {"time", "decided_by", "chain"} <= answer.keys()
    for link in answer["chain"]:
        assert {"name", "value", "threshold", "passed", "distance"} <= link.keys()
