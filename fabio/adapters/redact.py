"""Redaction: keys never reach a record, a log line or a screen, whoever wrote them there.

One for the whole process, `KNOWN`, holds every secret that was read or handed out: settings put keys into it
as they read them, the venue's client its tokens. What leaves the process as words goes through it: log lines,
the last words of a command that failed, a traceback.
"""

import json
import logging
import re
from collections.abc import Iterable
from urllib.parse import quote

MASK = "***"
_SHORTEST_SECRET = 6
_LONGEST_DETAIL = 300
_LOOKED_AT = 64 * 1024
_SECRETS_KEPT, _KEYS_KEPT = 256, 64
# a key has digits (or the stars of somebody else's masking); words of our own that begin alike have not
_KEY_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|ghp|gho|glpat)[-_](?=[A-Za-z_-]*[\d*])[A-Za-z0-9*_-]{12,}"
    r"|\b(?:AKIA|AIza)[A-Za-z0-9_-]{12,}"
    r"|\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}"
    r"|(?i:\bbearer\s+)(?=[^\s\d*]*[\d*])[A-Za-z0-9._~+/=*-]{16,}"
    r"|(?i:\bbasic\s+)(?=\w+[A-Z\d])[A-Za-z0-9+/=]{12,}"
    r"|(?<=://)[^/\s:@\"']+:[^/\s@\"']+(?=@)",
)
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\u2027\u202f-\u2065\u2070-\ufefe]+")


class Redactor:
    """Masks known secrets, what is shaped like a key, and long runs that look drawn by chance.

    Parameters
    ----------
    secrets
        Values that must never be seen; very short ones are left out, they would mask words.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given: dict[str, None] = {}
        self._secrets: tuple[str, ...] = ()
        self._keep(secrets)

    def keep_secret(self, secret: str) -> None:
        """Add a value to those that must never be seen."""
        self._keep((secret,))

    def _keep(self, secrets: Iterable[str]) -> None:
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                # as it is, as it stands inside JSON, and inside an address
                in_address = quote(secret, safe="", errors="replace")
                self._given |= dict.fromkeys((secret, json.dumps(secret)[1:-1], in_address))
        while len(self._given) > _SECRETS_KEPT:  # tokens come and go; keys are given first, and stay
            del self._given[next(each for place, each in enumerate(self._given) if place == _KEYS_KEPT)]
        # the longest first: one may hold another
        self._secrets = tuple(sorted(self._given, key=lambda each: (-len(each), each)))

    def hide_keys(self, text: str) -> str:
        """Mask known secrets and what is shaped like a key; hashes and ids stay.

        >>> Redactor(["hunter22"]).hide_keys("hunter22, sk-proj-abcdefgh12345678, Bearer abcdefgh12345678")
        '***, ***, ***'
        """
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _KEY_SHAPES.sub(MASK, text)

    def hide(self, text: str, told: str = "") -> str:
        """Mask as `hide_keys` does, and long base64 or hex too.

        Parameters
        ----------
        told
            Runs that stand in it are no news and stay: an answer echoes its question's id.

        >>> Redactor().hide("key 9f86d081884c7d659a2feaa0c55ad015 of seconds_outside_value_in_30_minutes")
        'key *** of seconds_outside_value_in_30_minutes'
        """
        return _RUN.sub(
            lambda run: MASK if _looks_drawn(run[0]) and run[0] not in told else run[0], self.hide_keys(text))

    def detail(self, text: str) -> str:
        """Write somebody's text as one short printable line without secrets."""
        # masked long before it is cut: half a key is half of a secret
        clean = _UNPRINTABLE.sub(" ", self.hide(text[:_LOOKED_AT])).strip()
        return clean if len(clean) <= _LONGEST_DETAIL else clean[: _LONGEST_DETAIL - 3] + "..."


def _looks_drawn(run: str) -> bool:
    """Tell a key or a hash from a long name: names have no digits among capitals, and few digits."""
    digits = sum(letter.isdigit() for letter in run)
    if digits < 4:
        return False
    is_hex = all(letter in "0123456789abcdefABCDEF" for letter in run)
    mixed = any(letter.isupper() for letter in run) and any(letter.islower() for letter in run)
    return is_hex or mixed or digits * 4 >= len(run)


KNOWN = Redactor()
"""What this process knows to be secret."""


class HidingFormatter(logging.Formatter):
    """Writes log lines without secrets, and each message as one line: what others wrote cannot make a line of its own.

    A traceback below a message keeps its lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Put the line together, its message in printable letters."""
        record.message = _UNPRINTABLE.sub(" ", record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        return KNOWN.hide_keys(super().format(record))
