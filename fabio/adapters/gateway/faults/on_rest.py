"""Faults of REST calls. Each changes the fate of one call; `dice` is the fault's own randomness."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import msgspec

from fabio.adapters.gateway.faults.fates import Fate
from fabio.adapters.gateway.faults.garbling import garbled, with_drift
from fabio.adapters.gateway.messages import Answer, Refusal, refused

Options = Mapping[str, Any]
RestFault = Callable[[Fate, Random, Options], None]

_HTML = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center><hr>nginx</body></html>"
_LISTS = ("orders", "positions", "trades", "accounts")


def drop_request(fate: Fate, dice: Random, options: Options) -> None:
    """F01: the request is lost on its way; nothing is executed, nothing comes back."""
    fate.executes, fate.ending = False, "never"


def drop_reply(fate: Fate, dice: Random, options: Options) -> None:
    """F02: executed, but the answer is lost."""
    fate.ending = "never"


def delay_request(fate: Fate, dice: Random, options: Options) -> None:
    """F03: the request arrives late."""
    fate.before_s += dice.uniform(*options["seconds"])


def delay_reply(fate: Fate, dice: Random, options: Options) -> None:
    """F03: the answer arrives late."""
    fate.after_s += dice.uniform(*options["seconds"])


def reply_twice(fate: Fate, dice: Random, options: Options) -> None:
    """F04: the answer comes two times on one connection."""
    fate.ending = "twice"


def half_open(fate: Fate, dice: Random, options: Options) -> None:
    """F06: sending works, nothing arrives; whether the venue saw the request is anybody's guess."""
    fate.executes, fate.ending = dice.random() < 0.5, "never"


def reset(fate: Fate, dice: Random, options: Options) -> None:
    """F08: the connection is reset, before the answer or in its middle."""
    fate.executes = dice.random() < options["executed"]
    fate.ending = "cut" if fate.executes and dice.random() < 0.5 else "reset"


def unauthorised(fate: Fate, dice: Random, options: Options) -> None:
    """F09: 401, whatever the token."""
    fate.executes, fate.instead = False, Answer(status=401, headers=(("WWW-Authenticate", "Bearer"),))


def too_many(fate: Fate, dice: Random, options: Options) -> None:
    """F10: 429, with or without `Retry-After`; not documented whether the call was executed: see `executed`."""
    after = options["retry_after_s"]
    fate.executes = dice.random() < options["executed"]
    fate.instead = Answer(status=429, headers=() if after is None else (("Retry-After", str(after)),))


def server_error(fate: Fate, dice: Random, options: Options) -> None:
    """F11: 5xx with an HTML body or none, executed or not."""
    status = dice.choice(options["statuses"])
    fate.executes = dice.random() < options["executed"]
    body = dice.choice((_HTML % (status, status), b""))
    fate.instead = Answer(status=status, body=body, content_type="text/html")


def refuse(fate: Fate, dice: Random, options: Options) -> None:
    """F12: HTTP 200 with `success:false` and a code, known or in no enum; not executed."""
    code = dice.choice(options["codes"])
    fate.executes, fate.instead = False, refused(Refusal(code, options["message"]), orderId=None)


def garble(fate: Fate, dice: Random, options: Options) -> None:
    """F13: executed, but the body is no JSON any more: a mark in front, NUL, nesting, two documents, too long."""
    fate.edits += (lambda answer: msgspec.structs.replace(answer, body=garbled(answer.body, dice)),)


def cut_body(fate: Fate, dice: Random, options: Options) -> None:
    """F14: executed, but the body ends early: the length says so, or the connection does."""
    if dice.random() < 0.5:
        fate.ending = "cut"
        return
    fate.edits += (lambda answer: msgspec.structs.replace(
        answer, body=answer.body[: dice.randrange(len(answer.body))] if answer.body else b""),)


def drift(fate: Fate, dice: Random, options: Options) -> None:
    """F15: new fields, missing ones, nulls, numbers as strings, unknown enum values."""
    fate.edits += (lambda answer: msgspec.structs.replace(answer, body=with_drift(answer.body, dice)),)


def trickle(fate: Fate, dice: Random, options: Options) -> None:
    """F16: the answer comes byte by byte."""
    fate.ending, fate.bytes_per_s = "trickle", options["bytes_per_s"]


def stale(fate: Fate, dice: Random, options: Options) -> None:
    """F18: a query tells how things were a while ago."""
    fate.stale_s = dice.uniform(*options["seconds"])


def empty_once(fate: Fate, dice: Random, options: Options) -> None:
    """F18: a query succeeds and finds nothing."""
    fate.edits += (_without_rows,)


def proxy(fate: Fate, dice: Random, options: Options) -> None:
    """F25: a proxy on the way wants to be asked."""
    fate.executes, fate.instead = False, Answer(status=407, headers=(("Proxy-Authenticate", "Basic"),))


def _without_rows(answer: Answer) -> Answer:
    try:
        found = msgspec.json.decode(answer.body)
    except msgspec.MsgspecError:
        return answer
    if not isinstance(found, dict):
        return answer
    for name in _LISTS:
        if isinstance(found.get(name), list):
            found[name] = []
    if "totalCount" in found:
        found["totalCount"] = 0
    return msgspec.structs.replace(answer, body=msgspec.json.encode(found))
