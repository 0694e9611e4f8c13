"""The client: any OpenAI-compatible server, one deadline, a bounded cost, a closed set of failures."""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
from pydantic import SecretStr

from fabio.adapters.llm.asking import NOTHING_USD, Ask, Failure, Reply, Terms, Usage, call_hash, canonical
from fabio.adapters.llm.memory import Memory
from fabio.adapters.llm.prices import HIGHEST, PRICES, Price, cost_of, most_cost, price_of
from fabio.adapters.llm.reading import Said, read
from fabio.adapters.llm.servers import Shape, body_of, is_loopback, shape_of
from fabio.adapters.llm.transport import BoundedTransport, open_transport
from fabio.adapters.llm.troubles import Trouble, trouble_of
from fabio.adapters.redact import Redactor

_CONNECT_S = 3.0
_LONGEST_NAME = 100
_AROUND_SCHEMA_BYTES = 256
"""The words or the JSON that a schema is wrapped in."""
_RESPONSE: Any = httpx.Response
_log = logging.getLogger(__name__)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ask.

    Parameters
    ----------
    api_key
        Local servers take any.
    price
        None takes the listed one; a server on this machine is free.
    """

    base_url: str
    api_key: SecretStr
    price: Price | None = None


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """When a request is sent a second time.

    Parameters
    ----------
    retry_least_s
        Only if so much of the deadline is left after the pause.
    pause_s
        Before the second attempt where the server names no time, less up to half by chance.
    """

    retry_least_s: float = 8.0
    pause_s: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.retry_least_s <= 600 and 0 <= self.pause_s <= 600):
            raise ValueError(f"retry_least_s is {self.retry_least_s} s and pause_s {self.pause_s} s; expected 0 to 600")


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Both things a client must not make itself: a monotonic clock in seconds, and chance in [0, 1)."""

    monotonic_s: Callable[[], float]
    random_share: Callable[[], float]


class _Tally:
    """What one ask has come to so far; it outlives a deadline that strikes in the middle."""

    def __init__(self, began_s: float, deadline_s: float) -> None:
        self.began_s = began_s
        self.ends_s = began_s + deadline_s
        self.attempts = 0
        self.cost_usd = NOTHING_USD
        self.out_usd = NOTHING_USD  # the most that the request now out may cost
        self.usage: Usage | None = None

    def leave(self, most_usd: Decimal) -> None:
        self.attempts += 1
        self.out_usd = most_usd

    def settle(self, cost_usd: Decimal) -> None:
        self.cost_usd += cost_usd
        self.out_usd = NOTHING_USD


class OpenAIModel:
    """A model at an OpenAI-compatible server, asked by chat completions.

    Importing the openai package takes a second, and reading certificates a while: make it before
    ticks flow, after `warm_up`.

    Parameters
    ----------
    memory
        Keeps what the server turned out to take.
    redactor
        Masks secrets in everything that leaves this class; the key is added to it.
    patience
        None takes the defaults.
    transport
        The way to the server; None opens one.
    """

    def __init__(
        self, server: Server, terms: Terms, *, memory: Memory, redactor: Redactor, times: Times,
        patience: Patience | None = None, transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import openai

        self.terms = terms
        self.address, secrets = _without_login(server.base_url)
        for secret in (*secrets, server.api_key.get_secret_value()):
            redactor.keep_secret(secret)
        self.price = server.price or price_of(terms.model, is_loopback(server.base_url))
        self._memory, self._redactor, self._times = memory, redactor, times
        self._patience = patience or Patience()
        # httpx2, which newer packages declare, is httpx under another name: they take the clients of both
        http: Any = httpx.AsyncClient(
            transport=BoundedTransport(transport or open_transport(server.base_url)),
            headers={"Accept-Encoding": "identity"}, follow_redirects=False)
        self._client = openai.AsyncOpenAI(
            # a local server takes any key, but the package refuses to have none
            api_key=server.api_key.get_secret_value() or "none", base_url=server.base_url, max_retries=0,
            http_client=http)

    @property
    def shape(self) -> Shape:
        """How the server is asked now."""
        return self._memory.get(self.address, self.terms.model) or shape_of(self.address, self.terms.model)

    def forget(self) -> None:
        """Begin anew with what the server takes."""
        self._memory.forget(self.address, self.terms.model)

    def most_cost(self, ask: Ask) -> Decimal:
        """Give an upper bound of one request's cost in USD; an ask makes at most two that cost."""
        texts = len(ask.system.encode("utf-8", "replace")), len(ask.user.encode("utf-8", "replace"))
        return self.most_cost_of(*texts, len(canonical(ask.schema)))

    def most_cost_of(self, system_bytes: int, user_bytes: int, schema_bytes: int) -> Decimal:
        """Give the same bound by lengths; the schema's as `canonical` writes it."""
        input_bytes = system_bytes + user_bytes + schema_bytes + _AROUND_SCHEMA_BYTES
        return most_cost(self.price, input_bytes, self.terms.max_output_tokens)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, ask: Ask) -> Reply:
        """Answer within the deadline; whatever goes wrong is a failure with a reason.

        Cancellation passes. The request then out may cost up to `most_cost`, and nobody tells.
        """
        tally = _Tally(self._times.monotonic_s(), ask.deadline_s)
        said: Said
        try:
            async with asyncio.timeout(ask.deadline_s):
                said = await self._converse(ask, tally)
        except TimeoutError:
            said = Said(failure=Failure("timeout", f"no whole answer within {ask.deadline_s:g} s"))
        except Exception as error:  # noqa: BLE001  # the model boundary: nothing of theirs may end us
            said = Said(failure=Failure("unexpected", f"{type(error).__name__}: {error}"))
        tally.settle(tally.out_usd)  # of a request whose fate is unknown, the most
        return self._reply(ask, said, tally)

    async def _converse(self, ask: Ask, tally: _Tally) -> Said:
        # a key that somebody wrote into a note is not for the server either
        hide = self._redactor.hide_keys
        ask = msgspec.structs.replace(ask, system=hide(ask.system), user=hide(ask.user))
        shape = self.shape
        seen = {shape}
        retried = False
        last: Said | None = None
        while True:
            body = body_of(ask, self.terms, shape)
            most_usd = self._most_of(body)
            if ask.allowance_usd is not None and tally.cost_usd + most_usd > ask.allowance_usd:
                return last or Said(failure=Failure("over_budget", self._too_much(most_usd, ask.allowance_usd)))
            answer = await self._post(body, tally, most_usd)
            if isinstance(answer, Said):
                self._memory.put(self.address, self.terms.model, shape)
                return answer
            last = Said(failure=answer.failure)
            smaller = shape.without(answer.complaint) if answer.complaint else None
            if smaller is not None and smaller not in seen:
                seen.add(smaller)
                shape = smaller
                continue
            pause_s = self._pause_s(answer)
            if retried or not answer.may_retry or not self._has_time(tally, pause_s):
                return last
            retried = True
            await asyncio.sleep(pause_s)

    async def _post(self, body: dict[str, Any], tally: _Tally, most_usd: Decimal) -> Said | Trouble:
        left_s = max(tally.ends_s - self._times.monotonic_s(), 0.001)
        timeout: Any = httpx.Timeout(left_s, connect=min(_CONNECT_S, left_s))
        tally.leave(most_usd)
        trouble: Trouble | None
        try:
            # not `create`: it resolves type hints for 100 ms at first, and builds models that fail on odd bodies
            response = await self._client.post(
                "/chat/completions", cast_to=_RESPONSE, body=body, options={"timeout": timeout})
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is None:
                raise
        else:
            said = read(response.content)
            tally.usage = said.usage
            tally.settle(most_usd if said.usage is None else cost_of(said.usage, self.price))
            return said
        tally.settle(most_usd if trouble.may_cost else NOTHING_USD)
        return trouble

    def _most_of(self, body: dict[str, Any]) -> Decimal:
        texts = sum(len(message["content"].encode("utf-8", "replace")) for message in body["messages"])
        form = len(canonical(body.get("response_format", "")))
        return most_cost(self.price, texts + form, self.terms.max_output_tokens)

    def _too_much(self, most_usd: Decimal, allowance_usd: Decimal) -> str:
        words = f"could cost {most_usd:.6f} USD, {allowance_usd:.6f} are allowed"
        if self.price is HIGHEST and self.terms.model not in PRICES:
            return f"{words}: {self.terms.model} has no known price and counts as the dearest; set its price"
        return words

    def _pause_s(self, trouble: Trouble) -> float:
        if trouble.after_s is not None:
            return trouble.after_s
        return self._patience.pause_s * (1 - 0.5 * self._times.random_share())

    def _has_time(self, tally: _Tally, pause_s: float) -> bool:
        return tally.ends_s - self._times.monotonic_s() - pause_s >= self._patience.retry_least_s

    def _reply(self, ask: Ask, said: Said, tally: _Tally) -> Reply:
        hide = self._redactor
        failure = said.failure
        if failure is not None:
            failure = Failure(failure.reason, hide.detail(failure.detail))
            _log.info("%s gave no answer: %s (%s)", self.terms.model, failure.reason, failure.detail)
        return Reply(
            text=None if said.text is None else hide.hide(said.text, told=ask.user),
            failure=failure, usage=tally.usage, cost_usd=tally.cost_usd,
            latency_s=round(self._times.monotonic_s() - tally.began_s, 3),
            model=hide.detail(said.model)[:_LONGEST_NAME] or self.terms.model,
            call_hash=call_hash(ask, self.terms), attempts=tally.attempts)


def warm_up() -> None:
    """Do what a first request does but once, for 50 ms and more: imports, and looking at the platform.

    It runs a loop of its own: call it in a thread, or before there is a loop.
    """
    import anyio
    import openai

    async def ask_nobody() -> None:
        await anyio.sleep(0)  # what httpx waits with, imported by the first wait
        http: Any = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200, json={})))
        async with openai.AsyncOpenAI(api_key="none", base_url="http://nobody.invalid", http_client=http) as client:
            await client.post("/chat/completions", cast_to=_RESPONSE, body={})

    asyncio.run(ask_nobody())


def _without_login(base_url: str) -> tuple[str, tuple[str, ...]]:
    """Take user and password out of an address; give them too."""
    parts = urlsplit(base_url)
    login, at, place = parts.netloc.rpartition("@")
    secrets = (login, parts.password or "") if at else ()
    return urlunsplit(parts._replace(netloc=place, query="")), secrets
