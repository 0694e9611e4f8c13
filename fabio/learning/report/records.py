"""What a report is made of: a folder's journal as far as it is whole, and the records beside it.

The journal is the truth. Where it is damaged or missing, the records of later steps come from the files
that people tail; every line of those is checked either way, and what cannot be used is counted and named.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fabio.journal.files import JournalDamaged
from fabio.journal.reader import Report, read_steps, verify
from fabio.journal.records import EXCHANGES, REBUILT, RecordFold
from fabio.learning.lines import LeftOut, put_aside, read_records
from fabio.learning.report.lines import KINDS, DecisionLine, ExchangeLine, LearningLine, ShadowLine, TradeLine
from fabio.model.fact import FeedChanged, FillBooked, Halted, Resumed, TradeClosed, TradeDateBegan
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.step import Step
from fabio.runtime.in_force import InForce


class RegimeMark(msgspec.Struct, frozen=True):
    """From this time on this regime was in force."""

    ts_ns: int
    label: str
    direction: str
    source: str


class DayBegan(msgspec.Struct, frozen=True):
    """A trade date of the account, with the balance it began with."""

    ts_ns: int
    date: str
    balance: float


class Mark(msgspec.Struct, frozen=True):
    """Something that stood in the way of trading, or ended."""

    ts_ns: int
    what: str
    reason: str


class Kept:
    """A folder's past, read once.

    Parameters
    ----------
    folder
        The folder `logs`.
    instruments
        By symbol, in the order of the machine's markets.

    Attributes
    ----------
    decisions, trades, shadows, learned, exchanges
        Records, oldest first.
    regimes
        By market.
    left_out, aside
        Lines that cannot be used, and where they are kept.
    journal
        Whether the journal is whole; its `code` is 2 where there is none.
    held
        By file: records that it holds, and that the intact journal knows.
    """

    def __init__(self, folder: Path, instruments: Mapping[str, Instrument]) -> None:
        self.regimes: dict[int, list[RegimeMark]] = {}
        self.days: list[DayBegan] = []
        self.marks: list[Mark] = []
        self.left_out: list[LeftOut] = []
        self.held: dict[str, tuple[int, int]] = {}
        self.open_positions: dict[int, Position] = {}  # market -> what is held at the journal's end
        self.first_ns = self.last_ns = 0
        self.last_seq = 0
        self._in_force = InForce()
        self._dates: dict[str, str] = {}  # trade id -> trade date
        found: dict[str, list[Any]] = {name: [] for name in REBUILT}
        self.journal = verify(folder)
        self._read_journal(folder, instruments, found)
        known = {name: len(rows) for name, rows in found.items()}
        for name, kind in KINDS.items():
            lines = [each for _, each in read_records(folder / f"{name}.jsonl", kind, self.left_out)]
            self.held[name] = (len(lines), known[name])
            if self.journal.code != 0:
                found[name] += [each for each in lines if self._is_later(each)]
        self.decisions: list[DecisionLine] = found["decisions"]
        self.trades: list[TradeLine] = [
            msgspec.structs.replace(each, date=self._dates.get(each.id, "")) for each in found["trades"]
        ]
        self.shadows: list[ShadowLine] = found["shadow"]
        self.learned: list[LearningLine] = found["learning"]
        self.exchanges = [
            each for _, each in read_records(folder / f"{EXCHANGES}.jsonl", ExchangeLine, self.left_out)
        ]
        self.aside = put_aside(folder, self.left_out)
        self._widen()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is recorded."""
        return self.last_ns == 0

    def _is_later(self, line: Any) -> bool:
        return bool(line.seq > self.last_seq)

    def _read_journal(self, folder: Path, instruments: Mapping[str, Instrument], found: dict[str, list[Any]]) -> None:
        fold = RecordFold(instruments)
        try:
            for step in read_steps(folder):
                try:
                    records = fold.records(step)
                except (KeyError, IndexError) as error:
                    self.left_out.append(LeftOut("journal", step.seq, "foreign", f"step {step.seq} is of an instrument "
                                                 f"that this folder's world does not name ({error})"))
                    continue
                for name, record in records:
                    found[name].append(msgspec.convert(record, KINDS[name]))
                self._take(step)
        except JournalDamaged:
            pass  # `verify` has named the line; what stands before it counts

    def _take(self, step: Step) -> None:
        self.first_ns = self.first_ns or step.ts_ns
        self.last_ns, self.last_seq = max(self.last_ns, step.ts_ns), step.seq
        for fact in step.facts:
            in_force = self._in_force.take(fact)
            if in_force is not None:
                market, regime = in_force
                marks = self.regimes.setdefault(market, [])
                mark = RegimeMark(step.ts_ns, regime.label, regime.direction, regime.source)
                if not marks or (marks[-1].label, marks[-1].direction) != (mark.label, mark.direction):
                    marks.append(mark)
            match fact:
                case TradeDateBegan(trade_date=date, day_start_balance=balance):
                    if not self.days or self.days[-1].date != date:
                        self.days.append(DayBegan(step.ts_ns, date, float(balance)))
                case FillBooked(fill=fill, position=position):
                    self.open_positions.pop(fill.market, None)
                    if position is not None:
                        self.open_positions[fill.market] = position
                case TradeClosed(trade=trade):
                    self._dates[trade.id] = self.days[-1].date if self.days else ""
                case Halted(reason=reason):
                    self.marks.append(Mark(step.ts_ns, "halted", reason))
                case Resumed(reason=reason):
                    self.marks.append(Mark(step.ts_ns, "resumed", reason))
                case FeedChanged(lost_since_ns=since_ns, reason=reason):
                    self.marks.append(Mark(step.ts_ns, "feed back" if since_ns is None else "feed lost", reason))
                case _:
                    pass

    def _widen(self) -> None:
        """Let the records' own times count where the journal does not say them."""
        times = [each.ts_ns for each in self.decisions] + [each.ts_ns for each in self.learned]
        times += [each.exit_ts_ns for each in self.trades] + [each.exit_ts_ns for each in self.shadows]
        if self.journal.code != 0:
            times += [each.ts_ns for each in self.exchanges]
        if times:
            self.first_ns = min(self.first_ns or min(times), min(times))
            self.last_ns = max(self.last_ns, max(times))


def wholeness(kept: Kept) -> dict[str, Any]:
    """Tell how whole a record is, by what and where."""
    journal: Report = kept.journal
    problems = [str(each) for each in kept.left_out]
    if journal.code == 1:
        where = f"{Path(journal.path).name}, line {journal.line}"
        problems.insert(0, f"journal: {where}: {journal.reason}; what comes after it is taken from the records beside")
    elif journal.code == 2:
        problems.insert(0, f"journal: {journal.reason}")
    if journal.code == 0:
        problems += [
            f"{name}.jsonl holds {held:,} records, the journal knows {known:,}: `fabio journal rebuild` makes it again"
            for name, (held, known) in kept.held.items() if held != known
        ]
    by_kind: dict[str, int] = {}
    for each in kept.left_out:
        by_kind[each.kind] = by_kind.get(each.kind, 0) + 1
    return {
        "whole": not problems, "journal": ("whole", "damaged", "missing")[journal.code], "journal_lines": journal.lines,
        "left_out": len(kept.left_out), "quarantine": msgspec.to_builtins(kept.aside),
        "by_kind": by_kind, "problems": problems, "unknown": list(journal.unknown),
        "files": {name: held for name, (held, _) in kept.held.items()} | {EXCHANGES: len(kept.exchanges)},
    }
