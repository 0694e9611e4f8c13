"""Recorded sessions whose every signal ends as planned: behind it price walks to its target, or to its stop."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from whatif_lab import BASE, MNQ, ROOT

from fabio.engine.seams import MarketConfig, NamedStrategy
from fabio.journal.world import World, claim
from fabio.model.signal import Signal
from fabio.model.tick import Ticks
from fabio.model.view import View, Wake
from fabio.runtime.folder import FolderSink
from fabio.runtime.wiring import build_driver, engine_config, sessions_between
from fabio.settings.load import Settings, load

NS = 1_000_000_000
MINUTE_NS, TICK_NS = 60 * NS, 5 * NS
SLOT_TICKS = 4 * MINUTE_NS // TICK_NS
LEAD_TICKS = MINUTE_NS // TICK_NS
STOP_TICKS, TARGET_TICKS = 60, 120
BASE_TICKS = 100_000
FIRST_NS = 1_780_272_000 * NS  # 2026-06-01T00:00:00Z, a Monday
NAMES = ("mean_reversion", "trend_continuation")
FREE = (
    "learning.enabled=false", "learning.apply=confirmed", "account.loss_limit=40000", "guards.cooldown.after_exit_s=0",
    "guards.max_trades_per_session.all_strategies=200", "orders.entries_per_hour=60", "orders.entries_per_day=200",
    *(f"guards.{name}.enabled=false" for name in ("regime_mismatch", "volatility", "loss_streak", "daily_loss")),
    *(f"strategies.{name}.{key}" for name in NAMES for key in ("risk_fraction=0.001", "max_trades_per_session=99")),
)
"""So that nothing but `min_confidence` and the strategies' own switches stands before a signal."""
TABLE = sessions_between(BASE, MNQ, FIRST_NS, FIRST_NS + 60 * 86_400 * NS)
Share = Callable[[int], float]  # session, from 0 -> share of signals that win


class Plan:
    """Signals of both strategies by turns, each with its outcome, drawn by seed before anybody trades.

    Parameters
    ----------
    shares
        By strategy's name.
    timid
        Strategies whose every second signal has a confidence of 0.47: `min_confidence` refuses it.
    """

    def __init__(self, sessions: int, signals: int, shares: Mapping[str, Share], timid: Sequence[str] = ()) -> None:
        self.tapes: list[Ticks] = []
        self.wishes: dict[str, dict[int, tuple[int, float]]] = {name: {} for name in NAMES}  # bar start -> wish
        random = np.random.default_rng(7)
        first = TABLE.index_at(FIRST_NS + 15 * 60 * MINUTE_NS)
        for number in range(sessions):
            opens_ns = TABLE.session(first + number).regular_open_ns
            assert opens_ns is not None
            prices = [BASE_TICKS + random.integers(-2, 3, LEAD_TICKS)]
            for slot in range(2 * signals):
                name, side = NAMES[slot % 2], int(random.choice([-1, 1]))
                confidence = 0.47 if name in timid and slot // 2 % 2 else 0.7
                at_ns = opens_ns + (LEAD_TICKS + slot * SLOT_TICKS) * TICK_NS
                self.wishes[name][at_ns - MINUTE_NS] = side, confidence
                is_won = bool(random.random() < shares[name](number))
                prices.append(int(prices[-1][-1]) + side * _walk(random, is_won))
            prices.append(int(prices[-1][-1]) + random.integers(-2, 3, LEAD_TICKS))
            self.tapes.append(_tape(opens_ns, np.concatenate(prices)))

    def settings(self, overrides: Sequence[str] = ()) -> Settings:
        """The shipped configuration with a change, the strategies' parts replaced by those that wish as planned."""
        loaded = load(config=ROOT / "config", environment={}, directory=Path("/"), overrides=(*FREE, *overrides))
        return dataclasses.replace(loaded, strategies=tuple(
            NamedStrategy(name=each.name, part=_Wisher(each.name, self.wishes[each.name]), state=each.state)
            for each in loaded.strategies
        ))

    def record(self, folder: Path) -> None:
        """Live through all sessions, recorded."""
        world = World(mode="test", feed="demo", account="paper", instruments=("MNQ",))
        with claim(folder, world, FIRST_NS):
            sink = FolderSink(folder, [MNQ])
            driver = build_driver(engine_config(self.settings(), [MarketConfig(instrument=MNQ, table=TABLE)]), (sink,))
            for tape in self.tapes:
                driver.feed(tape)
            sink.close()


class _Wisher:
    triggers = Wake.BAR_CLOSED

    def __init__(self, name: str, wishes: Mapping[int, tuple[int, float]]) -> None:
        self._name = name
        self._wishes = wishes

    def propose(self, view: View) -> Signal | None:
        side, confidence = self._wishes.get(view.bars[-1].start_ns, (0, 0.0)) if view.bars else (0, 0.0)
        if not side:
            return None
        last = view.stats.last_ticks
        return Signal(
            strategy=self._name, setup="planned", side=side, entry_ticks=last, stop_ticks=last - side * STOP_TICKS,
            target_ticks=last + side * TARGET_TICKS, confidence=confidence, reason="planned",
        )


def _walk(random: np.random.Generator, is_won: bool) -> np.ndarray:
    """Give a slot's path in the signal's direction: there within 20 to 35 ticks, and still until the slot ends."""
    end = TARGET_TICKS + 10 if is_won else -STOP_TICKS - 10
    steps = int(random.integers(20, 36))
    path = np.linspace(0, end, steps).round()
    return np.concatenate([path, np.full(SLOT_TICKS - steps, end)]).astype(np.int64)


def _tape(opens_ns: int, prices: np.ndarray) -> Ticks:
    times = opens_ns + TICK_NS * np.arange(len(prices), dtype=np.int64)
    return Ticks(
        ts_event_ns=times, ts_recv_ns=times, price_ticks=prices.astype(np.int64),
        size_steps=np.full(len(prices), 2, dtype=np.int64),
        side=np.resize(np.array([1, -1], dtype=np.int8), len(prices)), market=np.zeros(len(prices), dtype=np.int8),
    )
