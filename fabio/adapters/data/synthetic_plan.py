"""The plan of a synthetic session: one row per minute, regimes known beforehand.

A walk over the minutes decides where each one ends and how it gets there; the prints are
filled in later (`synthetic_ticks`). The plan has its own random stream: how many prints
somebody asks for changes neither the regimes nor where the session closes.
"""

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.data.synthetic_regimes import (
    CHOP,
    RANGE,
    TREND_DOWN,
    TREND_UP,
    VOLATILE,
    Draw,
    Levels,
    Minute,
    Player,
    player,
)
from fabio.adapters.data.synthetic_shape import (
    REGULAR_CLOSE_MINUTE,
    REGULAR_OPEN_MINUTE,
    SESSION_MINUTES,
    minute_curves,
    student_quantiles,
)
from fabio.model.session import Session

MINUTE_NS = 60_000_000_000

REGULAR_WEIGHTS = {TREND_UP: 0.24, TREND_DOWN: 0.24, RANGE: 0.29, CHOP: 0.11, VOLATILE: 0.12}
OTHER_WEIGHTS = {TREND_UP: 0.18, TREND_DOWN: 0.18, RANGE: 0.36, CHOP: 0.22, VOLATILE: 0.06}
"""How often a regime follows: regular hours, the others. The last two are left out, so that any
three segments in a row are three regimes."""

REGULAR_SEGMENT_MINUTES, OTHER_SEGMENT_MINUTES = (25, 110), (40, 150)
"""Shortest and longest segment, the longest not reached."""

DAY_SPREAD, MINUTE_SPREAD, MINUTE_MEMORY = 0.16, 0.04, 0.93
"""Log of the day's range against its usual; of the slow part of a minute's: step and memory."""

REGULAR_SCALE, OTHER_SCALE = (0.93, 0.87), (1.05, 1.00)
"""Ranges and prints of regular hours and the others, so that the mix of regimes averages to the curves."""

FLOW_PER_MOVE, FLOW_NOISE, MOST_FLOW = 0.075, 0.03, 0.65
"""Buyers' excess share per usual move of a minute, by chance, and its bound."""

DRAWS_PER_MINUTE = 10
"""Uniform numbers set aside: 3 + 3 for bells, 1 for noise, the rest for the players."""


@dataclass(frozen=True, eq=False)
class SessionPlan:
    """Columns of one length, one row per open minute, oldest first.

    Parameters
    ----------
    start_ns, end_ns
        The open part of the minute, int64 ns UTC.
    label
        int8, index into `REGIMES`.
    open_ticks, close_ticks
        Latent mid at both ends, in ticks, not on the grid.
    width_ticks
        Expected high minus low.
    flow
        Buyers' share of the prints less the sellers', -1 to 1.
    share
        Expected share of a full usual session's prints.
    is_regular
        Whether the minute lies in regular hours.
    """

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    label: NDArray[np.int8]
    open_ticks: NDArray[np.float64]
    close_ticks: NDArray[np.float64]
    width_ticks: NDArray[np.float64]
    flow: NDArray[np.float64]
    share: NDArray[np.float64]
    is_regular: NDArray[np.bool_]


def random_streams(seed: int, symbol: str, date: int) -> tuple[np.random.PCG64, np.random.PCG64]:
    """Give the plan's and the prints' random bits: independent for every seed, instrument and date."""
    plan, prints = np.random.SeedSequence([seed, crc32(symbol.encode()), date]).spawn(2)
    return np.random.PCG64(plan), np.random.PCG64(prints)


def uniforms(bits: np.random.PCG64, count: int) -> NDArray[np.float64]:
    """Draw numbers in [0, 1) from raw bits, whose stream numpy promises never to change."""
    return (bits.random_raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def make_plan(
    symbol: str, session: Session, breaks_ns: NDArray[np.int64], bits: np.random.PCG64,
    start_price_ticks: int,
) -> SessionPlan:
    """Walk through the session's open minutes from `start_price_ticks`."""
    starts, ends = open_minutes(session, breaks_ns)
    minutes = len(starts)
    places = curve_places(starts, session)
    regular = (places >= REGULAR_OPEN_MINUTE) & (places < REGULAR_CLOSE_MINUTE)
    numbers = uniforms(bits, DRAWS_PER_MINUTE * minutes + 200)
    draw: Draw = iter(numbers[7 * minutes:].tolist()).__next__
    bells = 2.0 * (numbers[:6 * minutes].reshape(2, 3, minutes).sum(axis=1) - 1.5)
    noises = np.array(student_quantiles())[(numbers[6 * minutes:7 * minutes] * 4096).astype(np.int64)]
    day = float(np.round(np.exp(DAY_SPREAD * 2.0 * (draw() + draw() + draw() - 1.5)), 6))
    range_bp, volume_share = (np.array(curve) for curve in minute_curves(symbol))
    unit_share = 1e-4 * range_bp[places] * day * _slow_part(bells[0]) * np.where(
        regular, REGULAR_SCALE[0], OTHER_SCALE[0])
    labels = _labels(regular, draw)
    base = volume_share[places] * np.where(regular, REGULAR_SCALE[1], OTHER_SCALE[1])
    base *= np.round(np.exp(0.22 * bells[1]), 6) * (0.6 + 0.4 * day)
    walked = _walk(labels, unit_share.tolist(), base.tolist(), noises.tolist(), start_price_ticks, draw)
    table = np.array(walked, dtype=np.float64).reshape(minutes, 5)
    flow = table[:, 3] + FLOW_NOISE * bells[0]
    return SessionPlan(
        start_ns=starts, end_ns=ends, label=np.array(labels, dtype=np.int8),
        open_ticks=table[:, 0].copy(), close_ticks=table[:, 1].copy(), width_ticks=table[:, 2].copy(),
        flow=np.minimum(np.maximum(flow, -MOST_FLOW), MOST_FLOW), share=table[:, 4] * base,
        is_regular=regular,
    )


def _walk(
    labels: list[int], unit_share: list[float], base: list[float], noises: list[float],
    start_price_ticks: int, draw: Draw,
) -> list[tuple[float, float, float, float, float]]:
    """Play the segments: open, close, width, flow and activity of each minute."""
    price = float(start_price_ticks)
    levels = Levels(max(1.0, price * 1e-4))
    out: list[tuple[float, float, float, float, float]] = []
    label = -1
    playing: Player | None = None
    for minute, wanted in enumerate(labels):
        unit = price * unit_share[minute]
        if playing is None or wanted != label:
            label = wanted
            playing = player(label, levels, price, unit, draw)
        move, width, flow, activity = _bounded(playing.step(price, unit, noises[minute]), unit)
        close = max(price + move, 500.0)
        out.append((price, close, width * unit, flow + FLOW_PER_MOVE * move / (0.6 * unit), activity))
        low, high = (price, close) if price < close else (close, price)
        levels.add(low - 0.25 * unit, high + 0.25 * unit, base[minute] * activity)
        price = close
    return out


def _bounded(minute: Minute, unit: float) -> Minute:
    return minute if -6 * unit < minute.move < 6 * unit else minute._replace(
        move=6 * unit if minute.move > 0 else -6 * unit)


def _slow_part(bells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clustered volatility: exp of an autoregression."""
    slow, out = 0.0, []
    for bell in bells.tolist():
        slow = MINUTE_MEMORY * slow + MINUTE_SPREAD * bell
        out.append(slow)
    slow_part: NDArray[np.float64] = np.round(np.exp(np.array(out)), 6)
    return slow_part


def open_minutes(
    session: Session, breaks_ns: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give start and end of each minute's open part; with a break inside a minute, the part before it."""
    first = session.open_ns - session.open_ns % MINUTE_NS
    starts = np.arange(first, session.close_ns, MINUTE_NS, dtype=np.int64)
    ends = np.minimum(starts + MINUTE_NS, session.close_ns)
    starts[0] = session.open_ns
    for closed, opened in breaks_ns.reshape(-1, 2).tolist():
        begins_closed = (starts >= closed) & (starts < opened)
        starts = np.where(begins_closed, np.minimum(opened, ends), starts)
        ends = np.where((starts < closed) & (ends > closed), closed, ends)
    is_open = starts < ends
    return starts[is_open], ends[is_open]


def curve_places(starts: NDArray[np.int64], session: Session) -> NDArray[np.int64]:
    """Give the minute of the usual session each minute is like.

    Aligned at the regular hours, so that half days end busy; sessions without them are
    overnight sessions all along.
    """
    if session.regular_open_ns is None or session.regular_close_ns is None:
        return np.minimum((starts - session.open_ns) // MINUTE_NS, REGULAR_OPEN_MINUTE - 1)
    from_open = REGULAR_OPEN_MINUTE + (starts - session.regular_open_ns) // MINUTE_NS
    from_close = REGULAR_CLOSE_MINUTE + (starts - session.regular_close_ns) // MINUTE_NS
    inside = np.minimum(from_open, REGULAR_CLOSE_MINUTE - 1)
    after = np.minimum(from_close, SESSION_MINUTES - 1)
    return np.maximum(np.where(starts >= session.regular_close_ns, after, inside), 0)


def _labels(regular: NDArray[np.bool_], draw: Draw) -> list[int]:
    """Give each minute its regime: segments that end where regular hours begin or end."""
    labels: list[int] = []
    edges = np.flatnonzero(np.diff(regular)) + 1
    recent: tuple[int, ...] = ()
    for stop in [*edges.tolist(), len(regular)]:
        is_regular = bool(regular[stop - 1])
        shortest, longest = REGULAR_SEGMENT_MINUTES if is_regular else OTHER_SEGMENT_MINUTES
        while (left := stop - len(labels)) > 0:
            label = _next_label(REGULAR_WEIGHTS if is_regular else OTHER_WEIGHTS, recent, draw())
            recent = (*recent[-1:], label)
            minutes = shortest + int((longest - shortest) * draw())
            if left - minutes < shortest:
                minutes = left if left < longest else left // 2
            labels.extend([label] * minutes)
    return labels


def _next_label(weights: dict[int, float], recent: tuple[int, ...], uniform: float) -> int:
    others = {label: weight for label, weight in weights.items() if label not in recent}
    place = uniform * math.fsum(others.values())
    for label, weight in others.items():
        place -= weight
        if place < 0:
            return label
    return next(iter(others))
