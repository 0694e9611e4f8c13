"""What a gateway is: its accounts, how the venue behaves, and where sources disagree a switch."""

from typing import Literal

import msgspec

from fabio.exchange.assumptions import Assumptions
from fabio.portfolio.account import AccountSettings

MS = 1_000_000
SHORTEST_KEY = 10

VENUE_ASSUMPTIONS = Assumptions(order_latency_ns=8 * MS)
"""A market order was seen to fill about 8 ms after it was placed; all else is as on paper."""


class AccountPlan(msgspec.Struct, frozen=True, kw_only=True):
    """An account as it is opened.

    Parameters
    ----------
    limits
        Start balance, loss limit, daily loss and the position limit in mini-equivalents.
    can_trade
        False for one that is locked from the start.
    """

    id: int = 18_204_311
    name: str = "PRAC-V2-20418-73510264"
    limits: AccountSettings = AccountSettings()
    can_trade: bool = True
    is_visible: bool = True
    simulated: bool = True


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """Behaviour that sources disagree on, or that a test wants otherwise; the defaults are what was seen live.

    Parameters
    ----------
    position_brackets
        The account is in Position Brackets mode: bracket fields are refused.
    wrapped
        User events come as `{action, data}`, not bare.
    stamp_digits
        Fewest and most fraction digits of a time; 9 keeps every nanosecond.
    depth
        Rows of the book as an array, or each as one object.
    null_padding
        Arrays of rows carry nulls between them.
    most_prints
        Prints in one trade event.
    print_delay_ns
        How long prints are gathered into one event; 0 sends each at once.
    bracket_delay_ns
        From an entry's fill until its children are seen open.
    trade_before_order
        Whether a fill's half-turn is told before its order.
    refused_has_order_id
        A refused order leaves a rejected record, whose id the refusal carries.
    limit_counts_working
        Working entries count in the position limit.
    cancel_takes_sibling
        Cancelling one child of a bracket cancels the other.
    close_cancels_brackets, partial_close_cancels_brackets
        What closing a position does to the children that rest.
    search_hides_suspended
        `Order/search` leaves waiting children out, as `searchOpen` does.
    shows_pending_cancellation
        An order to be cancelled is told as status 7 first.
    strict_handshake
        Only version 1 of the hub protocol is taken.
    rate_limits
        Calls over the limits are answered with 429.
    retry_after_s
        `Retry-After` of a 429; None leaves the header out.
    token_life_s
        How long a token is good, by the replay clock.
    """

    position_brackets: bool = False
    wrapped: bool = True
    stamp_digits: tuple[int, int] = (3, 7)
    depth: Literal["array", "object"] = "array"
    null_padding: bool = True
    most_prints: int = 34
    print_delay_ns: int = 20 * MS
    bracket_delay_ns: int = 18 * MS
    trade_before_order: bool = True
    refused_has_order_id: bool = True
    limit_counts_working: bool = True
    cancel_takes_sibling: bool = False
    close_cancels_brackets: bool = False
    partial_close_cancels_brackets: bool = False
    search_hides_suspended: bool = True
    shows_pending_cancellation: bool = False
    strict_handshake: bool = False
    rate_limits: bool = True
    retry_after_s: int | None = None
    token_life_s: int = 86_400


class GatewayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway before its first request.

    Parameters
    ----------
    user
        The only user name; case does not matter. Any key of 10 characters or more is good.
    seed
        Of token signatures and connection ids.
    offset_ns
        All times that are told or taken are so much ahead of the tape's: for clients that live by
        another clock. Whole minutes keep bars whole.
    """

    user: str = "demo"
    accounts: tuple[AccountPlan, ...] = (AccountPlan(),)
    assumptions: Assumptions = VENUE_ASSUMPTIONS
    switches: Switches = Switches()
    seed: int = 0
    offset_ns: int = 0


def exact_switches() -> Switches:
    """Give the switches under which nothing is rounded or delayed: for runs in lock-step."""
    return Switches(stamp_digits=(9, 9), print_delay_ns=0, bracket_delay_ns=0)
