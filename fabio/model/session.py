"""SessionTable: when an instrument trades, as plain int64 columns.

The table is built from calendars by `adapters/data`; everything here is a
lookup. A session is one trading day; its open time is `[open, close)` less its
breaks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_TIME = np.iinfo(np.int64).min
"""Stands for "this session has none" in a column of times."""


class NoSession(LookupError):
    """A time the table does not cover."""


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of an instrument; times in ns UTC.

    `regular_open_ns`, `regular_close_ns` and `flat_by_ns` are None where the day has
    none (a holiday session, an instrument that never closes).
    """

    index: int
    date: str
    open_ns: int
    close_ns: int
    regular_open_ns: int | None
    regular_close_ns: int | None
    flat_by_ns: int | None


@dataclass(frozen=True, eq=False)
class SessionTable:
    """Sessions of one product group, oldest first; all columns int64 of one length.

    Parameters
    ----------
    dates
        `YYYYMMDD` of the day each session ends on.
    opens_ns, closes_ns
        Half-open trading hours, in ns UTC; no overlaps.
    regular_opens_ns, regular_closes_ns
        The regular hours, `NO_TIME` where there are none.
    flat_by_ns
        By when the account has to be flat, `NO_TIME` where nothing demands it.
    breaks_ns
        Shape (n, 2): closed intervals inside sessions, sorted.
    """

    product_group: str
    dates: NDArray[np.int64]
    opens_ns: NDArray[np.int64]
    closes_ns: NDArray[np.int64]
    regular_opens_ns: NDArray[np.int64]
    regular_closes_ns: NDArray[np.int64]
    flat_by_ns: NDArray[np.int64]
    breaks_ns: NDArray[np.int64]

    def index_at(self, ts_ns: int) -> int:
        """Give the session `ts_ns` lies in, or, in closed hours, the next one.

        Raises
        ------
        NoSession
            Outside the table.
        """
        index = int(np.searchsorted(self.closes_ns, ts_ns, side="right"))
        if index >= len(self.closes_ns) or (index == 0 and ts_ns < self.opens_ns[0]):
            raise NoSession(f"no {self.product_group} session at {ts_ns}: the table covers "
                            f"{self.opens_ns[0]} to {self.closes_ns[-1]}")
        return index

    def is_open(self, ts_ns: int) -> bool:
        """Tell whether the instrument trades at `ts_ns`."""
        try:
            index = self.index_at(ts_ns)
        except NoSession:
            return False
        if ts_ns < self.opens_ns[index]:
            return False
        row = int(np.searchsorted(self.breaks_ns[:, 0], ts_ns, side="right")) - 1
        return row < 0 or ts_ns >= self.breaks_ns[row, 1]

    def session(self, index: int) -> Session:
        """Give row `index` as a value."""
        return Session(
            index=index,
            date=date_text(int(self.dates[index])),
            open_ns=int(self.opens_ns[index]),
            close_ns=int(self.closes_ns[index]),
            regular_open_ns=_time(self.regular_opens_ns[index]),
            regular_close_ns=_time(self.regular_closes_ns[index]),
            flat_by_ns=_time(self.flat_by_ns[index]),
        )


def date_text(yyyymmdd: int) -> str:
    """Write a date column's number the ISO way.

    >>> date_text(20130903)
    '2013-09-03'
    """
    return f"{yyyymmdd // 10000:04d}-{yyyymmdd // 100 % 100:02d}-{yyyymmdd % 100:02d}"


def _time(value: np.int64) -> int | None:
    return None if value == NO_TIME else int(value)
