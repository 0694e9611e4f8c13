"""MarketFeatures: one instrument's statistics, the Python face of the kernels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabio.features import hours
from fabio.features.arrays import MarketArrays, copy_ring
from fabio.features.footprint import Footprint, FootprintRow, stacked_imbalances
from fabio.features.history import begin_session, counts_as_finished, leave_session, usual_ranges
from fabio.features.kernel import run, update
from fabio.features.layout import (
    APPROXIMATE,
    BAND,
    BAR_FIRST_CVD,
    BAR_FIRST_TRADE,
    BAR_FIRST_VOLUME,
    BAR_HIGH,
    BAR_LOW,
    BAR_OPEN,
    BAR_START_NS,
    BAR_WIDTH,
    BARS,
    BARS_AT,
    BARS_AT_OPEN,
    BARS_KEPT,
    BASE_ROW,
    BIG_AT,
    BIG_COUNT,
    BIG_KEPT,
    BIG_WIDTH,
    CLEAR_UNTIL_NS,
    CVD,
    FOOTPRINT_DELTA,
    FOOTPRINT_HIGH,
    FOOTPRINT_LOW,
    FOOTPRINT_START_NS,
    FOREVER,
    HISTORY_COUNT,
    HISTORY_NEXT,
    HISTORY_SESSIONS,
    LAST,
    LATEST_NS,
    MINUTE_NS,
    NEED_ROWS,
    NEED_SESSION,
    NEED_TRADES,
    NEGATIVE_ALLOWED,
    NULL,
    PARITY,
    PREV_HIGH,
    PREV_VAL,
    PRINT_FIXED,
    PRINT_FLOOR,
    PRINT_THRESHOLD,
    REJECTED_KINDS,
    ROW_BUY,
    ROW_SELL,
    SECOND_HIGH,
    SECOND_LOW,
    SESSION_CLOSE_NS,
    SESSION_DATE,
    SESSION_MINUTES,
    SESSION_OPEN_NS,
    SIZE_UNIT,
    TRADES,
    TRADING_SECONDS,
    VOLUME,
)
from fabio.features.nodes import nodes_of
from fabio.features.prints import put_prints_back, remembered_prints
from fabio.features.read import FLOATS, INTS, NULLABLE_FROM, read
from fabio.features.remembered import History, PreviousSession, Remembered
from fabio.model.bar import Bar
from fabio.model.instrument import Instrument
from fabio.model.session import NO_TIME, SessionTable
from fabio.model.stats import BigPrint, MarketStats, Nodes
from fabio.model.tick import Ticks


def stats_of(ints: list[Any], floats: list[Any]) -> MarketStats:
    """Give what `read` wrote as statistics."""
    return MarketStats(
        *ints[:NULLABLE_FROM],
        *[None if value == NULL else value for value in ints[NULLABLE_FROM:INTS]],
        *[value if value == value else None for value in floats],
    )


class NoTradeYet(LookupError):
    """Statistics were asked for before the first trade."""


class MarketFeatures:
    """Statistics of one instrument, fed by `update`, asked by the rest.

    Parameters
    ----------
    instrument
        Its band, size step and year go into the state.
    table
        The sessions its trades fall into.
    arrays, market
        Where the state lies, if several markets are stacked; by default its own.
    """

    def __init__(
        self, instrument: Instrument, table: SessionTable,
        arrays: MarketArrays | None = None, market: int = 0,
    ) -> None:
        self.instrument = instrument
        self.table = table
        self.arrays = MarketArrays(1) if arrays is None else arrays
        self.market = market
        self.usual_range_ticks = np.full(SESSION_MINUTES, np.nan)
        self._usual = self.usual_range_ticks.data
        self._ints = np.empty(INTS, dtype=np.int64)
        self._floats = np.empty(FLOATS, dtype=np.float64)
        self.view_again()
        s = self.s
        size_unit = int(1 / instrument.size_step)
        s[SESSION_CLOSE_NS] = s[CLEAR_UNTIL_NS] = s[FOOTPRINT_START_NS] = NULL
        s[PREV_HIGH : PREV_VAL + 1] = NULL
        s[BAND] = instrument.poc_cross_band_ticks
        s[NEGATIVE_ALLOWED] = int(instrument.allows_negative_price)
        s[TRADING_SECONDS] = instrument.trading_seconds_per_year
        s[SIZE_UNIT] = size_unit
        s[PRINT_FLOOR] = 2 * size_unit
        s[PRINT_THRESHOLD] = FOREVER
        if instrument.big_print_size is not None:
            s[PRINT_FIXED] = instrument.size_steps(instrument.big_print_size)

    def view_again(self) -> None:
        """Take views of the arrays, which were made or replaced."""
        self.s = self.arrays.s[self.market]
        self.words = self.s.data  # gives Python's integers, at a third of numpy's cost
        self.rows = self.arrays.rows[self.market]
        self.trades = self.arrays.trades[self.market]
        self.history = self.arrays.history[self.market]
        self._version = self.arrays.version

    # -- feeding

    def update(
        self, ticks: Ticks, start: int = 0, until_ns: int = FOREVER, stop: int | None = None,
    ) -> int:
        """Take trades `[start, stop)`, up to the first good one later than `until_ns`.

        Returns the position of the first tick not taken: `stop`, by default the end, when all were.

        Raises
        ------
        NoSession
            At a trade outside the session table.
        """
        if self._version != self.arrays.version:
            self.view_again()
        end = len(ticks) if stop is None else stop
        while True:
            start, need = run(self.s, self.rows, self.trades, ticks.ts_event_ns, ticks.price_ticks,
                              ticks.size_steps, ticks.side, start, end, until_ns)
            if need == 0:
                return start
            self.supply(need, int(ticks.ts_event_ns[start]), int(ticks.price_ticks[start]))

    def update_one(self, ts_event_ns: int, price_ticks: int, size_steps: int, side: int) -> int:
        """Take one trade; answer the mask of what happened (`layout`)."""
        if self._version != self.arrays.version:
            self.view_again()
        while True:
            answer = update(self.s, self.rows, self.trades, ts_event_ns, price_ticks, size_steps, side)
            if answer >= 0:
                return answer
            self.supply(answer, ts_event_ns, price_ticks)

    def supply(self, need: int, ts_event_ns: int, price_ticks: int) -> None:
        """Answer a need of `update` for the trade given; then call it again.

        Replaces arrays where they grow: take those of `arrays` anew.
        """
        if need == NEED_SESSION:
            self._begin_session(max(ts_event_ns, int(self.s[LATEST_NS])))
        elif need == NEED_ROWS:
            self.arrays.make_room(self.market, price_ticks)
        elif need == NEED_TRADES:
            self.arrays.double_trades()
        else:
            raise ValueError(f"{need} is not a need of the kernel")
        self.view_again()

    def _begin_session(self, ts_ns: int) -> None:
        table = self.table
        index = table.index_at(ts_ns)
        open_ns, close_ns = table.opens_ns[index], table.closes_ns[index]
        regular_ns = table.regular_opens_ns[index]
        row = np.array([index, table.dates[index], open_ns, close_ns,
                        NULL if regular_ns == NO_TIME else regular_ns], dtype=np.int64)
        breaks = table.breaks_ns.reshape(-1, 2)
        inside = (breaks[:, 1] > open_ns) & (breaks[:, 0] < close_ns)
        begin_session(self.s, self.rows, self.history, row, np.ascontiguousarray(breaks[inside]))
        usual_ranges(self.s, self.history, self.usual_range_ticks)

    def mark_gap(self, gap: hours.Gap) -> None:
        """Note that the feed was down; call it before the first trade after the gap."""
        hours.mark_gap(self.s, gap.from_ns, gap.to_ns)

    def reject(self, kind: str, count: int) -> None:
        """Count bad input that a reader left out (`off_grid`, `ahead`, or a kind of the kernel's)."""
        self.s[REJECTED_KINDS[kind]] += count

    # -- asking

    @property
    def has_traded(self) -> bool:
        """Whether there was a trade."""
        return bool(self.words[LATEST_NS] != 0)

    @property
    def latest_ns(self) -> int:
        """Time of the latest trade, 0 before the first."""
        return int(self.s[LATEST_NS])

    @property
    def trades_taken(self) -> int:
        """Trades of the session so far."""
        return int(self.s[TRADES])

    @property
    def is_approximate(self) -> bool:
        """Whether part of the session is made of bars: its profile is near the truth, not at it."""
        return bool(self.words[APPROXIMATE])

    def remembered(self) -> Remembered:
        """Tell how much was seen."""
        s = self.s
        date = int(s[SESSION_DATE]) if s[TRADES] > 0 else 0
        return Remembered(date, bool(counts_as_finished(s)), self.latest_ns, int(s[HISTORY_COUNT]))

    def is_open(self, ts_ns: int) -> bool:
        """Tell whether the instrument trades at `ts_ns`, and the feed is not known to be down."""
        return self.table.is_open(ts_ns) and not hours.in_gap(self.s, ts_ns)

    def stats(self, now_ns: int = 0) -> MarketStats:
        """Give all statistics as of `now_ns`, or of the latest trade where that is later.

        Raises
        ------
        NoTradeYet
            Before the first trade.
        """
        if not self.has_traded:
            raise NoTradeYet(f"no trade of {self.instrument.symbol} yet")
        read(self.s, self.trades, self.history, now_ns, self._ints, self._floats)
        return stats_of(self._ints.tolist(), self._floats.tolist())

    def nodes(self) -> Nodes:
        """Give the high- and low-volume nodes of the session's profile; empty before a trade."""
        return nodes_of(self.s, self.rows) if self.s[TRADES] > 0 else Nodes((), ())

    def big_prints(self) -> tuple[BigPrint, ...]:
        """Give the session's last 10 big prints, oldest first."""
        count = int(self.s[BIG_COUNT])
        ring = self.s[BIG_AT : BIG_AT + BIG_KEPT * BIG_WIDTH].reshape(BIG_KEPT, BIG_WIDTH).tolist()
        return tuple(BigPrint(*ring[i % BIG_KEPT]) for i in range(max(0, count - BIG_KEPT), count))

    def bars(self, count: int = BARS_KEPT, now_ns: int = 0) -> tuple[Bar, ...]:
        """Give the session's last finished bars, at most 32, oldest first.

        With `now_ns` the running bar is among them if it has ended by then.
        """
        s = self.words
        finished = s[BARS]
        first = max(s[BARS_AT_OPEN], finished - min(count, BARS_KEPT))
        places = [BARS_AT + i % BARS_KEPT * BAR_WIDTH for i in range(first, finished)]
        bars = [self._bar(s[at : at + BAR_WIDTH].tolist()) for at in places]
        if s[TRADES] > 0 and s[BAR_START_NS] + MINUTE_NS <= now_ns:
            bars.append(self._running())
        return tuple(bars[max(0, len(bars) - count):])

    def running_bar(self) -> Bar | None:
        """Give the bar that is being made; None before the first trade."""
        return self._running() if self.s[TRADES] > 0 else None

    def _running(self) -> Bar:
        s = self.s
        return self._bar([
            int(s[BAR_START_NS]), int(s[BAR_OPEN]), int(max(s[BAR_HIGH], s[SECOND_HIGH])),
            int(min(s[BAR_LOW], s[SECOND_LOW])), int(s[LAST]), int(s[VOLUME] - s[BAR_FIRST_VOLUME]),
            int(s[CVD] - s[BAR_FIRST_CVD]), int(s[TRADES] - s[BAR_FIRST_TRADE]),
        ])

    def _bar(self, fields: list[Any]) -> Bar:
        minute = (fields[0] - self.words[SESSION_OPEN_NS]) // MINUTE_NS
        usual = self._usual[minute] if 0 <= minute < SESSION_MINUTES else np.nan
        return Bar(*fields, *([usual] if usual == usual else []))

    def footprint(self) -> Footprint | None:
        """Give the footprint of the last finished bar; None before one, or where it left the rows."""
        s = self.s
        if s[FOOTPRINT_START_NS] == NULL:
            return None
        kind = 2 * (1 - int(s[PARITY]))
        low, high, base = int(s[FOOTPRINT_LOW]), int(s[FOOTPRINT_HIGH]), int(s[BASE_ROW])
        buys = self.rows[ROW_BUY + kind, low - base : high - base + 1].tolist()
        sells = self.rows[ROW_SELL + kind, low - base : high - base + 1].tolist()
        rows = tuple(map(FootprintRow, range(low, high + 1), buys, sells))
        stacks = stacked_imbalances(rows, int(s[SIZE_UNIT]))
        return Footprint(int(s[FOOTPRINT_START_NS]), int(s[FOOTPRINT_DELTA]), rows, stacks)

    def rejected(self) -> dict[str, int]:
        """Give the bad input counted so far, by kind."""
        return {kind: int(self.s[at]) for kind, at in REJECTED_KINDS.items()}

    # -- keeping

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Give a copy of the whole state, under the names `s`, `rows`, `trades`, `history`."""
        return {"s": self.s.copy(), "rows": self.rows.copy(), "trades": self.trades.copy(),
                "history": self.history.copy()}

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Take the state of a snapshot, whatever the capacities were."""
        rows, trades = snapshot["rows"], snapshot["trades"]
        self.arrays.fit(rows.shape[1], trades.shape[0])
        self.view_again()
        self.s[:] = snapshot["s"]
        self.rows[:] = 0
        self.rows[:, : rows.shape[1]] = rows
        copy_ring(trades, self.trades, int(self.s[TRADES]))
        self.history[:] = snapshot["history"]
        usual_ranges(self.s, self.history, self.usual_range_ticks)

    def export_history(self) -> History:
        """Give what is remembered of the last 20 finished sessions."""
        count, following = int(self.s[HISTORY_COUNT]), int(self.s[HISTORY_NEXT])
        order = [(following - count + i) % HISTORY_SESSIONS for i in range(count)]
        levels = self.s[PREV_HIGH : PREV_VAL + 1].tolist()
        previous = None if levels[0] == NULL else PreviousSession(*levels)
        return History(self.history[0, order], self.history[1, order], previous)

    def load_history(self, history: History) -> None:
        """Remember these finished sessions instead, the last 20 count; then take the prints of `today`."""
        if not history.only_today:
            self._remember(history)
        if history.today is not None and len(history.today) > 0:
            self._take_made_of_bars(history.today)

    def _remember(self, history: History) -> None:
        if self.s[SESSION_DATE] < history.before_date:
            leave_session(self.s, self.rows, self.history)
        count = min(len(history.running_range_ticks), HISTORY_SESSIONS)
        if count > 0:
            self.history[0, :count] = history.running_range_ticks[-count:]
            self.history[1, :count] = history.bar_range_ticks[-count:]
        self.s[HISTORY_COUNT] = count
        self.s[HISTORY_NEXT] = count % HISTORY_SESSIONS
        self.s[PREV_HIGH : PREV_VAL + 1] = NULL if history.previous is None else history.previous
        usual_ranges(self.s, self.history, self.usual_range_ticks)

    def _take_made_of_bars(self, ticks: Ticks) -> None:
        """Take prints that were made of bars; what their sizes would say of prints is forgotten again."""
        date, remembered = int(self.s[SESSION_DATE]), remembered_prints(self.s)
        self.update(ticks)
        put_prints_back(self.s, remembered, same_session=date == int(self.s[SESSION_DATE]))
        self.s[APPROXIMATE] = 1
