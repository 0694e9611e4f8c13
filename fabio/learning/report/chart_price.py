"""Price with what was thought of it and done in it: regime bands, profiles, trades, refused signals."""

from collections.abc import Sequence
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

REGIMES = ("trend", "range", "volatile", "chop", "unclear")
MOST_NUMBERS = 40
"""With more trades than this their numbers would only cover each other."""
_STRIP = 9


def regime_class(label: str) -> str:
    """Give the class that colours a regime; a label of somebody else's is grey."""
    return f"r-{label}" if label in REGIMES else "r-unclear"


def price_chart(
    market: dict[str, Any], trades: Sequence[dict[str, Any]], refused: Sequence[dict[str, Any]],
    marks: Sequence[dict[str, Any]], scale: TimeScale, zone: ZoneInfo, size: tuple[int, int],
) -> Safe:
    """Draw one market.

    Parameters
    ----------
    market
        Of the report; it has bars.
    trades, refused
        Of this market, as in the report.
    scale
        Its left and right edge leave room for prices and for the profile.
    size
        Width and height, pixels.
    """
    width, height = size
    left, right = scale(scale.first_ns), scale(scale.last_ns)
    top, bottom = 24.0, height - 24.0
    prices = [*market["low"], *market["high"], *(each["entry_price"] for each in trades),
              *(each["exit_price"] for each in trades)]
    value = ValueScale(min(prices), max(prices), top, bottom)
    closes = [(scale(at), value(close)) for at, close in zip(market["ts_ns"], market["close"], strict=True)]
    highs = [(scale(at), value(high)) for at, high in zip(market["ts_ns"], market["high"], strict=True)]
    lows = [(scale(at), value(low)) for at, low in zip(market["ts_ns"], market["low"], strict=True)]
    return drawing(
        width, height, f"{market['symbol']}: price, regimes, profile and trades",
        _bands(market["regimes"], scale, top, bottom),
        value_axis(value, left, right, max(3, height // 60)), time_axis(scale, zone, top, bottom, 52),
        joined(_levels(each, scale, value) for each in market["sessions"]),
        _profiles(market["sessions"], scale, value, width),
        tag("path", class_="range", d=line_path([*highs, *reversed(lows)], close=True)),
        tag("path", class_="price", d=line_path(closes)),
        joined(_stop_mark(each, scale, top, bottom) for each in marks),
        joined(_cross(each, scale, value) for each in refused),
        joined(_trade(number if len(trades) <= MOST_NUMBERS else None, each, scale, value)
               for number, each in enumerate(trades, 1)),
    )


def _bands(regimes: Sequence[dict[str, Any]], scale: TimeScale, top: float, bottom: float) -> Safe:
    parts = []
    for each in regimes:
        x, end = scale(each["from_ns"]), scale(each["to_ns"])
        if end - x < 0.2:
            continue
        kind = regime_class(each["label"])
        way = f" {each['direction']}" if each["direction"] not in ("", "none") else ""
        words = hint(f"{each['label']}{way} (by {each['source']})")
        parts.append(tag("rect", class_=f"tint {kind}", x=x, y=top, width=end - x, height=bottom - top))
        parts.append(tag("rect", words, class_=f"strip {kind}", x=x, y=top - _STRIP - 4, width=end - x, height=_STRIP))
    return joined(parts)


def _levels(session: dict[str, Any], scale: TimeScale, value: ValueScale) -> Safe:
    x, end = scale(session["first_ns"]), scale(session["last_ns"])
    words = hint(f"session {session['date']}: value area {session['val']:,.2f} to {session['vah']:,.2f}, "
                 f"POC {session['poc']:,.2f} (of the whole session, known only at its end)")
    top, bottom = value(session["vah"]), value(session["val"])
    return joined((
        tag("rect", words, class_="value-area", x=x, y=top, width=max(end - x, 0.5), height=max(bottom - top, 0.5)),
        tag("line", class_="poc", x1=x, x2=end, y1=value(session["poc"]), y2=value(session["poc"])),
    ))


def _profiles(sessions: Sequence[dict[str, Any]], scale: TimeScale, value: ValueScale, width: int) -> Safe:
    """Draw the last session's volume by price in the gutter, with its three levels named."""
    if not sessions:
        return Safe("")
    last = sessions[-1]
    left, most = scale(scale.last_ns) + 6, max(volume for _, _, volume in last["rows"])
    room = width - left - (30 if width > 600 else 4)
    parts: list[Safe] = []
    for low, high, volume in last["rows"]:
        y, end = value(high), value(low)
        inside = low <= last["vah"] and high > last["val"]
        holds_poc = low <= last["poc"] < high
        kind = "at-poc" if holds_poc else "in-value" if inside else "outside"
        words = hint(f"{low:,.2f} to {high:,.2f}: {volume:,.0f} traded")
        parts.append(tag("rect", words, class_=f"row {kind}", x=left, y=y, width=max(room * volume / most, 0.5),
                         height=max(end - y - 0.6, 0.6)))
    taken: list[float] = []
    for name in ("poc", "vah", "val"):
        y = value(last[name]) + 3.5
        if all(abs(y - other) > 11 for other in taken):
            taken.append(y)
            parts.append(tag("text", name.upper(), class_="level", x=width - 3, y=y, text_anchor="end"))
    return joined(parts)


def _stop_mark(mark: dict[str, Any], scale: TimeScale, top: float, bottom: float) -> Safe:
    x = scale(mark["ts_ns"])
    return tag("line", hint(f"{mark['what']}: {mark['reason']}"), class_="halt", x1=x, x2=x, y1=top, y2=bottom)


def _cross(each: dict[str, Any], scale: TimeScale, value: ValueScale) -> Safe:
    x, y = scale(each["ts_ns"]), value(each["price"])
    words = hint(f"refused: {each['strategy']} {each['side']} at {each['price']:,.2f} by "
                 f"{', '.join(each['refused_by'])} ({each['id']})")
    shape = (line_path([(x - 3.5, y - 3.5), (x + 3.5, y + 3.5)]) + line_path([(x - 3.5, y + 3.5), (x + 3.5, y - 3.5)]))
    return tag("path", words, class_="refused", d=shape)


def _trade(number: int | None, trade: dict[str, Any], scale: TimeScale, value: ValueScale) -> Safe:
    x, y = scale(trade["entry_ts_ns"]), value(trade["entry_price"])
    end, exit_y = scale(trade["exit_ts_ns"]), value(trade["exit_price"])
    kind = "gain" if trade["net_pnl"] > 0 else "loss"
    up = 1 if trade["side"] == "long" else -1
    triangle = line_path([(x, y - 5.5 * up), (x - 5, y + 4 * up), (x + 5, y + 4 * up)], close=True)
    words = hint(f"{trade['strategy']} {trade['side']} {trade['size']:g}: {trade['entry_price']:,.2f} to "
                 f"{trade['exit_price']:,.2f} ({trade['exit_leg']}), {trade['net_pnl']:+,.2f} USD ({trade['id']})")
    label = Safe("") if number is None else tag(
        "text", number, class_="number", x=x, y=y + (17 if up > 0 else -10), text_anchor="middle")
    return tag(
        "g", words, tag("line", class_="held", x1=x, y1=y, x2=end, y2=exit_y), tag("path", class_="entry", d=triangle),
        tag("circle", class_="exit", cx=end, cy=exit_y, r=3.2), label, class_=f"trade {kind}",
    )


def price_legend(market: dict[str, Any]) -> Safe:
    """Explain the marks, and say how long each regime was in force."""
    shares = [
        tag("span", tag("i", class_=f"swatch {regime_class(label)}"), f"{label} {share:.0%}")
        for label, share in market["regime_share"].items()
    ]
    shapes = (
        ("▲▼ entry long, short; ● exit", "key"), ("green won, red lost", "key"),
        ("× refused signal", "key refused-key"),
        ("shaded value area, dashed POC: of the whole session", "key"),
    )
    return tag("p", *shares, *(tag("span", words, class_=kind) for words, kind in shapes),
               class_="legend")
