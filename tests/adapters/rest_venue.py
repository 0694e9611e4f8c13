"""A scripted venue behind respx, and the client in front of it, in virtual time."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import httpx
import respx
from pydantic import SecretStr

from fabio.adapters.topstepx.rest.calls import Patience
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.session import Limits, open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock

URL = "https://venue.test"
KEY = "canary-key-4711+/="
WALL_S = 1_795_185_000.0  # at the loop's time 0
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


def jwt(exp_s: float, serial: int = 0) -> str:
    """Make a token as the venue does; the signature is canary text."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, {"exp": int(exp_s), "n": serial})]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + ".canary-signature"


def good(**fields: object) -> httpx.Response:
    """A success with these fields."""
    return httpx.Response(200, json={"success": True, "errorCode": 0, "errorMessage": None, **fields})


def refusal(code: int, message: str | None = None, **fields: object) -> httpx.Response:
    """A business refusal."""
    return httpx.Response(200, json={"success": False, "errorCode": code, "errorMessage": message, **fields})


class Venue:
    """Answers by path; what nobody scripted succeeds with empty lists."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, str, bytes, str]] = []  # when, path, body, token
        self.scripts: dict[str, list[Answer]] = {}  # path -> answers in order, the last one stays
        self.good_tokens: set[str] = set()
        self.life_s = 86_400.0
        self.skew_s = 0.0

    def say(self, path: str, *answers: Answer) -> None:
        self.scripts[path] = list(answers)

    def count(self, path: str) -> int:
        return sum(called == path for _, called, _, _ in self.calls)

    def paths(self) -> Counter[str]:
        return Counter(path for _, path, _, _ in self.calls)

    def bodies(self, path: str) -> list[dict[str, object]]:
        return [json.loads(body) for _, called, body, _ in self.calls if called == path]

    async def answer(self, request: httpx.Request) -> httpx.Response:
        now_s = asyncio.get_running_loop().time()
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        path = request.url.path
        self.calls.append((now_s, path, request.content, token))
        response = await self._choose(path, token, request)
        response.headers["Date"] = formatdate(WALL_S + now_s + self.skew_s, usegmt=True)
        return response

    async def _choose(self, path: str, token: str, request: httpx.Request) -> httpx.Response:
        script = self.scripts.get(path)
        if script:
            chosen = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(chosen, Exception):
                raise chosen
            if isinstance(chosen, httpx.Response):
                return httpx.Response(chosen.status_code, headers=chosen.headers, content=chosen.content)
            made = chosen(request)
            return await made if isinstance(made, Awaitable) else made
        if path == "/api/Auth/loginKey":
            return good(token=self.new_token())
        if path == "/api/Auth/validate":
            return good(newToken=self.new_token()) if token in self.good_tokens else httpx.Response(401)
        if path == "/api/Status/ping":
            return httpx.Response(200, text="pong", headers={"X-Clock": "7"})
        if token not in self.good_tokens:
            return httpx.Response(401)
        return good(orderId=9056, totalCount=0, accounts=[], contracts=[], orders=[], positions=[], trades=[], bars=[])

    def new_token(self) -> str:
        token = jwt(WALL_S + asyncio.get_running_loop().time() + self.life_s, len(self.good_tokens))
        self.good_tokens.add(token)
        return token


@asynccontextmanager
async def connected(
    venue: Venue, patience: Patience | None = None, limits: Limits | None = None
) -> AsyncIterator[Rest]:
    """Open the client on the running loop's clock."""
    now_s = asyncio.get_running_loop().time
    clock = Clock(monotonic_s=now_s, wall_s=lambda: WALL_S + now_s())
    with respx.mock(assert_all_called=False) as router:
        router.route(host="venue.test").mock(side_effect=venue.answer)
        rest = open_rest(URL, Credentials("demo", SecretStr(KEY)), clock, lambda: 0.0, patience, limits)
        try:
            yield rest
        finally:
            await rest.aclose()
