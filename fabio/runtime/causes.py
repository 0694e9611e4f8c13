"""Causes: what the first difference between a record and its replay comes from.

A replay decides anew from the recorded ticks and events; recorded facts are only compared. So what was changed tells
by how far it reaches: a changed fact differs alone, a changed tick or event leaves its mark on what follows. Settings
are tried: under those of the record the difference is there, or it is not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fabio.journal.reader import read_remarks
from fabio.runtime.differences import Beyond, Difference
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reloading import STARTED, first_values
from fabio.settings.load import Settings

CauseKind = Literal["settings", "build", "record", "event", "ticks"]
"""`settings`, `build`: others were in force than now. `record`: facts were changed afterwards. `event`: what came from
outside, or its place, is not what it was. `ticks`: the tape is not the one that was lived through."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What a difference comes from, as far as the record tells, and what tells it."""

    kind: CauseKind
    why: str


def find_cause(
    settings: Settings, folder: Path, found: tuple[Difference, Beyond], others: Sequence[str], version: str,
) -> Cause:
    """Name the class of cause of the first difference.

    Parameters
    ----------
    settings
        Under which it was found.
    others
        In words, which settings and builds were in force than now (`Recorded.circumstances`).
    version
        Of this build.
    """
    first, beyond = found
    builds = sorted({str(remark.data.get("version", "?")) for remark in read_remarks(folder)
                     if remark.kind == STARTED} - {version})
    otherwise = "; ".join(words for words in others if f"recorded, this is {version}" not in words)
    values = first_values(folder)
    if otherwise and values is None:
        return Cause(kind="settings", why=otherwise)
    if otherwise and values is not None:
        as_recorded = Recorded(settings.with_values(values), folder)
        left, beyond = Again(empty_machine(as_recorded), as_recorded).run_through()
        if left is None:
            return Cause(kind="settings", why=f"{otherwise}; under the recorded settings all comes out as recorded")
        first = left
    return _of_record(first, beyond, builds, version)


def _of_record(first: Difference, beyond: Beyond, builds: Sequence[str], version: str) -> Cause:
    behind = f"of {beyond.alike + beyond.differ:,} steps behind it {beyond.differ:,} differ"
    if beyond.stuck:
        behind += f", and then the machine cannot go on ({beyond.stuck})"
    is_alone = not beyond.differ and not beyond.stuck
    if builds:
        perhaps = "; the step may have been changed, too, for it differs alone" if is_alone else ""
        return Cause(kind="build", why=f"fabio {' and '.join(builds)} recorded, this is {version}; {behind}{perhaps}")
    if is_alone:
        return Cause(kind="record", why=f"{behind}: all that led there and followed is as it was, so this step was "
                                        "changed afterwards")
    if first.event:
        return Cause(kind="event", why=f"{first.event} came there from outside, and {behind}: the event, or its place, "
                                       "is not what it was")
    return Cause(kind="ticks", why=f"ticks alone made the step, under the same build and settings, and {behind}: the "
                                   "tape is not the one that was lived through")
