"""Turn: one event being handled, with the out-trays its handlers fill."""

from decimal import Decimal

import msgspec

from fabio.engine.market import Market
from fabio.engine.seams import NamedGuard, NamedStrategy, OrderPolicy
from fabio.engine.state import State, apply
from fabio.model.account import Account, Holding, Portfolio, Recent
from fabio.model.command import Command
from fabio.model.fact import (
    Fact,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    ModelHeld,
    RegimeAsked,
    RegimeInferred,
    ShadowClosed,
    TradeClosed,
    TradeDateBegan,
    UpdateRefused,
)
from fabio.model.step import Question
from fabio.model.view import View, Wake
from fabio.portfolio.account import AccountSettings, mark
from fabio.portfolio.positions import open_pnl
from fabio.portfolio.sizing import Held, SizeLimits
from fabio.regime import evidence, notes
from fabio.regime.authority import ModelSettings
from fabio.regime.bounds import DEFAULT_BOUNDS, AnswerBounds
from fabio.regime.budget import BudgetSettings
from fabio.regime.evidence import LearningSettings, Lesson
from fabio.regime.material import MaterialSettings
from fabio.regime.notes import NoteSettings
from fabio.regime.request import AccountRecord, OwnRecord
from fabio.regime.rule_model import RuleModel

NS = 1_000_000_000
_OF_QUESTIONS = frozenset({
    RegimeAsked, RegimeInferred, ModelAsked, ModelAnswered, ModelFailed, ModelHeld, UpdateRefused,
})
"""Facts that change neither watched prices, nor timers, nor what a question tells of the agent."""
_JUDGED_BY = frozenset({TradeClosed, ShadowClosed, TradeDateBegan})
"""Facts after which notes are judged anew."""
LIVE_ENTRY_STATES = frozenset({"in_flight", "working", "partly_filled", "unknown"})


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine was built with, beside its markets; plain values.

    Parameters
    ----------
    regime_good_for_s
        Seconds after its answer at which a regime is stale.
    model, budget, material
        How a model outside is asked and heard, where there is one.
    bounds
        Of what the learning cycle may change; a model's answers are held to them before they come here.
    """

    strategies: tuple[NamedStrategy, ...]
    guards: tuple[NamedGuard, ...]
    account: AccountSettings
    sizing: SizeLimits
    orders: OrderPolicy
    regime_good_for_s: float = 300.0
    model: ModelSettings = ModelSettings()
    budget: BudgetSettings = BudgetSettings()
    material: MaterialSettings = MaterialSettings()
    learning: LearningSettings = LearningSettings()
    notes: NoteSettings = NoteSettings()
    bounds: AnswerBounds = DEFAULT_BOUNDS


class Turn:
    """State, markets and out-trays, handed to every handler.

    Facts are folded at the moment they are noted, so that what follows in the same turn
    already sees them.
    """

    def __init__(self, state: State, markets: list[Market], policy: Policy) -> None:
        self.state = state
        self.markets = markets
        self.facts: list[Fact] = []
        self.commands: list[Command] = []
        self.questions: list[Question] = []
        self.rules = RuleModel()
        self.outcomes_new = False  # since the notes were judged
        # what follows from the state is worked out anew only where `version` has risen
        self.version = 1
        self.holding = any(record.position is not None for record in state.markets)
        self.watched_version = 0
        self.timer: tuple[int, int] = (0, 0)  # version, next timer
        self._recent: dict[int, tuple[int, Recent]] = {}  # market -> version, what it was then

        self.adopt(policy)

    def adopt(self, policy: Policy) -> None:
        """Go by a policy from here on."""
        self.policy = policy
        self.triggers = [(int(named.part.triggers), named) for named in policy.strategies]
        self.configured = {named.name: named.state for named in policy.strategies}
        self.version += 1

    def begin(self) -> None:
        """Empty the out-trays."""
        self.facts = []
        self.commands = []
        self.questions = []

    def note(self, fact: Fact) -> None:
        """Make a fact true."""
        apply(self.state, fact)
        self.facts.append(fact)
        kind = type(fact)
        if kind not in _OF_QUESTIONS:
            self.version += 1
            self.outcomes_new = self.outcomes_new or kind in _JUDGED_BY
            self.holding = any(record.position is not None for record in self.state.markets)

    def command(self, command: Command) -> None:
        """Ask something of the outside."""
        self.commands.append(command)

    def account(self) -> Account:
        """The account as of now, open P&L at the last prices."""
        if not self.holding and not self.state.account.open_pnl:
            return self.state.account
        total = Decimal(0)
        for market, record in zip(self.markets, self.state.markets, strict=True):
            position = record.position
            if position is not None:
                total += open_pnl(position, market.instrument, market.last_ticks()) - position.fees
        return mark(self.state.account, total)

    def closing_ns(self, index: int) -> int | None:
        """When all of a market begins to be closed for its flat-by time; None where nothing demands to be flat."""
        flat_by_ns = self.markets[index].flat_by_ns
        return None if flat_by_ns is None else flat_by_ns - self.policy.orders.close_before_flat_by_s * NS

    def recent(self, index: int) -> Recent:
        """What guards remember of one market."""
        kept = self._recent.get(index)
        if kept is None or kept[0] != self.version:
            kept = self._recent[index] = (self.version, self._recent_now(index))
        return kept[1]

    def _recent_now(self, index: int) -> Recent:
        record = self.state.markets[index]
        working = 0
        for order in self.state.orders.values():
            working += order.order.market == index and order.state in LIVE_ENTRY_STATES
        return Recent(
            entries_by_strategy=record.entries_by_strategy,
            last_exit_ns=record.last_exit_ns,
            losses_in_a_row=self.state.losses_in_a_row,
            last_loss_ns=self.state.last_loss_ns,
            last_signal_ns=record.last_signal_ns,
            working_entries=working,
            feed_lost_since_ns=record.feed_lost_since_ns,
        )

    def held(self, index: int) -> Held:
        """What uses up the position limits: positions, and entries that may still fill."""
        size, minis = Decimal(0), Decimal(0)
        steps = [
            (record.position.market, abs(record.position.size_steps))
            for record in self.state.markets if record.position is not None
        ]
        steps += [
            (record.order.market, record.order.size_steps - record.filled_steps)
            for record in self.state.orders.values() if record.state in LIVE_ENTRY_STATES
        ]
        for market, count in steps:
            instrument = self.markets[market].instrument
            minis += instrument.size(count) * instrument.mini_equivalent
            if market == index:
                size += instrument.size(count)
        return Held(size=size, mini_equivalents=minis)

    def own_record(self) -> OwnRecord:
        """What the agent tells a model of itself beside its last answers."""
        state = self.state
        return OwnRecord(
            states=state.strategies,
            configured=self.configured,
            performance=state.performance,
            notes=notes.best(state.notes, self.policy.notes),
            lessons=self._lessons(),
        )

    def account_record(self, index: int) -> AccountRecord:
        """What it tells of its account, and of what it holds of one market."""
        state, position = self.state, self.state.markets[index].position
        decision = None if position is None else state.open_decisions.get(position.decision_id)
        return AccountRecord(
            positions=() if position is None else (position,),
            theses={} if decision is None else {decision.id: decision.signal.reason},
            account=self.account(),
            recent=self.recent(index),
        )

    def portfolio(self, account: Account) -> Portfolio:
        """What is held and what everything last traded at, for a decision's record."""
        return Portfolio(
            account=account,
            holdings=tuple([
                Holding(market=held.market, strategy=held.strategy, size_steps=held.size_steps,
                        entry_ticks=held.entry_ticks, last_ticks=self.markets[held.market].last_ticks())
                for held in (record.position for record in self.state.markets) if held is not None
            ]),
            last_ticks=tuple([market.last_ticks() if market.has_session else None for market in self.markets]),
        )

    def _lessons(self) -> tuple[Lesson, ...]:
        """What the strategies' records teach now."""
        found = []
        for name, known in self.state.evidence.items():
            configured = self.configured.get(name)
            if configured is not None:
                lesson = evidence.judge(known, self.state.strategies[name], configured, self.policy.learning)
                if lesson is not None:
                    found.append(lesson)
        return tuple(found)

    def view(self, index: int, strategy: str, wake: Wake) -> View:
        """Show one strategy (or guard) the market and the account."""
        market, record = self.markets[index], self.state.markets[index]
        stats, account = market.stats(), self.account()
        if self.holding or self.state.orders:
            minis = self.held(index).mini_equivalents
            account = msgspec.structs.replace(account, held_mini_equivalents=minis)
        return View(
            now_ns=self.state.now_ns,
            wake=wake,
            market=index,
            instrument=market.instrument,
            session=market.session,
            stats=stats,
            bars=market.bars(),
            zones=market.zones(record.zones),
            big_prints=market.big_prints(),
            regime=record.regime,
            rule_label=market.readings().label,
            state=self.state.strategies[strategy],
            position=record.position,
            positions=tuple([
                other.position for other in self.state.markets if other.position is not None
            ]) if self.holding else (),
            account=account,
            recent=self.recent(index),
            is_approximate=market.is_approximate,
            rules_regime=record.rules if record.stands is not None and self._is_advised else None,
        )

    @property
    def _is_advised(self) -> bool:
        return self.state.model is not None and self.state.model.authority == "advise"
