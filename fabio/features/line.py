"""The lines of `fabio features`: a market's statistics at whole multiples of some seconds."""

from collections.abc import Iterable, Iterator
from typing import Any

from fabio.features.hours import Gap
from fabio.features.layout import SECOND_NS
from fabio.features.market import MarketFeatures
from fabio.features.written import LineWriter
from fabio.model.tick import Ticks


def lines(market: MarketFeatures, source: Iterable[Ticks | Gap], every_s: int) -> Iterator[dict[str, Any]]:
    """Give a line at every whole multiple of `every_s` seconds while the market is open.

    From the first trade of `source` on; each holds the state after all trades at or before
    its time; the last line is at the last trade. A `Gap` stands where the tape carries it,
    before the first trade after it.

    Parameters
    ----------
    source
        Parts of a tape of one instrument, in order.
    every_s
        Seconds since the epoch that lines are multiples of, at least 1.
    """
    if every_s < 1:
        raise ValueError(f"lines every {every_s} s: expected at least 1 s")
    step_ns = every_s * SECOND_NS
    due_ns = written_ns = -1
    for part in source:
        if isinstance(part, Gap):
            market.mark_gap(part)
            continue
        position = 0
        while due_ns < 0 and position < len(part):
            latest_ns = market.latest_ns
            trades = market.trades_taken
            market.update(part.slice(position, position + 1))
            position += 1
            if market.latest_ns != latest_ns or market.trades_taken != trades:
                due_ns = -(-market.latest_ns // step_ns) * step_ns
        while due_ns >= 0:
            position = market.update(part, position, due_ns)
            if position == len(part):
                break
            if market.is_open(due_ns):
                yield reading(market, due_ns)
                written_ns = due_ns
            due_ns = _next_due(market, due_ns, step_ns)
    if due_ns >= 0 and written_ns != market.latest_ns:
        yield reading(market, market.latest_ns)


def reading(market: MarketFeatures, now_ns: int) -> dict[str, Any]:
    """Write the line of a market as of `now_ns`."""
    return LineWriter(market.instrument).line(market.stats(now_ns), market.nodes(), market.big_prints())


def _next_due(market: MarketFeatures, due_ns: int, step_ns: int) -> int:
    """The multiple after `due_ns`; out of trading hours the first one after the next opening."""
    following = due_ns + step_ns
    opens_ns = market.table.opens_ns
    index = int(market.table.closes_ns.searchsorted(following, side="right"))
    if index < len(opens_ns) and opens_ns[index] > following:
        following = -(-int(opens_ns[index]) // step_ns) * step_ns
    return following
