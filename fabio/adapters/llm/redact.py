"""Redaction: keys never reach a record, a log line or a screen, whoever wrote them there."""

import re
from collections.abc import Iterable

MASK = "***"
_SHORTEST_SECRET = 6
_LONGEST_DETAIL = 300
_LOOKED_AT = 64 * 1024
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
        self._secrets: tuple[str, ...] = ()
        self._keep(secrets)

    def keep_secret(self, secret: str) -> None:
        """Add a value to those that must never be seen."""
        self._keep((secret,))

    def _keep(self, secrets: Iterable[str]) -> None:
        known = {*self._secrets, *(each for each in secrets if len(each) >= _SHORTEST_SECRET)}
        # the longest first: one may hold another
        self._secrets = tuple(sorted(known, key=lambda each: (-len(each), each)))

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
