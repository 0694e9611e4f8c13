"""`fabio` with one strategy, off at first, that enters at every bar while flat: for tests that need orders soon."""

import dataclasses
import sys
from typing import Any

from fabio.__main__ import main
from fabio.engine.seams import NamedStrategy
from fabio.model.signal import Signal
from fabio.model.strategy import StrategyState
from fabio.model.view import View, Wake
from fabio.settings import load as loading

FAR_TICKS = 900
"""Of the market: so far away are stop and target that a position lasts."""


class Often:
    """Long, with a bracket far away."""

    triggers = Wake.BAR_CLOSED

    def propose(self, view: View) -> Signal | None:
        if view.position is not None or view.recent.working_entries:
            return None
        last = view.stats.last_ticks
        return Signal(
            strategy="often", setup="test", side=1, entry_ticks=last, stop_ticks=last - FAR_TICKS,
            target_ticks=last + FAR_TICKS, confidence=0.9, reason="every bar",
        )


_load = loading.load
_with_values = loading.Settings.with_values


def load(**options: Any) -> loading.Settings:
    return often(_load(**options))


def with_values(self: loading.Settings, *values: Any, **options: Any) -> loading.Settings:
    return often(_with_values(self, *values, **options))


def often(loaded: loading.Settings) -> loading.Settings:
    state = StrategyState(enabled=False, max_trades_per_session=1000, min_rr=0.5, risk_fraction=0.02)
    strategy = NamedStrategy(name="often", part=Often(), state=state)
    guards = tuple(guard for guard in loaded.guards if guard.name in ("strategy_enabled", "kill_switch"))
    return dataclasses.replace(loaded, strategies=(strategy,), guards=guards)


if __name__ == "__main__":
    loading.load = load  # type: ignore[assignment]
    loading.Settings.with_values = with_values  # type: ignore[method-assign]
    sys.exit(main())
