"""Engine: one function decides.

`handle(event) -> Step`: no clock, no socket, no file, no randomness, no logging inside.
Here stands only the order of calls.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from fabio.engine import asking, effects, entries, fills, learning, limits, questions
from fabio.engine.loop import Loop, LoopSnapshot
from fabio.engine.market import AtLastBar, Market
from fabio.engine.recall import recall, warmed
from fabio.engine.seams import MarketConfig
from fabio.engine.state import MarketRecord, State
from fabio.engine.turn import Policy, Turn
from fabio.engine.venue import arming, protection, reconciling
from fabio.engine.watch import rewatch
from fabio.exchange.assumptions import Assumptions
from fabio.model import event as events
from fabio.model.account import Account
from fabio.model.event import Event, TicksArrived
from fabio.model.fact import Fact
from fabio.model.order import Order
from fabio.model.signal import Decision
from fabio.model.step import Question, Step
from fabio.model.strategy import StrategyPerformance, StrategyUpdate
from fabio.model.tick import Ticks
from fabio.model.view import Wake
from fabio.portfolio.account import open_account
from fabio.regime.cadence import CadenceSettings
from fabio.regime.reading import RegimeSettings
from fabio.regime.zones import ZoneSettings

NEVER = (1 << 63) - 1
SESSION_ROLLED, ASK_DUE, REJECTED = int(Wake.SESSION_ROLLED), int(Wake.ASK_DUE), int(Wake.REJECTED)
TOUCHED_OR_REJECTED = int(Wake.PRICE_TOUCHED | Wake.REJECTED)
ASKS_ON = ASK_DUE | asking.EVENTS
ALWAYS_WANTED = Wake.SESSION_ROLLED | Wake.BAR_CLOSED | Wake.REJECTED


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that the machine is built from; plain values and parts that match by shape."""

    markets: tuple[MarketConfig, ...]
    policy: Policy
    assumptions: Assumptions
    regime: RegimeSettings
    zones: ZoneSettings
    cadence: CadenceSettings


class EngineSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the machine knows, as plain data."""

    state: State
    loop: LoopSnapshot
    kept: list[AtLastBar | None]


class Engine:
    """The machine: several instruments, one account.

    Parameters
    ----------
    config
        What it is built from. The same config, ticks and events give the same steps,
        however the ticks are cut into batches.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        wanted = ALWAYS_WANTED
        for named in config.policy.strategies:
            wanted |= named.part.triggers
        self._loop = Loop(config.markets, config.assumptions, config.cadence, int(wanted))
        markets = [
            Market(market, place, self._loop, config)
            for place, market in enumerate(config.markets)
        ]
        state = State(
            account=open_account(config.policy.account, ""),
            markets=[MarketRecord() for _ in markets],
            strategies={named.name: named.state for named in config.policy.strategies},
            reference=config.policy.learning.reference,
            performance={
                named.name: StrategyPerformance(name=named.name) for named in config.policy.strategies
            },
        )
        self._turn = Turn(state, markets, config.policy)
        self._wakes: Counter[int] = Counter()

    @property
    def state(self) -> State:
        """All state but the kernels' arrays, for reading."""
        return self._turn.state

    @property
    def markets(self) -> list[Market]:
        """The instruments, by the number that events carry."""
        return self._turn.markets

    # -- the one function ---------------------------------------------------------------

    def handle(self, event: Event, until_ns: int = NEVER) -> Step:
        """Take one event and say what it did.

        Parameters
        ----------
        event
            Ticks are consumed up to and including the first one that somebody waits for:
            `Step.consumed` says how many.
        until_ns
            Ticks later than this on the runtime clock are left: something is due first.
        """
        turn = self._turn
        turn.begin()
        if isinstance(event, TicksArrived):
            stop, wake = self._advance(event.ticks, event.start, until_ns)
            return self._step(None, stop - event.start, wake)
        turn.state.now_ns = max(turn.state.now_ns, event.ts_ns)
        _HANDLERS[type(event)](turn, event)
        self._after()
        return self._step(event, 0, 0)

    def next_timer_ns(self) -> int:
        """When a `TimerFired` is wanted, on the runtime clock; a very large number for never."""
        return limits.next_timer_ns(self._turn)

    def _advance(self, ticks: Ticks, start: int, until_ns: int) -> tuple[int, int]:
        state, first, count = self._turn.state, start, len(ticks)
        wake = 0
        while start < count:
            stop, wake, market = self._loop.advance(ticks, start, until_ns)
            state.tape_pos += stop - start
            start = stop
            if wake == 0:
                break
            state.now_ns = max(state.now_ns, ticks.ts_recv_ns.item(stop - 1))
            self._wakes[wake] += 1
            self._wake(market, wake)
            if wake & TOUCHED_OR_REJECTED or self._turn.facts or self._turn.commands:
                break
        if start > first and wake == 0:
            state.now_ns = max(state.now_ns, int(ticks.ts_recv_ns[start - 1]))
        return start, wake

    def _wake(self, index: int, wake: int) -> None:
        turn = self._turn
        market = turn.markets[index]
        market.refresh(wake, turn.state.markets[index].zones)
        if wake & SESSION_ROLLED:
            limits.on_session(turn, index)
        for fact in market.drain_shadows():
            turn.note(fact)
        if turn.holding:
            limits.check_limits(turn)
        entries.ask_strategies(turn, index, wake)
        if wake & ASK_DUE:
            questions.ask(turn, index)
        if turn.state.model is not None and wake & ASKS_ON:
            asking.consider(turn, index)
        self._after()

    def _after(self) -> None:
        """Set the watched prices anew where positions or orders may have changed them."""
        turn = self._turn
        if turn.outcomes_new:
            turn.outcomes_new = False
            limits.check_money(turn)
            learning.judge_notes(turn)
        if turn.holding or turn.version != turn.watched_version:
            rewatch(turn)
            turn.watched_version = turn.version

    def _step(self, event: events.JournaledEvent | None, consumed: int, wake: int) -> Step:
        turn, state = self._turn, self.state
        kept = event is not None or turn.facts or turn.commands
        if kept:
            state.seq += 1
        return Step(
            seq=state.seq if kept else 0,
            ts_ns=state.now_ns,
            tape_pos=state.tape_pos,
            consumed=consumed,
            event=event,
            wake=int(wake),
            facts=tuple(turn.facts),
            commands=tuple(turn.commands),
            questions=tuple(turn.questions),
        )

    def reconfigure(self, config: EngineConfig) -> None:
        """Go on with another policy, cadence, zones and rules; `SettingsChanged` follows.

        Markets and the exchange's assumptions stay as they were, and so does everything known.
        """
        self.config = msgspec.structs.replace(
            config, markets=self.config.markets, assumptions=self.config.assumptions,
        )
        self._turn.adopt(config.policy)
        self._loop.pace(config.cadence)
        for market in self.markets:
            market.read_by(config.regime, config.zones)

    # -- what other programs may ask of it ----------------------------------------------

    def can_trade(self, strategy: str, market: int = 0) -> bool:
        """Tell whether a strategy may open a position at all."""
        return entries.can_trade(self._turn, market, strategy)

    def get_performance_stats(self) -> dict[str, StrategyPerformance]:
        """Give each strategy's record."""
        return dict(self.state.performance)

    def apply_strategy_updates(self, updates: tuple[StrategyUpdate, ...], source: str) -> Step:
        """Change strategies' states within bounds, as a step of its own."""
        self._turn.begin()
        effects.change_strategies(self._turn, updates, source)
        return self._step(None, 0, 0)

    def account(self) -> Account:
        """Give the account as of now, open P&L at the last prices."""
        return self._turn.account()

    def process_trade_decision(self, decision: Decision) -> Order:
        """Turn an approved decision into a booked order; part of the turn that made it."""
        return entries.process_trade_decision(self._turn, decision)

    @property
    def wake_ups(self) -> int:
        """How often the loop stopped."""
        return sum(self._wakes.values())

    def wakes(self) -> dict[str, int]:
        """How often the loop stopped, by reason; one stop can have several."""
        counts: dict[str, int] = {}
        for wake, count in self._wakes.items():
            for flag in Wake(wake):
                counts[str(flag.name).lower()] = counts.get(str(flag.name).lower(), 0) + count
        return dict(sorted(counts.items()))

    # -- recovery -----------------------------------------------------------------------

    def apply(self, fact: Fact) -> None:
        """Fold one recorded fact; recovery never decides again."""
        self._turn.note(fact)

    def recall(self, step: Step, rebuild: bool = False) -> Question | None:
        """Fold a recorded step, the ticks before it being warmed; with `rebuild` give its question."""
        return recall(self._turn, step, rebuild)

    def warm(self, ticks: Ticks) -> list[int]:
        """Run ticks through the loop: nothing is decided; give the rows that were bad input."""
        state, start, rejected = self.state, 0, []
        while start < len(ticks):
            stop, wake, index = self._loop.advance(ticks, start, NEVER)
            state.tape_pos += stop - start
            state.now_ns = max(state.now_ns, int(ticks.ts_recv_ns[stop - 1]))
            start = stop
            if wake:
                warmed(self._turn, index, wake)
            if wake & REJECTED:
                rejected.append(stop - 1)
        return rejected

    def snapshot(self) -> bytes:
        """Write everything the machine knows."""
        return msgspec.msgpack.encode(EngineSnapshot(
            state=self.state,
            loop=self._loop.snapshot(),
            kept=[market.kept() for market in self._turn.markets],
        ))

    def restore(self, data: bytes) -> None:
        """Become the machine that `snapshot` was asked of; the config has to be the same."""
        snapshot = msgspec.msgpack.decode(data, type=EngineSnapshot)
        self._loop.restore(snapshot.loop)
        self._turn = Turn(snapshot.state, self._turn.markets, self.config.policy)
        for market, kept in zip(self._turn.markets, snapshot.kept, strict=True):
            market.restored(kept)


_HANDLERS: dict[type, Callable[[Turn, Any], None]] = {
    events.TimerFired: limits.on_timer,
    events.ModelConnected: asking.on_connected,
    events.RegimeAnswered: asking.on_answered,
    events.RegimeFailed: asking.on_failed,
    events.OrderAccepted: fills.on_accepted,
    events.OrderRejected: fills.on_rejected,
    events.OrderFilled: fills.on_filled,
    events.BracketWorking: fills.on_bracket,
    events.OrderCancelled: fills.on_cancelled,
    events.OrderExpired: fills.on_expired,
    events.FeedLost: limits.on_feed_lost,
    events.FeedRestored: limits.on_feed_restored,
    events.OperatorAsked: limits.on_operator,
    events.LessonArrived: limits.on_lesson,
    events.SettingsChanged: effects.on_settings,
    events.HistoryLoaded: limits.on_history,
    events.OrderUnknown: reconciling.on_order_unknown,
    events.OrderLookedUp: reconciling.on_looked_up,
    events.BracketLost: protection.on_bracket_lost,
    events.CommandFailed: reconciling.on_command_failed,
    events.VenueSeen: reconciling.on_venue_seen,
    events.VenueLost: reconciling.on_venue_lost,
    events.VenueRestored: reconciling.on_venue_restored,
    events.AccountSeen: reconciling.on_account_seen,
    events.ArmAsked: arming.on_arm_asked,
    events.DisarmAsked: limits.on_disarm_asked,
}
