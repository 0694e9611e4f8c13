"""What the engine asks of its parts. They match by shape and inherit nothing."""

from typing import Protocol, runtime_checkable

import msgspec

from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.signal import Signal, Verdict, Wish
from fabio.model.strategy import StrategyState
from fabio.model.view import View, Wake
from fabio.portfolio.order_policy import OrderPolicy

__all__ = [
    "Condition", "Explains", "GuardPart", "MarketConfig", "NamedGuard", "NamedStrategy", "OrderPolicy", "StrategyPart",
]

Condition = tuple[str, bool | None, float | None, float | None]
"""Name, whether it holds (None: unknown), value seen, threshold."""


class StrategyPart(Protocol):
    """One idea: a view in, a wish or nothing out."""

    triggers: Wake

    def propose(self, view: View) -> Wish | None:
        """Wish, or not."""


@runtime_checkable
class Explains(Protocol):
    """A strategy that can say what it looked at; one that cannot is asked nothing."""

    def conditions(self, view: View) -> tuple[Condition, ...]:
        """Give name, whether it holds, value and threshold of each condition."""


class GuardPart(Protocol):
    """One veto."""

    def check(self, signal: Signal, view: View) -> Verdict:
        """Speak, always."""


class MarketConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument with its calendar."""

    instrument: Instrument
    table: SessionTable


class NamedStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy under its file's name, with the state it starts in."""

    name: str
    part: StrategyPart
    state: StrategyState


class NamedGuard(msgspec.Struct, frozen=True, kw_only=True):
    """A guard under its file's name."""

    name: str
    part: GuardPart
