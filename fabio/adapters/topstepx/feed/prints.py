"""Public prints of the hub become columns of ticks: on our grid, stamped by both clocks, none twice.

Taking one costs about 2 us. All that were taken since the last time leave as one batch; `print_checks`
says which are refused, and why.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fabio.adapters.topstepx.events import Print
from fabio.adapters.topstepx.feed.print_checks import NS, PrintChecks
from fabio.model.instrument import Instrument
from fabio.model.session import SessionTable
from fabio.model.tick import Ticks

REMEMBERED = 8_192
"""Prints kept to tell replays by: minutes of a busy market."""


class PrintTaker:
    """Takes prints one by one, gives them as one batch.

    Parameters
    ----------
    markets
        Instrument, calendar, and about where the market is (None: the first print is believed),
        in the engine's order.
    skew_s
        Seconds by which the venue's clock is ahead of ours; None while nobody knows.

    Attributes
    ----------
    latest_recv_ns
        The runtime clock of the last print; never falls.
    """

    def __init__(
        self, markets: Sequence[tuple[Instrument, SessionTable, int | None]], skew_s: Callable[[], float | None]
    ) -> None:
        self.latest_recv_ns = 0
        self._checks = [PrintChecks(*market) for market in markets]
        self._steps = [int(1 / instrument.size_step) for instrument, _, _ in markets]
        self._skew_s = skew_s
        self._ring = np.full((5, REMEMBERED), -1, dtype=np.int64)  # time, price, size, side, market
        self._ringed = 0  # prints ever put into the ring
        self._new_columns()

    def take(self, market: int, prints: Iterable[Print], recv_ns: int) -> None:
        """Take prints that arrived together, in their order."""
        self.latest_recv_ns = recv_ns = max(recv_ns, self.latest_recv_ns)
        skew_s = self._skew_s()
        skew_ns = None if skew_s is None else int(skew_s * NS)
        checks, steps = self._checks[market], self._steps[market]
        for each in prints:
            price_ticks = checks.price_ticks(each, recv_ns, skew_ns)
            if price_ticks is not None:
                self._times.append(each.ts_event_ns)
                self._recv.append(recv_ns)
                self._prices.append(price_ticks)
                self._sizes.append(each.size * steps)
                self._sides.append(each.side)
                self._markets.append(market)

    def drain(self) -> Ticks | None:
        """Give all prints taken since the last time as one batch; None without any."""
        if not self._times:
            return None
        ticks = Ticks(
            np.frombuffer(self._times, dtype=np.int64), np.frombuffer(self._recv, dtype=np.int64),
            np.frombuffer(self._prices, dtype=np.int64), np.frombuffer(self._sizes, dtype=np.int64),
            np.frombuffer(self._sides, dtype=np.int8), np.frombuffer(self._markets, dtype=np.int8),
        )
        self._remember(ticks)
        self._new_columns()
        return ticks

    def expect_replays(self, recv_ns: int) -> None:
        """Look for replays from now on: the subscriptions are new. What was taken has been drained."""
        columns = [column.tolist() for column in self._ring]
        for market, checks in enumerate(self._checks):
            steps = self._steps[market]
            checks.expect_replays(
                ((time, price, size // steps, side)
                 for time, price, size, side, of_market in zip(*columns, strict=True) if of_market == market),
                recv_ns,
            )

    def change_contract(self, market: int, reference_ticks: int | None) -> None:
        """Begin anew with a market whose prints are another contract's from now on."""
        self._ring[4][self._ring[4] == market] = -1
        self._checks[market].begin(reference_ticks)

    def latest_ns(self, market: int) -> int:
        """Exchange time of a market's latest print; 0 before the first."""
        return self._checks[market].latest_ns

    def seen_ns(self, market: int) -> int:
        """Exchange time of a market's latest print, refused ones of a possible time included; 0 before the first."""
        return self._checks[market].seen_ns

    def last_ticks(self, market: int) -> int | None:
        """Price of a market's last print, or where it was said to be."""
        return self._checks[market].last_ticks

    def counts(self, market: int) -> Counter[str]:
        """How many prints were `taken`, and refused by kind."""
        return self._checks[market].counts

    def _new_columns(self) -> None:
        self._times, self._recv, self._prices, self._sizes = array("q"), array("q"), array("q"), array("q")
        self._sides, self._markets = array("b"), array("b")

    def _remember(self, ticks: Ticks) -> None:
        last = ticks if len(ticks) <= REMEMBERED else ticks.slice(len(ticks) - REMEMBERED, len(ticks))
        columns: tuple[NDArray[Any], ...] = (
            last.ts_event_ns, last.price_ticks, last.size_steps, last.side, last.market,
        )
        place = self._ringed % REMEMBERED
        head = min(len(last), REMEMBERED - place)
        for kept, column in zip(self._ring, columns, strict=True):
            kept[place : place + head] = column[:head]
            if head < len(last):
                kept[: len(last) - head] = column[head:]
        self._ringed += len(last)
