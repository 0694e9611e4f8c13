"""Two manners of calling: reads may be asked again, mutations never.

A read is tried up to 4 times within one limit for the whole, pauses and bodies included. A
mutation is sent once, and its end is one of the four of `outcomes`.

The one exception is a 401: the venue threw the call away at the door, so it was certainly not
executed. The token is renewed and the call sent once more; a second 401 is `NotSent`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import TypeVar

import httpx
import msgspec
from pydantic import SecretStr

from fabio.adapters.backoff import Backoff
from fabio.adapters.topstepx.errors import (
    CredentialsRefused,
    NeverLeft,
    NoAnswer,
    PermanentError,
    TemporaryError,
    WireError,
)
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.outcomes import Codes, NotSent, Outcome, Unknown, outcome_of
from fabio.adapters.topstepx.rest.tokens import Tokens
from fabio.adapters.topstepx.rest.transport import Against, Call, Reply, Transport, nothing
from fabio.adapters.topstepx.rest.wire import Envelope, clean_text, code_name, encode, read_envelope, read_problem

_PASSING = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS})
Answer = TypeVar("Answer")


class Patience(msgspec.Struct, frozen=True):
    """How long is waited, in seconds.

    Parameters
    ----------
    read_s
        For a read as a whole: queue, all attempts, pauses.
    attempt_s
        For one attempt of a read, from the first byte out to the last one in.
    attempts
        Attempts of a read.
    mutation_s
        For the answer to a mutation; after it the outcome is `Unknown`.
    mutation_queue_s
        For a mutation's place in the queue; after it the outcome is `NotSent`.
    token_s
        For a token, where one has to be fetched first; after it a mutation's outcome is `NotSent`.
    """

    read_s: float = 30.0
    attempt_s: float = 10.0
    attempts: int = 4
    mutation_s: float = 8.0
    mutation_queue_s: float = 5.0
    token_s: float = 10.0


class Calls:
    """Reads and mutations over a transport.

    Parameters
    ----------
    pauses
        Makes the pauses between the attempts of one read.
    """

    def __init__(
        self, transport: Transport, tokens: Tokens, pauses: Callable[[], Backoff], patience: Patience
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._pauses = pauses
        self._patience = patience

    async def read(
        self,
        path: str,
        body: object,
        codes: type[IntEnum],
        take: Callable[[Envelope], Answer],
        urgency: Urgency = Urgency.ASK,
    ) -> Answer:
        """Ask, again if need be, and return what `take` makes of the answer of a `success`.

        Parameters
        ----------
        codes
            The endpoint's error enum.
        take
            Raises `WireError` where the answer is only half of one: that is asked again, too.

        Raises
        ------
        PermanentError
            If the venue refuses the question; `code` says why.
        TemporaryError
            If no answer could be had in time.
        WireError
            If the last answer was unreadable, or its code is in no enum.
        CredentialsRefused
            If a person has to act first.
        """
        call = Call(path=path, content=encode(body), urgency=urgency,
                    queue_s=self._patience.read_s, answer_s=self._patience.attempt_s)
        return await self.asked_again(path, lambda: self._read_once(call, codes, take))

    async def mutate(
        self, path: str, body: object, codes: Codes, urgency: Urgency, against: Against = nothing
    ) -> Outcome:
        """Send once, if nothing is against it when its place has come; tell what became of it.

        A caller that is cancelled while it waits learns nothing: to it the outcome is unknown.

        Raises
        ------
        BadRequest
            If the body cannot be written.
        """
        call = Call(path=path, content=encode(body), urgency=urgency,
                    queue_s=self._patience.mutation_queue_s, answer_s=self._patience.mutation_s, against=against)
        outcome = await self._mutated(call, codes)
        self._transport.counts[type(outcome).__name__] += 1
        if isinstance(outcome, Unknown) and outcome.code is not None and code_name(codes, outcome.code) is None:
            self._transport.counts["unknown code"] += 1
        return outcome

    async def asked_again(self, path: str, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """Try what may be tried again, within the limits of a read; raises what `read` raises."""
        last: TemporaryError | WireError | None = None
        pauses = self._pauses()
        now_s = asyncio.get_running_loop().time
        ends_s = now_s() + self._patience.read_s
        try:
            async with asyncio.timeout_at(ends_s):
                for _ in range(self._patience.attempts):
                    if last is not None:
                        pause_s = max(pauses.next_s(), last.delay_s if isinstance(last, TemporaryError) else 0.0)
                        if now_s() + pause_s >= ends_s:
                            break
                        await asyncio.sleep(pause_s)
                        self._transport.counts["asked again"] += 1
                    try:
                        return await attempt()
                    except (TemporaryError, WireError) as error:
                        last = error
        except TimeoutError:
            said = f"; the last attempt: {last}" if last is not None else ""
            raise TemporaryError(f"{path} was not answered within {self._patience.read_s:g} s{said}") from None
        if last is None:
            raise TemporaryError(f"{path} was not asked: no attempt is allowed")
        raise last

    async def _read_once(
        self, call: Call, codes: type[IntEnum], take: Callable[[Envelope], Answer]
    ) -> Answer:
        reply = await self._authorized(call)
        if reply.status == httpx.codes.UNAUTHORIZED:
            raise TemporaryError(f"{call.path}: the venue refuses a token it has just given")
        if reply.status != httpx.codes.OK:
            raise self._status_error(call.path, reply)
        try:
            answer = read_envelope(reply.content)
            if answer.success and answer.code == 0:
                return take(answer)
        except WireError as error:
            self._transport.counts["unreadable"] += 1
            raise WireError(f"{call.path}: {error}") from None
        words = clean_text(answer.message, self._transport.hide)
        said = f": {words}" if words else ""
        name = code_name(codes, answer.code)
        if answer.success or answer.code == 0 or name is None:
            self._transport.counts["unknown code"] += 1
            says = f"success {answer.success} with error {answer.code}, which means nothing"
            raise WireError(f"{call.path}: {says}{said}")
        raise PermanentError(f"{call.path}: error {answer.code} ({name}){said}", answer.code)

    def _status_error(self, path: str, reply: Reply) -> TemporaryError | PermanentError:
        problem = clean_text(read_problem(reply.content) or "", self._transport.hide)
        words = f"{path}: HTTP {reply.status}{': ' + problem if problem else ''}"
        if 400 <= reply.status < 500 and reply.status not in _PASSING:
            return PermanentError(words)
        return TemporaryError(words)

    async def _mutated(self, call: Call, codes: Codes) -> Outcome:
        try:
            reply = await self._authorized(call)
        except NoAnswer as error:
            return Unknown(str(error))
        except (NeverLeft, CredentialsRefused, PermanentError, WireError) as error:
            return NotSent(str(error))  # all but the first come from the token's own calls
        if reply.status == httpx.codes.UNAUTHORIZED:
            return NotSent(f"{call.path}: the venue refuses a token it has just given")
        return outcome_of(reply.status, reply.content, codes, self._transport.hide)

    async def _authorized(self, call: Call) -> Reply:
        """Send with a token; after a 401 once more, with a new one."""
        token = await self._token(self._tokens.bearer(call.urgency))
        reply = await self._transport.send(call, token)
        if reply.status != httpx.codes.UNAUTHORIZED:
            return reply
        return await self._transport.send(call, await self._token(self._tokens.renew(token)))

    async def _token(self, wanted: Awaitable[SecretStr]) -> SecretStr:
        # a login without an answer leaves nobody in doubt about the call that waits for it
        try:
            async with asyncio.timeout(self._patience.token_s):
                return await wanted
        except TimeoutError:
            raise NeverLeft(f"no token within {self._patience.token_s:g} s") from None
        except TemporaryError as error:
            raise NeverLeft(f"no token: {error}", error.delay_s) from None
