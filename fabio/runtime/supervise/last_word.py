"""The last word of an agent: what `status.json` says it held, and whether it ended in order."""

from pathlib import Path
from typing import Any

import msgspec

from fabio.journal.world import read_status
from fabio.runtime.supervise.acts import Exposure


class LastWord(msgspec.Struct, frozen=True):
    """What an agent said last.

    Parameters
    ----------
    exposure
        Whether something was held; `unknown` where that cannot be told.
    in_order
        Whether it said that it ends.
    asked
        Whether it ended before its feed did, because somebody asked.
    """

    exposure: Exposure
    in_order: bool
    asked: bool


def last_word(records: Path) -> LastWord:
    """Read an agent's last word; a folder without any is flat only where nothing was ever recorded."""
    try:
        status: Any = read_status(records)
    except OSError:
        status = None
    if not isinstance(status, dict):
        has_record = any((records / "journal").glob("*.jsonl"))
        return LastWord("unknown" if has_record else "flat", False, False)
    in_order = status.get("state") == "stopped"
    return LastWord(_exposure(status, in_order), in_order, in_order and not status.get("finished"))


def _exposure(status: dict[str, Any], in_order: bool) -> Exposure:
    if status.get("position") is not None:
        return "open"
    venue = status.get("venue")
    if not isinstance(venue, dict):
        return "flat"
    if any(venue.get(name) for name in ("orders", "unknown_orders", "differences")):
        return "unknown"
    is_out = venue.get("phase") == "observing" or (in_order and venue.get("agrees"))
    return "flat" if is_out else "unknown"  # an armed one that was killed may have sent something since
