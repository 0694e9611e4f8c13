"""Records written by the journal's own shapes, of signals whose results are planned."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from views import NOW_NS, NQ, NS, make_stats

from fabio.journal.records import RecordFold
from fabio.journal.writer import Journal
from fabio.model.fact import Fact, OrderBooked, ShadowClosed, SignalApproved, SignalBlocked, TradeClosed
from fabio.model.order import Order, ShadowTrade, Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision, Signal, Verdict
from fabio.model.step import Step

MIN_NS = 60 * NS
FILES = ("decisions", "shadow", "trades")


class MadeRecords:
    """Signals one after the other, a quarter of an hour apart, in a folder of records.

    Every guard in `guards` speaks on every signal.
    """

    def __init__(self, folder: Path, guards: Sequence[str] = ("cooldown", "volatility")) -> None:
        self.folder = folder
        self._guards = tuple(guards)
        self._fold = RecordFold({"NQ": NQ})
        self._lines: dict[str, list[bytes]] = {name: [] for name in FILES}
        self._seq = 0
        folder.mkdir(exist_ok=True)

    def signal(
        self, net: str | None, *, refused_by: Sequence[str] = (), strategy: str = "mean_reversion", setup: str = "",
        regime: str = "range", session: str = "2025-06-05", at_min: int | None = None, hold_min: int = 5,
        leg: str = "target", risk_ticks: int = 20, trade_r: float | None = None,
    ) -> str:
        """Record a signal and what its shadow made in USD; None: it has no shadow."""
        self._seq += 1
        number = self._seq
        ts_ns = NOW_NS + (15 * number if at_min is None else at_min) * MIN_NS
        decision = self._decision(f"D{number}", ts_ns, refused_by, session, regime, Signal(
            strategy=strategy, setup=setup or f"setup_{number}", side=1, entry_ticks=100, stop_ticks=100 - risk_ticks,
            target_ticks=140, confidence=0.7, reason="planned",
        ))
        facts: list[Fact] = [SignalBlocked(decision=decision) if refused_by else SignalApproved(decision=decision)]
        if net is not None:
            facts.append(ShadowClosed(market=0, shadow=_shadow(decision, net, ts_ns + hold_min * MIN_NS, leg)))
        if trade_r is not None:
            facts += _traded(decision, trade_r, ts_ns + hold_min * MIN_NS)
        step = Step(seq=number, ts_ns=ts_ns, tape_pos=number, consumed=1, event=None, wake=1, facts=tuple(facts),
                    commands=())
        for name, record in self._fold.records(step):
            self._lines[name].append(orjson.dumps(record))
        return decision.id

    def write(self) -> Path:
        """Write the files, and give the folder."""
        for name, lines in self._lines.items():
            (self.folder / f"{name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        return self.folder

    def journal_until(self, at_min: int) -> None:
        """Let the journal end at a minute."""
        journal = Journal(self.folder)
        journal.append(Step(seq=1, ts_ns=NOW_NS + at_min * MIN_NS, tape_pos=1, consumed=1, event=None, wake=1,
                            facts=(), commands=()))
        journal.close()

    def _decision(self, id_: str, ts_ns: int, refused_by: Sequence[str], session: str, regime: str,
                  signal: Signal) -> Decision:
        names = sorted({*self._guards, *refused_by})
        return Decision(
            id=id_, ts_ns=ts_ns, tape_pos=1, market=0, symbol="NQ", session=session, signal=signal,
            verdicts=tuple(Verdict(name, name not in refused_by, None, None, "planned") for name in names),
            approved=not refused_by, refused_by=tuple(refused_by), size_steps=0 if refused_by else 1,
            size_reason="planned", stats=make_stats(), regime=Regime(
                label=regime, direction="none", confidence=0.5, source="rules", ask_id="A1", asked_at_ns=ts_ns,
                answered_at_ns=ts_ns, good_until_ns=ts_ns + NS, reasoning="planned",
            ),
        )


def _shadow(decision: Decision, net: str, exit_ns: int, leg: str) -> ShadowTrade:
    pnl, signal = Decimal(net), decision.signal
    return ShadowTrade(
        id=f"{decision.id}-SH", decision_id=decision.id, symbol="NQ", strategy=signal.strategy, setup=signal.setup,
        side=1, approved=decision.approved, refused_by=decision.refused_by,
        regime="" if decision.regime is None else decision.regime.label,
        entry_ns=exit_ns if leg == "never_filled" else decision.ts_ns + NS // 20, exit_ns=exit_ns, entry_ticks=100,
        exit_ticks=100, exit_leg=leg, gross_pnl=pnl, fees=Decimal(0), net_pnl=pnl, r_multiple=float(pnl / 100),
    )


def _traded(decision: Decision, r_multiple: float, exit_ns: int) -> list[Fact]:
    signal, order_id = decision.signal, f"O{decision.id}"
    order = Order(id=order_id, decision_id=decision.id, strategy=signal.strategy, market=0, symbol="NQ", side=1,
                  kind="market", size_steps=1, limit_ticks=None, stop_offset_ticks=-20, target_offset_ticks=40,
                  ts_ns=decision.ts_ns)
    trade = Trade(
        id=f"T{decision.id}", decision_id=decision.id, order_id=order_id, symbol="NQ", strategy=signal.strategy,
        setup=signal.setup, side=1, size=Decimal(1), entry_ns=decision.ts_ns + NS // 20, exit_ns=exit_ns,
        entry_price=Decimal(25), exit_price=Decimal(25), exit_leg="stop", gross_pnl=Decimal(0), fees=Decimal(0),
        net_pnl=Decimal(0), r_multiple=r_multiple, roi=0.0, mae_ticks=0, mfe_ticks=0, confidence=0.7, regime="range",
        reason="planned",
    )
    return [OrderBooked(order=order), TradeClosed(market=0, trade=trade, balance=Decimal(50_000))]


def change(path: Path, line: int, **values: Any) -> None:
    """Change a record of a file; a value of None takes the key away. `line` counts from 1."""
    lines = path.read_bytes().splitlines()
    record = orjson.loads(lines[line - 1]) | values
    lines[line - 1] = orjson.dumps({name: value for name, value in record.items() if values.get(name, 0) is not None})
    path.write_bytes(b"".join(each + b"\n" for each in lines))
