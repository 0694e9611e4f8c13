"""Replay: the recorded replies to the same asks, never the network."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from fabio.adapters.llm.asking import Ask, Failure, Reply, Terms, call_hash, failed
from fabio.adapters.llm.recorder import Call, Stable

_DECODE = msgspec.json.Decoder(Stable | Call).decode


def read_recording(path: Path) -> Iterator[Stable | Call | None]:
    """Read a recording's lines; None stands for one that cannot be read.

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    """
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                try:
                    yield _DECODE(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    yield None


class Replayer:
    """Answers from a recording; what was never recorded fails as `not_recorded`.

    Several replies to the same ask are given in their order, then the last again and again.

    Parameters
    ----------
    path
        Read whole, at once.
    terms
        As they were when it was recorded: they are part of the key.
    """

    def __init__(self, path: Path, terms: Terms) -> None:
        self.damaged_lines = 0
        self.missed = 0
        self._terms = terms
        self._path = path
        self._replies: dict[str, list[Reply]] = {}  # call hash -> replies, oldest first
        self._given: dict[str, int] = {}  # call hash -> how many were given
        for line in read_recording(path):
            if line is None:
                self.damaged_lines += 1
            elif isinstance(line, Call):
                self._replies.setdefault(line.call_hash, []).append(line.reply)

    async def ask(self, ask: Ask) -> Reply:
        """Give what was recorded."""
        key = call_hash(ask, self._terms)
        replies = self._replies.get(key)
        if replies is None:
            self.missed += 1
            return failed(ask, self._terms, Failure(
                "not_recorded", f"{self._path.name} holds no answer to {key[:12]} by {self._terms.model}"))
        place = self._given.get(key, 0)
        self._given[key] = place + 1
        return replies[min(place, len(replies) - 1)]
