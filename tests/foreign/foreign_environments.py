"""A gateway as a process, and environments of their own for clients that are not ours."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

CLIENTS = Path(__file__).parent / "clients"
START_S, INSTALL_S, CLIENT_S = 120.0, 900.0, 600.0
FIRST_PYTHON, LAST_PYTHON = 12, 14
"""Minor versions the SDKs are tried with; the lowest is what they ask for."""

_HAS_VENV = f"import sys, venv, ensurepip; assert sys.version_info >= (3, {FIRST_PYTHON})"
_WORKING = [1, 6, 7, 8]
_ALL_TIME = "2000-01-01T00:00:00Z"


@contextmanager
def running_gateway(folder: Path, *arguments: str) -> Iterator[str]:
    """Run `fabio gateway` on a free port; give its base URL."""
    words = folder / "gateway.txt"
    command = [sys.executable, "-m", "fabio", "gateway", "--port", "0", "--print-url", *arguments]
    with words.open("w") as said, subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=said, text=True) as process:
        assert process.stdout is not None
        try:
            ready, _, _ = select.select([process.stdout], [], [], START_S)
            url = process.stdout.readline().strip() if ready else ""
            assert url.startswith("http://"), f"the gateway gave {url!r} for its URL: {words.read_text()}"
            yield url
        finally:
            process.terminate()
            process.wait(START_S)
    assert "Traceback" not in words.read_text(), words.read_text()


def newer_python() -> str | None:
    """Find a Python the SDKs run on; None where this machine has none."""
    if sys.version_info >= (3, FIRST_PYTHON):
        return sys.executable
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(FIRST_PYTHON, LAST_PYTHON + 1):
        found = [shutil.which(f"python3.{minor}"), *map(str, sorted(versions.glob(f"3.{minor}.*/bin/python")))]
        for python in filter(None, found):  # a shim may lie on the path with nothing behind it
            if subprocess.run([python, "-c", _HAS_VENV], capture_output=True, check=False).returncode == 0:
                return python
    return None


def make_environment(python: str, folder: Path, *packages: str) -> str:
    """Make a virtual environment with packages; give its Python."""
    _done([python, "-m", "venv", str(folder)], folder.parent)
    own = str(folder / "bin" / "python")
    _done([own, "-m", "pip", "install", "--quiet", *packages], folder.parent)
    return own


def make_node_folder(folder: Path, *packages: str) -> None:
    """Install npm packages into a folder of their own."""
    (folder / "package.json").write_text('{"private": true}')
    _done(["npm", "install", "--no-audit", "--no-fund", "--cache", str(folder / "cache"), *packages], folder)


def seen_by(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a client's script; give what it saw."""
    answer = _done(command, folder, CLIENT_S)
    seen: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return seen


class Books:
    """What the gateway itself says at the end."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=CLIENT_S)
        token = self._post("Auth/loginKey", userName="demo", apiKey="0123456789")["token"]
        claims = token.split(".")[1]
        self._logins = int(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["jti"], 16)
        self._client.headers["Authorization"] = f"Bearer {token}"
        self.account_id = self._post("Account/search", onlyActiveAccounts=True)["accounts"][0]["id"]

    def __enter__(self) -> "Books":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def logins_before(self) -> int:
        """How often somebody else has logged in: the gateway numbers its tokens."""
        return self._logins - 1

    def statuses(self) -> dict[int, int]:
        """Give every order's status by its id."""
        found = self._post("Order/v2/query", filter={"accountId": self.account_id})
        return {each["id"]: each["status"] for each in found["orders"]}

    def working(self) -> list[int]:
        """Give the ids of the orders that may still change exposure."""
        found = self._post("Order/v2/query", filter={"accountId": self.account_id, "statuses": _WORKING})
        return [each["id"] for each in found["orders"]]

    def held(self) -> list[int]:
        """Give the sizes of open positions."""
        found = self._post("Position/searchOpen", accountId=self.account_id)
        return [each["size"] for each in found["positions"]]

    def half_turns(self) -> list[int]:
        """Give the ids of all half-turns, oldest first."""
        found = self._post("Trade/search", accountId=self.account_id, startTimestamp=_ALL_TIME)
        return [each["id"] for each in found["trades"]][::-1]

    def _post(self, endpoint: str, **body: Any) -> Any:
        answer = self._client.post(f"/api/{endpoint}", json=body)
        content = answer.raise_for_status().json()
        assert content["success"], content
        return content


def _done(command: list[str], folder: Path, limit_s: float = INSTALL_S) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    answer = subprocess.run(command, cwd=folder, env=inherited, capture_output=True, text=True, check=False,
                            timeout=limit_s, stdin=subprocess.DEVNULL)
    assert answer.returncode == 0, f"{' '.join(command)}: {answer.stdout[-1500:]}{answer.stderr[-3000:]}"
    return answer.stdout
