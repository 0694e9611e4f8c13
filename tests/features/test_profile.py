"""POC, value area and nodes on small profiles, by hand."""

import pytest
from tapes import NQ, S, table_of, ticks_of

from fabio.features.market import MarketFeatures

TABLE = table_of([(20240102, 0, 86400, None)])


def market_of(*trades) -> MarketFeatures:
    """Trades as (price, size) or (price, size, side), one a second."""
    market = MarketFeatures(NQ, TABLE)
    market.update(ticks_of([((i + 1) * S, *(*trade, 1)[:3]) for i, trade in enumerate(trades)]))
    return market


def levels(*trades):
    stats = market_of(*trades).stats()
    return stats.poc_ticks, stats.vah_ticks, stats.val_ticks


def test_on_a_tie_the_row_that_was_poc_keeps_it():
    assert levels((10, 5), (12, 5))[0] == 10
    assert levels((12, 5), (10, 5))[0] == 12
    assert levels((12, 5), (10, 5), (10, 1))[0] == 10


@pytest.mark.parametrize(("trades", "wanted"), [
    ([(10, 7), (11, 3)], (10, 10, 10)),                     # exactly 70 % is enough
    ([(10, 69), (11, 31)], (10, 11, 10)),
    ([(10, 50), (11, 25), (9, 25)], (10, 11, 10)),          # equal neighbours: the upper first
    ([(10, 50), (11, 24), (9, 26)], (10, 10, 9)),
    ([(10, 50), (12, 30), (9, 1), (8, 19)], (10, 10, 8)),   # a row without volume counts as 0
    ([(10, 50), (5, 40)], (10, 10, 5)),                     # never past the session's high
])
def test_the_value_area_takes_the_larger_neighbour_row_by_row(trades, wanted):
    assert levels(*trades) == wanted


def test_side_a_is_the_seller():
    stats = market_of((10, 5, 1), (9, 8, -1), (9, 1, 0)).stats()
    assert stats.cvd_steps == -3
    assert stats.delta_1min_steps == -3


def test_order_flow_is_null_while_more_than_half_is_of_unknown_side():
    assert market_of((10, 5, 1), (10, 5, 0)).stats().cvd_steps == 5
    assert market_of((10, 5, 1), (10, 6, 0)).stats().cvd_steps is None


def test_a_valley_between_two_peaks_is_a_low_volume_node():
    volume = [1, 2, 5, 20, 40, 60, 40, 20, 5, 2, 1, 1, 1, 1, 2, 5, 20, 40, 70, 40, 20, 5, 2, 1]
    nodes = market_of(*[(100 + i, size) for i, size in enumerate(volume)]).nodes()
    assert [node.price_ticks for node in nodes.high] == [118, 105]
    assert [node.price_ticks for node in nodes.low] == [111]
    assert nodes.high[0].volume_steps == 70


def test_a_valley_at_the_edge_is_no_low_volume_node():
    volume = [1, 1, 1, 1, 1, 20, 40, 60, 40, 20, 5, 2, 1]
    nodes = market_of(*[(100 + i, size) for i, size in enumerate(volume)]).nodes()
    assert [node.price_ticks for node in nodes.high] == [107]
    assert nodes.low == ()
