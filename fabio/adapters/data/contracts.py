"""Dated contracts: `NQM5`, `NQM25`, `NQ 06-25` are the June 2025 contract of NQ."""

import re
from collections.abc import Collection
from typing import NamedTuple

MONTH_CODES = "FGHJKMNQUVXZ"
"""January to December, as futures exchanges write them."""

_CODED = re.compile(rf"^(.+?)\s?([{MONTH_CODES}])(\d{{1,2}})$", re.ASCII)
_NUMBERED = re.compile(r"^(.+?)\s(\d{2})-(\d{2})$", re.ASCII)


class Contract(NamedTuple):
    """One expiry; `year` is its last one or two digits, as written."""

    root: str
    month: str
    year: str

    def __str__(self) -> str:
        return self.root + self.month + self.year

    def same_as(self, other: "Contract") -> bool:
        """Tell whether both name one expiry; `5` and `25` are the same year.

        >>> Contract("NQ", "M", "5").same_as(Contract("NQ", "M", "25"))
        True
        """
        return (self.root, self.month) == (other.root, other.month) and (
            self.year.endswith(other.year) or other.year.endswith(self.year)
        )


def parse_contract(text: str, roots: Collection[str]) -> Contract | None:
    """Read a contract of one of `roots`; None if it is anything else (a spread, another product).

    >>> parse_contract("NQM5", {"NQ"})
    Contract(root='NQ', month='M', year='5')
    >>> parse_contract("NQ 06-25", {"NQ"})
    Contract(root='NQ', month='M', year='25')
    >>> parse_contract("NQM5-NQU5", {"NQ"}) is None
    True
    """
    word = text.strip().upper()
    coded = _CODED.match(word)
    if coded and coded[1] in roots:
        return Contract(coded[1], coded[2], coded[3])
    numbered = _NUMBERED.match(word)
    if numbered and numbered[1] in roots and 1 <= int(numbered[2]) <= 12:
        return Contract(numbered[1], MONTH_CODES[int(numbered[2]) - 1], numbered[3])
    return None
