"""What a gateway's own books say of a run: the judge of the agent."""

from collections import Counter

from fabio.adapters.gateway.core import Gateway
from fabio.adapters.topstepx.enums import LIVE, OrderStatus, OrderType

NS = 1_000_000_000
NEVER_NS = (1 << 63) - 1


def entries_by_tag(gateway: Gateway, account_id: int) -> Counter[str]:
    """Entries of ours that the gateway took or refused, by tag; # tag -> orders"""
    found: Counter[str] = Counter()
    for order in gateway.orders.of(account_id, NEVER_NS):
        if order.custom_tag and order.parent_order_id is None and order.status != OrderStatus.REJECTED:
            found[order.custom_tag] += 1
    return found


def working_after(gateway: Gateway, account_id: int) -> list[str]:
    """Tags of our orders that may still trade."""
    return [order.custom_tag for order in gateway.orders.live(account_id)
            if order.custom_tag and order.status in LIVE]


def unprotected_s(gateway: Gateway, account_id: int) -> list[float]:
    """How long each stretch lasted in which more was held than working stops covered, in seconds."""
    moments: list[tuple[int, int, str, int]] = []  # when, place, what, how much
    for ts_ns, turn in gateway.accounts[account_id].half_turns:
        moments.append((ts_ns, 0, "held", turn.size if turn.side == 0 else -turn.size))
    covers: dict[int, int] = {}
    for order in gateway.orders.of(account_id, NEVER_NS):
        if order.type != OrderType.STOP:
            continue
        for ts_ns, version in gateway.orders._versions[order.id]:
            left = version.size - (version.fill_volume or 0) if version.status == OrderStatus.OPEN else 0
            moments.append((ts_ns, 1, f"stop {order.id}", left))
    moments.sort()
    held, since_ns, found = 0, None, []
    for place, (ts_ns, _, what, amount) in enumerate(moments):
        if what == "held":
            held += amount
        else:
            covers[int(what.split()[1])] = amount
        if place + 1 < len(moments) and moments[place + 1][0] == ts_ns:
            continue
        bare = abs(held) > sum(covers.values())
        if bare and since_ns is None:
            since_ns = ts_ns
        elif not bare and since_ns is not None:
            found.append((ts_ns - since_ns) / NS)
            since_ns = None
    if since_ns is not None:
        found.append((gateway.now_ns - since_ns) / NS)
    return found
