"""Real processes: the first run as a newcomer sees it, Ctrl-C, and kill -9."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from fabio.adapters.data.synthetic import synthetic_session
from fabio.journal.lines import step_digest_bytes
from fabio.journal.reader import read_steps, verify
from fabio.model.tick import SIDE_LETTERS
from fabio.runtime.wiring import instrument_of, sessions_between
from fabio.settings.load import load

LIMIT_S = 300
"""Only a broken test waits so long."""
SPEED = "2000"
"""The tape's seven and a half hours in 13 s: time enough to kill an agent in them on a slow machine too."""


def environment(home: Path) -> dict[str, str]:
    """A newcomer's: no key, no settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP"))}
    return {**kept, "NO_COLOR": "1", "COLUMNS": "200"}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fabio", *arguments], cwd=folder, env=environment(folder), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From the regular opening of a generated session on, about 20,000 ticks."""
    settings = load(environment={}, directory=Path("/"))
    instrument = instrument_of(settings, "MNQ")
    day_ns = 1_780_488_000_000_000_000
    table = sessions_between(settings, instrument, day_ns, day_ns)
    place = table.index_at(day_ns)
    ticks = synthetic_session(instrument, table, place, 7, 100_000, 30_000).ticks
    ticks = ticks.slice(int(ticks.ts_recv_ns.searchsorted(table.regular_opens_ns[place])), len(ticks))
    path = tmp_path_factory.mktemp("tapes") / "mnq.csv"
    rows = (ticks.row(index) for index in range(len(ticks)))
    path.write_text("ts_event,price,size,side\n" + "".join(
        f"{row.ts_event_ns},{row.price_ticks / 4},{row.size_steps},{SIDE_LETTERS[row.side]}\n" for row in rows))
    return path


def lived_through(folder: Path) -> int:
    """How many ticks the agent has lived through, as it last said."""
    try:
        return int(orjson.loads((folder / "status.json").read_bytes())["tape_pos"])
    except FileNotFoundError:
        return 0


def bodies(folder: Path) -> Iterator[bytes]:
    for step in read_steps(folder):
        yield step_digest_bytes(step)


def test_the_first_run_shows_trades_refusals_and_what_to_try_next(tmp_path: Path) -> None:
    code, out, err = ended(start(tmp_path, "run", "--speed", "max"))
    assert code == 0, err
    lines = out.splitlines()
    for word in ("synthetic", "seed", "2026-06-01", "MNQ", "paper money"):
        assert word in lines[0]
    assert "\x1b" not in out
    assert sum(" trade  " in line for line in lines) >= 3
    refusing = set(re.findall(r"(\w+) \(", " ".join(line.partition("refused by")[2] for line in lines)))
    assert len(refusing) >= 3
    assert len({line.split()[-4] for line in lines if " regime  " in line}) >= 3
    first = orjson.loads((tmp_path / "logs" / "decisions.jsonl").read_bytes().splitlines()[0])
    assert first["verdicts"]
    log = (tmp_path / "logs" / "agent.log").read_text()
    told = [line for line in lines if " decision  " in line]
    assert all(line in log for line in told)
    commands = [line.split("  ")[1] for line in lines[lines.index("Try next:") + 1:]]
    assert len(commands) >= 3
    for command in commands:
        if not command.endswith("fabio run"):
            words = [sys.executable, *shlex.split(command)[1:]]
            done = subprocess.run(words, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
                                  timeout=LIMIT_S, check=False)
            assert done.returncode == 0, done.stderr
            assert done.stdout
    asked = subprocess.run(
        [sys.executable, "-m", "fabio", "status", "--json"], cwd=tmp_path, env=environment(tmp_path),
        capture_output=True, timeout=LIMIT_S, check=False)
    status = orjson.loads(asked.stdout)
    assert asked.returncode == 4  # nothing runs
    assert (status["state"], status["running"], status["finished"]) == ("stopped", False, True)


def test_ctrl_c_flattens_sums_up_and_exits_with_0(tmp_path: Path) -> None:
    process = start(tmp_path, "run")
    assert process.stdout is not None
    while " decision " not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    code, out, err = ended(process)
    assert code == 0, err
    assert "stopped: Ctrl-C" in out
    assert "Try next:" in out
    assert verify(tmp_path / "logs").code == 0


def test_a_killed_process_goes_on_as_if_nothing_had_been(tmp_path: Path, tape: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    feed = ("run", "--feed", str(tape), "--symbol", "MNQ")
    code, _, err = ended(start(tmp_path, *feed, "--logs", str(whole)))
    assert code == 0, err
    kills = 0
    # each process lives for a while at its speed, none of them to the end
    for least, seconds in ((1_000, 0.6), (0, 0.3), (0, 0.9)):
        process = start(tmp_path, *feed, "--logs", str(cut), "--speed", SPEED)
        assert process.stdout is not None
        while process.poll() is None and "records in" not in process.stdout.readline():
            pass
        while lived_through(cut) < least:
            assert process.poll() is None
            time.sleep(0.02)
        time.sleep(seconds)
        process.kill()
        ended(process)
        kills += process.returncode == -signal.SIGKILL
    assert kills == 3
    code, out, err = ended(start(tmp_path, *feed, "--logs", str(cut)))
    assert code == 0, err
    assert "resumed after" in out
    assert list(bodies(cut)) == list(bodies(whole))
    assert verify(cut).code == 0
    for name in ("decisions.jsonl", "llm_exchanges.jsonl"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    code, out, err = ended(start(tmp_path, *feed, "--logs", str(cut)))
    assert (code, "is done" in out) == (0, True)


def test_a_reader_that_goes_away_ends_the_run_in_order(tmp_path: Path) -> None:
    process = start(tmp_path, "run", "--speed", "300")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=LIMIT_S) == 0
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


IN_A_TERMINAL = """
import os, pty, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what began the tests may ignore it, and then a run goes on
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-m", "fabio", *sys.argv[1:]])
shown = b""
while b"Decisions" not in shown:
    shown += os.read(terminal, 65536)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without terminals that hang up")
def test_a_terminal_that_is_closed_ends_the_run_as_ctrl_c_does(tmp_path: Path, tape: Path) -> None:
    """The panel stands on it, so that what it draws last goes nowhere."""
    words = ["run", "--feed", str(tape), "--symbol", "MNQ", "--speed", "20"]
    ended_so = subprocess.run([sys.executable, "-c", IN_A_TERMINAL, *words], cwd=tmp_path, timeout=LIMIT_S, check=False,
                              env=environment(tmp_path) | {"TERM": "xterm"})
    assert ended_so.returncode == 0
    status = orjson.loads((tmp_path / "logs" / "status.json").read_bytes())
    assert (status["state"], status["position"]) == ("stopped", None)
    assert status["stopping"] in ("its terminal was closed", "nobody reads the output any more")
