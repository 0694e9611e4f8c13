"""One release bar: what was found, what is allowed, and how often it was tried."""

import math
from collections.abc import Sequence

import msgspec


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A figure beside its limit.

    Parameters
    ----------
    name
        What is counted or measured, with its unit last: `duplicate_orders`, `unprotected_p99_s`.
    value
        What was found.
    limit
        The largest value (where `holds` says so, the smallest) that is allowed.
    n
        How often it was tried.
    holds
        Whether the value keeps the limit, and anything was tried at all.
    note
        What a reader has to know to judge the value, among it how to repeat the worst case; empty if nothing.
    """

    name: str
    value: float
    limit: float
    n: int
    holds: bool
    note: str = ""


def at_most(name: str, value: float, limit: float, n: int, note: str = "") -> Bar:
    """Judge a value that may not be above its limit; nothing tried is nothing shown.

    Examples
    --------
    >>> at_most("orders_lost", 0, 0, 10).holds, at_most("orders_lost", 0, 0, 0).holds
    (True, False)
    """
    return Bar(name=name, value=float(value), limit=float(limit), n=n, holds=n > 0 and value <= limit, note=note)


def at_least(name: str, value: float, limit: float, n: int, note: str = "") -> Bar:
    """Judge a value that may not be below its limit."""
    return Bar(name=name, value=float(value), limit=float(limit), n=n, holds=n > 0 and value >= limit, note=note)


def p99(values: Sequence[float]) -> float:
    """Give the value that 99 of 100 do not exceed; infinity where there is none.

    >>> p99(range(1, 201)), p99([])
    (198, inf)
    """
    return sorted(values)[math.ceil(len(values) * 0.99) - 1] if values else math.inf
