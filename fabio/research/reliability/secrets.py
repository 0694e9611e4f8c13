"""Canary secrets: planted wherever a key can come from, then looked for in everything that was written (H40).

Real processes: a live session at the simulated gateway, one beside a model's server and one at a venue that
both give back whatever they are sent, and commands that are refused. Then every byte of the folders, of stdout
and stderr, and of tracebacks with the values of their variables is searched.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import orjson
from pydantic import SecretStr

from fabio.adapters.llm.asking import Terms
from fabio.adapters.llm.client import OpenAIModel, Server, Times
from fabio.adapters.llm.memory import Memory
from fabio.adapters.redact import KNOWN
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock
from fabio.research.reliability.bar import Bar, at_most

Say = Callable[[str], None]
LIMIT_S = 150.0
LIVE = ("run", "--mode", "live", "--feed", "topstepx")
CANARIES = {
    name: f"{name}-9Xk4Qm7" + "Zp2Rt8" * 3 for name in (
        "kanari01", "kanari02", "kanari03", "kanari04", "kanari05", "kanari06", "kanari07", "kanari08", "kanari09",
        "kanari10", "kanari11", "kanari12")
}
ENVIRONMENT, DOTENV, TOML, COMMAND_LINE, MODEL_ECHO, VENUE_ECHO = list(CANARIES.values())[:6]
URL_LOGIN, HEADER, MODEL_NOTE, PASSWORD, LOCALS, PERSON = list(CANARIES.values())[6:]


class Echo(BaseHTTPRequestHandler):
    """Answers in turn with every status, and gives back whatever it was sent: headers, body, more keys."""

    turns: ClassVar[Iterator[int]] = iter(())

    def do_GET(self) -> None:
        """Answer that it is there, as a ping wants it."""
        self._say(200, {"you": "sent nothing", "key": VENUE_ECHO})

    def do_POST(self) -> None:
        """Give everything back."""
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        said = f"you sent {self.headers.get('Authorization')} and {sent[-400:]}; {MODEL_ECHO} {VENUE_ECHO}"
        note = {"claim": f"the key is sk-{MODEL_NOTE}", "strategy": "x", "regime": "range", "zone": "vah",
                "expects": "win"}
        bodies = (
            (401, {"error": {"message": said, "code": "invalid_api_key"}, "success": False}),
            (200, {"success": False, "errorCode": 3, "errorMessage": said}),
            (500, {"error": said}), (400, {"title": said, "status": 400, "detail": said}),
            (200, {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}]}),
            (200, {"choices": [{"message": {"role": "assistant", "content": orjson.dumps(
                {"notes_to_future_self": [note]}).decode()}, "finish_reason": "stop"}]}),
            (200, {"choices": [{"message": {"role": "assistant", "content": None, "refusal": said}}]}),
        )
        self._say(*bodies[next(Echo.turns)])

    def _say(self, status: int, body: object) -> None:
        answer = orjson.dumps(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-Debug", f"Bearer {HEADER}")
        self.send_header("Set-Cookie", f"session={HEADER}")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def echoing_server(seed: int) -> Iterator[str]:
    """Serve `Echo` on a free port of loopback."""
    draw = random.Random(seed)
    Echo.turns = iter(lambda: draw.randrange(7), -1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Outputs:
    """A person's folder, and what came out of every command there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.planted = {folder / ".env", folder / "bad" / "fabio.toml"}
        self.texts: dict[str, bytes] = {}
        (folder / "bad").mkdir()
        (folder / "bad" / "fabio.toml").write_text(f"[openai]\napi_key = '{TOML}'\n")
        (folder / ".env").write_text(f"OPENAI_API_KEY={DOTENV}\nTOPSTEP_PASSWORD={PASSWORD}\n")
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP", "LLM_"))}
        self.environment = kept | {"NO_COLOR": "1", "COLUMNS": "200", "TOPSTEP_USERNAME": "demo",
                                   "TOPSTEP_API_KEY": ENVIRONMENT}

    def run(self, name: str, *arguments: str, more: Mapping[str, str] | None = None) -> None:
        """Run one command to its end, at most for a while."""
        process = self.start(name, *arguments, more=more)
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(20)

    def start(self, name: str, *arguments: str, more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start one command; what it prints goes into a file here."""
        with (self.folder / f"{name}.out").open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "fabio", *arguments], cwd=self.folder, env=self.environment | dict(more or {}),
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def found(self) -> tuple[list[str], int]:
        """Search everything; give where a canary sits, and how much was searched."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path not in self.planted]
        texts = {str(path.relative_to(self.folder)): path.read_bytes() for path in files} | self.texts
        hits = [f"{name} in {place}" for place, text in texts.items() for name in CANARIES
                if name.encode() in text or name.encode() in place.encode()]
        return hits + self._missing(texts), len(texts)

    def _missing(self, texts: Mapping[str, bytes]) -> list[str]:
        """Say which session did not happen: where nothing was written, nothing is shown."""
        wanted = {
            "live.out": b"PRAC-V2", "logs/agent.log": b"HALT", "logs_model/llm_exchanges.jsonl": b"you sent",
            "echo_doctor.out": b"false", "locals": b"Frame", "logs/journal": b"OperatorAsked",
        }
        return [f"nothing of {what!r} in {name}" for name, what in wanted.items()
                if not any(place.startswith(name) and what in text for place, text in texts.items())]


def canaries(n: int, say: Say) -> list[Bar]:
    """Plant twelve secrets, live through sessions that go well and badly, and search what they left.

    Parameters
    ----------
    n
        Rounds, each with other answers of the servers that give everything back.
    """
    hits: list[str] = []
    open_files: list[str] = []
    searched = 0
    for seed in range(n):
        with tempfile.TemporaryDirectory() as place:
            outputs = Outputs(Path(place))
            _refused(outputs)
            _live_session(outputs)
            with echoing_server(seed) as url:
                _echoed(outputs, url)
                outputs.texts["locals"] = asyncio.run(_tracebacks(url))
            found, count = outputs.found()
            open_files += _readable(outputs.folder / "logs")
        hits += found
        searched += count
        say(f"round {seed + 1} of {n}: {count} outputs searched, {len(found)} canaries seen")
    return [at_most("canaries_seen", len(hits), 0, searched, "; ".join(hits[:5])),
            at_most("records_others_can_read", len(open_files), 0, searched, "; ".join(open_files[:3]))]


def _refused(outputs: Outputs) -> None:
    """Let keys stand where none belong, and look at the settings."""
    login = {"OPENAI_BASE_URL": f"https://{URL_LOGIN}:{URL_LOGIN}@host.example/v1"}
    outputs.run("toml", "config", "show", "--config", "bad")
    outputs.run("set", "config", "show", "--set", f"openai.api_key={COMMAND_LINE}")
    outputs.run("show", "config", "show", more=login)
    outputs.run("show_json", "config", "show", "--json", more=login)
    outputs.run("newline", "config", "show", more={"TOPSTEP_API_KEY": f"{ENVIRONMENT}\n{ENVIRONMENT}"})
    outputs.run("plain_login", "config", "show", more={"OPENAI_BASE_URL": login["OPENAI_BASE_URL"].replace("s:", ":")})
    outputs.run("doctor", "doctor", "--json", more=login)


def _live_session(outputs: Outputs) -> None:
    """Live at the gateway for some minutes of its day; a person says a key where a reason is asked for."""
    gateway = outputs.start("gateway", "gateway", "--port", "0", "--print-url", "--speed", "60")
    agent = None
    try:
        url = _waited(lambda: (outputs.folder / "gateway.out").read_text().splitlines()[:1])[0]
        agent = outputs.start("live", *LIVE, more=_venue(url))
        status = outputs.folder / "logs" / "status.json"
        _waited(lambda: status.exists() and orjson.loads(status.read_bytes())["venue"]["agrees"])
        outputs.run("halt", "halt", "--reason", f"my key is sk-{PERSON}")
        outputs.run("status", "status", "--json")
        outputs.run("stop", "stop")
        agent.wait(LIMIT_S)
    finally:
        for process in (agent, gateway):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(20)


def _echoed(outputs: Outputs, url: str) -> None:
    """Meet a venue and a model's server that give back what they are sent."""
    outputs.run("echo_doctor", "doctor", "--live", "--json", more=_venue(url) | {"OPENAI_BASE_URL": f"{url}/v1"})
    outputs.run("echo_live", *LIVE, "--logs", "logs_echo", more=_venue(url))
    outputs.run("echo_model", "run", "--feed", "demo", "--speed", "400", "--until", "08:45", "--model", "openai",
                "--logs", "logs_model", more={"OPENAI_BASE_URL": f"{url}/v1"})


def _venue(url: str) -> dict[str, str]:
    hubs = url.replace("http:", "ws:") + "/hubs"
    return {"TOPSTEPX_API_URL": url, "TOPSTEPX_USER_HUB_URL": f"{hubs}/user", "TOPSTEPX_MARKET_HUB_URL":
            f"{hubs}/market", "FABIO_ACCOUNT__LOSS_FLOOR": "48000", "FABIO_ACCOUNT__AS_OF": "2026-05-29"}


async def _tracebacks(url: str) -> bytes:
    """Fail in both clients, and write the tracebacks with the values of all variables."""
    key = SecretStr(LOCALS)
    clocks = Clock(monotonic_s=time.monotonic, wall_s=time.time)
    texts = [repr(key)]
    for address in (url, "http://127.0.0.1:9"):
        rest = open_rest(address, Credentials("demo", key), clocks, lambda: 0.0)
        try:
            await asyncio.wait_for(rest.accounts(), 20)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is looked at)
            texts += ["Frame", *traceback.TracebackException.from_exception(error, capture_locals=True).format()]
        await rest.aclose()
        model = OpenAIModel(
            Server(base_url=f"{address}/v1", api_key=key), Terms(model="stub", max_output_tokens=100),
            memory=Memory(None), redactor=KNOWN, times=Times(monotonic_s=time.monotonic, random_share=lambda: 0.0))
        texts.append(repr(vars(model)))
    return "\n".join(texts).encode()


def _readable(logs: Path) -> list[str]:
    """Name what others on this machine could read; a folder that is closed closes what lies in it."""
    if not logs.exists():
        return ["there are no records"]
    return [] if logs.stat().st_mode & 0o077 == 0 else [str(logs.name)]


def _waited(until: Callable[[], object]) -> list[str]:
    limit_s = time.monotonic() + LIMIT_S
    while True:
        found = until()
        if found:
            return found if isinstance(found, list) else []
        if time.monotonic() > limit_s:
            raise TimeoutError("the session of canaries did not begin")
        time.sleep(0.1)
