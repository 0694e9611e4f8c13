"""The token: one login at a time, renewed ahead of its end, and nowhere to be read.

A token lives 24 h and serves REST and both hubs. It is renewed at 20 h of age, or 5 minutes
before its end where that is sooner: by `validate`, and by a new login where that fails. A 401
renews it too, by a login at once; a hundred callers with the same dead token make one login.
"""

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Callable

import msgspec
from pydantic import SecretStr

from fabio.adapters.topstepx.enums import LoginError
from fabio.adapters.topstepx.errors import (
    CredentialsRefused,
    PermanentError,
    TemporaryError,
    WireError,
    login_refusal,
)
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.skew import http_date_s
from fabio.adapters.topstepx.rest.transport import Call, Reply, Transport
from fabio.adapters.topstepx.rest.wire import Envelope, clean_text, decode, encode, read_envelope

RENEW_AT_AGE_S = 20 * 3600.0
RENEW_BEFORE_END_S = 300.0
LIFE_IF_UNREADABLE_S = 3600.0
_LONGEST_LIFE_S = 24 * 3600.0
_LAST_MOMENT_S = 30.0
_AFTER_FAILURE_S = 60.0
_LOOK_EVERY_S = 60.0
_REFUSED_FOR_S = 300.0
_REFUSED_AGAIN_S = (5.0, *(10.0,) * 11, *(60.0,) * 5)
"""How long a refusal is believed of a key that was good before, one after the other: the venue may be wrong, and
something may have to be closed."""
_LOGINS_PER_MINUTE = 5
_CALL_S = 5.0
_LONGEST_TOKEN = 16 * 1024

_LOGIN = "/api/Auth/loginKey"
_VALIDATE = "/api/Auth/validate"
_LOGOUT = "/api/Auth/logout"


class Credentials(msgspec.Struct, frozen=True):
    """Who we are: the platform's login name (not the e-mail address) and its API key."""

    user_name: str
    api_key: SecretStr


class _Held(msgspec.Struct, frozen=True):
    token: SecretStr
    due_s: float  # when to renew it, by the monotonic clock
    ends_s: float


class Tokens:
    """Hands out the token that is good now.

    A refusal to log in is kept for 5 minutes and handed to every caller: a wrong key is tried once,
    not in a loop. A key that was good before is tried again sooner, for the first minutes.

    Attributes
    ----------
    was_good
        Whether the key has let somebody in; who asked with another client before says so here.
    """

    def __init__(self, transport: Transport, credentials: Credentials) -> None:
        self._transport = transport
        self._credentials = credentials
        self._held: _Held | None = None
        self._flight: asyncio.Task[_Held] | None = None
        self._refused: CredentialsRefused | None = None
        self._refused_until_s = float("-inf")
        self._refusals = 0  # in a row
        self.was_good = False
        self._failed_s = float("-inf")
        self._logins_s: deque[float] = deque(maxlen=_LOGINS_PER_MINUTE)
        transport.keep_secret(credentials.api_key)

    async def bearer(self, urgency: Urgency = Urgency.ASK) -> SecretStr:
        """Return a token that is good; logs in the first time.

        A token that is due is renewed here by the first who asks, but never at the cost of a
        protective call, and as long as it lives a failed renewal stops nobody.

        Raises
        ------
        CredentialsRefused
            If a person has to act first.
        TemporaryError, WireError, PermanentError
            If there is no token and none can be had now.
        """
        held, now_s = self._held, self._now_s()
        if held is None or now_s >= held.ends_s - _LAST_MOMENT_S:
            return (await self._one_flight()).token
        under_way = self._flight is not None and not self._flight.done()
        if now_s < held.due_s or urgency is Urgency.PROTECT or under_way or now_s < self._try_again_s():
            return held.token
        try:
            return (await self._one_flight()).token
        except (CredentialsRefused, TemporaryError, WireError, PermanentError):
            return held.token

    async def renew(self, dead: SecretStr) -> SecretStr:
        """Return another token than `dead`, which the venue has just answered with 401.

        Raises
        ------
        As `bearer`; and `TemporaryError` after 5 logins within a minute.
        """
        held = self._held
        if held is not None and held.token != dead:
            return held.token  # somebody was quicker
        self._transport.counts["dead token"] += 1
        self._held = None
        return (await self._one_flight()).token

    async def keep_fresh(self, trouble: Callable[[Exception], None]) -> None:
        """Renew the token whenever it is due, for ever: a root task of the running agent.

        Parameters
        ----------
        trouble
            Told of each failed renewal; the next try comes a minute later.
        """
        while True:
            held, now_s = self._held, self._now_s()
            wait_s = _LOOK_EVERY_S if held is None else max(held.due_s, self._try_again_s()) - now_s
            await asyncio.sleep(min(max(wait_s, 1.0), _LOOK_EVERY_S))
            held = self._held
            if held is None or self._now_s() < max(held.due_s, self._try_again_s()):
                continue  # without any token the next call logs in
            try:
                await self._one_flight()
            except (CredentialsRefused, TemporaryError, WireError, PermanentError) as error:
                trouble(error)

    async def logout(self) -> None:
        """Give the token back; what goes wrong with that does not matter."""
        held, self._held = self._held, None
        if held is None:
            return
        try:
            await self._transport.send(Call(path=_LOGOUT, queue_s=_CALL_S, answer_s=_CALL_S), held.token)
        except TemporaryError:
            return

    async def aclose(self) -> None:
        """End a login that is under way."""
        if self._flight is not None and not self._flight.done():
            self._flight.cancel()
            await asyncio.wait({self._flight})

    async def _one_flight(self) -> _Held:
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fetch(), name="topstepx token")
            self._flight.add_done_callback(_look_at)
        # a caller that gives up must not end the login of all others
        return await asyncio.shield(self._flight)

    async def _fetch(self) -> _Held:
        now_s = self._now_s()
        if self._refused is not None and now_s < self._refused_until_s:
            raise CredentialsRefused(str(self._refused))
        try:
            held = await self._validated()
            if held is None:
                held = await self._logged_in()
        except (CredentialsRefused, TemporaryError, WireError, PermanentError) as error:
            self._failed_s = self._now_s()
            if isinstance(error, CredentialsRefused):
                self._refused, self._refused_until_s = error, self._failed_s + self._believed_s()
                self._refusals += 1
            raise
        self._held, self._refused, self._failed_s = held, None, float("-inf")
        self._refusals, self.was_good = 0, True
        return held

    def _believed_s(self) -> float:
        """How long the next refusal is believed."""
        if not self.was_good or self._refusals >= len(_REFUSED_AGAIN_S):
            return _REFUSED_FOR_S
        return _REFUSED_AGAIN_S[self._refusals]

    async def _validated(self) -> _Held | None:
        held = self._held
        if held is None or self._now_s() >= held.ends_s:
            return None
        try:
            reply = await self._send(Call(path=_VALIDATE, urgency=Urgency.PROTECT, queue_s=_CALL_S, answer_s=_CALL_S),
                                     held.token)
            if reply.status != 200:
                return None
            answer = _answer(reply)
            return self._hold(_secret(answer, "newToken"), reply) if answer.success else None
        except (TemporaryError, WireError):
            return None

    async def _logged_in(self) -> _Held:
        now_s = self._now_s()
        if len(self._logins_s) == _LOGINS_PER_MINUTE and now_s - self._logins_s[0] < 60.0:
            raise TemporaryError(f"the venue refuses tokens it has just given: {_LOGINS_PER_MINUTE} logins within "
                                 "a minute did not help", delay_s=15.0)
        self._logins_s.append(now_s)
        user_name = self._credentials.user_name
        reply = await self._send(Call(
            path=_LOGIN, urgency=Urgency.PROTECT, queue_s=_CALL_S, answer_s=_CALL_S,
            content=encode({"userName": user_name, "apiKey": self._credentials.api_key.get_secret_value()}),
        ))
        if reply.status in (401, 403):
            raise CredentialsRefused(
                f"TopstepX refuses user {user_name!r} with HTTP {reply.status}: compare TOPSTEP_USERNAME and "
                "TOPSTEP_API_KEY with the platform (Settings, API), and go online from your own device"
            )
        if reply.status == 400:
            raise PermanentError(f"TopstepX cannot read the login of {user_name!r} (HTTP 400)")
        if reply.status != 200:
            raise TemporaryError(f"the login of {user_name!r} was answered with HTTP {reply.status}")
        answer = _answer(reply)
        if not answer.success or answer.code != LoginError.SUCCESS:
            raise login_refusal(answer.code, user_name, clean_text(answer.message, self._transport.hide))
        return self._hold(_secret(answer, "token"), reply)

    async def _send(self, call: Call, bearer: SecretStr | None = None) -> Reply:
        self._transport.counts["token calls"] += 1
        return await self._transport.send(call, bearer)

    def _hold(self, secret: SecretStr | None, reply: Reply) -> _Held:
        if secret is None:
            raise WireError("a login that succeeded without a token that could be sent")
        self._transport.keep_secret(secret)
        now_s = self._now_s()
        life_s = token_life_s(secret, http_date_s(reply.headers.get("date")) or self._transport.clock.wall_s())
        due_s = min(RENEW_AT_AGE_S, max(life_s - RENEW_BEFORE_END_S, life_s / 2))
        return _Held(secret, now_s + due_s, now_s + life_s)

    def _try_again_s(self) -> float:
        return self._failed_s + _AFTER_FAILURE_S

    def _now_s(self) -> float:
        return self._transport.clock.monotonic_s()


def token_life_s(token: SecretStr, now_s: float) -> float:
    """Seconds a token still lives, by its `exp` claim, which is read without checking the signature.

    Parameters
    ----------
    now_s
        The venue's time, in seconds since 1970, when it gave the token.

    Returns
    -------
    float
        At most 24 h; one hour where there is no readable `exp`, or one that has passed already
        (then a clock is wrong: a 401 will say more).
    """
    try:
        payload = token.get_secret_value().split(".")[1]
        claims = decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        life_s = float(claims["exp"]) - now_s
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, ArithmeticError, binascii.Error, WireError):
        return LIFE_IF_UNREADABLE_S
    return min(life_s, _LONGEST_LIFE_S) if life_s > 0 else LIFE_IF_UNREADABLE_S


def _answer(reply: Reply) -> Envelope:
    try:
        return read_envelope(reply.content)
    except WireError as error:
        words = str(error)
    raise WireError(words)  # outside the handler: frames below hold the answer, and that the token


def _secret(answer: Envelope, name: str) -> SecretStr | None:
    token = answer.fields.get(name)
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        return None
    fits_a_header = token.isascii() and token.isprintable() and " " not in token
    return SecretStr(token) if fits_a_header else None


def _look_at(flight: "asyncio.Task[_Held]") -> None:
    if not flight.cancelled():
        flight.exception()  # looked at, so that nobody is told of it a second time
