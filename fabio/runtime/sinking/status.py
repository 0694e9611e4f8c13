"""What a sink's process tells about a target, in `logs/sinks/NAME.json`; rows that were refused, beside it.

For a sink that cannot keep its places with the rows this file is also where they are kept.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import orjson

from fabio.adapters.sinks.port import Batch, Place
from fabio.journal.sync import replace_file
from fabio.journal.times import iso
from fabio.runtime.sinking.lines import Damaged

State = Literal["starting", "following", "away", "unusable", "stopped"]
NAMED_MOST = 20
"""How many damaged lines are named; all are counted."""
_EVERY_NS = 1_000_000_000


class Status(msgspec.Struct, kw_only=True):
    """What became of the records at one target.

    Parameters
    ----------
    reason
        Why it is away or unusable; empty when it is neither.
    rows
        Put since this process began, by table; a row put again counts again.
    damaged_lines
        Passed over because they are no records, ever; `damaged` names the last of them, `doubtful` bad lines at the
        very end of a file, which may still be mended.
    refused_rows
        Not taken by the other side since this process began; they lie in `NAME.refused.jsonl`.
    began_anew
        How often a stream was read again from its beginning, because its files had changed behind the place.
    """

    v: int = 1
    ts: str = ""
    target: str = ""
    state: State = "starting"
    reason: str = ""
    behind_bytes: int = 0
    rows: dict[str, int] = {}
    damaged_lines: int = 0
    damaged: list[Damaged] = []
    doubtful: list[Damaged] = []
    refused_rows: int = 0
    began_anew: int = 0
    places: dict[str, Place] = {}


class StatusFile:
    """Writes a target's status, at most once a second unless asked to."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / "sinks" / f"{name}.json"
        self._refused = self._path.with_suffix(".refused.jsonl")
        self._written_ns = 0

    def read_places(self) -> dict[str, Place]:
        """Give the places that an earlier process left; none where it left none that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Status).places
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}

    def write(self, status: Status, now_ns: int, at_once: bool = False) -> None:
        """Put the status in the place of the old one, whole.

        Raises
        ------
        OSError
            If the drive refused.
        """
        if not at_once and 0 <= now_ns - self._written_ns < _EVERY_NS:
            return
        self._written_ns = now_ns
        status.ts = iso(now_ns)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._path, msgspec.json.format(msgspec.json.encode(status), indent=1), durable=False)

    def quarantine(self, batch: Batch, reason: str) -> None:
        """Keep rows that the other side does not take, with its reason."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._refused.open("ab") as file:
            for row in batch.rows:
                line: Mapping[str, object] = {"table": batch.table, "reason": reason, "row": dict(row)}
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
