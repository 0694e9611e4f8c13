"""The report as one page: no script, no network, everything that was recorded escaped.

The page forbids itself to load or run anything (`Content-Security-Policy`), so that even a mistake here
could not make a note act.
"""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from fabio.learning.report.chart_lines import equity_chart
from fabio.learning.report.chart_price import price_chart, price_legend
from fabio.learning.report.sections import (
    MOST_ROWS,
    cut,
    guards_section,
    learning_section,
    model_section,
    record_section,
    section,
)
from fabio.learning.report.style import STYLE
from fabio.learning.report.svg import Safe, TimeScale, joined, tag
from fabio.learning.report.words import (
    RISK_NAMES,
    bill,
    clock,
    coloured,
    count,
    number,
    percent,
    risk_value,
    table,
    usd,
)

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
WIDE, NARROW = 1080, 400
_Draw = Callable[[TimeScale, tuple[int, int]], Safe]


class Timeline:
    """Both widths of every drawing, on one axis of time."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.zone = ZoneInfo(report["zone"])
        times = sorted({at for market in report["markets"] for at in market["ts_ns"]})
        minutes = max((market["minutes"] for market in report["markets"]), default=1)
        gap_ns = max(600, 3 * minutes * 60) * 1_000_000_000
        self._scales = [
            (width, TimeScale(times, report["since_ns"], report["until_ns"], left, width - gutter, gap_ns))
            for width, left, gutter in ((WIDE, 62.0, 104.0), (NARROW, 52.0, 46.0))
        ]

    def draw(self, how: _Draw, wide_height: int, narrow_height: int) -> Safe:
        """Draw for wide windows and paper, and for narrow ones."""
        return joined(
            tag("div", how(scale, (width, height)), class_=kind)
            for (width, scale), height, kind in zip(
                self._scales, (wide_height, narrow_height), ("wide", "narrow"), strict=True)
        )


def page(report: dict[str, Any]) -> str:
    """Write the page."""
    timeline = Timeline(report)
    symbols = ", ".join(market["symbol"] for market in report["markets"])
    since, until = (clock(report[name], timeline.zone)[:16] for name in ("since_ns", "until_ns"))
    body = tag(
        "main", _header(report, symbols, timeline.zone), _said(report), _cards(report),
        _equity_section(report, timeline),
        *(_price_section(report, market, timeline) for market in report["markets"]),
        _trades_section(report, timeline.zone), guards_section(report), learning_section(report, timeline),
        model_section(report, timeline), _risk_section(report), record_section(report, timeline.zone),
    )
    head = joined((
        Safe('<meta charset="utf-8">'), Safe('<meta name="viewport" content="width=device-width,initial-scale=1">'),
        Safe(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        tag("title", f"fabio: {symbols}, {since} to {until}"), tag("style", Safe(STYLE)),
    ))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _header(report: dict[str, Any], symbols: str, zone: ZoneInfo) -> Safe:
    world = report["world"]
    told = ", ".join(f"{name} {world[name]}" for name in ("mode", "feed", "account") if world[name])
    span = f"{clock(report['since_ns'], zone)} to {clock(report['until_ns'], zone)} {report['zone']}"
    return tag("header", tag("h1", f"{symbols} · the last {report['hours']:g} hours"), tag("p", span),
               tag("p", f"{told or 'a world that does not say what it is'} · records in {report['logs']}"))


def _said(report: dict[str, Any]) -> Safe:
    parts = [tag("p", each, class_="said") for each in report["said"]]
    if not report["record"]["whole"]:
        problems = f"{count(len(report['record']['problems']), 'problem')}, named at the end of this page"
        parts.append(tag("p", f"The record is not whole: {problems}. What cannot be used is left out of every number.",
                         class_="said bad"))
    return joined(parts)


def _cards(report: dict[str, Any]) -> Safe:
    summary, risk, model = report["summary"], report["risk"]["window"], report["model"]
    net = summary["net_pnl"]
    cards = (
        (coloured(net, usd(net)), f"net P&L, USD; fees {usd(summary['fees'], signed=False)}"),
        (usd(summary["end_balance"], signed=False), "closed balance, USD"),
        (usd(report["equity"]["deepest"]), "deepest drawdown, USD, open P&L counted"),
        (summary["trades"],
         f"trades, {summary['wins']} won ({percent(risk['win_rate'])})" if summary["trades"] else "trades"),
        (number(risk["profit_factor"], ".2f"),
         ": ".join(("profit factor", *filter(None, (risk["reasons"].get("profit_factor"),))))),
        (usd(risk["expectancy"]), "expectancy, USD a trade"),
        (f"{summary['approved']} / {summary['signals']}", "signals approved / made"),
        (f"{model['asked']:,}", f"questions answered: {bill(model)}"),
    )
    return tag("div", *(tag("div", tag("b", value), tag("span", words), class_="card") for value, words in cards),
               class_="cards")


def _equity_section(report: dict[str, Any], timeline: Timeline) -> Safe:
    if not report["trades"]:
        balance = usd(report["summary"]["end_balance"], signed=False)
        words = f"No trade was closed, so the account stayed at {balance} USD."
        return section("Equity", tag("p", words, class_="muted"))
    equity = report["equity"]
    return section(
        "Equity and drawdown",
        timeline.draw(lambda scale, size: equity_chart(equity, scale, timeline.zone, size), 250, 260),
        tag("p", "Open trades are valued at each bar's close; fees are taken off when a trade closes. Hours in which "
                 "nothing traded are drawn as a sliver.", class_="note"),
    )


def _price_section(report: dict[str, Any], market: dict[str, Any], timeline: Timeline) -> Safe:
    symbol = market["symbol"]
    problem = tag("p", market["problem"], class_="said bad") if market["problem"] else Safe("")
    if not market["ts_ns"]:
        words = "" if market["problem"] else "No tick lies in these hours."
        return section(f"{symbol}: price", problem, tag("p", words, class_="muted") if words else "")
    trades = [each for each in report["trades"] if each["symbol"] == symbol]
    refused = [each for each in report["refused"] if each["symbol"] == symbol]

    def draw(scale: TimeScale, size: tuple[int, int]) -> Safe:
        return price_chart(market, trades, refused, report["marks"], scale, timeline.zone, size)

    bars = "one-minute bars" if market["minutes"] == 1 else f"bars of {market['minutes']} minutes"
    return section(f"{symbol}: price, regimes and trades", timeline.draw(draw, 460, 420), price_legend(market),
                   tag("p", f"Drawn from {len(market['ts_ns']):,} {bars} of the tape; the strip on top is the regime "
                            "in force. Rest the pointer on a mark to read it.", class_="note"), problem)


def _trades_section(report: dict[str, Any], zone: ZoneInfo) -> Safe:
    trades = report["trades"]
    if not trades:
        return Safe("")
    rows = [(
        place, clock(each["entry_ts_ns"], zone)[5:], f"{each['side']} {each['size']:g} {each['symbol']}",
        coloured(each["net_pnl"], usd(each["net_pnl"])), number(each["r_multiple"]), each["strategy"],
        f"{each['entry_price']:,.2f}", f"{each['exit_price']:,.2f}", each["exit_leg"], each["regime"], each["reason"],
    ) for place, each in enumerate(trades[:MOST_ROWS], 1)]
    columns = ("#", "entered", "what", "net USD|n", "R|n", "strategy", "entry|n", "exit|n", "by", "regime", "why|w")
    return section(f"Trades ({len(trades)})", table(columns, rows), cut(trades))


def _risk_section(report: dict[str, Any]) -> Safe:
    window, record = report["risk"]["window"], report["risk"]["record"]
    rows = [(
        RISK_NAMES[name], risk_value(name, window[name]), risk_value(name, record[name]),
        tag("span", window["reasons"].get(name) or record["reasons"].get(name, ""), class_="muted"),
    ) for name in RISK_NAMES]
    cautions = dict.fromkeys(each for each in (window["caution"], record["caution"]) if each)
    made_of = " ".join(
        f"{words}: {count(each['days'], 'trade date')}, {count(each['trades'], 'trade')}."
        for words, each in (("These hours", window), ("The whole record", record))
    )
    return section(
        "Risk", table(("", "these hours|n", "whole record|n", "why there is none|w"), rows), tag("p", made_of),
        *(tag("p", f"Keep in mind: {each}.", class_="note") for each in cautions),
        tag("p", "Daily returns are each trade date's net P&L over the balance it began with, for dates that began "
                 "within the hours; 252 days a year, no risk-free rate. Maximum drawdown is that of the days' ends. "
                 "The ratios are those of empyrical.", class_="note"),
    )
