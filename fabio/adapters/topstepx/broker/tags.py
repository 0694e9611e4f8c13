"""Order tags: which of the venue's orders are ours, and what each of them is.

A tag is a pure function of our order's id and of a short name of the agent's world, so that it
can be made again after any crash, and the same order can never be placed twice: the venue
refuses a tag that was used.

| order | tag |
| --- | --- |
| the entry | `WORLD-ORDER` |
| its bracket's children, named by the venue | `WORLD-ORDER-SL`, `WORLD-ORDER-TP` |
| a stop of its own, the n-th of this order | `WORLD-ORDER-Sn` |

Everything else is foreign: another world's, a person's, another program's. It is never touched.
"""

import re

import msgspec

from fabio.adapters.topstepx.rest.requests import LONGEST_TAG
from fabio.model.order import Leg

LONGEST_WORLD = 12
MOST_STOPS = 999
LONGEST_ENTRY_TAG = LONGEST_TAG - len(f"-S{MOST_STOPS}")

_WORLD = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_ORDER = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
_LIKE_A_CHILD = re.compile(r".*-(?:SL|TP|S\d*)", re.ASCII)
_CHILD = re.compile(r"(.+)-(?:(SL)|(TP)|S([1-9]\d{0,2}))", re.ASCII)


class Tag(msgspec.Struct, frozen=True):
    """What a tag of ours says.

    Parameters
    ----------
    order_id
        Of our entry.
    native
        Whether it is the entry or a child of its own bracket; False for a stop of its own.
    number
        Which stop of its own it is, from 1; 0 for all else.
    """

    order_id: str
    leg: Leg
    native: bool = True
    number: int = 0


class Tags:
    """Writes and reads the tags of one world.

    Parameters
    ----------
    world
        Names this agent's records among all that ever traded the account: 1 to 12 letters and digits.
        Two agents with one world would take each other's orders for their own.

    Raises
    ------
    ValueError
        If the world is no such name.

    Examples
    --------
    >>> tags = Tags("fab7")
    >>> tags.entry("O261120-3")
    'fab7-O261120-3'
    >>> tags.read("fab7-O261120-3-SL")
    Tag(order_id='O261120-3', leg='stop', native=True, number=0)
    >>> tags.read("somebody-else") is None
    True
    """

    def __init__(self, world: str) -> None:
        if not (_WORLD.fullmatch(world) and len(world) <= LONGEST_WORLD):
            raise ValueError(f"world {world!r}: expected 1 to {LONGEST_WORLD} letters and digits")
        self.world = world
        self._start = f"{world}-"

    def entry(self, order_id: str) -> str:
        """Give the tag of an entry.

        Raises
        ------
        ValueError
            If the id cannot be read back from a tag, or is too long for one.
        """
        if not _ORDER.fullmatch(order_id) or _LIKE_A_CHILD.fullmatch(order_id):
            raise ValueError(f"order id {order_id!r}: expected letters, digits, `.`, `_`, `:`, `-`, and not the end "
                             "of a child's tag (-SL, -TP, -S1)")
        tag = self._start + order_id
        if len(tag) > LONGEST_ENTRY_TAG:
            raise ValueError(f"order id {order_id!r}: its tag has {len(tag)} characters, {LONGEST_ENTRY_TAG} fit")
        return tag

    def stop(self, order_id: str, number: int) -> str:
        """Give the tag of the n-th stop of its own that protects an entry.

        Raises
        ------
        ValueError
            As `entry`; and if the number is not 1 to 999.
        """
        if not 1 <= number <= MOST_STOPS:
            raise ValueError(f"stop number {number} of {order_id}: expected 1 to {MOST_STOPS}")
        return f"{self.entry(order_id)}-S{number}"

    def read(self, text: str | None) -> Tag | None:
        """Say what a tag means; None where it is not one of ours, or there is none."""
        if text is None or len(text) > LONGEST_TAG or not text.startswith(self._start):
            return None
        rest = text[len(self._start):]
        leg: Leg = "entry"
        number = 0
        if child := _CHILD.fullmatch(rest):
            rest = child[1]
            leg = "target" if child[3] else "stop"
            number = int(child[4] or 0)
        if not _ORDER.fullmatch(rest) or _LIKE_A_CHILD.fullmatch(rest):
            return None
        return Tag(rest, leg, native=number == 0, number=number)
