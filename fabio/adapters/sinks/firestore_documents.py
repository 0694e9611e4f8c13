"""Rows as Firestore's documents, without a connection: where they lie, and what their fields hold.

    COLLECTION/AGENT                    whose records they are, and when the last one was made
    COLLECTION/AGENT/live/SYMBOL.TABLE  the last row of a table: what a screen listens to
    COLLECTION/AGENT/TABLE/RECORD_ID    every row

Money and prices are text: Firestore has no decimals. JSON is a map or a list; where Firestore has no such thing
(lists in lists, names like `__this__`, more than 20 levels, whole numbers above 64 bits), all of that field is text.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from fabio.adapters.sinks.checks import checked, time_of
from fabio.adapters.sinks.port import Row, Table

LIVE = frozenset({"decisions", "signals", "regimes", "predictions", "orders", "order_states", "fills", "trades",
                  "strategy_changes", "notes"})
"""Tables whose last row is kept at hand; the decision's has the portfolio with its positions."""
Document = dict[str, Any]
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_DEEPEST = 18  # of 20: the field itself is a level, and so is the document
_INT64 = 1 << 63


def document(table: Table, row: Row) -> Document:
    """Give a row's fields; a column without a value is null.

    Raises
    ------
    RowsRefused
        If a value is not what its column's kind says.
    """
    made: Document = {}
    for column in table.columns:
        value: Any = checked(table, row, column)
        if value is not None and column.kind == "time":
            value = time_of(value)
        elif value is not None and column.kind == "float":
            value = float(value)
        elif value is not None and column.kind == "json":
            nested = orjson.loads(value)
            value = nested if _holds(nested, _DEEPEST, in_list=False) else value
        made[column.name] = value
    return made


def place_of(text: str) -> str:
    """Write a text as a name of Firestore's, each another one.

    >>> place_of("6d3a5af5:D1/trend"), place_of("100%"), place_of(".."), place_of("__all__"), place_of("")
    ('6d3a5af5:D1%2Ftrend', '100%25', '%2E.', '%5F_all__', '%')
    """
    name = text.replace("%", "%25").replace("/", "%2F")
    if name in (".", "..") or _RESERVED.fullmatch(name):
        return f"%{ord(name[0]):02X}{name[1:]}"
    return name or "%"


def _holds(value: Any, levels: int, *, in_list: bool) -> bool:
    """Tell whether Firestore can hold a value as it is."""
    if isinstance(value, list):
        return levels > 0 and not in_list and all(_holds(each, levels - 1, in_list=True) for each in value)
    if isinstance(value, Mapping):
        return levels > 0 and all(
            name and len(name.encode()) <= 1_500 and not _RESERVED.fullmatch(name)
            and _holds(each, levels - 1, in_list=False) for name, each in value.items())
    return not isinstance(value, int) or -_INT64 <= value < _INT64
