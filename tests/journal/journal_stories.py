"""Steps, instruments and ticks that the journal's tests write."""

from decimal import Decimal

import msgspec
import numpy as np

from fabio.model import command, fact
from fabio.model.assessment import Assessment
from fabio.model.event import OperatorAsked, RegimeAnswered
from fabio.model.instrument import Instrument
from fabio.model.order import Fill, Order, ShadowTrade, Trade
from fabio.model.regime import Regime
from fabio.model.signal import Decision, Signal, Verdict
from fabio.model.stats import MarketStats
from fabio.model.step import Step
from fabio.model.strategy import Claim, Note, StrategyState, StrategyUpdate
from fabio.model.tick import Ticks
from fabio.model.zone import Zone

START_NS = 1_378_214_400_000_000_000  # 2013-09-03T13:20:00Z
SECOND_NS = 1_000_000_000
ES = Instrument(
    symbol="ES", description="E-mini S&P 500", tick_size=Decimal("0.25"), tick_value=Decimal("12.5"),
    size_step=Decimal(1), product_group="equity", trading_seconds_per_year=5_000_000, poc_cross_band_ticks=2,
)
STATS = MarketStats(**{
    **{field.name: 0.0 if field.type == float | None else 0 for field in msgspec.structs.fields(MarketStats)},
    "ts_ns": START_NS, "session_date": 20130903, "last_ticks": 6587, "poc_ticks": 6580, "vah_ticks": 6590,
    "val_ticks": 6570, "poc_side": 1, "cvd_steps": -40, "realized_vol_5min": None, "vwap_ticks": 6581.4,
    "session_high_ticks": 6600, "session_low_ticks": 6560, "since_last_cross_ns": 45_300_000_000,
})
REGIME = Regime(label="trend", direction="up", confidence=0.7, source="rules", ask_id="A1",
                asked_at_ns=START_NS - 2 * SECOND_NS, answered_at_ns=START_NS - SECOND_NS,
                good_until_ns=START_NS + 300 * SECOND_NS, reasoning="efficient")
ANSWER = Assessment(
    market_state="out_of_balance_up", regime="trend", direction="up", location_vs_value="above_value",
    location_vs_poc="above_poc", chosen_model="trend_continuation", confidence=0.7, reasoning="efficient",
    strategy_updates=(StrategyUpdate(name="mean_reversion", reason="trend", enabled=False),),
    zones=(Zone("poc", 6580, 4, 12),), notes=(Claim(text="POC held twice"),),
)
RESPONSE = {
    "market_assessment": {"regime": "trend"},
    "strategy_updates": {"strategy_tweaks": [{"name": "mean_reversion", "reason": "trend", "enabled": False}]},
    "importance_zones": [{"name": "poc", "price": Decimal("1645.0"), "priority": "high"}],
    "notes_to_future_self": ("POC held twice",),
}


def step(seq: int, *facts: fact.Fact, **changes: object) -> Step:
    """A step a second after the one before."""
    ticks = Step(seq=seq, ts_ns=START_NS + seq * SECOND_NS, tape_pos=seq * 10, consumed=10,
                 event=None, wake=1, commands=(),
                 facts=facts or (fact.SessionRolled(market=0, session="2013-09-03"),))
    return msgspec.structs.replace(ticks, **changes)


def decision(id_: str, approved: bool = True) -> Decision:
    """A long from 1646.75 with a stop three points below and a target six above."""
    signal = Signal(strategy="trend_continuation", setup="pullback_to_poc", side=1, entry_ticks=6587,
                    stop_ticks=6575, target_ticks=6611, confidence=0.6, reason="pullback held")
    verdicts = (Verdict("cooldown", approved, 120.0, 60.0, "120 s since the last exit"),)
    return Decision(id=id_, ts_ns=START_NS, tape_pos=10, market=0, symbol="ES", session="2013-09-03",
                    signal=signal, verdicts=verdicts, approved=approved,
                    refused_by=() if approved else ("cooldown",), size_steps=2 if approved else 0,
                    size_reason="risk", regime=REGIME, stats=STATS)


def order(id_: str, decision_id: str) -> Order:
    """The order of a decision."""
    return Order(id=id_, decision_id=decision_id, strategy="trend_continuation", market=0, symbol="ES",
                 side=1, kind="market", size_steps=2, limit_ticks=None, stop_offset_ticks=-12,
                 target_offset_ticks=24, ts_ns=START_NS)


def trade(id_: str, decision_id: str, order_id: str) -> Trade:
    """A winner of six points."""
    return Trade(id=id_, decision_id=decision_id, order_id=order_id, symbol="ES",
                 strategy="trend_continuation", setup="pullback_to_poc", side=1, size=Decimal(2),
                 entry_ns=START_NS, exit_ns=START_NS + 90 * SECOND_NS, entry_price=Decimal("1646.75"),
                 exit_price=Decimal("1652.75"), exit_leg="target", gross_pnl=Decimal("600.00"),
                 fees=Decimal("8.36"), net_pnl=Decimal("591.64"), r_multiple=1.94, roi=0.0118, mae_ticks=3,
                 mfe_ticks=24, confidence=0.6, regime="trend", reason="pullback held")


def day() -> list[Step]:
    """A day with an answer, a refusal, a trade, a shadow, and a person's wish."""
    base, off = StrategyState(), StrategyState(enabled=False)
    fill = Fill(id="F1", order_id="O1", leg="entry", market=0, side=1, size_steps=2, price_ticks=6587,
                fees=Decimal("4.18"), ts_ns=START_NS)
    shadow = ShadowTrade(id="S1", decision_id="D1", symbol="ES", strategy="trend_continuation",
                         setup="pullback_to_poc", side=1, approved=False, refused_by=("cooldown",),
                         regime="trend", entry_ns=START_NS, exit_ns=START_NS + 60 * SECOND_NS,
                         entry_ticks=6588, exit_ticks=6575, exit_leg="stop", gross_pnl=Decimal("-162.5"),
                         fees=Decimal("4.18"), net_pnl=Decimal("-166.68"), r_multiple=-1.1)
    answered = RegimeAnswered(ts_ns=START_NS, market=0, ask_id="A1", source="rules", assessment=ANSWER)
    disabled = OperatorAsked(ts_ns=START_NS, id="req-1", verb="disable", name="mean_reversion")
    return [
        step(1, fact.TradeDateBegan(trade_date="2013-09-03", day_start_balance=Decimal(50000),
                                    loss_floor=Decimal(48000)),
             fact.SessionRolled(market=0, session="2013-09-03")),
        step(2, fact.RegimeAsked(market=0, ask_id="A1", ts_ns=START_NS, band="outer"),
             commands=(command.AskRegime(ask_id="A1", market=0, request_hash="00" * 32, reserved=Decimal("0.02")),)),
        step(3, fact.RegimeInferred(market=0, regime=REGIME),
             fact.ZonesSet(id="C1", market=0, zones=ANSWER.zones, before=(), source="rules"),
             fact.StrategyChanged(id="C2", name="mean_reversion", before=base, after=off, source="rules",
                                  reason="trend"),
             fact.NoteMade(note=Note(id="N1", ts_ns=START_NS, claim=Claim(text="POC held twice"), source="rules")),
             event=answered, consumed=0, wake=0),
        step(4, fact.SignalBlocked(decision=decision("D1", approved=False)),
             fact.ShadowOpened(market=0, shadow_id="S1", decision_id="D1")),
        step(5, fact.SignalApproved(decision=decision("D2")), fact.OrderBooked(order=order("O1", "D2")),
             commands=(command.SubmitOrder(order=order("O1", "D2")),)),
        step(6, fact.FillBooked(fill=fill, position=None),
             fact.OrderMoved(order_id="O1", market=0, state="filled")),
        step(7, fact.StopTightened(market=0, strategy="trend_continuation", stop_ticks=6587,
                                reason="strong")),
        step(8, fact.ShadowClosed(market=0, shadow=shadow)),
        step(9, fact.TradeClosed(market=0, trade=trade("T1", "D2", "O1"), balance=Decimal("50591.64"))),
        step(10, fact.StrategyChanged(id="C3", name="mean_reversion", before=off, after=base, source="operator",
                                      reason=""),
             event=disabled, consumed=0, wake=0),
    ]


def ticks(count: int, first: int = 0) -> Ticks:
    """Prints a millisecond apart, going up a tick at a time."""
    index = np.arange(first, first + count, dtype=np.int64)
    times = START_NS + index * 1_000_000
    return Ticks(times, times + 500, 6500 + index, 1 + index % 7, (index % 3 - 1).astype(np.int8),
                 (index % 2).astype(np.int8))
