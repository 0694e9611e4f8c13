"""The stub's script: which request fails, and how."""

import tomllib
from pathlib import Path

import msgspec

from fabio.adapters.llm.stub.failures import Failing, failing_of


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a script.

    Parameters
    ----------
    failure
        Name or number.
    at
        Numbers of the requests that fail so, from 1; empty means every one.
    every
        Where given, each so-many-th request instead.
    """

    failure: str | int
    at: tuple[int, ...] = ()
    every: int | None = None

    def __post_init__(self) -> None:
        """Refuse a failure nobody knows, and numbers that never come."""
        failing_of(str(self.failure))
        if any(number < 1 for number in self.at):
            raise ValueError(f"at = {list(self.at)}: requests are numbered from 1")
        if self.every is not None and self.every < 1:
            raise ValueError(f"every = {self.every}: expected 1 or more")

    def hits(self, number: int) -> bool:
        """Tell whether a request fails so."""
        if self.every is not None:
            return number % self.every == 0
        return not self.at or number in self.at


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the stub does; the first line that hits a request counts.

    Parameters
    ----------
    latency_s
        Before every answer.
    refuses
        Parameters the server does not take: a request with one is refused with a 400 that names
        it. `json_schema` and `json_object` are forms of `response_format`.
    """

    latency_s: float = 0.0
    refuses: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a latency that is none."""
        if not 0 <= self.latency_s <= 3600:
            raise ValueError(f"latency_s = {self.latency_s}: expected 0 to 3600 seconds")

    def failing(self, number: int) -> Failing | None:
        """Give the way in which a request fails, None where it does not."""
        return next((failing_of(str(line.failure)) for line in self.lines if line.hits(number)), None)


class BadScript(Exception):
    """A script that cannot be read, or asks for what there is not."""


def read_script(path: Path) -> Script:
    """Read a script from a TOML or JSON file.

    Raises
    ------
    BadScript
        If it cannot be.
    """
    try:
        text = path.read_bytes()
        if path.suffix == ".json":
            return msgspec.json.decode(text, type=Script)
        return msgspec.convert(tomllib.loads(text.decode()), Script)
    except (OSError, ValueError, msgspec.MsgspecError) as wrong:
        raise BadScript(f"{path}: {wrong}") from None
