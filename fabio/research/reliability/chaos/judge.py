"""Judging a run by the gateway's books: how long things were not as they must be."""

from itertools import pairwise

import msgspec

from fabio.adapters.gateway.core import Gateway
from fabio.research.reliability.chaos.books import (
    NS,
    Instant,
    Span,
    entries_by_tag,
    instants,
    longest_outside,
    spans,
)
from fabio.research.reliability.chaos.living import Living
from fabio.research.reliability.chaos.people import ACCOUNT_ID
from fabio.research.reliability.chaos.plot import Plot, troubles_s
from fabio.research.reliability.chaos.watch import Breach

BOOT_S = 15.0
"""So long after a start or a healed fault the book may differ from the venue."""
ORPHAN_S, BARE_S, FLAT_S = 3.0, 5.0, 10.0
ASKED_S = 0.2
"""A close asked for so much later still counts as in time: the machine's timers are at whole milliseconds."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What one run showed; times in seconds.

    Parameters
    ----------
    breaches
        What did not hold.
    counts
        How often each rule was looked at; `races`: stops and targets that filled beside the close that was to
        replace them, and opened a position (the venue has no reduce-only orders).
    kills
        The points at which the process was killed.
    apart_s
        How long book and venue differed, each time; only what lies outside faults, and 15 s after starts.
    bare_s
        How long each stretch lasted in which held contracts were not covered by working stops, faults or not.
    orphans_s
        How long stops and targets worked with nothing to protect; only what lies outside faults and starts.
    flat_s
        From a person's halt, flatten or stop to flat at the venue; only what lies outside faults and starts.
    """

    plot: Plot
    breaches: tuple[Breach, ...]
    counts: dict[str, int]
    kills: tuple[str, ...]
    apart_s: tuple[float, ...]
    bare_s: tuple[float, ...]
    orphans_s: tuple[float, ...]
    flat_s: tuple[float, ...]


def judge(living: Living) -> Judged:
    """Look at a run that is over."""
    world = living.world
    gateway, start_ns = world.gateway, world.start_ns
    story = instants(gateway, ACCOUNT_ID)
    end_ns = gateway.now_ns
    faults = [(start_ns + int(since * NS), start_ns + int(until * NS)) for since, until in troubles_s(living.plot)]
    starts = [(since_ns, until_ns + int(BOOT_S * NS)) for since_ns, until_ns in living.downs]
    troubles = [*faults, *starts]
    breaches = list(living.watch.breaches)

    def found(rule: str, at_ns: int, words: str) -> None:
        breaches.append(Breach(rule=rule, at_s=(at_ns - start_ns) / NS, words=words))

    for tag, count in entries_by_tag(gateway, ACCOUNT_ID).items():
        if count > 1:
            found("I01", end_ns, f"{count} orders at the venue are named {tag}")
    for ts_ns, words in _loosened(gateway):
        found("I21", ts_ns, words)
    apart = [((each.since_ns, each.until_ns), longest_outside((each.since_ns, each.until_ns), troubles))
             for each in living.mismatches]
    for span, ns in apart:
        if ns > BOOT_S * NS:
            found("I11", span[0], f"book and venue differ for {ns / NS:.1f} s outside faults and starts")
    bare = spans(story, lambda instant: instant.is_bare, end_ns)
    for span in bare:
        if not _in_time(span, living):
            found("I20", span[0], f"held without a working stop for {(span[1] - span[0]) / NS:.1f} s, no close asked")
    orphans = [(span, longest_outside(span, troubles))
               for span in spans(story, lambda instant: instant.has_orphans, end_ns)]
    for span, ns in orphans:
        if ns > ORPHAN_S * NS:
            found("I15", span[0], f"stops or targets work for {ns / NS:.1f} s with nothing to protect")
    flats = [(at_ns, longest_outside((at_ns, _flat_ns(story, at_ns, end_ns)), troubles)) for at_ns, verb
             in living.people.presses if verb != "disarm"]
    for at_ns, ns in flats:
        if ns > FLAT_S * NS:
            found("flat", at_ns, f"not flat {ns / NS:.1f} s after a person asked, outside faults and starts")
    return Judged(
        plot=living.plot, breaches=tuple(breaches), kills=tuple(living.kills),
        counts={**living.watch.counts, "races": len(_exits_that_opened(gateway))},
        apart_s=_seconds([ns for _, ns in apart]), bare_s=_seconds([until - since for since, until in bare]),
        orphans_s=_seconds([ns for _, ns in orphans]), flat_s=_seconds([ns for _, ns in flats]),
    )


def _seconds(durations_ns: list[int]) -> tuple[float, ...]:
    return tuple(ns / NS for ns in durations_ns)


def _in_time(span: Span, living: Living) -> bool:
    """Tell whether a bare stretch ended in time, or a close was asked for in time, or nobody was there to ask."""
    limit_ns = span[0] + int((BARE_S + ASKED_S) * NS)
    if span[1] <= limit_ns or any(span[0] - NS <= at_ns <= limit_ns for at_ns in living.watch.closes_ns):
        return True
    return any(since_ns <= limit_ns and until_ns + int(BARE_S * NS) >= span[0] for since_ns, until_ns in living.downs)


def _flat_ns(story: list[Instant], at_ns: int, end_ns: int) -> int:
    """Find when nothing of ours is held, and no entry of ours works, from a time on."""
    before = [instant for instant in story if instant.ts_ns <= at_ns][-1:]
    if not before or (before[0].ours == 0 and not before[0].entries):
        return at_ns
    return next((instant.ts_ns for instant in story
                 if instant.ts_ns > at_ns and instant.ours == 0 and not instant.entries), end_ns)


def _exits_that_opened(gateway: Gateway) -> list[tuple[int, str]]:
    """Find executions of our stops and targets that made a position larger, or opened one."""
    found, held = [], 0
    for ts_ns, turn in gateway.accounts[ACCOUNT_ID].half_turns:
        before, held = held, held + (turn.size if turn.side == 0 else -turn.size)
        order = gateway.orders.get(turn.order_id)
        own_stop = order.custom_tag is not None and order.custom_tag[-3:-1] == "-S" and order.custom_tag[-1].isdigit()
        is_exit = order.custom_tag is not None and (order.parent_order_id is not None or own_stop)
        if is_exit and (abs(held) > abs(before) or before * held < 0):
            found.append((ts_ns, f"{order.custom_tag} filled and made {before:+d} into {held:+d}"))
    return found


def _loosened(gateway: Gateway) -> list[tuple[int, str]]:
    """Find stops of ours that moved away from the market."""
    found = []
    for order_id in gateway.orders.ids(ACCOUNT_ID):
        versions = gateway.orders.versions(order_id)
        for (_, before), (ts_ns, after) in pairwise(versions):
            if before.stop_price is None or after.stop_price is None or after.custom_tag is None:
                continue
            moved = after.stop_price - before.stop_price
            if (moved < 0) if after.side == 1 else (moved > 0):
                found.append((ts_ns, f"{after.custom_tag} moved from {before.stop_price} to {after.stop_price}"))
    return found
