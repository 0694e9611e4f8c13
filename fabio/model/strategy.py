"""StrategyState, its updates, its performance, and notes."""

import msgspec


class StrategyState(msgspec.Struct, frozen=True, kw_only=True):
    """What governs a strategy's execution.

    Parameters
    ----------
    enabled
        A disabled strategy still wishes, so that its shadow trades go on; guards refuse it.
    risk_fraction
        Share of the account balance put at risk per trade, (0, 0.01].
    max_trades_per_session
        Entries per session, >= 0.
    min_rr
        Least reward-to-risk ratio of a signal.
    stop_ticks, target_ticks
        Fixed distances from the entry; None lets the strategy take its level.
    """

    enabled: bool = True
    risk_fraction: float = 0.005
    max_trades_per_session: int = 4
    min_rr: float = 1.5
    stop_ticks: int | None = None
    target_ticks: int | None = None


class StrategyUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change of one strategy's state; what is None stays as it is."""

    name: str
    reason: str
    enabled: bool | None = None
    risk_fraction: float | None = None
    max_trades_per_session: int | None = None
    min_rr: float | None = None
    stop_ticks: int | None = None
    target_ticks: int | None = None


class StrategyPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's closed trades: counts, win rate, mean reward to risk and net P&L in USD.

    `win_rate` and `average_rr` are None before the first trade; `last` holds the R
    multiples of the latest 30 trades, oldest first.
    """

    name: str
    trades: int = 0
    wins: int = 0
    net_pnl: float = 0.0
    win_rate: float | None = None
    average_rr: float | None = None
    last: tuple[float, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note to the future self."""

    id: str
    ts_ns: int
    text: str
    source: str
