"""Holding: one netted position per contract and account, at an average price."""

from decimal import Decimal

import msgspec

from fabio.adapters.gateway.messages import plain
from fabio.adapters.topstepx.enums import PositionType
from fabio.model.instrument import Instrument

_AVERAGE_DIGITS = Decimal("1E-9")


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What an account holds of one contract.

    Parameters
    ----------
    id
        New for each position that is opened from flat.
    steps
        Signed; 0 when flat.
    cost_tick_steps
        Sum of price times size, unsigned, of what is held: the average price without its rounding.
    average_price
        In price units; kept when flat, as the venue does.
    """

    id: int
    opened_ns: int
    steps: int = 0
    cost_tick_steps: int = 0
    average_price: Decimal = Decimal(0)

    @property
    def type(self) -> PositionType:
        """The wire's direction."""
        if self.steps == 0:
            return PositionType.UNDEFINED
        return PositionType.LONG if self.steps > 0 else PositionType.SHORT


class Booked(msgspec.Struct, frozen=True):
    """A fill's effect: what is held after it, and the gross result in tick steps; None where nothing was closed."""

    holding: Holding
    result_tick_steps: int | None


def book(holding: Holding, instrument: Instrument, signed_steps: int, price_ticks: int) -> Booked:
    """Add a fill; average price, so a part that is closed takes its share of the cost.

    Shares are whole tick steps: what is rounded off one part stays with the rest, so a
    position closed in parts makes exactly what it makes at once.
    """
    held = holding.steps
    side = 1 if signed_steps > 0 else -1
    if held * signed_steps >= 0:
        cost = holding.cost_tick_steps + abs(signed_steps) * price_ticks
        return Booked(_with(holding, instrument, held + signed_steps, cost), None)
    closed = min(abs(signed_steps), abs(held))
    share = holding.cost_tick_steps * closed // abs(held)
    # held long: the fill sells, side is -1, and price minus cost is won
    result = -side * (closed * price_ticks - share)
    after = held + signed_steps
    if after * held >= 0:  # a part or all of it closed
        return Booked(_with(holding, instrument, after, holding.cost_tick_steps - share), result)
    return Booked(_with(holding, instrument, after, abs(after) * price_ticks), result)


def open_tick_steps(holding: Holding, last_ticks: int) -> int:
    """Value what is held at a price, in tick steps."""
    side = 1 if holding.steps > 0 else -1
    return holding.steps * last_ticks - side * holding.cost_tick_steps


def _with(holding: Holding, instrument: Instrument, steps: int, cost_tick_steps: int) -> Holding:
    average = holding.average_price
    if steps != 0:
        average = plain((instrument.tick_size * cost_tick_steps / abs(steps)).quantize(_AVERAGE_DIGITS))
    return msgspec.structs.replace(
        holding, steps=steps, cost_tick_steps=cost_tick_steps if steps != 0 else 0, average_price=average)
