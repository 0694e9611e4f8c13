"""The gateway as a process: what it prints, that it serves, and how it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from recorded_days import Cli

from fabio.adapters.sockets import bound_socket

LIMIT_S = 180
ROWS = "".join(f"{1_780_320_600_000_000_000 + place * 50_000_000},{25_000 + 0.25 * (place % 9)},1,{'AB'[place % 2]}\n"
               for place in range(3_000))


@contextmanager
def gateway(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start one; gives its URL and the process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "fabio", "gateway", "--port", "0", "--print-url", *arguments], cwd=folder, env=kept,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


class Client:
    """Logged in."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        token = self.ask("/api/Auth/loginKey", userName="demo", apiKey="0123456789")["token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.post(path, json=body).json()
        return answer


@contextmanager
def client_of(url: str) -> Iterator[Client]:
    with httpx.Client(base_url=url, timeout=LIMIT_S) as http:
        yield Client(http)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def test_the_first_line_is_the_url_and_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    with gateway(tmp_path, "--speed", "60") as (url, process), client_of(url) as client:
        assert url.startswith("http://127.0.0.1:")
        pong = client.http.get("/api/Status/ping")
        assert (pong.text, pong.headers["X-Gateway-Rate"]) == ("pong", "60")
        first = client.ask("/api/Contract/available", live=False)["contracts"][0]
        assert (first["id"], first["activeContract"]) == ("CON.F.US.MNQ.M26", True)
        account_id = client.ask("/api/Account/search", onlyActiveAccounts=True)["accounts"][0]["id"]
        body = {"accountId": account_id, "contractId": first["id"], "type": 2, "side": 0, "size": 1}
        assert client.ask("/api/Order/place", **body)["success"]  # waits until the day is made
        time.sleep(0.05)
        assert len(client.ask("/api/Position/searchOpen", accountId=account_id)["positions"]) == 1
        bars = client.ask("/api/History/retrieveBars", contractId=first["id"], live=False, unit=4, unitNumber=1,
                          limit=50, startTime="2026-04-01T00:00:00Z", endTime="2026-06-02T00:00:00Z",
                          includePartialBar=True)["bars"]
        assert len(bars) >= 20
        process.send_signal(signal.SIGTERM)
        code, out, err = ended(process)
        assert (code, out) == (0, "")
        assert "synthetic session 2026-06-01" in err


def test_a_tape_is_streamed_under_its_own_contract(tmp_path: Path) -> None:
    (tmp_path / "NQU6.csv").write_text("ts_event,price,size,side\n" + ROWS, "utf-8")
    with gateway(tmp_path, "--tape", "NQU6.csv", "--speed", "2", "--switch", "position_brackets=true",
                 "--as-now") as (url, process), client_of(url) as client:
        first = client.ask("/api/Contract/search", searchText="ENQ", live=False)["contracts"][0]
        assert first["id"] == "CON.F.US.ENQ.U26"
        account = client.ask("/api/Account/search", onlyActiveAccounts=True)["accounts"][0]
        body = {"accountId": account["id"], "contractId": first["id"], "type": 2, "side": 0, "size": 1,
                "stopLossBracket": {"ticks": -40, "type": 4}}
        assert "Position Brackets" in client.ask("/api/Order/place", **body)["errorMessage"]
        told_ns = int(client.http.get("/api/Status/ping").headers["X-Gateway-Time-Ns"])
        assert abs(told_ns - time.time_ns()) < 3_600 * 10**9
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0


def test_faults_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text('[[fault]]\nname = "server_error"\nsurface = "account"\n', "utf-8")
    with gateway(tmp_path, "--faults", "faults.toml") as (url, _), client_of(url) as client:
        assert client.http.post("/api/Account/search", json={}).status_code >= 500
        assert client.ask("/api/Contract/available", live=False)["success"]


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (["--faults", "missing.toml"], 2, "there is no such file"),
    (["--tape", "missing.csv"], 2, "there is no such file"),
    (["--speed", "fast"], 2, "neither a number above 0 nor max"),
    (["--speed", "-1"], 2, "neither"),
    (["--port", "70000"], 2, "65535"),
    (["--faults", "chaos:x"], 3, "is no seed"),
    (["--switch", "position_bracket=1"], 3, "did you mean position_brackets"),
    (["--switch", "order_life=6"], 3, "NAME=VALUE"),
    (["--switch", "most_prints=many"], 3, "the default is 34"),
    (["--symbol", "BTCUSDT"], 3, "not traded on TopstepX"),
    (["--symbol", "XXX"], 3, "unknown instrument"),
    (["--from", "noon"], 2, "--from 'noon' is no time"),
    (["--day", "9999"], 4, "generated sessions"),
])
def test_what_cannot_be_is_said_in_a_sentence(cli: Cli, arguments: list[str], code: int, words: str) -> None:
    said = cli("gateway", "--port", "0", *arguments)
    assert said.code == code
    assert words in " ".join(said.err.split())


def test_a_port_that_is_taken_is_said(cli: Cli) -> None:
    sock = bound_socket(0)
    try:
        said = cli("gateway", "--port", str(sock.getsockname()[1]))
    finally:
        sock.close()
    assert said.code == 1
    assert "--port 0 takes a free one" in said.err


def test_a_damaged_tape_ends_it_with_a_sentence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tape.csv").write_text("when,what\n1,2\n", "utf-8")
    said = cli("gateway", "--port", "0", "--tape", "tape.csv", "--symbol", "NQ")
    assert said.code == 3
    assert "tape.csv" in said.err


@pytest.mark.parametrize("verb", ["gateway", "stub"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_of_ours_is_not_opened_to_other_machines(cli: Cli, verb: str, host: str) -> None:
    said = cli(verb, "--port", "0", "--host", host)
    assert (said.code, said.out) == (3, "")
    assert "can be reached from other machines" in said.err
    assert "ssh -L" in said.err
