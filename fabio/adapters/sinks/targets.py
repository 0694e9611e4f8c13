"""Targets: the address of a sink, and the file that serves its scheme.

A new kind of sink is a file here named like the scheme of its address, with `make(target) -> Sink`, and a line below.
"""

import importlib
import re
from urllib.parse import unquote, urlsplit
from zlib import crc32

import msgspec

from fabio.adapters.redact import KNOWN
from fabio.adapters.sinks.port import Sink, SinkUnusable
from fabio.model.errors import ConfigError, nearest

SCHEMES = {
    "sqlite": "sqlite:///FILE",
    "postgresql": "postgresql://USER@HOST/DATABASE",
    "bigquery": "bigquery://PROJECT/DATASET",
    "firestore": "firestore://PROJECT/COLLECTION",
}
"""Scheme, which is also the file that serves it, -> how its address is written."""
_NAME = re.compile(r"[^a-z0-9]+")
_PASSWORD = re.compile(r"://[^/@:\s]*:(\S*)@|[?&](?:password|sslpassword)=([^&\s]*)")


class SinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where `fabio sink` writes the records besides the folder.

    Parameters
    ----------
    targets
        Addresses: `sqlite:///FILE`, `postgresql://USER@HOST/DATABASE`, `bigquery://PROJECT/DATASET`,
        `firestore://PROJECT/COLLECTION`, none for `fabio.db` in the folder of records.
    agent_id
        What the column of that name says, empty for the world's own name.
    user_id
        What the column of that name says, empty for nobody.
    """

    targets: tuple[str, ...] = ()
    agent_id: str = ""
    user_id: str = ""

    def __post_init__(self) -> None:
        held = [keep_passwords(each) for each in self.targets]  # all of them, before anything is said
        if any(held):
            raise ValueError("an address holds a password, and settings are shown and recorded: take it out, and "
                             "give it as the variable PGPASSWORD or in the file ~/.pgpass")


class Target(msgspec.Struct, frozen=True):
    """One address, taken apart.

    Parameters
    ----------
    url
        Whole, as given: it may hold a password, so it is never shown.
    scheme
        Key of `SCHEMES`.
    host, path
        What stands between `//` and the next `/`, without user and port, and behind it.
    name
        Tells it from other targets in file names, and is no secret.
    """

    url: str
    scheme: str
    host: str
    path: str
    name: str

    def __str__(self) -> str:
        return _shown(self.url)


def keep_passwords(url: str) -> bool:
    """Have the passwords of an address masked wherever they would be seen; tell whether there is one.

    >>> keep_passwords("postgresql://me@db/trading"), keep_passwords("postgresql://db/trading?password=open+sesame")
    (False, True)
    >>> KNOWN.hide_keys("postgresql://db/trading?password=open+sesame")
    'postgresql://db/trading?password=***'
    """
    found = [each for pair in _PASSWORD.findall(url) for each in pair if each]
    for each in found:
        KNOWN.keep_secret(each)
    return bool(found)


def parse_target(text: str) -> Target:
    """Take an address apart.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> target = parse_target("postgresql+psycopg://me:secret@db.example/trading")
    >>> target.scheme, target.host, target.path, str(target)
    ('postgresql', 'db.example', 'trading', 'postgresql+psycopg://***@db.example/trading')
    """
    keep_passwords(text)
    shown = _shown(text)
    scheme, _, rest = text.partition("://")
    word = scheme.partition("+")[0]
    if word == "postgres":  # as some providers write it
        word = "postgresql"
    if not rest or word not in SCHEMES:
        raise ConfigError("it is no address of a sink", key="sinks.targets", value=shown,
                          expected=" or ".join(SCHEMES.values()), suggestion=nearest(word, SCHEMES))
    try:
        parts = urlsplit(f"{word}://{rest}")
        host, path = parts.hostname or "", unquote(parts.path[1:])
    except ValueError as error:
        raise ConfigError(f"it is no address ({error})", key="sinks.targets", value=shown,
                          expected=SCHEMES[word]) from None
    if not path or (word in ("bigquery", "firestore") and not host):
        raise ConfigError("it is not whole", key="sinks.targets", value=shown, expected=SCHEMES[word])
    label = _NAME.sub("-", f"{host}-{path}".lower()).strip("-")[-40:]
    return Target(text, word, host, path, f"{word}-{label}-{crc32(shown.encode()):08x}")


def _shown(url: str) -> str:
    def without_password(found: re.Match[str]) -> str:
        password = found[1] or found[2]
        return found[0].replace(password, "***") if password else found[0]

    return KNOWN.hide_keys(_PASSWORD.sub(without_password, url))


def make_sink(target: Target) -> Sink:
    """Make the sink of a target; nothing is reached for yet.

    Raises
    ------
    SinkUnusable
        If the packages it needs are not installed; the message names the extra.
    """
    try:
        sink: Sink = importlib.import_module(f"fabio.adapters.sinks.{target.scheme}").make(target)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("fabio."):
            raise SinkUnusable(f"this fabio has no sink for {target.scheme}") from None
        raise SinkUnusable(f"{target.scheme} needs the package {error.name}, which is not installed: "
                           f"pip install 'fabio[{_extra(target.scheme)}]'") from None
    return sink


def _extra(scheme: str) -> str:
    return "sql" if scheme == "postgresql" else scheme
