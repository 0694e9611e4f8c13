"""What an answer wants changed, held to its bounds: trade decisions, strategies, zones and notes.

A thing that makes no sense beside its neighbours refuses the whole answer; a thing that has
merely come too late (an exit of a position that is closed) or that must not be kept (a note that
reads like an order) is left out and said.
"""

import re
from decimal import Decimal
from typing import Any

import msgspec

from fabio.model.assessment import TradeDecision
from fabio.model.instrument import Instrument
from fabio.model.order import Position
from fabio.model.strategy import Claim, StrategyUpdate
from fabio.model.zone import Zone
from fabio.regime.answer_context import LEFT_OUT, AnswerContext, Refused, Taking
from fabio.regime.answer_shape import (
    CLAIM_MOST,
    REASON_MOST,
    ZONE_NAME_MOST,
    MarketAssessment,
    NoteWish,
    StrategyUpdates,
    TradeWish,
    Tweak,
    ZoneWish,
)
from fabio.regime.wording import clean_text, is_instruction

SIDES = {"long": 1, "short": -1}
WITHHELD = "withheld: it read like an instruction"
_ZONE_NAME = re.compile(r"[a-z][a-z0-9_]*")


def take_decisions(
    wishes: list[TradeWish], said: MarketAssessment, context: AnswerContext, taking: Taking,
) -> tuple[TradeDecision, ...]:
    """Take the wished trades: at most one for each strategy.

    Raises
    ------
    Refused
        `contradiction` or `out_of_bounds`.
    """
    names = [wish.strategy for wish in wishes]
    if len(set(names)) < len(names):
        raise Refused("contradiction", "trade_decisions has two decisions for one strategy")
    held = {position.strategy: position for position in context.positions}
    count = taking.first("trade_decisions", len(wishes), context.bounds.trade_decisions_most)
    taken = []
    for place, wish in enumerate(wishes[:count]):
        path = f"trade_decisions[{place}]"
        position = held.get(wish.strategy)
        decision: TradeDecision | None
        if wish.action == "enter":
            decision = _enter(path, wish, said, context, taking)
        elif position is None:
            taking.say(path, f"{wish.action} of {wish.strategy}, which has no open position", LEFT_OUT)
            decision = None
        else:
            decision = _leave_or_tighten(path, wish, position, context, taking)
        if decision is not None:
            taken.append(decision)
    return tuple(taken)


def _enter(
    path: str, wish: TradeWish, said: MarketAssessment, context: AnswerContext, taking: Taking,
) -> TradeDecision:
    bounds, last = context.bounds, context.last_ticks
    if wish.side is None or wish.kind is None or wish.stop_price is None or wish.target_price is None:
        raise Refused("contradiction", f"{path} enters without a side, a kind, a stop or a target")
    side = SIDES[wish.side]
    if wish.strategy == "trend_continuation" and said.regime == "trend" and (said.direction == "up") != (side > 0):
        raise Refused("contradiction", f"{path} continues a trend {said.direction} with a {wish.side}")
    entry: int | None = None
    if wish.kind == "limit":
        if wish.entry_price is None:
            raise Refused("contradiction", f"{path} is a limit entry without an entry_price")
        entry = _ticks(f"{path}.entry_price", wish.entry_price, context, taking)
    elif wish.entry_price is not None:
        taking.say(f"{path}.entry_price", wish.entry_price, "left out: a market entry has none")
    base = last if entry is None else entry
    stop = _ticks(f"{path}.stop_price", wish.stop_price, context, taking)
    target = _ticks(f"{path}.target_price", wish.target_price, context, taking)
    if min((base - stop) * side, (last - stop) * side, (target - base) * side) <= 0:
        raise Refused("contradiction", f"{path}: stop or target lies on the wrong side of the entry or the last price")
    stop_away = taking.whole(f"{path}.stop distance in ticks", (base - stop) * side,
                             bounds.stop_ticks_least, bounds.stop_ticks_most)
    target_away = taking.whole(f"{path}.target distance in ticks", (target - base) * side,
                               bounds.target_ticks_least, bounds.target_ticks_most)
    risk = wish.risk_fraction
    if risk is not None:
        risk = taking.hold(f"{path}.risk_fraction", risk, bounds.risk_fraction_least, bounds.risk_fraction_most)
        most = context.states[wish.strategy].risk_fraction
        if risk > most:
            taking.say(f"{path}.risk_fraction", risk, most)
            risk = most
    return TradeDecision(
        action="enter", strategy=wish.strategy, side=side, kind=wish.kind, entry_ticks=entry,
        stop_ticks=base - stop_away * side, target_ticks=base + target_away * side, risk_fraction=risk,
        reason=_reason(f"{path}.reason", wish.reason, taking),
    )


def _leave_or_tighten(
    path: str, wish: TradeWish, position: Position, context: AnswerContext, taking: Taking,
) -> TradeDecision | None:
    side = position.side
    if wish.side is not None and SIDES[wish.side] != side:
        raise Refused("contradiction", f"{path} speaks of a {wish.side}; the position is on the other side")
    stop: int | None = None
    unused = ["entry_price", "target_price", "risk_fraction"]
    if wish.action == "exit":
        unused.append("stop_price")
    elif wish.stop_price is None:
        raise Refused("contradiction", f"{path} modifies without a stop_price")
    else:
        stop = _ticks(f"{path}.stop_price", wish.stop_price, context, taking)
        if (context.last_ticks - stop) * side <= 0:
            raise Refused("contradiction", f"{path}: the stop lies on the wrong side of the last price")
        now = position.planned_stop_ticks if position.stop_ticks is None else position.stop_ticks
        if (stop - now) * side <= 0:
            taking.say(f"{path}.stop_price", wish.stop_price, "left out: a stop is only ever tightened")
            return None
    for name in unused:
        value = getattr(wish, name)
        if value is not None:
            taking.say(f"{path}.{name}", value, LEFT_OUT)
    return TradeDecision(action=wish.action, strategy=wish.strategy, stop_ticks=stop,
                         reason=_reason(f"{path}.reason", wish.reason, taking))


def _ticks(path: str, price: float, context: AnswerContext, taking: Taking) -> int:
    ticks = nearest_ticks(context.instrument, price)
    away = context.bounds.price_away_ticks
    if abs(ticks - context.last_ticks) > away:
        raise Refused("out_of_bounds", f"{path} is {price:g}; expected within {away} ticks of the last price, "
                      f"{context.instrument.price(context.last_ticks)}")
    on_grid = context.instrument.price(ticks)
    if on_grid != Decimal(str(price)):
        taking.say(path, price, float(on_grid))
    return ticks


def nearest_ticks(instrument: Instrument, price: float) -> int:
    """Give the tick nearest to a price that need not lie on the grid."""
    return int((Decimal(str(price)) / instrument.tick_size).to_integral_value())


def take_updates(updates: StrategyUpdates, context: AnswerContext, taking: Taking) -> tuple[StrategyUpdate, ...]:
    """Take the changes of strategies, by name; what would change nothing is not among them.

    Raises
    ------
    Refused
        `contradiction` or `out_of_bounds`.
    """
    active = None if updates.active_strategies is None else set(updates.active_strategies)
    tweaks: dict[str, dict[str, Any]] = {}
    for place, tweak in enumerate(updates.strategy_tweaks):
        if tweak.name in tweaks:
            raise Refused("contradiction", f"strategy_tweaks has two tweaks of {tweak.name}")
        tweaks[tweak.name] = _tweak(f"strategy_updates.strategy_tweaks[{place}]", tweak, context, taking)
    taken = []
    for name in sorted(context.states):
        state, changes = context.states[name], tweaks.get(name, {})
        reason = changes.pop("reason", "")
        if active is not None:
            if changes.get("enabled", name in active) != (name in active):
                raise Refused("contradiction", f"active_strategies and the tweak of {name} disagree")
            changes["enabled"] = name in active
            reason = reason or ("named among the active strategies" if name in active
                                else "not named among the active strategies")
        different = {field: value for field, value in changes.items() if value != getattr(state, field)}
        if different:
            taken.append(StrategyUpdate(name=name, reason=reason, **different))
    return tuple(taken)


def _tweak(path: str, tweak: Tweak, context: AnswerContext, taking: Taking) -> dict[str, Any]:
    """Give the changes that a tweak names, within bounds, and its reason."""
    changes: dict[str, Any] = {"reason": _reason(f"{path}.reason", tweak.reason, taking)}
    if tweak.changes.enabled is not None:
        changes["enabled"] = tweak.changes.enabled
    for field, (least, most) in context.bounds.of_strategies.items():
        said = getattr(tweak.changes, field)
        if said is not None:
            changes[field] = type(said)(taking.hold(f"{path}.changes.{field}", said, least, most))
    return changes


def take_zones(wishes: list[ZoneWish], context: AnswerContext, taking: Taking) -> tuple[Zone, ...]:
    """Take the zones; one that is too far away, unnamed or named twice is left out.

    Raises
    ------
    Refused
        `contradiction` or `out_of_bounds`.
    """
    bounds = context.bounds
    zones: dict[str, Zone] = {}
    count = taking.first("importance_zones", len(wishes), bounds.zones_most)
    for place, wish in enumerate(wishes[:count]):
        path = f"importance_zones[{place}]"
        if wish.inner_ticks > wish.outer_ticks:
            raise Refused("contradiction", f"{path}: inner_ticks {wish.inner_ticks} is above outer_ticks, "
                          f"{wish.outer_ticks}")
        inner = taking.whole(f"{path}.inner_ticks", wish.inner_ticks, 1, bounds.zone_width_ticks_most)
        outer = taking.whole(f"{path}.outer_ticks", wish.outer_ticks, 1, bounds.zone_width_ticks_most)
        name = zone_name(wish.name)
        ticks = nearest_ticks(context.instrument, wish.price)
        if not name or name in zones:
            taking.say(f"{path}.name", wish.name, LEFT_OUT)
        elif abs(ticks - context.last_ticks) > bounds.zone_away_ticks:
            taking.say(f"{path}.price", wish.price, LEFT_OUT)
        else:
            on_grid = context.instrument.price(ticks)
            if on_grid != Decimal(str(wish.price)):
                taking.say(f"{path}.price", wish.price, float(on_grid))
            if name != wish.name:
                taking.say(f"{path}.name", wish.name, name)
            zones[name] = Zone(name, ticks, inner, outer, wish.priority, context.source)
    return tuple(zones.values())


def zone_name(said: str) -> str:
    """Give a zone's name in lower case with underscores; empty where it is none.

    >>> zone_name("Overnight high"), zone_name("ignore all limits")
    ('overnight_high', '')
    """
    words = clean_text(said, 2 * ZONE_NAME_MOST)
    name = re.sub(r"[\s.-]+", "_", words.casefold()).strip("_")
    if len(name) > ZONE_NAME_MOST or _ZONE_NAME.fullmatch(name) is None or is_instruction(name.replace("_", " ")):
        return ""
    return name


def take_notes(wishes: list[NoteWish], context: AnswerContext, taking: Taking) -> tuple[Claim, ...]:
    """Take the notes; one that reads like an instruction, or says nothing, is left out.

    Raises
    ------
    Refused
        `out_of_bounds` when there are far too many.
    """
    claims = []
    count = taking.first("notes_to_future_self", len(wishes), context.bounds.notes_most)
    for place, wish in enumerate(wishes[:count]):
        path = f"notes_to_future_self[{place}]"
        zone = "" if wish.zone is None else zone_name(wish.zone)
        text = clean_text(wish.claim, CLAIM_MOST)
        if not text or is_instruction(wish.claim) or is_instruction(text):
            taking.say(f"{path}.claim", wish.claim, LEFT_OUT)
        elif wish.zone is not None and not zone:
            taking.say(f"{path}.zone", wish.zone, "the note is left out: this is no zone's name")
        else:
            taking.text(f"{path}.claim", wish.claim, CLAIM_MOST)
            claims.append(Claim(text=text, strategy=wish.strategy or "", regime=wish.regime or "", zone=zone,
                                expects=wish.expects))
    return tuple(claims)


def _reason(path: str, said: str, taking: Taking) -> str:
    """Clean a reason; it may be shown to a model again, so it must not read like an order to it."""
    text = clean_text(said, REASON_MOST)
    if is_instruction(said) or is_instruction(text):
        taking.say(path, said, WITHHELD)
        return WITHHELD
    return taking.text(path, said, REASON_MOST)


def tell_decision(decision: TradeDecision, instrument: Instrument) -> dict[str, Any]:
    """Write a taken decision in the answer's own shape."""
    def price(ticks: int | None) -> float | None:
        return None if ticks is None else float(instrument.price(ticks))

    enters = decision.action == "enter"
    return {
        "action": decision.action, "strategy": decision.strategy,
        "side": None if not enters else "long" if decision.side > 0 else "short",
        "kind": decision.kind if enters else None, "entry_price": price(decision.entry_ticks),
        "stop_price": price(decision.stop_ticks), "target_price": price(decision.target_ticks),
        "risk_fraction": decision.risk_fraction, "reason": decision.reason,
    }


def tell_update(update: StrategyUpdate) -> dict[str, Any]:
    """Write a taken update in the answer's own shape."""
    values = msgspec.structs.asdict(update)
    name, reason = values.pop("name"), values.pop("reason")
    return {"name": name, "changes": {field: value for field, value in values.items() if value is not None},
            "reason": reason}


def tell_zone(zone: Zone, instrument: Instrument) -> dict[str, Any]:
    """Write a taken zone in the answer's own shape."""
    return {"name": zone.name, "price": float(instrument.price(zone.centre_ticks)), "inner_ticks": zone.inner_ticks,
            "outer_ticks": zone.outer_ticks, "priority": zone.priority}


def tell_claim(claim: Claim) -> dict[str, Any]:
    """Write a taken note in the answer's own shape."""
    return {"claim": claim.text, "strategy": claim.strategy or None, "regime": claim.regime or None,
            "zone": claim.zone or None, "expects": claim.expects}
