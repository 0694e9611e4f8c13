"""Small Backtrader runs for the recorder's tests: feeds made of lists, strategies that remember what they saw."""

import datetime
import math
import warnings
from collections.abc import Sequence
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # old escape sequences in its sources warn when they are compiled
    bt = pytest.importorskip("backtrader", reason="needs the extra [backtrader]")

from fabio.integrations.backtrader import FMELRecorder

BEGIN = datetime.datetime(2026, 1, 5, 15, 0)  # noqa: DTZ001 - Backtrader counts naive times
ENVIRONMENT = {"AGENT_ID": "agent-7", "USER_ID": "user-3", "SESSION_ID": "session-1", "MODE": "BACKTEST"}


def wave(count: int, level: float = 100.0, swing: float = 5.0, length: float = 9.0) -> list[float]:
    """Make closes that go up and down."""
    return [level + swing * math.sin(number / length) + 0.01 * number for number in range(count)]


class Bars(bt.feed.DataBase):
    """A feed of one bar a minute from a list of closes; it may turn live, and may begin late."""

    params = (("closes", ()), ("live_from", None), ("late_minutes", 0))

    def start(self) -> None:
        super().start()
        self.place = 0

    def islive(self) -> bool:
        return self.p.live_from is not None

    def _load(self) -> bool:
        if self.place == self.p.live_from:
            self.put_notification(self.LIVE)
        if self.place >= len(self.p.closes):
            return False
        close = self.p.closes[self.place]
        when = BEGIN + datetime.timedelta(minutes=self.place + self.p.late_minutes)
        self.lines.datetime[0] = bt.date2num(when)
        for name, value in (("open", close - 0.25), ("high", close + 1), ("low", close - 1), ("close", close),
                            ("volume", 10.0 + self.place), ("openinterest", 0.0)):
            getattr(self.lines, name)[0] = value
        self.place += 1
        return True


class Crossing(bt.Strategy):
    """Long above its average, flat below; remembers what it saw at each decision."""

    def __init__(self) -> None:
        self.average = bt.ind.SMA(period=5)
        self.cross = bt.ind.CrossOver(self.data.close, self.average)
        self.macd = bt.ind.MACD(period_me1=3, period_me2=5, period_signal=2)
        self.gap = self.data.close - self.average
        self.seen: list[dict[str, Any]] = []

    def next(self) -> None:
        self.seen.append({
            "time": self.data.datetime.datetime(), "close": self.data.close[0], "average": self.average[0],
            "cross": self.cross[0], "macd.signal": self.macd.signal[0], "gap": self.gap[0],
            "cash": self.broker.getcash(), "value": self.broker.getvalue(), "size": self.position.size,
        })
        if not self.position and self.cross[0] > 0:
            self.buy(size=10)
        elif self.position and self.cross[0] < 0:
            self.close()


def run(strategy: Any, feeds: Sequence[Any], folder: Any, recorder: Any = FMELRecorder, **named: Any) -> Any:
    """Run a strategy with a recorder called `fmel` and return it."""
    cerebro = bt.Cerebro(stdstats=False, **named)
    cerebro.broker.setcash(10_000.0)
    cerebro.broker.setcommission(commission=0.001)
    for number, feed in enumerate(feeds):
        cerebro.adddata(feed, name=f"S{number}")
    cerebro.addstrategy(strategy)
    cerebro.addanalyzer(recorder, _name="fmel", folder=folder)
    return cerebro.run()[0]
