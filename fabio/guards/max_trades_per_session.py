"""max_trades_per_session: so many entries and no more, per strategy and in all."""

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.model.view import View


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ceiling over the strategies' own.

    Parameters
    ----------
    all_strategies
        Entries of all strategies in one session of the instrument, >= 0. Each strategy's own
        number stands in its state.
    """

    all_strategies: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.all_strategies <= 10_000:
            raise ValueError(f"all_strategies is {self.all_strategies}; it must lie in 0 to 10000")


class Guard:
    """Refuses the entry after the last allowed one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, signal: Signal, view: View) -> Verdict:
        """Pass while both counts of entries are below their limits."""
        entries, limit = view.recent.entries_by_strategy, view.state.max_trades_per_session
        done, whose = entries.get(signal.strategy, 0), signal.strategy
        if done < limit:
            total = sum(entries.values())
            if total >= self.settings.all_strategies:
                done, limit, whose = total, self.settings.all_strategies, "all strategies"
        reason = f"{done} entries of {whose} this session, {limit} allowed"
        return Verdict("max_trades_per_session", done < limit, float(done), float(limit), reason)
