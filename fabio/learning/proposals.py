"""Proposals: small changes that the record speaks for, each with its evidence.

Bounded: one setting by one step, or one strategy off, within limits that are written here or in the
settings. What protects the account (`daily_loss`, `max_loss_limit`, `max_position`, `loss_streak`,
`kill_switch`, `session_hours`, `stale_data`) is never proposed to be changed.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from fabio.learning.bootstrap import interval_by_session
from fabio.learning.guard_effect import LEAST_OUTCOMES
from fabio.learning.window import Signal
from fabio.settings.load import Settings

MOST_PROPOSALS = 6
RULE = (f"a change is proposed where at least {LEAST_OUTCOMES} results of signals that it touches stand behind it and "
        f"their 95 % interval lies on one side of 0; one setting by one step; at most {MOST_PROPOSALS}, those with "
        "the most money in their evidence")
_MIN_RR_STEP = 0.25

Kind = Literal["loosen", "tighten", "switch_off"]


class Dial(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that can be turned by a step.

    Parameters
    ----------
    guard
        Whose verdict holds the number that is compared with it.
    strategy
        Whose signals it concerns; None for all.
    is_floor
        Whether the number has to reach it; else it must not pass it.
    """

    section: str
    key: str
    guard: str
    now: float
    step: float
    least: float
    most: float
    is_floor: bool
    strategy: str | None = None

    def turned(self, kind: Kind) -> float:
        """Give the setting one step looser or tighter, within its limits."""
        down = (kind == "loosen") == self.is_floor
        value = self.now - self.step if down else self.now + self.step
        return round(min(max(value, min(self.least, self.now)), max(self.most, self.now)), 6)

    def is_between(self, value: float, looser: float, tighter: float) -> bool:
        """Tell whether a number passes at the looser setting and is refused at the tighter one."""
        return looser <= value < tighter if self.is_floor else tighter < value <= looser


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One change, and why.

    Parameters
    ----------
    apply
        What a person types to apply it to a running agent; None where that takes a new start.
    evidence
        `outcomes`, `sessions`, `net` with `low` to `high` in USD of one step each, and `interval_over`.
    """

    kind: Kind
    section: str
    key: str
    before: float | bool
    after: float | bool
    why: str
    evidence: dict[str, Any]
    apply: str | None = None
    undo: str | None = None

    @property
    def override(self) -> str:
        """As `--set` takes it."""
        return f"{self.section}.{self.key}={_written(self.after)}"

    @property
    def row(self) -> dict[str, Any]:
        """The keys of `--json`."""
        return {
            "kind": self.kind, "setting": f"{self.section}.{self.key}", "before": self.before, "after": self.after,
            "why": self.why, "evidence": self.evidence, "set": self.override,
            "toml": f"[{self.section}]\n{self.key} = {_written(self.after)}", "apply": self.apply,
            "undo": self.undo or f"--set {self.section}.{self.key}={_written(self.before)}",
        }


def propose(settings: Settings, signals: Sequence[Signal]) -> list[Proposal]:
    """Draw proposals from signals, those with the most money in their evidence first.

    Parameters
    ----------
    settings
        Those in force: what is proposed is one step from them.
    signals
        Of the sessions that proposals may be made from, and of no other.
    """
    found = [*_of_dials(settings, signals), *_of_strategies(settings, signals)]
    return sorted(found, key=lambda each: -abs(each.evidence["net"]))[:MOST_PROPOSALS]


def dials(settings: Settings) -> list[Dial]:
    """Give the settings that may be turned: those of guards that are enabled."""
    values, enabled = settings.values, {each.name for each in settings.guards}
    found = [dial for dial in (
        Dial(section="guards.min_confidence", key="minimum", guard="min_confidence", step=0.05, least=0.3, most=0.9,
             is_floor=True, now=float(values["guards.min_confidence.minimum"])),
        Dial(section="guards.volatility", key="max_ratio", guard="volatility", step=0.25, least=1.5, most=4.0,
             is_floor=False, now=float(values["guards.volatility.max_ratio"])),
        Dial(section="guards.cooldown", key="after_exit_s", guard="cooldown", step=30.0, least=0.0, most=600.0,
             is_floor=True, now=float(values["guards.cooldown.after_exit_s"])),
    ) if dial.guard in enabled]
    if "min_reward_risk" in enabled:
        # below the guard's own floor a strategy's has no effect
        least = max(settings.bounds.min_rr_least, float(values["guards.min_reward_risk.least"]))
        found += [
            Dial(section=f"strategies.{each.name}", key="min_rr", guard="min_reward_risk", strategy=each.name,
                 step=_MIN_RR_STEP, least=least, most=settings.bounds.min_rr_most, is_floor=True,
                 now=each.state.min_rr)
            for each in settings.strategies
        ]
    return found


def _of_dials(settings: Settings, signals: Sequence[Signal]) -> Iterator[Proposal]:
    for dial in dials(settings):
        concerned = [each for each in signals if dial.guard in each.values
                     and dial.strategy in (None, each.strategy)]
        looser, tighter = dial.turned("loosen"), dial.turned("tighten")
        yield from _turned(dial, "loosen", looser, [
            each for each in concerned if each.refused_by == (dial.guard,)
            and dial.is_between(each.values[dial.guard], looser, dial.now)
        ])
        yield from _turned(dial, "tighten", tighter, [
            each for each in concerned if each.approved
            and dial.is_between(each.values[dial.guard], dial.now, tighter)
        ])


def _turned(dial: Dial, kind: Kind, value: float, touched: Sequence[Signal]) -> Iterator[Proposal]:
    evidence = _weigh(touched)
    if not _speaks(evidence, for_more=kind == "loosen"):
        return
    whose = "" if dial.strategy is None else f"{dial.strategy}'s "
    what = (f"{whose}signals that {dial.guard} alone refused and that pass at {value:g} would have made"
            if kind == "loosen" else f"{whose}taken signals that {dial.guard} refuses at {value:g} made")
    yield Proposal(kind=kind, section=dial.section, key=dial.key, before=dial.now, after=value, evidence=evidence,
                   why=f"{evidence['outcomes']} {what} {_money(evidence)}")


def _of_strategies(settings: Settings, signals: Sequence[Signal]) -> Iterator[Proposal]:
    for strategy in settings.strategies:
        if not strategy.state.enabled:
            continue
        name = strategy.name
        evidence = _weigh([each for each in signals if each.approved and each.strategy == name])
        if _speaks(evidence, for_more=False):
            yield Proposal(
                kind="switch_off", section=f"strategies.{name}", key="enabled", before=True, after=False,
                why=f"{evidence['outcomes']} signals of {name} that were taken made {_money(evidence)}",
                evidence=evidence, apply=f"fabio strategy disable {name}", undo=f"fabio strategy enable {name}",
            )


def _weigh(signals: Sequence[Signal]) -> dict[str, Any]:
    made = [(each.session, float(each.net_pnl)) for each in signals if each.net_pnl is not None]
    interval, over = interval_by_session([session for session, _ in made], [pnl for _, pnl in made])
    low, high = (None, None) if interval is None else interval
    return {"outcomes": len(made), "sessions": len({session for session, _ in made}),
            "net": round(math.fsum(pnl for _, pnl in made), 2), "low": low, "high": high, "interval_over": over}


def _speaks(evidence: dict[str, Any], for_more: bool) -> bool:
    """Tell whether enough results lie on the one side of 0."""
    if evidence["outcomes"] < LEAST_OUTCOMES or evidence["low"] is None:
        return False
    return bool(evidence["low"] > 0 if for_more else evidence["high"] < 0)


def _money(evidence: dict[str, Any]) -> str:
    return f"{evidence['net']:+,.2f} USD ({evidence['low']:+,.0f} to {evidence['high']:+,.0f})"


def _written(value: float | bool) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else f"{value:.10g}"
