"""Demo: one generated session after another, each with twenty earlier ones behind it.

Nothing here is market data: the sessions come from the seeded generator of
`adapters/data/synthetic`, and every line that names them says so. The overnight part of a
day is lived through at once; the regular hours are what a person watches.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fabio.adapters.data.sessions import load_sessions
from fabio.adapters.data.synthetic import (
    SyntheticSession,
    closing_price_ticks,
    synthetic_history,
    synthetic_session,
)
from fabio.features.layout import HISTORY_SESSIONS, NEED_SESSION
from fabio.features.market import MarketFeatures
from fabio.features.remembered import History
from fabio.model.instrument import Instrument
from fabio.model.session import Session, SessionTable
from fabio.model.tick import Ticks
from fabio.runtime.demo_names import FIRST_DATE
from fabio.settings.load import Settings
from fabio.settings.places import config_file

DAYS_BEHIND, DAYS_AHEAD = 45, 400
AFTER_FLAT_BY_NS = 60_000_000_000
"""How long a demo day goes on after the time to be flat by."""

_PRICES = {  # about what each traded at in 2026; only the scale matters
    "NQ": "25000", "ES": "6900", "YM": "48000", "RTY": "2500", "CL": "65", "GC": "4000", "SI": "50", "HG": "5",
    "6E": "1.17", "ZN": "112", "ZB": "116", "BTCUSDT": "100000", "ETHUSDT": "4000", "LTCUSDT": "100",
}
_TICKS_ELSEWHERE = 20_000


class DemoOver(Exception):
    """The calendar ends: no further session can be generated in this folder."""


@dataclass(frozen=True, eq=False)
class DemoDay:
    """One generated day.

    Parameters
    ----------
    number
        0 for the folder's first.
    ticks
        From the session's open to a minute after the flat-by time (the close where there is none).
    watched_from
        Row of the first tick of the regular hours; 0 where the session has none.
    end_ns
        Where the day ends on the runtime clock.
    """

    number: int
    session: Session
    ticks: Ticks
    watched_from: int
    end_ns: int

    @property
    def watched_s(self) -> float:
        """Length of the part that is watched, in seconds of exchange time."""
        return (self.end_ns - int(self.ticks.ts_recv_ns[self.watched_from])) / 1e9


class Demo:
    """The generated market of one seed.

    Parameters
    ----------
    seed
        0 or more; the same seed gives the same days on every machine.
    """

    def __init__(self, settings: Settings, instrument: Instrument, seed: int) -> None:
        self.instrument = instrument
        self.seed = seed
        self.table: SessionTable = load_sessions(
            config_file(settings.folder, "sessions.toml"),
            instrument.product_group,
            FIRST_DATE - dt.timedelta(days=DAYS_BEHIND),
            FIRST_DATE + dt.timedelta(days=DAYS_AHEAD),
        )
        self.first = int(np.searchsorted(self.table.dates, int(FIRST_DATE.strftime("%Y%m%d"))))

    @property
    def source(self) -> str:
        """Say what this is, for records."""
        return f"synthetic sessions, seed {self.seed}"

    @cached_property
    def _start_ticks(self) -> int:
        """Price at which the sessions behind the first day begin."""
        symbol, instrument = self.instrument.symbol, self.instrument
        root = symbol if symbol in _PRICES else {"MNQ": "NQ", "MES": "ES", "MYM": "YM", "M2K": "RTY",
                                                 "MCL": "CL", "MGC": "GC"}.get(symbol, symbol)
        if root not in _PRICES:
            return _TICKS_ELSEWHERE
        return int(type(instrument.tick_size)(_PRICES[root]) / instrument.tick_size)

    def session(self, number: int) -> Session:
        """Give the calendar of a day.

        Raises
        ------
        DemoOver
            Beyond the calendar.
        """
        if self.first + number >= len(self.table.dates):
            raise DemoOver(f"{number} generated sessions were traded here; begin again with another --logs")
        return self.table.session(self.first + number)

    def number_of(self, date: str) -> int:
        """Give the number of the day of a date (`YYYY-MM-DD`)."""
        return int(np.searchsorted(self.table.dates, int(date.replace("-", "")))) - self.first

    def behind(self) -> Iterator[SyntheticSession]:
        """Generate the sessions behind the first day, oldest first."""
        return synthetic_history(self.instrument, self.table, self.first, self.seed, self._start_ticks,
                                 HISTORY_SESSIONS)

    def history(self) -> History:
        """Generate the sessions behind the first day, and give what a market remembers of them."""
        features = MarketFeatures(self.instrument, self.table)
        for session in self.behind():
            features.update(session.ticks)
        # a session is kept when the next one begins
        features.supply(NEED_SESSION, int(self.table.opens_ns[self.first]), 0)
        return features.export_history()

    def day(self, number: int, mean_ticks: int | None = None) -> DemoDay:
        """Generate a day; `mean_ticks` as in `synthetic_session`."""
        session = self.session(number)
        made = synthetic_session(self.instrument, self.table, session.index, self.seed, self._price_at(number),
                                 mean_ticks)
        end_ns = session.close_ns if session.flat_by_ns is None else min(
            session.flat_by_ns + AFTER_FLAT_BY_NS, session.close_ns)
        times = made.ticks.ts_recv_ns
        ticks = made.ticks.slice(0, int(times.searchsorted(end_ns, side="right")))
        opens = session.regular_open_ns
        watched = 0 if opens is None else int(times.searchsorted(opens, side="left"))
        return DemoDay(number, session, ticks, watched, end_ns)

    def _price_at(self, number: int) -> int:
        """Follow the chain of closing prices to where a day starts."""
        price = self._start_ticks
        first = max(self.first - HISTORY_SESSIONS, 0)
        for index in range(first, self.first + number):
            price = closing_price_ticks(self.instrument, self.table, index, self.seed, price)
        return price
