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
    zones
        The zones in force.
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
    readings: Readings


class OwnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of itself.

    Parameters
    ----------
    states, configured
        Strategy states now, and as the settings gave them.  # strategy -> state
    performance
        Closed trades so far.  # strategy -> performance
    notes, last_answers
        Oldest first; the newest few are shown.
    positions
        The open positions of this instrument.
    theses
        Why each open position was entered.  # decision id -> reason
    """

    states: Mapping[str, StrategyState]
    configured: Mapping[str, StrategyState]
    performance: Mapping[str, StrategyPerformance]
    notes: Sequence[Note]
    last_answers: Sequence[Regime]
    positions: Sequence[Position]
    theses: Mapping[str, str]
    account: Account
    recent: Recent


def build_request(market: MarketPicture, record: OwnRecord) -> dict[str, Any]:
    """Put one question together; cost about 8 us with ten zones and two strategies."""
    line, stats, session = market.line, market.stats, market.session
    tick = float(market.instrument.tick_size)
    band, near = strongest_band(market.zones, stats.last_ticks)
    return {
        "v": VERSION,
        "symbol": market.instrument.symbol,
        "tick_size": tick,
        "session": session.date,
        "ts_ns": stats.ts_ns,
        "last_price": stats.last_ticks * tick,
        "market_stats": line["market_stats"],
        "poc_cross_stats": line["poc_cross_stats"],
        "profile": line["profile"],
        "orderflow": line["orderflow"],
        "session_stats": _session_stats(market, record),
        "importance_zones": _zones(market.zones, stats.last_ticks, tick),
        "zone_band": band,
        "zone_nearest": None if near is None else near.name,
        "open_positions": [_position(held, market, record) for held in record.positions],
        "strategy_state": {
            name: _state(state, record.configured.get(name)) for name, state in record.states.items()
        },
        "strategy_performance": {
            name: _performance(record.performance.get(name)) for name in record.states
        },
        "historical_notes_snippet": [
            {"id": note.id, "age_min": (market.now_ns - note.ts_ns) // MIN_NS, "text": note.text}
            for note in record.notes[-NOTES_SHOWN:]
        ],
        "last_answers": [_answer(regime, market) for regime in record.last_answers[-ANSWERS_SHOWN:]],
        "rules": market.readings.told,
    }


def canonical_json(request: Mapping[str, Any]) -> bytes:
    """Write a question with sorted keys and no spaces: equal content, equal bytes.

    >>> canonical_json({"b": None, "a": 1.5})
    b'{"a":1.5,"b":null}'
    """
    return orjson.dumps(request, option=orjson.OPT_SORT_KEYS)


def request_hash(request: Mapping[str, Any]) -> str:
    """Give the SHA-256 of the canonical JSON, in hex.

    >>> request_hash({"a": 1, "b": 2}) == request_hash({"b": 2, "a": 1})
    True
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
        "minutes_since_open": (now - session.open_ns) // MIN_NS,
        "minutes_to_close": (session.close_ns - now) // MIN_NS,
        "minutes_to_flat_by": None if session.flat_by_ns is None else (session.flat_by_ns - now) // MIN_NS,
        "regular_hours": None if opens is None or closes is None else opens <= now < closes,
        "opening_range_high": _price(stats.opening_range_high_ticks, tick),
        "opening_range_low": _price(stats.opening_range_low_ticks, tick),
        "day_pnl": _money(account.day_pnl),
        "room_to_loss_floor": _money(account.room),
        "entries": sum(record.recent.entries_by_strategy.values()),
        "losses_in_a_row": record.recent.losses_in_a_row,
        "halted": account.halted or None,
    }


def _zones(zones: Sequence[Zone], last_ticks: int, tick: float) -> list[dict[str, Any]]:
    return [
        {
            "name": zone.name,
            "price": zone.centre_ticks * tick,
            "distance_ticks": last_ticks - zone.centre_ticks,
            "inner_ticks": zone.inner_ticks,
            "outer_ticks": zone.outer_ticks,
            "priority": zone.priority,
        }
        for zone in zones
    ]


def _position(position: Position, market: MarketPicture, record: OwnRecord) -> dict[str, Any]:
    tick = float(market.instrument.tick_size)
    entry = position.entry_ticks
    return {
        "strategy": position.strategy,
        "side": "long" if position.side > 0 else "short",
        "size": float(abs(position.size_steps) * market.instrument.size_step),
        "entry_price": round(entry * tick, 6),
        "stop_price": _price(position.stop_ticks, tick),
        "target_price": _price(position.target_ticks, tick),
        "open_ticks": round((market.stats.last_ticks - entry) * position.side, 2),
        "age_min": (market.now_ns - position.opened_ns) // MIN_NS,
        "entry_thesis": record.theses.get(position.decision_id),
    }


def _state(state: StrategyState, configured: StrategyState | None) -> dict[str, Any]:
    return {
        "enabled": state.enabled,
        "risk_fraction": state.risk_fraction,
        "configured_risk_fraction": None if configured is None else configured.risk_fraction,
        "max_trades_per_session": state.max_trades_per_session,
        "min_rr": state.min_rr,
        "stop_ticks": state.stop_ticks,
        "target_ticks": state.target_ticks,
    }


def _performance(performance: StrategyPerformance | None) -> dict[str, Any]:
    if performance is None:
        return {"trades": 0, "win_rate": None, "average_rr": None, "net_pnl": 0.0, "last": []}
    return {
        "trades": performance.trades,
        "win_rate": _rounded(performance.win_rate),
        "average_rr": _rounded(performance.average_rr),
        "net_pnl": round(performance.net_pnl, 2),
        "last": [round(multiple, 2) for multiple in performance.last[-30:]],
    }


def _answer(regime: Regime, market: MarketPicture) -> dict[str, Any]:
    return {
        "age_s": (market.now_ns - regime.answered_at_ns) // NS,
        "source": regime.source,
        "regime": regime.label,
        "direction": regime.direction,
        "confidence": regime.confidence,
        "moved_ticks_since": _moved_since(regime.answered_at_ns, market),
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
