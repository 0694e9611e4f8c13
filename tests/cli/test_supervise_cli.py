"""`fabio supervise` as a process: one at a time, taken over after a kill, ended by a signal, shown by `status`."""

import os
import plistlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from recorded_days import Cli

from fabio.cli.logs import Tail
from fabio.cli.plain import Plain, log_to
from fabio.runtime.supervise.system import identity

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no supervisor on Windows")
LIMIT_S = 180.0
COUNTS = """
import sys, time
for number in range(10**9):
    print(number, flush=True)
    open("beat", "w").write(str(number))
    time.sleep(0.02)
"""


class Place:
    """A folder with one small program to keep alive, and the supervisors started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []
        (folder / "ecosystem").mkdir()
        (folder / "counts.py").write_text(COUNTS)
        (folder / "ecosystem" / "counts.toml").write_text(
            f'command = ["{sys.executable}", "-S", "counts.py"]\n[heartbeat]\nfile = "beat"\nlimit_s = 60\n[restart]\n'
            "first_pause_s = 0.05\n")

    def start(self, *words: str) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FABIO_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "fabio", *(words or ("supervise",))], cwd=self.folder, text=True,
            env={**kept, "COLUMNS": "200"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.running.append(process)
        return process

    def told(self) -> dict[str, object]:
        try:
            told = orjson.loads((self.folder / "logs" / "supervisor.json").read_bytes())
        except FileNotFoundError:
            return {}
        process: dict[str, object] = told["processes"]["counts"]
        return {**process, "supervisor": told["pid"]}

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def until_ready(self, supervisor: subprocess.Popen[str]) -> int:
        self.until(lambda: self.told().get("state") == "ready" and self.told()["supervisor"] == supervisor.pid)
        pid = self.told()["pid"]
        assert isinstance(pid, int)
        return pid

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        pid = self.told().get("pid")
        if isinstance(pid, int) and identity(pid) == self.told().get("identity"):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    try:
        yield found
    finally:
        found.end()


def test_a_second_supervisor_is_refused_and_a_signal_ends_the_first_in_order(place: Place) -> None:
    first = place.start("supervise", "--json")
    pid = place.until_ready(first)
    for words in (("supervise",), ("supervise", "--logs", "other-logs")):  # the same records, the same ecosystem
        second = place.start(*words)
        _, err = second.communicate(timeout=LIMIT_S)
        assert second.returncode == 6
        assert "a second one would double them" in err
    assert identity(pid) is not None
    shown = place.start("status")
    out, _ = shown.communicate(timeout=LIMIT_S)
    assert shown.returncode == 4  # of an agent nothing is known here
    assert f"supervisor process {first.pid} keeps {place.folder}/ecosystem" in out
    assert f"counts  ready, process {pid} for " in out
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=LIMIT_S)
    assert (first.returncode, err) == (0, "")
    lines = [orjson.loads(line) for line in out.splitlines()]
    assert {"name", "text", "ts", "ts_ns"} <= set(lines[0])
    assert lines[-1]["text"] == "has ended (killed by SIGTERM)"
    assert identity(pid) is None
    status = place.start("status", "--json")
    answer = orjson.loads(status.communicate(timeout=LIMIT_S)[0])
    assert answer["supervisor"]["running"] is False
    assert answer["supervisor"]["processes"]["counts"]["state"] == "stopped"


def test_a_killed_supervisor_leaves_its_processes_and_the_next_one_takes_them_over(place: Place) -> None:
    first = place.start()
    pid = place.until_ready(first)
    first.kill()
    first.communicate()
    out = place.folder / "logs" / "counts.out"
    size = out.stat().st_size
    place.until(lambda: out.stat().st_size > size)  # it lives on, and what it says is kept
    second = place.start()
    assert place.until_ready(second) == pid
    os.kill(pid, signal.SIGKILL)
    place.until(lambda: place.told()["pid"] not in (None, pid))
    third = place.until_ready(second)
    place.until(lambda: out.read_text().split().count("0") == 2)  # ready, and it has spoken
    assert place.told()["last_exit"] == "ended, nobody saw how"
    second.send_signal(signal.SIGINT)
    said, _ = second.communicate(timeout=LIMIT_S)
    assert second.returncode == 0
    assert f"counts      runs already as process {pid}: taken over from an earlier supervisor" in said
    assert identity(third) is None
    numbers = [int(line) for line in out.read_text().split()]
    again = numbers.index(0, 1)
    assert numbers == [*range(again), *range(len(numbers) - again)]  # both lives whole, no line lost or doubled


def test_mistakes_end_with_3_and_a_sentence(cli: Cli, tmp_path: Path) -> None:
    said = cli("supervise")
    assert said.code == 3
    assert "--ecosystem ecosystem: there is no such folder" in said.err
    (tmp_path / "ecosystem").mkdir()
    (tmp_path / "ecosystem" / "agent.toml").write_text('command = ["fabio", "run"]\nmemory_limit = 5')
    said = cli("supervise")
    assert said.code == 3
    assert "did you mean memory_limit_mb?" in said.err
    assert cli("supervise", "--unit", "openrc").code == 2


@pytest.fixture
def ecosystem(tmp_path: Path) -> Path:
    """A folder whose path needs quoting."""
    folder = tmp_path / "my $100% folder" / "eco"
    folder.mkdir(parents=True)
    (folder / "agent.toml").write_text('command = ["fabio", "run"]\nstop_s = 40')
    (folder / "learn.toml").write_text('command = ["fabio", "learn"]\n[schedule]\nevery_hours = 6')
    return folder


def test_the_systemd_unit_stands_before_systemds_own_checker(cli: Cli, ecosystem: Path, tmp_path: Path) -> None:
    said = cli("supervise", "--ecosystem", ecosystem, "--unit", "systemd")
    assert said.code == 0
    assert "KillMode=process" in said.out
    assert "TimeoutStopSec=85" in said.out  # 40 and 30, and a margin
    assert f"WorkingDirectory={tmp_path}\n" in said.out
    assert 'my $$100%% folder/eco"' in said.out
    assert f"{sys.executable} -m fabio supervise" in said.out
    checker = shutil.which("systemd-analyze")
    if checker is None:
        pytest.skip("no systemd here: only the text was looked at")
    path = tmp_path / "fabio.service"
    path.write_text(said.out)
    done = subprocess.run([checker, "verify", "--user", str(path)], capture_output=True, text=True, check=False,
                          env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_launchd_list_is_one(cli: Cli, ecosystem: Path, tmp_path: Path) -> None:
    said = cli("supervise", "--ecosystem", ecosystem, "--unit", "launchd")
    assert said.code == 0
    found = plistlib.loads(said.out.encode())
    assert found["ProgramArguments"][:4] == [sys.executable, "-m", "fabio", "supervise"]
    assert found["ProgramArguments"][5] == str(ecosystem)
    assert found["WorkingDirectory"] == str(tmp_path)
    assert found["ExitTimeOut"] == 85
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    checker = shutil.which("plutil")
    if checker is None:
        return
    path = tmp_path / "fabio.plist"
    path.write_text(said.out)
    assert subprocess.run([checker, "-lint", str(path)], check=False, timeout=LIMIT_S).returncode == 0


def test_the_human_log_is_put_aside_and_who_follows_it_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fabio.cli.plain.LOG_BYTES", 1000)
    monkeypatch.setattr("fabio.cli.plain.LOGS_KEPT", 50)
    path = tmp_path / "agent.log"
    tail = Tail(path)
    found = []
    with log_to(path):
        plain = Plain(printing=False)
        for number in range(200):
            plain.say(f"line {number}")
            if number % 7 == 0:
                found += list(tail.more())
    found += list(tail.more())
    assert [int(line.split()[-1]) for line in found] == list(range(200))
    assert len(list(tmp_path.glob("agent.log.*"))) > 5
    assert all(each.stat().st_size <= 1000 for each in tmp_path.iterdir())
