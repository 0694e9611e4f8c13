"""Telling: steps as lines for people, one for each thing worth a line; asks are not."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from fabio.journal.exchanges import Exchange as ModelExchange
from fabio.model import fact as facts
from fabio.model.event import SettingsChanged
from fabio.model.instrument import Instrument
from fabio.model.order import Order, Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision
from fabio.model.step import Step
from fabio.model.strategy import StrategyState
from fabio.model.tick import Ticks
from fabio.runtime.in_force import InForce
from fabio.runtime.telling_model import model_words
from fabio.runtime.telling_venue import venue_words

SIDES = {1: "long", -1: "short", 0: "flat"}


class Telling:
    """A sink that says what happens.

    Parameters
    ----------
    zone
        In which times are told: the exchange's.
    say
        Takes each line.
    """

    def __init__(self, instruments: Sequence[Instrument], zone: ZoneInfo, say: Callable[[str], None]) -> None:
        self._instruments = instruments
        self._zone = zone
        self._say = say
        self._in_force = InForce()
        self._labels: dict[int, tuple[str, str]] = {}  # market -> label and direction told last

    def ticks(self, ticks: Ticks, start: int, stop: int) -> None:
        """Nothing to say: the tape is long."""

    def exchange(self, exchange: ModelExchange) -> None:
        """Nothing to say: `llm_exchanges.jsonl` has it."""

    def recalled(self, step: Step) -> None:
        """Learn from the record what was told already."""
        for fact in step.facts:
            in_force = self._in_force.take(fact)
            if in_force is not None:
                self._labels[in_force[0]] = (in_force[1].label, in_force[1].direction)

    def step(self, step: Step, body: bytes) -> None:
        """Say what a step's facts mean."""
        if isinstance(step.event, SettingsChanged):
            self._say(f"{self.clock(step.ts_ns)}  settings  {settings_words(step.event)}")
        for fact in step.facts:
            line = self._words(fact)
            if line:
                self._say(f"{self.clock(step.ts_ns)}  {line}")

    def clock(self, ts_ns: int) -> str:
        """Write a time the exchange's way."""
        moment = dt.datetime.fromtimestamp(ts_ns // 1_000_000_000, self._zone)
        return moment.strftime("%Y-%m-%d %H:%M:%S")

    def _words(self, fact: facts.Fact) -> str:
        match fact:
            case facts.SignalApproved(decision=decision) | facts.SignalBlocked(decision=decision):
                return self._decision(decision)
            case facts.OrderBooked(order=order):
                return self._order(order)
            case facts.OrderMoved(order_id=order_id, state=state, reason=reason):
                return f"order     {order_id} {state.replace('_', ' ')}{_because(reason)}"
            case facts.FillBooked(fill=fill, position=position):
                units = self._instruments[fill.market]
                held = 0 if position is None else position.size_steps
                after = "flat" if held == 0 else f"{SIDES[1 if held > 0 else -1]} {units.size(abs(held))}"
                side = "bought" if fill.side > 0 else "sold"
                return (f"fill      {fill.leg}: {side} {units.size(fill.size_steps)} {units.symbol} at "
                        f"{price(units, fill.price_ticks)}, fees {fill.fees:.2f}; now {after}")
            case facts.StopPlaced(market=market, stop_ticks=stop, target_ticks=target):
                units = self._instruments[market]
                if target is None:
                    return f"bracket   stop {price(units, stop)} works at the venue, no target"
                return f"bracket   stop {price(units, stop)}, target {price(units, target)} work at the venue"
            case facts.StopTightened(market=market, stop_ticks=stop, reason=reason):
                return f"stop      to {price(self._instruments[market], stop)}{_because(reason)}"
            case facts.TradeClosed(trade=trade, balance=balance):
                return self._trade(trade, balance)
            case facts.RegimeInferred() | facts.ModelAnswered() | facts.ModelAsked():
                in_force = self._in_force.take(fact)
                return "" if in_force is None else self._regime(*in_force)
            case _:
                return self._event(fact)

    def _event(self, fact: facts.Fact) -> str:
        match fact:
            case facts.SessionRolled(market=market, session=session):
                return f"session   {self._instruments[market].symbol} {session} began"
            case facts.TradeDateBegan(day_start_balance=balance, loss_floor=floor):
                return f"account   balance {money(balance)}, loss floor {money(floor)}"
            case facts.ExitAsked(reason=reason):
                return f"exit      asked: {reason}"
            case facts.StrategyChanged(name=name, before=before, after=after, source=source, reason=reason):
                return f"strategy  {name}: {_changes(before, after)} ({source}: {reason})"
            case facts.NoteMade(note=note):
                return f"note      {note.id} {note.claim.text} ({note.source})"
            case facts.Halted(reason=reason):
                return f"HALTED    {reason}"
            case facts.Resumed(reason=reason):
                return f"resumed   {reason}"
            case facts.FeedChanged(lost_since_ns=lost, reason=reason):
                return f"feed      {'back' if lost is None else 'lost'}: {reason}"
            case facts.HistoryKnown(source=source, sessions=sessions):
                return f"history   {sessions} earlier sessions behind this one ({source})"
            case _:
                return model_words(fact, self._instruments) or venue_words(fact, self._instruments)

    def _decision(self, decision: Decision) -> str:
        units, signal = self._instruments[decision.market], decision.signal
        wish = (f"{signal.strategy}/{signal.setup} {SIDES[signal.side]} {price(units, signal.entry_ticks)}, stop "
                f"{price(units, signal.stop_ticks)}, target {price(units, signal.target_ticks)}")
        if decision.approved:
            size = units.size(decision.size_steps)
            return f"decision  {decision.id} APPROVED {wish}, size {size}: {signal.reason}"
        return f"decision  {decision.id} BLOCKED {wish}: {signal.reason}; refused by {refusals(decision)}"

    def _order(self, order: Order) -> str:
        units = self._instruments[order.market]
        at = "at market" if order.limit_ticks is None else f"at {price(units, order.limit_ticks)}"
        side = "buy" if order.side > 0 else "sell"
        return (f"order     {order.id} {side} {units.size(order.size_steps)} {units.symbol} {at}, stop "
                f"{order.stop_offset_ticks:+d} and target {order.target_offset_ticks:+d} ticks from the fill")

    def _trade(self, trade: Trade, balance: Decimal) -> str:
        minutes = (trade.exit_ns - trade.entry_ns) / 60e9
        return (f"trade     {trade.id} {trade.strategy} {SIDES[trade.side]} {trade.size} {trade.symbol} "
                f"{trade.entry_price:.2f} to {trade.exit_price:.2f} ({trade.exit_leg}, {minutes:.0f} min): "
                f"{trade.net_pnl:+.2f} USD, {trade.r_multiple:+.2f} R; balance {money(balance)}")

    def _regime(self, market: int, regime: Regime) -> str:
        before, now = self._labels.get(market), (regime.label, regime.direction)
        if before == now:
            return ""
        self._labels[market] = now
        was = "" if before is None else f"{regime_words(*before)} to "
        return f"regime    {was}{regime_words(*now)}, confidence {regime.confidence:.2f} ({regime.source})"


def settings_words(event: SettingsChanged) -> str:
    """Say which settings came into force.

    >>> settings_words(SettingsChanged(ts_ns=0, values={"notes.shown_most": "3"}, changed=("notes.shown_most",),
    ...                                states=()))
    'now in force: notes.shown_most = 3'
    """
    return "now in force: " + ", ".join(f"{path} = {event.values.get(path, 'not set')}" for path in event.changed)


def regime_words(label: str, direction: str) -> str:
    """Write a label with its direction.

    >>> regime_words("trend", "up"), regime_words("chop", "none")
    ('trend up', 'chop')
    """
    return label if direction == "none" else f"{label} {direction}"


def refusals(decision: Decision) -> str:
    """Say which guards refused, each with its numbers."""
    reasons = {verdict.guard: verdict.reason for verdict in decision.verdicts}
    reasons["sizing"] = decision.size_reason
    return "; ".join(f"{name} ({reasons[name]})" for name in decision.refused_by)


def price(instrument: Instrument, ticks: float) -> str:
    """Write a price with the instrument's own decimals.

    Parameters
    ----------
    ticks
        May lie between two ticks (an average).
    """
    exponent = instrument.tick_size.normalize().as_tuple().exponent
    places = max(-exponent, 2) if isinstance(exponent, int) and exponent < 0 else 0
    return f"{float(instrument.tick_size) * ticks:,.{places}f}"


def money(amount: Decimal) -> str:
    """Write an amount of USD.

    >>> money(Decimal("50123.5"))
    '50,123.50 USD'
    """
    return f"{amount:,.2f} USD"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _changes(before: StrategyState, after: StrategyState) -> str:
    changed = [
        f"{name} {getattr(before, name)} to {getattr(after, name)}"
        for name in before.__struct_fields__ if getattr(before, name) != getattr(after, name)
    ]
    return ", ".join(changed)
