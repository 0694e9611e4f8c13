"""The box every entry has to fit into as it leaves, whatever strategies, guards and models said.

It stands behind all of them, in one place, and speaks only against; no setting switches it off.
Reductions do not come this way. `RULES` is the table of `docs/guards.md`: each rule looks at one
thing and either is silent or says what it saw against what is allowed. Where a guard is the
first control of something, the rule here is the second, at the outermost value that is ever sane.

Anchors: SEC 15c3-5, MiFID II RTS 6 (price collar, order size, repeated automated execution).
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from fabio.model.signal import Signal, Verdict
from fabio.portfolio.order_policy import OrderPolicy

NS = 1_000_000_000
HOUR_NS, MINUTE_NS, TEN_SECONDS_NS = 3600 * NS, 60 * NS, 10 * NS
GUARD = "order_box"


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """An entry about to leave, and what the rules hold it against.

    Parameters
    ----------
    order_id, entry_ids
        Its id, and those of all entries that left on this trade date; the id names the date.
    size_steps, most_steps
        Its size and the most of this instrument, what is held or ordered taken off already.
    minis, most_minis
        Mini-equivalents held, ordered and wanted, over all instruments; and the most of them.
    risk_usd, room_usd
        What it loses when stopped out, slippage and fees included; equity above the loss floor.
    least_room_usd, day_loss_usd, day_loss_limit_usd
        Room at which everything is closed; what the trade date lost, and at which loss it halts.
    last_ticks, last_trade_ns
        The last trade.
    opens_ns, ends_ns
        When the session began, and by when the account has to be flat or the session closes.
    is_open
        Whether the exchange trades now: the dated table of sessions with its breaks.
    entry_times, command_times
        When this trade date's entries left, and when commands to the venue did, oldest first.
    opposed
        Whether something is held or works on the other side of this market.
    """

    signal: Signal
    order_id: str
    entry_ids: Sequence[str]
    size_steps: int
    most_steps: int
    minis: Decimal
    most_minis: Decimal
    risk_usd: Decimal
    room_usd: Decimal
    least_room_usd: Decimal
    day_loss_usd: Decimal
    day_loss_limit_usd: Decimal
    last_ticks: int
    last_trade_ns: int
    now_ns: int
    opens_ns: int
    ends_ns: int
    is_open: bool
    entry_times: Sequence[int]
    command_times: Sequence[int]
    last_same_ns: int | None
    last_exit_ns: int | None
    losses_in_a_row: int
    feed_lost_since_ns: int | None
    opposed: bool
    halted: str


Said = tuple[Decimal | int, Decimal | int, str] | None
"""Value, limit and words for both; None where a rule has nothing against it."""


def kill_switch(leaving: Leaving, policy: OrderPolicy) -> Said:
    """Nothing enters a halted account."""
    return (1, 0, f"trading is halted: {leaving.halted}") if leaving.halted else None


def intent(leaving: Leaving, policy: OrderPolicy) -> Said:
    """One id, one order, ever."""
    if leaving.order_id in leaving.entry_ids:
        return 1, 0, f"an order {leaving.order_id} left before"
    return None


def size(leaving: Leaving, policy: OrderPolicy) -> Said:
    """So much of an instrument, with what is held, and at least something."""
    if not 1 <= leaving.size_steps <= leaving.most_steps:
        return leaving.size_steps, leaving.most_steps, "{value} size steps, at least 1 and at most {limit} allowed"
    return None


def tier(leaving: Leaving, policy: OrderPolicy) -> Said:
    """So much over all instruments as an account of this size may hold."""
    if leaving.minis > leaving.most_minis:
        return leaving.minis, leaving.most_minis, "{value} mini-equivalents with this order, at most {limit} allowed"
    return None


def collar(leaving: Leaving, policy: OrderPolicy) -> Said:
    """No price far from the market."""
    distance = abs(leaving.signal.entry_ticks - leaving.last_ticks)
    if distance > policy.collar_ticks:
        return distance, policy.collar_ticks, "{value} ticks from the last trade, at most {limit} allowed"
    return None


def stop_distance(leaving: Leaving, policy: OrderPolicy) -> Said:
    """A stop, on the losing side, neither within the noise nor out of sight."""
    risk_ticks = leaving.signal.risk_ticks
    if risk_ticks < policy.least_stop_ticks:
        return risk_ticks, policy.least_stop_ticks, "{value} ticks to the stop, at least {limit} needed"
    if risk_ticks > policy.most_stop_ticks:
        return risk_ticks, policy.most_stop_ticks, "{value} ticks to the stop, at most {limit} allowed"
    return None


def risk(leaving: Leaving, policy: OrderPolicy) -> Said:
    """What one trade may lose."""
    most = leaving.room_usd * policy.most_room_percent / 100
    if leaving.risk_usd > most:
        return leaving.risk_usd, most, "{value:.2f} USD at risk, at most {limit:.2f} of the room to the floor allowed"
    if leaving.risk_usd > policy.most_risk_usd:
        return leaving.risk_usd, policy.most_risk_usd, "{value:.2f} USD at risk, at most {limit} a trade allowed"
    return None


def day_loss(leaving: Leaving, policy: OrderPolicy) -> Said:
    """Nothing enters a day that has lost what it may, resumed or not."""
    if leaving.day_loss_usd >= leaving.day_loss_limit_usd:
        return (leaving.day_loss_usd, leaving.day_loss_limit_usd,
                "{value:.2f} USD lost on this trade date, the hard limit is {limit:.2f}")
    return None


def floor_room(leaving: Leaving, policy: OrderPolicy) -> Said:
    """Nothing enters where so little is left that everything would be closed."""
    if leaving.room_usd <= leaving.least_room_usd:
        return (leaving.room_usd, leaving.least_room_usd,
                "{value:.2f} USD above the loss floor, more than {limit:.2f} needed")
    return None


def entry_rate(leaving: Leaving, policy: OrderPolicy) -> Said:
    """Repeated automated execution: so many entries an hour and a trade date."""
    return too_many(leaving.entry_times, leaving.now_ns, policy)


def too_many(entry_times: Sequence[int], now_ns: int, policy: OrderPolicy) -> Said:
    """Say when one entry more is too many for this hour or this trade date."""
    in_hour = _since(entry_times, now_ns - HOUR_NS)
    if in_hour >= policy.entries_per_hour:
        return in_hour, policy.entries_per_hour, "{value} entries in the last hour, {limit} allowed"
    if len(entry_times) >= policy.entries_per_day:
        return len(entry_times), policy.entries_per_day, "{value} entries on this trade date, {limit} allowed"
    return None


def command_rate(leaving: Leaving, policy: OrderPolicy) -> Said:
    """Leave the venue's message allowance to what makes a position smaller or safer."""
    count = _since(leaving.command_times, leaving.now_ns - TEN_SECONDS_NS)
    if count >= policy.commands_per_10s:
        return count, policy.commands_per_10s, "{value} commands to the venue in 10 s, entries wait from {limit} on"
    count = _since(leaving.command_times, leaving.now_ns - MINUTE_NS)
    if count >= policy.commands_per_minute:
        return count, policy.commands_per_minute, "{value} commands to the venue in 60 s, entries wait from {limit} on"
    return None


def duplicate(leaving: Leaving, policy: OrderPolicy) -> Said:
    """The same wish does not act twice in a breath."""
    return _too_soon(leaving.last_same_ns, leaving.now_ns, policy.repeat_after_s,
                     "{value} s since the same entry of the same setup, at least {limit} needed")


def cooldown(leaving: Leaving, policy: OrderPolicy) -> Said:
    """No entry on the heels of an exit."""
    return _too_soon(leaving.last_exit_ns, leaving.now_ns, policy.after_exit_s,
                     "{value} s since the last exit, at least {limit} needed")


def loss_streak(leaving: Leaving, policy: OrderPolicy) -> Said:
    """So many losses in a row end the trade date."""
    if leaving.losses_in_a_row >= policy.most_losses_in_a_row:
        return (leaving.losses_in_a_row, policy.most_losses_in_a_row,
                "{value} losses in a row, {limit} end the trade date")
    return None


def stale_data(leaving: Leaving, policy: OrderPolicy) -> Said:
    """No entry on a lost feed, an old price, or a price of the future."""
    if leaving.feed_lost_since_ns is not None:
        return (leaving.now_ns - leaving.feed_lost_since_ns) // NS, 0, "the feed is lost since {value} s"
    age_ns = leaving.now_ns - leaving.last_trade_ns
    if age_ns > policy.most_age_s * NS:
        return age_ns // NS, policy.most_age_s, "the last trade is {value} s old, at most {limit} allowed"
    if -age_ns > policy.most_skew_s * NS:
        return -age_ns // NS, policy.most_skew_s, "the exchange's clock is {value} s ahead, at most {limit} allowed"
    return None


def session(leaving: Leaving, policy: OrderPolicy) -> Said:
    """No entry outside the session, in a pause, or too near its end."""
    if leaving.now_ns < leaving.opens_ns:
        return (leaving.opens_ns - leaving.now_ns) // NS, 0, "the session opens in {value} s"
    if not leaving.is_open:
        return 0, 1, "the exchange does not trade now"
    left_ns = leaving.ends_ns - leaving.now_ns
    if left_ns < policy.before_flat_by_s * NS:
        return left_ns // NS, policy.before_flat_by_s, "{value} s until all has to be flat, at least {limit} needed"
    return None


def self_opposition(leaving: Leaving, policy: OrderPolicy) -> Said:
    """Never against what is held or works already."""
    return (1, 0, "something of ours is held or works on the other side") if leaving.opposed else None


RULES: tuple[Callable[[Leaving, OrderPolicy], Said], ...] = (
    kill_switch, intent, size, tier, collar, stop_distance, risk, day_loss, floor_room, entry_rate, command_rate,
    duplicate, cooldown, loss_streak, stale_data, session, self_opposition,
)
"""Every rule, in the order in which they are asked; the first that speaks is the verdict."""


def outside_box(leaving: Leaving, policy: OrderPolicy) -> Verdict | None:
    """Say what of an entry lies outside the box; None when it fits."""
    for rule in RULES:
        said = rule(leaving, policy)
        if said is not None:
            value, limit, words = said
            reason = f"{rule.__name__}: {words.format(value=value, limit=limit)}"
            return Verdict(GUARD, False, float(value), float(limit), reason)
    return None


def _since(times: Sequence[int], from_ns: int) -> int:
    """Count the times after `from_ns`."""
    return sum(1 for ts_ns in times if ts_ns > from_ns)


def _too_soon(last_ns: int | None, now_ns: int, least_s: int, words: str) -> Said:
    if last_ns is None or now_ns - last_ns >= least_s * NS:
        return None
    return (now_ns - last_ns) // NS, least_s, words
