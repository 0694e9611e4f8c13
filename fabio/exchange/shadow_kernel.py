"""The shadow book's per-tick kernel: what signals would have made, at a nanosecond a tick.

Theory. Each shadow is a column of `slots`. Whatever it waits for is kept as three
numbers: a price below (`LOW`), a price above (`HIGH`) and a time (`DUE_NS`), with values
out of reach where it waits for none:

    in flight        DUE_NS = arrival
    working limit    LOW or HIGH = one tick through the limit, DUE_NS = good-until
    open             LOW and HIGH = stop, and one tick through the target (or the reverse)
    over             nothing

The header `b` holds the nearest of each over all shadows, so a tick that reaches none
costs three comparisons (`shadow_is_quiet`). One that does walks the shadows once, in contiguous memory
(about 1 ns each), and finds the nearest again. A list of legs per price row was left
out: shadows end once, so that walk is rare, there are no rows to re-base when price
leaves them, and a gap needs no sweep.

An exit waits in its own slot until Python drains it, so nothing can overflow. Rules and
order of events are `book`'s; the prices come from the same functions.
"""

import numpy as np
from numpy.typing import NDArray

from fabio.exchange.assumptions import NEVER_NS
from fabio.exchange.scan import NO_HIGH, NO_LOW
from fabio.exchange.slippage import (
    market_fill_ticks,
    marketable,
    marketable_fill_ticks,
    stop_fill_ticks,
    stop_triggers,
)
from fabio.features.compiled import kernel

# header `b`
LAST, BELOW, ABOVE, NEXT_DUE_NS, WAITING, USED, MARKET_SLIPPAGE, STOP_SLIPPAGE = range(8)
HEADER = 8

# rows of `slots`, a column per shadow
(STATE, SIDE, IS_LIMIT, LIMIT, STOP_OFFSET, TARGET_OFFSET, GOOD_UNTIL_NS, DUE_NS, LOW, HIGH,
 STOP, TARGET, ENTRY_NS, ENTRY, EXIT_NS, EXIT, EXIT_LEG) = range(17)
ROWS = 17

FREE, IN_FLIGHT, WORKING, OPEN, OVER = range(5)
STOP_LEG, TARGET_LEG, CLOSE_LEG, NEVER_FILLED = range(4)


@kernel
def shadow_is_quiet(b: NDArray[np.int64], ts_recv_ns: int, price_ticks: int) -> bool:
    """Take a tick that no shadow waits for; False, and nothing done, where one does.

    Cost: 1 to 2 ns, because it is small enough to be inlined into the caller's loop.
    """
    if ts_recv_ns >= b[NEXT_DUE_NS] or price_ticks <= b[BELOW] or price_ticks >= b[ABOVE]:
        return False
    b[LAST] = price_ticks
    return True


@kernel
def shadow_tick(b: NDArray[np.int64], slots: NDArray[np.int64], ts_recv_ns: int, price_ticks: int) -> int:
    """Live through one tick of the book's market; tell how many exits wait to be drained.

    Right for every tick, but its call alone costs 15 ns (2026): the per-tick loop asks
    `shadow_is_quiet` first. Cost beyond the call: about 1 ns per shadow where one waits.
    """
    if ts_recv_ns >= b[NEXT_DUE_NS]:
        shadow_time(b, slots, ts_recv_ns)
    b[LAST] = price_ticks
    if price_ticks <= b[BELOW] or price_ticks >= b[ABOVE]:
        _touch(b, slots, ts_recv_ns, price_ticks)
    return int(b[WAITING])


@kernel
def shadow_time(b: NDArray[np.int64], slots: NDArray[np.int64], now_ns: int) -> int:
    """Apply what is due at or before `now_ns` at the last price: arrivals and good-untils."""
    for slot in range(b[USED]):
        if slots[DUE_NS, slot] <= now_ns:
            if slots[STATE, slot] == IN_FLIGHT:
                _arrive(b, slots, slot)
            # a limit can arrive and end before the same tick
            if slots[STATE, slot] == WORKING and slots[DUE_NS, slot] <= now_ns:
                _never_filled(b, slots, slot)
    find_nearest(b, slots)
    return int(b[WAITING])


@kernel
def close_slot(b: NDArray[np.int64], slots: NDArray[np.int64], slot: int, ts_ns: int,
               price_ticks: int) -> None:
    """End one shadow at a price, as a close at market would."""
    if slots[STATE, slot] == OPEN:
        fill = market_fill_ticks(price_ticks, -slots[SIDE, slot], b[MARKET_SLIPPAGE])
        _exit(b, slots, slot, ts_ns, fill, CLOSE_LEG)
    elif slots[STATE, slot] == IN_FLIGHT or slots[STATE, slot] == WORKING:
        slots[DUE_NS, slot] = ts_ns
        _never_filled(b, slots, slot)


@kernel
def find_nearest(b: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
    """Find what the shadows wait for next."""
    below, above, due_ns = NO_LOW, NO_HIGH, NEVER_NS
    for slot in range(b[USED]):
        below = max(below, slots[LOW, slot])
        above = min(above, slots[HIGH, slot])
        due_ns = min(due_ns, slots[DUE_NS, slot])
    b[BELOW], b[ABOVE], b[NEXT_DUE_NS] = below, above, due_ns


@kernel
def _touch(b: NDArray[np.int64], slots: NDArray[np.int64], ts_ns: int, price_ticks: int) -> None:
    for slot in range(b[USED]):
        if price_ticks <= slots[LOW, slot] or price_ticks >= slots[HIGH, slot]:
            if slots[STATE, slot] == WORKING:
                _enter(b, slots, slot, ts_ns, slots[LIMIT, slot])
            elif stop_triggers(price_ticks, slots[STOP, slot], -slots[SIDE, slot]):
                _stop(b, slots, slot, ts_ns)
            else:
                _exit(b, slots, slot, ts_ns, slots[TARGET, slot], TARGET_LEG)
    find_nearest(b, slots)


@kernel
def _arrive(b: NDArray[np.int64], slots: NDArray[np.int64], slot: int) -> None:
    """Take an entry at its arrival: market and marketable limits fill, other limits begin to work."""
    ts_ns, side, limit = slots[DUE_NS, slot], slots[SIDE, slot], slots[LIMIT, slot]
    if slots[GOOD_UNTIL_NS, slot] <= ts_ns:
        _never_filled(b, slots, slot)
    elif slots[IS_LIMIT, slot] == 0:
        _enter(b, slots, slot, ts_ns, market_fill_ticks(b[LAST], side, b[MARKET_SLIPPAGE]))
    elif marketable(b[LAST], limit, side):
        _enter(b, slots, slot, ts_ns, marketable_fill_ticks(b[LAST], limit, side, b[MARKET_SLIPPAGE]))
    else:
        slots[STATE, slot] = WORKING
        slots[DUE_NS, slot] = slots[GOOD_UNTIL_NS, slot]
        if side > 0:
            slots[LOW, slot] = limit - 1
        else:
            slots[HIGH, slot] = limit + 1


@kernel
def _enter(b: NDArray[np.int64], slots: NDArray[np.int64], slot: int, ts_ns: int, fill_ticks: int) -> None:
    """Open a shadow; its bracket works from now on, and the last price may be through the stop already."""
    side = slots[SIDE, slot]
    slots[STATE, slot] = OPEN
    slots[DUE_NS, slot] = NEVER_NS
    slots[ENTRY_NS, slot] = ts_ns
    slots[ENTRY, slot] = fill_ticks
    slots[STOP, slot] = fill_ticks + slots[STOP_OFFSET, slot]
    slots[TARGET, slot] = fill_ticks + slots[TARGET_OFFSET, slot]
    if side > 0:
        slots[LOW, slot], slots[HIGH, slot] = slots[STOP, slot], slots[TARGET, slot] + 1
    else:
        slots[LOW, slot], slots[HIGH, slot] = slots[TARGET, slot] - 1, slots[STOP, slot]
    if stop_triggers(b[LAST], slots[STOP, slot], -side):
        _stop(b, slots, slot, ts_ns)


@kernel
def _stop(b: NDArray[np.int64], slots: NDArray[np.int64], slot: int, ts_ns: int) -> None:
    fill = stop_fill_ticks(b[LAST], slots[STOP, slot], -slots[SIDE, slot], b[STOP_SLIPPAGE])
    _exit(b, slots, slot, ts_ns, fill, STOP_LEG)


@kernel
def _never_filled(b: NDArray[np.int64], slots: NDArray[np.int64], slot: int) -> None:
    ts_ns = slots[DUE_NS, slot]
    slots[ENTRY_NS, slot] = ts_ns
    slots[ENTRY, slot] = slots[LIMIT, slot]
    _exit(b, slots, slot, ts_ns, slots[LIMIT, slot], NEVER_FILLED)


@kernel
def _exit(b: NDArray[np.int64], slots: NDArray[np.int64], slot: int, ts_ns: int, fill_ticks: int,
          leg: int) -> None:
    slots[STATE, slot] = OVER
    slots[EXIT_NS, slot] = ts_ns
    slots[EXIT, slot] = fill_ticks
    slots[EXIT_LEG, slot] = leg
    slots[LOW, slot] = NO_LOW
    slots[HIGH, slot] = NO_HIGH
    slots[DUE_NS, slot] = NEVER_NS
    b[WAITING] += 1
