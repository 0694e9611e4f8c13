"""`fabio status`: what an agent is doing, or when it was last seen."""

import time
from typing import Any

import typer

from fabio.cli.options import DEFAULT_LOGS, JsonOption, LogsOption

LATE_S = 5.0
"""A heartbeat older than this is told as late: one comes every second."""


def status(logs: LogsOption = DEFAULT_LOGS, json: JsonOption = False) -> None:
    """Show what the agent in a folder does; a stopped one is shown as stopped, with exit code 4."""
    from fabio.cli.failures import NOT_FOUND, NotFound
    from fabio.cli.output import print_json
    from fabio.cli.supervised import supervisor_lines
    from fabio.journal.world import is_running, read_status
    from fabio.runtime.supervise.told import shown

    found, running, supervised = read_status(logs), is_running(logs), shown(logs)
    if found is None:
        if json and supervised is not None:
            print_json({"running": running, "state": "starting" if running else "stopped", "supervisor": supervised})
            raise typer.Exit(NOT_FOUND)
        for line in supervisor_lines(supervised):
            typer.echo(line)
        if running:
            raise NotFound(f"an agent starts in {logs} and has not said anything yet")
        raise NotFound(f"no agent runs in {logs}, and none ever did: `fabio run --logs {logs}` starts one")
    answer = {**found, **liveness(found, running, time.time_ns()), "supervisor": supervised}
    if json:
        print_json(answer)
    else:
        for line in (*lines(answer), *supervisor_lines(supervised)):
            typer.echo(line)
    if not running:
        raise typer.Exit(NOT_FOUND)


def liveness(found: dict[str, Any], running: bool, now_ns: int) -> dict[str, Any]:
    """Say whether what the file tells still goes on.

    Parameters
    ----------
    running
        Whether an agent holds the folder now.
    now_ns
        Wall clock.

    Examples
    --------
    >>> liveness({"state": "running", "ts_ns": 0}, False, 7_000_000_000)
    {'running': False, 'state': 'stopped', 'heartbeat_age_s': 7.0}
    """
    age_s = (now_ns - found["ts_ns"]) / 1e9
    state = "stopped" if not running else "running" if age_s <= LATE_S else "late"
    return {"running": running, "state": state, "heartbeat_age_s": round(age_s, 3)}


def lines(answer: dict[str, Any]) -> list[str]:
    """Write a status for people."""
    age = answer["heartbeat_age_s"]
    if answer["state"] == "running":
        head = f"running (process {answer['pid']}), {answer['progress']:.0%} of the feed"
    elif answer["state"] == "late":
        head = f"process {answer['pid']} holds the folder, its heartbeat is {age:.0f} s old: it starts, or it hangs"
    else:
        why = "its feed had ended" if answer["finished"] else answer["stopping"] or "it was killed"
        head = f"stopped {age:.0f} s ago ({why}); as of then:"
    account, regime, position = answer["account"], answer["regime"], answer["position"]
    label = "not asked yet" if regime is None else (
        regime["label"] + ("" if regime["direction"] == "none" else f" {regime['direction']}")
        + f", confidence {regime['confidence']:.2f} ({regime['source']})")
    held = "flat" if position is None else (
        f"{position['side']} {position['size']} at {position['entry_price']:,.2f}, stop {position['stop_price']}, "
        f"target {position['target_price']}, open {position['open_pnl']:+,.2f} USD")
    found = [
        head,
        f"{answer['symbol']} {answer['price']} at {answer['tick_ts']}, session {answer['session'] or '-'}, "
        f"feed {answer['feed']}, mode {answer['mode']}",
        f"regime    {label}",
        *model_lines(answer.get("model")),
        f"position  {held}",
        f"account   {account['balance']:,.2f} USD, day {account['day_pnl']:+,.2f}, "
        f"{account['room']:,.2f} above the loss floor",
    ]
    if account["halted"]:
        found.append(f"HALTED    {account['halted']}")
    if answer.get("settings_refused"):
        found.append(f"settings  the files as they stand are refused, the old ones are in force: "
                     f"{answer['settings_refused']}")
    found += venue_lines(answer.get("venue"))
    for name, each in answer["strategies"].items():
        record = each["record"]
        found.append(f"strategy  {name}: {'on' if each['enabled'] else 'off'}, risk {each['risk_fraction']:.2%}, "
                     f"{record['trades']} trades, {record['wins']} won, {record['net_pnl']:+,.2f} USD")
    return found


def model_lines(model: dict[str, Any] | None) -> list[str]:
    """Write the model's part; the rules alone need one line."""
    if model is None:
        return ["model     none is asked: the rules answer alone"]
    found = [f"model     {model['name']}, authority {model['authority']}: {asked_words(model)}; {stands_words(model)}"]
    if model["held"]:
        found.append(f"          held back: {model['held']}")
    return found


def asked_words(model: dict[str, Any]) -> str:
    """Say how often a model was asked today, and for how much.

    >>> asked_words({"calls_today": 12, "calls_per_day": 300, "spent_today_usd": 0.0412, "usd_per_day": 1.5})
    '12 of 300 calls and 0.0412 of 1.50 USD today'
    """
    calls, spent = model["calls_today"], model["spent_today_usd"]
    if model["calls_per_day"] is None:
        return f"{calls} calls today, free of charge"
    return f"{calls} of {model['calls_per_day']} calls and {spent:.4f} of {model['usd_per_day']:.2f} USD today"


def stands_words(model: dict[str, Any]) -> str:
    """Say what a model's latest answer is worth now."""
    answer = model["answer"]
    if answer is None:
        return "no answer yet" + (", one is on its way" if model["asking"] else "")
    label = answer["label"] + ("" if answer["direction"] == "none" else f" {answer['direction']}")
    said = f"{label}, {answer['age_s']:.0f} s old"
    if model["stands"]:
        return f"its answer stands ({said})"
    if model["authority"] == "observe":
        return f"its answers are only recorded (the last: {said})"
    return f"its last answer stands no more ({said}), the rules' label is in force"


def venue_lines(venue: dict[str, Any] | None) -> list[str]:
    """Write the venue's part; nothing on paper."""
    if venue is None:
        return []
    limits = venue["limits"]
    who = {"observing": "observing: orders go to the paper exchange, `fabio arm ACCOUNT` trades",
           "armed": f"ARMED: orders go to {venue['account']} until {venue['armed_until']}",
           "leaving": f"disarming: no entries, {venue['account']} has the orders until it is proven flat"}
    heard = "connected, venue and book agree" if venue["agrees"] and venue["connected"] else (
        "connected, not compared yet" if venue["connected"] else f"NOT CONNECTED: {venue['why_not']}")
    room = [f"{limits['room_to_loss_floor']:,.2f} USD to the loss floor"]
    if limits["room_to_daily_loss"] is not None:
        room.append(f"{limits['room_to_daily_loss']:,.2f} USD to the daily limit")
    if limits["consistency_share"] is not None and limits["consistency_limit"] is not None:
        room.append(f"best day {limits['consistency_share']:.0%} of the profit (at most "
                    f"{limits['consistency_limit']:.0%})")
    if limits["scaling_cap_minis"] is not None:
        room.append(f"scaling plan: {limits['scaling_cap_minis']:g} minis")
    found = [f"venue     {who[venue['phase']]}", f"          {heard}", f"limits    {'; '.join(room)}"]
    for name, words in (("unknown_orders", "orders whose outcome is not known"), ("not_ours", "not ours, left alone"),
                        ("differences", "book and venue differ")):
        if venue[name]:
            found.append(f"CHECK     {words}: {'; '.join(venue[name])}")
    return found
