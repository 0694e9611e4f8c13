"""Bars of a whole span, in pages backwards from its end."""

import msgspec

from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.rest.endpoints import BarsQuery, Rest, bar_start_ns

MOST_PAGES = 20


class Bars(msgspec.Struct, frozen=True):
    """Bars, oldest first, none twice; `complete` is False where the pages ran out before the span's start."""

    bars: tuple[Bar, ...]
    complete: bool


async def retrieve_bars(rest: Rest, query: BarsQuery, most_pages: int = MOST_PAGES) -> Bars:
    """Fetch all bars that begin in `[start_ns, end_ns)`.

    A page holds the newest bars before its end, so each next one ends where the last one began.
    Whether that end is in the page is not published: a bar that comes twice is taken once. A short
    page is not taken for the last one, only a page without anything new is.

    Raises
    ------
    What `Rest.bars` raises; `PermanentError` with code 1 also where `live` does not fit the account.
    """
    found: dict[int, Bar] = {}  # start_ns -> bar
    end_ns = query.end_ns
    for _ in range(most_pages):
        page = await rest.bars(msgspec.structs.replace(query, end_ns=end_ns))
        new = {start_ns: bar for bar in page if (start_ns := bar_start_ns(bar)) not in found}
        if not new:
            return _within(query, found, complete=True)
        found.update(new)
        end_ns = min(new)
        if end_ns <= query.start_ns:
            return _within(query, found, complete=True)
    return _within(query, found, complete=False)


def _within(query: BarsQuery, found: dict[int, Bar], complete: bool) -> Bars:
    starts_ns = sorted(start_ns for start_ns in found if query.start_ns <= start_ns < query.end_ns)
    return Bars(tuple(found[start_ns] for start_ns in starts_ns), complete)
