"""StrategyState, its updates, its performance and evidence, and notes."""

from typing import Literal

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


class StateConfigured(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings said of one strategy's state, and say now."""

    name: str
    before: StrategyState
    after: StrategyState


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


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one signal ended: a closed trade, or for a signal that was not taken its shadow trade.

    Parameters
    ----------
    id
        The decision's: a signal counts once.
    regime, zone
        Label in force and the name of the zone price stood in when it was decided; empty zone: none.
    r_multiple
        Net P&L over what was risked.
    net_pnl
        USD; of a shadow what one size step would have made.
    """

    id: str
    strategy: str
    setup: str
    side: int
    regime: str
    zone: str = ""
    session: str
    ts_ns: int
    r_multiple: float
    net_pnl: float
    is_shadow: bool


class StrategyEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy's outcomes say for and against it.

    Parameters
    ----------
    outcomes
        Counted over its whole life.
    falling, rising
        The two sequential tests on R multiples, against it and for it, >= 0; both start at 0
        when it is switched.
    last
        The latest 30, oldest first.
    since_raise
        Outcomes since its risk was last raised, or it was switched, or the beginning.
    switched_off_by
        Who disabled it last; empty while it is enabled.
    """

    name: str
    outcomes: int = 0
    falling: float = 0.0
    rising: float = 0.0
    last: tuple[Outcome, ...] = ()
    since_raise: int = 0
    switched_off_by: str = ""


NoteStatus = Literal["pending", "supported", "contradicted", "expired", "retired"]
Expected = Literal["win", "loss"]


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody wants to be remembered, before it is a note.

    Parameters
    ----------
    text
        One sentence, at most 160 characters.
    strategy, regime, zone
        What it is about: a strategy's name, a regime's label, a zone's name; empty means any.
    expects
        How signals in its scope will end, so that outcomes can support or contradict it; None
        where it cannot be tested.
    """

    text: str
    strategy: str = ""
    regime: str = ""
    zone: str = ""
    expects: Expected | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note to the future self: a claim with its record.

    Parameters
    ----------
    session
        Trading day it was made on.
    sessions
        Trading days of the outcomes counted, oldest first.
    outcomes, wins, total_r
        Of the signals in its scope that ended since it was made.
    age_sessions
        Trading days begun since it was made.
    """

    id: str
    ts_ns: int
    claim: Claim
    source: str
    session: str = ""
    status: NoteStatus = "pending"
    outcomes: int = 0
    wins: int = 0
    total_r: float = 0.0
    sessions: tuple[str, ...] = ()
    age_sessions: int = 0
