"""What a call costs: list prices with their date, and bounds that need no tokenizer."""

from decimal import Decimal

import msgspec

from fabio.adapters.llm.asking import Usage

_MILLION = Decimal(1_000_000)
_OVERHEAD_TOKENS = 128
"""What a chat template adds around two messages, and room."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """USD per million tokens; what is read from the server's cache is cheaper.

    Parameters
    ----------
    as_of
        Month of the price list, `YYYY-MM`; empty where a person set it or nothing is paid.
    """

    input: Decimal
    cached: Decimal
    output: Decimal
    as_of: str = ""

    def __post_init__(self) -> None:
        for name in ("input", "cached", "output"):
            value = getattr(self, name)
            if not (value.is_finite() and value >= 0):
                raise ValueError(f"price of {name} is {value} USD per million tokens; expected 0 or more")


def _listed(given: str, cached: str, output: str, as_of: str) -> Price:
    return Price(input=Decimal(given), cached=Decimal(cached), output=Decimal(output), as_of=as_of)


# model -> OpenAI's list price; a dated name (gpt-5.4-mini-2026-03-17) is its model's
PRICES = {
    "gpt-5.4-nano": _listed("0.20", "0.02", "1.25", "2026-03"),
    "gpt-5.4-mini": _listed("0.75", "0.075", "4.50", "2026-03"),
    "gpt-5.4": _listed("2.50", "0.25", "15.00", "2026-03"),
    "gpt-5.5": _listed("5.00", "0.50", "30.00", "2026-06"),
    "gpt-5.4-pro": _listed("30.00", "30.00", "180.00", "2026-06"),  # no cheaper cached input
    "gpt-5.5-pro": _listed("30.00", "30.00", "180.00", "2026-06"),
}
FREE = _listed("0", "0", "0", "")
HIGHEST = max(PRICES.values(), key=lambda price: (price.output, price.input))


def price_of(model: str, is_free: bool = False) -> Price:
    """Give a model's price; of a paid one that is not listed the highest there is.

    >>> price_of("gpt-5.4-mini").output, price_of("gpt-5.4-mini-2026-03-17").output
    (Decimal('4.50'), Decimal('4.50'))
    >>> price_of("something-new").output
    Decimal('180.00')
    """
    if is_free:
        return FREE
    listed = PRICES.get(model)
    if listed is not None:
        return listed
    name, _, date = model.partition("-20")
    return PRICES.get(name, HIGHEST) if date.replace("-", "").isdigit() else HIGHEST


def cost_of(usage: Usage, price: Price) -> Decimal:
    """Give what counted tokens cost; reasoning is billed as output.

    >>> cost_of(Usage(input=2000, cached=1000, output=100), price_of("gpt-5.4-mini"))
    Decimal('0.001275')
    """
    fresh = usage.input - usage.cached
    return (fresh * price.input + usage.cached * price.cached + usage.output * price.output) / _MILLION


def most_cost(price: Price, input_bytes: int, max_output_tokens: int) -> Decimal:
    """Give an upper bound of one request's cost, in USD: a token is at least one byte."""
    most_input = (input_bytes + _OVERHEAD_TOKENS) * max(price.input, price.cached)
    return (most_input + max_output_tokens * price.output) / _MILLION
