"""kill_switch: no entries while the account is halted, whoever halted it."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No settings: a halt holds until a person resumes, or for its trade date."""


class Guard:
    """Refuses every entry of a halted account."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Pass while nothing is halted."""
        halted = view.account.halted
        reason = f"trading is halted: {halted}" if halted else "trading is not halted"
        return Verdict("kill_switch", not halted, None, None, reason)
