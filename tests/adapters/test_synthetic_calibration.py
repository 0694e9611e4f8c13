"""The synthetic market's figures stay in the bands of `docs/synthetic.md`; its constants are the tapes'."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fabio.adapters.data.synthetic_shape import (
    ES_VOLUME_SHARE,
    NQ_RANGE_BP,
    NQ_VOLUME_SHARE,
    choice_table,
    gap_table,
    minute_curves,
    shape_of,
)

ROOT = Path(__file__).parents[2]
TAPES = ROOT.parent / "shared" / "data"
SCRIPT = ROOT / "benchmarks" / "calibrate_synthetic.py"

BANDS = {
    ("bars", "1 min return kurtosis"): (2.0, 8.0),
    ("bars", "abs 1 min return autocorrelation lag 1"): (0.12, 0.33),
    ("bars", "abs 1 min return autocorrelation lag 30"): (0.03, 0.20),
    ("bars", "range over abs return"): (1.8, 2.5),
    ("bars", "regular range over mean bar range, median"): (16.0, 27.0),
    ("bars", "abs er20 q50"): (0.14, 0.25),
    ("bars", "daily range bp, median"): (120.0, 210.0),
    ("flow", "delta-return correlation 1 min"): (0.50, 0.75),
    ("flow", "log volume - log range correlation"): (0.55, 0.85),
    ("flow", "abs delta share 5 min q95"): (0.25, 0.45),
    ("prints regular", "same-time share"): (0.15, 0.55),
    ("prints regular", "side autocorrelation lag 1"): (0.35, 0.65),
    ("prints regular", "1 s return kurtosis"): (3.0, 30.0),
    ("prints regular", "delta-return correlation 1 s"): (0.40, 0.65),
    ("prints midday", "10 s return deviation ticks"): (7.0, 16.0),
    ("prints midday", "prints per second variance over mean"): (8.0, 40.0),
}
"""What `docs/synthetic.md` states for MNQ, wide enough for another seed and no wider."""


@pytest.fixture(scope="module")
def calibration() -> ModuleType:
    spec = importlib.util.spec_from_file_location("calibrate_synthetic", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tapes() -> Path:
    if not TAPES.is_dir():
        pytest.skip(f"no recorded tapes at {TAPES}")
    return TAPES


@pytest.fixture(scope="module")
def figures(calibration: ModuleType) -> dict[str, dict[str, float]]:
    made: dict[str, dict[str, float]] = calibration.synthetic_figures("MNQ", 24, seed=11)
    return made


@pytest.mark.parametrize(("group", "name"), BANDS)
def test_a_figure_lies_in_its_band(figures: dict[str, dict[str, float]], group: str, name: str) -> None:
    low, high = BANDS[group, name]
    assert low <= figures[group][name] <= high


def test_ranges_follow_the_curve_hour_by_hour(figures: dict[str, dict[str, float]]) -> None:
    for hour in range(23):
        real = (NQ_RANGE_BP[2 * hour] + NQ_RANGE_BP[2 * hour + 1]) / 2
        made = figures["bars"][f"range_bp {(17 + hour) % 24:02d}h"]
        assert 0.6 * real <= made <= 1.5 * real, f"{(17 + hour) % 24:02d}h: {made:.2f} against {real:.2f}"


def test_volume_follows_the_curve_half_hour_by_half_hour(figures: dict[str, dict[str, float]]) -> None:
    made = np.array(list(figures["volume"].values()))
    real = np.array(NQ_VOLUME_SHARE)
    assert np.corrcoef(made, real)[0, 1] > 0.98
    assert made[31:44].sum() == pytest.approx(real[31:44].sum(), abs=0.05)


def test_minute_curves_keep_the_jump_at_the_regular_open() -> None:
    ranges, shares = minute_curves("MNQ")
    assert len(ranges) == len(shares) == 1380
    assert sum(shares) == pytest.approx(1, abs=1e-6)
    assert ranges[930] / ranges[929] > 2
    assert shares[930] / shares[929] > 3


def test_tables_hold_the_stated_shares() -> None:
    sizes = choice_table(shape_of("ES").sizes)
    assert (sizes == 1).mean() == pytest.approx(0.512, abs=0.001)
    assert np.quantile(sizes, 0.985) == 38
    assert len(gap_table()) == 65536
    assert np.all(np.diff(gap_table()) >= 0)


def test_constants_are_the_nq_tapes_figures(calibration: ModuleType, tapes: Path) -> None:
    bars = calibration.bars_of(tapes, calibration.NQ_BARS, "ts_utc", "0.0 AS volume, 0.0 AS delta")
    width_bp = (bars.high - bars.low) / bars.close * 1e4
    measured = [width_bp[bars.minute // 30 == half_hour].mean() for half_hour in range(46)]
    assert measured == pytest.approx(NQ_RANGE_BP, rel=0.02)
    volume = calibration.bars_of(tapes, calibration.NQ_VOLUME, "ts_utc", "volume, 0.0 AS delta")
    shares = calibration.volume_shares(volume.minute, volume.volume)
    assert list(shares.values()) == pytest.approx(NQ_VOLUME_SHARE, abs=0.0002)


def test_constants_are_the_es_tape_figures(calibration: ModuleType, tapes: Path) -> None:
    columns = "volume, buy_volume - sell_volume AS delta"
    bars = calibration.bars_of(tapes, calibration.ES_VOLUME, "ts_utc", columns)
    shares = calibration.volume_shares(bars.minute, bars.volume)
    assert list(shares.values()) == pytest.approx(ES_VOLUME_SHARE, abs=0.002)


def test_the_script_refuses_a_folder_that_is_not_there() -> None:
    command = [sys.executable, str(SCRIPT), "no-such-folder"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "not a folder of tapes" in done.stderr
