"""Prices of market, limit and stop fills; the compiled functions' examples run here."""

import doctest
import sys

import pytest

from fabio.exchange import slippage
from fabio.exchange.queue import limit_turn, watch_ticks

COMPILED = [slippage.market_fill_ticks, slippage.marketable, slippage.marketable_fill_ticks,
            slippage.stop_triggers, slippage.stop_fill_ticks]


@pytest.mark.parametrize("function", COMPILED, ids=lambda function: function.__name__)
def test_the_examples_of_compiled_functions_hold(function: object) -> None:
    # doctest does not see compiled functions, so their Python source is handed to it
    source = function.py_func  # type: ignore[attr-defined]
    [example] = doctest.DocTestFinder(recurse=False).find(
        source, module=sys.modules[slippage.__name__], globs=vars(slippage).copy())
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("side", [1, -1])
def test_stops_fill_no_better_than_the_stop_and_no_better_than_the_trade(side: int) -> None:
    for price in range(90, 111):
        if slippage.stop_triggers(price, 100, side):
            assert slippage.stop_fill_ticks(price, 100, side, 2) * side >= max(price * side, 100 * side) + 2


def test_a_limit_without_a_queue_is_watched_one_tick_through() -> None:
    assert (watch_ticks(100, -1, None), watch_ticks(100, -1, 0)) == (101, 100)


def test_trades_away_from_a_limit_do_not_move_its_queue() -> None:
    assert limit_turn(100, 1, 2, 7, (101, 50)) == (0, 7)
