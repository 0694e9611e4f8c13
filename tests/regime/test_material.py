"""A paid model is asked when something it was told has moved, and left alone while nothing did."""

import importlib.util
import sys
from pathlib import Path

import msgspec
import pytest
from views import MIN_NS, NOW_NS, NS, PRICE_TICKS, make_stats

from fabio.regime.material import (
    DEFAULT_MATERIAL,
    MaterialSettings,
    crossed_poc,
    lines_of,
    moved,
    tell,
    trigger_of,
    wanted,
)
from fabio.regime.playbook import PRESETS
from fabio.regime.reading import Readings
from fabio.regime.rules import RuleReading
from fabio.settings.load import load

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "material_change.py"
SPAN = 40
FLOW = {"cvd_slope_5min": 1.0, "cvd_slope_15min": 0.5, "cvd_slope_5min_norm": 0.12}


def told(label="range", direction="none", band="none", held=0, version=0, now_ns=NOW_NS, **stats):
    """Tell of the views' quiet session, price 50 ticks above the POC, flow mild."""
    values = {"last_ticks": PRICE_TICKS + 50, "poc_side": 1, "range_percentile": 0.5, **FLOW, **stats}
    rules = RuleReading(label, direction, 0.5, 0.05, 1.0, 0.1, 0.5)
    readings = Readings(classifier="rules", rules=rules, playbook=None, state="balanced", reasoning="", told={})
    return tell(make_stats(**values), readings, band, held, version, now_ns)


BEFORE = told()


def why(**changes):
    """Say what moved a minute later."""
    return moved(BEFORE, told(now_ns=NOW_NS + MIN_NS, **changes), DEFAULT_MATERIAL)


def test_the_first_question_is_always_asked():
    assert wanted(None, BEFORE, DEFAULT_MATERIAL) == ("nothing told yet", False)


def test_nothing_moved_says_nothing_until_the_answer_is_old():
    assert why() == ""
    assert wanted(BEFORE, told(now_ns=NOW_NS + 299 * NS), DEFAULT_MATERIAL) == ("", False)
    assert wanted(BEFORE, told(now_ns=NOW_NS + 300 * NS), DEFAULT_MATERIAL) == ("5 min old", False)


@pytest.mark.parametrize(("changes", "words"), [
    ({"last_ticks": PRICE_TICKS + 50 - 2 * SPAN}, "price moved -80 ticks, 2.0 bar ranges"),
    ({"vah_ticks": PRICE_TICKS + 181}, "VAH moved +81 ticks, 2.0 bar ranges"),
    ({"val_ticks": PRICE_TICKS - 181}, "VAL moved -81 ticks, 2.0 bar ranges"),
    ({"poc_ticks": PRICE_TICKS - 60}, "distance to the POC went from +50 to +110 ticks, 2.8 bar ranges"),
    ({"last_ticks": PRICE_TICKS + 19}, "distance to the POC passed 0.5 bar ranges"),
    ({"cvd_slope_5min": -1.0}, "order flow of 5 minutes turned from buying to selling"),
    ({"cvd_slope_15min": -1.0}, "order flow of 15 minutes turned from buying to selling"),
    ({"cvd_slope_5min_norm": 0.26}, "order flow of 5 minutes passed 0.25"),
    ({"cvd_slope_5min_norm": 0.04}, "order flow of 5 minutes passed 0.05"),
    ({"cvd_slope_5min_norm": None}, "order flow of 5 minutes became unknown"),
    ({"range_percentile": 0.56}, "range percentile went from 0.5 to 0.56"),
    ({"range_percentile": 0.29}, "range percentile went from 0.5 to 0.29, past 0.3"),
    ({"in_value_30min_ns": 800 * NS}, "share of 30 minutes in value went from 0.833 to 0.727"),
    ({"in_value_30min_ns": 400 * NS}, "share of 30 minutes in value went from 0.833 to 0.571, past 0.6"),
    ({"crosses_30min": 20}, "POC crosses in 30 minutes went from 15 to 20"),
    ({"crosses_30min": 26}, "POC crosses in 30 minutes went from 15 to 26, past 26"),
    ({"held": -2}, "position went from flat to short 2"),
    ({"version": 1}, "strategies or their record changed"),
    ({"session_date": 20250606}, "a new session"),
])
def test_what_moved_is_named_with_its_numbers(changes, words):
    assert why(**changes) == words


@pytest.mark.parametrize("changes", [
    {"last_ticks": PRICE_TICKS + 21}, {"last_ticks": PRICE_TICKS + 109}, {"vah_ticks": PRICE_TICKS + 179},
    {"cvd_slope_5min_norm": 0.2}, {"range_percentile": 0.54}, {"crosses_30min": 19}, {"band": "inner"},
    {"in_value_30min_ns": 1_000 * NS},
    {"session_high_ticks": PRICE_TICKS + 900},
])
def test_what_stays_within_its_threshold_is_not_named(changes):
    assert why(**changes) == ""


def test_flat_flow_says_nothing_far_from_the_poc():
    far = told(last_ticks=PRICE_TICKS + 150)
    flat = told(last_ticks=PRICE_TICKS + 150, cvd_slope_5min_norm=0.04, now_ns=NOW_NS + MIN_NS)
    assert moved(far, flat, DEFAULT_MATERIAL) == ""


def test_the_further_from_the_poc_the_longer_a_step_has_to_be():
    far = told(last_ticks=PRICE_TICKS + 400)
    step = {"poc_ticks": PRICE_TICKS - 70, "last_ticks": PRICE_TICKS + 400, "now_ns": NOW_NS + MIN_NS}
    assert moved(far, told(**step), DEFAULT_MATERIAL) == ""
    assert "went from +400" in moved(far, told(**{**step, "poc_ticks": PRICE_TICKS - 100}), DEFAULT_MATERIAL)


def test_without_a_bar_range_ticks_alone_decide():
    before = told(bar_range_15min_ticks=None)
    assert moved(before, told(bar_range_15min_ticks=None, last_ticks=PRICE_TICKS + 53), DEFAULT_MATERIAL) == ""
    after = told(bar_range_15min_ticks=None, last_ticks=PRICE_TICKS + 54)
    assert moved(before, after, DEFAULT_MATERIAL) == "price moved +4 ticks"


def test_lines_in_ticks_stand_in_for_bar_ranges():
    lines = lines_of(PRESETS["seed"])
    assert (lines.poc_ticks, lines.poc_bar_ranges, lines.flow) == ((5.0, 20.0), (), (0.5,))
    before = told(last_ticks=PRICE_TICKS + 21)
    now = told(last_ticks=PRICE_TICKS + 19, now_ns=NOW_NS + MIN_NS)
    assert moved(before, now, DEFAULT_MATERIAL, lines) == "distance to the POC passed 20 ticks"


def test_the_three_events_are_named():
    trend = told(label="trend", direction="up")
    assert trigger_of(BEFORE, trend, False, False) == "rules changed from range to trend up"
    assert trigger_of(trend, told(label="trend", direction="down"), False, False) == (
        "rules changed from trend up to trend down")
    above = told(last_ticks=PRICE_TICKS + 101)
    assert trigger_of(BEFORE, above, False, False) == "value area left upwards"
    assert trigger_of(above, told(last_ticks=PRICE_TICKS + 102), False, False) == ""
    assert trigger_of(above, BEFORE, False, False) == ""
    assert trigger_of(BEFORE, told(), True, True) == f"POC crossed at {PRICE_TICKS} ticks"
    assert trigger_of(BEFORE, told(), True, False) == ""


def test_a_cross_there_and_back_is_none():
    over = told(poc_side=-1, crosses_session=201)
    assert crossed_poc(BEFORE, over)
    assert not crossed_poc(BEFORE, told(poc_side=1, crosses_session=202))
    assert not crossed_poc(BEFORE, told(poc_side=0, crosses_session=201))
    assert not crossed_poc(BEFORE, told(poc_side=-1))  # within the band: not counted as a cross


def test_an_event_asks_as_such_once_the_last_question_is_a_little_old():
    trend = {"label": "trend", "direction": "up"}
    assert wanted(BEFORE, told(now_ns=NOW_NS + 14 * NS, **trend), DEFAULT_MATERIAL) == ("", False)
    asked = wanted(BEFORE, told(now_ns=NOW_NS + 15 * NS, **trend), DEFAULT_MATERIAL)
    assert asked == ("rules changed from range to trend up", True)
    crossed = {"poc_side": -1, "crosses_session": 201, "last_ticks": PRICE_TICKS + 45}
    for band, is_event in (("outer", True), ("none", False)):
        assert wanted(BEFORE, told(now_ns=NOW_NS + MIN_NS, band=band, **crossed), DEFAULT_MATERIAL)[1] is is_event


def test_a_new_session_does_not_wait():
    assert wanted(BEFORE, told(now_ns=NOW_NS + NS, session_date=20250606), DEFAULT_MATERIAL).why == "a new session"


def test_what_was_told_comes_back_from_a_snapshot():
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(BEFORE), type=type(BEFORE)) == BEFORE


@pytest.mark.parametrize("wrong", [
    {"max_age_s": 5.0}, {"least_gap_s": 301.0}, {"price_bar_ranges": 0.0}, {"poc_bar_ranges": 21.0},
    {"flow": float("nan")}, {"range_percentile": 1.5}, {"in_value_share": 0.0}, {"range_ratio": 0.0},
    {"efficiency": -0.1}, {"poc_share": 1.1}, {"floor_ticks": 0}, {"crosses": 0},
])
def test_a_wrong_setting_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MaterialSettings(**wrong)


@pytest.fixture(scope="module")
def script():
    """Load the benchmark, which is no package."""
    spec = importlib.util.spec_from_file_location("material_change", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["material_change"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def questions(script):
    """Live through one generated day."""
    return script.live_demo(load(environment={}, directory=Path("/")), 1)


def test_a_generated_day_needs_a_third_of_the_calls_and_loses_few_minutes(script, questions):
    day = script.measure(questions)
    for part in (day["whole"], day["regular"]):
        assert part["minutes"] >= 380
        assert part["share"] <= 1 / 3
        assert part["rules"] == 0.0
        assert part["playbook"] <= 2.0
        assert part["own"] <= 5.0  # readers with thresholds that the gating does not know


def test_gating_that_asks_too_seldom_is_seen(script, questions):
    seldom = MaterialSettings(max_age_s=3600.0, least_gap_s=3600.0)
    day = script.measure(questions, seldom)["whole"]
    assert day["share"] < 0.02
    assert day["playbook"] > 20
