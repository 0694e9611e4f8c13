"""Is the market quiet, or are we deaf? Silence of one market on the hub, and what is done about it.

Connected is not alive: the hub was seen mute for minutes while its pings went on. So messages are
counted, quotes and prints, and only while the market is open. Silence goes through three stages:

| after | regular hours | other hours | what |
| --- | --- | --- | --- |
| lost | 2.5 s | 14 s | entries are blocked (`FeedLost`) |
| probe | 4 s | 6 s | REST is asked whether the market traded meanwhile |
| reconnect | 8 s | 24 s | a new connection |

The probe decides which it is. *Missed*: the market traded and we did not hear it: lost, and a new
connection at once. *Quiet*: the clock of silence begins again, so that a halt of ten seconds or a
still night raises no alarm; what is lost stays lost until something is heard. *Unknown*: nobody
answered, and the stages go on. Quiet is believed for a minute in regular hours and ten minutes
in others, as REST may be blind as well. Each reconnection after which no print comes doubles the waits
for the next one, up to five minutes.

Quotes may flow while prints do not. A quote whose last price the prints do not show within 2 s, or
prints silent for 20 s (2 minutes in other hours), lead to a probe as well; its answer decides.

Ages are of the monotonic clock. Nothing here waits: `look` is called a few times a second.
"""

from enum import Enum

import msgspec

LONGEST_S = 300.0
UNSHOWN_S = 2.0
"""So long may prints be behind a quote's last price."""


class Hours(Enum):
    """What the calendar says."""

    CLOSED = "closed"
    REGULAR = "regular"
    OTHER = "other"


class Verdict(Enum):
    """What a probe found out."""

    QUIET = "quiet"
    MISSED = "missed"
    UNKNOWN = "unknown"


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of silence until each stage; how long `QUIET` is believed; prints alone silent until a probe."""

    lost_s: float
    probe_s: float
    reconnect_s: float
    believed_s: float
    prints_s: float


REGULAR = Stages(lost_s=2.5, probe_s=4.0, reconnect_s=8.0, believed_s=60.0, prints_s=20.0)
OTHER = Stages(lost_s=14.0, probe_s=6.0, reconnect_s=24.0, believed_s=600.0, prints_s=120.0)


class Alarm(msgspec.Struct, frozen=True):
    """What to do now: reasons of a loss and of a reconnection (empty: none), and whether to probe."""

    lost: str = ""
    probe: bool = False
    reconnect: str = ""


ALL_WELL = Alarm()


class Watchdog:
    """Watches one market.

    Parameters
    ----------
    now_s
        Monotonic seconds, here and everywhere below.
    """

    def __init__(self, now_s: float, regular: Stages = REGULAR, other: Stages = OTHER) -> None:
        self._regular, self._other = regular, other
        self._data_s = now_s  # when something was last heard, whatever else happened
        self._probed_s = self._may_reconnect_s = float("-inf")
        self._fruitless = 0  # reconnections since the last print
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        self._heard_s = self._printed_s = self._quiet_s = now_s
        self._unshown_s: float | None = None  # since when a quote's last price is not in the prints
        self._excused = False  # it was, and a probe found nothing missing
        self._missed = False

    def heard(self, at_s: float, is_print: bool) -> None:
        """Something of this market arrived at that time."""
        self._heard_s = max(self._heard_s, at_s)
        self._data_s = max(self._data_s, at_s)
        if is_print:
            self._printed_s = max(self._printed_s, at_s)
            self._unshown_s = None
            self._excused = self._missed = False
            self._fruitless = 0

    def quoted_elsewhere(self, at_s: float) -> None:
        """A quote has a last price that the prints have not shown yet."""
        if self._unshown_s is None and not self._excused:
            self._unshown_s = at_s

    def connected(self, now_s: float) -> None:
        """A new connection stands: it has time to say something."""
        self._begin(now_s)

    def stalled(self, seconds: float) -> None:
        """Our own side did nothing for so long: that is nobody's silence."""
        self._heard_s += seconds
        self._printed_s += seconds
        self._quiet_s += seconds
        self._data_s += seconds
        if self._unshown_s is not None:
            self._unshown_s += seconds

    def answered(self, verdict: Verdict, now_s: float) -> None:
        """A probe has come back."""
        if verdict is Verdict.QUIET:
            self._quiet_s = self._printed_s = now_s
            self._excused = self._unshown_s is not None
            self._unshown_s = None
        elif verdict is Verdict.MISSED:
            self._missed = True

    def look(self, now_s: float, hours: Hours) -> Alarm:
        """Say what the silence up to now asks for."""
        if hours is Hours.CLOSED:
            self._begin(now_s)
            self._data_s, self._fruitless = now_s, 0
            return ALL_WELL
        stages = self._regular if hours is Hours.REGULAR else self._other
        silent_s = now_s - max(self._heard_s, self._quiet_s)
        why = self._deaf(now_s, silent_s, stages)
        if why and now_s >= self._may_reconnect_s:
            self._begin(now_s)
            self._fruitless += 1
            self._may_reconnect_s = now_s + self._grown(stages.reconnect_s)
            return Alarm(lost=why, reconnect=why)
        if not why and silent_s >= stages.lost_s:
            why = self._nothing_since(now_s)
        probe = self._wants_probe(now_s, silent_s, stages)
        if probe:
            self._probed_s = now_s
        return Alarm(why, probe) if why or probe else ALL_WELL

    def _deaf(self, now_s: float, silent_s: float, stages: Stages) -> str:
        """Say why a new connection is wanted; empty where none is."""
        if self._missed:
            return "the market traded, and no print came"
        if silent_s >= self._grown(stages.reconnect_s):
            return self._nothing_since(now_s)
        if now_s - self._heard_s >= self._grown(stages.believed_s):
            return f"{self._nothing_since(now_s)}, quiet or not"
        if self._unshown_s is not None and now_s - self._unshown_s >= self._grown(stages.reconnect_s):
            return "quotes move, and no print came"
        return ""

    def _wants_probe(self, now_s: float, silent_s: float, stages: Stages) -> bool:
        if self._missed or now_s - self._probed_s < stages.probe_s:
            return False
        unshown = self._unshown_s is not None and now_s - self._unshown_s >= UNSHOWN_S
        return silent_s >= stages.probe_s or unshown or now_s - self._printed_s >= stages.prints_s

    def _grown(self, seconds: float) -> float:
        return min(seconds * 2.0 ** min(self._fruitless, 10), max(LONGEST_S, seconds))

    def _nothing_since(self, now_s: float) -> str:
        return f"no market message for {now_s - self._data_s:.1f} s"
