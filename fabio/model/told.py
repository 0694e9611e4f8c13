"""Told: what a question told of its market, in short."""

import msgspec

from fabio.model.regime import Direction, Label, ValueLocation


class Told(msgspec.Struct, frozen=True, gc=False):
    """The numbers by which two questions are compared; None where a statistic is not known yet.

    Parameters
    ----------
    at_ns
        Runtime clock.
    session
        `YYYYMMDD`.
    bar_range_ticks
        Mean 1-minute bar range of 15 minutes.
    flow, flow_side, flow_15min_side
        `cvd_slope_5min_norm`; the signs of both slopes, 0 where not known.
    in_value_share
        Of the time booked in the last 30 minutes.
    range_ratio, efficiency, label, direction
        The rules'.
    held
        The position with its sign, 0 when flat.
    version
        Anything that changes when the strategies' states or their record do.
    """

    at_ns: int
    session: int
    last_ticks: int
    poc_ticks: int
    vah_ticks: int
    val_ticks: int
    value: ValueLocation
    poc_side: int
    crosses_session: int
    crosses_30min: int
    bar_range_ticks: float | None
    flow: float | None
    flow_side: int
    flow_15min_side: int
    range_percentile: float | None
    in_value_share: float | None
    range_ratio: float | None
    efficiency: float | None
    label: Label
    direction: Direction
    band: str
    held: int
    version: int
