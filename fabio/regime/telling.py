"""What a question tells of the agent itself: its strategies, their records, its notes, its account.

Short where it can be: every number here is read by a model that is paid by the token.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from fabio.model.account import Account, Recent
from fabio.model.strategy import Note, StrategyPerformance, StrategyState

T = TypeVar("T")
SUMMED_TRADES, SINGLE_TRADES = 30, 5
"""Of a strategy's latest trades: so many are summed up, and so many told one by one."""


def tell_states(
    states: Mapping[str, StrategyState], configured: Mapping[str, StrategyState],
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Write strategy states, without what most of them have alike, and that; `enabled` is told of each."""
    names = sorted(states)
    own, usual = apart([_state(states[name], configured.get(name)) for name in names])
    told = {name: {**row, "enabled": states[name].enabled} for name, row in zip(names, own, strict=True)}
    return {name: dict(sorted(row.items())) for name, row in told.items()}, usual


def tell_performance(performance: Mapping[str, StrategyPerformance]) -> dict[str, dict[str, Any]]:
    """Write the strategies' records as a question shows them."""
    return {name: _performance(performance[name]) for name in sorted(performance)}


def apart(rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Take out of rows what most of them have; give the rest of each, and that.

    >>> apart([{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1, "b": 3}])
    ([{'b': 2}, {}, {}], {'a': 1, 'b': 3})
    """
    usual = {name: most_common([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    return [{name: value for name, value in row.items() if value != usual[name]} for row in rows], usual


def most_common(values: Sequence[T]) -> T:
    """Give the value that most of them are, the first of equals.

    >>> most_common([3, 1, 1])
    1
    """
    return values[0] if values.count(values[0]) == len(values) else max(values, key=values.count)


def tell_account(account: Account, recent: Recent) -> dict[str, Any]:
    """Write the account, money in whole USD."""
    return {
        "day_pnl": _money(account.day_pnl),
        "entries": sum(recent.entries_by_strategy.values()),
        "halted": account.halted or None,
        "losses_in_a_row": recent.losses_in_a_row,
        "room_to_loss_floor": _money(account.room),
    }


def _state(state: StrategyState, configured: StrategyState | None) -> dict[str, Any]:
    return {
        "configured_risk_fraction": None if configured is None else configured.risk_fraction,
        "max_trades_per_session": state.max_trades_per_session,
        "min_rr": state.min_rr,
        "risk_fraction": state.risk_fraction,
        "stop_ticks": state.stop_ticks,
        "target_ticks": state.target_ticks,
    }


def _performance(performance: StrategyPerformance) -> dict[str, Any]:
    latest = performance.last[-SUMMED_TRADES:]
    return {
        "average_rr": _rounded(performance.average_rr),
        "last_30": {
            "net_r": short(sum(latest), 1),
            "win_rate": _rounded(sum(multiple > 0 for multiple in latest) / len(latest)) if latest else None,
        },
        "last_5_r": [short(multiple, 1) for multiple in latest[-SINGLE_TRADES:]],
        "net_pnl": short(performance.net_pnl, 0),
        "trades": performance.trades,
        "win_rate": _rounded(performance.win_rate),
    }


def tell_note(note: Note) -> dict[str, Any]:
    """Write a note: its claim, what it is about, and its record."""
    claim = note.claim
    return {
        "age_sessions": note.age_sessions,
        "claim": claim.text,
        "mean_r": _rounded(note.total_r / note.outcomes) if note.outcomes else None,
        "n": note.outcomes,
        "scope": ", ".join(filter(None, (claim.strategy, claim.regime, claim.zone))) or None,
        "wins": note.wins,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def short(value: float, decimals: int) -> float:
    """Round, and write a whole number without its point."""
    rounded = round(value, decimals)
    whole = int(rounded)
    return whole if rounded == whole else rounded


def _money(value: Decimal) -> float:
    return short(float(value), 0)
