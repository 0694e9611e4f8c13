"""The box every entry has to fit into as it leaves, whatever strategies, guards and models said.

It stands behind all of them, in one place, and speaks only against. Reductions do not come
this way. Anchors: SEC 15c3-5, MiFID II RTS 6 (price collar, order size, repeated automated
execution).
"""

from collections.abc import Sequence

import msgspec

from fabio.model.signal import Signal, Verdict

NS = 1_000_000_000
HOUR_NS = 3600 * NS
GUARD = "order_box"
COLLAR_CEILING_TICKS, STOP_CEILING_TICKS, HOURLY_CEILING, DAILY_CEILING = 400, 2000, 60, 200
"""No setting goes beyond these."""


class OrderPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How entries are worked, and the box they have to fit into.

    Parameters
    ----------
    limit_good_for_s
        Seconds after which an unfilled limit entry expires.
    collar_ticks
        Most ticks between an entry's price and the last trade, 1 to 400.
    least_stop_ticks
        Least distance of a stop from the entry, in ticks, 1 to 2000.
    most_stop_ticks
        Most of it, in ticks, 1 to 2000.
    entries_per_hour
        Entries that may leave in any hour, 1 to 60. Armed for live, one more ends trading until a
        person arms it again.
    entries_per_day
        Entries that may leave on one trade date, 1 to 200; beyond it the same.
    """

    limit_good_for_s: float = 120.0
    collar_ticks: int = 40
    least_stop_ticks: int = 8
    most_stop_ticks: int = 200
    entries_per_hour: int = 6
    entries_per_day: int = 20

    def __post_init__(self) -> None:
        for name, ceiling in (
            ("collar_ticks", COLLAR_CEILING_TICKS), ("least_stop_ticks", STOP_CEILING_TICKS),
            ("most_stop_ticks", STOP_CEILING_TICKS), ("entries_per_hour", HOURLY_CEILING),
            ("entries_per_day", DAILY_CEILING),
        ):
            value = getattr(self, name)
            if not 1 <= value <= ceiling:
                raise ValueError(f"{name} is {value}; it must lie in 1 to {ceiling}")
        if self.least_stop_ticks > self.most_stop_ticks:
            raise ValueError(f"least_stop_ticks is {self.least_stop_ticks}, above most_stop_ticks "
                             f"({self.most_stop_ticks})")


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """An entry about to leave: its size and its most, the last trade, and when others left."""

    signal: Signal
    size_steps: int
    most_steps: int
    last_ticks: int
    now_ns: int
    entry_times: Sequence[int]


def outside_box(leaving: Leaving, policy: OrderPolicy) -> Verdict | None:
    """Say what of an entry lies outside the box; None when it fits."""
    signal = leaving.signal
    distance = abs(signal.entry_ticks - leaving.last_ticks)
    if not 1 <= leaving.size_steps <= leaving.most_steps:
        return _against(leaving.size_steps, leaving.most_steps, "size steps, at least 1 and at most {limit} allowed")
    if distance > policy.collar_ticks:
        return _against(distance, policy.collar_ticks, "ticks from the last trade, at most {limit} allowed")
    if signal.risk_ticks < policy.least_stop_ticks:
        return _against(signal.risk_ticks, policy.least_stop_ticks, "ticks to the stop, at least {limit} needed")
    if signal.risk_ticks > policy.most_stop_ticks:
        return _against(signal.risk_ticks, policy.most_stop_ticks, "ticks to the stop, at most {limit} allowed")
    return too_many(leaving.entry_times, leaving.now_ns, policy)


def too_many(entry_times: Sequence[int], now_ns: int, policy: OrderPolicy) -> Verdict | None:
    """Say when one entry more is too many for this hour or this trade date."""
    in_hour = sum(1 for ts_ns in entry_times if ts_ns > now_ns - HOUR_NS)
    if in_hour >= policy.entries_per_hour:
        return _against(in_hour, policy.entries_per_hour, "entries in the last hour, {limit} allowed")
    if len(entry_times) >= policy.entries_per_day:
        return _against(len(entry_times), policy.entries_per_day, "entries on this trade date, {limit} allowed")
    return None


def _against(value: int, limit: int, words: str) -> Verdict:
    return Verdict(GUARD, False, float(value), float(limit), f"{value} {words.format(limit=limit)}")
