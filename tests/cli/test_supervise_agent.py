"""The agent under the supervisor: killed, frozen and started again, it records what an undisturbed one does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from test_run_processes import SPEED, bodies, ended, environment, lived_through, start, tape

from fabio.journal.reader import verify

__all__ = ["tape"]  # the fixture
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no supervisor on Windows")
LIMIT_S = 300.0


def until(condition: Callable[[], Any], supervisor: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert supervisor.poll() is None, supervisor.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def told(logs: Path) -> dict[str, Any]:
    try:
        process: dict[str, Any] = orjson.loads((logs / "supervisor.json").read_bytes())["processes"]["agent"]
    except FileNotFoundError:
        return {}
    return process


def ecosystem(folder: Path, command: list[str], more: str = "") -> None:
    folder.mkdir()
    words = ", ".join(f'"{word}"' for word in ("fabio", "run", *command))
    (folder / "agent.toml").write_text(f'command = [{words}]\nrecords = "logs"\n{more}')


def test_an_agent_that_is_killed_and_one_that_hangs_go_on_as_if_nothing_had_been(tmp_path: Path, tape: Path) -> None:
    feed = ["--feed", str(tape), "--symbol", "MNQ"]
    code, _, err = ended(start(tmp_path, "run", *feed, "--logs", "whole"))
    assert code == 0, err
    ecosystem(tmp_path / "ecosystem", [*feed, "--speed", SPEED], '[heartbeat]\nfile = "logs/status.json"\n'
              "limit_s = 10\n[restart]\nfirst_pause_s = 0.05\n")
    logs = tmp_path / "logs"
    supervisor = start(tmp_path, "supervise")
    try:
        until(lambda: told(logs).get("state") == "ready", supervisor)
        os.kill(told(logs)["pid"], signal.SIGUSR1)
        stacks = logs / "agent.err"
        # a stack shows its upper hundred frames: of a kernel that is being loaded, nothing of ours
        until(lambda: stacks.exists() and "most recent call first" in stacks.read_text(), supervisor)  # it lives on
        assert told(logs)["starts"] == 1
        until(lambda: lived_through(logs) > 2_000, supervisor)
        os.kill(told(logs)["pid"], signal.SIGKILL)
        until(lambda: told(logs)["starts"] == 2 and told(logs)["state"] == "ready", supervisor)
        until(lambda: lived_through(logs) > 5_000, supervisor)
        os.kill(told(logs)["pid"], signal.SIGSTOP)
        until(lambda: told(logs)["starts"] == 3, supervisor)
        assert "no heartbeat" in told(logs)["last_exit"]
        until(lambda: told(logs)["state"] == "stopped", supervisor)
        assert told(logs)["note"] == "came to its own end"
        supervisor.send_signal(signal.SIGTERM)
        out, err = supervisor.communicate(timeout=LIMIT_S)
        assert supervisor.returncode == 0, err
    finally:
        supervisor.kill()
        supervisor.communicate()
    assert "agent       has died: killed by SIGKILL; see logs/agent.err; starts again in 0.0 s" in out
    assert list(bodies(logs)) == list(bodies(tmp_path / "whole"))
    assert verify(logs).code == 0
    assert (logs / "agent.out").read_text().count("resumed after") == 2


def test_an_agent_that_runs_already_is_named_and_not_doubled_and_one_that_is_stopped_stays_away(tmp_path: Path) -> None:
    ecosystem(tmp_path / "ecosystem", ["--speed", "1"], '[restart]\nwhen = "always"\n')
    ecosystem(tmp_path / "other", ["--speed", "1"])
    first, second = start(tmp_path, "supervise"), start(tmp_path, "supervise", "--ecosystem", "other", "--logs", "more")
    logs, more = tmp_path / "logs", tmp_path / "more"
    try:
        both = [logs, more]
        until(lambda: any(told(each).get("state") == "ready" for each in both), first)
        until(lambda: any(told(each).get("state") == "runs elsewhere" for each in both), second)
        has, has_not = sorted(both, key=lambda each: told(each)["state"] != "ready")
        assert [told(has)["starts"], told(has_not)["starts"]] == [1, 1]
        assert told(has)["pid"] == orjson.loads((logs / "status.json").read_bytes())["pid"]
        stop = subprocess.run([sys.executable, "-m", "fabio", "stop", "--timeout", "60"], cwd=tmp_path, check=False,
                              env=environment(tmp_path), capture_output=True, text=True, timeout=LIMIT_S)
        assert stop.returncode == 0, stop.stderr
        until(lambda: told(has)["state"] == "stopped", first)
        assert told(has)["note"] == "was asked to end"
        assert told(has)["starts"] == 1
        for process in (first, second):
            process.send_signal(signal.SIGINT)
        said = [process.communicate(timeout=LIMIT_S)[0] for process in (first, second)]
        assert [process.returncode for process in (first, second)] == [0, 0]
        assert "under somebody else (process " in said[[logs, more].index(has_not)]
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_an_agent_that_cannot_start_while_it_holds_something_comes_back_halted_and_flattens(tmp_path: Path) -> None:
    (tmp_path / "agent.env").write_text("")
    ecosystem(tmp_path / "ecosystem", ["--speed", "240"], 'environment_file = "agent.env"\n[restart]\n'
              "first_pause_s = 0.05\nlongest_pause_s = 1\ndeaths = 2\n")
    logs = tmp_path / "logs"
    supervisor = start(tmp_path, "supervise")

    def status() -> dict[str, Any]:
        return dict(orjson.loads((logs / "status.json").read_bytes()))

    try:
        until(lambda: told(logs).get("state") == "ready", supervisor)
        until(lambda: status()["position"] is not None, supervisor)
        (tmp_path / "agent.env").write_text("FABIO_NO__SUCH=1\n")
        os.kill(told(logs)["pid"], signal.SIGKILL)
        until(lambda: told(logs)["reducing"], supervisor)
        assert "a position is open" in (logs / "HALT").read_text()
        assert "exit code 3" in told(logs)["last_exit"]
        (tmp_path / "agent.env").write_text("")
        until(lambda: told(logs)["state"] == "ready", supervisor)
        until(lambda: status()["position"] is None and "crash loop" in status()["account"]["halted"], supervisor)
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(LIMIT_S) == 0
    finally:
        supervisor.kill()
        supervisor.communicate()
    assert verify(logs).code == 0
