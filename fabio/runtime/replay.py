"""Replay: a tape through the machine from empty state, as fast as it goes."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fabio.adapters.data.tapes import Tape, open_tape
from fabio.engine.seams import MarketConfig
from fabio.model.tick import Ticks
from fabio.runtime.drive import Driver, Sink
from fabio.runtime.recorded import Recorded
from fabio.runtime.summary import Summary
from fabio.runtime.wiring import build_driver, engine_config, instruments_of, sessions_between
from fabio.settings.load import Settings

READ_ROWS = 250_000


class Replayed:
    """What a replay did: `answer` holds the keys of `replay --json`, `summary` its trades."""

    def __init__(self, driver: Driver, summary: Summary, answer: dict[str, Any]) -> None:
        self.driver = driver
        self.summary = summary
        self.answer = answer


def replay_files(
    settings: Settings, files: Sequence[Path], symbols: Sequence[str | None], batch: int | None = None,
    sinks: tuple[Sink, ...] = (),
) -> Replayed:
    """Replay one tape, or several instruments' tapes together.

    Parameters
    ----------
    files, symbols
        One instrument each, in the machine's order.
    batch
        Ticks handed over at a time; None for as many as were read. The result does not
        depend on it.
    sinks
        Take every step, beside the summary.
    """
    known = instruments_of(settings)
    tapes = [open_tape(file, known, symbol) for file, symbol in zip(files, symbols, strict=True)]
    markets = [
        MarketConfig(
            instrument=tape.instrument,
            table=sessions_between(settings, tape.instrument, tape.first_ns, tape.last_ns),
        )
        for tape in tapes
    ]
    replayed = _replay(settings, markets, _batches(tapes), batch, sinks)
    answer = replayed.answer
    answer["rejected_ticks"] += sum(sum(tape.bad_rows.values()) for tape in tapes)
    answer["tapes"] = [tape.describe() for tape in tapes]
    return replayed


def replay_folder(
    settings: Settings, folder: Path, batch: int | None = None, sinks: tuple[Sink, ...] = (),
) -> Replayed:
    """Replay a folder's recorded ticks from empty state, with the earlier sessions that stood behind them.

    What people or a model did then is left out: `recorded.Again` has it.

    Raises
    ------
    NothingRecorded
        If there is no tape.
    """
    recorded = Recorded(settings, folder)
    replayed = _replay(settings, recorded.markets, recorded.batches(READ_ROWS), batch, sinks, recorded.begin)
    replayed.answer["tapes"] = [recorded.describe()]
    return replayed


def _replay(
    settings: Settings, markets: Sequence[MarketConfig], batches: Iterator[Ticks], batch: int | None,
    sinks: tuple[Sink, ...], begin: Callable[[Driver], None] = lambda driver: None,
) -> Replayed:
    summary = Summary()
    driver = build_driver(engine_config(settings, markets), (summary, *sinks))
    begin(driver)
    reading = _Clock()
    running = _Clock()
    ticks = 0
    for part in reading.each(batches):
        ticks += len(part)
        with running:
            for start in range(0, len(part), batch or max(len(part), 1)):
                driver.feed(part.slice(start, start + batch) if batch is not None else part)
    answer = {
        "ticks": ticks,
        "rejected_ticks": sum(sum(market.rejected().values()) for market in driver.engine.markets),
        **summary.as_dict(),
        "wakes": driver.engine.wakes(),
        "elapsed_s": running.seconds,
        "ticks_per_s": ticks / running.seconds if running.seconds else None,
        "read_s": reading.seconds,
        "digest": driver.digest,
    }
    return Replayed(driver, summary, answer)


def _batches(tapes: Sequence[Tape]) -> Iterator[Ticks]:
    if len(tapes) == 1:
        yield from tapes[0].batches(READ_ROWS)
        return
    yield from merged([tape.batches(READ_ROWS) for tape in tapes])


def merged(sources: Sequence[Iterator[Ticks]]) -> Iterator[Ticks]:
    """Merge several instruments' batches by the runtime clock, holding about one batch of each.

    Equal times keep the order of the sources, wherever the batches are cut.
    """
    held = [Ticks.of([])] * len(sources)
    ended = [False] * len(sources)
    while True:
        for place, source in enumerate(sources):
            if not ended[place] and not len(held[place]):
                _extend(held, ended, place, source)
        growing = [place for place, over in enumerate(ended) if not over]
        if not growing:
            break
        # before the earliest end among those that go on, everything is known
        first = min(growing, key=lambda place: held[place].ts_recv_ns[-1])
        until_ns = held[first].ts_recv_ns[-1]
        stops = [int(part.ts_recv_ns.searchsorted(until_ns, side="left")) for part in held]
        if any(stops):
            yield Ticks.merge([part.slice(0, stop) for part, stop in zip(held, stops, strict=True)])
            held = [part.slice(stop, len(part)) for part, stop in zip(held, stops, strict=True)]
        _extend(held, ended, first, sources[first])
    if any(len(part) for part in held):
        yield Ticks.merge(held)


def _extend(held: list[Ticks], ended: list[bool], place: int, source: Iterator[Ticks]) -> None:
    following = next(source, None)
    if following is None:
        ended[place] = True
    else:
        held[place] = Ticks.joined([held[place], following])


class _Clock:
    """A stopwatch that can be started many times."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._since

    def each(self, source: Iterator[Ticks]) -> Iterator[Ticks]:
        """Time how long each item takes to come."""
        while True:
            with self:
                part = next(source, None)
            if part is None:
                return
            yield part
