"""Limits: what may enter, what may always leave, and what a strategy that has lost its mind can do.

I30, I31, I32 and I34 of the invariants, H13 and H15 of the hazards.
"""

import random
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from fabio.model import event as events
from fabio.model.command import ClosePosition, MoveStop, SubmitOrder
from fabio.model.signal import Exit, Signal, Tighten
from fabio.model.view import View
from fabio.portfolio.order_policy import OrderPolicy
from fabio.portfolio.pretrade import outside_box
from fabio.research.reliability.bar import Bar, at_least, at_most
from fabio.research.reliability.limits.box_model import any_order, box_accepts
from fabio.research.reliability.limits.desk import NS, PRICE, LimitDesk

Say = Callable[[str], None]
HOUR_NS = 3600 * NS
WayOut = Literal["exit", "tighten", "flatten", "halt", "stop"]
WAYS_OUT: tuple[WayOut, ...] = get_args(WayOut)


def orders_against_the_box(n: int, say: Say) -> list[Bar]:
    """Hold random orders against the exit and against a small model of it."""
    say(f"{n:,} random orders against the box and a model of it")
    draw, policy = random.Random(15), OrderPolicy()
    outside, refused, accepted = 0, 0, 0
    for _ in range(n):
        order = any_order(draw)
        left, fits = outside_box(order, policy) is None, box_accepts(order)
        outside += left and not fits
        refused += fits and not left
        accepted += left
    note = f"{accepted:,} of {n:,} lay in the box"
    return [
        at_most("entries_outside_the_box", outside, 0, n, note),
        at_most("entries_refused_inside_the_box", refused, 0, accepted, note),
    ]


def _sound(view: View) -> Signal:
    """Wish for what every guard and the box let pass."""
    return Signal(strategy="wishing", setup="sound", side=1, entry_ticks=PRICE, stop_ticks=PRICE - 20,
                  target_ticks=PRICE + 40, confidence=0.9, reason="sound")


def exits_under_trouble(n: int, say: Say) -> list[Bar]:
    """Ask for exits in every kind of trouble at once, with every guard in place: each has to leave.

    Each situation is drawn: what is refused to entries in it is counted, so that it is trouble.
    """
    say(f"{n:,} exits under trouble")
    desk = LimitDesk(guarded=True).arm()
    desk.enter(_sound)
    held, began_ns = desk.engine.snapshot(), desk.now_ns
    draw, refused, troubled = random.Random(31), [], 0
    for number in range(n):
        desk.engine.restore(held)
        desk.now_ns, desk.sent = began_ns, []
        trouble = _trouble(desk, draw)
        troubled += bool(trouble)
        wanted = draw.choice(WAYS_OUT)
        if wanted == "exit":
            desk.strategy.wish = lambda view: Exit(strategy="wishing", reason="asked")
            desk.next_bar()
        elif wanted == "tighten":
            desk.strategy.wish = lambda view: Tighten(strategy="wishing", stop_ticks=PRICE - 10, reason="asked")
            desk.next_bar()
        else:
            desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb=wanted))
        desk.strategy.wish = lambda view: None
        closes, moves = desk.of(ClosePosition), desk.of(MoveStop)  # some trouble closes by itself
        if not closes and not (wanted == "tighten" and moves):
            refused.append(f"{wanted} under {', '.join(trouble)} (number {number})")
    return [at_most("exits_refused", len(refused), 0, n, f"{troubled:,} under trouble" + "".join(
        f"; {each}" for each in refused[:3]))]


def _trouble(desk: LimitDesk, draw: random.Random) -> list[str]:
    """Bring trouble over the desk, and name it."""
    state = desk.engine.state
    now = desk.now_ns
    chosen = [name for name in ("feed", "venue", "locked", "halted", "rates", "streak", "disabled", "poor", "skew")
              if draw.random() < 0.35]
    if "feed" in chosen:
        desk.happen(events.FeedLost(ts_ns=now, market=0, from_ns=now, reason="drawn"))
    if "venue" in chosen:
        desk.happen(events.VenueLost(ts_ns=now, reason="drawn"))
    if "locked" in chosen:
        state.venue.can_trade = False
    if "halted" in chosen:
        state.account = msgspec.structs.replace(state.account, halted="drawn")
    if "rates" in chosen:
        state.entry_times, state.command_times = [now] * draw.randint(6, 99), [now] * draw.randint(6, 140)
    if "streak" in chosen:
        state.losses_in_a_row, state.last_loss_ns, state.markets[0].last_exit_ns = draw.randint(3, 20), now, now
    if "disabled" in chosen:
        state.strategies["wishing"] = msgspec.structs.replace(state.strategies["wishing"], enabled=False)
    if "poor" in chosen:
        state.account = msgspec.structs.replace(state.account, balance=state.account.loss_floor + draw.randint(1, 900))
    if "skew" in chosen:
        state.venue.skew_ns = 60 * NS
    return chosen


BAD_STATES = ("stale", "feed lost", "venue lost", "unreconciled", "locked", "halted", "before the session's end",
              "after the flat-by time", "skew", "unknown order")


def entries_in_bad_states(n: int, say: Say) -> list[Bar]:
    """Let a strategy wish at every wake while no entry may leave, with every guard taken away.

    What is sound is tried in between: there the entry has to leave, else nothing was shown.
    """
    say(f"{n:,} wishes while stale, unreconciled, halted or out of session")
    desk = LimitDesk(guarded=False).arm()
    ready, began_ns = desk.engine.snapshot(), desk.now_ns
    draw, wrong, silent, sound = random.Random(32), [], 0, 0
    for number in range(n):
        desk.engine.restore(ready)
        desk.now_ns, desk.sent = began_ns, []
        asked = 0

        def wish(view: View) -> Signal:
            nonlocal asked
            asked += 1
            return _sound(view)

        desk.strategy.wish = wish
        bad = draw.choice((*BAD_STATES, "sound"))
        _in_bad_state(desk, bad, draw)
        left = len(desk.of(SubmitOrder))
        silent += asked == 0
        if bad == "sound":
            sound += left > 0
        elif left:
            wrong.append(f"{bad} (number {number})")
    tried = n - silent
    note = f"{sound:,} sound ones left, {silent:,} times nobody was asked" + "".join(f"; {each}" for each in wrong[:3])
    return [
        at_most("entries_while_stale_unreconciled_halted_or_out_of_session", len(wrong), 0, tried, note),
        at_least("sound_entries_that_left", sound, 1, n, note),
    ]


def _in_bad_state(desk: LimitDesk, bad: str, draw: random.Random) -> None:
    state, late_ns = desk.engine.state, 0
    if bad == "stale":
        late_ns = draw.randint(61, 3_000) * NS
    elif bad == "feed lost":
        desk.happen(events.FeedLost(ts_ns=desk.now_ns, market=0, from_ns=desk.now_ns, reason="drawn"))
    elif bad == "venue lost":
        desk.happen(events.VenueLost(ts_ns=desk.now_ns, reason="drawn"))
    elif bad == "unreconciled":
        desk.happen(events.VenueLost(ts_ns=desk.now_ns, reason="drawn"))
        desk.happen(events.VenueRestored(ts_ns=desk.now_ns, generation=2))
    elif bad == "locked":
        state.venue.can_trade = False
    elif bad == "halted":
        desk.happen(events.OperatorAsked(ts_ns=desk.now_ns, id="1", verb="halt"))
    elif bad == "skew":
        state.venue.skew_ns = draw.choice((-1, 1)) * draw.randint(11, 900) * NS
    elif bad == "unknown order":
        desk.next_bar()
        order = desk.of(SubmitOrder)[-1].order
        desk.happen(events.OrderUnknown(ts_ns=desk.now_ns, market=0, order_id=order.id, reason="drawn"))
        desk.sent = []
    elif bad in ("before the session's end", "after the flat-by time"):
        flat_by = desk.session.flat_by_ns or desk.session.close_ns
        near = bad == "before the session's end"
        desk.tick(after_ns=flat_by - desk.now_ns + (draw.randint(-1_190, -361) if near else draw.randint(1, 600)) * NS)
        desk.sent = []
        desk.picture()
    if bad == "sound":
        desk.picture()
    desk.next_bar(late_ns=late_ns)


def runaways(n: int, say: Say) -> list[Bar]:
    """Let strategies wish at every wake for ten minutes, with every guard taken away, and look what leaves.

    Every entry is cancelled at once, so that nothing but the exit is in the way. At most six may leave in an
    hour; the next one ends trading, and none leaves before a person arms again.
    """
    say(f"{n:,} strategies that wish at every wake for ten minutes")
    most, bypasses, unlocked, wishes = 0, 0, 0, 0
    desk = LimitDesk(guarded=False).arm()
    ready, began_ns = desk.engine.snapshot(), desk.now_ns
    for seed in range(n):
        desk.engine.restore(ready)
        desk.now_ns, desk.sent = began_ns, []
        draw, asked = random.Random(seed), 0

        def wish(view: View, draw: random.Random = draw) -> Signal:
            nonlocal asked
            asked += 1
            side, last = draw.choice((1, -1)), view.stats.last_ticks
            return Signal(
                strategy="wishing", setup=f"s{draw.randint(0, 40)}", side=side, kind="limit",
                entry_ticks=last + draw.randint(-50, 50), stop_ticks=last - side * draw.randint(50, 90),
                confidence=draw.random(),
                target_ticks=last + side * draw.randint(50, 90), reason="runaway")

        desk.strategy.wish = wish
        times = _ten_minutes(desk, draw)
        in_an_hour = max((sum(at <= other < at + HOUR_NS for other in times) for at in times), default=0)
        most, wishes = max(most, in_an_hour), wishes + asked
        bypasses += in_an_hour > OrderPolicy().entries_per_hour
        unlocked += in_an_hour >= OrderPolicy().entries_per_hour and desk.engine.state.venue.phase == "armed"
    note = f"{wishes:,} wishes, every entry cancelled at once"
    return [
        at_most("runaway_entries_in_an_hour", most, 6, n, note),
        at_most("runaways_past_the_limit", bypasses, 0, n, note),
        at_most("runaways_not_locked", unlocked, 0, n, note),
        at_least("runaway_wishes_per_strategy", wishes / max(n, 1), 20, n),
    ]


def _ten_minutes(desk: LimitDesk, draw: random.Random) -> list[int]:
    """Live ten minutes through, a print every second, and give when entries left."""
    times: list[int] = []
    for second in range(600):
        desk.tick(PRICE + draw.randint(-8, 8))
        new = desk.of(SubmitOrder)[len(times):]
        for command in new:
            times.append(desk.now_ns)
            desk.happen(events.OrderAccepted(ts_ns=desk.now_ns, market=0, order_id=command.order.id))
            desk.happen(events.OrderCancelled(ts_ns=desk.now_ns, market=0, order_id=command.order.id, reason="drawn"))
        if second % 10 == 9 and desk.engine.state.venue.phase == "armed":
            desk.picture()
    return times
