"""Parts by file name: what `fabio/guards` and `fabio/strategies` hold is what there is.

No registry: a new file is found, its `Settings` become a section of the configuration, and its
class is built from them. The other sections belong to one struct each, listed here by path.
"""

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

import msgspec

from fabio.model.strategy import StrategyState

GUARDS, STRATEGIES = "fabio.guards", "fabio.strategies"
SECTIONS = {
    "account": "fabio.portfolio.account:AccountSettings",
    "cadence": "fabio.regime.cadence:CadenceSettings",
    "model": "fabio.regime.authority:ModelSettings",
    "bounds": "fabio.regime.bounds:AnswerBounds",
    "budget": "fabio.regime.budget:BudgetSettings",
    "material": "fabio.regime.material:MaterialSettings",
    "learning": "fabio.regime.evidence:LearningSettings",
    "notes": "fabio.regime.notes:NoteSettings",
    "exchange": "fabio.exchange.assumptions:Assumptions",
    "orders": "fabio.engine.seams:OrderPolicy",
    "regime": "fabio.regime.reading:RegimeSettings",
    "zones": "fabio.regime.zones:ZoneSettings",
    "sinks": "fabio.adapters.sinks.targets:SinkSettings",
}
"""Section -> the struct that holds and checks it."""


class InitialState(StrategyState, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A strategy's state at its start.

    Parameters
    ----------
    enabled
        A disabled strategy still wishes, for its shadow trades; a guard refuses it.
    risk_fraction
        Share of the balance at risk per trade, above 0 to 0.01 (0.005 is half a percent).
    max_trades_per_session
        Entries per session, 0 to 1000.
    min_rr
        Least reward-to-risk ratio of a signal, 0 to 100.
    stop_ticks, target_ticks
        Fixed distances from the entry, 1 to 100000; none lets the strategy take its level.
    """

    def __post_init__(self) -> None:
        if not 0 < self.risk_fraction <= 0.01:
            raise ValueError(f"risk_fraction is {self.risk_fraction}; it is a share of the balance and must "
                             "lie above 0 to 0.01 (0.005 is half a percent)")
        if not 0 <= self.max_trades_per_session <= 1000:
            raise ValueError(f"max_trades_per_session is {self.max_trades_per_session}; "
                             "it must lie in 0 to 1000")
        if not 0 <= self.min_rr <= 100:
            raise ValueError(f"min_rr is {self.min_rr}; it must lie in 0 to 100")
        for name in ("stop_ticks", "target_ticks"):
            value = getattr(self, name)
            if value is not None and not 1 <= value <= 100_000:
                raise ValueError(f"{name} is {value}; it must be none or lie in 1 to 100000")


STATE_FIELDS = frozenset(field.name for field in msgspec.structs.fields(StrategyState))


def part_names(package: str) -> list[str]:
    """Give the names of a room's parts: its files, in the order of the alphabet."""
    return list(_part_names(tuple(importlib.import_module(package).__path__)))


@cache
def _part_names(places: tuple[str, ...]) -> tuple[str, ...]:
    """Look once, as the catalogue does: a new file takes a new start."""
    return tuple(sorted(each.name for each in pkgutil.iter_modules(places) if not each.name.startswith("_")))


def part_module(package: str, name: str) -> ModuleType:
    """Give a part's file, imported.

    Raises
    ------
    TypeError
        If it does not have a part's shape: a mistake in the file, not in the configuration.
    """
    module = importlib.import_module(f"{package}.{name}")
    wanted = "Guard" if package == GUARDS else "Strategy"
    for needed in ("Settings", wanted):
        if not hasattr(module, needed):
            raise TypeError(f"{module.__file__} has no class {needed}; every {wanted.lower()} has `Settings` "
                            f"and `{wanted}(settings)`")
    return module


@cache
def section_struct(section: str) -> type[msgspec.Struct]:
    """Give the struct of a section of `SECTIONS`."""
    module, _, name = SECTIONS[section].partition(":")
    struct: type[msgspec.Struct] = getattr(importlib.import_module(module), name)
    return struct


def settings_struct(package: str, name: str) -> type[msgspec.Struct]:
    """Give the `Settings` of a part."""
    struct: type[msgspec.Struct] = part_module(package, name).Settings
    return struct


def build_part(package: str, name: str, settings: msgspec.Struct) -> Any:
    """Build a part from its settings."""
    module = part_module(package, name)
    return module.Guard(settings) if package == GUARDS else module.Strategy(settings)
