"""A small market with a model outside that says what a story lets it say."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from engine_worlds import HOUR, OPEN, SECOND, Kept, Scripted, config, driver
from model_answers import MODEL

from fabio.engine.state import MarketRecord
from fabio.model import fact as facts
from fabio.model.assessment import Assessment, Authority, ModelTerms
from fabio.model.command import AskRegime
from fabio.model.event import ModelConnected, OperatorAsked, RegimeAnswered, RegimeFailed
from fabio.model.regime import Regime
from fabio.model.signal import Signal
from fabio.model.step import Step
from fabio.model.tick import Tick, Ticks
from fabio.model.view import View
from fabio.runtime.drive import Driver

RESERVE = Decimal("0.01")
START = OPEN + 9 * HOUR
"""In regular hours, which begin at 8."""
OF_RULES = ("RegimeAsked", "RegimeInferred", "SessionRolled", "TradeDateBegan")


def nobody() -> Scripted:
    """A strategy that wishes nothing."""
    return Scripted(lambda view: None)


def every_bar(stop: int = 20, target: int = 40, side: int = 1) -> Scripted:
    """A strategy that wishes to enter at every bar while it is flat."""
    def wish(view: View) -> Signal | None:
        if view.position is not None or view.recent.working_entries:
            return None
        last = view.stats.last_ticks
        return Signal(strategy="scripted", setup="test", side=side, entry_ticks=last, stop_ticks=last - side * stop,
                      target_ticks=last + side * target, confidence=0.7, reason="every bar")

    return Scripted(wish)


class World:
    """One market in which time goes on, and a model whose answers are given by hand.

    Parameters
    ----------
    changes
        Fields of `Policy` in place of the defaults; what `engine_worlds.config` takes; and `parts`, guards
        as they are in earnest.
    """

    def __init__(self, strategy: Scripted | None = None, *, start_ns: int = START, **changes: Any) -> None:
        own = {name: changes.pop(name) for name in ("guards", "markets", "account", "state") if name in changes}
        made = config(strategy or nobody(), **own)
        if "parts" in changes:
            changes["guards"] = changes.pop("parts")
        self.config = msgspec.structs.replace(made, policy=msgspec.structs.replace(made.policy, **changes))
        self.drive: Driver
        self.drive, self.kept = driver(self.config)
        self.now_ns = start_ns
        self.price = 1000

    @property
    def state(self) -> Any:
        return self.drive.engine.state

    @property
    def market(self) -> MarketRecord:
        return self.state.markets[0]

    def connect(self, authority: Authority = "trade", reserve: Decimal = RESERVE) -> "World":
        """Let a model be asked from now on."""
        self.drive.happen(ModelConnected(
            ts_ns=self.now_ns, terms=ModelTerms(name=MODEL, authority=authority, reserve_usd=reserve)))
        return self

    def walk(self, *prices: int, every_s: float = 1.0, market: int = 0) -> "World":
        """Trade at these prices, one after the other."""
        self.drive.feed(rows(prices, self.now_ns, every_s, market))
        self.now_ns += round(len(prices) * every_s * SECOND)
        self.price = prices[-1]
        return self

    def stay(self, seconds: int) -> "World":
        """Trade about the same price once a second."""
        return self.walk(*[self.price] * seconds)

    def swing(self, seconds: int, ticks_wide: int = 2) -> "World":
        """Trade to and fro once a second."""
        centre = self.price
        return self.walk(*[centre + (ticks_wide if place % 4 > 1 else 0) for place in range(seconds - 1)], centre)

    def asked(self) -> list[facts.ModelAsked]:
        """Every question to the model so far."""
        return self.kept.facts(facts.ModelAsked)  # type: ignore[return-value]

    def commands(self) -> list[AskRegime]:
        return [each for step in self.kept.steps for each in step.commands if isinstance(each, AskRegime)]

    def answer(
        self, cost: Decimal | None = Decimal("0.001"), ask_id: str = "", market: int = 0, **changes: Any,
    ) -> Step:
        """Let the question in flight be answered: as the rules would, but for the changes."""
        return self.drive.happen(RegimeAnswered(
            ts_ns=self.now_ns, market=market, ask_id=ask_id or self._in_flight(market), source=MODEL, cost=cost,
            assessment=self.assessment(market, **changes),
        ))

    def assessment(self, market: int = 0, **changes: Any) -> Assessment:
        rules: Regime = self.state.markets[market].rules
        return Assessment(**({
            "market_state": "transition", "regime": rules.label, "direction": rules.direction,
            "location_vs_value": "in_value", "location_vs_poc": "at_poc", "confidence": 0.6, "reasoning": "as told",
        } | changes))

    def fail(self, reason: str = "timeout: none came", cost: Decimal | None = None, ask_id: str = "") -> Step:
        """Let the question in flight fail."""
        return self.drive.happen(RegimeFailed(
            ts_ns=self.now_ns, market=0, ask_id=ask_id or self._in_flight(0), source=MODEL, reason=reason, cost=cost))

    def person(self, verb: Any, name: str = "") -> Step:
        """Let an operator ask."""
        return self.drive.happen(OperatorAsked(
            ts_ns=self.now_ns, id=f"R{self.state.seq}", verb=verb, name=name, reason="a person"))

    def first_question(self) -> "World":
        """Live until a question is in flight."""
        self.stay(61)
        assert self.market.asking is not None
        return self

    def _in_flight(self, market: int) -> str:
        asking = self.state.markets[market].asking
        assert asking is not None, "no question is in flight"
        return asking.ask_id


def rows(prices: Sequence[int], start_ns: int, every_s: float = 1.0, market: int = 0) -> Ticks:
    """Ticks of one contract that say nothing of who bought: order flow stays even."""
    times = [start_ns + round(place * every_s * SECOND) for place in range(len(prices))]
    return Ticks.of([
        Tick(ts_event_ns=ts_ns, ts_recv_ns=ts_ns, price_ticks=price, size_steps=1, side=0, market=market)
        for ts_ns, price in zip(times, prices, strict=True)
    ])


def names(step: Step) -> list[str]:
    """The kinds of a step's facts, in order."""
    return [type(fact).__name__ for fact in step.facts]


def of_model(kept: Kept, without: Sequence[str] = OF_RULES) -> list[str]:
    """The kinds of all facts but the rules'."""
    return kept.names(without)
