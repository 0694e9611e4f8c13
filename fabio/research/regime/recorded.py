"""The recorded suite: what was answered while the agent ran, against what its own tape then did.

Each answer of `llm_exchanges.jsonl` is read against the 30 whole minutes that followed it on the tape, cut by
terciles of the sessions recorded before. That takes sessions: trendiness is scored from the sixth on, volatility
from the eleventh (five for the usual range, five for the cuts). How often a model agrees with the rules, whose
label stands in every question, needs none of that.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fabio.journal.tape import TapeReader
from fabio.model.session import SessionTable
from fabio.model.tick import Ticks
from fabio.research.exchanges.lines import read_lines
from fabio.research.regime.bars import LEAST_USUAL, MINUTE_NS, bars_of_ticks, usual_ranges
from fabio.research.regime.forward import HORIZON_MIN, LEVELS, TASKS, forward_figures, learn_cuts
from fabio.research.regime.real import gain_of
from fabio.research.regime.refit import AS_MEANT
from fabio.research.regime.report import missing_record, record_of
from fabio.research.regime.scores import UNCLEAR, Floats, Judged

DAY_MINUTES = 1440
LEAST_TRADED = 27
"""Of the 30 minutes that follow, so many must have traded; the tape may have holes."""
LEAST_ANSWERS = 30
LEAST_FOR_INTERVAL = 5
"""Scored sessions from which on the gain over the rules is told."""
CODES = {"trend": 0, "range": 1, "chop": 2, "volatile": 3}
RULES = "rules"

Tables = Callable[[str, int, int], SessionTable]
"""Symbol, first and last time to a session table."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One question with its answer; the labels are `label/direction`, `answered` None without a usable one."""

    symbol: str
    source: str
    outcome: str
    asked_ns: int
    answered: str | None
    rules: str


class ExchangesUnreadable(Exception):
    """A line of `llm_exchanges.jsonl` that is none; the message names file and line."""


class _Rules(msgspec.Struct):
    label: str
    direction: str = "none"


class _Request(msgspec.Struct):
    ts_ns: int
    rules: _Rules


class _Said(msgspec.Struct):
    regime: str
    direction: str = "none"


class _Response(msgspec.Struct):
    market_assessment: _Said


class _Record(msgspec.Struct):
    symbol: str
    source: str
    outcome: str
    request: _Request
    response: _Response | None = None


def read_exchanges(path: Path) -> Iterator[Exchanged]:
    """Read the records, oldest first; a torn last line is passed over.

    Raises
    ------
    ExchangesUnreadable
        At a line that is no record.
    """
    for _, record in read_lines(path, _Record, ExchangesUnreadable):
        said, rules = record.response, record.request.rules
        yield Exchanged(
            record.symbol, record.source, record.outcome, record.request.ts_ns,
            None if said is None else _label(said.market_assessment.regime, said.market_assessment.direction),
            _label(rules.label, rules.direction),
        )


def _label(label: str, direction: str) -> str:
    return f"{label}/{direction}" if label == "trend" else label


def agreement(exchanges: Iterable[Exchanged]) -> dict[str, Any]:
    """Tell for each source how its questions ended, and how often its label was the rules' own."""
    by_source: dict[str, list[Exchanged]] = defaultdict(list)
    for each in exchanges:
        by_source[each.source].append(each)
    answer: dict[str, Any] = {}
    for source, asked in by_source.items():
        usable = [each for each in asked if each.answered is not None]
        pairs = Counter((each.rules, each.answered) for each in usable)
        table: dict[str, dict[str, int]] = defaultdict(dict)
        for (rules, answered), count in sorted(pairs.items()):
            table[rules][str(answered)] = count
        same = sum(count for (rules, answered), count in pairs.items() if rules == answered)
        answer[source] = {
            "questions": len(asked), "outcomes": dict(Counter(each.outcome for each in asked)), "answers": len(usable),
            "agrees_with_rules": same / len(usable) if usable else None, "rules_then_answer": dict(table),
        }
    return answer


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """Sessions of one symbol on the tape, by minute since the open, NaN where there is no bar."""

    table: SessionTable
    sessions: NDArray[np.int64]
    figures: dict[str, Floats]

    def place(self, ts_ns: int) -> tuple[int, int] | None:
        """Give session row and minute of a time; None off the tape."""
        index = self.table.index_at(ts_ns)
        row = int(np.searchsorted(self.sessions, index))
        if row >= len(self.sessions) or self.sessions[row] != index:
            return None
        minute = (ts_ns - int(self.table.opens_ns[index])) // MINUTE_NS
        return (row, minute) if 0 <= minute < DAY_MINUTES else None


def read_tape(folder: Path, symbol: str, tables: Tables) -> Tape | None:
    """Make bars of a symbol's ticks and look ahead from each; None where the tape has none."""
    start_ns, ohlc = _bars(folder, symbol)
    if not len(start_ns):
        return None
    table = tables(symbol, int(start_ns[0]), int(start_ns[-1]))
    index = np.array([table.index_at(int(ts_ns)) for ts_ns in start_ns])
    sessions = np.unique(index)
    days = np.full((len(sessions), DAY_MINUTES, 4), np.nan)
    minute = (start_ns - table.opens_ns[index]) // MINUTE_NS
    inside = (minute >= 0) & (minute < DAY_MINUTES)
    days[np.searchsorted(sessions, index[inside]), minute[inside]] = ohlc[inside]
    return Tape(table, sessions, look_ahead(days))


def _bars(folder: Path, symbol: str) -> tuple[NDArray[np.int64], Floats]:
    """Make minute bars of the tape, batch by batch; a minute that two batches share is put together."""
    reader = TapeReader(folder)
    market = next((place for place, each in enumerate(reader.markets) if each.symbol == symbol), None)
    starts: list[int] = []
    rows: list[list[float]] = []
    for batch in reader.read() if market is not None else ():
        start_ns, ohlc = bars_of_ticks(_of_market(batch, market))
        for start, row in zip(start_ns.tolist(), ohlc.tolist(), strict=True):
            if starts and starts[-1] == start:
                last = rows[-1]
                rows[-1] = [last[0], max(last[1], row[1]), min(last[2], row[2]), row[3]]
            else:
                starts.append(start)
                rows.append(row)
    return np.array(starts, dtype=np.int64), np.array(rows).reshape(-1, 4)


def _of_market(batch: Ticks, market: int | None) -> Ticks:
    kept = batch.market == market
    return Ticks(batch.ts_event_ns[kept], batch.ts_recv_ns[kept], batch.price_ticks[kept], batch.size_steps[kept],
                 batch.side[kept], batch.market[kept])


def look_ahead(days: Floats) -> dict[str, Floats]:
    """Give the forward figures of whole sessions of 1440 minutes; a minute without a trade stands at the last close.

    NaN before the first bar, where fewer than 27 of the 30 minutes that follow have traded, and where no usual
    range is known.
    """
    traded = ~np.isnan(days[:, :, 3])
    filled = days.copy()
    for minute in range(1, days.shape[1]):
        empty = ~traded[:, minute]
        filled[empty, minute] = filled[empty, minute - 1, 3, None]
    usual = usual_ranges(days)
    minutes = np.arange(days.shape[1])
    for day, known in zip(usual, ~np.isnan(usual), strict=True):
        if known.any():  # a minute that hardly ever trades takes its neighbours' range
            day[:] = np.interp(minutes, minutes[known], day[known])
    figures = forward_figures(filled, usual)
    ahead = np.zeros(traded.shape, dtype=np.int64)
    totals = np.cumsum(traded, axis=1)
    ahead[:, :-HORIZON_MIN] = totals[:, HORIZON_MIN:] - totals[:, :-HORIZON_MIN]
    for figure in figures.values():
        figure[ahead < LEAST_TRADED] = np.nan
    return figures


def run_recorded(folder: Path, tables: Tables, tell: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Score every source of answers in a folder of records.

    Parameters
    ----------
    folder
        As `--logs`.
    tables
        Gives a symbol's sessions.

    Returns
    -------
    dict
        Suites `recorded/trendiness` and `recorded/volatility`, and `agreement`.
    """
    exchanges = list(read_exchanges(folder / "llm_exchanges.jsonl"))
    tell(f"{len(exchanges):,} questions in {folder}")
    tapes = {symbol: read_tape(folder, symbol, tables) for symbol in dict.fromkeys(each.symbol for each in exchanges)}
    sessions = sum(len(tape.sessions) for tape in tapes.values() if tape is not None)
    suites: dict[str, Any] = {}
    for task in TASKS:
        tell(f"recorded, {task}")
        records: dict[str, Any] = {}
        for source in dict.fromkeys(each.source for each in exchanges):
            asked = [each for each in exchanges if each.source == source and each.answered is not None]
            said, rules, persistent = _score_all(tapes, asked, task)
            answers = sum(len(judged.truth) for judged in said)
            if answers < LEAST_ANSWERS:
                records[source] = {**missing_record(_too_few(answers, sessions, task)), "n_answers": answers}
                continue
            records[source] = record_of(said, LEVELS)
            if source != RULES:
                records[f"rules beside {source}"] = record_of(rules, LEVELS)
                if len(said) >= LEAST_FOR_INTERVAL:
                    records[source]["gain"] = gain_of(said, rules)
            records[f"persistence beside {source}"] = record_of(persistent, LEVELS)
        suites[f"recorded/{task}"] = {"classifiers": records, "n_sessions": sessions}
    return {"suites": suites, "agreement": agreement(exchanges), "n_sessions": sessions, "seeds": []}


def _too_few(answers: int, sessions: int, task: str) -> str:
    first = (LEAST_USUAL if task == TASKS[0] else 2 * LEAST_USUAL) + 1
    return (f"n too small: {answers} answers with an outcome (at least {LEAST_ANSWERS}); {sessions} session(s) "
            f"recorded, scored from number {first} on")


Scored = tuple[list[Judged], list[Judged], list[Judged]]
"""By session: what was answered, what the rules said at the same questions, and the level realised before them."""


def _score_all(tapes: Mapping[str, Tape | None], exchanges: Sequence[Exchanged], task: str) -> Scored:
    whole: Scored = ([], [], [])
    for symbol, tape in tapes.items():
        if tape is not None:
            for part, more in zip(whole, _score(tape, symbol, exchanges, task), strict=True):
                part.extend(more)
    return whole


def _score(tape: Tape, symbol: str, exchanges: Sequence[Exchanged], task: str) -> Scored:
    figures = tape.figures[task]
    placed: dict[int, list[tuple[int, Exchanged]]] = defaultdict(list)
    for each in exchanges:
        place = tape.place(each.asked_ns) if each.symbol == symbol else None
        if place is not None and not np.isnan(figures[place]):
            placed[place[0]].append((place[1], each))
    answered, rules, persistent = [], [], []
    for row, asked in sorted(placed.items()):
        earlier = figures[:row][~np.isnan(figures[:row]).all(axis=1)]
        if len(earlier) < LEAST_USUAL:
            continue
        cuts, minutes = learn_cuts(earlier), np.array([minute for minute, _ in asked])
        truth = cuts.labels(figures[row, minutes], minutes)
        # the last whole minute before the question's ends the half hour that has passed
        then = np.maximum(minutes - 1 - HORIZON_MIN, 0)
        past = np.where(minutes > HORIZON_MIN, figures[row, then], np.nan)
        levels = np.where(np.isnan(past), UNCLEAR, cuts.labels(past, then)).astype(np.int8)
        answered.append(Judged(truth, _levels(task, [str(each.answered) for _, each in asked])))
        rules.append(Judged(truth, _levels(task, [each.rules for _, each in asked])))
        persistent.append(Judged(truth, levels))
    return answered, rules, persistent


def _levels(task: str, labels: Sequence[str]) -> NDArray[np.int8]:
    codes = [CODES.get(label.split("/")[0]) for label in labels]
    return np.array([UNCLEAR if code is None else AS_MEANT[task][code] for code in codes], dtype=np.int8)
