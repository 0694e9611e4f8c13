"""Zones, bands and the interval of prices in which nothing changes."""

import numpy as np
import pytest
from any_views import any_zones, prices
from hypothesis import given
from hypothesis import strategies as st
from views import PRICE_TICKS, make_stats

from fabio.model.stats import Node
from fabio.model.zone import Zone
from fabio.regime.cadence import (
    BANDS,
    HIGHEST,
    LOWEST,
    CadenceSettings,
    band_limits,
    interval_ns,
    intervals_ns,
    zone_rows,
)
from fabio.regime.zones import ZoneSettings, default_zones, strongest_band

PREVIOUS = {f"prev_{name}_ticks": PRICE_TICKS + place for place, name in
            enumerate(("high", "low", "close", "poc", "vah", "val"))}


def rows_of(zones):
    """Give zones as the kernel takes them."""
    rows = zone_rows(zones)
    return np.array(rows, dtype=np.int64).reshape(len(rows), 3)


def test_the_default_zones_are_the_profiles_levels_high_priority_first():
    zones = default_zones(make_stats(**PREVIOUS), [Node(5, 1), Node(9, 2)])
    assert [zone.name for zone in zones] == [
        "poc", "vah", "val", "prev_high", "prev_low", "prev_close", "prev_poc", "prev_vah", "prev_val",
        "lvn", "lvn"]
    assert [zone.name for zone in zones if zone.priority == "high"] == [
        "poc", "vah", "val", "prev_high", "prev_low"]
    assert {zone.source for zone in zones} == {"profile"}


def test_without_a_previous_session_only_todays_levels_stand():
    assert [zone.name for zone in default_zones(make_stats())] == ["poc", "vah", "val"]


def test_half_widths_follow_the_bar_range_down_to_their_floors():
    wide = default_zones(make_stats(bar_range_15min_ticks=40.0))[0]
    assert (wide.inner_ticks, wide.outer_ticks) == (10, 40)
    for stats in (make_stats(bar_range_15min_ticks=1.0), make_stats(bar_range_15min_ticks=None)):
        narrow = default_zones(stats)[0]
        assert (narrow.inner_ticks, narrow.outer_ticks) == (2, 6)


def test_no_more_nodes_than_asked_for_become_zones():
    nodes = [Node(k, k) for k in range(5)]
    assert len(default_zones(make_stats(), nodes, ZoneSettings(lvn_most=2))) == 5


def test_of_two_inner_bands_the_nearer_centre_is_told():
    zones = (Zone("vah", 100, 5, 20), Zone("poc", 104, 5, 20))
    assert strongest_band(zones, 103) == ("inner", zones[1])
    assert strongest_band(zones, 101) == ("inner", zones[0])
    assert strongest_band(zones, 102) == ("inner", zones[0])  # of equals the first


def test_an_inner_band_further_away_beats_a_nearer_outer_one():
    zones = (Zone("vah", 100, 1, 20), Zone("poc", 110, 9, 20))
    assert strongest_band(zones, 103) == ("inner", zones[1])


@given(zones=any_zones(), price=prices)
def test_the_strongest_band_is_the_best_of_all_high_priority_bands(zones, price):
    order = {"none": 0, "outer": 1, "inner": 2}
    best = max((order[zone.band(price)] for zone in zones if zone.priority == "high"), default=0)
    band, zone = strongest_band(zones, price)
    assert order[band] == best
    assert (zone is None) == (best == 0)
    assert int(band_limits(rows_of(zones), price)[0]) == best


small_zones = st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 5), st.integers(0, 8)).map(
    lambda row: (row[0], row[1], row[1] + row[2])), max_size=6)


def band_of(rows, price):
    bands = [2 if abs(price - centre) <= inner else 1 if abs(price - centre) <= outer else 0
             for centre, inner, outer in rows]
    return max(bands, default=0)


@given(rows=small_zones, price=st.integers(-60, 60))
def test_the_interval_is_the_largest_around_the_price_with_the_same_band(rows, price):
    band, low, high = band_limits(np.array(rows, dtype=np.int64).reshape(len(rows), 3), price)
    assert band == band_of(rows, price)
    assert low <= price <= high
    assert all(band_of(rows, seen) == band for seen in range(max(low, -80), min(high, 80) + 1))
    assert low == LOWEST or band_of(rows, low - 1) != band
    assert high == HIGHEST or band_of(rows, high + 1) != band
    if low == LOWEST:
        assert all(band_of(rows, seen) == band for seen in range(-80, price))
    if high == HIGHEST:
        assert all(band_of(rows, seen) == band for seen in range(price, 80))


def test_without_zones_the_interval_is_everything():
    assert band_limits(rows_of(()), 17) == (0, LOWEST, HIGHEST)


def test_low_priority_zones_do_not_quicken():
    assert len(zone_rows((Zone("lvn", 100, 4, 12, "low"),))) == 0


def test_the_intervals_are_five_fifteen_and_thirty_seconds():
    assert [interval_ns(band) for band in BANDS] == [30 * 10**9, 15 * 10**9, 5 * 10**9]
    assert intervals_ns().tolist() == [30 * 10**9, 15 * 10**9, 5 * 10**9]


@pytest.mark.parametrize("change", [
    {"interval_inner_band_s": 0.5}, {"interval_outer_band_s": 40.0}, {"interval_default_s": 4_000.0},
    {"interval_inner_band_s": 20.0},
])
def test_intervals_out_of_order_are_refused(change):
    with pytest.raises(ValueError, match="inner <= outer <= default"):
        CadenceSettings(**change)


@pytest.mark.parametrize("change", [
    {"inner_bar_ranges": 0.0}, {"outer_bar_ranges": 0.1}, {"inner_floor_ticks": 7}, {"lvn_most": 6},
])
def test_zone_settings_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        ZoneSettings(**change)
