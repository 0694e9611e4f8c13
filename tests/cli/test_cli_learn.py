"""`fabio learn` and `fabio notes`: what a model and the lessons did, and taking it back."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from recorded_days import DAY_NS, Cli, lines

from fabio.adapters.data.synthetic import synthetic_session
from fabio.adapters.data.tapes import open_tape
from fabio.engine.entries import OF_MODEL
from fabio.engine.seams import MarketConfig
from fabio.journal.reader import read_steps
from fabio.journal.world import World, claim, read_status
from fabio.model.assessment import Assessment, ModelTerms, TradeDecision
from fabio.model.event import ModelConnected, OperatorAsked, RegimeAnswered
from fabio.model.fact import ModelAnswered
from fabio.model.strategy import Claim, StrategyUpdate
from fabio.model.tick import SIDE_LETTERS
from fabio.model.zone import Zone
from fabio.runtime.drive import Driver
from fabio.runtime.feeds import FileFeed, world_feed
from fabio.runtime.folder import FolderSink
from fabio.runtime.kernels import prepare_cache
from fabio.runtime.wiring import build_driver, engine_config, instruments_of, sessions_between
from fabio.settings.load import load

MODEL = "gpt-test"
TEXT = "trades fail below the shelf"
PIECE = 16
QUICK = (
    "learning.least_outcomes=5", "learning.window=5", "learning.limit=0.5", "learning.confirm_outcomes=1",
    "learning.raise_every=2",
)
"""So that a day is enough to learn from."""
LIMIT_S = 240.0
"""Only a broken test waits so long."""


def wanted_by_model(driver: Driver, taken: int) -> dict[str, Any] | None:
    """What the model wants next, after so many answers that took effect; None where it waits."""
    market, rules = driver.engine.markets[0], driver.engine.state.markets[0].rules
    last = market.last_ticks()
    match taken:
        case 0:
            return {"zones": (Zone("shelf", last - 40, 4, 12, source=MODEL),),
                    "notes": (Claim(text=TEXT, strategy="trend_continuation", expects="loss"),)}
        case 1:
            return {"zones": (Zone("roof", last + 40, 4, 12, source=MODEL),),
                    "strategy_updates": (StrategyUpdate(name="mean_reversion", reason="it feels slow", enabled=False),
                                         StrategyUpdate(name="trend_continuation", reason="it will win",
                                                        risk_fraction=0.01))}
        case _ if rules is not None and rules.label == "trend" and rules.direction != "none":
            side = 1 if rules.direction == "up" else -1
            return {"trade_decisions": (TradeDecision(
                action="enter", strategy="trend_continuation", side=side, stop_ticks=last - side * 120,
                target_ticks=last + side * 400, reason="value is accepted there"),)}
        case _:
            return None


def write_tape(path: Path) -> Path:
    """Write a generated session of MNQ as a CSV file."""
    settings = load(environment={}, directory=Path("/"))
    instrument = instruments_of(settings)["MNQ"]
    table = sessions_between(settings, instrument, DAY_NS, DAY_NS)
    ticks = synthetic_session(instrument, table, table.index_at(DAY_NS), 7, 100_000, 20_000).ticks
    rows = (ticks.row(index) for index in range(len(ticks)))
    path.write_text("ts_event,price,size,side\n" + "".join(
        f"{row.ts_event_ns},{row.price_ticks / 4},{row.size_steps},{SIDE_LETTERS[row.side]}\n" for row in rows))
    return path


def record_with_model(folder: Path, path: Path) -> None:
    """Live through the tape's beginning, a model answering by hand, until a trade that it wished for is open."""
    settings = load(environment={}, directory=folder.parent, overrides=QUICK)
    tape = open_tape(path, instruments_of(settings), "MNQ")
    world = World(mode="test", feed=world_feed(path), account="paper", instruments=("MNQ",))
    ticks = next(iter(tape.batches()))
    with claim(folder, world, int(ticks.ts_recv_ns[0])):
        sink = FolderSink(folder, [tape.instrument])
        table = FileFeed(settings, tape, None).table
        driver = build_driver(engine_config(settings, [MarketConfig(instrument=tape.instrument, table=table)]), (sink,))
        driver.happen(ModelConnected(ts_ns=int(ticks.ts_recv_ns[0]), terms=ModelTerms(
            name=MODEL, authority="trade", reserve_usd=Decimal("0.001"))))
        taken, start = 0, 0
        while not holds_for_model(driver):
            driver.feed(ticks.slice(start, start + PIECE))
            start += PIECE
            assert start < len(ticks)
            wanted = wanted_by_model(driver, taken) if driver.engine.state.markets[0].asking is not None else None
            if wanted is not None:
                taken += answered(driver, wanted)
        sink.close()


def holds_for_model(driver: Driver) -> bool:
    """Tell whether a position is open that the model wished for."""
    state = driver.engine.state
    position = state.markets[0].position
    return position is not None and state.open_decisions[position.decision_id].signal.setup == OF_MODEL


def answered(driver: Driver, wanted: dict[str, Any]) -> bool:
    """Let the model answer; tell whether that had an effect."""
    market = driver.engine.state.markets[0]
    assert market.asking is not None
    assert market.rules is not None
    step = driver.happen(RegimeAnswered(
        ts_ns=driver.engine.state.now_ns, market=0, ask_id=market.asking.ask_id, source=MODEL, cost=Decimal("0.0005"),
        assessment=Assessment(
            market_state="transition", regime=market.rules.label, direction=market.rules.direction,
            location_vs_value="in_value", location_vs_poc="at_poc", confidence=0.6, reasoning="as told", **wanted),
    ))
    return any(isinstance(fact, ModelAnswered) for fact in step.facts)


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tape(tmp_path_factory.mktemp("tapes") / "mnq.csv")


@pytest.fixture(scope="module")
def _told_once(tmp_path_factory: pytest.TempPathFactory, tape: Path) -> Path:
    prepare_cache()
    folder = tmp_path_factory.mktemp("told") / "logs"
    record_with_model(folder, tape)
    return folder


@pytest.fixture
def told(_told_once: Path, tmp_path: Path) -> Path:
    """A folder in which a model had its say, for this test alone."""
    folder = tmp_path / "logs"
    shutil.copytree(_told_once, folder)
    return folder


def effects(cli: Cli, folder: Path, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cli("learn", "log", "--logs", folder, "--json", *options).json["effects"]
    return found


def of_kind(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in found if each["kind"] == kind]


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "fabio", *arguments, "--logs", str(folder)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP", "LLM_"))}
    return {**kept, "NO_COLOR": "1"}


@pytest.fixture
def running(told: Path, tape: Path) -> Iterator[Path]:
    """The folder, with an agent that goes on in it."""
    options = [word for setting in QUICK for word in ("--set", setting)]
    agent = subprocess.Popen(
        command(told, "run", "--feed", str(tape), "--symbol", "MNQ", "--speed", "2", *options), cwd=told.parent,
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    limit_s = time.monotonic() + LIMIT_S
    while (read_status(told) or {}).get("pid") != agent.pid:
        assert agent.poll() is None, agent.communicate()[1]
        assert time.monotonic() < limit_s
        time.sleep(0.02)
    yield told
    agent.send_signal(signal.SIGINT)
    assert agent.communicate(timeout=LIMIT_S) is not None
    assert agent.returncode == 0


# -- the log


def test_the_log_has_every_effect_of_the_models_answers_with_its_id(cli: Cli, told: Path) -> None:
    found = effects(cli, told)
    assert [each["seq"] for each in found] == sorted(each["seq"] for each in found)
    for line in lines(told / "learning.jsonl"):
        [same] = [each for each in found if (each["kind"], each["seq"], each["id"]) == (
            line["kind"], line["seq"], line["id"])]
        assert same.items() >= line.items()
    assert {each["source"] for each in found} == {MODEL}
    assert all(each["ask_id"].startswith("M") for each in found)
    [first, second] = of_kind(found, "zones_set")
    assert [each["standing"] for each in (first, second)] == ["replaced", "stands"]
    assert second["changed"]["zones"][0] == first["changed"]["zones"][1]
    [switched] = of_kind(found, "strategy_changed")
    assert switched["changed"] == {"enabled": [True, False]}
    assert (switched["standing"], switched["undoable"]) == ("stands", True)
    [refused] = of_kind(found, "update_refused")
    assert (refused["wanted"], refused["id"], refused["undoable"]) == ({"risk_fraction": 0.01}, None, False)
    assert of_kind(found, "note")[0]["standing"] == "pending"


def test_the_trades_a_model_wished_for_are_in_the_log_whether_taken_or_not(cli: Cli, told: Path) -> None:
    wished = of_kind(effects(cli, told), "trade_wished")
    decided = [each for each in lines(told / "decisions.jsonl") if each["setup"] == "model"]
    assert [each["id"] for each in wished] == [each["id"] for each in decided]
    taken = wished[-1]
    assert (taken["standing"], taken["undoable"], taken["wanted"]["approved"]) == ("stands", True, True)
    assert taken["wanted"]["stop_price"] == decided[-1]["stop_price"]
    for each in wished[:-1]:
        assert (each["standing"], each["undoable"]) == ("refused", False)
        assert each["wanted"]["refused_by"]


def test_the_table_says_from_what_to_what_and_why_on_100_columns(
    cli: Cli, told: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    table = cli("learn", "log", "--logs", told).out.splitlines()
    assert max(map(len, table)) <= 100
    assert table[0].split() == ["id", "time", "(UTC)", "by", "now", "what"]
    [switched] = [line for line in table if "mean_reversion: on -> off" in line]
    assert "C260603-3 *" in switched
    assert "(it feels slow)" in switched
    monkeypatch.delenv("COLUMNS")
    whole = cli("learn", "log", "--logs", told).out
    assert "trend_continuation: risk 1.00% wanted (risk_fraction 0.0100 above the configured" in whole
    assert "zones: none -> shelf 25,0" in whole


def test_hours_are_counted_back_from_the_records_last_step(cli: Cli, told: Path) -> None:
    found = effects(cli, told)
    last_ns = max(each["ts_ns"] for each in found)
    some = effects(cli, told, "--hours", "0.02")
    assert 0 < len(some) < len(found)
    assert min(each["ts_ns"] for each in some) >= last_ns - 0.02 * 3_600_000_000_000
    assert effects(cli, told, "--hours", "100000") == found


def test_a_strategys_own_trades_and_a_persons_switch_are_told_apart(cli: Cli, logs: Path) -> None:
    found = effects(cli, logs)
    assert not of_kind(found, "trade_wished")
    own = [each for each in of_kind(found, "strategy_changed") if each["source"] == "operator"]
    assert [each["asked_by"] for each in own] == ["req-1"]
    assert own[0]["standing"] == "stands"


@pytest.mark.parametrize("verb", [("learn", "log"), ("learn", "undo", "C260603-1"), ("notes",)])
def test_a_folder_without_records_is_not_found(cli: Cli, tmp_path: Path, verb: tuple[str, ...]) -> None:
    said = cli(*verb, "--logs", "nowhere")
    assert (said.code, said.out) == (4, "")
    assert "nowhere does not exist" in said.err
    (tmp_path / "empty").mkdir()
    said = cli(*verb, "--logs", "empty")
    assert said.code == 4
    assert "no journal in empty" in said.err


# -- undo


def test_an_unknown_id_is_not_found_and_the_near_one_named(cli: Cli, told: Path) -> None:
    said = cli("learn", "undo", "c260603-33", "--logs", told)
    assert said.code == 4
    assert "did you mean C260603-3?" in said.err


def test_where_no_agent_runs_it_says_what_to_do(cli: Cli, told: Path) -> None:
    said = cli("learn", "undo", "C260603-3", "--logs", told)
    assert said.code == 4
    assert f"fabio run --logs {told}" in said.err
    assert not (told / "inbox" / "done").exists() or not list((told / "inbox" / "done").iterdir())


def test_a_running_agent_takes_a_strategys_change_back_once(cli: Cli, running: Path) -> None:
    said = cli("learn", "undo", "C260603-3", "--reason", "too soon", "--logs", running)
    assert said.code == 0, said.err
    assert "mean_reversion: off -> on" in said.out
    found = effects(cli, running)
    [before, after] = of_kind(found, "strategy_changed")
    assert (before["standing"], before["undoable"], before["undone"]["reason"]) == ("undone", False, "too soon")
    assert (after["source"], after["undoes"], after["reason"]) == ("operator", "C260603-3", "too soon")
    again = cli("learn", "undo", "C260603-3", "--logs", running)
    assert again.code == 6
    assert f"changed again since C260603-3, last by {after['id']}" in again.err
    told_so = cli("strategy", "list", "--logs", running, "--json").json["strategies"]
    assert {each["name"]: each["enabled"] for each in told_so}["mean_reversion"] is True


def test_zones_notes_and_trades_of_a_model_are_taken_back(cli: Cli, running: Path) -> None:
    found = effects(cli, running)
    trade, note = of_kind(found, "trade_wished")[-1]["id"], of_kind(found, "note")[0]["id"]
    said = cli("learn", "undo", trade, "--logs", running, "--json")
    assert (said.code, said.json["outcome"]) == (0, "done")
    assert [each["kind"] for each in said.json["effects"]] == ["exit_asked"]
    wait_for(lambda: (read_status(running) or {})["position"] is None)
    zones = cli("learn", "undo", "C260603-2", "--logs", running, "--json").json["effects"]
    assert zones[0]["changed"]["zones"][1][0]["name"] == "shelf"
    assert cli("learn", "undo", note, "--logs", running).code == 0
    assert cli("notes", "--logs", running, "--json").json["notes"] == []
    [kept] = cli("notes", "--all", "--logs", running, "--json").json["notes"]
    assert (kept["id"], kept["status"]) == (note, "retired")
    standing = {each["id"]: each["standing"] for each in effects(cli, running) if each["kind"] != "note_judged"}
    assert (standing[trade], standing["C260603-2"], standing[note]) == ("undone", "undone", "undone")


def test_what_is_over_and_what_is_no_effect_is_refused_with_its_reason(cli: Cli, running: Path) -> None:
    reasons = {
        "C260603-1": "the zones were set again since C260603-1",
        of_kind(effects(cli, running), "trade_wished")[0]["id"]: "nothing that still stands has the id",
    }
    for wanted, reason in reasons.items():
        said = cli("learn", "undo", wanted, "--logs", running)
        assert said.code == 6
        assert reason in said.err
    assert not [step for step in read_steps(running) if isinstance(step.event, OperatorAsked)]  # none is journaled


# -- notes


def test_a_note_is_shown_with_its_record(cli: Cli, told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [note] = cli("notes", "--logs", told, "--json").json["notes"]
    assert (note["text"], note["strategy"], note["regime"], note["zone"]) == (TEXT, "trend_continuation", None, None)
    assert note["expects"] == "loss"
    assert (note["status"], note["source"], note["shown"], note["kept"]) == ("pending", MODEL, False, True)
    outcomes = [each for each in (*lines(told / "trades.jsonl"), *lines(told / "shadow.jsonl"))
                if each["strategy"] == "trend_continuation" and each["ts_ns"] > note["ts_ns"]]
    of_signals = {each["decision_id"]: each for each in reversed(outcomes)}  # a trade before its shadow
    assert note["outcomes"] == len(of_signals) > 0
    assert note["wins"] == sum(each["r_multiple"] > 0 for each in of_signals.values())
    assert note["mean_r"] == pytest.approx(sum(each["r_multiple"] for each in of_signals.values()) / len(of_signals))
    monkeypatch.setenv("COLUMNS", "100")
    table = cli("notes", "--logs", told).out
    assert note["id"] in table
    assert max(map(len, table.splitlines())) <= 100


def wait_for(true: Callable[[], bool]) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < limit_s
        time.sleep(0.02)
