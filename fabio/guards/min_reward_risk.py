"""min_reward_risk: what a trade may win against what it may lose."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The floor under the strategies' own `min_rr`.

    Parameters
    ----------
    least
        Reward over risk, no unit, that no state may go below; 0 to 100.
    """

    least: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 100:
            raise ValueError(f"least is {self.least}; it must lie in 0 to 100")


class Guard:
    """Refuses a target too near for its stop, and a stop on the wrong side."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Compare reward over risk, in ticks without fees, with the larger of both floors."""
        needed = max(view.state.min_rr, self.settings.least)
        risk, reward = signal.risk_ticks, signal.reward_ticks
        if risk <= 0:
            return Verdict("min_reward_risk", False, None, needed,
                           f"the stop lies {-risk} ticks on the winning side of the entry")
        reason = f"{reward} ticks to win, {risk} to lose: {reward / risk:.2f}, at least {needed:g} needed"
        return Verdict("min_reward_risk", reward / risk >= needed, reward / risk, needed, reason)
