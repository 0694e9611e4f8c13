"""Watch: what must hold at every event of a run, looked at from outside; what does not is kept, not raised."""

from collections import Counter, deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.topstepx.broker.tags import Tag, Tags
from fabio.adapters.topstepx.enums import OrderSide, OrderType
from fabio.engine.state import State
from fabio.journal.exchanges import Exchange
from fabio.journal.lines import step_digest_bytes
from fabio.journal.reader import read_steps, verify
from fabio.model import fact as facts
from fabio.model import venue_fact
from fabio.model.command import ClosePosition, SubmitOrder
from fabio.model.event import OperatorAsked
from fabio.model.order import Fill
from fabio.model.step import Step
from fabio.model.tick import Ticks
from fabio.runtime.folder import FolderSink
from fabio.runtime.recovery import Recovered

NS = 1_000_000_000
BLOCKED_NS = 50_000_000
"""So soon after a halt, a flatten or a lost venue no entry may leave any more."""
BOX_STEPS, BOX_STOP_TICKS = (1, 2), (8, 200)
CALLS_PER_MINUTE = 200
"""What the venue allows, over all lives of the agent."""
STATES_KEPT = 400
_NEXT = {
    "in_flight": {"working", "partly_filled", "filled", "cancelled", "rejected", "expired", "unknown"},
    "working": {"partly_filled", "filled", "cancelled", "expired", "unknown"},
    "partly_filled": {"filled", "cancelled", "expired", "unknown"},
    "unknown": {"working", "partly_filled", "filled", "cancelled", "rejected", "expired", "never_accepted"},
}


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must hold and did not; `rule` as in `docs/reliability.md`."""

    rule: str
    at_s: float
    words: str


class _Bracket(msgspec.Struct, rename="camel"):
    ticks: int
    type: int


class _Placed(msgspec.Struct, rename="camel"):
    """A new order as it leaves."""

    type: int
    side: int
    size: int
    custom_tag: str | None = None
    stop_price: Decimal | None = None
    stop_loss_bracket: _Bracket | None = None
    take_profit_bracket: _Bracket | None = None


_READ_PLACED = msgspec.json.Decoder(_Placed).decode


class Watch:
    """Looks at each step after it was recorded, and at each call as it leaves.

    Parameters
    ----------
    account_id
        Whose books are compared.

    Attributes
    ----------
    steps
        What each step decided.  # seq -> digest bytes
    states
        The machine after its latest steps, where another start may bring one back.  # (seq, state as JSON)
    is_last_life
        Whether nothing is left in the plot that could end this life before the run ends.
    acked
        The last step whose command has left for the venue.
    counts
        How often each thing was looked at.
    record
        Where the drive may refuse: what says so.
    """

    def __init__(self, gateway: Gateway, account_id: int, now: Callable[[], int]) -> None:
        self.breaches: list[Breach] = []
        self.counts: Counter[str] = Counter()
        self.steps: dict[int, bytes] = {}
        self.states: deque[tuple[int, bytes]] = deque(maxlen=STATES_KEPT)
        self.is_last_life: Callable[[], bool] = lambda: False
        self.acked = 0
        self.most_calls = 0  # within a minute
        self.blocked_ns: int | None = None  # since when somebody wants no entries
        self.closes_ns: list[int] = []
        self.record: FolderSink | None = None
        self._gateway = gateway
        self._account_id = account_id
        self._now_ns = now
        self._start_ns = now()
        self._listing = gateway.listings.streamed()[0]
        self._sent: Counter[str] = Counter()  # entry's tag -> POSTs
        self._orders: dict[str, str] = {}  # order id -> state
        self._fills: dict[str, int] = {}  # fill id -> seq of the step that booked it
        self._calls: deque[int] = deque()
        self._unfit_ns: dict[str, int] = {}  # why no entry may leave -> since when
        self._seqs: dict[str, int] = {}  # order id, or `close` -> seq of the step that wanted it
        self._held = 0
        self._trip: list[Fill] = []  # since the book was flat
        self._is_adopted = False  # what is held came by no fill of ours, or went by none
        self._state: State | None = None
        self._folder = Path()
        self._tags: Tags | None = None
        self._day_lock = ""
        self._has_unseen = False

    def came_back(self, state: State, recovered: Recovered, folder: Path) -> None:
        """Look at what a start found in its folder: I50 to I53."""
        self.counts["starts"] += 1
        if recovered.steps < self.acked:
            self.broken("I50", f"steps up to {self.acked} were relied on, {recovered.steps} are there")
        for step in read_steps(folder):
            if step.seq > recovered.steps or (self._has_unseen and step.seq not in self.steps):
                continue
            if self.steps.get(step.seq, b"") != step_digest_bytes(step):
                self.broken("I51", f"step {step.seq} reads other than it was written")
                break
        self._has_unseen = False
        then = {seq: text for seq, text in self.states if seq == recovered.steps}
        if state.seq == recovered.steps and recovered.steps in then:
            self.counts["I53"] += 1
            was = msgspec.structs.replace(msgspec.json.decode(then[state.seq], type=State), now_ns=state.now_ns,
                                          tape_pos=state.tape_pos)
            if msgspec.json.encode(was) != msgspec.json.encode(state):
                names = [name for name in was.__struct_fields__ if getattr(was, name) != getattr(state, name)]
                self.broken("I53", f"the state brought back at step {state.seq} differs in {', '.join(names)}")
        for seq in [seq for seq in self.steps if seq > recovered.steps]:
            del self.steps[seq]  # was not recorded, so it did not happen
        self.states.clear()
        self._fills = {key: seq for key, seq in self._fills.items() if seq <= recovered.steps}

    def start_failed(self) -> None:
        """Hear of a start that failed: in the place of steps that nobody relied on it may have written others."""
        self.steps = {seq: body for seq, body in self.steps.items() if seq <= self.acked}
        self.states.clear()
        self._has_unseen = True

    def begin_life(self, state: State, folder: Path, tags: Tags) -> None:
        """Look at a machine that is ready."""
        self._state, self._folder, self._tags = state, folder, tags
        self.acked = self._relied_on(state.seq)
        position = state.markets[0].position
        self._held = 0 if position is None else position.size_steps
        self._orders = {key: record.state for key, record in state.orders.items()}
        self._unfit_ns = {}
        self._trip, self._is_adopted = [], False
        for step in read_steps(folder):
            self.steps.setdefault(step.seq, step_digest_bytes(step))  # those of the start itself
            for fact in step.facts:
                self._look_at_trip(fact)
        report = verify(folder)
        if report.code:
            self.broken("I52", f"{report.reason} at {report.path}, line {report.line}")
        self._look_at_fitness()

    def broken(self, rule: str, words: str) -> None:
        """Keep a breach."""
        self.breaches.append(Breach(rule=rule, at_s=(self._now_ns() - self._start_ns) / NS, words=words))

    # -- steps (a sink of the driver, the last one) ---------------------------------------

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to look at."""

    def exchange(self, exchange: Exchange) -> None:
        """Nothing to look at."""

    def step(self, step: Step, body: bytes) -> None:
        """Look at a step that is recorded, before its commands leave."""
        state = self._state
        assert state is not None
        self.counts["steps"] += 1
        self.steps[step.seq] = bytes(body)
        if not self.is_last_life():
            self.states.append((step.seq, msgspec.json.encode(state)))
        for fact in step.facts:
            self._look_at_fact(step, fact)
            self._look_at_trip(fact)
        self._look_at_position(step, state)
        self._look_at_commands(step)
        self._look_at_day_lock(step, state)
        self._look_at_fitness()

    def _look_at_fact(self, step: Step, fact: facts.Fact) -> None:
        if isinstance(fact, facts.OrderMoved):
            before = self._orders.get(fact.order_id, "in_flight")
            self.counts["I03"] += 1
            if fact.state != before and fact.state not in _NEXT.get(before, ()):
                self.broken("I03", f"order {fact.order_id} went from {before} to {fact.state}")
            self._orders[fact.order_id] = fact.state
        elif isinstance(fact, facts.FillBooked):
            self.counts["I10"] += 1
            if fact.fill.id in self._fills:
                self.broken("I10", f"fill {fact.fill.id} was booked twice")
            self._fills[fact.fill.id] = step.seq
        elif isinstance(fact, facts.TradeClosed):
            self.counts["I14"] += 1
        elif isinstance(fact, facts.ExitAsked) and self._state is not None and self._state.venue.has_orders:
            self.counts["I31"] += 1
            if not any(isinstance(command, ClosePosition) for command in step.commands):
                self.broken("I31", f"an exit was wanted ({fact.reason}) and no close left")

    def _look_at_trip(self, fact: facts.Fact) -> None:
        """I14: a round trip is worth its fills, to the cent."""
        if isinstance(fact, facts.FillBooked):
            self._trip.append(fact.fill)
        elif isinstance(fact, venue_fact.PositionAdopted | venue_fact.ClosedElsewhere):
            self._is_adopted = True
        if isinstance(fact, facts.TradeClosed) and not self._is_adopted:
            trade = fact.trade
            gross = self._listing.instrument.money(
                -sum(fill.side * fill.size_steps * fill.price_ticks for fill in self._trip))
            fees = sum((fill.fees for fill in self._trip), Decimal(0))
            if (trade.gross_pnl, trade.fees, trade.net_pnl) != (gross, fees, gross - fees):
                self.broken("I14", f"trade {trade.id} says {trade.gross_pnl} less {trade.fees} is {trade.net_pnl}, its "
                            f"fills {gross} less {fees}")
        if isinstance(fact, facts.TradeClosed):
            self._trip, self._is_adopted = [], False

    def _relied_on(self, seq: int) -> int:
        """Give how much of the record up to a step is promised; where a drive hangs or refuses, less than all."""
        return seq if self.record is None else min(seq, self.record.journal.durable_seq)

    def _look_at_position(self, step: Step, state: State) -> None:
        """I10: what is held changes by fills, and by them alone."""
        position = state.markets[0].position
        held = 0 if position is None else position.size_steps
        change = sum(fact.fill.side * fact.fill.size_steps for fact in step.facts if isinstance(fact, facts.FillBooked))
        elsewhere = any(isinstance(fact, venue_fact.ClosedElsewhere) for fact in step.facts)
        if held != self._held + change and not elsewhere:
            self.broken("I10", f"step {step.seq}: {self._held:+d} held, fills of {change:+d}, now {held:+d}")
        self._held = held

    def _look_at_commands(self, step: Step) -> None:
        approved = {fact.decision.id for fact in step.facts if isinstance(fact, facts.SignalApproved)}
        for command in step.commands:
            if isinstance(command, SubmitOrder):
                self.counts["I13"] += 1
                self._seqs[command.order.id] = step.seq
                if command.order.decision_id not in approved:
                    self.broken("I13", f"step {step.seq} sends {command.order.id} without deciding it")
            elif isinstance(command, ClosePosition):
                self.closes_ns.append(self._now_ns())
                self._seqs["close"] = step.seq

    def _look_at_day_lock(self, step: Step, state: State) -> None:
        """I33: a lock of the day ends with the day, or by a person."""
        if self._day_lock and not state.account.halted and self._day_lock == state.account.trade_date:
            by_person = isinstance(step.event, OperatorAsked) and step.event.verb == "resume"
            if not by_person:
                self.broken("I33", f"the lock of {self._day_lock} ended at step {step.seq}")
        self._day_lock = state.halted_for_date if state.account.halted else ""

    def _look_at_fitness(self) -> None:
        """Note since when no entry may leave, and why."""
        state = self._state
        assert state is not None
        venue = state.venue
        why = {
            "halted": bool(state.account.halted), "not armed": venue.phase != "armed",
            "venue lost": not venue.connected, "unreconciled": venue.agreed != venue.generation,
            "no record": self.record is not None and bool(self.record.failed),
            "feed lost": state.markets[0].feed_lost_since_ns is not None,
            "after the flat-by time": 0 < venue.until_ns <= self._now_ns(),
        }
        for words, holds in why.items():
            if holds:
                self._unfit_ns.setdefault(words, self._now_ns())
            else:
                self._unfit_ns.pop(words, None)

    # -- calls ----------------------------------------------------------------------------

    def call(self, path: str, body: bytes) -> None:
        """Look at a call that is about to leave."""
        now_ns = self._now_ns()
        if path.startswith("/api/") and "History" not in path:
            self._calls.append(now_ns)
            while self._calls[0] <= now_ns - 60 * NS:
                self._calls.popleft()
            self.counts["I34"] += 1
            self.most_calls = max(self.most_calls, len(self._calls))
            if len(self._calls) > CALLS_PER_MINUTE:
                self.broken("I34", f"{len(self._calls)} calls within a minute")
        if path.startswith("/api/Position/") and "lose" in path:
            self.acked = max(self.acked, self._relied_on(self._seqs.get("close", 0)))
        if path != "/api/Order/place":
            return
        placed = _READ_PLACED(body)
        tag = None if self._tags is None else self._tags.read(placed.custom_tag)
        if tag is None or placed.custom_tag is None:
            self.broken("I01", f"an order without a tag of ours leaves: {body!r}")
        elif tag.leg == "entry":
            self._look_at_entry(placed, tag, now_ns)
        else:
            self._look_at_stop(placed, tag)

    def refused(self, body: bytes) -> None:
        """Hear that an order met a 401: the venue has not looked at it, so it may leave once more."""
        self._sent[_READ_PLACED(body).custom_tag or ""] -= 1

    def _look_at_entry(self, placed: _Placed, tag: Tag, now_ns: int) -> None:
        self.counts["entries"] += 1
        key = placed.custom_tag or ""
        self._sent[key] += 1
        if self._sent[key] > 1:
            self.broken("I01", f"{key} leaves for the {self._sent[key]}. time")
        self._look_at_intent(tag.order_id)
        self.acked = max(self.acked, self._seqs.get(tag.order_id, 0))
        since_ns = [f"{why} for {(now_ns - ns) / 1e6:.0f} ms" for why, ns in self._unfit_ns.items()
                    if now_ns - ns > BLOCKED_NS]
        if self.blocked_ns is not None and now_ns - self.blocked_ns > BLOCKED_NS:
            since_ns.append(f"a person stopped it {(now_ns - self.blocked_ns) / 1e6:.0f} ms ago")
        if since_ns:
            self.broken("I32", f"{key} leaves though {', '.join(since_ns)}")
        stop, target = placed.stop_loss_bracket, placed.take_profit_bracket
        if stop is None or target is None or not BOX_STOP_TICKS[0] <= abs(stop.ticks) <= BOX_STOP_TICKS[1]:
            self.broken("I30", f"{key} has the bracket {stop}, {target}")
        elif (stop.ticks > 0) == (placed.side == OrderSide.BID):
            self.broken("I22", f"{key} has its stop on the side of profit: {stop.ticks} ticks")
        if not BOX_STEPS[0] <= placed.size <= BOX_STEPS[1]:
            self.broken("I30", f"{key} has size {placed.size}")

    def _look_at_intent(self, order_id: str) -> None:
        """I02: the intent stands in the journal's file at the moment of its POST."""
        self.counts["I02"] += 1
        wanted = f'"id":"{order_id}"'.encode()
        files = sorted((self._folder / "journal").glob("*.jsonl"), reverse=True)
        if not any(b"SubmitOrder" in line and wanted in line
                   for path in files for line in path.read_bytes().splitlines()):
            self.broken("I02", f"{order_id} leaves, and its intent is in no file")

    def _look_at_stop(self, placed: _Placed, tag: Tag) -> None:
        """I13, I22: a stop of our own is a stop, reduces, and lies on the side of loss."""
        self.counts["stops placed"] += 1
        held = self._held
        buys = placed.side == OrderSide.BID
        if placed.type != OrderType.STOP or (held > 0) == buys or placed.size > abs(held):
            self.broken("I13", f"{placed.custom_tag}: {placed} with {held:+d} held in the book")
        last_ticks = self._gateway.last_ticks(0)
        if placed.stop_price is not None and last_ticks is not None:
            stop_ticks = self._listing.instrument.price_ticks(placed.stop_price)
            if (stop_ticks > last_ticks) != buys:
                self.counts["stops beyond the market"] += 1
