"""Find out by an order whether the account takes brackets: only if a person asks for it.

A limit order to buy one contract, far below the market, with a bracket, cancelled at once. It
carries a tag of ours: should the cancel fail, a running agent takes it for an orphan and ends it.
"""

from decimal import Decimal

import msgspec

from fabio.adapters.topstepx.broker.book import filled, is_live
from fabio.adapters.topstepx.broker.preflight import SWITCH, Finding
from fabio.adapters.topstepx.broker.reach import READ_ERRORS
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.enums import BarUnit, OrderSide, OrderType
from fabio.adapters.topstepx.records import Bracket, Order, PlaceOrder
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.endpoints import BarsQuery, Rest
from fabio.adapters.topstepx.rest.lookup import TagFound, TagNotFound, find_order_by_tag
from fabio.adapters.topstepx.rest.outcomes import Accepted, NotSent, Refused
from fabio.adapters.topstepx.signalr.timing import HubClock

AWAY = Decimal("0.02")
"""Share of the last price by which the order is below it: far, and within an exchange's price limits."""

BRACKET_TICKS = 40
PRICE_NOT_OLDER_NS = 4 * 24 * 3600 * 1_000_000_000
_TRIES = 8
_PAUSE_S = 0.5
_NAME = "brackets"


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What the probe needs.

    Parameters
    ----------
    world
        As the agent's order tags have it.
    live_data
        The market-data subscription: False for simulated accounts.
    """

    rest: Rest
    account_id: int
    traded: TradedContract
    world: str
    clock: HubClock
    live_data: bool = False


async def probe_brackets(probe: Probe) -> Finding:
    """Place the order, say what the venue thought of its bracket, and see that it is gone again."""
    try:
        last = await _last_price(probe)
    except READ_ERRORS as error:
        return Finding(_NAME, "doubtful", f"no probe: the last price cannot be had ({error})", "try again later")
    if last is None:
        return Finding(_NAME, "doubtful", "no probe: TopstepX tells no price of the last days", "try in trading hours")
    tag = Tags(probe.world).entry(f"probe.{probe.clock.now_ns()}")
    outcome = await probe.rest.place(PlaceOrder(
        account_id=probe.account_id, contract_id=probe.traded.contract_id, type=OrderType.LIMIT, side=OrderSide.BID,
        size=1, limit_price=probe.traded.price(probe.traded.near_ticks(last * (1 - AWAY))), custom_tag=tag,
        stop_loss_bracket=Bracket(ticks=-BRACKET_TICKS, type=OrderType.STOP),
        take_profit_bracket=Bracket(ticks=BRACKET_TICKS, type=OrderType.LIMIT),
    ))
    if isinstance(outcome, Refused):
        return _refused(outcome)
    if isinstance(outcome, NotSent):
        return Finding(_NAME, "doubtful", f"no probe: {outcome.why}", "try again later")
    venue_id = outcome.order_id if isinstance(outcome, Accepted) else await _found(probe, tag)
    if venue_id is None:
        return Finding(_NAME, "bad", f"it is not known what became of the probe order {tag}",
                       "look on the platform whether it rests there, and cancel it")
    return await _taken_back(probe, venue_id)


def _refused(outcome: Refused) -> Finding:
    words = outcome.reason or outcome.name
    if "position bracket" in words.lower():
        return Finding(_NAME, "bad", f"the account is in Position Brackets mode: an order with a bracket is refused "
                       f'("{words}")', SWITCH)
    return Finding(_NAME, "doubtful", f'the probe order was refused for another reason ("{words}"): the mode is not '
                   "known", "try again in trading hours")


async def _taken_back(probe: Probe, venue_id: int) -> Finding:
    record: Order | None = None
    for _ in range(_TRIES):
        await probe.rest.cancel(probe.account_id, venue_id)
        await probe.clock.sleep(_PAUSE_S)
        try:
            record = await probe.rest.order(probe.account_id, venue_id, Urgency.PROTECT)
        except READ_ERRORS:
            continue
        if record is not None and not is_live(record):
            break
    if record is None or is_live(record):
        return Finding(_NAME, "bad", f"the probe order {venue_id} could not be seen to be gone",
                       "cancel it on the platform, now")
    if filled(record):
        return Finding(_NAME, "bad", f"the probe order {venue_id} was filled, far from the market: it is held, with "
                       "its bracket", "close it on the platform, now")
    return Finding(_NAME, "good", "a far-away order with a bracket was taken and cancelled: Auto OCO Brackets")


async def _found(probe: Probe, tag: str) -> int | None:
    for _ in range(_TRIES):
        answer = await find_order_by_tag(probe.rest, probe.account_id, tag, probe.clock.now_ns())
        if isinstance(answer, TagFound):
            return answer.order.id
        await probe.clock.sleep(_PAUSE_S * (4 if isinstance(answer, TagNotFound) else 1))
    return None


async def _last_price(probe: Probe) -> Decimal | None:
    now_ns = probe.clock.now_ns()
    bars = await probe.rest.bars(BarsQuery(
        contract_id=probe.traded.contract_id, start_ns=now_ns - PRICE_NOT_OLDER_NS, end_ns=now_ns,
        unit=BarUnit.MINUTE, live=probe.live_data, limit=1, include_partial=True,
    ))
    return bars[-1].c if bars else None
