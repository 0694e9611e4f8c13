"""Integers of the machine as the numbers people read: prices, sizes, seconds, dollars.

Division of integers is correctly rounded, so 16467 ticks of 0.1 become 1646.7 and not
1646.7000000000003.
"""

from decimal import Decimal
from typing import Any

from fabio.features.written import LineWriter
from fabio.model.instrument import Instrument
from fabio.model.stats import MarketStats

_NS = 1_000_000_000


class Units:
    """The numbers of one instrument.

    Examples
    --------
    >>> mini = Instrument(symbol="ES", description="", tick_size=Decimal("0.25"),
    ...     tick_value=Decimal("12.5"), size_step=Decimal(1), product_group="equity",
    ...     trading_seconds_per_year=1, poc_cross_band_ticks=2)
    >>> Units(mini).price(6587), Units(mini).price(None), Units(mini).size(3)
    (1646.75, None, 3)
    """

    def __init__(self, instrument: Instrument) -> None:
        self.symbol = instrument.symbol
        self._writer = LineWriter(instrument)
        self._value = float(instrument.tick_value)  # of a tick, for one contract or coin
        self._step = float(instrument.size_step)

    def price(self, ticks: float | None) -> float | None:
        """Turn ticks into a price; None stays None."""
        return None if ticks is None else self._writer.price(ticks)

    def size(self, steps: int | None) -> float | None:
        """Turn steps into a size: an integer where sizes are whole; None stays None."""
        return None if steps is None else self._writer.size(steps)

    def value(self, steps: int, ticks: float) -> float:
        """Give what a size is worth at a price, in USD."""
        return round(steps * self._step * ticks * self._value, 6)

    def statistics(self, stats: MarketStats) -> dict[str, Any]:
        """Give the statistics as of one moment, with the names of a `fabio features` line."""
        return self._writer.statistics(stats)


def seconds(duration_ns: int | None) -> float | None:
    """Turn nanoseconds into seconds; None stays None.

    >>> seconds(45_300_000_000)
    45.3
    """
    return None if duration_ns is None else duration_ns / _NS


def real(value: float | None) -> float | None:
    """Give a float where the type says float and the writer had an integer; None stays None.

    The journal reads `3` back as `3.0`: a record made again has to have the same bytes.

    >>> real(3)
    3.0
    """
    return None if value is None else float(value)


def dollars(amount: Decimal) -> float:
    """Give an amount of money as a JSON number, with all the digits it has.

    >>> dollars(Decimal("-12.74"))
    -12.74
    """
    return float(amount)
