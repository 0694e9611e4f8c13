"""Estimate: what a guard left out would have changed, at a glance, from the shadow book.

Every signal that this guard alone refused is taken to have been traded: its shadow's result, at the
size that it would have been given. Nothing else is thought through (a strategy that moves its stop,
a position that keeps the next signal out, the loss that halts the day): for that the day is
re-simulated.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from fabio.engine.entries import UNCERTAIN_SHARE
from fabio.engine.machine import Engine
from fabio.journal.exchanges import Exchange
from fabio.model.fact import ShadowClosed, SignalBlocked
from fabio.model.order import ShadowTrade
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.portfolio.sizing import size_steps


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A refused signal.

    Parameters
    ----------
    steps
        Size steps it would have been given with nothing else held.
    step_pnl
        What one step would have made after fees, in USD; None where no shadow of it was closed.
    is_filled
        Whether its entry would have been reached.
    """

    decision_id: str
    refused_by: tuple[str, ...]
    steps: int
    step_pnl: Decimal | None = None
    is_filled: bool = False


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What the signals that only some guards refused would have added.

    Parameters
    ----------
    net_pnl
        In USD.
    trades
        How many of them would have been entered.
    unknown
        Signals that had no shadow of their own: one of the same setup was open already.
    """

    net_pnl: Decimal
    trades: int
    unknown: int


class MissedSink:
    """A sink that keeps refused signals, sized while the machine is where they were refused."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._missed: dict[str, Missed] = {}  # decision id -> signal

    @property
    def missed(self) -> tuple[Missed, ...]:
        """In order of time."""
        return tuple(self._missed.values())

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to keep."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to keep."""

    def step(self, step: Step, body: bytes) -> None:
        """Keep what was refused, and what became of its shadow."""
        for fact in step.facts:
            if isinstance(fact, SignalBlocked):
                decision = fact.decision
                self._missed[decision.id] = Missed(
                    decision_id=decision.id, refused_by=decision.refused_by,
                    steps=_steps(decision, self._engine),
                )
            elif isinstance(fact, ShadowClosed) and fact.shadow.decision_id in self._missed:
                self._close(fact.shadow)

    def _close(self, shadow: ShadowTrade) -> None:
        self._missed[shadow.decision_id] = msgspec.structs.replace(
            self._missed[shadow.decision_id], step_pnl=shadow.net_pnl,
            is_filled=shadow.exit_leg != "never_filled",
        )


def _steps(decision: Decision, engine: Engine) -> int:
    """Size a refused signal as the machine sizes one that it takes."""
    market, state = decision.market, engine.state
    strategy = state.strategies[decision.signal.strategy]
    labels = {each.label for each in (decision.regime, _advised(engine, market)) if each is not None}
    if "volatile" in labels or len(labels) > 1:
        strategy = msgspec.structs.replace(strategy, risk_fraction=strategy.risk_fraction * UNCERTAIN_SHARE)
    return size_steps(
        decision.signal, engine.markets[market].instrument, strategy, engine.account(), engine.config.policy.sizing,
    ).steps


def _advised(engine: Engine, market: int) -> Regime | None:
    """Give the rules' own regime, where a model only advises and its answer stands."""
    state = engine.state
    is_advised = state.model is not None and state.model.authority == "advise"
    record = state.markets[market]
    return record.rules if is_advised and record.stands is not None else None


def estimate_without(missed: Sequence[Missed], guards: Iterable[str]) -> Estimate:
    """Add up the shadows of the signals that nobody but these guards refused.

    >>> refused = [
    ...     Missed(decision_id="1", refused_by=("volatility",), steps=2, step_pnl=Decimal("10"), is_filled=True),
    ...     Missed(decision_id="2", refused_by=("volatility", "cooldown"), steps=2, step_pnl=Decimal("-90")),
    ... ]
    >>> estimate_without(refused, ["volatility"]).net_pnl
    Decimal('20')
    """
    names = frozenset(guards)
    theirs = [each for each in missed if names.issuperset(each.refused_by)]
    return Estimate(
        net_pnl=sum((each.steps * each.step_pnl for each in theirs if each.step_pnl is not None), Decimal(0)),
        trades=sum(each.is_filled for each in theirs),
        unknown=sum(each.step_pnl is None for each in theirs),
    )
