"""What three agents on the same tapes say about learning: per seed, and over seeds."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.research.learning.market import PROBES, STOP_TICKS, TARGET_TICKS, Terms
from fabio.research.learning.run import AGENTS, Agent, Record

RESAMPLES = 10_000
RESAMPLING_SEED = 0
HALVES = ("from_start", "after_swap")
FULL_R = TARGET_TICKS / STOP_TICKS


class Net(msgspec.Struct, frozen=True):
    """What one agent earned on one seed, and with how many trades."""

    r: float
    usd: float
    trades: int


class Side(msgspec.Struct, frozen=True):
    """The trades of one side of the plan, as the agent that never learns made them: counts and sums in R."""

    trades: int
    wins: int
    total_r: float
    total_r_squared: float
    cost_r: float


class SeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """One seed.

    Parameters
    ----------
    net
        By agent.
    winners, losers
        What the tape offered.
    disabled_after
        By half (`HALVES`), of its planted loser where that was enabled when the half began: how many of its
        signals had ended when the rule disabled it, None where it never did.
    winner_disabled
        Whether the rule ever disabled a probe while that was winning.
    enabled_again_after
        The same of its planted winner where that was disabled when the half began: until the rule enabled it.
    """

    seed: int
    net: Mapping[str, Net]
    winners: Side
    losers: Side
    disabled_after: Mapping[str, int | None]
    winner_disabled: bool
    enabled_again_after: Mapping[str, int | None]


def measure(seed: int, terms: Terms, records: Mapping[Agent, Record]) -> SeedResult:
    """Say what one seed shows."""
    learning, off = records["learning"], records["off"]
    enabled = [True, True]
    disabled_after: dict[str, int | None] = {}
    enabled_again: dict[str, int | None] = {}
    winner_disabled = False
    for name, half in zip(HALVES, (range(terms.half), range(terms.half, terms.sessions)), strict=True):
        winner = terms.winner(half[0])
        own = [each for each in learning.switched if each.session in half]
        if enabled[1 - winner]:
            disabled_after[name] = _first(own, 1 - winner, False)
        if not enabled[winner]:
            enabled_again[name] = _first(own, winner, True)
        winner_disabled |= _first(own, winner, False) is not None
        for each in own:
            enabled[each.probe] = each.enabled
    return SeedResult(
        seed=seed, net={agent: _net(record) for agent, record in records.items()},
        winners=_side(terms, off, winning=True), losers=_side(terms, off, winning=False),
        disabled_after=disabled_after, winner_disabled=winner_disabled, enabled_again_after=enabled_again,
    )


def _first(switched: Sequence[Any], probe: int, enabled: bool) -> int | None:
    counts = [each.outcomes for each in switched if each.probe == probe and each.enabled == enabled]
    return counts[0] if counts else None


def _net(record: Record) -> Net:
    trades = [taken.trade for taken in record.trades]
    usd = float(sum((trade.net_pnl for trade in trades), start=type(trades[0].net_pnl)(0))) if trades else 0.0
    return Net(math.fsum(trade.r_multiple for trade in trades), usd, len(trades))


def _side(terms: Terms, record: Record, *, winning: bool) -> Side:
    multiples = [
        taken.trade.r_multiple for taken in record.trades
        if (taken.trade.strategy == PROBES[terms.winner(taken.session)]) == winning
    ]
    wins = sum(1 for multiple in multiples if multiple > 0)
    gross = FULL_R * wins - (len(multiples) - wins)
    total = math.fsum(multiples)
    return Side(len(multiples), wins, total, math.fsum(each * each for each in multiples), gross - total)


# -- over seeds -----------------------------------------------------------------------------


def summary(terms: Terms, results: Sequence[SeedResult]) -> dict[str, Any]:
    """Put all seeds together; gains are in R unless they say USD."""
    gains = np.array([each.net["learning"].r - each.net["off"].r for each in results])
    gains_usd = np.array([each.net["learning"].usd - each.net["off"].usd for each in results])
    disabled = [count for each in results for count in each.disabled_after.values()]
    answer: dict[str, Any] = {
        "seeds": len(results),
        "first_seed": results[0].seed,
        "sessions": terms.sessions,
        "signals_per_session": terms.signals,
        "paired_gain": interval(gains),
        "paired_gain_usd": interval(gains_usd),
        "share_of_oracle": _share(results, lambda net: net.r),
        "share_of_oracle_usd": _share(results, lambda net: net.usd),
        "median_trades_to_disable_loser": _median(disabled),
        "median_trades_to_disable_by_half": {
            half: _median([each.disabled_after[half] for each in results if half in each.disabled_after])
            for half in HALVES
        },
        "losers_never_disabled": disabled.count(None),
        "planted_losers": len(disabled),
        "winner_disabled_share": sum(each.winner_disabled for each in results) / len(results),
        "median_trades_to_enable_again": _median(
            [count for each in results for count in each.enabled_again_after.values()]
        ),
        "agents": {agent: _mean_net([each.net[agent] for each in results]) for agent in AGENTS},
        "planted": {"winner": _joined([each.winners for each in results]),
                    "loser": _joined([each.losers for each in results])},
        "by_seed": [msgspec.to_builtins(each) for each in results],
    }
    answer["goals"] = _goals(answer)
    return answer


def interval(values: NDArray[np.float64]) -> dict[str, float]:
    """Give the mean with its bootstrap interval of 95 % over seeds; the resampling's seed is fixed.

    >>> interval(np.array([2.0, 2.0]))
    {'mean': 2.0, 'low': 2.0, 'high': 2.0}
    """
    rows = np.random.default_rng(RESAMPLING_SEED).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), (0.025, 0.975))
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def _share(results: Sequence[SeedResult], amount: Callable[[Net], float]) -> float | None:
    most = math.fsum(amount(each.net["oracle"]) for each in results)
    return math.fsum(amount(each.net["learning"]) for each in results) / most if most > 0 else None


def _median(counts: Sequence[int | None]) -> float | None:
    """Give the median; what never happened lies beyond everything, and None says so."""
    if not counts:
        return None
    median = float(np.median([math.inf if count is None else count for count in counts]))
    return median if math.isfinite(median) else None


def _mean_net(nets: Sequence[Net]) -> dict[str, float]:
    return {
        "mean_r": math.fsum(net.r for net in nets) / len(nets),
        "mean_usd": math.fsum(net.usd for net in nets) / len(nets),
        "mean_trades": sum(net.trades for net in nets) / len(nets),
    }


def _joined(sides: Sequence[Side]) -> dict[str, float | None]:
    trades = sum(side.trades for side in sides)
    mean = math.fsum(side.total_r for side in sides) / trades
    spread = math.sqrt(max(math.fsum(side.total_r_squared for side in sides) / trades - mean * mean, 0.0))
    return {
        "trades": trades,
        "win_rate": sum(side.wins for side in sides) / trades,
        "mean_r": mean,
        "cost_r": math.fsum(side.cost_r for side in sides) / trades,
        "sharpe_per_trade": mean / spread if spread > 0 else None,
    }


def _goals(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Hold the figures against what they have to reach; the last one wants 100 seeds to mean much."""
    rows: tuple[tuple[str, float | None, str, float], ...] = (
        ("paired_gain.low", answer["paired_gain"]["low"], ">", 0.0),
        ("share_of_oracle", answer["share_of_oracle"], ">=", 0.6),
        ("median_trades_to_disable_loser", answer["median_trades_to_disable_loser"], "<=", 45.0),
        ("winner_disabled_share", answer["winner_disabled_share"], "<=", 0.05),
    )
    return [
        {"name": name, "relation": relation, "limit": limit, "holds": _holds(value, relation, limit)}
        for name, value, relation, limit in rows
    ]


def _holds(value: float | None, relation: str, limit: float) -> bool:
    if value is None:
        return False
    return value > limit if relation == ">" else value >= limit if relation == ">=" else value <= limit
