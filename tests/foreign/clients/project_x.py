"""project-x-py as its users use it: both hubs, a market order with brackets, its events, flat again.

Arguments: base URL, and "today" if the gateway's times are those of the wall clock. The last line
of stdout is a JSON object of what was seen. Needs Python 3.12.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from project_x_py import (
    EventBus,
    OrderManager,
    PositionManager,
    ProjectX,
    ProjectXOrderError,
    ProjectXRealtimeClient,
    create_custom_config,
)

WAIT_S = 90.0
USER_EVENTS = ("order_update", "position_update", "trade_execution")
MARKET_EVENTS = ("quote_update", "market_trade", "market_depth")


class Errors(logging.Handler):
    """Keeps what the library complains of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


async def until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise SystemExit(f"not within {WAIT_S} s: {what}") from None


class Ear:
    """Keeps what the hubs tell; user events without their wrapping."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Any]] = {name: [] for name in (*USER_EVENTS, *MARKET_EVENTS)}

    async def listen(self, realtime: ProjectXRealtimeClient) -> None:
        """Register for everything."""
        for name in self.heard:
            await realtime.add_callback(name, self._keeper(name))

    def _keeper(self, name: str) -> Callable[[Any], None]:
        def keep(event: Any) -> None:
            for each in event if name in USER_EVENTS and isinstance(event, list) else [event]:
                self.heard[name].append(each["data"] if isinstance(each, dict) and "data" in each else each)

        return keep

    def rows(self, name: str) -> list[Any]:
        """Give single rows: events carry one or several."""
        return [row for each in self.heard[name] for row in (each if isinstance(each, list) else [each]) if row]


async def trade(client: ProjectX, realtime: ProjectXRealtimeClient, ear: Ear, contract_id: str) -> dict[str, Any]:
    """Enter with brackets, move the stop, leave."""
    bus = EventBus()
    orders, positions = OrderManager(client, bus), PositionManager(client, bus)
    if not await orders.initialize(realtime):
        raise SystemExit("the order manager did not start")
    try:
        await orders.place_order(contract_id, 2, 0, 1, stop_loss_bracket={"ticks": 200, "type": 4},
                                 take_profit_bracket={"ticks": 400, "type": 1})
        refusal = ""
    except ProjectXOrderError as error:  # a long's stop is below: its ticks are negative
        refusal = str(error)
    placed = await orders.place_order(contract_id, 2, 0, 1, custom_tag="project-x-py",
                                      stop_loss_bracket={"ticks": -200, "type": 4},
                                      take_profit_bracket={"ticks": 400, "type": 1})

    def told(status: int, parent: int | None) -> set[int]:
        return {each["id"] for each in ear.rows("order_update")
                if each["status"] == status and each.get("parentOrderId") == parent}

    await until("the entry is filled", lambda: placed.orderId in told(2, None))
    await until("both children are open", lambda: len(told(1, placed.orderId)) == 2)
    await until("the position is told", lambda: any(each["size"] == 1 for each in ear.rows("position_update")))
    by_id = await orders.get_order_by_id(placed.orderId)
    resting = await orders.search_open_orders(contract_id=contract_id)
    held = await client.search_open_positions()
    stop = next(each for each in resting if each.type == 4)
    moved = stop.stopPrice - 5.0
    is_moved = await orders.modify_order(stop.id, stop_price=moved)
    await until("the stop has moved", lambda: any(
        each["id"] == stop.id and each.get("stopPrice") == moved for each in ear.rows("order_update")))
    closed = await positions.close_position_direct(contract_id)
    await until("the position is closed", lambda: any(each["size"] == 0 for each in ear.rows("position_update")))
    for each in await orders.search_open_orders(contract_id=contract_id):
        await orders.cancel_order(each.id)
    await until("both children are cancelled", lambda: len(told(3, placed.orderId)) == 2)
    await until("both half-turns are told", lambda: len(ear.rows("trade_execution")) == 2)
    held_at_the_end = await client.search_open_positions()
    await orders.cleanup()
    return {
        "order_id": placed.orderId, "refusal": refusal, "entry_status": by_id.status if by_id else None,
        "resting_types": sorted(each.type for each in resting), "held": [each.size for each in held],
        "held_at_the_end": [each.size for each in held_at_the_end],
        "is_moved": is_moved, "closed": closed.get("success"),
        "half_turns": [each["id"] for each in ear.rows("trade_execution")],
        "statuses": [[each["id"], each["status"]] for each in ear.rows("order_update")],
    }


async def main(base: str, is_today: bool) -> dict[str, Any]:
    """Trade once."""
    errors = Errors()
    config = create_custom_config(
        api_url=f"{base}/api", realtime_url=f"{base}/hubs", user_hub_url=f"{base}/hubs/user",
        market_hub_url=f"{base}/hubs/market", retry_attempts=1)
    async with ProjectX("demo", "0123456789", config=config) as client:
        await client.authenticate()
        logging.getLogger("project_x_py").addHandler(errors)
        account = client.get_account_info()
        contract = await client.get_instrument("MNQ")
        ear = Ear()
        realtime = ProjectXRealtimeClient(client.get_session_token(), str(account.id), config=client.config)
        await ear.listen(realtime)
        if not await realtime.connect():
            raise SystemExit("the hubs did not open")
        is_heard = [await realtime.subscribe_user_updates(), await realtime.subscribe_market_data([contract.id])]
        await until("quotes, prints and depth", lambda: min(len(ear.rows(name)) for name in MARKET_EVENTS) > 5)
        prints = ear.rows("market_trade")
        now = datetime.fromisoformat(prints[-1]["timestamp"])
        if is_today:  # as most users ask: so many days back from now
            bars = await client.get_bars("MNQ", days=1, interval=1)
        else:
            bars = await client.get_bars("MNQ", interval=1, start_time=now - timedelta(hours=8), end_time=now)
        seen = await trade(client, realtime, ear, contract.id)
        trades = await client.search_trades(start_date=now - timedelta(hours=1), end_date=now + timedelta(hours=1))
        await realtime.disconnect()
    return {
        "version": version("project-x-py"), "account_id": account.id, "contract_id": contract.id,
        "is_heard": is_heard, "bars": len(bars), "quotes": len(ear.rows("quote_update")),
        "prints": len(ear.rows("market_trade")), "depth_rows": len(ear.rows("market_depth")),
        "oldest_print": prints[0]["timestamp"], "newest_print": prints[-1]["timestamp"],
        "trades": [each.id for each in trades], "errors": errors.texts, **seen,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1], "today" in sys.argv[2:]))) + "\n")
