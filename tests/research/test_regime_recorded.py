"""The recorded suite, on a tape and exchanges made up for it."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from fabio.adapters.data.instruments import load_instruments
from fabio.journal.tape import TapeWriter
from fabio.model.session import SessionTable
from fabio.model.tick import Ticks
from fabio.research.regime.bars import MINUTE_NS
from fabio.research.regime.forward import learn_cuts
from fabio.research.regime.recorded import (
    DAY_MINUTES,
    ExchangesUnreadable,
    look_ahead,
    read_exchanges,
    read_tape,
    run_recorded,
)

NQ = load_instruments(Path(__file__).parents[2] / "config" / "instruments.toml")["NQ"]
OPEN_NS = 1_767_571_200_000_000_000
DAY_NS = DAY_MINUTES * MINUTE_NS
TRADED = 300
"""Minutes of each session that are on the tape."""


def table(symbol: str, first_ns: int, last_ns: int) -> SessionTable:
    opens = OPEN_NS + np.arange(30, dtype=np.int64) * DAY_NS
    return SessionTable("x", 20260105 + np.arange(30), opens, opens + DAY_NS, opens, opens + DAY_NS, opens,
                        np.empty((0, 2), dtype=np.int64))


def write_tape(folder: Path, days: int) -> np.ndarray:
    """Write sessions of an hour calm, an hour wild, in turn; give which minutes are wild."""
    rng = np.random.default_rng(1)
    wild = (np.arange(TRADED) // 60) % 2 == 1
    writer = TapeWriter(folder, [NQ])
    price = 80_000
    for day in range(days):
        steps = np.rint(rng.normal(size=(TRADED, 4)) * np.where(wild, 30.0, 6.0)[:, None] * rng.uniform(0.7, 1.4))
        prices = price + steps.ravel().cumsum().astype(np.int64)
        ts_ns = OPEN_NS + day * DAY_NS + np.arange(4 * TRADED, dtype=np.int64) * (MINUTE_NS // 4)
        ones = np.ones(len(ts_ns), dtype=np.int64)
        writer.append(Ticks(ts_ns, ts_ns, prices, ones, ones.astype(np.int8), np.zeros(len(ts_ns), dtype=np.int8)))
    writer.close()
    return wild


def exchange(source: str, ts_ns: int, said: str, rules: str, outcome: str = "ok") -> dict[str, Any]:
    return {
        "symbol": "NQ", "source": source, "outcome": outcome, "ts_ns": ts_ns,
        "response": None if outcome != "ok" else {"market_assessment": {"regime": said, "direction": "up"}},
        "request": {"ts_ns": ts_ns, "rules": {"label": rules, "direction": "none"}},
    }


def write_exchanges(folder: Path, records: list[dict[str, Any]]) -> None:
    (folder / "llm_exchanges.jsonl").write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in records))


def asked(days: int) -> list[tuple[int, int]]:
    return [(day, minute) for day in range(days) for minute in range(20, TRADED - 40, 10)]


def test_a_source_that_knows_what_follows_beats_rules_that_do_not(tmp_path: Path) -> None:
    write_tape(tmp_path, 14)
    figures = known_figures(tmp_path)
    records = []
    for day, minute in asked(14):
        value = figures[day, minute]
        said = "range" if np.isnan(value) else "chop" if value < np.nanquantile(figures[day], 0.33) else (
            "volatile" if value > np.nanquantile(figures[day], 0.67) else "range")
        records.append(exchange("seer", OPEN_NS + day * DAY_NS + minute * MINUTE_NS + 7, said, "range"))
    write_exchanges(tmp_path, records)
    answer = run_recorded(tmp_path, table)
    suite = answer["suites"]["recorded/volatility"]["classifiers"]
    assert suite["seer"]["macro_f1"] > suite["rules beside seer"]["macro_f1"] + 0.1
    assert suite["seer"]["n_minutes"] == suite["rules beside seer"]["n_minutes"]
    assert answer["n_sessions"] == 14


def known_figures(folder: Path) -> np.ndarray:
    tape = read_tape(folder, "NQ", table)
    assert tape is not None
    return tape.figures["volatility"]


def test_persistence_is_the_half_hour_before_the_question(tmp_path: Path) -> None:
    write_tape(tmp_path, 14)
    figures, day = known_figures(tmp_path), 13
    cuts = learn_cuts(figures[5:day])  # the sessions before, as far as a usual range is known
    minutes = list(range(20, TRADED - 40, 4))
    write_exchanges(tmp_path, [
        exchange("rules", OPEN_NS + day * DAY_NS + minute * MINUTE_NS + 9, "range", "range") for minute in minutes
    ])
    expected = np.zeros((3, 4), dtype=np.int64)
    for minute in minutes:
        truth = int(cuts.labels(figures[day, [minute]], np.array([minute]))[0])
        then = minute - 31
        known = then >= 0
        said = int(cuts.labels(figures[day, [then]], np.array([then]))[0]) if known else 3
        expected[truth, said] += 1
    record = run_recorded(tmp_path, table)["suites"]["recorded/volatility"]["classifiers"]["persistence beside rules"]
    assert [list(row.values()) for row in record["confusion"].values()] == expected.tolist()


def test_agreement_and_outcomes_are_told_for_each_source(tmp_path: Path) -> None:
    write_tape(tmp_path, 1)
    at = OPEN_NS + 30 * MINUTE_NS
    write_exchanges(tmp_path, [
        exchange("model", at, "range", "range"), exchange("model", at, "trend", "range"),
        exchange("model", at, "", "chop", outcome="timeout"), exchange("rules", at, "chop", "chop"),
    ])
    answer = run_recorded(tmp_path, table)["agreement"]
    assert answer["model"] == {
        "questions": 3, "outcomes": {"ok": 2, "timeout": 1}, "answers": 2, "agrees_with_rules": 0.5,
        "rules_then_answer": {"range": {"range": 1, "trend/up": 1}},
    }
    assert answer["rules"]["agrees_with_rules"] == 1.0


def test_too_few_sessions_are_said_so(tmp_path: Path) -> None:
    write_tape(tmp_path, 2)
    write_exchanges(tmp_path, [exchange("rules", OPEN_NS + 40 * MINUTE_NS, "range", "range")])
    suites = run_recorded(tmp_path, table)["suites"]
    assert "n too small: 0 answers" in suites["recorded/trendiness"]["classifiers"]["rules"]["missing"]
    assert "from number 11 on" in suites["recorded/volatility"]["classifiers"]["rules"]["missing"]
    assert "from number 6 on" in suites["recorded/trendiness"]["classifiers"]["rules"]["missing"]


@pytest.mark.parametrize(("days", "task", "scored"), [(6, "trendiness", True), (5, "trendiness", False),
                                                      (11, "volatility", True), (10, "volatility", False)])
def test_the_first_session_that_is_scored_is_the_one_that_is_told(
    tmp_path: Path, days: int, task: str, scored: bool
) -> None:
    write_tape(tmp_path, days)
    times = [OPEN_NS + (days - 1) * DAY_NS + minute * MINUTE_NS for minute in range(20, 260, 2)]
    write_exchanges(tmp_path, [exchange("rules", ts_ns, "range", "range") for ts_ns in times])
    record = run_recorded(tmp_path, table)["suites"][f"recorded/{task}"]["classifiers"]["rules"]
    assert ("missing" not in record) == scored


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    write_exchanges(tmp_path, [exchange("rules", OPEN_NS, "range", "range")])
    path = tmp_path / "llm_exchanges.jsonl"
    path.write_bytes(path.read_bytes() + b'{"symbol": "NQ", "sour')
    assert len(list(read_exchanges(path))) == 1


def test_a_line_that_is_no_exchange_is_named(tmp_path: Path) -> None:
    write_exchanges(tmp_path, [exchange("rules", OPEN_NS, "range", "range"), {"symbol": "NQ"}])
    with pytest.raises(ExchangesUnreadable, match="line 2 is no exchange"):
        list(read_exchanges(tmp_path / "llm_exchanges.jsonl"))


def test_without_a_tape_agreement_is_still_told(tmp_path: Path) -> None:
    write_exchanges(tmp_path, [exchange("model", OPEN_NS, "range", "range")])
    answer = run_recorded(tmp_path, table)
    assert answer["n_sessions"] == 0
    assert answer["agreement"]["model"]["agrees_with_rules"] == 1.0


def test_windows_with_a_hole_are_not_scored() -> None:
    rng = np.random.default_rng(2)
    close = 1000.0 + rng.integers(-5, 6, size=(8, DAY_MINUTES)).cumsum(axis=1)
    days = np.repeat(close[:, :, None], 4, axis=2)
    days[:, :, 1] += 5
    days[7, 100:104] = np.nan  # four minutes: too many
    days[7, 300:303] = np.nan  # three: they stand at the last close
    figures = look_ahead(days)["trendiness"]
    assert np.isnan(figures[7, 74:99]).all()
    assert not np.isnan(figures[7, 250:400]).any()
    assert not np.isnan(figures[6, 0:400]).any()
