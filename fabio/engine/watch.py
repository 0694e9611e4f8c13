"""Which prices wake the machine: working stops, targets and limits, and the loss floor."""

from fabio.engine.turn import LIVE_ENTRY_STATES, Turn
from fabio.model.order import Position

FAR_UP = (1 << 62)
FAR_DOWN = -(1 << 62)


def rewatch(turn: Turn) -> None:
    """Set the nearest watched price above and below for every market."""
    ups = [FAR_UP] * len(turn.markets)
    downs = [FAR_DOWN] * len(turn.markets)
    for record in turn.state.orders.values():
        order = record.order
        if order.limit_ticks is None or record.state not in LIVE_ENTRY_STATES:
            continue
        if order.side > 0:
            downs[order.market] = max(downs[order.market], order.limit_ticks)
        else:
            ups[order.market] = min(ups[order.market], order.limit_ticks)
    for index, held in enumerate(turn.state.markets):
        if held.position is not None:
            up, down = _of_position(turn, held.position)
            ups[index], downs[index] = min(ups[index], up), max(downs[index], down)
    for index, market in enumerate(turn.markets):
        market.watch(ups[index], downs[index])


def _of_position(turn: Turn, position: Position) -> tuple[int, int]:
    stop, target = position.stop_ticks, position.target_ticks
    if position.side > 0:
        losing = _floor_ticks(turn, position)
        up = FAR_UP if target is None else target
        down = losing if stop is None else max(stop, losing)
    else:
        losing = _floor_ticks(turn, position)
        up = losing if stop is None else min(stop, losing)
        down = FAR_DOWN if target is None else target
    return up, down


def _floor_ticks(turn: Turn, position: Position) -> int:
    """Price of this market at which equity touches the loss floor, the other markets standing still."""
    market = turn.markets[position.market]
    room = turn.account().room
    per_tick = market.instrument.money(abs(position.size_steps))
    ticks_left = max(int(room / per_tick), 0)
    return market.last_ticks() - position.side * ticks_left
