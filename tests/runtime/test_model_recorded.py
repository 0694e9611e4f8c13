"""A day with a model on record: lived through again without it, gone on with after a kill, and free of secrets."""

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from model_lab import KEY, Run, at_stub, in_virtual_time, lived, piece, settings_of, tape_of
from recovery_lab import killed_after, steps_with
from test_model_agent import injected

import fabio.cli.app
from fabio.adapters.llm.asking import Reply
from fabio.adapters.llm.stub.delivery import Answered, Delivery, completion, error
from fabio.adapters.llm.stub.desk import Desk
from fabio.adapters.llm.stub.failures import BY_NAME, Failing
from fabio.journal.reader import read_steps, verify
from fabio.model import fact as facts
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.settings.load import Settings, load

__all__ = ["in_virtual_time"]
FAILS = ("malformed", "reset", "status_500", "late", "rate_limited_1", "wrong_echo")
VENUE_KEY = "Qm9Venue" + "7Planted1Key" * 3


class Mixed:
    """A script of good answers that want a lot, each fourth failing in another way."""

    latency_s = 0.8
    refuses: tuple[str, ...] = ()

    def failing(self, number: int) -> Failing | None:
        if number % 4 == 0:
            return BY_NAME[FAILS[number // 4 % len(FAILS)]]
        if number % 2:
            return Failing(number=number, name="wishes", words="", play=lambda a: injected(a, "", "nowhere"))
        return None


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tape_of(tmp_path_factory.mktemp("piece") / "mnq.csv", piece())


def recorded_day(folder: Path, tape: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    script: Any = Mixed()
    at_stub(monkeypatch, Desk(script))
    return lived(folder, tape, settings_of())


@contextmanager
def shut_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shut every way out."""
    def shut(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a replay opened a connection")

    with monkeypatch.context() as patched:
        for name in ("connect", "connect_ex", "sendto", "bind"):
            patched.setattr(socket.socket, name, shut)
        patched.setattr(socket, "getaddrinfo", shut)
        yield


def alone_again(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Again:
    """Live through a folder again: without a key, and with every way out shut."""
    with shut_off(monkeypatch):
        recorded = Recorded(settings, folder)
        again = Again(empty_machine(recorded), recorded)
        assert again.run() is None
    return again


@pytest.mark.usefixtures("in_virtual_time")
def test_a_recorded_day_is_identical_without_network_and_without_a_model(
    tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = recorded_day(tmp_path / "logs", tape, monkeypatch)
    assert len(run.kept.facts(facts.ModelAnswered)) > 5
    assert len(run.kept.facts(facts.ModelFailed)) > 3
    again = alone_again(run.folder, settings_of(key=""), monkeypatch)
    assert again.steps == len(list(read_steps(run.folder)))
    assert verify(run.folder).code == 0


@pytest.mark.usefixtures("in_virtual_time")
def test_the_command_line_says_identical_with_no_model_configured(
    tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    script: Any = Mixed()
    at_stub(monkeypatch, Desk(script))
    run = lived(tmp_path / "logs", tape, load(environment={"OPENAI_API_KEY": KEY}, directory=Path("/")))
    assert run.kept.facts(facts.ModelAnswered)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(sys, "argv", ["fabio", "replay", "--against", str(run.folder), "--json"])
    capsys.readouterr()
    with shut_off(monkeypatch):
        code = fabio.cli.app.run()
    said = capsys.readouterr()
    assert (code, orjson.loads(said.out)["identical"]) == (0, True), said.err


@pytest.mark.usefixtures("in_virtual_time")
@pytest.mark.parametrize(("kind", "place", "ahead"), [
    (facts.ModelAsked, 6, 0), (facts.ModelAsked, 9, 300), (facts.ModelAnswered, 3, 0), (facts.ModelFailed, 2, 90)])
def test_a_killed_agent_goes_on_asks_on_and_forgets_no_exchange(
    kind: type, place: int, ahead: int, tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = recorded_day(tmp_path / "first", tape, monkeypatch)
    seq = steps_with(first.kept.steps, kind, place + 1)[place]
    folder = tmp_path / "logs"
    killed_after(first.folder, folder, _line_of(first.folder, seq), ahead)
    _cut_exchanges(folder, seq, first)
    before = steps_with(list(read_steps(folder)), facts.ModelAsked, 999)
    second = recorded_day(folder, tape, monkeypatch)
    assert second.ready.agent.finished
    steps = list(read_steps(folder))
    asked = [fact for step in steps for fact in step.facts if isinstance(fact, facts.ModelAsked)]
    assert len(asked) > len(before) + 5
    assert [fact.ask_id.rpartition("-")[2] for fact in asked] == [str(number + 1) for number in range(len(asked))]
    # every question has its line once, but for those whose answer a kill swallowed
    ended = {fact.ask_id for step in steps for fact in step.facts if isinstance(fact, facts.ModelFailed)
             and fact.reason.startswith("restarted")}
    lines = [orjson.loads(line)["id"] for line in (folder / "llm_exchanges.jsonl").read_bytes().splitlines()]
    assert len(lines) == len(set(lines))
    assert {fact.ask_id for fact in asked} - set(lines) == ended
    ruled = [fact.ask_id for step in steps for fact in step.facts if isinstance(fact, facts.RegimeAsked)]
    assert set(ruled) <= set(lines)
    # what was spent is the sum of what was told, and of the reserves of what nobody told
    costs = [fact.cost if fact.cost is not None else {a.ask_id: a.reserved for a in asked}[_id_of(fact)]
             for step in steps for fact in step.facts if isinstance(fact, facts.ModelAnswered | facts.ModelFailed)]
    assert second.state.ledger.spent == sum(costs)
    assert second.state.ledger.calls == len(asked)
    alone_again(folder, settings_of(key=""), monkeypatch)


def _line_of(folder: Path, seq: int) -> int:
    """The journal's line that holds a step: remarks have lines too."""
    lines = [line for path in sorted((folder / "journal").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return next(place for place, line in enumerate(lines, 1) if orjson.loads(line).get("seq") == seq)


def _id_of(fact: facts.ModelAnswered | facts.ModelFailed) -> str:
    return fact.regime.ask_id if isinstance(fact, facts.ModelAnswered) else fact.ask_id


def _cut_exchanges(folder: Path, seq: int, first: Run) -> None:
    """Leave of the exchanges what was written by that step."""
    written = {fact.regime.ask_id if isinstance(fact, facts.ModelAnswered | facts.RegimeInferred) else fact.ask_id
               for step in first.kept.steps if step.seq <= seq for fact in step.facts
               if isinstance(fact, facts.ModelAnswered | facts.ModelFailed | facts.RegimeInferred)}
    path = folder / "llm_exchanges.jsonl"
    lines = [line for line in path.read_bytes().splitlines(True) if orjson.loads(line)["id"] in written]
    path.write_bytes(b"".join(lines))


# -- secrets ------------------------------------------------------------------------------


def _leaking(secret: str) -> Any:
    """A script whose answers and errors repeat a secret wherever they can."""
    def everywhere(a: Answered) -> Delivery:
        return injected(a, f"key {secret}", "all")

    def escaped(a: Answered) -> Delivery:
        """The same, each letter of the secret written as an escape."""
        hidden = "".join(f"\\u{ord(letter):04x}" for letter in secret)
        body = orjson.loads(injected(a, "key @@", "all").body)
        text = body["choices"][0]["message"]["content"].replace("@@", hidden)
        return completion(a, text)

    def named(a: Answered) -> Delivery:
        answer = orjson.loads(a.text) | {secret: secret}
        return completion(a, orjson.dumps(answer).decode())

    def refusal(a: Answered) -> Delivery:
        return completion(a, None, refusal=f"I cannot: {secret}")

    def broken(a: Answered) -> Delivery:
        return error(500, "server_error", f"upstream said no to {secret}")

    plays = (everywhere, escaped, named, refusal, broken)

    class Script:
        latency_s = 0.3
        refuses: tuple[str, ...] = ()

        def failing(self, number: int) -> Failing | None:
            if number == 30:
                return BY_NAME["status_401"]  # which repeats the key, and ends the day
            play = plays[number % len(plays)]
            return Failing(number=number, name=play.__name__, words="", play=play)

    return Script()


@pytest.mark.usefixtures("in_virtual_time")
@pytest.mark.parametrize("secret", [KEY, VENUE_KEY], ids=["the model's key", "the venue's key"])
def test_planted_secrets_stand_in_no_file_and_on_no_line(
    secret: str, tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk(_leaking(secret))
    at_stub(monkeypatch, desk, failures_in_a_row=10_000)
    settings = settings_of("material.least_gap_s=0", "material.max_age_s=10", TOPSTEP_API_KEY=VENUE_KEY,
                           TOPSTEP_USERNAME="somebody")
    run = lived(tmp_path / "logs", tape, settings)
    assert desk.played["everywhere"] >= 3
    assert desk.played["status_401"] == 1
    # they did reach us, in answers that were taken, and left only their masks
    assert b"***" in run.written()
    out, err = capfd.readouterr()
    for place, text in (("files", run.written().decode("utf-8", "replace")), ("lines", "\n".join(run.said)),
                        ("log", caplog.text), ("out", out), ("err", err),
                        ("status", (run.folder / "status.json").read_text())):
        for part in (secret, secret[:20], secret[-20:]):
            assert part not in text, place
        for part in orjson.dumps(secret).decode(), repr(secret):
            assert part not in text, place
    assert repr(settings.openai).count(secret) == 0
    # nor does the model hear it again
    assert secret not in orjson.dumps(desk.bodies).decode()


def test_a_reply_says_nothing_of_a_key_when_it_is_shown() -> None:
    assert KEY not in repr(Reply(model="m", call_hash="h"))
