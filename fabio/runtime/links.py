"""Links: the steps of an explanation, each with its numbers and its sentence."""

from typing import Any

from fabio.runtime.story import Record


def link(kind: str, name: str, reason: str, value: Any = None, threshold: Any = None,
         passed: bool | None = None) -> Record:
    """Make one link of the chain.

    `distance` says how far the value is from its threshold: positive when it passed, negative
    when it did not, None where there are no two numbers.

    >>> link("guard", "min_confidence", "", 0.4, 0.5, False)["distance"]
    -0.1
    """
    distance = None
    if value is not None and threshold is not None:
        apart = round(abs(value - threshold), 9)
        distance = -apart if passed is False else apart
    return {"kind": kind, "name": name, "value": value, "threshold": threshold, "passed": passed,
            "distance": distance, "reason": reason}


def data_link(statistics: Record, ts_ns: int) -> Record:
    """Tell the statistics it was decided on; `ts_ns` is when, on the runtime clock."""
    profile, market = statistics["profile"], statistics["market_stats"]
    age_s = round((ts_ns - statistics["ts_ns"]) / 1e9, 6)
    words = (
        f"last {number(statistics['last_price'])}, POC {number(profile['poc'])}, "
        f"value {number(profile['val'])} to {number(profile['vah'])}, "
        f"session {number(market['session_low'])} to {number(market['session_high'])}, "
        f"CVD {number(market['cvd'])}, its 5-minute slope {number(market['cvd_slope_5min_norm'])}; "
        f"the last trade is {age_s:g} s old"
    )
    return link("data", "statistics", words, statistics["last_price"])


def number(value: float | None) -> str:
    """Write a number with all its digits; `unknown` for None."""
    return "unknown" if value is None else f"{value:.10g}"


def regime_link(regime: Record | None) -> Record:
    """Tell the answer in force; None before the first."""
    if regime is None:
        return link("regime", "regime", "no answer yet")
    age = f", {regime['age_s']:.0f} s old{' (stale)' if regime['stale'] else ''}" if "age_s" in regime else ""
    words = f"{regime['label']} {regime['direction']} by {regime['source']}{age}: {regime['reasoning']}"
    return link("regime", "regime", words, regime["confidence"])


def portfolio_link(portfolio: Record) -> Record:
    """Tell what was held, from a decision's record; the value is the leverage."""
    held = ", ".join(
        f"{number(each['size'])} {each['symbol']} ({each['strategy']}) at {number(each['entry_price'])}, "
        f"{each['pnl']:+,.2f} USD" for each in portfolio["positions"]
    )
    words = (f"equity {portfolio['equity']:,.2f} USD, {portfolio['room_to_loss_floor']:,.2f} above the loss floor, "
             f"day {portfolio['day_pnl']:+,.2f}; {held or 'flat'}")
    return link("portfolio", "portfolio", words, portfolio["leverage"])


def signal_link(record: Record) -> Record:
    """Tell what a strategy wished, from its decision's record."""
    words = (
        f"{record['strategy']} wished {record['side']} ({record['setup']}) at "
        f"{number(record['entry_price'])}, stop {number(record['stop_price'])}, "
        f"target {number(record['target_price'])}: {record['reason']}"
    )
    return link("signal", "signal", words, record["confidence"])


def order_link(record: Record, moves: list[Record]) -> Record:
    """Tell the states that a decision's order went through."""
    words = " -> ".join(each["state"] + (f" ({each['reason']})" if each["reason"] else "") for each in moves)
    return link("order", "order", f"{record['order_id']}: {words}", record["size"])


def outcome_links(record: Record, trade: Record | None, shadow: Record | None) -> list[Record]:
    """Tell what became of it, for real and in the shadow book."""
    chain = []
    if trade is not None:
        notes = f"; {'; '.join(trade['notes'])}" if trade["notes"] else ""
        chain.append(link("trade", "trade", f"{trade['id']}: {trade['exit_leg']} after {trade['duration_s']:.0f} s, "
                          f"{trade['net_pnl']:+.2f} USD net, R {trade['r_multiple']:+.2f}{notes}", trade["net_pnl"]))
    elif record["order_id"] is not None:
        chain.append(link("trade", "trade", "not closed, or never filled"))
    if shadow is not None:
        chain.append(link("shadow", "shadow", f"one step with its static bracket: {shadow['exit_leg']} after "
                          f"{shadow['duration_s']:.0f} s, {shadow['net_pnl']:+.2f} USD net, "
                          f"R {shadow['r_multiple']:+.2f}", shadow["net_pnl"]))
    else:
        chain.append(link("shadow", "shadow", "still open, or another one of its setup was"))
    return chain
