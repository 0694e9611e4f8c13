"""The question: what a model is told, in the shape that `llm_exchanges.jsonl` keeps.

A plain dict of JSON values. Lists run oldest to newest, missing is null, prices are in
price units, distances in ticks, money in USD, times in seconds or minutes as the name
says. The same content always gives the same bytes, and so the same hash.
"""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import orjson

from fabio.model.account import Account, Recent
from fabio.model.bar import Bar
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.regime import Regime
from fabio.model.session import Session
from fabio.model.stats import MarketStats
from fabio.model.strategy import Note, StrategyPerformance, StrategyState
from fabio.model.zone import Zone
from fabio.regime.reading import Readings
from fabio.regime.zones import strongest_band

VERSION = 1
NS = 1_000_000_000
MIN_NS = 60 * NS
NOTES_SHOWN = 5
ANSWERS_SHOWN = 3


class MarketPicture(msgspec.Struct, frozen=True, kw_only=True):
    """One market at the moment of asking.

    Parameters
    ----------
    now_ns
        Runtime clock.
    line
        The `features` line as a dict (`surface.md`): `market_stats`, `poc_cross_stats`,
        `profile` and `orderflow` go into the question as they are.
    zones, zones_told
        The zones in force, and what `tell_zones` makes of them.
    bars
        Finished 1-minute bars, oldest first; they tell how price moved since earlier answers.
    readings
        What the rules said when the last bar closed.
    """

    now_ns: int
    line: Mapping[str, Any]
    instrument: Instrument
    session: Session
    stats: MarketStats
    bars: Sequence[Bar]
    zones: Sequence[Zone]
    zones_told: list[dict[str, Any]]
    readings: Readings


class OwnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of itself.

    Parameters
    ----------
    states_told, performance_told
        What `tell_states` and `tell_performance` make of the strategies.
    notes, last_answers
        Oldest first; the newest few are shown.
    positions
        The open positions of this instrument.
    theses
        Why each open position was entered.  # decision id -> reason
    """

    states_told: dict[str, dict[str, Any]]
    performance_told: dict[str, dict[str, Any]]
    notes: Sequence[Note]
    last_answers: Sequence[Regime]
    positions: Sequence[Position]
    theses: Mapping[str, str]
    account: Account
    recent: Recent


def build_request(market: MarketPicture, record: OwnRecord) -> dict[str, Any]:
    """Put one question together; its keys stand in the order of the alphabet, on every level."""
    line, stats, session = market.line, market.stats, market.session
    tick = float(market.instrument.tick_size)
    band, near = strongest_band(market.zones, stats.last_ticks)
    return {
        "historical_notes_snippet": [
            {"age_min": (market.now_ns - note.ts_ns) // MIN_NS, "id": note.id, "text": note.text}
            for note in record.notes[-NOTES_SHOWN:]
        ],
        "importance_zones": market.zones_told,
        "last_answers": [_answer(regime, market) for regime in record.last_answers[-ANSWERS_SHOWN:]],
        "last_price": stats.last_ticks * tick,
        "market_stats": line["market_stats"],
        "open_positions": [_position(held, market, record) for held in record.positions],
        "orderflow": line["orderflow"],
        "poc_cross_stats": line["poc_cross_stats"],
        "profile": line["profile"],
        "rules": market.readings.told,
        "session": session.date,
        "session_stats": _session_stats(market, record),
        "strategy_performance": record.performance_told,
        "strategy_state": record.states_told,
        "symbol": market.instrument.symbol,
        "tick_size": tick,
        "ts_ns": stats.ts_ns,
        "v": VERSION,
        "zone_band": band,
        "zone_nearest": None if near is None else near.name,
    }


def tell_zones(zones: Sequence[Zone], instrument: Instrument) -> list[dict[str, Any]]:
    """Write zones as a question shows them."""
    tick = float(instrument.tick_size)
    return [
        {
            "inner_ticks": zone.inner_ticks,
            "name": zone.name,
            "outer_ticks": zone.outer_ticks,
            "price": zone.centre_ticks * tick,
            "priority": zone.priority,
        }
        for zone in zones
    ]


def tell_states(
    states: Mapping[str, StrategyState], configured: Mapping[str, StrategyState],
) -> dict[str, dict[str, Any]]:
    """Write strategy states, now and as configured, as a question shows them."""
    return {name: _state(states[name], configured.get(name)) for name in sorted(states)}


def tell_performance(performance: Mapping[str, StrategyPerformance]) -> dict[str, dict[str, Any]]:
    """Write the strategies' records as a question shows them."""
    return {name: _performance(performance[name]) for name in sorted(performance)}


def canonical_json(request: Mapping[str, Any]) -> bytes:
    """Write a question without spaces: `build_request` has its keys in order, so equal content, equal bytes.

    >>> canonical_json({"a": 1.5, "b": None})
    b'{"a":1.5,"b":null}'
    """
    return orjson.dumps(request)


def request_hash(request: Mapping[str, Any]) -> str:
    """Give the SHA-256 of the canonical JSON, in hex.

    >>> request_hash({})[:16]
    '44136fa355b3678a'
    """
    return digest(canonical_json(request))


def digest(canonical: bytes) -> str:
    """Give the SHA-256 of a question written already, in hex: who records it writes it only once."""
    return hashlib.sha256(canonical).hexdigest()


def _session_stats(market: MarketPicture, record: OwnRecord) -> dict[str, Any]:
    session, stats, account, now = market.session, market.stats, record.account, market.now_ns
    tick = float(market.instrument.tick_size)
    opens, closes = session.regular_open_ns, session.regular_close_ns
    return {
        "day_pnl": _money(account.day_pnl),
        "entries": sum(record.recent.entries_by_strategy.values()),
        "halted": account.halted or None,
        "losses_in_a_row": record.recent.losses_in_a_row,
        "minutes_since_open": (now - session.open_ns) // MIN_NS,
        "minutes_to_close": (session.close_ns - now) // MIN_NS,
        "minutes_to_flat_by": None if session.flat_by_ns is None else (session.flat_by_ns - now) // MIN_NS,
        "opening_range_high": _price(stats.opening_range_high_ticks, tick),
        "opening_range_low": _price(stats.opening_range_low_ticks, tick),
        "regular_hours": None if opens is None or closes is None else opens <= now < closes,
        "room_to_loss_floor": _money(account.room),
    }


def _position(position: Position, market: MarketPicture, record: OwnRecord) -> dict[str, Any]:
    tick = float(market.instrument.tick_size)
    entry = position.entry_ticks
    return {
        "age_min": (market.now_ns - position.opened_ns) // MIN_NS,
        "entry_price": round(entry * tick, 6),
        "entry_thesis": record.theses.get(position.decision_id),
        "open_ticks": round((market.stats.last_ticks - entry) * position.side, 2),
        "side": "long" if position.side > 0 else "short",
        "size": float(abs(position.size_steps) * market.instrument.size_step),
        "stop_price": _price(position.stop_ticks, tick),
        "strategy": position.strategy,
        "target_price": _price(position.target_ticks, tick),
    }


def _state(state: StrategyState, configured: StrategyState | None) -> dict[str, Any]:
    return {
        "configured_risk_fraction": None if configured is None else configured.risk_fraction,
        "enabled": state.enabled,
        "max_trades_per_session": state.max_trades_per_session,
        "min_rr": state.min_rr,
        "risk_fraction": state.risk_fraction,
        "stop_ticks": state.stop_ticks,
        "target_ticks": state.target_ticks,
    }


def _performance(performance: StrategyPerformance) -> dict[str, Any]:
    return {
        "average_rr": _rounded(performance.average_rr),
        "last": [round(multiple, 2) for multiple in performance.last[-30:]],
        "net_pnl": round(performance.net_pnl, 2),
        "trades": performance.trades,
        "win_rate": _rounded(performance.win_rate),
    }


def _answer(regime: Regime, market: MarketPicture) -> dict[str, Any]:
    return {
        "age_s": (market.now_ns - regime.answered_at_ns) // NS,
        "confidence": regime.confidence,
        "direction": regime.direction,
        "moved_ticks_since": _moved_since(regime.answered_at_ns, market),
        "regime": regime.label,
        "source": regime.source,
    }


def _moved_since(ts_ns: int, market: MarketPicture) -> int | None:
    """Ticks from the close of the last bar finished by `ts_ns`; None where no bar reaches back so far."""
    for bar in reversed(market.bars):
        if bar.start_ns + MIN_NS <= ts_ns:
            return market.stats.last_ticks - bar.close_ticks
    return None


def _price(ticks: int | None, tick: float) -> float | None:
    return None if ticks is None else ticks * tick


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _money(value: Decimal) -> float:
    return round(float(value), 2)
