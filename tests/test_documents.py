"""Documents that run: the README's first command as printed, and every `fabio` line of every page."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from quiet_port import quiet_port

ROOT = Path(__file__).parents[1]
LIMIT_S = 300.0
"""Only a broken test waits so long."""
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shell_blocks(page: Path) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@cache
def fabio_lines() -> list[str]:
    """Every line of a shell block that calls fabio by its own name."""
    lines = []
    for page in PAGES:
        for block in shell_blocks(page):
            lines += [line.strip() for line in block.splitlines() if line.startswith("fabio ")]
    return list(dict.fromkeys(lines))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one demo session was run, with a small tape beside it."""
    folder = tmp_path_factory.mktemp("workplace")
    run("fabio run --speed max", folder)
    rows = "\n".join(
        f"{1_780_320_600_000_000_000 + place * 1_000_000_000},{25_000 + 0.25 * (place % 9)},1,{'AB'[place % 2]}"
        for place in range(3000)
    )
    (folder / "tape.csv").write_text(f"ts_event,price,size,side\n{rows}\n", "utf-8")
    return folder


def run(line: str, folder: Path) -> str:
    """Run a documented line with this checkout's fabio; its last word may name what has to come out."""
    command = line.split("#")[0].strip()
    command = re.sub(r"^fabio ", f"'{sys.executable}' -m fabio ", command)
    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=3 * LIMIT_S,
                            check=False, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, f"{line}\n{answer.stdout[-2000:]}\n{answer.stderr[-2000:]}"
    return answer.stdout


def test_the_documents_show_commands() -> None:
    assert len(fabio_lines()) >= 10


def test_every_documented_command_works(workplace: Path) -> None:
    for line in fabio_lines():
        run(line, workplace)


@pytest.mark.parametrize(("page", "kind", "port"), [("README.md", "live", "8790"), ("docs/model.md", "model", "8791")])
def test_the_documented_session_with_a_server_works(tmp_path: Path, page: str, kind: str, port: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    blocks = re.findall(rf"```sh {kind}\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    exported = dict(pair.split("=", 1) for line in lines if line.startswith("export ") for pair in line.split()[1:])
    commands = [line for line in lines if line.startswith("fabio ")]
    ours = str(quiet_port())
    environment = {**os.environ, **{name: value.replace(port, ours) for name, value in exported.items()}}

    output = tmp_path / "output.txt"  # a pipe that nobody reads would stop them once it is full

    def begin(line: str) -> "subprocess.Popen[str]":
        words = line.replace(port, ours).split()[1:]
        with output.open("a") as file:
            return subprocess.Popen([sys.executable, "-m", "fabio", *words], cwd=tmp_path, env=environment, text=True,
                                    stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def ended(line: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "fabio", *line.replace(port, ours).split()[1:]], cwd=tmp_path,
                              env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=False)
        return done.returncode, done.stdout

    running: list[subprocess.Popen[str]] = []
    try:
        for line in commands:
            if line.startswith(("fabio gateway", "fabio stub", "fabio run")):
                running.append(begin(line))
                if "run" not in line:
                    until_served(int(ours), running[0])
                continue
            code, said = ended(line)
            gives_up_s = time.monotonic() + LIMIT_S
            while code != 0 and len(running) > 1 and running[1].poll() is None:  # it starts, or was too slow to answer
                assert time.monotonic() < gives_up_s, f"{line}\n{said}\n{output.read_text()}"
                time.sleep(0.5)
                code, said = ended(line)
            is_over = len(running) > 1 and running[1].poll() == 0  # in order, before it was asked
            if not (is_over and code == 4 and line.startswith(("fabio status", "fabio stop"))):
                assert code == 0, f"{line}\n{said}\n{output.read_text()}"
        assert running[1].wait(timeout=LIMIT_S) == 0
    finally:
        for process in running:
            process.kill()
            process.wait()


def until_served(port: int, server: "subprocess.Popen[str]") -> None:
    """Wait until somebody listens at the port, as a person does who reads what the server says."""
    gives_up_s = time.monotonic() + LIMIT_S
    while True:
        assert server.poll() is None
        assert time.monotonic() < gives_up_s
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def test_the_strategy_in_twelve_lines_is_found_and_speaks(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"```python\n# (fabio/strategies/\w+\.py)\n(.*?)```", text, re.DOTALL)
    assert block is not None
    copy = tmp_path / "fabio"
    shutil.copytree(ROOT / "fabio", copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / block.group(1)).write_text(block.group(2), "utf-8")
    name = Path(block.group(1)).stem
    assert len([line for line in block.group(2).splitlines() if line.strip()]) <= 30
    answer = subprocess.run([sys.executable, "-m", "fabio", "strategy", "list", "--json"], cwd=tmp_path,
                            capture_output=True, text=True, check=True, timeout=LIMIT_S)
    assert name in answer.stdout


@pytest.mark.install
def test_the_first_run_works_as_printed_on_a_fresh_checkout(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name:
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    command = subprocess.run([sys.executable, ".ci/readme_command.py", "The first run"], cwd=ROOT, capture_output=True,
                             text=True, check=True).stdout.strip()
    answer = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, text=True,
                            check=False, timeout=900, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, answer.stderr[-3000:]
    assert "synthetic" in answer.stdout
    assert (tmp_path / "logs" / "decisions.jsonl").stat().st_size > 0
