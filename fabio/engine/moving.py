"""An order moves: by the table, and recorded where it changed or surprised."""

from fabio.engine.turn import Turn
from fabio.model.fact import OrderMoved
from fabio.portfolio.orders import Happening, next_state


def move(turn: Turn, order_id: str, market: int, happening: Happening, reason: str = "") -> None:
    """Let an order of ours take what the venue said of it; what the table finds odd is recorded with it."""
    record = turn.state.orders.get(order_id)
    if record is None:
        return
    step = next_state(record.state, happening)
    if step.state == record.state and record.at_venue:
        return  # a venue says things twice; where nothing changes, nothing is recorded
    if step.state != record.state or step.surprise:
        turn.note(OrderMoved(
            order_id=order_id, market=market, state=step.state, reason=reason or step.surprise
        ))
