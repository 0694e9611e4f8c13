"""topstep-sdk as its users use it: both hubs, a market order with brackets, its events, flat again.

Argument: the base URL. The last line of stdout is a JSON object of what was seen. Needs Python 3.12.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from topstep_sdk import AsyncTopstepClient, Config
from topstep_sdk.enums import AggregateBarUnit, OrderStatus, OrderType, PositionType

WAIT_S = 90.0


class Errors(logging.Handler):
    """Keeps what the library complains of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = f": {record.exc_info[1]}" if record.exc_info else ""
        self.texts.append(f"{record.getMessage()}{cause}")


async def until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise SystemExit(f"not within {WAIT_S} s: {what}") from None


async def main(base: str) -> dict[str, Any]:
    """Trade once."""
    errors = Errors()
    logging.getLogger("topstep_sdk").addHandler(errors)
    config = Config(username="demo", api_key="0123456789", rest_base_url=base, user_hub_url=f"{base}/hubs/user",
                    market_hub_url=f"{base}/hubs/market")
    quotes, prints, depth = [], [], []
    orders, positions, half_turns = [], [], []
    async with AsyncTopstepClient(config) as client:
        pong = await client.ping()
        (account,) = await client.accounts.search()
        contract = await client.contracts.get_by_symbol("MNQ")
        if contract is None:
            raise SystemExit("no active contract of MNQ")
        market, user = client.market_hub(), client.user_hub()
        market.on_quote(lambda _, quote: quotes.append(quote))
        market.on_trade(lambda _, trade: prints.append(trade))
        market.on_depth(lambda _, row: depth.append(row))
        user.on_order(orders.append)
        user.on_position(positions.append)
        user.on_trade(half_turns.append)
        async with market, user:
            await market.subscribe_quotes(contract.id)
            await market.subscribe_trades(contract.id)
            await market.subscribe_depth(contract.id)
            await user.subscribe_accounts()
            await user.subscribe_orders(account.id)
            await user.subscribe_positions(account.id)
            await user.subscribe_trades(account.id)
            await until("quotes, prints and depth", lambda: min(len(quotes), len(prints), len(depth)) > 5)

            now: datetime = prints[-1].timestamp  # of the market: the gateway replays another day than today
            bars = await client.history.retrieve_bars(
                contract.id, unit=AggregateBarUnit.MINUTE, unit_number=1, start_time=now - timedelta(hours=8),
                end_time=now, limit=500)

            order_id = await client.orders.buy(account.id, contract.id, 1, custom_tag="topstep-sdk",
                                               stop_loss_ticks=200, take_profit_ticks=400)

            def told(status: OrderStatus, *, parent: int | None) -> set[int]:
                return {each.id for each in orders if each.status == status and each.parent_order_id == parent}

            await until("the entry is filled", lambda: order_id in told(OrderStatus.FILLED, parent=None))
            await until("both children are open", lambda: len(told(OrderStatus.OPEN, parent=order_id)) == 2)
            await until("the position is told", lambda: any(each.type == PositionType.LONG for each in positions))
            entry = await client.orders.get(account.id, order_id)
            resting = await client.orders.search_open(account.id)
            held = await client.positions.search_open(account.id)
            stop = next(each for each in resting if each.type == OrderType.STOP)
            moved = stop.stop_price - 20 * contract.tick_size
            await client.orders.modify(account.id, stop.id, stop_price=moved)
            await until("the stop has moved",
                        lambda: any(each.id == stop.id and each.stop_price == moved for each in orders))

            await client.positions.close(account.id, contract.id)
            await until("the position is closed", lambda: any(each.size == 0 for each in positions))
            for each in resting:
                await client.orders.cancel(account.id, each.id)
            await until("both children are cancelled",
                        lambda: len(told(OrderStatus.CANCELLED, parent=order_id)) == 2)
            await until("both half-turns are told", lambda: len(half_turns) == 2)
            page = await client.orders.query(account.id, include_total_count=True)
            trades = await client.trades.search(account.id, start_timestamp=now - timedelta(hours=1))
            held_at_the_end = await client.positions.search_open(account.id)
    return {
        "version": version("topstep-sdk"), "pong": pong, "account_id": account.id, "contract_id": contract.id,
        "quotes": len(quotes), "prints": len(prints), "depth_rows": len(depth), "bars": len(bars),
        "oldest_print": prints[0].timestamp.isoformat(), "newest_print": prints[-1].timestamp.isoformat(),
        "order_id": order_id, "entry_status": int(entry.status) if entry else None,
        "statuses": [[each.id, int(each.status)] for each in orders],
        "resting_types": sorted(int(each.type) for each in resting), "held": [each.size for each in held],
        "held_at_the_end": [each.size for each in held_at_the_end], "orders_of_page": page.total_count,
        "half_turns": [each.id for each in half_turns], "trades": [each.id for each in trades],
        "errors": errors.texts,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))) + "\n")
