"""Signal decay: how long it takes from a signal's decision to its first fill."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fabio.learning.cycle_records import Traced
from fabio.learning.window import Signal

_NS_PER_MS = 1e6
CLOCK = ("by the agent's own clock, from the decision to the step that booked the first fill; a limit order's time "
         "holds its wait for the price, a fill at the venue the way of its report")


def signal_decay(signals: Sequence[Signal], traced: Traced | None) -> dict[str, Any]:
    """Tell mean, median and 90th percentile in milliseconds, of all orders and by kind; None where nothing filled."""
    waits: dict[str, list[float]] = {}
    orders = {} if traced is None else traced.orders
    for each in signals:
        order = orders.get(each.decision_id)
        if order is not None and order.filled_ns is not None:
            waits.setdefault(order.kind, []).append((order.filled_ns - each.ts_ns) / _NS_PER_MS)
    together = [wait for kind in waits.values() for wait in kind]
    return {**_spread(together), "by_kind": {kind: _spread(waits[kind]) for kind in sorted(waits)}, "clock": CLOCK}


def _spread(waits_ms: Sequence[float]) -> dict[str, Any]:
    if not waits_ms:
        return {"fills": 0, "mean_ms": None, "median_ms": None, "p90_ms": None}
    median, p90 = np.quantile(np.asarray(waits_ms), (0.5, 0.9))
    return {"fills": len(waits_ms), "mean_ms": float(np.mean(waits_ms)), "median_ms": float(median),
            "p90_ms": float(p90)}
