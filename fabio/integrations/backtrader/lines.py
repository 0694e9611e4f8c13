"""Which lines of a run are recorded: the bars of every feed and every indicator, nested ones too."""

from collections.abc import Iterator
from typing import Any, NamedTuple

INDICATOR_LINES_AT_MOST = 256
"""Lines of indicators that are recorded; further ones are counted and left out."""
_DEEP = 12
"""Indicators inside indicators are followed this far."""
_CHAIN = 64
"""Clocks of clocks are followed this far."""


class Feed(NamedTuple):
    """One data feed: its symbol, unique in the run, and its lines but the time, by name."""

    symbol: str
    data: Any
    lines: dict[str, Any]


class IndicatorLine(NamedTuple):
    """One line of an indicator.

    Parameters
    ----------
    name
        Unique in the run: `fast`, `macd.signal`, `macd/ExponentialMovingAverage(12)`.
    line
        Backtrader's line buffer.
    top
        The indicator of the strategy that it is, or is a part of.
    """

    name: str
    line: Any
    top: Any


class Names:
    """Gives each name once; the second asker gets `name#2`."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def unique(self, name: str) -> str:
        """Return `name`, or `name#N` where it is taken."""
        count = self._given[name] = self._given.get(name, 0) + 1
        return name if count == 1 else self.unique(f"{name}#{count}")


def find_feeds(datas: list[Any]) -> list[Feed]:
    """List the feeds with their symbols: the feed's name, else `data0`, `data1`, ..."""
    names, feeds = Names(), []
    for number, data in enumerate(datas):
        aliases = data.getlinealiases()
        lines = {alias: data.lines[place] for place, alias in enumerate(aliases) if alias and alias != "datetime"}
        feeds.append(Feed(names.unique(str(getattr(data, "_name", "") or f"data{number}")), data, lines))
    return feeds


def find_indicators(strategy: Any) -> tuple[list[IndicatorLine], int]:
    """List the lines of all indicators of `strategy`, and count those beyond the limit.

    Arithmetic on lines (`self.gap = self.fast - self.slow`) counts where the strategy gives it a name; the
    arithmetic inside an indicator does not.
    """
    called = dict(_attributes(strategy))
    names = Names()
    found: list[IndicatorLine] = []
    seen: set[int] = set()

    def walk(indicator: Any, prefix: str, top: Any, depth: int) -> None:
        if id(indicator) in seen or depth > _DEEP:
            return
        seen.add(id(indicator))
        name = names.unique(prefix + (called.get(id(indicator)) or _class_name(indicator)))
        for suffix, line in _lines_of(indicator):
            found.append(IndicatorLine(name + suffix, line, top))
        for nested in _nested(indicator):
            walk(nested, f"{name}/", top, depth + 1)

    tops = [top for top in strategy.getindicators() if _is_indicator(top) or id(top) in called]
    seen.update(id(top) for top in tops)  # one that is a part of another is listed by itself
    for top in tops:
        seen.discard(id(top))
        walk(top, "", top, 0)
    return found[:INDICATOR_LINES_AT_MOST], max(0, len(found) - INDICATOR_LINES_AT_MOST)


def feed_behind(indicator: Any, feeds: list[Feed]) -> int | None:
    """Number the feed whose bars an indicator counts; None where that cannot be told."""
    places = {id(feed.data): place for place, feed in enumerate(feeds)}
    places.update({id(line): place for place, feed in enumerate(feeds) for line in feed.data.lines.lines})
    clock = indicator
    for _ in range(_CHAIN):
        if id(clock) in places:
            return places[id(clock)]
        following = getattr(clock, "_clock", None)
        if following is None or following is clock:
            own = getattr(getattr(clock, "lines", None), "lines", None) or [None]
            return places.get(id(own[0]))
        clock = following
    return None


def _attributes(strategy: Any) -> Iterator[tuple[int, str]]:
    """Yield what a strategy's attributes hold, one list or dict deep, with the name a reader would use."""
    for name, value in vars(strategy).items():
        if name.startswith("_"):
            continue
        if isinstance(value, dict):
            for key, item in value.items():
                yield id(item), f"{name}[{getattr(key, '_name', None) or key if _plain(key) else '?'}]"
        elif isinstance(value, (list, tuple)):
            for place, item in enumerate(value):
                yield id(item), f"{name}[{place}]"
        else:
            yield id(value), name


def _plain(key: object) -> bool:
    """Tell whether a key can be shown: Backtrader's lines have no short text, feeds have a name."""
    return isinstance(key, (str, int)) or isinstance(getattr(key, "_name", None), str)


def _class_name(indicator: Any) -> str:
    values: list[Any] = getattr(getattr(indicator, "p", None), "_getvalues", list)()
    shown = [f"{value:g}" for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    name = type(indicator).__name__.lstrip("_")
    return f"{name}({','.join(shown)})" if shown else name


def _lines_of(indicator: Any) -> Iterator[tuple[str, Any]]:
    aliases = getattr(indicator.lines, "getlinealiases", None)
    lines = getattr(indicator.lines, "lines", indicator.lines)
    if aliases is None or len(lines) == 1:
        yield "", lines[0]
        return
    named = aliases()
    for place, line in enumerate(lines):
        yield f".{named[place] if place < len(named) and named[place] else place}", line


def _nested(indicator: Any) -> list[Any]:
    inner = getattr(indicator, "_lineiterators", None)
    return [] if inner is None else [known for known in inner.get(indicator.IndType, ()) if _is_indicator(known)]


def _is_indicator(known: Any) -> bool:
    return hasattr(known.lines, "getlinealiases")
