"""Strategies as people ask for them: their rules, settings, state now, and record in a folder."""

import inspect
from pathlib import Path
from typing import Any

import msgspec

from fabio.model.strategy import StrategyPerformance
from fabio.runtime.story import Story
from fabio.runtime.wiring import instruments_of
from fabio.settings.load import load
from fabio.settings.parts import STRATEGIES, part_module, part_names
from fabio.settings.show import rows as setting_rows


def strategy_names() -> list[str]:
    """Give the names of all strategies."""
    return part_names(STRATEGIES)


def listed(config: Path | None, logs: Path) -> list[dict[str, Any]]:
    """Give each strategy's state, as last changed in a folder, else as configured, and its record there.

    Raises
    ------
    JournalDamaged
        If the folder's journal is not whole.
    """
    settings = load(config=config)
    story = Story(logs, instruments_of(settings))
    found = []
    for named in settings.strategies:
        performance = story.performance.get(named.name, StrategyPerformance(name=named.name))
        state = story.states.get(named.name, named.state)
        found.append({**msgspec.to_builtins(performance), **msgspec.to_builtins(state),
                      "configured": msgspec.to_builtins(named.state)})
    return found


def shown(config: Path | None, logs: Path, name: str) -> dict[str, Any]:
    """Give a strategy's rules, its settings with their origin, and how its state changed."""
    settings = load(config=config)
    prefix = f"strategies.{name}."
    story = Story(logs, instruments_of(settings))
    return {
        "rules": inspect.getdoc(part_module(STRATEGIES, name)) or "",
        "settings": [
            {"path": row.path, "value": row.value, "origin": row.origin}
            for row in setting_rows(settings) if row.path.startswith(prefix)
        ],
        "changes": [each for each in story.changes if each["strategy"] == name],
        "last_trades": [each for each in story.trades.values() if each["strategy"] == name][-5:],
    }
