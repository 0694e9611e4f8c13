"""Ways in which JSON goes wrong: text that is none any more, and documents whose shape has drifted."""

from random import Random
from typing import Any

import msgspec

NEW_FIELD = "introducedLater"
UNKNOWN_NUMBER = 99
_ENUMS = ("status", "type", "side")
_OPTIONAL = ("updateTimestamp", "customTag", "symbolId", "contractDisplayName", "fillVolume", "limitPrice", "stopPrice",
             "profitAndLoss", "commissions", "lastUpdated", "currentVolume")
_LONG = 2 * 1024 * 1024
_DEEP = 5_000


def garbled(text: bytes, dice: Random) -> bytes:
    """Make a text into something no parser takes, or that is absurdly long or deep."""
    ways = (
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text.replace(b":", b"\x00:", 1),
        lambda: text + text,
        lambda: b"[" * _DEEP + text + b"]" * _DEEP,
        lambda: b'{"padding":"' + b"x" * _LONG + b'",' + text.lstrip(b"{"),
        lambda: text[: dice.randrange(max(len(text), 1))],
        lambda: text.replace(b'"', b"'"),
        lambda: b"\xff\xfe" + text,
        lambda: b"null",
        lambda: b"",
    )
    return dice.choice(ways)()


def with_drift(text: bytes, dice: Random) -> bytes:
    """Change the shape of a document as a new version of the server might; what is no JSON stays."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text
    return msgspec.json.encode(_drifted(document, dice))


def _drifted(value: Any, dice: Random) -> Any:
    if isinstance(value, list):
        return [_drifted(each, dice) for each in value]
    if not isinstance(value, dict):
        return value
    drifted = {name: _drifted(each, dice) for name, each in value.items()}
    way = dice.randrange(5)
    if way == 0:
        drifted[NEW_FIELD] = {"a": [1, None]}
    optional = [name for name in _OPTIONAL if name in drifted]
    if way == 1 and optional:
        del drifted[dice.choice(optional)]
    if way == 2 and optional:
        drifted[dice.choice(optional)] = None
    numbers = [name for name, each in drifted.items() if isinstance(each, int | float) and not isinstance(each, bool)]
    if way == 3 and numbers:
        name = dice.choice(numbers)
        drifted[name] = str(drifted[name])
    enums = [name for name in _ENUMS if type(drifted.get(name)) is int]
    if way == 4 and enums:
        drifted[dice.choice(enums)] = UNKNOWN_NUMBER
    return drifted
