"""Market: one instrument inside the machine: its statistics, readings, zones and shadows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from fabio.engine.advance import (
    ASK_DUE_NS,
    BAND,
    HIGH_SINCE,
    INTERVAL_AT,
    LAST_ASK_NS,
    LOW_SINCE,
    MAX_ZONES,
    WANTED,
    WATCH_DOWN,
    WATCH_UP,
    ZONES,
    reband,
)
from fabio.engine.loop import Loop
from fabio.engine.seams import MarketConfig
from fabio.exchange.shadow import shadow_id
from fabio.features.hours import Gap
from fabio.features.layout import BIG_AT, BIG_COUNT, BIG_KEPT, BIG_WIDTH, LAST, SESSION_INDEX
from fabio.features.near import seconds_near_poc
from fabio.features.remembered import History, Remembered
from fabio.model.bar import Bar
from fabio.model.fact import ShadowClosed
from fabio.model.regime import Regime
from fabio.model.session import Session
from fabio.model.signal import Decision
from fabio.model.stats import BigPrint, MarketStats, Nodes
from fabio.model.view import Wake
from fabio.model.zone import Zone
from fabio.regime.cadence import BANDS, zone_rows
from fabio.regime.material import lines_of
from fabio.regime.numbers import hours_of
from fabio.regime.reading import Readings, RegimeSettings, read_market, session_age_s
from fabio.regime.request import AccountRecord, MarketPicture, OwnRecord, QuestionWriter
from fabio.regime.rule_model import Brief
from fabio.regime.zones import ZoneSettings, default_zones

if TYPE_CHECKING:
    from fabio.engine.machine import EngineConfig

BARS_SHOWN = 32
NODES_FOR_NS = 300_000_000_000
"""Volume nodes are read once in every five minutes: they move slowly, and cost as much as the rules."""
SESSION_ROLLED = int(Wake.SESSION_ROLLED)
BAR_OR_ROLL = int(Wake.BAR_CLOSED | Wake.SESSION_ROLLED)


class AtLastBar(msgspec.Struct, frozen=True):
    """What was read when the last bar closed and stands until the next one does; `nodes_ns` is the nodes' time."""

    readings: Readings
    zones: tuple[Zone, ...]
    nodes: Nodes
    nodes_ns: int


class Market:
    """What the machine can say about one instrument, read from the loop's arrays.

    Everything that is read more than once between two wakes is kept until the next.
    """

    def __init__(self, config: MarketConfig, place: int, loop: Loop, engine: "EngineConfig") -> None:
        self.instrument = config.instrument
        self._table = config.table
        self._place = place
        self._loop = loop
        self._regime: RegimeSettings = engine.regime
        self._zones: ZoneSettings = engine.zones
        self.lines = lines_of(engine.regime.thresholds)  # where a model's guidelines draw them
        self._features = loop.features[place]
        self._control = memoryview(loop.control[place])  # gives Python's integers, at a third of numpy's cost
        self._always = self._control[WANTED]
        self._bars: tuple[Bar, ...] = ()
        self._stats: MarketStats | None = None
        self._session: Session | None = None
        self._kept: AtLastBar | None = None
        self._writer = QuestionWriter(config.instrument)
        self._hours = np.zeros(0, dtype=np.int64)
        self._zone_rows: list[tuple[int, int, int]] | None = None  # as the loop has them, None where that is not known
        self._united: tuple[tuple[Zone, ...], ...] = ((), (), ())  # a model's, the profile's, both
        self._told: tuple[Zone, ...] | None = None  # the zones last told of, None after a bar
        self.told_version = 0  # of the agent's state, in the last question
        self._prints: tuple[tuple[int, ...], tuple[BigPrint, ...]] = ((), ())

    # -- reading ------------------------------------------------------------------------

    def refresh(self, wake: int, given: tuple[Zone, ...]) -> None:
        """Take in what the ticks since the last wake have changed.

        `given` are the zones that a model set, beside the profile's. Readings
        and the profile's zones are those at the last finished bar.
        """
        self._stats = None
        if not wake & BAR_OR_ROLL:
            return
        before = self._kept
        if wake & SESSION_ROLLED:
            before = self._session = None
            self._bars = ()
            self._prints = ((), ())
        else:
            self._bars = (*self._bars[1 - BARS_SHOWN :], *self._features.bars(1))
        self._told = None
        self._kept = self._read(before)  # now, whether or not somebody asks: it is of this moment
        self.rezone(() if wake & SESSION_ROLLED else given)  # a model's zones end with their session

    def kept(self) -> "AtLastBar | None":
        """What has to be in a snapshot because it is of an earlier moment."""
        return self._kept

    def restored(self, kept: "AtLastBar | None") -> None:
        """Go on from restored arrays."""
        self._stats = self._session = self._zone_rows = None
        self._kept, self._told, self.told_version = kept, None, 0
        self._prints = ((), ())
        self._bars = self._features.bars(BARS_SHOWN)

    @property
    def session(self) -> Session:
        """The running session."""
        if self._session is None:
            self._session = self._table.session(int(self._features.s[SESSION_INDEX]))
            self._hours = hours_of(self._session)
        return self._session

    @property
    def is_approximate(self) -> bool:
        """Tell whether part of the running session is made of bars."""
        return self._features.is_approximate

    @property
    def has_session(self) -> bool:
        """Tell whether a trade was seen yet."""
        return self._features.has_traded

    @property
    def flat_by_ns(self) -> int | None:
        """By when to be flat; None where nothing demands it or no trade was seen."""
        return self.session.flat_by_ns if self.has_session else None

    def is_open(self, ts_ns: int) -> bool:
        """Tell whether the exchange trades at a time."""
        return self._table.is_open(ts_ns)

    def rejected(self) -> Mapping[str, int]:
        """Bad input counted by the kernel so far.  # kind -> ticks"""
        return self._features.rejected()

    def latest_ns(self) -> int:
        """Exchange time of the last trade, 0 before the first."""
        return self._features.latest_ns

    def remembered(self) -> Remembered:
        """How much of the market was seen."""
        return self._features.remembered()

    def last_ticks(self) -> int:
        """Price of the last trade."""
        return int(self._features.words[LAST])

    def stats(self) -> MarketStats:
        """Statistics as of the last trade."""
        if self._stats is None:
            self._stats = self._features.stats()
        return self._stats

    def fresh_stats(self) -> MarketStats:
        """Statistics as of now for people; the machine's own are of its last wake and stay."""
        return self._features.stats()

    def bars(self) -> tuple[Bar, ...]:
        """The session's last finished bars, oldest first."""
        return self._bars

    def big_prints(self) -> tuple[BigPrint, ...]:
        """The session's last big prints, oldest first."""
        s = self._features.words
        count = s[BIG_COUNT]
        if not count:
            return ()
        last = BIG_AT + (count - 1) % BIG_KEPT * BIG_WIDTH
        key = (count, s[last + 1], s[last + 2])  # the newest one grows while its print goes on
        if key != self._prints[0]:
            self._prints = (key, self._features.big_prints())
        return self._prints[1]

    def readings(self) -> Readings:
        """What the rules say, as of the last finished bar."""
        return self._at_last_bar().readings

    def _at_last_bar(self) -> "AtLastBar":
        if self._kept is None:
            self._kept = self._read(None)
        return self._kept

    def _read(self, before: "AtLastBar | None") -> "AtLastBar":
        """Read the rules and the profile's zones; the nodes too, unless those read before are of this while."""
        stats = self.stats()
        if before is not None and before.nodes_ns // NODES_FOR_NS == stats.ts_ns // NODES_FOR_NS:
            nodes, nodes_ns = before.nodes, before.nodes_ns
        else:
            nodes, nodes_ns = self._features.nodes(), stats.ts_ns
        zones = default_zones(stats, nodes.low, self._zones)
        return AtLastBar(self._read_rules(), zones, nodes, nodes_ns)

    def _read_rules(self) -> Readings:
        stats = self.stats()
        span = stats.bar_range_15min_ticks
        near = None
        if span is not None and self._regime.classifier == "playbook":
            near = float(seconds_near_poc(
                self._features.s, stats.ts_ns, self._regime.thresholds.near_bar_ranges * span
            ))
        return read_market(stats, self._bars, near, session_age_s(stats), self._regime)

    def band(self) -> str:
        """In which band price stands: `none`, `outer` or `inner`."""
        return BANDS[self._control[BAND]]

    def zones(self, given: tuple[Zone, ...]) -> tuple[Zone, ...]:
        """The zones in force: those a model gave, then those of the profile at the last bar."""
        of_profile = self._at_last_bar().zones
        if not given:
            return of_profile
        if self._united[0] is not given or self._united[1] is not of_profile:
            self._united = (given, of_profile, (*given, *of_profile))
        return self._united[2]

    def tell_agent(self, record: OwnRecord) -> None:
        """Put what the agent knows of itself into the next questions."""
        self._writer.put_agent(record)

    def tell_account(self, record: AccountRecord, now_ns: int) -> None:
        """Put the account and what is held of this market into the next questions."""
        self._writer.put_account(record, now_ns, self.last_ticks())

    def write_question(self, now_ns: int, given: tuple[Zone, ...], answers: Sequence[Regime]) -> tuple[bytes, Brief]:
        """Write a question as of the last trade, after `tell_agent` and `tell_account`."""
        features, kept, session = self._features, self._at_last_bar(), self.session
        zones = self.zones(given)
        if self._told is not zones:
            self._told = zones
            self._writer.put_market(MarketPicture(
                session=session, zones=zones, nodes=kept.nodes, readings=kept.readings,
            ))
        arrays = (features.s, features.trades, features.history, self._hours)
        return self._writer.write(arrays, self._control[BAND], now_ns, answers)

    # -- control of the loop ------------------------------------------------------------

    def watch(self, up_ticks: int, down_ticks: int) -> None:
        """Wake when price trades at or beyond one of these."""
        self._control[WATCH_UP], self._control[WATCH_DOWN] = up_ticks, down_ticks

    def start_excursion(self, price_ticks: int) -> None:
        """Begin to measure how far price goes from here."""
        self._control[HIGH_SINCE] = self._control[LOW_SINCE] = price_ticks

    def excursion(self) -> tuple[int, int]:
        """Highest and lowest price since the excursion began."""
        return self._control[HIGH_SINCE], self._control[LOW_SINCE]

    def rezone(self, given: tuple[Zone, ...]) -> None:
        """Let the zones in force set the cadence; beyond `MAX_ZONES` high ones the first count."""
        rows = zone_rows(self.zones(given))[:MAX_ZONES]
        if rows != self._zone_rows:
            if rows:
                self._loop.zones[self._place, : len(rows)] = rows
            self._control[ZONES] = len(rows)
            self._zone_rows = rows
        reband(self._loop.control[self._place], self._loop.zones[self._place], self.last_ticks())

    def read_by(self, regime: RegimeSettings, zones: ZoneSettings) -> None:
        """Read the rules and the profile's zones by these settings, from the next bar on."""
        self._regime, self._zones = regime, zones
        self.lines = lines_of(regime.thresholds)

    def wake_on(self, happenings: int, wanted: bool) -> None:
        """Wake, or no more, on happenings that no strategy waits for."""
        before = self._control[WANTED]
        self._control[WANTED] = before | happenings if wanted else before & ~happenings | self._always

    def question_put(self, now_ns: int) -> None:
        """Count the time to the next question from here."""
        control = self._control
        control[LAST_ASK_NS] = now_ns
        control[ASK_DUE_NS] = now_ns + control[INTERVAL_AT + control[BAND]]

    def load_history(self, history: History) -> None:
        """Put earlier sessions behind this market, and what bars say of the running one; its event follows."""
        self._features.load_history(history)
        if history.today is not None:
            self.restored(None)

    def mark_gap(self, from_ns: int, to_ns: int) -> None:
        """Book no time between two exchange times: the feed was down."""
        self._features.mark_gap(Gap(from_ns, to_ns))

    # -- shadows ------------------------------------------------------------------------

    def open_shadow(self, decision: Decision, now_ns: int, good_until_ns: int | None) -> str | None:
        """Run a signal in the shadow book; its id, or None while one of its setup is open."""
        book = self._loop.shadows[self._place]
        if book.open(decision, now_ns, self.last_ticks(), good_until_ns) is None:
            return None
        self._loop.stack_shadows_if_grown(self._place)
        return shadow_id(decision.id)

    def drain_shadows(self) -> list[ShadowClosed]:
        """Take the shadows that ended since the last wake."""
        return [
            ShadowClosed(market=self._place, shadow=shadow)
            for shadow in self._loop.shadows[self._place].drain()
        ]

    def close_shadows(self, now_ns: int) -> list[ShadowClosed]:
        """End all shadows at the last price."""
        if not self._loop.shadows[self._place].open_count:
            return []
        closed = self._loop.shadows[self._place].close_all(now_ns, self.last_ticks())
        return [ShadowClosed(market=self._place, shadow=shadow) for shadow in closed]

    def forget_shadow_fills(self) -> None:
        """Drop the shadows that ended: recovery has their facts."""
        self._loop.shadows[self._place].drain()
