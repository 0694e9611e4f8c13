"""Records: from steps to the lines of `decisions`, `trades`, `shadow` and `learning.jsonl`.

They say nothing that the journal does not say: `rebuild` makes the same bytes again. What a
crash lost or tore is mended by handing the journal's steps to `write` again on restart: each
file knows the last step it holds and takes only what is missing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import orjson

from fabio.journal.appending import AppendFile
from fabio.journal.exchanges import Exchange, exchange_record
from fabio.journal.learned import learned_record
from fabio.journal.pen import Pen
from fabio.journal.reader import read_steps
from fabio.journal.shapes import decision_record, shadow_record, trade_record
from fabio.journal.sync import SYSTEM, Disk
from fabio.journal.tape import TapeReader
from fabio.journal.units import Units
from fabio.model.fact import (
    ExitAsked,
    FillBooked,
    NoteJudged,
    NoteMade,
    OrderBooked,
    OrderMoved,
    ShadowClosed,
    SignalApproved,
    SignalBlocked,
    StopTightened,
    StrategyChanged,
    TradeClosed,
    UpdateRefused,
    ZonesSet,
)
from fabio.model.instrument import Instrument
from fabio.model.step import Step

REBUILT = ("decisions", "trades", "shadow", "learning")
EXCHANGES = "llm_exchanges"
GROUP_BYTES = 256 * 1024

_RECORDED = frozenset({
    SignalApproved, SignalBlocked, OrderBooked, OrderMoved, FillBooked, TradeClosed, ShadowClosed,
    StrategyChanged, UpdateRefused, ZonesSet, NoteMade, NoteJudged, StopTightened, ExitAsked,
})
_UNFILLED_ENDS = frozenset({"cancelled", "rejected", "expired", "never_accepted"})


class _Numbered(msgspec.Struct):
    seq: int


_DECODE_NUMBERED = msgspec.json.Decoder(_Numbered).decode


class RecordFold:
    """Steps in, records out, in order; remembers what joins a trade to its decision.

    Parameters
    ----------
    instruments
        By symbol, for prices and sizes, in the order of the machine's markets.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._units = {symbol: Units(instrument) for symbol, instrument in instruments.items()}
        self._in_order = list(self._units.values())
        self._entries: dict[str, dict[str, Any]] = {}  # decision id -> its record, until it is traded or dead
        self._decision_of: dict[str, str] = {}  # order id -> decision id, until its first fill
        self._notes: dict[int, list[str]] = {}  # market -> what happened to its open trade

    def records(self, step: Step) -> list[tuple[str, dict[str, Any]]]:
        """Give a step's records with the names of their files."""
        found: list[tuple[str, dict[str, Any]]] = []
        if _RECORDED.isdisjoint(map(type, step.facts)):
            return found
        booked = [fact.order for fact in step.facts if isinstance(fact, OrderBooked)]
        orders = {order.decision_id: order.id for order in booked}
        for fact in step.facts:
            match fact:
                case SignalApproved(decision=decision) | SignalBlocked(decision=decision):
                    record = decision_record(decision, step, self._in_order, orders.get(decision.id))
                    if decision.approved:
                        self._entries[decision.id] = record
                    found.append(("decisions", record))
                case OrderBooked(order=order):
                    self._decision_of[order.id] = order.decision_id
                case FillBooked(fill=fill):
                    # a filled order's decision waits for its trade, even if the rest is cancelled
                    self._decision_of.pop(fill.order_id, None)
                case OrderMoved(order_id=order_id, state=state) if state in _UNFILLED_ENDS:
                    self._forget(order_id)
                case StopTightened(market=market, reason=reason, stop_ticks=stop_ticks):
                    self._notes.setdefault(market, []).append(f"stop to {stop_ticks} ticks: {reason}")
                case ExitAsked(market=market, reason=reason):
                    self._notes.setdefault(market, []).append(f"exit asked: {reason}")
                case TradeClosed(market=market, trade=trade, balance=balance):
                    entry = self._entries.get(trade.decision_id)
                    notes = self._notes.pop(market, [])
                    self._entries.pop(trade.decision_id, None)
                    found.append(("trades", trade_record(trade, balance, step, entry, notes)))
                case ShadowClosed(shadow=shadow):
                    found.append(("shadow", shadow_record(shadow, step, self._units[shadow.symbol])))
                case _:
                    learned = learned_record(fact, step, self._in_order)
                    if learned is not None:
                        found.append(("learning", learned))
        return found

    def _forget(self, order_id: str) -> None:
        decision_id = self._decision_of.pop(order_id, None)
        if decision_id is not None:
            self._entries.pop(decision_id, None)


class _RecordFile:
    """One file, opened behind its last whole record of a step that the journal has."""

    def __init__(self, path: Path, last_seq: int | None, disk: Disk, pen: Pen) -> None:
        self._path = path
        self._disk = disk
        self._pen = pen
        self._file = AppendFile(path, disk)
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self.held_seq = 0
        self.held_records = 0
        if path.exists():
            self._resume(last_seq)
        else:
            path.touch()  # people tail it before its first line

    def _resume(self, last_seq: int | None) -> None:
        data = self._path.read_bytes()
        end = len(data)
        while end > 0:
            start = data.rfind(b"\n", 0, end - 1) + 1
            seq = self._seq(data[start:end], last_seq)
            if seq is None:
                if self.held_records == 0:
                    end = start
                    continue
                break
            if last_seq is None or (self.held_records and seq != self.held_seq):
                break
            if self.held_records == 0:
                keep = end
            self.held_seq, self.held_records = seq, self.held_records + 1
            end = start
        whole = keep if self.held_records else end
        if whole < len(data):
            self._disk.truncate(self._path, whole)

    @staticmethod
    def _seq(line: bytes, last_seq: int | None) -> int | None:
        """Give a line's step, None where the line is torn or the journal does not have the step."""
        if not line.endswith(b"\n"):
            return None
        if last_seq is None:
            return 0
        try:
            seq = _DECODE_NUMBERED(line).seq
        except msgspec.MsgspecError:
            return None
        return seq if seq <= last_seq else None

    def add(self, line: bytes) -> None:
        self._buffer.append(line)
        self._buffered_bytes += len(line)
        if self._buffered_bytes >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered_bytes = 0
        self._pen.put(lambda: self._file.write(data), len(data))

    def close(self) -> None:
        if not self._pen.failed:
            self.flush()
            self._pen.put(self._file.sync)
            self._pen.wait()
        if self._pen.is_idle:
            self._file.close()


class Records:
    """Writes the records beside the journal.

    Parameters
    ----------
    folder
        The folder `logs`.
    instruments
        By symbol.
    last_seq
        The journal's last step. Records of later steps are cut off: the journal is the truth.
    disk, pen
        The file layer, and who writes; one pen for all files of a folder.

    Notes
    -----
    On a restart hand every step of the journal to `write`, in order: what a file holds
    already is skipped, what it lacks is added, and open trades find their decisions again.
    """

    def __init__(self, folder: Path, instruments: Mapping[str, Instrument], last_seq: int, disk: Disk = SYSTEM,
                 pen: Pen | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        pen = pen or Pen()
        self._fold = RecordFold(instruments)
        self._files = {name: _RecordFile(folder / f"{name}.jsonl", last_seq, disk, pen) for name in REBUILT}
        self._exchanges = _RecordFile(folder / f"{EXCHANGES}.jsonl", None, disk, pen)
        self._held_seq = max(file.held_seq for file in self._files.values())

    def write(self, step: Step) -> None:
        """Add a step's records."""
        records = self._fold.records(step)
        if not records:
            return
        if step.seq > self._held_seq:
            for name, record in records:
                self._files[name].add(_dump(record))
            return
        seen = dict.fromkeys(REBUILT, 0)
        for name, record in records:
            seen[name] += 1
            file = self._files[name]
            if (step.seq, seen[name]) > (file.held_seq, file.held_records):
                file.add(_dump(record))

    def exchange(self, exchange: Exchange) -> None:
        """Add an exchange with the model."""
        self._exchanges.add(exchange_record(exchange))

    def flush(self) -> None:
        """Hand everything over. Flush the journal first: records follow it.

        Raises
        ------
        JournalFailed
            If the drive refused, now or earlier.
        """
        self._exchanges.flush()
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Flush, sync and let go of the files."""
        self._exchanges.close()
        for file in self._files.values():
            file.close()


def _dump(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def in_order(folder: Path, instruments: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """Give the instruments of a folder's tape in the order of their markets' numbers; all where there is no tape."""
    symbols = [market.symbol for market in TapeReader(folder).markets]
    known = {symbol: instruments[symbol] for symbol in symbols if symbol in instruments}
    return known or dict(instruments)


def rebuild(folder: Path, instruments: Mapping[str, Instrument]) -> dict[str, int]:
    """Make the four derived files again from the journal; each takes its place in one step.

    Returns
    -------
    dict
        Records by file name.  # "decisions" -> 214

    Raises
    ------
    JournalDamaged
        If the journal is damaged; the files stay as they are.
    """
    fold = RecordFold(in_order(folder, instruments))
    counts = dict.fromkeys(REBUILT, 0)
    asides = {name: folder / f"{name}.jsonl.tmp" for name in REBUILT}
    for aside in asides.values():
        aside.unlink(missing_ok=True)
    pen = Pen()
    files = {name: _RecordFile(aside, None, SYSTEM, pen) for name, aside in asides.items()}
    try:
        for step in read_steps(folder):
            for name, record in fold.records(step):
                counts[name] += 1
                files[name].add(_dump(record))
    finally:
        for file in files.values():
            file.close()
    for name, aside in asides.items():
        SYSTEM.replace(aside, folder / f"{name}.jsonl")
    SYSTEM.sync_folder(folder)
    return counts
