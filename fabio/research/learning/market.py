"""A market that is bent: after each planned signal price goes to its target, or to its stop.

Everything is drawn by seed before anybody trades, so the tape carries each outcome whether a trade
is taken or not, and agents are compared on the very same ticks. Nothing here is market data.

Two probes wish `signals` times a session each, in slots of four minutes that never overlap. In the
first half of the sessions probe A's signals reach their target as often as `winning` says and probe
B's as rarely as `losing` says; after that they have changed sides.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.exchange.assumptions import Assumptions
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.tick import Ticks

PROBES = ("probe_a", "probe_b")
NS = 1_000_000_000
MINUTE_NS = 60 * NS
HOUR_NS = 60 * MINUTE_NS
TICK_NS = 5 * NS
SLOT_MINUTES = 4
SLOT_TICKS = SLOT_MINUTES * MINUTE_NS // TICK_NS
LEAD_TICKS = MINUTE_NS // TICK_NS
"""One bar before the first slot: a signal is made when a bar closes."""

BASE_TICKS = 80_000
STOP_TICKS, TARGET_TICKS = 60, 120
FIRST_DAY = dt.date(2026, 1, 5)
OPEN_HOUR, SESSION_HOURS = 14, 8
ASSUMPTIONS = Assumptions()

INSTRUMENT = Instrument(  # the Micro E-mini Nasdaq-100 and its fees of 2026, under a name of its own
    symbol="PROBE", description="a generated market, priced as MNQ", tick_size=Decimal("0.25"),
    tick_value=Decimal("0.50"), size_step=Decimal(1), product_group="generated",
    trading_seconds_per_year=252 * SESSION_HOURS * 3600, poc_cross_band_ticks=4, fee=Decimal("0.36"),
    commission=Decimal("0.25"), mini_equivalent=Decimal("0.1"),
)

_NOISE_TICKS = 6.0
_MARGIN_TICKS = 8
"""Before its end a bent path stays this far from stop and target."""
_SOONEST, _LATEST = 18, 42
"""Ticks after the signal at which the outcome falls, so that it is over before the next slot."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How the market is bent.

    Parameters
    ----------
    sessions
        An even number, 2 to 200; sides are swapped after half of them.
    signals
        Of each probe in each session, 1 to 24.
    winning, losing
        Share of signals that reach the target, by side; in [0, 1].
    """

    sessions: int = 40
    signals: int = 8
    winning: float = 0.58
    losing: float = 0.15

    def __post_init__(self) -> None:
        if self.sessions % 2 or not 2 <= self.sessions <= 200:
            raise ValueError(f"sessions is {self.sessions}; an even number from 2 to 200 is needed, the sides are "
                             f"swapped after half of them")
        if not 1 <= self.signals <= 24:
            raise ValueError(f"signals is {self.signals}; 1 to 24 of each probe fit into a session")
        for name in ("winning", "losing"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a share in [0, 1] is needed")

    @property
    def half(self) -> int:
        """The session with which the sides have changed."""
        return self.sessions // 2

    def winner(self, session: int) -> int:
        """Place in `PROBES` of the side that wins in a session."""
        return 0 if session < self.half else 1


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One signal that a probe will wish, and how it ends; `at_ns` is the tick that closes its bar."""

    session: int
    probe: int
    slot: int
    at_ns: int
    side: int
    wins: bool


def session_table(sessions: int) -> SessionTable:
    """Give one session of eight hours on each weekday from a Monday on."""
    days = [FIRST_DAY + dt.timedelta(weeks=number // 5, days=number % 5) for number in range(sessions)]
    midnight = [(day - dt.date(1970, 1, 1)).days * 24 * HOUR_NS for day in days]
    opens = np.array(midnight, dtype=np.int64) + OPEN_HOUR * HOUR_NS
    closes = opens + SESSION_HOURS * HOUR_NS
    return SessionTable(
        product_group=INSTRUMENT.product_group,
        dates=np.array([int(day.strftime("%Y%m%d")) for day in days], dtype=np.int64),
        opens_ns=opens, closes_ns=closes, regular_opens_ns=opens, regular_closes_ns=closes,
        flat_by_ns=closes - HOUR_NS // 4, breaks_ns=np.empty((0, 2), dtype=np.int64),
    )


def planned(terms: Terms, seed: int) -> list[Planned]:
    """Draw all signals with their outcomes, oldest first."""
    table = session_table(terms.sessions)
    signals: list[Planned] = []
    for session in range(terms.sessions):
        random = _random(seed, session, 0)
        slots = 2 * terms.signals
        probes = random.permutation(np.repeat(np.arange(2), terms.signals))
        sides = random.choice(np.array([-1, 1]), size=slots)
        draws = random.random(slots)
        for slot in range(slots):
            share = terms.winning if probes[slot] == terms.winner(session) else terms.losing
            at_ns = int(table.opens_ns[session]) + (LEAD_TICKS + slot * SLOT_TICKS) * TICK_NS
            signals.append(Planned(session=session, probe=int(probes[slot]), slot=slot, at_ns=at_ns,
                                   side=int(sides[slot]), wins=bool(draws[slot] < share)))
    return signals


def tape(terms: Terms, signals: list[Planned], seed: int, session: int) -> Ticks:
    """Make one session's ticks, bent by its signals."""
    random = _random(seed, session, 1)
    parts = [BASE_TICKS + _walk(random, LEAD_TICKS)]
    last = int(parts[0][-1])
    for signal in signals:
        if signal.session == session:
            parts.append(last + signal.side * _bent(random, signal.wins))
            last = int(parts[-1][-1])
    parts.append(last + _walk(random, LEAD_TICKS))  # the last bar's close wakes the machine once more
    price = np.concatenate(parts)
    opens_ns = int(session_table(terms.sessions).opens_ns[session])
    times = opens_ns + TICK_NS * np.arange(len(price), dtype=np.int64)
    return Ticks(
        ts_event_ns=times, ts_recv_ns=times, price_ticks=price.astype(np.int64),
        size_steps=random.integers(1, 6, len(price), dtype=np.int64),
        side=random.choice(np.array([-1, 1], dtype=np.int8), size=len(price)),
        market=np.zeros(len(price), dtype=np.int8),
    )


def planned_r(wins: bool) -> float:
    """Give the R multiple that fees and slippage leave of an outcome: what the exchange has to make of it.

    The bracket hangs on the fill, so the entry's slippage moves it and costs nothing; a stop loses its own
    slippage, a target none.

    >>> round(planned_r(True), 3), round(planned_r(False), 3)
    (1.959, -1.057)
    """
    ticks = TARGET_TICKS if wins else -(STOP_TICKS + ASSUMPTIONS.stop_slippage_ticks)
    fees = 2 * INSTRUMENT.fees(1, BASE_TICKS)
    return float((INSTRUMENT.money(ticks) - fees) / INSTRUMENT.money(STOP_TICKS))


def _bent(random: np.random.Generator, wins: bool) -> NDArray[np.int64]:
    """Draw one slot's prices, from the signal's on, as distances from it towards the target.

    A bridge of Gaussian steps from the signal to the end, held between stop and target until then. Price
    trades through the target by a tick, and at the stop to the tick.
    """
    entry = ASSUMPTIONS.market_slippage_ticks
    stop, target = entry - STOP_TICKS, entry + TARGET_TICKS
    end, length = target + 1 if wins else stop, int(random.integers(_SOONEST, _LATEST + 1))
    steps = np.cumsum(random.normal(0.0, _NOISE_TICKS, length))
    share = np.arange(1, length + 1) / length
    path = np.rint(steps + share * (end - steps[-1]))
    bent = np.clip(path, stop + _MARGIN_TICKS, target - _MARGIN_TICKS).astype(np.int64)
    bent[-1] = end
    after = end + _walk(random, SLOT_TICKS - 1 - length)
    return np.concatenate([np.zeros(1, dtype=np.int64), bent, after])


def _walk(random: np.random.Generator, length: int) -> NDArray[np.int64]:
    return np.cumsum(random.integers(-2, 3, length))


def _random(seed: int, session: int, stream: int) -> "np.random.Generator":
    """Give the randomness of one session: nothing that another one, or an agent, draws can move it."""
    words: Any = (seed, session, stream)
    return np.random.default_rng(words)
