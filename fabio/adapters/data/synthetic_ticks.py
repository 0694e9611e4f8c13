"""Prints of a synthetic session, filled into its plan a whole session at a time.

One aggressor is one event: a time, a side, one or more prints of that time and side that
walk outwards. Sides come in runs (a chain that is redrawn now and then), the latent mid
moves with the part of a side that was not to be expected, plus heavy-tailed noise; within
each minute it is bent so that it ends where the plan says. Only sums, products, look-ups
and integer draws are used, each rounded the same way on every machine.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.synthetic_plan import SessionPlan, uniforms
from fabio.adapters.data.synthetic_shape import (
    PRINTS_PER_EVENT,
    Shape,
    choice_table,
    gap_table,
    shape_of,
    student_quantiles,
)
from fabio.model.tick import BUY, SELL, Ticks

Value = TypeVar("Value", bound=np.generic)

RUN_SHARE, IN_RUN_SHARE = 0.65, 0.66
"""Chance that a run goes on at the next event, and that an event follows its run."""

IMPACT, EXPECTED, NOISE = 0.80, 0.28, 0.62
"""Weights of a side, of the side before it (taken back) and of noise in one step of the mid."""

STEP_VARIANCE = 0.97
"""Variance of such steps per event over long stretches, measured; makes the plan's width come true."""

BROWNIAN_RANGE, RANGE_LOST = 1.596, 1.165
"""Range of a Brownian path over its deviation, and what n steps lose of it, times root n (Feller 1951)."""

BURST_MEMORY, BURST_PACE = 0.95, (10, 20, 40, 80, 120, 200, 400, 800)
"""Waiting times keep one pace (percent of the usual) for about 20 events: trades cluster."""

LATENCY_NS, JITTER_NS = 350_000, 40
"""From the exchange's stamp to ours: least, and per 1e-3 of a waiting time drawn (mean about 40 us)."""


def make_ticks(plan: SessionPlan, symbol: str, bits: np.random.PCG64, mean_ticks: int) -> Ticks:
    """Make the prints of a plan, about `mean_ticks` of them in a usual full session."""
    shape = shape_of(symbol)
    prints_per_event = choice_table(PRINTS_PER_EVENT)
    events = _events_per_minute(plan, bits, mean_ticks * 65536 / int(prints_per_event.sum()))
    minute = np.repeat(np.arange(len(events)), events)
    draws = bits.random_raw(2 * len(minute)).astype("<u8").view("<u2").reshape(8, -1)
    ts_ns = _times(plan, events, minute, draws[0], draws[1])
    side = _sides(plan, minute, draws[2], draws[3], draws[4])
    mid = _mids(plan, events, minute, side, draws[5])
    half_spread = np.where(plan.is_regular, shape.half_spread_ticks[0], shape.half_spread_ticks[1])[minute]
    price = np.floor(mid + half_spread * side + 0.5).astype(np.int64)
    return _prints(ts_ns, side, price, prints_per_event[draws[6]], shape, bits)


def _events_per_minute(plan: SessionPlan, bits: np.random.PCG64, total: float) -> NDArray[np.int64]:
    """Round the expected numbers up or down by chance; at least one, so that every minute has a bar."""
    expected = plan.share * total
    counts: NDArray[np.int64] = (expected + uniforms(bits, len(expected))).astype(np.int64)
    counts[counts < 1] = 1
    return counts


def _times(
    plan: SessionPlan, events: NDArray[np.int64], minute: NDArray[np.int64], wait: NDArray[np.uint16],
    redraw: NDArray[np.uint16],
) -> NDArray[np.int64]:
    """Place each minute's events by heavy-tailed waiting times, scaled so that they fit inside it."""
    pace = np.array(BURST_PACE, dtype=np.int64)[redraw & 7]
    gaps = gap_table()[wait] * _kept(pace, redraw >= int(65536 * (1 - BURST_MEMORY)))
    passed = np.cumsum(gaps)
    ends = np.cumsum(events)
    before = np.concatenate(([0], passed[ends - 1][:-1]))
    whole = passed[ends - 1] - before + 40_000      # the wait after the minute's last event
    scale = ((plan.end_ns - plan.start_ns) / whole)[minute]
    ts_ns: NDArray[np.int64] = plan.start_ns[minute] + ((passed - before[minute]) * scale).astype(np.int64)
    return ts_ns


def _sides(
    plan: SessionPlan, minute: NDArray[np.int64], level: NDArray[np.uint16], redraw: NDArray[np.uint16],
    follow: NDArray[np.uint16],
) -> NDArray[np.int8]:
    """Draw aggressors: the plan's flow on average, in runs."""
    buys = ((1 + plan.flow) * 32768).astype(np.int64)[minute]
    fresh = np.where(level < buys, BUY, SELL).astype(np.int8)
    run = _kept(fresh, redraw < int(65536 * RUN_SHARE))
    return np.where(follow < int(65536 * IN_RUN_SHARE), run, fresh).astype(np.int8)


def _mids(
    plan: SessionPlan, events: NDArray[np.int64], minute: NDArray[np.int64], side: NDArray[np.int8],
    level: NDArray[np.uint16],
) -> NDArray[np.float64]:
    """Walk the latent mid, each minute bent to begin and end where the plan says."""
    noise = np.array(student_quantiles(), dtype=np.float64)[level >> 4]
    steps = IMPACT * side + NOISE * noise
    steps[1:] -= (IMPACT * EXPECTED) * side[:-1]
    count = events.astype(np.float64)
    root = np.sqrt(count)
    deviation = plan.width_ticks / np.maximum(BROWNIAN_RANGE - RANGE_LOST / root, 0.6)
    steps *= (deviation / (root * np.sqrt(STEP_VARIANCE)))[minute]
    walked = np.cumsum(steps)
    ends = np.cumsum(events)
    last = walked[ends - 1]
    before = np.concatenate(([0.0], last[:-1]))
    bend = (plan.close_ticks - plan.open_ticks - (last - before)) / count
    nth = np.arange(1, len(minute) + 1) - (ends - events)[minute]
    mids: NDArray[np.float64] = (plan.open_ticks - before)[minute] + walked + bend[minute] * nth
    return mids


def _prints(
    ts_ns: NDArray[np.int64], side: NDArray[np.int8], price: NDArray[np.int64], prints: NDArray[np.int64],
    shape: Shape, bits: np.random.PCG64,
) -> Ticks:
    """Split events into prints; of an event's later ones some are a tick further out."""
    first = np.cumsum(prints) - prints
    event = np.repeat(np.arange(len(prints)), prints)
    words = -(-len(event) // 2)
    draws = bits.random_raw(words).astype("<u8").view("<u2")
    level, other = draws[:len(event)], draws[2 * words:2 * words + len(event)]
    outward = ((other & 15) < shape.outward_sixteenths).astype(np.int64)
    outward[first] = 0
    walked = np.cumsum(outward)
    side_of = side[event]
    ts_event_ns = ts_ns[event]
    late = gap_table()[other] * JITTER_NS + LATENCY_NS
    return Ticks(
        ts_event_ns=ts_event_ns,
        ts_recv_ns=np.maximum.accumulate(ts_event_ns + late),
        price_ticks=price[event] + side_of * (walked - walked[first][event]),
        size_steps=choice_table(shape.sizes)[level],
        side=side_of,
        market=np.zeros(len(event), dtype=np.int8),
    )


def _kept(values: NDArray[Value], keep: NDArray[np.bool_]) -> NDArray[Value]:
    """Give each place the latest value at or before it that is not kept from the one before."""
    place = np.where(keep, 0, np.arange(len(values)))
    return values[np.maximum.accumulate(place)]
