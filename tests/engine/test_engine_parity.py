"""Parity: the same ticks give the same facts and commands, however they are cut, kept or interrupted."""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.data.synthetic import synthetic_session
from fabio.engine.machine import Engine, EngineConfig
from fabio.engine.seams import MarketConfig
from fabio.exchange.venue import Exchange
from fabio.model.instrument import Instrument
from fabio.model.tick import Ticks
from fabio.runtime.drive import Driver
from fabio.runtime.replay import merged
from fabio.runtime.summary import Summary
from fabio.runtime.wiring import engine_config, sessions_between
from fabio.settings.load import load

ROOT = Path(__file__).parents[2]
DAY_NS = 1_780_300_000_000_000_000  # a Monday of June 2026


@cache
def instruments() -> dict[str, Instrument]:
    return load_instruments(ROOT / "config" / "instruments.toml")


@cache
def world(symbols: tuple[str, ...]) -> tuple[EngineConfig, tuple[Ticks, ...]]:
    """The default configuration over a synthetic day of each instrument, regular hours of it."""
    settings_ = load(config=ROOT / "config", environment={})
    markets, days = [], []
    for place, symbol in enumerate(symbols):
        instrument = instruments()[symbol]
        table = sessions_between(settings_, instrument, DAY_NS, DAY_NS)
        markets.append(MarketConfig(instrument=instrument, table=table))
        index = table.index_at(DAY_NS)
        day = synthetic_session(instrument, table, index, 11 + place, 80_000, 40_000).ticks
        start = int(np.searchsorted(day.ts_recv_ns, table.regular_opens_ns[index]))
        days.append(day.slice(start, start + 12_000))
    return engine_config(settings_, markets), tuple(days)


def make_driver(config: EngineConfig) -> tuple[Driver, Summary]:
    summary = Summary()
    instruments_ = [market.instrument for market in config.markets]
    return Driver(Engine(config), Exchange(instruments_, config.assumptions), (summary,)), summary


def digest(symbols: tuple[str, ...], cuts: Sequence[int]) -> str:
    """Feed the day cut at these places; give the digest of all facts and commands."""
    config, days = world(symbols)
    ticks = Ticks.merge(days)
    drive, summary = make_driver(config)
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(ticks)), len(ticks)]
    for start, stop in pairwise(edges):
        drive.feed(ticks.slice(start, stop))
    assert summary.model_calls > 100  # the day is not an empty one
    return drive.digest


@pytest.mark.parametrize("symbols", [("MNQ",), ("MNQ", "MES")])
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_digest_does_not_depend_on_the_batch(symbols: tuple[str, ...], batch: int) -> None:
    assert digest(symbols, range(0, 30_000, batch)) == digest(symbols, ())


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 24_000), max_size=12))
def test_the_digest_does_not_depend_on_where_the_tape_is_cut(cuts: list[int]) -> None:
    assert digest(("MNQ", "MES"), cuts) == digest(("MNQ", "MES"), ())


@settings(max_examples=6)
@given(at=st.lists(st.integers(1, 23_000), min_size=1, max_size=3))
def test_a_restored_machine_goes_on_as_if_never_interrupted(at: list[int]) -> None:
    symbols = ("MNQ", "MES")
    config, days = world(symbols)
    ticks = Ticks.merge(days)
    whole, _ = make_driver(config)
    whole.feed(ticks)
    drive, _ = make_driver(config)
    position = 0
    for cut in sorted({cut for cut in at if cut < len(ticks)}):
        drive.feed(ticks.slice(position, cut))
        position = cut
        engine, exchange = drive.engine.snapshot(), drive.exchange.snapshot()
        again, _ = make_driver(config)
        again.engine.restore(engine)
        again.exchange.restore(exchange)
        again.continue_digest(drive)
        drive = again
    drive.feed(ticks.slice(position, len(ticks)))
    assert drive.digest == whole.digest


@settings(max_examples=20)
@given(batches=st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_merging_does_not_depend_on_how_the_tapes_are_read(batches: tuple[int, int]) -> None:
    _, days = world(("MNQ", "MES"))
    sources = [
        iter([day.slice(start, start + size) for start in range(0, len(day), size)])
        for day, size in zip(days, batches, strict=True)
    ]
    parts = Ticks.joined(list(merged(sources)))
    whole = Ticks.merge(days)
    assert np.array_equal(parts.ts_recv_ns, whole.ts_recv_ns)
    assert np.array_equal(parts.price_ticks, whole.price_ticks)
    assert np.array_equal(parts.market, whole.market)


def test_the_digest_does_not_depend_on_the_hash_seed() -> None:
    program = "from test_engine_parity import digest; print(digest(('MNQ',), ()))"
    found = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)}
        answer = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True,
                                check=True, cwd=ROOT)
        found.add(answer.stdout.strip())
    assert found == {digest(("MNQ",), ())}
