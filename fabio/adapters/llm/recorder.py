"""Recording: every ask with its reply, a line each, so that it can be replayed without the network."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from fabio.adapters.llm.asking import (
    Ask,
    Model,
    Reply,
    Terms,
    call_hash,
    digest,
    parameters_of,
)
from fabio.adapters.redact import Redactor

_ENCODE = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class Stable(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="stable"):
    """The system text and the schema: a line before the first call that uses them."""

    system_hash: str
    system: str
    schema_name: str
    answer_schema: dict[str, Any]


class Call(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="call"):
    """One ask and its reply.

    Parameters
    ----------
    system_hash
        Of the `Stable` line with the rest of the question.
    """

    call_hash: str
    request_hash: str
    prompt_version: str
    schema_hash: str
    model: str
    parameters: dict[str, Any]
    system_hash: str
    user: str
    reply: Reply


class Recorder:
    """Asks an inner model and appends what came of it.

    A file that cannot be written costs the record, never the answer: `lost` counts them.

    Parameters
    ----------
    redactor
        Masks secrets in what is written; the key of a call stays that of what was asked.
    """

    def __init__(self, inner: Model, path: Path, terms: Terms, redactor: Redactor) -> None:
        self.lost = 0
        self._inner, self._path, self._terms, self._redactor = inner, path, terms, redactor
        self._told: set[str] = set()  # system hashes that stand in the file, by this process

    async def ask(self, ask: Ask) -> Reply:
        """Answer as the inner model does."""
        reply = await self._inner.ask(ask)
        try:
            self._append(ask, reply)
        except OSError as error:
            self.lost += 1
            _log.warning("%s cannot be written (%s): a model's answer is not recorded", self._path, error.strerror)
        return reply

    def _append(self, ask: Ask, reply: Reply) -> None:
        schema = digest(ask.schema)
        hide = self._redactor.hide_keys
        stable = digest({"system": ask.system, "schema": schema})
        lines = []
        if stable not in self._told:
            lines.append(_ENCODE(Stable(
                system_hash=stable, system=hide(ask.system), schema_name=ask.schema_name, answer_schema=ask.schema)))
        lines.append(_ENCODE(Call(
            call_hash=call_hash(ask, self._terms), request_hash=ask.request_hash, prompt_version=ask.prompt_version,
            schema_hash=schema, model=self._terms.model, parameters=parameters_of(self._terms), system_hash=stable,
            user=hide(ask.user), reply=reply)))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            # a line that a crash has torn must not swallow the next
            torn = file.tell() > 0 and not _ends_with_a_line(self._path)
            file.write(b"\n" * torn + b"".join(line + b"\n" for line in lines))
        self._told.add(stable)


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
