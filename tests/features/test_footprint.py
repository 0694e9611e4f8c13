"""Stacked imbalances by hand; the rows themselves are compared with brute force elsewhere."""

from fabio.features.footprint import FootprintRow, Stack, stacked_imbalances


def stacks(*volumes, unit=1):
    return stacked_imbalances([FootprintRow(100 + i, *pair) for i, pair in enumerate(volumes)], unit)


def test_three_rows_with_three_times_the_diagonal_opposite_are_a_stack():
    # buyers at 101 meet sellers at 100, and so on
    assert stacks((0, 1), (3, 2), (6, 3), (9, 9)) == (Stack(1, 101, 103),)
    assert stacks((0, 1), (3, 2), (5, 3), (9, 9)) == ()


def test_sellers_are_compared_with_buyers_one_row_above():
    assert stacks((9, 9), (3, 6), (2, 3), (1, 0)) == (Stack(-1, 100, 102),)


def test_an_empty_opposite_counts_from_three_size_units_on():
    assert stacks((3, 0), (3, 0), (3, 0)) == (Stack(1, 100, 102),)
    assert stacks((3, 0), (2, 0), (3, 0)) == ()
    assert stacks((3, 0), (3, 0), (3, 0), unit=1000) == ()


def test_stacks_of_both_sides_and_apart_are_all_found():
    rows = [(3, 0)] * 3 + [(0, 0)] + [(3, 0)] * 4
    assert stacks(*rows) == (Stack(1, 100, 102), Stack(1, 104, 107))
