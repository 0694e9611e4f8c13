"""What a scripted model says: each kind of answer in turn."""

from decimal import Decimal
from typing import Any

from fabio.engine.machine import Engine
from fabio.model.assessment import Assessment, TradeDecision
from fabio.model.event import RegimeAnswered, RegimeFailed
from fabio.model.strategy import Claim, StrategyUpdate
from fabio.model.zone import Zone

MODEL = "gpt-test"


def answer_number(engine: Engine, number: int, strategy: str) -> RegimeAnswered | RegimeFailed | None:
    """Give what a model says to its so-many-th question: each kind of answer in turn; None where none is open.

    The same engine and number give the same event, whatever came before it.
    """
    record, state = engine.state.markets[0], engine.state
    if record.asking is None or record.rules is None:
        return None
    about: dict[str, Any] = {
        "ts_ns": state.now_ns, "market": 0, "ask_id": record.asking.ask_id, "source": MODEL}
    kind = number % 8
    if kind == 5:
        return RegimeFailed(reason="timeout: none came", cost=None, **about)
    if kind == 6:
        return RegimeFailed(reason="not_json: the answer is not one JSON object", cost=Decimal("0.0007"), **about)
    last = engine.markets[0].last_ticks()
    side = 1 if number % 3 else -1
    held = record.position
    decisions: tuple[TradeDecision, ...] = ()
    if kind in (1, 4) and held is None:
        decisions = (TradeDecision(
            action="enter", strategy=strategy, side=side, stop_ticks=last - 20 * side, target_ticks=last + 40 * side,
            risk_fraction=0.003, reason=f"wish {number}"),)
    elif held is not None and held.stop_ticks is not None:
        decisions = (TradeDecision(action="modify", strategy=held.strategy, stop_ticks=held.stop_ticks + held.side,
                                   reason=f"closer {number}") if kind < 6 else
                     TradeDecision(action="exit", strategy=held.strategy, reason=f"out {number}"),)
    return RegimeAnswered(cost=Decimal("0.0011"), assessment=Assessment(
        market_state="transition", regime="chop" if kind == 2 else record.rules.label,
        direction="none" if kind == 2 else record.rules.direction, location_vs_value="in_value",
        location_vs_poc="at_poc", confidence=0.5 + kind / 20, reasoning=f"answer {number}",
        trade_decisions=decisions,
        strategy_updates=(StrategyUpdate(name=strategy, reason=f"change {number}", risk_fraction=0.002 + kind / 5000),
                          ) if kind in (0, 3) else (),
        zones=(Zone("wall", last + 12, 3, 8, "high", MODEL),) if kind in (2, 7) else (),
        notes=(Claim(text=f"claim {number}", strategy=strategy, regime=record.rules.label,
                     expects="loss" if number % 2 else "win"),) if kind in (1, 3) else (),
    ), **about)
