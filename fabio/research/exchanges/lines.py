"""The lines of a folder's `llm_exchanges.jsonl`, read one by one."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

Line = TypeVar("Line", bound=msgspec.Struct)


def read_lines(path: Path, kind: type[Line], broken: type[Exception]) -> Iterator[tuple[int, Line]]:
    """Read each line as a struct, with its number from 1; a torn last line is passed over.

    Raises
    ------
    broken
        At a line that is no record; the message names file and line.
    """
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise broken(f"{path}, line {number} is no exchange: {error}") from None
            yield number, record
