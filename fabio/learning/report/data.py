"""The report: what happened in a folder's last hours, as one plain document.

Everything here is JSON: `fabio report --json` prints it, `page` draws it. What cannot be known is
None and has a reason beside it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from fabio.adapters.data.session_rules import read_rules
from fabio.journal.tape import TapeDamaged, TapeReader
from fabio.journal.times import iso
from fabio.journal.world import WorldUnreadable, read_world
from fabio.learning.lines import read_records
from fabio.learning.report.equity import daily_returns, equity_curve
from fabio.learning.report.learning import (
    adaptation_speed,
    model_use,
    noted,
    outcomes,
    refused_updates,
    state_series,
    strategy_changes,
)
from fabio.learning.report.lines import DecisionLine, TradeLine
from fabio.learning.report.market import MarketPath, read_market
from fabio.learning.report.records import Kept, wholeness
from fabio.learning.report.rows import guard_rows, regime_rows, strategy_rows
from fabio.learning.risk import risk_metrics
from fabio.model.instrument import Instrument
from fabio.runtime.wiring import instrument_of, sessions_between
from fabio.settings.load import Settings
from fabio.settings.places import config_file

NS_PER_HOUR = 3_600_000_000_000
VERSION = 1


class NothingToReport(LookupError):
    """The folder holds no record at all."""


def report(settings: Settings, folder: Path, hours: float) -> dict[str, Any]:
    """Put the report on the record's last hours together; the hours end with the record, not with today.

    Raises
    ------
    NothingToReport
        If nothing was ever recorded here.
    """
    world, problem = _world(folder)
    instruments = [instrument_of(settings, symbol) for symbol in world["instruments"] or _symbols(settings, folder)]
    kept = Kept(folder, {each.symbol: each for each in instruments})
    if kept.is_empty:
        left = f"; {kept.left_out[0]}" if kept.left_out else ""
        raise NothingToReport(f"{folder} holds no records: `fabio run --logs {folder}` makes some{left}")
    since_ns = max(kept.first_ns, kept.last_ns - round(hours * NS_PER_HOUR))
    markets = [
        _market(settings, folder, kept, number, instrument, since_ns) for number, instrument in enumerate(instruments)
    ]
    decisions = [each for each in kept.decisions if each.ts_ns >= since_ns]
    trades = [each for each in kept.trades if each.exit_ts_ns >= since_ns]
    record = wholeness(kept)
    if problem:
        record = {**record, "whole": False, "problems": [*record["problems"], problem]}
    ended = outcomes(kept)
    changes = strategy_changes(kept, ended, since_ns)
    paths = {path.symbol: path for path, _ in markets}
    dates = _zone_dates(settings, instruments[0], kept)
    summary = _summary(kept, decisions, trades, since_ns, settings)
    return {
        "v": VERSION, "logs": str(folder), "world": world, "hours": hours, "zone": str(dates.zone),
        "since_ns": since_ns, "since": iso(since_ns), "until_ns": kept.last_ns, "until": iso(kept.last_ns),
        "said": _said(kept, summary, decisions, trades), "summary": summary,
        "risk": {"window": _risk(kept, trades, since_ns, dates), "record": _risk(kept, kept.trades, 0, dates),
                 "record_since": iso(kept.first_ns)},
        "equity": equity_curve(trades, paths, {each.symbol: each for each in instruments}, since_ns, kept.last_ns,
                               summary["start_balance"]),
        "markets": [{**msgspec.to_builtins(path), **bands} for path, bands in markets],
        "trades": [_trade(each) for each in trades],
        "refused": [_refused(each) for each in decisions if not each.approved],
        "guards": guard_rows(decisions, folder, since_ns),
        "strategies": strategy_rows([each.name for each in settings.strategies], decisions, trades, ended, since_ns),
        "regimes": regime_rows(trades),
        "learning": {
            "states": state_series(kept, {each.name: each.state for each in settings.strategies}, since_ns,
                                   kept.last_ns),
            "changes": changes, "speed": adaptation_speed(changes), "notes": noted(kept, since_ns),
            "refused": refused_updates(kept, since_ns),
            "outcomes": [
                [each.ts_ns, each.strategy, each.r_multiple, each.taken] for each in ended if each.ts_ns >= since_ns
            ],
        },
        "model": model_use(kept, since_ns),
        "marks": [msgspec.to_builtins(each) for each in kept.marks if each.ts_ns >= since_ns],
        "record": record,
    }


def _world(folder: Path) -> tuple[dict[str, Any], str]:
    try:
        world = read_world(folder)
    except WorldUnreadable as error:
        return {"mode": None, "feed": None, "account": None, "instruments": []}, str(error)
    if world is None:
        return {"mode": None, "feed": None, "account": None, "instruments": []}, "world.json is missing"
    return msgspec.to_builtins(world), ""


def _symbols(settings: Settings, folder: Path) -> list[str]:
    """Name the machine's markets in order where the folder's world does not: the tape knows them, else the records."""
    try:
        named = [market.symbol for market in TapeReader(folder).markets]
    except TapeDamaged:
        named = []
    traded = (each.symbol for _, each in read_records(folder / "decisions.jsonl", DecisionLine, []))
    return named or list(dict.fromkeys(traded)) or [settings.agent.symbol]


# -- time and market ------------------------------------------------------------------------


class _Dates(msgspec.Struct, frozen=True):
    """The exchange's zone, and the trade date of a time where the journal does not say it."""

    zone: ZoneInfo
    table: Any

    def date(self, trade: TradeLine) -> str:
        return trade.date or self.table.session(self.table.index_at(trade.exit_ts_ns)).date


def _zone_dates(settings: Settings, instrument: Instrument, kept: Kept) -> _Dates:
    rules = read_rules(config_file(settings.folder, "sessions.toml"), instrument.product_group)
    return _Dates(rules.time_zone, sessions_between(settings, instrument, kept.first_ns, kept.last_ns))


def _market(
    settings: Settings, folder: Path, kept: Kept, number: int, instrument: Instrument, since_ns: int,
) -> tuple[MarketPath, dict[str, Any]]:
    table = sessions_between(settings, instrument, kept.first_ns, kept.last_ns)
    path = read_market(folder, number, instrument, table, since_ns)
    marks = kept.regimes.get(number, [])
    ends = [*(each.ts_ns for each in marks[1:]), kept.last_ns][: len(marks)]
    bands: list[dict[str, Any]] = [
        {"from_ns": max(mark.ts_ns, since_ns), "to_ns": end, "label": mark.label, "direction": mark.direction,
         "source": mark.source}
        for mark, end in zip(marks, ends, strict=True) if end > since_ns
    ]
    spans: dict[str, int] = {}
    for band in bands:
        spans[band["label"]] = spans.get(band["label"], 0) + band["to_ns"] - band["from_ns"]
    total = sum(spans.values())
    shares = {label: span / total for label, span in sorted(spans.items(), key=lambda item: -item[1])} if total else {}
    return path, {"regimes": bands, "regime_share": shares}


# -- numbers --------------------------------------------------------------------------------


def _risk(kept: Kept, trades: Sequence[TradeLine], since_ns: int, dates: _Dates) -> dict[str, Any]:
    returns = daily_returns(kept.days, [(dates.date(each), each) for each in trades], since_ns)
    risk = risk_metrics(list(returns.values()), [each.net_pnl for each in trades])
    return {**msgspec.to_builtins(risk), "daily_returns": returns}


def _summary(
    kept: Kept, decisions: Sequence[DecisionLine], trades: Sequence[TradeLine], since_ns: int, settings: Settings,
) -> dict[str, Any]:
    pnls = [each.net_pnl for each in trades]
    earlier = [each.balance for each in kept.trades if each.exit_ts_ns < since_ns]
    if trades:
        start = trades[0].balance - trades[0].net_pnl
    elif earlier:
        start = earlier[-1]
    elif kept.days:
        start = kept.days[0].balance
    else:
        start = float(settings.account.start_balance)
    approved = sum(each.approved for each in decisions)
    return {
        "signals": len(decisions), "approved": approved, "blocked": len(decisions) - approved, "trades": len(trades),
        "wins": sum(pnl > 0 for pnl in pnls), "net_pnl": round(sum(pnls), 2),
        "fees": round(sum(each.fees for each in trades), 2), "start_balance": round(start, 2),
        "end_balance": round(trades[-1].balance if trades else start, 2),
        "best_trade": max(pnls, default=None), "worst_trade": min(pnls, default=None),
    }


def _said(
    kept: Kept, summary: dict[str, Any], decisions: Sequence[DecisionLine], trades: Sequence[TradeLine],
) -> list[str]:
    """Say in words what a reader should not have to conclude from an empty table."""
    said = [
        f"A position is still open ({'long' if each.side > 0 else 'short'} {each.symbol}, by {each.strategy}): its P&L "
        "is in no number here." for each in kept.open_positions.values()
    ]
    if not decisions and not trades:
        return [*said, "No strategy wished anything in these hours: no signal, no trade. `fabio explain TIME` tells "
                       "what was missing at a minute."]
    if summary["signals"] and not summary["approved"]:
        counts: dict[str, int] = {}
        for each in decisions:
            for guard in each.refused_by:
                counts[guard] = counts.get(guard, 0) + 1
        most, times = max(counts.items(), key=lambda item: item[1], default=("nobody", 0))
        number = summary["signals"]
        said.append(f"All {number} signals were refused, most often by {most} ({times})."
                    if number > 1 else f"The only signal was refused, by {', '.join(decisions[0].refused_by)}.")
    elif not trades:
        said.append("No trade was closed in these hours.")
    if len(trades) == 1:
        said.append("One trade was closed: its result is no statistic.")
    return said


def _trade(trade: TradeLine) -> dict[str, Any]:
    return msgspec.to_builtins(trade)  # type: ignore[no-any-return]


def _refused(decision: DecisionLine) -> dict[str, Any]:
    return {
        "ts_ns": decision.ts_ns, "id": decision.id, "symbol": decision.symbol, "strategy": decision.strategy,
        "side": decision.side, "price": decision.entry_price, "refused_by": decision.refused_by,
        "reason": decision.reason,
    }
