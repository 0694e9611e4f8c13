"""Live over real sockets: real processes of the agent, and of the gateway at 10 times the clock."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from recorded_days import Cli, Said

from fabio.journal.inbox import ask
from fabio.journal.world import is_running
from fabio.research.reliability.processes.victims import venue_environment

LIMIT_S = 240.0
"""Only a broken test waits so long."""
SPEED = "10"
"""Limits of an agent and of its venue pass as fast as the market does: a request's eight seconds in 0.8 s."""
ACCOUNT, ACCOUNT_ID = "PRAC-V2-20418-73510264", 18_204_311
ROOT = Path(__file__).parents[2]
OFTEN = Path(__file__).with_name("often_process.py")
RUN = ("run", "--mode", "live", "--feed", "topstepx")


@contextmanager
def gateway_process(folder: Path, *options: str) -> Iterator[str]:
    """Serve a gateway on a free port; give its URL."""
    command = (sys.executable, "-m", "fabio", "gateway", "--port", "0", "--print-url", "--speed", SPEED, *options)
    process = subprocess.Popen(command, cwd=folder, env=environment(""), text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        assert process.wait(LIMIT_S) == 0
        process.stdout.close()


def environment(url: str) -> dict[str, str]:
    """A person's, with the demo account of the gateway at a URL."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP", "LLM_"))}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "200", **(venue_variables(url) if url else {})}


def venue_variables(url: str) -> dict[str, str]:
    return {
        **venue_environment(url),
        "FABIO_ACCOUNT__LOSS_FLOOR": "40000", "FABIO_ACCOUNT__AS_OF": "2026-05-29",
        "FABIO_ORDERS__MOST_STOP_TICKS": "2000",
    }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gateway_process(tmp_path_factory.mktemp("gateway")) as url:
        yield url


@pytest.fixture(scope="module")
def locked_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One whose account is locked from the start."""
    folder = tmp_path_factory.mktemp("locked")
    (folder / "faults.toml").write_text('[[fault]]\nname = "lock_account"\n')
    with gateway_process(folder, "--faults", "faults.toml") as url:
        yield url


class Session:
    """A person with an account at the gateway: agent processes and commands in one folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self._environment = environment(url)
        self._agents: list[subprocess.Popen[str]] = []
        self._venue = httpx.Client(base_url=url, timeout=LIMIT_S)
        token = self._venue.post("/api/Auth/loginKey", json={"userName": "demo", "apiKey": "0123456789abc"}).json()
        self._venue.headers["Authorization"] = f"Bearer {token['token']}"

    def start(self) -> subprocess.Popen[str]:
        """Start the agent; it is running when this returns."""
        command = (sys.executable, str(OFTEN), *RUN, "--config", str(ROOT / "config"))
        with (self.folder / "output.txt").open("a") as output:
            agent = subprocess.Popen(command, cwd=self.folder, env=self._environment, text=True, stdout=output,
                                     stderr=output)
        self._agents.append(agent)
        self.wait(lambda: agent.poll() is None and self.status.get("pid") == agent.pid)
        return agent

    def say(self, *arguments: str) -> Said:
        """Run one command."""
        command = (sys.executable, str(OFTEN), *arguments)
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL)
        assert "Traceback" not in done.stdout + done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def arm(self) -> None:
        """Arm as a person does, once the venue is ready; where it was too slow to tell, ask again."""
        self.wait(lambda: self.status["venue"]["agrees"])
        said = self.say("arm", ACCOUNT)
        for _ in range(5):
            if "ask again" not in said.err and "does not tell the balance" not in said.err:
                break
            self.wait(lambda: self.status["venue"]["agrees"])
            said = self.say("arm", ACCOUNT)
        assert said.code == 0, said.err
        assert f"armed: orders go to {ACCOUNT}" in said.out

    @property
    def status(self) -> dict[str, Any]:
        path = self.logs / "status.json"
        return orjson.loads(path.read_bytes()) if path.exists() else {}

    def wait(self, until: Callable[[], object]) -> None:
        limit_s = time.monotonic() + LIMIT_S
        while not until():
            assert time.monotonic() < limit_s, (self.folder / "output.txt").read_text()
            time.sleep(0.05)

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """Ask the venue itself."""
        answer = self._venue.post(f"/api/{path}", json={"accountId": ACCOUNT_ID, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def held(self) -> list[int]:
        """Sizes of the positions that the venue has."""
        return [each["size"] for each in self.ask("Position/searchOpen")["positions"]]

    @property
    def working(self) -> list[dict[str, Any]]:
        return self.ask("Order/searchOpen")["orders"]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Every order that ever had a tag of the agent's, as an entry has."""
        found = self.ask("Order/search", startTimestamp="2026-06-01T00:00:00Z")["orders"]
        return [each for each in found if each.get("customTag") and each["side"] == 0]

    @property
    def is_flat(self) -> bool:
        return not self.held and not self.working

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def close(self) -> None:
        for agent in self._agents:
            if agent.poll() is None:
                agent.kill()
            agent.wait(LIMIT_S)
        self._venue.close()


@pytest.fixture
def session(tmp_path: Path, gateway: str) -> Iterator[Session]:
    found = Session(tmp_path, gateway)
    yield found
    found.close()


def test_a_day_from_the_doctor_to_the_stop_with_a_kill_in_between(session: Session) -> None:
    doctor = session.say("doctor", "--live", "--config", str(ROOT / "config"))
    assert doctor.code == 0, doctor.out
    assert "FAIL" not in doctor.out
    for name in ("credentials", "account", "contract", "brackets", "venue clock", "session", "limits"):
        assert f"ok   {name} " in doctor.out

    session.start()
    session.wait(lambda: session.status["venue"]["agrees"])
    assert session.status["venue"]["phase"] == "observing"
    wrong = session.say("arm", "PRAC-V2-1-1")
    assert (wrong.code, wrong.out) == (6, "")
    assert wrong.err == f"fabio: the account is named {ACCOUNT}: write that name to arm it\n"
    assert session.entries == []
    session.arm()
    session.wait(lambda: session.status["venue"]["phase"] == "armed")
    told = session.say("status")
    assert told.code == 0
    assert f"ARMED: orders go to {ACCOUNT} until 2026-06-01T20:05:00" in told.out
    assert "USD to the loss floor" in told.out

    assert ask(session.logs, "enable", name="often", timeout_s=LIMIT_S).outcome == "done"
    session.wait(lambda: session.held and len(session.working) == 2 and session.status["position"])
    _kill_and_go_on(session)
    _halt_and_take_it_back(session)

    stopped = session.say("stop", "--timeout", str(LIMIT_S / 2))
    assert stopped.code == 0, stopped.err
    assert session.is_flat
    assert not is_running(session.logs)
    again = session.say("replay", "--against", "logs", "--config", str(ROOT / "config"))
    assert again.code == 0, again.err + again.out
    assert again.out.startswith("identical: ")
    assert "Traceback" not in session.output()


def _kill_and_go_on(session: Session) -> None:
    """Kill the agent while it holds a position: the next one takes it over, and orders nothing twice."""
    held, tags = session.held, [each["customTag"] for each in session.entries]
    killed = session._agents[-1]
    killed.kill()
    assert killed.wait(LIMIT_S) == -signal.SIGKILL
    assert session.held == held
    assert len(session.working) == 2
    session.start()
    session.wait(lambda: session.status["venue"]["phase"] == "armed" and session.status["venue"]["agrees"])
    told = session.say("status")
    for _ in range(20):
        if "connected, venue and book agree" in told.out:
            break
        session.wait(lambda: session.status["venue"]["agrees"] and session.status["venue"]["connected"])
        told = session.say("status")
    assert "ARMED" in told.out
    assert "venue and book agree" in told.out
    assert "CHECK" not in told.out
    assert int(session.status["position"]["size"]) == sum(held)
    assert session.held == held
    assert [each["customTag"] for each in session.entries] == tags
    assert len(session.working) == 2


def _halt_and_take_it_back(session: Session) -> None:
    """Halt: flat at the venue, and nothing can be armed until the halt is taken back."""
    halted = session.say("halt", "--reason", "test")
    assert halted.code == 0, halted.err
    session.wait(lambda: "is proven flat at the venue" in session.output())
    assert session.is_flat
    refused = session.say("arm", ACCOUNT)
    assert (refused.code, refused.out) == (6, "")
    assert "HALT" in refused.err
    assert len(refused.err.splitlines()) == 1
    session.wait(lambda: session.status["venue"]["phase"] == "observing" and session.status["position"] is None)
    assert session.say("halt", "--off").code == 0
    tags = Counter(each["customTag"] for each in session.entries)
    assert set(tags.values()) == {1}


def test_an_old_limit_lets_it_observe_and_never_arm(tmp_path: Path, gateway: str) -> None:
    session = Session(tmp_path, gateway)
    session._environment["FABIO_ACCOUNT__AS_OF"] = "2026-05-20"
    try:
        agent = session.start()
        session.wait(lambda: session.status["venue"]["agrees"])
        refused = session.say("arm", ACCOUNT)
        assert (refused.code, refused.out) == (6, "")
        assert len(refused.err.splitlines()) == 1
        assert "account.as_of is 2026-05-20, and 2026-05-29 has ended since" in refused.err
        agent.send_signal(signal.SIGINT)
        assert agent.wait(LIMIT_S) == 0
    finally:
        session.close()
    assert "Traceback" not in session.output()


def test_a_second_agent_on_the_account_is_refused_from_another_folder_until_the_first_is_gone(
    session: Session, tmp_path: Path,
) -> None:
    session._environment |= {"XDG_STATE_HOME": str(tmp_path / "state")}
    agent = session.start()
    second = (*RUN, "--config", str(ROOT / "config"), "--logs", "other")
    refused = session.say(*second)
    assert refused.code == 6, refused.err
    assert len(refused.err.splitlines()) == 1
    assert f"another agent (process {agent.pid}) is live on account {ACCOUNT_ID} at http" in refused.err
    assert f"its records are in {session.logs}: stop it" in refused.err
    assert not (tmp_path / "other" / "journal").exists()
    same = session.say(*RUN, "--config", str(ROOT / "config"))
    assert (same.code, f"another agent (process {agent.pid}) runs in logs" in same.err) == (6, True)
    agent.kill()
    agent.wait(LIMIT_S)
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "state").touch()  # no folder: it is said, and it goes on
    session._environment |= {"HOME": str(tmp_path / "state")}
    session.start()
    assert "cannot be locked, nothing keeps a second agent from it" in session.output()


@pytest.mark.parametrize(("changes", "arguments", "code", "words"), [
    ({"TOPSTEP_API_KEY": "short"}, (), 3, "user name or API key is wrong"),
    ({"TOPSTEP_API_KEY": ""}, (), 3, "TOPSTEP_API_KEY"),
    ({"TOPSTEP_USERNAME": "nobody"}, (), 3, "it knows no such user"),
    ({"TOPSTEP_ACCOUNT_ID": "999"}, (), 3, "lists no active account 999: it lists 18204311"),
    ({}, ("--symbol", "LTCUSDT"), 3, "LTCUSDT is not traded on TopstepX"),
    ({"TOPSTEPX_API_URL": "http://127.0.0.1:1"}, (), 5, "http://127.0.0.1:1 cannot be asked"),
    ({}, ("--feed", "demo"), 2, "live mode trades at TopstepX: --feed topstepx, not demo"),
])
def test_what_is_wrong_is_said_in_one_sentence_and_tried_once(
    cli: Cli, gateway: str, monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], arguments: tuple[str, ...],
    code: int, words: str,
) -> None:
    for name, value in {**venue_variables(gateway), **changes}.items():
        monkeypatch.setenv(name, value)
    _refused_at_once(cli(*RUN, *arguments, "--config", ROOT / "config"), code, words)


def test_a_locked_account_is_named_and_nothing_starts(
    cli: Cli, locked_gateway: str, monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in venue_variables(locked_gateway).items():
        monkeypatch.setenv(name, value)
    _refused_at_once(cli(*RUN, "--config", ROOT / "config"), 3, "account")


def _refused_at_once(said: Said, code: int, words: str) -> None:
    assert said.code == code, said.err
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("fabio: ")
    assert words in said.err
    assert "account" not in said.out
    assert not Path("logs", "journal").exists()
