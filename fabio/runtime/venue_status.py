"""What `status` tells of a live account: who has the orders, and how far the limits are."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fabio.engine.machine import Engine
from fabio.journal.times import iso
from fabio.model.account import Account
from fabio.model.order import DONE_STATES
from fabio.portfolio.account import AccountSettings
from fabio.portfolio.standing import CONSISTENCY_LIMIT, consistency_share, scaling_cap


def venue_status(engine: Engine, settings: AccountSettings, by_day: Mapping[str, Decimal]) -> dict[str, Any]:
    """Give the venue's part of `status.json`.

    Parameters
    ----------
    by_day
        Net P&L by trade date.
    """
    venue, account = engine.state.venue, engine.account()
    orders = engine.state.orders
    working = [key for key, record in orders.items() if record.at_venue and record.state not in DONE_STATES]
    return {
        "phase": venue.phase,
        "account": venue.account or None,
        "armed_until": iso(venue.until_ns) if venue.phase == "armed" else None,
        "connected": venue.connected,
        "why_not": venue.lost_because or None,
        "generation": venue.generation,
        "agrees": venue.generation > 0 and venue.agreed == venue.generation,
        "picture_age_s": None if venue.picture_ns is None else (engine.state.now_ns - venue.picture_ns) / 1e9,
        "clock_skew_s": venue.skew_ns / 1e9,
        "orders": working,
        "unknown_orders": [key for key in working if orders[key].state == "unknown"],
        "not_ours": list(venue.foreign),
        "differences": [f"market {market}: book {gap.held_steps:+d}, venue {gap.venue_steps:+d} steps"
                        for market, gap in sorted(venue.gaps.items())],
        "limits": _limits(account, settings, by_day),
    }


def _limits(account: Account, settings: AccountSettings, by_day: Mapping[str, Decimal]) -> dict[str, Any]:
    share, limit = consistency_share(by_day), CONSISTENCY_LIMIT.get(settings.kind)
    cap = scaling_cap(settings.kind, settings.mini_limit, account.day_start_balance)
    daily = None if settings.daily_loss is None else float(settings.daily_loss + account.day_pnl)
    return {
        "kind": settings.kind,
        "room_to_loss_floor": float(account.room),
        "room_to_daily_loss": daily,
        "consistency_share": None if share is None else float(share),
        "consistency_limit": None if limit is None else float(limit),
        "scaling_cap_minis": None if cap is None else float(cap),
        "position_limit_minis": float(account.position_limit),
    }
