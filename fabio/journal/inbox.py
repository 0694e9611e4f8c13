"""The inbox: what people and other programs ask of a running agent.

A request is a file `inbox/ID.json`, written as `.tmp`, synced and renamed, so that it is
whole when it is seen. Ids begin with the time, so their order is the order of asking. The
answer is `inbox/done/ID.json`; an id that has one never acts again. `HALT` (an empty file in
the folder) is the halt that needs no program at all.

`arm`, `enable`, `resume`, `undo` and webhooks expire 30 s after they were asked; `halt` and `flatten` never do. A
`lesson` of the learning cycle waits a day for the next start.
"""

import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from fabio.journal.sync import replace_file
from fabio.regime.wording import mask_keys

EXPIRES_AFTER_NS = 30_000_000_000
EXPIRING_VERBS = frozenset({"arm", "enable", "resume", "undo", "webhook"})
"""Verbs that could increase: a forgotten one must not act on a later boot. An undo may switch a strategy on."""
MAX_BYTES = 64 * 1024
HOLDS_NS = dict.fromkeys(EXPIRING_VERBS, EXPIRES_AFTER_NS) | {"lesson": 24 * 3_600_000_000_000}
"""How long a request holds after it was asked, by verb; the others hold for ever."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_POLL_S = 0.01


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Something asked of the agent; `name` is the strategy for enable and disable, the id for undo."""

    id: str
    ts_ns: int
    verb: str
    name: str = ""
    reason: str = ""
    data: dict[str, Any] = {}


Outcome = Literal["done", "refused", "expired", "invalid"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request; where the record of it could not be written, the next boot takes it again."""

    id: str
    ts_ns: int
    outcome: Outcome
    message: str
    data: dict[str, Any] = {}
    recorded: bool = True


class NoAnswer(TimeoutError):
    """The agent did not answer in time (exit code 5); the request may still act."""


def post(folder: Path, verb: str, *, name: str = "", reason: str = "",
         data: dict[str, Any] | None = None) -> Request:
    """Put a request into the inbox of `folder` and return at once."""
    ts_ns = time.time_ns()
    request = Request(id=f"{ts_ns}-{secrets.token_hex(4)}", ts_ns=ts_ns, verb=verb, name=name,
                      reason=mask_keys(reason), data=data or {})
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    replace_file(inbox / f"{request.id}.json", msgspec.json.encode(request))
    return request


def ask(folder: Path, verb: str, *, name: str = "", reason: str = "", data: dict[str, Any] | None = None,
        timeout_s: float = 5.0) -> Answer:
    """Ask the agent in `folder` and wait for its answer.

    Raises
    ------
    NoAnswer
        After `timeout_s` seconds.
    """
    request = post(folder, verb, name=name, reason=reason, data=data)
    done = folder / "inbox" / "done" / f"{request.id}.json"
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            return msgspec.json.decode(done.read_bytes(), type=Answer)
        except FileNotFoundError:
            time.sleep(_POLL_S)
    raise NoAnswer(f"no answer to {verb} within {timeout_s:g} s: see `fabio status --logs {folder}`")


class Inbox:
    """The agent's side.

    Parameters
    ----------
    folder
        The folder `logs`.

    Notes
    -----
    Take with `pending`, journal the event, act, then `answer`. A crash in between leaves the
    request in the inbox; the ids of the journal's `OperatorAsked` events tell the next boot
    which have acted: hand them in as `acted`.

    `pending` writes nothing, so a drive that is full or gone is met by `answer` alone.
    """

    def __init__(self, folder: Path, acted: frozenset[str] = frozenset()) -> None:
        self._folder = folder
        self._inbox = folder / "inbox"
        self._done = self._inbox / "done"
        self._taken: set[str] = set()  # ids handed out whose file still stands there
        self._acted = acted
        self._done.mkdir(parents=True, exist_ok=True)

    def pending(self, now_ns: int) -> list[Request | Answer]:
        """Give the requests nobody took yet, in id order, and the answers to those that are broken or expired.

        Parameters
        ----------
        now_ns
            Wall clock.

        Raises
        ------
        OSError
            The folder cannot be read now. A file that cannot be read is looked at again the next time.
        """
        found: list[Request | Answer] = []
        try:
            with os.scandir(self._inbox) as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith(".json") and entry.is_file())
        except FileNotFoundError:
            return []  # who asks makes the folder
        for name in names:
            id_ = name.removesuffix(".json")
            if id_ in self._taken:
                continue
            request = self._read(id_, now_ns)
            if request is not None:
                self._taken.add(id_)
                found.append(request)
        return found

    def answer(self, answer: Answer) -> None:
        """Say what became of a request; from here on its id never acts again, unless the record has it not.

        Raises
        ------
        OSError
            The drive does not take it; the request is not handed out again before the next boot.
        """
        name = re.sub(r"[^A-Za-z0-9_-]", "_", answer.id)[:80] or "_"  # of a broken id, only this much
        self._done.mkdir(parents=True, exist_ok=True)
        replace_file(self._done / f"{name}.json", msgspec.json.encode(answer))
        if answer.recorded:
            (self._inbox / f"{answer.id}.json").unlink(missing_ok=True)
            self._taken.discard(answer.id)

    @property
    def halted_by_file(self) -> bool:
        """Whether somebody put the file `HALT` into the folder; a folder that cannot be looked at shows none."""
        try:
            return (self._folder / "HALT").exists()
        except OSError:
            return False

    def halt_words(self) -> str:
        """Say why the file `HALT` stands there, as far as it says so itself."""
        try:
            text = (self._folder / "HALT").read_text("utf-8", "replace").strip()[:200]
        except OSError:
            text = ""
        return f"the file HALT: {mask_keys(text)}" if text else "the file HALT is in the folder"

    def _is_answered(self, id_: str) -> bool:
        """Tell whether a request has its answer, and the record what it did."""
        try:
            return msgspec.json.decode((self._done / f"{id_}.json").read_bytes(), type=Answer).recorded
        except OSError:
            return False
        except msgspec.MsgspecError:
            return True

    def _read(self, id_: str, now_ns: int) -> Request | Answer | None:
        """Give a request that is to act, or the answer to one that is not; None if it is gone, or unreadable now."""
        def answer(outcome: Outcome, message: str) -> Answer:
            return Answer(id=id_, ts_ns=now_ns, outcome=outcome, message=message)

        path = self._inbox / f"{id_}.json"
        if not _ID.fullmatch(id_):
            return answer("invalid", "an id has letters, digits, - and _, 80 at most")
        if self._is_answered(id_):
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        if id_ in self._acted:
            return answer("done", "it acted before the restart")
        try:
            if (size := path.stat().st_size) > MAX_BYTES:
                return answer("invalid", f"{size} bytes are more than {MAX_BYTES}")
            request = msgspec.json.decode(path.read_bytes(), type=Request)
        except OSError:
            return None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return answer("invalid", str(error))
        if request.id != id_:
            return answer("invalid", f"the file is {id_}.json, its id {request.id}")
        holds_ns = HOLDS_NS.get(request.verb)
        if holds_ns is not None and abs(now_ns - request.ts_ns) > holds_ns:
            return answer("expired", f"{request.verb} holds for {holds_ns // 1_000_000_000:,} s after it was asked")
        # whoever wrote the file: what is journaled stays
        return msgspec.structs.replace(request, reason=mask_keys(request.reason))
