"""What a public print has to be before it becomes a tick, for one market.

| kind of refusal | what |
| --- | --- |
| `off_grid` | more than 1 % of a tick from the instrument's grid |
| `price` | zero or below, where the instrument knows no such price |
| `no_session` | outside the calendar |
| `far` | further than a fifth (and 1,000 ticks) from the last print |
| `ahead` | stamped more than 5 s after it arrived, by the venue's clock |
| `old` | stamped more than 2 minutes before it arrived |
| `replayed` | taken before the connection was lost, and sent again after it |

A print that is `far` or `ahead` may be true after all: a market can gap, a clock can be set. Of three
in a row that are near each other the third is believed. What lies a second or more before an earlier
print is not refused here: the kernel counts it as `late`.

Replays. The wire has no trade id and no sequence number, and two true prints may be equal to the last
digit: 61 % of the rows of a real ES tape repeat an earlier one. So nothing is told apart while a
connection stands; an event that the venue sends twice counts twice. Only for 10 s after a new
subscription is a print, unless it is later than the last one taken before, held against what was
taken: one print is dropped for each time the same (time, price, size, side) was taken. What was
missed has no twin and is taken. The risk that remains is a missed print equal to a taken one.
"""

from collections import Counter
from collections.abc import Iterable

from fabio.adapters.topstepx.events import Print
from fabio.model.instrument import Instrument, OffGrid
from fabio.model.session import SessionTable

NS = 1_000_000_000
AHEAD_NS = 5 * NS
OLD_NS = 120 * NS
OVERLAP_NS = 10 * NS
FAR_SHARE, FAR_TICKS = 5, 1_000
BELIEVED_AFTER = 3
_LARGEST_TICKS = 2**31 - 1  # the tape's record holds no more

Key = tuple[int, int, int, int]
"""Exchange time, price, size and side of a print."""


class _Doubts:
    """Strange values in a row; enough that agree are believed."""

    def __init__(self) -> None:
        self._values: list[int] = []

    def believes(self, value: int, reach: int) -> bool:
        if self._values and abs(value - self._values[-1]) > reach:
            self._values.clear()
        self._values.append(value)
        return len(self._values) >= BELIEVED_AFTER

    def end(self) -> None:
        if self._values:
            self._values.clear()


class PrintChecks:
    """One market's prints: what the next one is held against.

    Parameters
    ----------
    reference_ticks
        About where the market is; None believes the first print.

    Attributes
    ----------
    counts
        How many prints were `taken`, and refused by kind.
    last_ticks
        Price of the last print taken, or the reference.
    latest_ns, seen_ns
        Exchange time of the latest print taken, and of the latest one that came with a possible
        time, good or not; 0 before the first.
    """

    def __init__(self, instrument: Instrument, table: SessionTable, reference_ticks: int | None) -> None:
        self.counts: Counter[str] = Counter()
        self._instrument = instrument
        self._first_ns, self._end_ns = int(table.opens_ns[0]), int(table.closes_ns[-1])
        self.begin(reference_ticks)

    def begin(self, reference_ticks: int | None) -> None:
        """Forget what another contract did."""
        self.last_ticks = reference_ticks
        self.latest_ns = self.seen_ns = 0
        self._lead_ns = AHEAD_NS
        self._far, self._ahead = _Doubts(), _Doubts()
        self._taken: Counter[Key] = Counter()  # before the connection was lost, less what was met again
        self._overlap_ends_ns = self._overlap_before_ns = 0

    def price_ticks(self, each: Print, recv_ns: int, skew_ns: int | None) -> int | None:
        """Give the price of a good print; None, and a count, for one that is refused.

        Parameters
        ----------
        skew_ns
            How far the venue's clock is ahead of ours; None while nobody knows.
        """
        refusal = self._time(each.ts_event_ns, recv_ns, skew_ns)
        if not refusal:
            self.seen_ns = max(self.seen_ns, each.ts_event_ns)
        ticks = 0
        try:
            ticks = self._instrument.price_ticks(each.price)
            refusal = refusal or self._price(ticks)
        except OffGrid:
            refusal = refusal or "off_grid"
        if not refusal and self._taken and self._was_taken((each.ts_event_ns, ticks, each.size, each.side), recv_ns):
            refusal = "replayed"
        if refusal:
            self.counts[refusal] += 1
            return None
        self.counts["taken"] += 1
        self.last_ticks = ticks
        if each.ts_event_ns > self.latest_ns:
            self.latest_ns = each.ts_event_ns
        return ticks

    def expect_replays(self, taken: Iterable[Key], recv_ns: int) -> None:
        """Look for replays of these prints from now on: the subscriptions are new."""
        self._taken = Counter(taken)
        self._overlap_before_ns = self.latest_ns
        self._overlap_ends_ns = recv_ns + OVERLAP_NS

    def _price(self, ticks: int) -> str:
        if ticks <= 0 and not self._instrument.allows_negative_price:
            return "price"
        last = self.last_ticks
        if last is not None:
            reach = max(abs(last) // FAR_SHARE, FAR_TICKS)
            if abs(ticks - last) > reach:
                return "" if abs(ticks) <= _LARGEST_TICKS and self._far.believes(ticks, reach) else "far"
        elif abs(ticks) > _LARGEST_TICKS:
            return "far"
        self._far.end()
        return ""

    def _time(self, ts_event_ns: int, recv_ns: int, skew_ns: int | None) -> str:
        if not self._first_ns <= ts_event_ns < self._end_ns:
            return "no_session"
        lead_ns = ts_event_ns - recv_ns - (skew_ns or 0)
        if lead_ns > self._lead_ns:
            if not self._ahead.believes(lead_ns, AHEAD_NS):
                return "ahead"
            self._lead_ns = lead_ns + AHEAD_NS
        elif lead_ns < -OLD_NS and skew_ns is not None:
            return "old"
        self._ahead.end()
        return ""

    def _was_taken(self, key: Key, recv_ns: int) -> bool:
        """Tell whether a print is a replay; each one taken explains one."""
        if recv_ns > self._overlap_ends_ns:
            self._taken.clear()
            return False
        if key[0] > self._overlap_before_ns or self._taken[key] <= 0:
            return False
        self._taken[key] -= 1
        return True
