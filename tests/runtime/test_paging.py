"""Paging: what a person has to know goes to their program, which can hold up nothing and break nothing."""

import asyncio
import logging
import shlex
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from fabio.model import fact as facts
from fabio.model import venue_fact as venue
from fabio.model.order import Fill
from fabio.model.step import Step
from fabio.runtime.paging import WAITING_MOST, Pager, reason_to_page
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import load

MNQ = instrument_of(load(environment={}, directory=Path("/")), "MNQ")
TS_NS = 1_780_320_000_000_000_000
KEEP = "import os, sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"
LIMIT_S = 120.0
"""Only a broken test waits so long."""


def pager(program: str, *arguments: object, timeout_s: float = 60.0) -> Pager:
    words = [sys.executable, "-S", "-c", program, *map(str, arguments)]
    return Pager(shlex.join(words), timeout_s, Path("logs"), [MNQ])


def pages(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


async def run_until(found: Pager, condition: Callable[[], bool]) -> None:
    """Let the pager run until something has come about."""
    running = asyncio.create_task(found.run())
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            assert not running.done()
            await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def a_fill() -> facts.FillBooked:
    fill = Fill(id="f1", order_id="E1", leg="entry", market=0, side=1, size_steps=2, price_ticks=99_313,
                fees=Decimal("0.74"), ts_ns=TS_NS)
    return facts.FillBooked(fill=fill, position=None)


def step(*found: Any) -> Step:
    return Step(seq=1, ts_ns=TS_NS, tape_pos=1, consumed=0, event=None, wake=0, facts=found, commands=())


SAID = [
    (a_fill(), "fill", "entry: bought 2 MNQ at 24828.25; now 0"),
    (facts.Halted(reason="the daily loss limit"), "halt", "the daily loss limit"),
    (facts.FeedChanged(market=0, lost_since_ns=TS_NS, reason="no market message for 2.6 s"), "feed_lost",
     "no market message for 2.6 s"),
    (facts.OrderMoved(market=0, order_id="E7", state="unknown"), "uncertain", "what became of order E7 is not known"),
    (venue.FlatAsked(market=0, tries=3), "uncertain", "MNQ is not proven flat after 3 tries: look yourself"),
]


@pytest.mark.parametrize(("fact", "kind", "text"), SAID)
async def test_what_a_person_has_to_know_reaches_the_program_as_json(
    tmp_path: Path, fact: facts.Fact, kind: str, text: str,
) -> None:
    found = pager(KEEP, tmp_path / "pages")
    found.step(step(fact), b"")
    await run_until(found, lambda: bool(pages(tmp_path / "pages")))
    assert pages(tmp_path / "pages") == [{
        "v": 1, "kind": kind, "text": text, "ts_ns": TS_NS, "ts": "2026-06-01T13:20:00.000000Z", "folder": "logs",
        "symbol": "MNQ", "dropped_before": 0,
    }]


@pytest.mark.parametrize("fact", [
    facts.FeedChanged(market=0, lost_since_ns=None, reason="restored"),
    facts.OrderMoved(market=0, order_id="E7", state="working"),
    venue.FlatAsked(market=0, tries=1),
    venue.ForeignSeen(what=(), steps={}),
])
def test_what_can_wait_pages_nobody(fact: facts.Fact) -> None:
    assert reason_to_page(fact, [MNQ]) is None


async def test_pages_go_out_in_turn_and_never_two_at_once(tmp_path: Path) -> None:
    alone = ("import os, sys; page = sys.stdin.read(); os.mkdir(sys.argv[1] + '.busy'); "
             "open(sys.argv[1], 'a').write(page + chr(10)); os.rmdir(sys.argv[1] + '.busy')")
    found = pager(alone, tmp_path / "pages")
    for number in range(5):
        found.page("halt", str(number), TS_NS)
    await run_until(found, lambda: len(pages(tmp_path / "pages")) == 5)
    assert [each["text"] for each in pages(tmp_path / "pages")] == list("01234")


async def test_a_program_that_hangs_is_ended_after_its_limit_and_the_next_page_goes_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    hangs_first = ("import os, sys, time; first = not os.path.exists(sys.argv[1]); "
                   "open(sys.argv[1], 'a').write((str(os.getpid()) if first else sys.stdin.read()) + chr(10)); "
                   "time.sleep(600) if first else None")
    found = pager(hangs_first, tmp_path / "pages", timeout_s=3.0)
    began_s = time.monotonic()
    found.page("halt", "one", TS_NS)
    found.page("halt", "two", TS_NS)
    longest_s = 0.0

    def is_done() -> bool:
        return (tmp_path / "pages").exists() and len((tmp_path / "pages").read_bytes().splitlines()) == 2

    async def watch() -> None:
        nonlocal longest_s
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(0.005)
            longest_s = max(longest_s, time.monotonic() - before_s)

    watching = asyncio.create_task(watch())
    await run_until(found, is_done)
    watching.cancel()
    assert time.monotonic() - began_s >= 3.0
    assert longest_s < 3.0  # whoever else lives in the loop went on meanwhile
    pid, page = (tmp_path / "pages").read_text().splitlines()
    assert not Path(f"/proc/{pid}/exe").exists()
    assert orjson.loads(page)["text"] == "two"
    assert "notify.command was ended after 3 s" in caplog.text


@pytest.mark.parametrize(("program", "words"), [
    ("import sys; sys.exit(3)", "ended with 3"),
    ("import os; os.close(0)", ""),  # never reads
    ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
])
async def test_a_program_that_fails_is_told_in_the_log_and_nothing_stops(
    caplog: pytest.LogCaptureFixture, program: str, words: str,
) -> None:
    found = pager(program)
    found.page("halt", "x" * 100_000, TS_NS)
    found.page("halt", "two", TS_NS)
    running = asyncio.create_task(found.run())
    async with asyncio.timeout(LIMIT_S):
        while found.waiting:
            assert not running.done()
            await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert words in caplog.text


async def test_a_program_that_is_not_there_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    found = Pager("no-such-program-at-all --flag", 1.0, Path("logs"), [MNQ])
    found.page("halt", "one", TS_NS)
    await run_until(found, lambda: "notify.command cannot be run" in caplog.text)


async def test_a_flood_drops_the_oldest_and_the_next_page_says_how_many(tmp_path: Path) -> None:
    found = pager(KEEP, tmp_path / "pages")
    for number in range(WAITING_MOST + 7):
        found.page("halt", str(number), TS_NS)
    assert found.waiting == WAITING_MOST
    await run_until(found, lambda: bool(pages(tmp_path / "pages")))
    first = pages(tmp_path / "pages")[0]
    assert (first["text"], first["dropped_before"]) == ("7", 0)


def test_the_last_words_wait_for_the_program_without_a_loop(tmp_path: Path) -> None:
    found = pager(KEEP, tmp_path / "pages")
    found.page("fill", "one", TS_NS)
    found.page("crash", "two", TS_NS)
    found.last_words()
    assert [(each["kind"], each["text"]) for each in pages(tmp_path / "pages")] == [("fill", "one"), ("crash", "two")]
    found.last_words()
    assert len(pages(tmp_path / "pages")) == 2


async def test_a_page_cut_short_by_the_end_goes_out_with_the_last_words(tmp_path: Path) -> None:
    slow_first = ("import os, sys, time; first = not os.path.exists(sys.argv[1]); "
                  "open(sys.argv[1], 'a').write('' if first else sys.stdin.read() + chr(10)); "
                  "time.sleep(600) if first else None")
    found = pager(slow_first, tmp_path / "pages")
    found.page("fill", "one", TS_NS)
    await run_until(found, (tmp_path / "pages").exists)
    assert pages(tmp_path / "pages") == []
    found.last_words()
    assert [each["text"] for each in pages(tmp_path / "pages")] == ["one"]


def test_the_last_words_of_many_do_not_wait_for_each_of_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    found = pager("import time; time.sleep(600)", timeout_s=1.0)
    for number in range(50):
        found.page("fill", str(number), TS_NS)
    found.page("crash", "the end", TS_NS)
    began_s = time.monotonic()
    found.last_words()
    assert time.monotonic() - began_s < 30
    assert caplog.text.count("was ended after 1 s") == 2  # the first, and the newest
