"""Compare a market with the brute-force reading, statistic by statistic."""

import math

from brute_force import Brute

from fabio.features.market import MarketFeatures
from fabio.model.stats import MarketStats

FIRST_FLOAT = MarketStats.__struct_fields__.index("range_percentile")


def differences(got: MarketStats, wanted: MarketStats) -> list[str]:
    """Name the fields that differ: integers at all, floats by more than 1e-9 relative."""
    found = []
    for place, name in enumerate(MarketStats.__struct_fields__):
        a, b = getattr(got, name), getattr(wanted, name)
        if a is None or b is None or place < FIRST_FLOAT:
            same = a == b and type(a) is type(b)
        else:
            same = math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
        if not same:
            found.append(f"{name}: {a} instead of {b}")
    return found


def assert_same_stats(market: MarketFeatures, brute: Brute, count: int, now_ns: int) -> None:
    """All of `MarketStats`."""
    found = differences(market.stats(now_ns), brute.at(count, now_ns))
    assert not found, f"after {count} rows, at {now_ns}: {found}"


def assert_same_lists(market: MarketFeatures, brute: Brute, count: int) -> None:
    """Big prints, bars, footprint and nodes."""
    assert market.big_prints() == brute.big_prints(count)
    assert market.bars() == brute.finished_bars(count)[-32:]
    footprint, wanted = market.footprint(), brute.footprint(count)
    if wanted is not None:
        assert footprint is not None
        rows = [(row.price_ticks, row.buy_steps, row.sell_steps) for row in footprint.rows]
        assert (footprint.start_ns, footprint.delta_steps, rows) == wanted
    nodes = market.nodes()
    assert ([node.price_ticks for node in nodes.high], [node.price_ticks for node in nodes.low]) == \
        brute.nodes(count)
