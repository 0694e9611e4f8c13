"""Tokens: what looks like a JWT of three parts, good until its `exp` on the replay clock."""

import base64
import hashlib
import hmac
import json

from fabio.adapters.gateway.clock import VenueClock
from fabio.adapters.topstepx.stamps import SECOND_NS


class Tokens:
    """The sessions of the gateway's users.

    Parameters
    ----------
    life_s
        How long a token is good.
    seed
        Of the signatures; nobody checks them.
    """

    def __init__(self, clock: VenueClock, life_s: int, seed: int) -> None:
        self._clock = clock
        self._life_s = life_s
        self._key = f"gateway {seed}".encode()
        self._good: dict[str, tuple[str, int]] = {}  # token -> user, end in ns
        self._ended: set[str] = set()
        self._issued = 0

    def issue(self, user: str) -> str:
        """Make a token; those issued before stay good."""
        now_s = self._clock.now_ns // SECOND_NS
        end_s = now_s + self._life_s
        offset_s = self._clock.offset_ns // SECOND_NS
        self._issued += 1
        claims = {"sub": user, "jti": f"{self._issued:08x}", "iat": now_s + offset_s, "nbf": now_s + offset_s,
                  "exp": end_s + offset_s, "iss": "topstepx.gateway.simulated", "aud": "topstepx.gateway.simulated"}
        head = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = hmac.new(self._key, head.encode(), hashlib.sha256).digest()
        token = f"{head}.{_letters(signature)}"
        self._good[token] = (user, end_s * SECOND_NS)
        return token

    def user_of(self, token: str) -> str | None:
        """Give the user of a token that is good now; None for any other."""
        found = self._good.get(token)
        if found is None or found[1] <= self._clock.now_ns:
            return None
        return found[0]

    def is_expired(self, token: str) -> bool:
        """Tell whether a token was good once."""
        return token in self._ended or (token in self._good and self.user_of(token) is None)

    def end(self, token: str) -> None:
        """End one token."""
        self._good.pop(token, None)
        self._ended.add(token)

    def end_all(self) -> None:
        """End every token: all clients have to log in anew."""
        self._ended |= set(self._good)
        self._good.clear()


def _part(value: object) -> str:
    return _letters(json.dumps(value, separators=(",", ":")).encode())


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
