"""Instrument: what one contract is worth, and how its numbers become integers."""

from decimal import Decimal

import msgspec

GRID_TOLERANCE = Decimal("0.01")
"""Share of a tick (or of a size step) by which a number may miss the grid; more is bad input."""


class OffGrid(ValueError):
    """A price or size that does not lie on the instrument's grid."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable product.

    Parameters
    ----------
    symbol
        The exchange's root (`NQ`), never a dated contract.
    tick_size
        Smallest price step, in price units.
    tick_value
        Money one tick is worth for a size of 1, in USD.
    size_step
        Smallest size: 1 for futures, a fraction for crypto.
    fee, commission
        Exchange and clearing fees, and the broker's commission, in USD per side for a size of 1.
    taker_rate
        Fee as a share of the notional value, per side (crypto); 0 for futures.
    gateway_root
        Root of the symbol on the TopstepX gateway (`ENQ` for NQ); None where it is not listed.
    product_group
        Name of the calendar group in `config/sessions.toml`.
    trading_seconds_per_year
        Annualises `realized_vol_5min`.
    poc_cross_band_ticks
        Distance from the POC at which price counts as beyond it.
    big_print_size
        Fixed threshold of a big print, in size units; None takes the rolling percentile.
    mini_equivalent
        Weight of one contract in the position limit: 1 for a mini, 0.1 for a micro.
    allows_negative_price
        True for crude oil and spreads.
    """

    symbol: str
    description: str
    tick_size: Decimal
    tick_value: Decimal
    size_step: Decimal
    product_group: str
    trading_seconds_per_year: int
    poc_cross_band_ticks: int
    fee: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    taker_rate: Decimal = Decimal(0)
    gateway_root: str | None = None
    big_print_size: Decimal | None = None
    mini_equivalent: Decimal = Decimal(1)
    allows_negative_price: bool = False

    def price_ticks(self, price: Decimal) -> int:
        """Turn a price into ticks.

        Raises
        ------
        OffGrid
            If the price is more than 1 % of a tick off the grid.
        """
        return _on_grid(price, self.tick_size, f"price {price} of {self.symbol}", "tick size")

    def price(self, ticks: int) -> Decimal:
        """Turn ticks into a price."""
        return ticks * self.tick_size

    def size_steps(self, size: Decimal) -> int:
        """Turn a size into steps.

        Raises
        ------
        OffGrid
            If the size is more than 1 % of a step off the grid.
        """
        return _on_grid(size, self.size_step, f"size {size} of {self.symbol}", "size step")

    def size(self, steps: int) -> Decimal:
        """Turn steps into a size in contracts or coins."""
        return steps * self.size_step

    def money(self, tick_steps: int) -> Decimal:
        """Value in USD of a move: ticks moved times steps held."""
        return tick_steps * self.tick_value * self.size_step

    def fees(self, steps: int, price_ticks: int) -> Decimal:
        """Fees and commission in USD for one side of `steps` at `price_ticks`."""
        size = steps * self.size_step
        notional = size * abs(price_ticks) * self.tick_value
        return size * (self.fee + self.commission) + notional * self.taker_rate


def _on_grid(value: Decimal, step: Decimal, what: str, step_name: str) -> int:
    units = (value / step).to_integral_value()
    if abs(value - units * step) > GRID_TOLERANCE * step:
        raise OffGrid(f"{what} is not a multiple of its {step_name} {step}")
    return int(units)
