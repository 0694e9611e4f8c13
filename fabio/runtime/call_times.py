"""When the calls of the last minute left, kept for the next process: the venue counts on where one was killed."""

import contextlib
from pathlib import Path
from typing import Annotated

import msgspec

from fabio.adapters.topstepx.rest.buckets import Gate
from fabio.journal.sync import replace_file
from fabio.runtime.clock import NS, Clock

CALLS = "calls.json"
EVERY_S = 1.0
MOST = 200
"""More the venue does not take within a minute."""


class _Calls(msgspec.Struct, frozen=True, kw_only=True):
    v: int = 1
    ts_ns: int
    ages_ms: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(max_length=MOST)]


class CallTimes:
    """Keeps them in a file of the folder, and counts what the file tells of an earlier process.

    Nothing here can end an agent: a file that is not there, or cannot be read or written, keeps nothing.
    """

    def __init__(self, folder: Path, rate: Gate, clock: Clock) -> None:
        self._path = folder / CALLS
        self._rate = rate
        self._clock = clock

    def restore(self) -> None:
        """Count the calls of an earlier process, as old as they are now."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Calls)
        except (OSError, msgspec.MsgspecError):
            return
        since_s = max(self._clock.now_ns() - kept.ts_ns, 0) / NS
        self._rate.assume([since_s + age_ms / 1000 for age_ms in kept.ages_ms])

    def keep(self) -> None:
        """Write down the calls of the last minute."""
        ages_ms = tuple(int(1000 * age_s) for age_s in self._rate.ages_s())
        with contextlib.suppress(OSError):
            replace_file(self._path, msgspec.json.encode(_Calls(ts_ns=self._clock.now_ns(), ages_ms=ages_ms)),
                         durable=False)

    async def run(self) -> None:
        """Write them down every second, until cancelled: a root task."""
        while True:
            self.keep()
            await self._clock.sleep(EVERY_S)
