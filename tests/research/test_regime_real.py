"""The real suite, on files made up for it."""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from fabio.adapters.data.instruments import load_instruments
from fabio.model.session import SessionTable
from fabio.research.regime import real as regime_real
from fabio.research.regime.bars import DAY_MINUTES, MINUTE_NS, Days, NoBars, read_file, usual_ranges, whole_days
from fabio.research.regime.forward import HORIZON_MIN, TASKS, forward_figures, learn_cuts, walk_forward
from fabio.research.regime.learned import INSTALL
from fabio.research.regime.numbers import ER, NZ, VR, numbers_of
from fabio.research.regime.real import MINUTES_ASKED, Case, TooFewSessions, persistence, run_folder, run_real
from fabio.research.regime.refit import refit

INSTRUMENTS = load_instruments(Path(__file__).parents[2] / "config" / "instruments.toml")
OPEN_NS = 1_767_623_400_000_000_000
DAY_NS = 1440 * MINUTE_NS


def made_days(seed: int, count: int, lasting: bool = True) -> Days:
    """Sessions whose volatility lasts for an hour or more; without `lasting` it is drawn each minute."""
    rng = np.random.default_rng(seed)
    wild = rng.choice([2.0, 5.0, 12.0], size=(count, DAY_MINUTES // 65 if lasting else DAY_MINUTES))
    wild = np.repeat(wild, 65, axis=1) if lasting else wild
    steps = np.rint(rng.normal(size=(count, DAY_MINUTES, 6)) * wild[:, :, None])
    prices = 80_000 + steps.reshape(count, -1).cumsum(axis=1).reshape(count, DAY_MINUTES, 6)
    ohlc = np.stack([prices[:, :, 0], prices.max(axis=2), prices.min(axis=2), prices[:, :, -1]], axis=2)
    return Days("made", OPEN_NS + np.arange(count, dtype=np.int64) * DAY_NS, ohlc, usual_ranges(ohlc), {})


def table(days: int) -> SessionTable:
    opens = OPEN_NS + np.arange(days, dtype=np.int64) * DAY_NS
    return SessionTable("x", 20260101 + np.arange(days), opens, opens + DAY_MINUTES * MINUTE_NS, opens,
                        opens + DAY_MINUTES * MINUTE_NS, opens, np.empty((0, 2), dtype=np.int64))


def csv_of(days: Days, path: Path, contract: str = "NQH6") -> Path:
    lines = ["ts_utc,open,high,low,close,contract"]
    for open_ns, day in zip(days.open_ns.tolist(), days.ohlc_ticks, strict=True):
        for minute, bar in enumerate((day / 4).tolist()):
            start = dt.datetime.fromtimestamp((open_ns + minute * MINUTE_NS) / 1e9, tz=dt.UTC)
            lines.append(f"{start:%Y-%m-%dT%H:%M:%SZ},{','.join(map(str, bar))},{contract}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_lasting_volatility_is_found_and_random_trendiness_is_not() -> None:
    suites = run_real(made_days(1, 40), ("majority", "persistence", "rules", "rules_refitted"))
    scores = {name: record["macro_f1"] for name, record in suites["made/volatility"]["classifiers"].items()}
    assert scores["persistence"] > 0.5
    assert scores["rules_refitted"] > scores["rules"]
    assert scores["rules_refitted"] > 0.5
    trendiness = suites["made/trendiness"]["classifiers"]
    for name in ("persistence", "rules", "rules_refitted"):
        assert trendiness[name]["macro_f1"] == pytest.approx(1 / 3, abs=0.06)
    gain = trendiness["rules_refitted"]["gain"]
    assert gain["low"] <= gain["mean"] <= gain["high"]
    assert "gain" not in trendiness["persistence"]
    assert suites["made/volatility"]["n_sessions"] == 23


def test_persistence_is_the_level_of_the_thirty_minutes_that_have_passed() -> None:
    days = made_days(2, 30)
    figures = forward_figures(days.ohlc_ticks, days.usual_range_ticks)["trendiness"]
    fold = walk_forward(days.open_ns, DAY_MINUTES * MINUTE_NS, 0)[0]
    case = Case("trendiness", fold, np.zeros((30, DAY_MINUTES, 6)), figures, learn_cuts(figures[fold.training]))
    said = persistence(case).said
    day, minute = int(fold.test[0]), 200
    close = days.ohlc_ticks[day, :, 3]
    past = np.arange(minute - HORIZON_MIN + 1, minute + 1)
    realised = abs(close[minute] - close[minute - HORIZON_MIN]) / np.abs(close[past] - close[past - 1]).sum()
    level = case.cuts.labels(np.array([realised]), np.array([minute - HORIZON_MIN]))[0]
    assert said[0, minute - MINUTES_ASKED[0]] == level


def test_no_answer_changes_with_the_future() -> None:
    days, cut = made_days(3, 24), 200
    later = days.ohlc_ticks.copy()
    later[-1, cut:] += np.arange(DAY_MINUTES - cut)[:, None] * 30.0
    for name in ("majority", "persistence", "rules", "rules_refitted"):
        told = []
        for ohlc in (days.ohlc_ticks, later):
            usual = usual_ranges(ohlc)
            figures = forward_figures(ohlc, usual)["trendiness"][5:]
            numbers = np.stack([
                numbers_of(Days("", days.open_ns, ohlc, usual, {}).columns(day)) for day in range(5, 24)
            ])
            fold = walk_forward(days.open_ns[5:], DAY_MINUTES * MINUTE_NS, 0)[-1]
            case = Case("trendiness", fold, numbers, figures, learn_cuts(figures[fold.training]))
            told.append(regime_real._RIVALS[name](case).said[-1])
        kept = cut - MINUTES_ASKED[0]
        assert np.array_equal(told[0][:kept], told[1][:kept]), name


def test_a_refit_finds_planted_thresholds() -> None:
    rng = np.random.default_rng(4)
    numbers = np.zeros((4000, 6))
    numbers[:, ER], numbers[:, VR], numbers[:, NZ] = rng.uniform(-1, 1, 4000), rng.uniform(0.3, 2, 4000), 1.5
    truth = np.where(numbers[:, VR] < 0.75, 0, np.where(numbers[:, VR] > 1.2, 2, 1)).astype(np.int8)
    chosen = refit(numbers, truth)
    assert (chosen.settings.quiet_below, chosen.settings.volatile_above) == (0.75, 1.2)
    assert chosen.told()["reading"] == {"trend": "mid", "range": "mid", "chop": "low", "volatile": "high"}
    assert np.array_equal(chosen.labels(numbers), truth)


def test_too_few_sessions_are_said_so() -> None:
    with pytest.raises(TooFewSessions, match="12 whole sessions"):
        run_real(made_days(5, 12))


def test_a_file_of_bars_is_read_as_it_was_written(tmp_path: Path) -> None:
    days = made_days(6, 7)
    bars = read_file(csv_of(days, tmp_path / "nq_bars.csv"), INSTRUMENTS)
    assert bars.instrument.symbol == "NQ"
    cut = whole_days(bars, table(10))
    assert np.array_equal(cut.ohlc_ticks, days.ohlc_ticks)
    assert np.array_equal(cut.open_ns, days.open_ns)


def test_rolls_holes_and_short_days_are_dropped_and_counted(tmp_path: Path) -> None:
    path = csv_of(made_days(7, 6), tmp_path / "nq_bars.csv")
    lines = path.read_text("utf-8").splitlines()
    head, rows = lines[0], lines[1:]
    rows[390 + 200] = rows[390 + 200].replace("NQH6", "NQM6")  # a roll within the second day
    ten_minutes = range(2 * 390 + 100, 2 * 390 + 110)
    kept = [row for number, row in enumerate(rows) if number not in ten_minutes]
    kept = [row for number, row in enumerate(kept) if number != 3 * 390]  # one minute missing: it stands
    path.write_text("\n".join([head, *kept]) + "\n", "utf-8")
    sessions = table(6)
    short = sessions.regular_closes_ns.copy()
    short[5] -= 60 * MINUTE_NS
    cut = whole_days(read_file(path, INSTRUMENTS), SessionTable(
        "x", sessions.dates, sessions.opens_ns, sessions.closes_ns, sessions.regular_opens_ns, short,
        sessions.flat_by_ns, sessions.breaks_ns))
    assert cut.dropped == {"roll": 1, "hole": 1, "short day": 1}
    assert len(cut) == 3
    assert not np.isnan(cut.ohlc_ticks).any()


def test_a_jump_within_a_day_is_no_market(tmp_path: Path) -> None:
    days = made_days(8, 2)
    days.ohlc_ticks[1, 200:] += 20_000
    assert whole_days(read_file(csv_of(days, tmp_path / "nq.csv"), INSTRUMENTS), table(2)).dropped == {"jump": 1}


def test_files_that_say_too_little_are_left_out_with_the_reason(tmp_path: Path) -> None:
    good = csv_of(made_days(9, 2), tmp_path / "nq_a.csv").read_text("utf-8")
    for name, text, reason in (
        ("nq_b.csv", good.replace("ts_utc", "timestamp", 1), "name the bar's start in UTC ts_utc"),
        ("zz_c.csv", good, "does not begin with a known instrument"),
        ("nq_d.csv", "\n".join(good.splitlines()[::5]), "not of one minute"),
        ("nq_e.csv", "a,b\n1,2\n", "column"),
        ("nq_f.csv", "", "."),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises(NoBars, match=reason):
            read_file(tmp_path / name, INSTRUMENTS)


def test_a_tape_of_trades_becomes_bars(tmp_path: Path) -> None:
    rows = "\n".join(f"{OPEN_NS + second * 1_000_000_000},{100 + second % 7 * 0.25},1" for second in range(150))
    (tmp_path / "nq_tape.csv").write_text(f"ts_event,price,size\n{rows}\n", "utf-8")
    bars = read_file(tmp_path / "nq_tape.csv", INSTRUMENTS)
    assert bars.start_ns.tolist() == [OPEN_NS, OPEN_NS + MINUTE_NS, OPEN_NS + 2 * MINUTE_NS]
    assert bars.ohlc_ticks[0].tolist() == [400, 406, 400, 403]
    with pytest.raises(NoBars, match="no whole regular session"):
        whole_days(bars, table(2))


def test_a_folder_gives_suites_and_says_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    csv_of(made_days(10, 24), tmp_path / "nq_made.csv")
    csv_of(made_days(11, 2), tmp_path / "es_short.csv")
    said: list[str] = []
    answer = run_folder(tmp_path, INSTRUMENTS, lambda instrument, first, last: table(30), tell=said.append)
    assert set(answer["suites"]) == {f"nq_made/{task}" for task in TASKS}
    assert "2 whole sessions" in answer["left_out"]["es_short.csv"]
    assert answer["n_sessions"] == 12
    boosting = answer["suites"]["nq_made/volatility"]["classifiers"]["boosting"]
    assert boosting["missing"] == INSTALL
    assert boosting["macro_f1"] is None
    assert any("nq_made, volatility: rules" in line for line in said)
