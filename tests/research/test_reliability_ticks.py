"""Bad ticks lead to nothing, and a true move is taken; the full sizes are the bars' own."""

from fabio.research.reliability.inputs import ticks as tick_bars


def quiet(line: str) -> None:
    pass


def test_h46_no_order_comes_of_a_refused_tick() -> None:
    bar = tick_bars.refused_ticks(60, quiet)
    assert bar.holds, bar.note


def test_h46_what_is_no_price_becomes_no_tick_and_a_move_of_5_percent_does() -> None:
    taken, missed = tick_bars.bad_prints(300, quiet)
    assert taken.holds, taken.note
    assert missed.holds, missed.note
