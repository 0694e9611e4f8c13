"""The REST client, put together: one HTTP client, two gates, one token."""

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec

from fabio.adapters.backoff import Backoff
from fabio.adapters.topstepx.rest.buckets import GENERAL_LIMIT, HISTORY_LIMIT, Gate, Limit
from fabio.adapters.topstepx.rest.calls import Calls, Patience
from fabio.adapters.topstepx.rest.endpoints import Rest
from fabio.adapters.topstepx.rest.tokens import Credentials, Tokens
from fabio.adapters.topstepx.rest.transport import CONNECTIONS, Clock, Transport
from fabio.model.errors import ConfigError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 4.0
_KEEP_CONNECTION_S = 30.0


class Limits(msgspec.Struct, frozen=True):
    """Both rates; the defaults are 80 % of the venue's."""

    general: Limit = GENERAL_LIMIT
    history: Limit = HISTORY_LIMIT


def open_rest(
    base_url: str,
    credentials: Credentials,
    clock: Clock,
    random_share: Callable[[], float],
    patience: Patience | None = None,
    limits: Limits | None = None,
    carrier: httpx.AsyncBaseTransport | None = None,
) -> Rest:
    """Make the client; nothing is sent yet, the first call logs in.

    Parameters
    ----------
    base_url
        Like `https://api.topstepx.com`; an `/api` at its end is taken off.
    clock, random_share
        The runtime's clocks, and numbers in [0, 1) that spread the pauses.
    carrier
        Carries the requests; None opens sockets.

    Raises
    ------
    ConfigError
        If the address is none, or credentials would travel unencrypted or are missing.

    Notes
    -----
    Proxies and certificates come from the environment (`HTTPS_PROXY`, `SSL_CERT_FILE`), but never
    for an address of this machine: a proxy must not stand between us and a local gateway.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or "@" in base_url:
        shown = "with a password in it" if "@" in base_url else repr(base_url)
        raise ConfigError(f"the venue's address {shown} has to be like https://api.topstepx.com")
    local = parts.hostname in _LOOPBACK
    if parts.scheme == "http" and not local:
        raise ConfigError(f"{base_url} would carry the API key in the clear: use https, or an address of this machine")
    if not credentials.user_name or not credentials.api_key.get_secret_value():
        raise ConfigError("TopstepX needs a user name and an API key: set TOPSTEP_USERNAME and TOPSTEP_API_KEY "
                          "(Settings, API on the platform makes the key)")
    limits = limits or Limits()
    patience = patience or Patience()
    http = httpx.AsyncClient(
        base_url=base_url.rstrip("/").removesuffix("/api"),
        http2=False,
        transport=carrier,
        trust_env=not local,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS,
                            keepalive_expiry=_KEEP_CONNECTION_S),
        headers={"User-Agent": "fabio", "Accept": "application/json"},
    )
    transport = Transport(
        http, Gate(limits.general, clock.monotonic_s), Gate(limits.history, clock.monotonic_s), clock
    )
    tokens = Tokens(transport, credentials)
    calls = Calls(transport, tokens, lambda: Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, random_share), patience)
    return Rest(transport, tokens, calls)
