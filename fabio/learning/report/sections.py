"""The longer sections of the page: guards, strategies and what was learned, the model, the record itself."""

from typing import Any, Protocol
from zoneinfo import ZoneInfo

from fabio.learning.report.chart_lines import cost_chart, outcome_chart, states_chart
from fabio.learning.report.svg import Safe, joined, tag
from fabio.learning.report.words import bill, clock, coloured, count, duration, number, percent, table, usd

MOST_ROWS = 200
"""Longer tables are cut, and say so; `fabio report --json` has everything."""


class Axis(Protocol):
    """What draws for wide windows and for narrow ones."""

    zone: ZoneInfo

    def draw(self, how: Any, wide_height: int, narrow_height: int) -> Safe:
        """Draw for both."""


def section(title: str, *inside: object) -> Safe:
    """Give a section of the page."""
    return tag("section", tag("h2", title), *inside)


def cut(rows: list[Any]) -> Safe:
    """Say what a table leaves out."""
    if len(rows) <= MOST_ROWS:
        return Safe("")
    return tag("p", f"The first {MOST_ROWS} of {len(rows):,}; --json has all.", class_="note")


def guards_section(report: dict[str, Any]) -> Safe:
    """Tell what each guard refused, and what its own refusals would have made."""
    guards = report["guards"]
    rows = [row for row in guards["rows"] if row["refused"]]
    if not report["summary"]["signals"]:
        return section("Guards", tag("p", "No signal was made, so no guard was asked.", class_="muted"))
    silent = [row["name"] for row in guards["rows"] if not row["refused"]]
    quiet = tag("p", f"Refused nothing: {', '.join(silent)}.", class_="note") if silent else Safe("")
    if not rows:
        return section("Guards", tag("p", "Every signal passed every guard.", class_="muted"), quiet)
    columns = ("guard", "asked|n", "refused|n", "alone|n", "would have won|n", "saved|n", "cost|n", "net|n",
               "95 % interval|n", "judgement|w")
    cells = []
    for row in rows:
        alone = row["alone"]
        if alone is None:
            cells.append((row["name"], row["asked"], row["refused"], *["-"] * 6, ""))
            continue
        between = "-" if alone["low"] is None else f"{usd(alone['low'])} to {usd(alone['high'])}"
        cells.append((
            row["name"], row["asked"], row["refused"], alone["blocked"], alone["would_have_won"],
            usd(alone["saved"], signed=False), usd(alone["cost"], signed=False),
            coloured(alone["net"], usd(alone["net"])), between, alone["judgement"],
        ))
    told = [
        "From \"alone\" on: signals that this guard alone refused, as their shadows ended, in USD for one size step; "
        "net is what was saved less what it cost.",
        *([f"{guards['rule'][0].upper()}{guards['rule'][1:]}."] if guards["rule"] else []),
    ]
    return section("Guards", table(columns, cells), _total(guards), quiet,
                    *(tag("p", words, class_="note") for words in told))


def _total(guards: dict[str, Any]) -> Safe:
    total = guards["total"]
    if not total:
        return Safe("")
    words = (f"All {total['blocked']} blocked signals, each counted once: {total['would_have_won']} would have won, "
             f"{total['would_have_lost']} lost; saved {usd(total['saved'], signed=False)}, cost "
             f"{usd(total['cost'], signed=False)}, net {usd(total['net'])} USD.")
    shared = sum(each["blocked"] for each in guards["overlap"] or ())
    return tag("p", words + (f" Refused by several guards: {shared}." if shared else ""))


def learning_section(report: dict[str, Any], axis: Axis) -> Safe:
    """Tell what strategies did, how their states moved, and what signals made around each change."""
    learning = report["learning"]
    rows = [(
        each["name"], each["signals"], each["approved"], each["trades"], percent(each["win_rate"]),
        coloured(each["net_pnl"], usd(each["net_pnl"])), number(each["mean_r"]), each["not_taken"],
        number(each["not_taken_mean_r"]),
    ) for each in report["strategies"]]
    columns = ("strategy", "signals|n", "approved|n", "trades|n", "won|n", "net USD|n", "mean R|n", "not taken|n",
               "their mean R|n")
    parts: list[object] = [table(columns, rows) if rows else tag("p", "No strategy is configured.", class_="muted")]
    if report["regimes"]:
        parts += [tag("h3", "By the regime at entry"), table(("regime", "trades|n", "won|n", "net USD|n"), [
            (each["label"], each["trades"], percent(each["win_rate"]), coloured(each["net_pnl"], usd(each["net_pnl"])))
            for each in report["regimes"]
        ])]
    changes = learning["changes"]
    if learning["outcomes"]:
        parts += [
            tag("h3", "What signals made, summed, in R"),
            axis.draw(
                lambda scale, size: outcome_chart(learning["outcomes"], changes, scale, axis.zone, size), 200, 220),
            tag("p", tag("span", "━ traded", class_="taken-key"), tag("span", "┅ not taken, by their shadows",
                                                                      class_="not-taken-key"),
                tag("span", "upright: a strategy was changed"), class_="legend"),
        ]
    parts += [tag("h3", "Strategies over time")]
    if learning["states"]:
        parts.append(axis.draw(
            lambda scale, size: states_chart(learning["states"], changes, scale, axis.zone, size), 0, 0))
        parts.append(tag("p", tag("span", "green: enabled, grey: disabled"),
                         tag("span", "◆ changed by the rules", class_="by-rules-key"),
                         tag("span", "◆ by a model", class_="by-model-key"), tag("span", "◆ by a person"),
                         class_="legend"))
    parts += [_speed(learning["speed"]), _changes(changes, axis.zone), _notes(learning, axis.zone)]
    return section("Strategies and learning", *parts)


def _speed(speed: dict[str, Any]) -> Safe:
    if not speed["changes"]:
        return tag("p", f"Adaptation speed: nothing to measure, {speed['reason']}.")
    waited = duration(speed["median_after_latest_outcome_s"])
    return tag("p", f"Adaptation speed: {count(speed['changes'], 'change')} by the rules or a model, each after a "
                    f"median of {speed['median_outcomes']:g} ended signals of that strategy, {waited} after the latest "
                    "of them.")


def _changes(changes: list[dict[str, Any]], zone: ZoneInfo) -> Safe:
    if not changes:
        return Safe("")
    rows = [(
        clock(each["ts_ns"], zone)[5:], each["strategy"], each["source"],
        ", ".join(f"{name} {_was(pair)}" for name, pair in each["changed"].items()),
        f"{number(each['r_before'])} ({each['n_before']})", f"{number(each['r_after'])} ({each['n_after']})",
        each["reason"],
    ) for each in changes[:MOST_ROWS]]
    columns = ("when", "strategy", "by", "changed|w", "mean R before|n", "after|n", "why|w")
    note = tag("p", "Mean R of at most ten signals on each side (how many in brackets): what followed a change, not "
                    "yet what it caused.", class_="note")
    return joined((tag("h3", "Changes"), table(columns, rows), cut(changes), note))


def _was(pair: Any) -> str:
    if isinstance(pair, list) and len(pair) == 2:
        before, after = (str(each).lower() if isinstance(each, bool) else "none" if each is None else str(each)
                         for each in pair)
        return f"{before} → {after}"
    return str(pair)


def _notes(learning: dict[str, Any], zone: ZoneInfo) -> Safe:
    parts = []
    notes, refused = learning["notes"], learning["refused"]
    if notes:
        rows = [(clock(each["ts_ns"], zone)[5:], each["source"], each["status"], each["text"],
                 each["judged_because"]) for each in notes[:MOST_ROWS]]
        parts += [tag("h3", f"Notes to the future self ({len(notes)})"),
                  table(("when", "by", "status", "note|w", "judged because|w"), rows), cut(notes)]
    if refused:
        wanted = [(clock(each["ts_ns"], zone)[5:], each["strategy"], each["source"], each["reason"])
                  for each in refused[:MOST_ROWS]]
        parts += [tag("h3", f"Changes that were wanted and refused ({len(refused)})"),
                  table(("when", "strategy", "by", "why not|w"), wanted), cut(refused)]
    return joined(parts)


def model_section(report: dict[str, Any], axis: Axis) -> Safe:
    """Tell who was asked, what came of it, and what it cost."""
    model = report["model"]
    if not model["asked"]:
        return section("Model", tag("p", "Nobody was asked for a regime in these hours.", class_="muted"))
    rows = [(
        name, f"{each['asked']:,}", ", ".join(f"{times:,} {outcome}" for outcome, times in each["outcomes"].items()),
        f"{each['latency_ms_median']:,.0f} / {each['latency_ms_p90']:,.0f}",
        " / ".join(f"{each['tokens'].get(kind, 0):,}" for kind in ("input", "output")) if each["tokens"] else "-",
        "-" if each["cost_usd"] is None else f"{each['cost_usd']:.4f}", each["trades"],
        coloured(each["net_pnl"], usd(each["net_pnl"])),
    ) for name, each in model["by_source"].items()]
    columns = ("who answered", "asked|n", "outcomes|w", "ms, median / p90|n", "tokens in / out|n", "USD|n",
               "trades under it|n", "their net|n")
    parts: list[object] = [table(columns, rows)]
    for name, each in model["by_source"].items():
        if each["reasons"]:
            listed = [(reason, times) for reason, times in list(each["reasons"].items())[:12]]
            parts.append(tag("details", tag("summary", f"why {name}'s answers were not used"),
                             table(("reason|w", "times|n"), listed)))
    parts.append(tag("p", f"Together: {bill(model)}.", class_="note"))
    if model["cost_usd"]:
        parts += [tag("h3", "Cost so far, USD"), axis.draw(
            lambda scale, size: cost_chart(model["cost_over_time"], scale, axis.zone, size), 150, 160)]
    return section("Model", *parts)


def record_section(report: dict[str, Any], zone: ZoneInfo) -> Safe:
    """Tell how whole the record is, line by line where it is not."""
    record = report["record"]
    held = ", ".join(f"{name} {count:,}" for name, count in record["files"].items())
    whole = (f"The journal is whole: {record['journal_lines']:,} lines, each checked." if record["journal"] == "whole"
             else f"The journal is {record['journal']}.")
    parts: list[object] = [tag("p", whole), tag("p", f"Usable records: {held}.", class_="note")]
    if record["problems"]:
        parts.append(tag("ul", *(tag("li", each) for each in record["problems"][:MOST_ROWS])))
        parts.append(cut(record["problems"]))
        aside = record["quarantine"]
        kept = f"{aside['lines']} of these lines are kept in {aside['folder']}." if aside["lines"] else ""
        parts += [tag("p", words, class_="note") for words in (kept, aside["why_not"]) if words]
    if record["unknown"]:
        parts.append(tag("p", f"{len(record['unknown'])} entries of kinds this version does not know were passed over: "
                              f"{', '.join(record['unknown'][:5])}", class_="note"))
    if report["marks"]:
        rows = [(clock(each["ts_ns"], zone)[5:], each["what"], each["reason"]) for each in report["marks"][:MOST_ROWS]]
        parts += [tag("h3", "Halts and the feed"), table(("when", "what", "why|w"), rows), cut(report["marks"])]
    return section("The record", *parts)
