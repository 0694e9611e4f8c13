"""View: all that a strategy or a guard may look at, read-only."""

from enum import IntFlag

import msgspec

from fabio.model.account import Account, Recent
from fabio.model.bar import Bar
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.regime import Label, Regime
from fabio.model.session import Session
from fabio.model.stats import BigPrint, MarketStats
from fabio.model.strategy import StrategyState
from fabio.model.zone import Zone


class Wake(IntFlag):
    """Why the per-tick loop stopped; the lower bits are the feature kernel's."""

    BAR_CLOSED = 1
    VALUE_LEFT = 2
    VALUE_ENTERED = 4
    POC_CROSSED = 8
    POC_MOVED = 16
    SESSION_ROLLED = 32
    OPENING_RANGE_SET = 64
    BIG_PRINT = 128
    REJECTED = 256
    PRICE_TOUCHED = 1 << 10
    ASK_DUE = 1 << 11
    SHADOW_FILLED = 1 << 12
    FLAT_BY = 1 << 13


class View(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The market and the account at one wake-up.

    Parameters
    ----------
    now_ns
        Runtime clock: what ages are measured with.
    wake
        Why the loop stopped here.
    bars
        The last finished 1-minute bars, oldest first, at most 32.
    regime
        The label in force; None before the first, stale after its `good_until_ns`.
    rules_regime
        What the rules said last, where a model's label is in force that may not widen what they
        allow; else None.
    rule_label
        What the rule classifier says at this minute.
    state
        The asking strategy's state.
    position
        The open position of this instrument, None when flat.
    positions
        All open positions of the account.
    is_approximate
        Whether part of the session was made of bars: profile, POC and value are near the truth, not at it.
    """

    now_ns: int
    wake: Wake
    market: int
    instrument: Instrument
    session: Session
    stats: MarketStats
    bars: tuple[Bar, ...]
    zones: tuple[Zone, ...]
    big_prints: tuple[BigPrint, ...]
    regime: Regime | None
    rule_label: Label
    state: StrategyState
    position: Position | None
    positions: tuple[Position, ...]
    account: Account
    recent: Recent
    is_approximate: bool = False
    rules_regime: Regime | None = None
