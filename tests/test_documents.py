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

ROOT = Path(__file__).parents[1]
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
    answer = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=300,
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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ours = str(free.getsockname()[1])
    environment = {**os.environ, **{name: value.replace(port, ours) for name, value in exported.items()}}

    def begin(line: str) -> "subprocess.Popen[str]":
        words = line.replace(port, ours).split()[1:]
        return subprocess.Popen([sys.executable, "-m", "fabio", *words], cwd=tmp_path, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    running: list[subprocess.Popen[str]] = []
    try:
        for line in commands:
            process = begin(line)
            if line.startswith(("fabio gateway", "fabio stub", "fabio run")):
                running.append(process)
                time.sleep(0 if "run" in line else 3)
                continue
            said = process.communicate(timeout=120)[0]
            while process.returncode == 4 and ("no agent runs" in said or running[1].poll() is None):  # still starting
                time.sleep(0.5)
                process = begin(line)
                said = process.communicate(timeout=120)[0]
            assert process.returncode == 0, f"{line}\n{said}"
        assert running[1].wait(timeout=90) == 0
    finally:
        for process in running:
            process.kill()
            process.communicate()


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
                            capture_output=True, text=True, check=True, timeout=120)
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
