"""Two prompts over recorded questions, against a model made up for it; the verb against the stub's answers."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.llm.asking import Ask, Failure, Reply, Terms, Usage, call_hash
from fabio.adapters.llm.recorder import Recorder
from fabio.adapters.llm.replayer import Replayer
from fabio.adapters.redact import Redactor
from fabio.cli.eval_prompt import prompt
from fabio.cli.failures import BadUsage, NotFound, Refused
from fabio.journal.exchanges import Exchange, exchange_record
from fabio.regime.prompt import PROMPT_VERSION, system_text
from fabio.regime.request import request_hash
from fabio.research.exchanges.prompts import Manner, Prompt, compare, compare_rows, strategies_of
from fabio.research.exchanges.questions import QuestionsUnreadable, RecordedQuestion, read_questions, thinned

NQ = load_instruments(Path(__file__).parents[2] / "config" / "instruments.toml")["NQ"]
TERMS = Terms(model="gpt-5.4-mini")
A, B = Prompt(name="a", version="1", text="Label regimes."), Prompt(name="b", version="2", text="Label them well.")


def question(number: int, label: str = "range") -> bytes:
    """A question's JSON, as small as the reader of answers lets it be."""
    return orjson.dumps({
        "last_price": 21_500.0 + number, "market_stats": {
            "distance_to_poc_ticks": 0, "distance_to_vah_ticks": -10, "distance_to_val_ticks": 10},
        "open_positions": [{"entry_price": 21_490.0, "side": "long", "size": 2, "stop_price": 21_480.25,
                            "strategy": "mean_reversion", "target_price": None}],
        "poc_cross_stats": {"current_side": "at_poc"},
        "rules": {"direction": "up" if label == "trend" else "none", "label": label},
        "strategy_defaults": {"configured_risk_fraction": 0.005, "min_rr": 2.0, "risk_fraction": 0.005},
        "strategy_state": {"mean_reversion": {"enabled": True},
                           "trend_continuation": {"enabled": False, "risk_fraction": 0.003}},
    }, option=orjson.OPT_SORT_KEYS)


def write(folder: Path, *records: tuple[str, bytes], hash_of: Callable[[bytes], str] = request_hash) -> Path:
    path = folder / "llm_exchanges.jsonl"
    path.write_bytes(b"".join(exchange_record(Exchange(
        ask_id=f"Q{number}", symbol="NQ", ts_ns=number, source=source, request=body, request_hash=hash_of(body),
        response=None)) for number, (source, body) in enumerate(records, 1)))
    return path


def read(path: Path, most: int = 100) -> list[RecordedQuestion]:
    return read_questions(path, lambda symbol: {"NQ": NQ}[symbol], most)


def answer(ask: Ask, regime: str = "range", **changes: Any) -> str:
    asked = orjson.loads(ask.user)
    return orjson.dumps({
        "id": asked["id"],
        "market_assessment": {
            "market_state": "balanced", "regime": regime, "direction": "up" if regime == "trend" else "none",
            "location_vs_value": "in_value", "location_vs_poc": "at_poc", "chosen_model": "none", "confidence": 0.5,
            "reasoning": "distance_to_poc_ticks is 0",
        },
        "trade_decisions": [], "strategy_updates": {"active_strategies": None, "strategy_tweaks": []},
        "importance_zones": [], "notes_to_future_self": [], **changes,
    }).decode()


class Scripted:
    """Answers by a function of the ask and of how often this very ask came before: a text, or why there is none."""

    def __init__(self, say: Callable[[Ask, int], str | Failure]) -> None:
        self.asked: list[Ask] = []
        self._say = say

    async def ask(self, ask: Ask) -> Reply:
        said = self._say(ask, self.asked.count(ask))
        self.asked.append(ask)
        text, failure = (None, said) if isinstance(said, Failure) else (said, None)
        return Reply(
            text=text, failure=failure, usage=Usage(input=3000, output=300, cached=1000), cost_usd=Decimal("0.1"),
            latency_s=float(len(self.asked)), model="m", call_hash=call_hash(ask, TERMS), attempts=1)


async def run(path: Path, model: Any, *prompts: Prompt, repeat: int = 1) -> dict[str, Any]:
    return await compare(read(path), prompts, model, Manner(), repeat, lambda words: None)


async def test_prompts_are_told_apart_by_what_came_of_them(tmp_path):
    path = write(tmp_path, *(("gpt", question(number, "range" if number else "trend")) for number in range(4)))

    def say(ask: Ask, before: int) -> str | Failure:
        number = int(orjson.loads(ask.user)["last_price"] - 21_500)
        if ask.system == A.text:
            return answer(ask)
        return [Failure("timeout", "too slow"), answer(ask, id="00000000"), answer(ask, "chop"), answer(ask)][number]

    model = Scripted(say)
    told = await run(path, model, A, B)
    a, b = told["prompts"]["a"], told["prompts"]["b"]
    assert (a["valid_share"], b["valid_share"]) == (1.0, 0.5)
    assert (a["reasons"], b["reasons"]) == ({}, {"timeout": 1, "wrong_id": 1})
    assert (a["agrees_with_rules"], b["agrees_with_rules"]) == (0.75, 0.5)
    assert told["same_label"] == {"a/b": 0.5}  # of the two that both answered
    assert told["differing"] == [{"id": "Q3", "rules": "range", "a": "range", "b": "chop"}]
    assert (a["cost_usd"], a["tokens"]["input"], a["tokens"]["cached"]) == (0.4, 12_000, 4000)
    assert a["latency_s"] == {"median": 3.0, "p95": 7.0}  # asked by turns: a was first, third, fifth, seventh
    assert [ask.system for ask in model.asked[:3]] == [A.text, B.text, A.text]
    assert all(len(row) == 3 for row in compare_rows(told)[1])


async def test_the_same_question_asked_again_shows_how_steady_the_answers_are(tmp_path):
    path = write(tmp_path, ("gpt", question(1)), ("gpt", question(2)))
    fickle = Scripted(lambda ask, before: answer(ask, "chop" if before == 2 else "range"))
    told = await run(path, fickle, A, repeat=3)
    assert told["prompts"]["a"]["asked"] == 6
    assert told["prompts"]["a"]["agrees_with_itself"] == pytest.approx(1 / 3)  # one pair of three
    assert told["same_label"] == {}
    once = await run(path, Scripted(lambda ask, before: answer(ask)), A)
    assert once["prompts"]["a"]["agrees_with_itself"] is None


async def test_a_recording_gives_the_same_figures_without_asking(tmp_path):
    path = write(tmp_path, *(("gpt", question(number)) for number in range(5)))
    model = Scripted(lambda ask, before: answer(ask, "chop" if before else "range"))
    recorder = Recorder(model, tmp_path / "replies.jsonl", TERMS, Redactor())
    first = await run(path, recorder, A, B, repeat=2)
    again = [await run(path, Replayer(tmp_path / "replies.jsonl", TERMS), A, B, repeat=2) for _ in range(2)]
    assert orjson.dumps(first) == orjson.dumps(again[0]) == orjson.dumps(again[1])
    assert len(model.asked) == 20
    other = Prompt(name="b", version="2", text="Another text.")
    missing = await run(path, Replayer(tmp_path / "replies.jsonl", TERMS), A, other)
    assert missing["prompts"]["b"]["reasons"] == {"not_recorded": 5}


def test_a_models_questions_count_before_the_rules_and_each_once(tmp_path):
    path = write(tmp_path, ("rules", question(1)), ("gpt", question(2)), ("gpt", question(2)), ("rules", question(3)))
    assert [each.ask_id for each in read(path)] == ["Q2"]
    path = write(tmp_path, *(("rules", question(number)) for number in (1, 1, 2, 3, 4, 5)))
    assert [each.ask_id for each in read(path, 3)] == ["Q1", "Q4", "Q6"]


def test_a_question_brings_what_its_answer_is_read_against(tmp_path):
    (each,) = read(write(tmp_path, ("gpt", question(1, "trend"))))
    assert each.body == question(1, "trend")
    assert (each.last_ticks, each.rules_label) == (86_004, "trend up")
    assert (each.states["mean_reversion"].enabled, each.states["mean_reversion"].min_rr) == (True, 2.0)
    assert each.states["trend_continuation"].risk_fraction == 0.003
    (held,) = each.positions
    assert (held.side, held.size_steps, held.entry_ticks, held.stop_ticks, held.target_ticks) == (
        1, 2, 85_960, 85_921, None)
    assert strategies_of([each]) == ("mean_reversion", "trend_continuation")


async def test_a_stop_may_be_tightened_as_in_a_run(tmp_path):
    path = write(tmp_path, ("gpt", question(1)))
    decision = {"action": "modify", "strategy": "mean_reversion", "side": None, "kind": None, "entry_price": None,
                "stop_price": 21_485.0, "target_price": None, "risk_fraction": None, "reason": "closer"}
    told = await run(path, Scripted(lambda ask, before: answer(ask, trade_decisions=[decision])), A)
    assert told["prompts"]["a"]["valid"] == 1


def test_a_question_whose_hash_is_anothers_is_refused(tmp_path):
    path = write(tmp_path, ("gpt", question(1)), hash_of=lambda body: "0" * 64)
    with pytest.raises(QuestionsUnreadable, match="line 1 holds no question: its hash is"):
        read(path)
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(QuestionsUnreadable, match="line 2 is no exchange"):
        read(path)


@pytest.mark.parametrize(("count", "most"), [(1000, 7), (7, 7), (8, 7), (3, 1), (50, 49)])
def test_thinning_keeps_both_ends_and_never_a_place_twice(count, most):
    places = thinned(count, most)
    assert len(set(places)) == len(places) == most
    assert places[0] == 0
    assert most == 1 or places[-1] == count - 1
    gaps = {after - before for before, after in pairwise(places)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def call(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: object) -> Result:
    """The verb in a folder without settings; the server would cost money."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://server.invalid/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key-planted-key")
    app = typer.Typer()
    app.command()(prompt)
    return CliRunner().invoke(app, ["--logs", str(folder), *map(str, arguments)])


def test_nothing_is_asked_that_costs_before_somebody_agreed(tmp_path, monkeypatch):
    write(tmp_path, ("gpt", question(1)), ("gpt", question(2)))
    said = call(monkeypatch, tmp_path, "--repeat", 2)
    assert isinstance(said.exception, Refused)
    assert "4 questions to gpt-5.4-mini at https://server.invalid/v1: at most 0." in said.stderr
    assert "planted" not in said.output


async def _record(path: Path, replies: Path) -> None:
    shipped = Prompt(name="a", version=PROMPT_VERSION, text=system_text(("mean_reversion", "trend_continuation")))
    model = Scripted(lambda ask, before: answer(ask))
    await run(path, Recorder(model, replies, TERMS, Redactor()), shipped)


async def test_a_replay_needs_no_server_and_no_consent(tmp_path, monkeypatch):
    path = write(tmp_path, ("gpt", question(1)), ("gpt", question(2)))
    await _record(path, tmp_path / "replies.jsonl")
    (tmp_path / "b.txt").write_text("Another text.")

    def ask_again() -> tuple[Result, Result]:
        arguments = ("--replay", tmp_path / "replies.jsonl", "--b", tmp_path / "b.txt")
        return call(monkeypatch, tmp_path, *arguments, "--json"), call(monkeypatch, tmp_path, *arguments)

    as_json, as_table = await asyncio.to_thread(ask_again)
    told = orjson.loads(as_json.stdout)
    assert told["prompts"]["a"]["valid"] == 2
    assert told["prompts"]["b"]["reasons"] == {"not_recorded": 2}
    assert "2 questions are not in" in as_json.stderr
    assert "agrees with the rules" in as_table.stdout
    assert "2 (100.0%)" in as_table.stdout


def test_files_that_are_not_there_and_options_that_do_not_fit_are_named(tmp_path, monkeypatch):
    write(tmp_path, ("gpt", question(1)))
    (tmp_path / "empty.txt").write_text(" ")
    for arguments, kind in (
        (("--b", tmp_path / "none.txt"), NotFound), (("--b", tmp_path / "empty.txt"), BadUsage),
        (("--replay", tmp_path / "none.jsonl"), NotFound), (("--record", "x", "--replay", "y"), BadUsage),
    ):
        assert isinstance(call(monkeypatch, tmp_path, *arguments).exception, kind), arguments
    (tmp_path / "llm_exchanges.jsonl").unlink()
    assert isinstance(call(monkeypatch, tmp_path).exception, NotFound)
