"""pysignalr as its users use it: both hubs negotiated, a market order by a plain POST, its events.

Argument: the base URL. The last line of stdout is a JSON object of what was seen.
"""

import asyncio
import json
import sys
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from pysignalr.client import SignalRClient
from pysignalr.messages import CompletionMessage

WAIT_S = 90.0


class Desk:
    """The REST side, by what every Python has."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.token = ""

    async def post(self, endpoint: str, **body: Any) -> Any:
        """Call an endpoint that must succeed."""
        request = urllib.request.Request(
            f"{self.base}/api/{endpoint}", json.dumps(body).encode(), method="POST",
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"})
        answer = json.loads(await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=WAIT_S).read()))
        if not answer["success"]:
            raise SystemExit(f"{endpoint}: {answer['errorCode']} {answer['errorMessage']}")
        return answer


async def until(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise SystemExit(f"not within {WAIT_S} s: {what}") from None


def listening(client: SignalRClient, events: tuple[str, ...]) -> dict[str, list[Any]]:
    """Keep the arguments of events."""
    heard: dict[str, list[Any]] = {name: [] for name in events}

    def keeper(name: str) -> Any:
        async def keep(arguments: list[Any]) -> None:
            heard[name].append(arguments)

        return keep

    for name in events:
        client.on(name, keeper(name))
    return heard


async def opened(client: SignalRClient) -> asyncio.Task[None]:
    """Run a client and wait until its handshake is done."""
    is_open = asyncio.Event()

    async def on_open() -> None:
        is_open.set()

    client.on_open(on_open)
    running = asyncio.create_task(client.run())
    waiting = asyncio.create_task(is_open.wait())
    await asyncio.wait((running, waiting), timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    if not is_open.is_set():
        raise SystemExit("the hub did not open")
    return running


async def main(base: str) -> dict[str, Any]:
    """Trade once."""
    desk = Desk(base)
    desk.token = (await desk.post("Auth/loginKey", userName="demo", apiKey="0123456789"))["token"]
    account_id = (await desk.post("Account/search", onlyActiveAccounts=True))["accounts"][0]["id"]
    found = (await desk.post("Contract/search", searchText="MNQ", live=False))["contracts"]
    contract_id = next(each["id"] for each in found if each["activeContract"] and each["symbolId"] == "F.US.MNQ")

    completions: list[str] = []
    refusals: list[str] = []

    async def completed(message: CompletionMessage) -> None:
        completions.append(message.invocation_id)

    async def refused(message: CompletionMessage) -> None:
        refusals.append(str(message.error))

    market = SignalRClient(f"{base}/hubs/market?access_token={desk.token}")
    user = SignalRClient(f"{base}/hubs/user?access_token={desk.token}")
    market.on_error(refused)
    user.on_error(refused)
    prices = listening(market, ("GatewayQuote", "GatewayTrade", "GatewayDepth"))
    own = listening(user, ("GatewayUserOrder", "GatewayUserPosition", "GatewayUserTrade", "GatewayUserAccount"))
    running = [await opened(market), await opened(user)]
    for method in ("SubscribeContractQuotes", "SubscribeContractTrades", "SubscribeContractMarketDepth"):
        await market.send(method, [contract_id], on_invocation=completed)
    for method in ("SubscribeOrders", "SubscribePositions", "SubscribeTrades"):
        await user.send(method, [account_id], on_invocation=completed)
    await until("six completions", lambda: len(completions) == 6)
    await until("quotes, prints and depth", lambda: min(map(len, prices.values())) > 2)
    await market.send("SubscribeContractDepth", [contract_id], on_invocation=completed)  # there is none of this name
    await until("it is refused", lambda: bool(refusals))

    order_id = (await desk.post("Order/place", accountId=account_id, contractId=contract_id, type=2, side=1, size=1,
                                customTag="pysignalr"))["orderId"]
    orders = own["GatewayUserOrder"]
    await until("the entry is filled", lambda: any(
        each["data"]["id"] == order_id and each["data"]["status"] == 2 for (each,) in orders))
    await desk.post("Position/closeContract", accountId=account_id, contractId=contract_id)
    await until("both half-turns are told", lambda: len(own["GatewayUserTrade"]) == 2)
    await until("the position is closed",
                lambda: any(each["action"] == 2 for (each,) in own["GatewayUserPosition"]))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return {
        "version": version("pysignalr"), "account_id": account_id, "contract_id": contract_id, "order_id": order_id,
        "completions": len(completions), "refusals": refusals,
        "events": {name: len(events) for name, events in {**prices, **own}.items()},
        "half_turns": [each["data"]["id"] for (each,) in own["GatewayUserTrade"]],
        "statuses": [[each["data"]["id"], each["data"]["status"]] for (each,) in orders],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))) + "\n")
