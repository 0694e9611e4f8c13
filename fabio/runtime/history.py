"""History: what was put behind a market without its ticks, kept beside the tape: earlier sessions, minutes of today.

They are an input like the ticks: without them the statistics of the day cannot be made
again. The file's name holds the hash of its content, which stands in the journal too.
"""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.features.layout import SESSION_MINUTES
from fabio.features.remembered import History, PreviousSession
from fabio.journal.sync import replace_file
from fabio.model.tick import Ticks

_COLUMNS = np.dtype("<i4")


class HistoryMissing(Exception):
    """The file is gone, or no longer what the journal names."""


class _Today(msgspec.Struct, frozen=True):
    ts_ns: bytes
    price_ticks: bytes
    size_steps: bytes


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    v: int
    sessions: int
    running_range_ticks: bytes
    bar_range_ticks: bytes
    previous: PreviousSession | None
    before_date: int = 0
    today: _Today | None = None
    only_today: bool = False


def keep_history(folder: Path, history: History) -> str:
    """Write the sessions into `folder/tape`; give the content's hash (SHA-256)."""
    data = msgspec.json.encode(_Kept(
        1, len(history.running_range_ticks), _bytes(history.running_range_ticks),
        _bytes(history.bar_range_ticks), history.previous,
        history.before_date, None if history.today is None else _kept_today(history.today), history.only_today,
    ))
    content_hash = hashlib.sha256(data).hexdigest()
    (folder / "tape").mkdir(parents=True, exist_ok=True)
    replace_file(history_path(folder, content_hash), data)
    return content_hash


def read_history(folder: Path, content_hash: str) -> History:
    """Read back what `keep_history` wrote.

    Raises
    ------
    HistoryMissing
        If it is not there, or not the content that was written.
    """
    path = history_path(folder, content_hash)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HistoryMissing(f"{path}: the earlier sessions behind this record are not here: {error.strerror}"
                             ) from None
    if hashlib.sha256(data).hexdigest() != content_hash:
        raise HistoryMissing(f"{path}: its content is not what the journal names; restore it from a copy")
    kept = msgspec.json.decode(data, type=_Kept)
    return History(
        _columns(kept.running_range_ticks, kept.sessions), _columns(kept.bar_range_ticks, kept.sessions),
        kept.previous, kept.before_date, None if kept.today is None else _today(kept.today), kept.only_today,
    )


def history_path(folder: Path, content_hash: str) -> Path:
    """Name the file of a content."""
    return folder / "tape" / f"history-{content_hash[:16]}.json"


def _kept_today(ticks: Ticks) -> _Today:
    return _Today(
        ticks.ts_event_ns.astype("<i8").tobytes(), ticks.price_ticks.astype(_COLUMNS).tobytes(),
        ticks.size_steps.astype(_COLUMNS).tobytes(),
    )


def _today(kept: _Today) -> Ticks:
    ts_ns = np.frombuffer(kept.ts_ns, dtype="<i8").astype(np.int64)
    none = np.zeros(len(ts_ns), dtype=np.int8)
    return Ticks(
        ts_ns, ts_ns, np.frombuffer(kept.price_ticks, dtype=_COLUMNS).astype(np.int64),
        np.frombuffer(kept.size_steps, dtype=_COLUMNS).astype(np.int64), none, none,
    )


def _bytes(columns: NDArray[np.int32]) -> bytes:
    return columns.astype(_COLUMNS).tobytes()


def _columns(data: bytes, sessions: int) -> NDArray[np.int32]:
    return np.frombuffer(data, dtype=_COLUMNS).reshape(sessions, SESSION_MINUTES).astype(np.int32)
