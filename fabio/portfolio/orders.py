"""Order states from one table.

Theory. An entry order is *in flight* from the moment it is booked until the venue
answers. It then *works*, fills in parts or whole, or ends otherwise. These states are
final: filled, cancelled, rejected, expired. A final state never changes (I03): what the
venue says afterwards is recorded as a surprise, and a fill among it still counts for
the position, because money moved whatever the state says. `unknown` is the state of an
order whose answer never came: it may exist, so it can still become anything, and nobody
may take it for rejected. Only after the venue was asked for it by name, three times over
ten seconds, is it *never accepted*, which is final too.

The venue promises no order between its messages: hubs deliver fills before accepts, and
repeat what they sent after a reconnect. The table therefore has a row for every pair;
the rows with a sentence are those that should not happen but do.
"""

from typing import Literal, NamedTuple

from fabio.model.order import OrderState

Happening = Literal[
    "accepted", "part_filled", "filled", "over_filled", "cancelled", "rejected", "expired", "no_answer", "not_found"
]
"""`no_answer`: the answer's time ran out; `not_found`: the venue, asked by tag often enough, knows of no such order."""


class Move(NamedTuple):
    """Where an order goes; `surprise` says what is odd about it, empty when nothing is."""

    state: OrderState
    surprise: str = ""


_LATE = "the venue says so again, or late: nothing changes"
_OVER = "filled beyond the ordered size: halt and reconcile"
_GHOST = "a fill after the order was done: the position has it, the state does not; reconcile"
_TURNED_UP = "it turned up after it was given up: it is cancelled"

# (state, happening) -> Move
TABLE: dict[tuple[OrderState, Happening], Move] = {
    ("in_flight", "accepted"): Move("working"),
    ("in_flight", "part_filled"): Move("partly_filled"),     # the fill overtook the accept
    ("in_flight", "filled"): Move("filled"),                 # a market order: usual
    ("in_flight", "over_filled"): Move("filled", _OVER),
    ("in_flight", "cancelled"): Move("cancelled"),           # our cancel overtook the accept
    ("in_flight", "rejected"): Move("rejected"),
    ("in_flight", "expired"): Move("expired"),               # arrived after its good-until
    ("in_flight", "no_answer"): Move("unknown"),             # I05: never rejected without a definitive reply
    ("in_flight", "not_found"): Move("unknown", "looked for before its answer's time ran out"),

    ("working", "accepted"): Move("working", _LATE),
    ("working", "part_filled"): Move("partly_filled"),
    ("working", "filled"): Move("filled"),
    ("working", "over_filled"): Move("filled", _OVER),
    ("working", "cancelled"): Move("cancelled"),
    # a refusal after an accept: TopstepX answers code 2 to a second POST with the same tag
    ("working", "rejected"): Move("unknown", "rejected after it was accepted: ask the venue which is true"),
    ("working", "expired"): Move("expired"),
    ("working", "no_answer"): Move("working", "a timer ran out after the answer came"),
    ("working", "not_found"): Move("unknown", "the venue lost an order that it had: ask again"),

    ("partly_filled", "accepted"): Move("partly_filled", _LATE),
    ("partly_filled", "part_filled"): Move("partly_filled"),
    ("partly_filled", "filled"): Move("filled"),
    ("partly_filled", "over_filled"): Move("filled", _OVER),
    ("partly_filled", "cancelled"): Move("cancelled"),       # the filled part stays held, with its bracket
    ("partly_filled", "rejected"): Move("unknown", "rejected after a fill: ask the venue what is left"),
    ("partly_filled", "expired"): Move("expired"),           # as for a cancel
    ("partly_filled", "no_answer"): Move("partly_filled", "a timer ran out after a fill came"),
    ("partly_filled", "not_found"): Move("unknown", "the venue lost an order that it had filled: ask again"),

    ("unknown", "accepted"): Move("working"),                # it did arrive
    ("unknown", "part_filled"): Move("partly_filled"),
    ("unknown", "filled"): Move("filled"),
    ("unknown", "over_filled"): Move("filled", _OVER),
    ("unknown", "cancelled"): Move("cancelled"),
    ("unknown", "rejected"): Move("rejected"),               # the definitive reply, late
    ("unknown", "expired"): Move("expired"),
    ("unknown", "no_answer"): Move("unknown", "still no answer"),
    ("unknown", "not_found"): Move("never_accepted"),

    ("filled", "accepted"): Move("filled"),                  # hubs reorder: the accept of a market order
    ("filled", "part_filled"): Move("filled", _GHOST),
    ("filled", "filled"): Move("filled", _GHOST),            # a duplicate by id never gets here
    ("filled", "over_filled"): Move("filled", _OVER),
    ("filled", "cancelled"): Move("filled", "the cancel lost its race against the fill"),
    ("filled", "rejected"): Move("filled", "rejected after it was filled: reconcile"),
    ("filled", "expired"): Move("filled", "expired after it was filled"),
    ("filled", "no_answer"): Move("filled", "a timer ran out after the fill came"),
    ("filled", "not_found"): Move("filled", "filled, and the venue knows it no more"),

    ("cancelled", "accepted"): Move("cancelled", _LATE),
    # a resting order can trade between the venue's cancel report and the hub's fill
    ("cancelled", "part_filled"): Move("cancelled", _GHOST),
    ("cancelled", "filled"): Move("cancelled", _GHOST),
    ("cancelled", "over_filled"): Move("cancelled", _OVER),
    ("cancelled", "cancelled"): Move("cancelled", _LATE),
    ("cancelled", "rejected"): Move("cancelled", _LATE),
    ("cancelled", "expired"): Move("cancelled", _LATE),
    ("cancelled", "no_answer"): Move("cancelled", _LATE),
    ("cancelled", "not_found"): Move("cancelled", _LATE),

    ("rejected", "accepted"): Move("rejected", "accepted after it was rejected: it may work; reconcile"),
    # a refused place can carry a real order id on TopstepX, so a fill here is money
    ("rejected", "part_filled"): Move("rejected", _GHOST),
    ("rejected", "filled"): Move("rejected", _GHOST),
    ("rejected", "over_filled"): Move("rejected", _OVER),
    ("rejected", "cancelled"): Move("rejected", _LATE),
    ("rejected", "rejected"): Move("rejected", _LATE),
    ("rejected", "expired"): Move("rejected", _LATE),
    ("rejected", "no_answer"): Move("rejected", _LATE),
    ("rejected", "not_found"): Move("rejected", _LATE),

    ("expired", "accepted"): Move("expired", _LATE),
    ("expired", "part_filled"): Move("expired", _GHOST),
    ("expired", "filled"): Move("expired", _GHOST),
    ("expired", "over_filled"): Move("expired", _OVER),
    ("expired", "cancelled"): Move("expired", _LATE),
    ("expired", "rejected"): Move("expired", _LATE),
    ("expired", "expired"): Move("expired", _LATE),
    ("expired", "no_answer"): Move("expired", _LATE),
    ("expired", "not_found"): Move("expired", _LATE),

    # a request can lie in the network for a minute: what was never accepted may turn up after all
    ("never_accepted", "accepted"): Move("never_accepted", _TURNED_UP),
    ("never_accepted", "part_filled"): Move("never_accepted", _GHOST),
    ("never_accepted", "filled"): Move("never_accepted", _GHOST),
    ("never_accepted", "over_filled"): Move("never_accepted", _OVER),
    ("never_accepted", "cancelled"): Move("never_accepted", _LATE),
    ("never_accepted", "rejected"): Move("never_accepted", "the venue refused it, late"),
    ("never_accepted", "expired"): Move("never_accepted", _LATE),
    ("never_accepted", "no_answer"): Move("never_accepted", _LATE),
    ("never_accepted", "not_found"): Move("never_accepted", _LATE),
}


def next_state(state: OrderState, happening: Happening) -> Move:
    """Tell what becomes of an order.

    Parameters
    ----------
    state
        The order's state before.
    happening
        What the venue reported, or `no_answer` when the answer's time ran out.

    Examples
    --------
    >>> next_state("working", "cancelled")
    Move(state='cancelled', surprise='')
    >>> next_state("filled", "cancelled").state
    'filled'
    """
    return TABLE[state, happening]


def fill_happening(ordered_steps: int, filled_steps: int) -> Happening:
    """Name a fill by what is filled after it, duplicates by id left out by the caller.

    >>> fill_happening(3, 2), fill_happening(3, 3), fill_happening(3, 4)
    ('part_filled', 'filled', 'over_filled')
    """
    if filled_steps < ordered_steps:
        return "part_filled"
    return "filled" if filled_steps == ordered_steps else "over_filled"
