"""From a line of the records to rows of the tables: pure, so that the same line always gives the same rows.

A row's `record_id` begins with the world's number: ids of records are unique within one folder only.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import orjson

from fabio.adapters.sinks.port import KEY, Kind, Row, Value
from fabio.journal.lines import decode_step, is_remark
from fabio.journal.times import iso
from fabio.journal.units import Units
from fabio.journal.world import read_world
from fabio.model import fact as facts
from fabio.model.instrument import Instrument
from fabio.model.regime import Regime
from fabio.model.step import Step
from fabio.runtime.sinking.tables import FEATURES, TABLES

Record = Mapping[str, Any]
Made = tuple[str, str, dict[str, Any]]
"""Table, id of the record within its folder, fields."""

_KINDS: dict[str, dict[str, Kind]] = {
    table.name: {column.name: column.kind for column in table.columns} for table in TABLES}
_SIDES = {1: "long", -1: "short"}
_DAY_NS = 86_400_000_000_000
_INT64 = 1 << 63


class Whose(msgspec.Struct, frozen=True):
    """Whose records they are.

    Parameters
    ----------
    world
        Eight hex digits that hardly two worlds share: the CRC-32 of what `world.json` says.
    instruments
        Symbols, in the order of the machine's markets.
    agent_id, user_id
        Columns of that name; None for nobody.
    """

    world: str
    instruments: tuple[str, ...]
    agent_id: str | None
    user_id: str | None


def whose_records(folder: Path, agent_id: str = "", user_id: str = "") -> Whose | None:
    """Tell whose records a folder holds; None where no agent ran in it yet.

    Parameters
    ----------
    agent_id, user_id
        Empty for the world's own name, and for nobody.

    Raises
    ------
    WorldUnreadable
        If `world.json` is not what an agent wrote.
    """
    world = read_world(folder)
    if world is None:
        return None
    started_ns = orjson.loads((folder / "world.json").read_bytes()).get("started_ns", 0)
    number = f"{crc32(orjson.dumps([msgspec.to_builtins(world), started_ns])):08x}"
    name = "-".join((world.mode, *world.instruments, number)).lower()
    return Whose(number, world.instruments, agent_id or name, user_id or None)


class RowMaker:
    """Lines in, rows out.

    Parameters
    ----------
    instruments
        By symbol; at least those of the records.

    Raises
    ------
    LookupError
        If an instrument of the records is not among them.
    """

    def __init__(self, whose: Whose, instruments: Mapping[str, Instrument]) -> None:
        self.whose = whose
        self._units = [Units(instruments[symbol]) for symbol in whose.instruments]
        self._of: dict[str, Callable[[Record, str], Iterator[Made]]] = {
            "decisions": _decision, "trades": _trade, "shadow": _shadow, "learning": _learned,
            "llm_exchanges": _exchange,
        }

    def rows(self, stream: str, line: bytes, number: str, day: str) -> Iterator[tuple[str, Row]]:
        """Give the rows of one whole line, each with its table.

        Parameters
        ----------
        number
            `SEQ-NTH`: which line of which step it is, the id of records that have none.
        day
            The trading day in the name of a journal file; empty for the other streams.

        Raises
        ------
        ValueError, KeyError, TypeError, AttributeError
            If the line does not have the shape of its stream's records.
        """
        if stream == "journal":
            if is_remark(line):
                return
            step = decode_step(line)
            for index, fact in enumerate(step.facts):
                for table, id_, fields in self._fact(fact, step, f"{number}-{index}"):
                    yield table, self._row(table, id_, {"session": day, **fields})
        else:
            for table, id_, fields in self._of[stream](orjson.loads(line), number):
                yield table, self._row(table, id_, fields)

    def _row(self, table: str, id_: str, fields: Mapping[str, Any]) -> Row:
        kinds = _KINDS[table]
        row: dict[str, Value] = {name: _value(kind, fields[name]) for name, kind in kinds.items() if name in fields}
        whose = self.whose
        row[KEY] = f"{whose.world}:{id_}"
        row["agent_id"], row["user_id"] = whose.agent_id, whose.user_id
        return row

    def _fact(self, fact: facts.Fact, step: Step, number: str) -> Iterator[Made]:
        match fact:
            case facts.OrderBooked(order=order):
                units = self._units[order.market]
                yield "orders", order.id, {
                    **_times(order.ts_ns), **msgspec.structs.asdict(order), "order_id": order.id,
                    "side": _SIDES.get(order.side), "size": units.size(order.size_steps),
                    "limit_price": units.price(order.limit_ticks), "good_until": _iso(order.good_until_ns),
                }
            case facts.OrderMoved():
                yield "order_states", number, {
                    **_times(step.ts_ns), "order_id": fact.order_id, "symbol": self._units[fact.market].symbol,
                    "state": fact.state, "reason": fact.reason,
                }
            case facts.FillBooked(fill=fill):
                units = self._units[fill.market]
                yield "fills", fill.id, {
                    **_times(fill.ts_ns), "fill_id": fill.id, "order_id": fill.order_id, "leg": fill.leg,
                    "symbol": units.symbol, "side": _SIDES.get(fill.side), "size": units.size(fill.size_steps),
                    "price": units.price(fill.price_ticks), "fees": fill.fees,
                }
            case facts.RegimeInferred(market=market, regime=regime):
                yield _regime(regime, self._units[market], None)
            case facts.ModelAnswered(market=market, regime=regime, stands=stands):
                yield _regime(regime, self._units[market], stands)


def _regime(regime: Regime, units: Units, stands: bool | None) -> Made:
    return "regimes", f"{regime.ask_id}/{regime.source}", {
        **_times(regime.answered_at_ns), **msgspec.structs.asdict(regime), "symbol": units.symbol, "stands": stands,
        "asked_at": _iso(regime.asked_at_ns), "answered_at": _iso(regime.answered_at_ns),
        "good_until": _iso(regime.good_until_ns), "last_price": units.price(regime.last_ticks),
    }


def _decision(record: Record, _: str) -> Iterator[Made]:
    id_, regime = record["id"], record.get("regime") or {}
    yield "decisions", id_, dict(record)
    yield "signals", record["signal_id"], {**record, "decision_id": id_, "regime": regime.get("label")}
    for verdict in record.get("verdicts") or ():
        yield "verdicts", f"{id_}/{verdict['guard']}", {**record, **verdict, "decision_id": id_}
    yield _features("decision", record, id_, record.get("statistics") or {})


def _trade(record: Record, _: str) -> Iterator[Made]:
    yield "trades", record["id"], dict(record)
    yield _performance("trade", {**record, "approved": True, "refused_by": []})


def _shadow(record: Record, _: str) -> Iterator[Made]:
    yield "shadows", record["id"], dict(record)
    yield _performance("shadow", record)


def _performance(basis: str, record: Record) -> Made:
    return "signal_performance", f"{record['signal_id']}/{basis}/{record['id']}", {
        **record, "basis": basis, "outcome_id": record["id"]}


def _learned(record: Record, number: str) -> Iterator[Made]:
    yield "learning_events", number, dict(record)
    if record["kind"] == "strategy_changed":
        yield "strategy_changes", number, {**record, "change_id": record["id"]}
    elif record["kind"] in ("note", "note_judged"):
        yield "notes", number, {**record, "note_id": record["id"]}


def _exchange(record: Record, _: str) -> Iterator[Made]:
    request, response = record.get("request") or {}, record.get("response") or {}
    id_, about = f"{record['id']}/{record['source']}", {
        **record, "ask_id": record["id"], "session": request.get("session")}
    usage = record.get("usage") or {}
    yield "model_performance", id_, {**about, **{f"{kind}_tokens": count for kind, count in usage.items()}}
    day_ns, version = record["ts_ns"] // _DAY_NS * _DAY_NS, request.get("v")
    yield "models", f"{record['source']}/{record.get('model')}/{version}/{iso(day_ns)[:10]}", {
        **_times(day_ns), "source": record["source"], "model": record.get("model"), "question_version": version}
    said = response.get("market_assessment")
    if said:
        rules = request.get("rules") or {}
        yield "predictions", id_, {
            **about, **said, "last_price": request.get("last_price"), "rules_regime": rules.get("label"),
            "rules_confidence": rules.get("confidence"), "trade_decisions": response.get("trade_decisions")}
    if "market_stats" in request:
        yield _features("ask", about, id_, request)


def _features(about: str, record: Record, id_: str, statistics: Record) -> Made:
    """Give the statistics of a moment: the ones with columns, and all of them as they were recorded."""
    wide = {name: (statistics.get(section) or {}).get(name) for section, name in FEATURES}
    sections = {section: statistics.get(section) for section, _ in FEATURES}
    return "features", f"{about}/{id_}", {
        "ts": record["ts"], "ts_ns": record["ts_ns"], "symbol": record["symbol"], "session": record.get("session"),
        "about": about, "about_id": record["id"], "last_price": statistics.get("last_price"), **wide,
        "statistics": sections}


def _times(ts_ns: int) -> dict[str, Any]:
    return {"ts_ns": ts_ns, "ts": iso(ts_ns)}


def _iso(ts_ns: int | None) -> str | None:
    return None if ts_ns is None else iso(ts_ns)


def _value(kind: Kind, value: Any) -> Value:
    """Give a value as a batch holds one of its kind.

    >>> _value("decimal", -12.5), _value("decimal", 1e-07), _value("json", ["a"]), _value("float", 3)
    ('-12.5', '0.0000001', '["a"]', 3.0)
    """
    if value is None:
        return None
    match kind:
        case "json":
            return orjson.dumps(value, default=str).decode()
        case "decimal":
            return format(Decimal(str(value)), "f") if math.isfinite(value) else None
        case "float":
            return float(value) if math.isfinite(value) else None
        case "int":
            whole = int(value)
            return whole if -_INT64 <= whole < _INT64 else None
        case "bool":
            return bool(value)
        case _:
            return str(value)
