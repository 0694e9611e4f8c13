"""Paging: a program of the person's choice is run when a person has to know at once.

It gets one JSON object on standard input: `kind` (`fill`, `halt`, `feed_lost`, `uncertain`,
`armed`, `crash`, of a supervisor `process`), `text`, `ts`, `folder`, `symbol`. What it does with it is its own business
(a mail, a push message, a siren). It is run in turn, never twice at once, and ended after a
limit; a program that fails is told in the log, and trading goes on.
"""

import asyncio
import logging
import shlex
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

import orjson

from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.journal.times import iso
from fabio.model import fact as facts
from fabio.model import venue_fact as venue
from fabio.model.instrument import Instrument
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.telling_venue import venue_words

WAITING_MOST = 100
"""Pages that may wait; beyond it the oldest is dropped, and counted in the next one."""
logger = logging.getLogger("fabio.paging")


class Pager:
    """A sink that pages.

    Parameters
    ----------
    command
        The program with its arguments, as in a shell; no shell runs it.
    timeout_s
        Seconds after which it is ended.
    """

    def __init__(self, command: str, timeout_s: float, folder: Path, instruments: list[Instrument]) -> None:
        self._words = shlex.split(command)
        self._timeout_s = timeout_s
        self._folder = folder
        self._instruments = instruments
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING_MOST)
        self._arrived = asyncio.Event()
        self._dropped = 0

    @property
    def waiting(self) -> int:
        """Pages that no program was run for yet."""
        return len(self._waiting)

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to page."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Nothing to page."""

    def step(self, step: Step, body: bytes) -> None:
        """Page what a person has to know of a step."""
        for fact in step.facts:
            found = reason_to_page(fact, self._instruments)
            if found is not None:
                self.page(*found, step.ts_ns)

    def page(self, kind: str, text: str, ts_ns: int) -> None:
        """Put a page in line."""
        self._dropped += len(self._waiting) == WAITING_MOST
        self._waiting.append(self._page(kind, text, ts_ns))
        self._arrived.set()

    async def run(self) -> None:
        """Run the program for each page; for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                page = self._waiting.popleft()
                try:
                    await self._run(page)
                except asyncio.CancelledError:
                    self._waiting.appendleft(page)  # ended halfway: better twice than not at all
                    raise

    def last_words(self) -> None:
        """Give what waits without a loop, and wait for it: the agent is about to end.

        Once the program had to be ended after its limit, only the newest page is tried.
        """
        while self._waiting:
            try:
                subprocess.run(self._words, input=orjson.dumps(self._waiting.popleft()), timeout=self._timeout_s,
                               check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                logger.warning("notify.command was ended after %g s", self._timeout_s)
                while len(self._waiting) > 1:
                    self._waiting.popleft()
            except (OSError, subprocess.SubprocessError) as error:
                logger.warning("notify.command failed: %s", error)

    async def _run(self, page: dict[str, Any]) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            logger.warning("notify.command cannot be run: %s", error)
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await process.communicate(orjson.dumps(page))
        except TimeoutError:
            logger.warning("notify.command was ended after %g s", self._timeout_s)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            logger.warning("notify.command ended with %d", process.returncode)

    def _page(self, kind: str, text: str, ts_ns: int) -> dict[str, Any]:
        dropped, self._dropped = self._dropped, 0
        return {
            "v": 1, "kind": kind, "text": text, "ts_ns": ts_ns, "ts": iso(ts_ns), "folder": str(self._folder),
            "symbol": self._instruments[0].symbol if self._instruments else "", "dropped_before": dropped,
        }


def reason_to_page(fact: facts.Fact, instruments: list[Instrument]) -> tuple[str, str] | None:
    """Give kind and text of the page that a fact is worth; None for most."""
    match fact:
        case facts.FillBooked(fill=fill, position=position):
            units = instruments[fill.market]
            held = 0 if position is None else position.size_steps
            return "fill", (f"{fill.leg}: {'bought' if fill.side > 0 else 'sold'} {units.size(fill.size_steps)} "
                            f"{units.symbol} at {units.price(fill.price_ticks)}; now {units.size(held)}")
        case facts.Halted(reason=reason):
            return "halt", reason
        case facts.FeedChanged(lost_since_ns=lost, reason=reason) if lost is not None:
            return "feed_lost", reason
        case venue.Armed() | venue.ArmingEnded() | venue.Disarmed():
            return "armed", venue_words(fact, instruments)
        case (venue.GapSeen() | venue.FillStray() | venue.StopLost() | venue.StopThrough()
              | venue.PositionAdopted()):
            return "uncertain", venue_words(fact, instruments)
        case venue.ForeignSeen(what=what) if what:
            return "uncertain", venue_words(fact, instruments)
        case venue.FlatAsked(tries=tries, market=market) if tries in (3, 10, 30):
            return "uncertain", f"{instruments[market].symbol} is not proven flat after {tries} tries: look yourself"
        case facts.OrderMoved(state="unknown", order_id=order_id):
            return "uncertain", f"what became of order {order_id} is not known"
        case _:
            return None
