"""Small parts of a drawing: text that is escaped, scales, ticks, paths. No colour: classes name what a thing is."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

NS = 1_000_000_000
_STEPS_MIN = (5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 10_080, 20_160, 43_200)


class Safe(str):
    """Text that is HTML already; everything else is escaped before it gets in."""

    __slots__ = ()


def safe(value: object) -> Safe:
    """Make a value harmless, unless it is HTML of ours."""
    return value if isinstance(value, Safe) else Safe(escape(str(value), quote=True))


def joined(parts: Iterable[object], between: str = "") -> Safe:
    """Put parts together, each made harmless."""
    return Safe(between.join(safe(part) for part in parts))


def tag(name: str, *inside: object, **attributes: object) -> Safe:
    """Write an element; `class_` is its class, `stroke_width` becomes `stroke-width`.

    >>> tag("b", "<i>", class_="x")
    '<b class="x">&lt;i&gt;</b>'
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe(_short(value))}"' for key, value in attributes.items()
    )
    return Safe(f"<{name}{said}>{joined(inside)}</{name}>")


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def hint(text: str) -> Safe:
    """Give the words that appear when a pointer rests on a mark."""
    return tag("title", text)


def line_path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """Write the path through points; closed, it is an area."""
    steps = [f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points)]
    return "".join(steps) + ("Z" if close and steps else "")


class TimeScale:
    """Time to pixels; hours in which nothing traded shrink to a sliver.

    Parameters
    ----------
    ts_ns
        When something traded, ascending; empty: time runs evenly.
    first_ns, last_ns
        The ends of the picture.
    left, right
        Pixels.
    longest_gap_ns
        What remains of a pause.
    """

    def __init__(
        self, ts_ns: Sequence[int], first_ns: int, last_ns: int, left: float, right: float,
        longest_gap_ns: int = 600 * NS,
    ) -> None:
        inner = [each for each in ts_ns if first_ns < each < last_ns]
        self._at = [first_ns, *inner, max(last_ns, first_ns + 1)]
        self._run = [0]
        gap_ns = longest_gap_ns if inner else self._at[-1] - first_ns
        for before, after in zip(self._at, self._at[1:], strict=False):
            self._run.append(self._run[-1] + min(after - before, gap_ns))
        self._longest_gap_ns = gap_ns
        self._left, self._scale = left, (right - left) / max(self._run[-1], 1)
        self.first_ns, self.last_ns = first_ns, last_ns

    def __call__(self, ts_ns: int) -> float:
        """Give the pixel of a time; a time outside is put on the edge."""
        place = min(max(bisect_right(self._at, ts_ns) - 1, 0), len(self._at) - 2)
        span = self._at[place + 1] - self._at[place]
        share = min(max((ts_ns - self._at[place]) / span, 0.0), 1.0) if span else 0.0
        run = self._run[place] + share * (self._run[place + 1] - self._run[place])
        return self._left + run * self._scale

    def ticks(self, zone: ZoneInfo, least_apart: float) -> list[tuple[float, str, bool]]:
        """Give pixel, label and whether it is a new day, for round wall times of a zone."""
        whole_px = self._run[-1] * self._scale
        wanted_min = self._run[-1] / 60 / NS * least_apart / max(whole_px, 1.0)
        step_min = next((each for each in _STEPS_MIN if each >= wanted_min), _STEPS_MIN[-1])
        found: list[tuple[float, str, bool]] = []
        at = datetime.fromtimestamp(self.first_ns // NS, tz=zone).replace(hour=0, minute=0, second=0, microsecond=0)
        end = datetime.fromtimestamp(self.last_ns // NS, tz=zone)
        seen_day = ""
        while at <= end:
            ts_ns = int(at.timestamp()) * NS
            x = self(ts_ns)
            if ts_ns >= self.first_ns and not self._in_gap(ts_ns) and (not found or x - found[-1][0] >= least_apart):
                day = f"{at.day} {at:%b}"
                found.append((x, day if day != seen_day else f"{at:%H:%M}", day != seen_day))
                seen_day = day
            at += timedelta(minutes=step_min)
        return found

    def _in_gap(self, ts_ns: int) -> bool:
        place = min(max(bisect_right(self._at, ts_ns) - 1, 0), len(self._at) - 2)
        return self._at[place + 1] - self._at[place] > self._longest_gap_ns


class ValueScale:
    """Values to pixels, from `bottom` up to `top`."""

    def __init__(self, low: float, high: float, top: float, bottom: float, padding: float = 0.06) -> None:
        room = (high - low) * padding if high > low else max(abs(high) * 0.001, 1.0)
        self.low, self.high = low - room, high + room
        self._top, self._bottom = top, bottom

    def __call__(self, value: float) -> float:
        """Give the pixel of a value; outside, the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self._bottom - share * (self._bottom - self._top)

    def ticks(self, count: int) -> list[float]:
        """Give about `count` round values.

        >>> ValueScale(0, 100, 0, 100, padding=0).ticks(4)
        [0.0, 25.0, 50.0, 75.0, 100.0]
        """
        raw = (self.high - self.low) / max(count, 1)
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(each * size for each in (1, 2, 2.5, 5, 10) if each * size >= raw * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(place * step, 10) for place in range(first, last + 1)]


def time_axis(scale: TimeScale, zone: ZoneInfo, top: float, bottom: float, least_apart: float) -> Safe:
    """Draw the upright lines of round times, labelled under `bottom`."""
    return joined(
        joined((tag("line", class_="grid day" if is_day else "grid", x1=x, x2=x, y1=top, y2=bottom),
                tag("text", label, class_="tick day" if is_day else "tick", x=x, y=bottom + 15, text_anchor="middle")))
        for x, label, is_day in scale.ticks(zone, least_apart)
    )


def value_axis(scale: ValueScale, left: float, right: float, count: int, decimals: int = 0) -> Safe:
    """Draw the level lines of round values, labelled to the left."""
    return joined(
        joined((tag("line", class_="grid", x1=left, x2=right, y1=scale(value), y2=scale(value)),
                tag("text", f"{value:,.{decimals}f}", class_="tick", x=left - 6, y=scale(value) + 3.5,
                    text_anchor="end")))
        for value in scale.ticks(count)
    )


def drawing(width: int, height: float, label: str, *inside: object) -> Safe:
    """Put a drawing of our own together."""
    return tag("svg", *inside, class_="chart", viewBox=f"0 0 {width} {height:.0f}", role="img", aria_label=label,
               xmlns="http://www.w3.org/2000/svg")
