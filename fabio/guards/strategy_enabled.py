"""strategy_enabled: a disabled strategy may wish, but not enter."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No settings: the strategy's own state decides."""


class Guard:
    """Refuses what a disabled strategy wishes; its shadow trades go on."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Pass while the strategy is enabled."""
        enabled = view.state.enabled
        reason = f"{signal.strategy} is {'enabled' if enabled else 'disabled'}"
        return Verdict("strategy_enabled", enabled, None, None, reason)
