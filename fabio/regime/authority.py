"""Authority: how far a model outside may reach, and how long what it says holds."""

from decimal import Decimal

import msgspec

from fabio.model.assessment import Authority


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a language model may do here, and what it may cost.

    Parameters
    ----------
    authority
        `observe` (recorded and shadowed only), `advise` (may shrink, veto, switch strategies and set
        zones) or `trade` (its trade decisions become signals, which meet every guard); none means
        `trade` in test mode and `advise` in live mode.
    good_for_s
        Seconds after which an answer no longer stands, 10 to 3600.
    superseded_after_bar_ranges
        An answer is dropped where price moved further since the question, in mean bar ranges of 15
        minutes, 0.5 to 50.
    changes_per_hour
        Changes of strategies it may make in an hour, 0 to 100; what makes smaller is never refused.
    answer_timeout_s
        Seconds after which a question has failed, 1 to 120.
    answer_tokens
        Most tokens of an answer, its reasoning included, 100 to 20000.
    input_usd_per_million, cached_input_usd_per_million, output_usd_per_million
        Price of a million tokens in USD; none takes the table's price of the model, and 0 for a
        server on this machine.
    """

    authority: Authority | None = None
    good_for_s: float = 300.0
    superseded_after_bar_ranges: float = 3.0
    changes_per_hour: int = 6
    answer_timeout_s: float = 20.0
    answer_tokens: int = 1_500
    input_usd_per_million: Decimal | None = None
    cached_input_usd_per_million: Decimal | None = None
    output_usd_per_million: Decimal | None = None

    def __post_init__(self) -> None:
        if self.authority not in (None, "observe", "advise", "trade"):
            raise ValueError(f"authority is {self.authority!r}; it must be observe, advise or trade")
        bounds = {"good_for_s": (10, 3600), "superseded_after_bar_ranges": (0.5, 50), "changes_per_hour": (0, 100),
                  "answer_timeout_s": (1, 120), "answer_tokens": (100, 20_000)}
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie in {least} to {most}")
        for name in ("input_usd_per_million", "cached_input_usd_per_million", "output_usd_per_million"):
            price = getattr(self, name)
            if price is not None and not 0 <= price <= 10_000:
                raise ValueError(f"{name} is {price}; it must be none or lie in 0 to 10000")
