"""The other drawings of a report: equity with its drawdown, what signals made, strategies' states, cost."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from fabio.learning.report.svg import (
    Safe,
    TimeScale,
    ValueScale,
    drawing,
    hint,
    joined,
    line_path,
    tag,
    time_axis,
    value_axis,
)

_LANE, _STEP_ROW = 26, 40


def equity_chart(equity: Mapping[str, Any], scale: TimeScale, zone: ZoneInfo, size: tuple[int, int]) -> Safe:
    """Draw the account over time, and below it how far it stood under its highest point."""
    width, height = size
    left, right = scale(scale.first_ns), scale(scale.last_ns)
    split, bottom = height * 0.68, height - 24.0
    value = ValueScale(min(equity["equity"]), max(equity["equity"]), 10, split - 12)
    points = [(scale(at), value(usd)) for at, usd in zip(equity["ts_ns"], equity["equity"], strict=True)]
    start_y = value(equity["equity"][0])
    fall = ValueScale(min(equity["deepest"], -1.0), 0, split + 6, bottom, padding=0)
    under = [(scale(at), fall(usd)) for at, usd in zip(equity["ts_ns"], equity["drawdown"], strict=True)]
    area = [(under[0][0], fall(0)), *under, (under[-1][0], fall(0))]
    return drawing(
        width, height, "equity and drawdown",
        value_axis(value, left, right, max(2, height // 70)), time_axis(scale, zone, 10, bottom, 52),
        tag("line", class_="start", x1=left, x2=right, y1=start_y, y2=start_y),
        tag("path", class_="equity-area", d=line_path([(left, start_y), *points, (right, start_y)], close=True)),
        tag("path", class_="equity", d=line_path(points)),
        tag("path", hint(f"deepest {equity['deepest']:,.2f} USD"), class_="drawdown", d=line_path(area, close=True)),
        tag("line", class_="start", x1=left, x2=right, y1=fall(0), y2=fall(0)),
        tag("text", f"{equity['deepest']:,.0f}", class_="tick", x=left - 6, y=bottom, text_anchor="end"),
        tag("text", "drawdown", class_="tick", x=left + 4, y=bottom - 4),
    )


def _steps(points: Sequence[tuple[float, float]], right: float) -> str:
    """Write a path that holds each value until the next."""
    path: list[tuple[float, float]] = []
    for x, y in points:
        if path:
            path.append((x, path[-1][1]))
        path.append((x, y))
    path.append((right, path[-1][1]))
    return line_path(path)


def outcome_chart(
    outcomes: Sequence[Sequence[Any]], changes: Sequence[Mapping[str, Any]], scale: TimeScale, zone: ZoneInfo,
    size: tuple[int, int],
) -> Safe:
    """Draw the summed R of signals that were taken and of those that were not, with the changes between them."""
    width, height = size
    left, right = scale(scale.first_ns), scale(scale.last_ns)
    sums: dict[bool, list[tuple[int, float]]] = {True: [(scale.first_ns, 0.0)], False: [(scale.first_ns, 0.0)]}
    for ts_ns, _, r_multiple, taken in outcomes:
        sums[taken].append((ts_ns, sums[taken][-1][1] + r_multiple))
    every = [total for points in sums.values() for _, total in points]
    value = ValueScale(min(every), max(every), 12, height - 24.0)
    lines = [
        tag("path", hint(words), class_=kind,
            d=_steps([(scale(at), value(total)) for at, total in sums[taken]], right))
        for taken, kind, words in ((False, "not-taken", "signals that were not taken (shadows)"),
                                   (True, "taken", "signals that were traded"))
    ]
    return drawing(
        width, height, "summed R of signals taken and not taken",
        value_axis(value, left, right, 4, decimals=1), time_axis(scale, zone, 12, height - 24.0, 52),
        tag("line", class_="start", x1=left, x2=right, y1=value(0), y2=value(0)),
        joined(_change_mark(each, scale, 12, height - 24.0) for each in changes), *lines,
    )


def _change_mark(change: Mapping[str, Any], scale: TimeScale, top: float, bottom: float) -> Safe:
    x = scale(change["ts_ns"])
    words = hint(f"{change['strategy']} changed by {change['source']}: {change['reason']}")
    return tag("line", words, class_=f"change {source_class(change['source'])}", x1=x, x2=x, y1=top, y2=bottom)


def source_class(source: str) -> str:
    """Give the class that colours who changed something."""
    return f"by-{source}" if source in ("rules", "operator") else "by-model"


def states_chart(
    states: Mapping[str, Mapping[str, Sequence[Sequence[Any]]]], changes: Sequence[Mapping[str, Any]],
    scale: TimeScale, zone: ZoneInfo, size: tuple[int, int],
) -> Safe:
    """Draw each strategy's lane, on or off, and below it every parameter that moved; `size` has the width alone."""
    width, _ = size
    left, right = scale(scale.first_ns), scale(scale.last_ns)
    y, parts = 4.0, []
    for name, parameters in states.items():
        parts.append(tag("text", name, class_="lane-name", x=4, y=y + 11))
        y += 17
        lane = list(parameters.get("enabled", ()))
        ends = [point[0] for point in lane[1:]] + [scale.last_ns]
        for (ts_ns, enabled), end in zip(lane, ends, strict=False):
            x = scale(ts_ns)
            parts.append(tag("rect", hint("enabled" if enabled else "disabled"),
                             class_="lane on" if enabled else "lane off", x=x, y=y, width=max(scale(end) - x, 0.5),
                             height=9.0))
        parts += [_diamond(each, scale, y + 4.5) for each in changes if each["strategy"] == name]
        y += _LANE - 8
        for parameter, points in parameters.items():
            numbers = [(at, each) for at, each in points if isinstance(each, int | float)]
            if parameter != "enabled" and len(points) > 1 and numbers:
                parts.append(_parameter(parameter, numbers, scale, y))
                y += _STEP_ROW
        y += 4
    return drawing(width, y + 20, "strategies over time: on or off, and their parameters",
                   time_axis(scale, zone, 2, y, 52), *parts,
                   tag("line", class_="start", x1=left, x2=right, y1=y, y2=y))


def _parameter(name: str, points: Sequence[tuple[int, float]], scale: TimeScale, y: float) -> Safe:
    value = ValueScale(min(each for _, each in points), max(each for _, each in points), y + 4, y + _STEP_ROW - 12)
    path = [(scale(at), value(number)) for at, number in points]
    right = scale(scale.last_ns)
    first, last = points[0][1], points[-1][1]
    return joined((
        tag("text", f"{name}: {first:g} to {last:g}", class_="tick", x=8, y=y + 9),
        tag("path", hint(name), class_="parameter", d=_steps(path, right)),
    ))


def _diamond(change: Mapping[str, Any], scale: TimeScale, y: float) -> Safe:
    x = scale(change["ts_ns"])
    shape = line_path([(x, y - 6), (x + 5, y), (x, y + 6), (x - 5, y)], close=True)
    words = hint(f"{change['source']}: {change['reason']}")
    return tag("path", words, class_=f"diamond {source_class(change['source'])}", d=shape)


def cost_chart(points: Sequence[Sequence[Any]], scale: TimeScale, zone: ZoneInfo, size: tuple[int, int]) -> Safe:
    """Draw what the model has cost so far."""
    width, height = size
    left, right = scale(scale.first_ns), scale(scale.last_ns)
    value = ValueScale(0, max(usd for _, usd in points), 10, height - 24.0)
    path = [(left, value(0)), *((scale(at), value(usd)) for at, usd in points)]
    return drawing(width, height, "cost of the model, summed", value_axis(value, left, right, 3, decimals=4),
                   time_axis(scale, zone, 10, height - 24.0, 52),
                   tag("path", class_="equity", d=_steps(path, right)))
