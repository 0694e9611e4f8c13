"""The analyzer: watches a strategy, keeps a row per decision, hands records to a storage.

Whatever fails in here is counted and told once, never raised: a recorder must not end a run.
"""

import logging
import os
import re
import uuid
from collections import Counter
from collections.abc import Callable
from functools import lru_cache, wraps
from math import nan
from typing import Any
from zlib import crc32

import backtrader as bt

from fabio.integrations.backtrader.events import Event
from fabio.integrations.backtrader.identity import read_identity
from fabio.integrations.backtrader.ledger import Ledger, Storage
from fabio.integrations.backtrader.lines import Feed, find_feeds, find_indicators
from fabio.integrations.backtrader.orders import Caught, Following, Made, Moved, TradeMoved
from fabio.integrations.backtrader.reading import Reader, choose_reader
from fabio.integrations.backtrader.reasons import NOT_STATED, Reasons
from fabio.integrations.backtrader.records import Records
from fabio.integrations.backtrader.storage import DECISIONS, EVENTS, FMELStorage

_log = logging.getLogger("fabio.integrations.backtrader")
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_KINDS_AT_MOST = 50


def _harmless(method: Callable[..., None]) -> Callable[..., None]:
    @wraps(method)
    def call(self: "FMELRecorder", *arguments: Any, **named: Any) -> None:
        try:
            method(self, *arguments, **named)
        except Exception as error:  # noqa: BLE001 - the edge: inside somebody else's run nothing may be raised
            self._failed(f"{method.__name__}: {type(error).__name__}: {error}")

    return call


class FMELRecorder(bt.Analyzer):  # type: ignore[misc]  # Backtrader has no types
    """Record every decision of a strategy, with what it saw and what became of it.

    Use it as `cerebro.addanalyzer(FMELRecorder, _name='fmel')`; after the run,
    `strategy.analyzers.fmel.get_analysis()['total_decisions']`.

    Parameters
    ----------
    run_id
        Names the run; the same run twice under one name records each decision once. A new name if None.
    folder
        Where the default storage keeps its files.

    Attributes
    ----------
    agent_id, user_id, session_id, mode
        From AGENT_ID, USER_ID, SESSION_ID and MODE.
    storage
        Where records go; a subclass may put another in its place after `super().__init__()`.
    """

    params = (("run_id", None), ("folder", "fmel"))

    def __init__(self) -> None:
        self.errors: Counter[str] = Counter()  # what failed -> how often
        self.identity = read_identity(os.environ)
        self.agent_id, self.user_id = self.identity.agent_id, self.identity.user_id
        self.session_id, self.mode = self.identity.session_id, self.identity.mode
        self.run_id = str(self.p.run_id or uuid.uuid4().hex[:16])
        self.storage: Storage = FMELStorage(
            mode=self.mode, agent_id=self.agent_id, user_id=self.user_id, run_id=self.run_id,
            stream_realtime=self.mode == "PAPER", folder=self.p.folder)
        self.live = False
        self.actions: Counter[str] = Counter()
        self.order_states: Counter[str] = Counter()
        self.trades_closed = self.events_recorded = self.indicator_lines = self.indicator_lines_left_out = 0
        self._ledger = Ledger()
        self._prefix = self.run_id
        self._caught: list[Any] = []  # orders made since the last decision
        self._closed: list[TradeMoved] = []  # trades that closed since the last decision
        self._catchers: list[Caught] = []
        self._following = Following()
        self._feeds: list[Feed] = []
        self._symbols: dict[int, str] = {}  # id of a feed -> symbol
        self._time: Any = None  # the strategy's line of times
        self._records: Records | None = None
        self._reader: Reader | None = None
        self._reasons: Reasons | None = None  # None where the strategy cannot say
        self._position_of: Any = None  # the broker's `getposition`
        self._cash = self._value = self._first_value = nan
        self._acts_early = False

    # What Backtrader calls

    @_harmless
    def start(self) -> None:
        """Begin to watch the strategy's orders and the feeds' status."""
        for complaint in self.identity.complaints():
            _tell_once(complaint)
        strategy = self.strategy
        self._feeds = find_feeds(self.datas)
        self._symbols = {id(feed.data): feed.symbol for feed in self._feeds}
        self._time = strategy.lines.datetime
        self._prefix = f"{_UNFIT.sub('_', self.run_id)}-{crc32(_variant(strategy).encode()):08x}"
        self._value = float(strategy.broker.getvalue())
        self._first_value = self._value
        self._position_of = strategy.broker.getposition
        reasons = Reasons(strategy, self._failed)
        self._reasons = None if reasons.silent else reasons
        self._acts_early = type(strategy).prenext is not bt.Strategy.prenext
        self._catchers = [Caught(strategy, name, self._caught) for name in ("buy", "sell")]
        for catcher in self._catchers:
            catcher.install()
        strategy.cerebro.adddatacb(self.notify_data)

    @_harmless
    def notify_data(self, data: Any, status: int, *arguments: Any, **named: Any) -> None:
        """Stream from now on when live data is notified."""
        if status == data.LIVE and not self.live:
            self._flush()
            self.live = self.storage.stream_realtime = True
            if "MODE" in self.identity.missing:
                self.mode = "PAPER"

    def notify_cashvalue(self, cash: float, value: float) -> None:
        """Keep what the account is worth at this bar."""
        self._cash, self._value = cash, value

    @_harmless
    def notify_order(self, order: Any) -> None:
        """Record what became of an order."""
        made = self._following.get(order)
        if made is None:  # given to the broker directly, at the last decision
            made = self._note_made([order])
        self.order_states[order.Status[order.status]] += 1
        self._add_event(self._following.moved(order, made), made)

    @_harmless
    def notify_trade(self, trade: Any) -> None:
        """Record a trade that opened or closed."""
        moved = self._following.trade(trade, self._symbol(trade.data))
        if trade.isclosed:
            self.trades_closed += 1
            self._closed.append(moved)
        self._add_event(moved, None)

    def prenext(self) -> None:
        """Record before the indicators are ready only where the strategy acts by then."""
        if self._acts_early or self._caught:
            self.next()

    @_harmless
    def next(self) -> None:
        """Keep what there is to know of one decision."""
        reader, reasons = self._reader or self._wire(), self._reasons
        if reasons is None:
            row = [self._cash, self._value, NOT_STATED, None]
        else:
            row = [self._cash, self._value, reasons.why(), reasons.sure()]
        for data in self.datas:
            position = self._position_of(data)
            row += (position.size, position.price)
        row += reader.read()
        full = self._ledger.add(row)
        if self._caught or self._closed:
            self._note_sparse()
        if full or self.storage.stream_realtime:
            self._flush()

    @_harmless
    def stop(self) -> None:
        """Write what is not written yet, and leave the strategy as it was."""
        for catcher in self._catchers:
            catcher.remove()
        callbacks = self.strategy.cerebro.datacbs
        callbacks[:] = [known for known in callbacks if known != self.notify_data]
        self.flush()

    def get_analysis(self) -> dict[str, Any]:
        """Sum up: what was recorded, where it is, what failed."""
        ledger = self._ledger
        return {
            "total_decisions": ledger.total, "actions": {**self.actions, "HOLD": ledger.total - self.actions.total()},
            "orders": dict(self.order_states), "trades_closed": self.trades_closed,
            "agent_id": self.agent_id, "user_id": self.user_id, "session_id": self.session_id, "run_id": self.run_id,
            "mode": self.mode, "missing_environment": list(self.identity.missing), "streaming": self.streaming,
            "feeds": list(self._symbols.values()), "indicator_lines": self.indicator_lines,
            "indicator_lines_left_out": self.indicator_lines_left_out,
            "written": ledger.written, "waiting": ledger.waiting, "dropped": ledger.dropped,
            "repeated": getattr(self.storage, "repeated", 0),
            "errors": self.errors.total(), "error_kinds": dict(self.errors),
            "storage": str(getattr(self.storage, "folder", type(self.storage).__name__)),
        }

    # What others ask

    @property
    def streaming(self) -> bool:
        """Tell whether each decision is written as it is made."""
        return bool(self.storage.stream_realtime)

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The decisions of this strategy in this run, as the storage has them."""
        return [known for known in self.storage.read(DECISIONS) if known["decision_id"].startswith(self._prefix)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What became of its orders and trades, as the storage has it."""
        return [known for known in self.storage.read(EVENTS) if known["event_id"].startswith(self._prefix)]

    @_harmless
    def flush(self) -> None:
        """Write what waits, at once."""
        self._ledger.hurry()
        self._flush()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the run behind when an optimisation sends the recorder to its parent process."""
        kept = Ledger()
        kept.total, kept.written, kept.dropped = self._ledger.total, self._ledger.written, self._ledger.dropped
        without: dict[str, Any] = {"_feeds": [], "_records": None, "_reader": None, "_reasons": None, "_catchers": [],
                                   "_caught": [], "_ledger": kept, "_following": Following(), "_time": None,
                                   "_position_of": None}
        return {**self.__dict__, **without}

    # Inside

    def _wire(self) -> Reader:
        """Look at the run as it is at its first decision, when Backtrader has set everything up."""
        strategy = self.strategy
        indicators, self.indicator_lines_left_out = find_indicators(strategy)
        self.indicator_lines = len(indicators)
        lines: list[tuple[Any, Any]] = [(self._time, self._time)]  # each line, and the feed or indicator it belongs to
        for feed in self._feeds:
            lines += [(line, feed.data) for line in (feed.data.lines.datetime, *feed.lines.values())]
        lines += [(indicator.line, indicator.top) for indicator in indicators]
        self._reader = choose_reader(strategy, self._feeds, lines)
        self._records = Records(self._prefix, [(feed, _point_value(strategy, feed)) for feed in self._feeds],
                                indicators, self._reader, self._first_value)
        return self._reader

    def _note_sparse(self) -> None:
        if self._caught:
            self._note_made(self._caught)
            self._caught.clear()
        if self._closed:
            notes = self._ledger.notes(self._ledger.total)
            if notes is not None:
                notes.trades.extend(self._closed)
            self._closed.clear()

    def _note_made(self, orders: list[Any]) -> Made:
        """Join orders to the last decision, and return the first."""
        number = self._ledger.total
        decision_id = f"{self._prefix}-{number:08d}" if number else None
        made = [self._following.made(order, self._symbol(order.data), decision_id) for order in orders]
        notes = self._ledger.notes(number)
        if notes is not None:
            if not notes.orders:
                self.actions[made[0].side] += 1
            notes.orders.extend(made)
        return made[0]

    def _add_event(self, moved: Moved, made: Made | None) -> None:
        self.events_recorded += 1
        days = self._time
        self._ledger.add_event(Event(self.events_recorded, days[0] if days.lencount else nan, moved, made))

    def _symbol(self, data: Any) -> str:
        return self._symbols.get(id(data)) or str(getattr(data, "_name", "") or "unknown")

    def _identity(self) -> dict[str, str]:
        return {"agent_id": self.agent_id, "user_id": self.user_id, "run_id": self.run_id,
                "session_id": self.session_id, "mode": self.mode}

    def _flush(self) -> None:
        self._ledger.flush(self._records, self.storage, self._prefix, self._identity())

    def _failed(self, what: str) -> None:
        """Count a failure, and tell of each kind once."""
        kind = what[:300] if what in self.errors or len(self.errors) < _KINDS_AT_MOST else "further kinds"
        self.errors[kind] += 1
        _tell_once(f"recording goes on without this: {kind}")


@lru_cache(maxsize=1024)
def _tell_once(what: str) -> None:
    """Warn of it the first time in this process: an optimisation has one recorder per variant."""
    _log.warning(what)


def _variant(strategy: Any) -> str:
    """Tell one strategy of a run from another: its place, class and parameters."""
    plain = {name: value for name, value in strategy.p._getkwargs().items()
             if value is None or isinstance(value, (bool, int, float, str))}
    return f"{getattr(strategy, '_id', 0)} {type(strategy).__name__} {sorted(plain.items())}"


def _point_value(strategy: Any, feed: Feed) -> float:
    """Say what one unit earns when the price moves by 1."""
    return float(getattr(strategy.broker.getcommissioninfo(feed.data).p, "mult", 1.0))
