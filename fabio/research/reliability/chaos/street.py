"""The market and the strategy of a chaos run: few prints and sudden bursts, and somebody who trades all the time."""

from functools import cache
from pathlib import Path
from random import Random

from fabio.engine.seams import NamedStrategy
from fabio.model.signal import Exit, Signal, Tighten, Wish
from fabio.model.strategy import StrategyState
from fabio.model.tick import Tick, Ticks
from fabio.model.view import View, Wake
from fabio.research.reliability.lab import dressed
from fabio.runtime.demo import Demo
from fabio.runtime.wiring import instrument_of
from fabio.settings.load import Settings, load

NS = 1_000_000_000
EVENTS_PER_S, BURST, BURST_EVERY_S = 4.0, 140, 45.0
AFTER_OPEN_S = 1800
_QUIET_GUARDS = ("cooldown", "duplicate_signal", "loss_streak", "max_trades_per_session", "min_confidence",
                 "min_reward_risk", "regime_mismatch", "volatility")
"""They would let almost no entry leave. Those that watch data, hours, losses and size stay."""
WITHOUT_LEARNING = "learning.enabled=false"
"""The agent rightly switches off who loses, as this strategy does: nothing would be left to trade."""
CAREFUL_AFTER = 5
"""Losses in a row."""
_OVERRIDES = (
    "account.loss_floor=48000", "account.as_of=2026-05-29", "orders.entries_per_hour=60",
    "orders.entries_per_day=200", "orders.limit_good_for_s=8",
    *(f"guards.{name}.enabled=false" for name in _QUIET_GUARDS),
)


class Restless:
    """Enters whenever it is flat, by market and by limit, pulls its stop closer, leaves early; it remembers nothing.

    After some losses in a row it waits for a target that is near: ten in a row would end its day.
    """

    triggers = (Wake.BAR_CLOSED | Wake.VALUE_LEFT | Wake.VALUE_ENTERED | Wake.POC_CROSSED | Wake.BIG_PRINT
                | Wake.ASK_DUE)

    def propose(self, view: View) -> Wish | None:
        """Wish something that depends on the time alone."""
        turn, last = view.now_ns // NS, view.stats.last_ticks
        position = view.position
        if position is None:
            return None if view.recent.working_entries else self._entry(view, turn, last)
        if position.strategy != "restless" or position.stop_ticks is None:
            return None
        if view.recent.losses_in_a_row >= CAREFUL_AFTER:
            return None
        if turn % 4 == 0:
            return Exit(strategy="restless", reason="it is time")
        closer = position.stop_ticks + 2 * position.side
        if turn % 4 == 1 and (last - closer) * position.side > 2:
            return Tighten(strategy="restless", stop_ticks=closer, reason="a little closer")
        return None

    def _entry(self, view: View, turn: int, last: int) -> Signal:
        side, distance = 1 if turn % 2 else -1, 10 + turn % 9
        reward = distance + 2
        if view.recent.losses_in_a_row >= CAREFUL_AFTER:
            distance, reward = 10, 5
        at_limit = turn % 3 == 0
        entry = last - side if at_limit else last
        return Signal(
            strategy="restless", setup=f"turn {turn % 5}", side=side, kind="limit" if at_limit else "market",
            entry_ticks=entry, stop_ticks=entry - distance * side, target_ticks=entry + reward * side,
            confidence=0.9, reason="always",
        )


@cache
def chaos_settings(*more: str, model_key: str | None = None) -> Settings:
    """Give the settings of a chaos run, and more of them; guards of hours, data, size and losses stay in force."""
    environment = {} if model_key is None else {"OPENAI_API_KEY": model_key}
    plain = load(environment=environment, directory=Path("/"), overrides=(*_OVERRIDES, *more))
    state = StrategyState(max_trades_per_session=1000, min_rr=0.5, risk_fraction=0.005)
    return dressed(plain, (NamedStrategy(name="restless", part=Restless(), state=state),), plain.guards)


def settings_of(seed: int) -> Settings:
    """Give the settings of a seed's run: a third of them learns.

    The others trade to their end: an agent that learns rightly switches off what loses, after some thirty trades.
    """
    return chaos_settings() if seed % 3 == 0 else chaos_settings(WITHOUT_LEARNING)


@cache
def calendar() -> Demo:
    """Give the instrument's calendar and product."""
    settings = chaos_settings()
    return Demo(settings, instrument_of(settings, "MNQ"), 82)


def walk(seed: int, length_s: float) -> Ticks:
    """Draw prints: four a second, and bursts of 140 within a second; the price wanders a tick at a time."""
    session = calendar().session(0)
    assert session.regular_open_ns is not None
    return wander(seed, session.regular_open_ns + AFTER_OPEN_S * NS, length_s)


def wander(seed: int, start_ns: int, length_s: float) -> Ticks:
    """Draw the same from any time on."""
    dice = Random(f"street {seed}")
    times = [0]
    while times[-1] < length_s * NS:
        times.append(times[-1] + max(int(dice.expovariate(EVENTS_PER_S) * NS), 1))
    for number in range(int(length_s / BURST_EVERY_S)):
        at_ns = int((number + dice.random()) * BURST_EVERY_S * NS)
        times += [at_ns + int(dice.random() * NS) for _ in range(BURST)]
    price, drift, rows = 100_000, 0.0, []
    for at_ns in sorted(times):
        if dice.random() < 0.01:
            drift = dice.uniform(-0.15, 0.15)
        price += dice.choices((-1, 0, 1), (0.25 - drift, 0.5, 0.25 + drift))[0]
        rows.append(Tick(ts_event_ns=start_ns + at_ns, ts_recv_ns=start_ns + at_ns, price_ticks=price,
                         size_steps=dice.randint(1, 9), side=dice.choice((1, -1)), market=0))
    return Ticks.of(rows)
