"""Whoever subscribes before the tape is there hears nothing of before the start; bars and quotes know it."""

from gateway_worlds import LAST, MS, NQ, NQ_ID, QM, SECOND, START_NS, Client, call, events_of, hub, prints, sessions

from fabio.adapters.gateway.core import Gateway, Stream
from fabio.adapters.gateway.plan import GatewayPlan


def test_a_tape_that_comes_after_the_subscription_tells_no_print_of_before_the_start() -> None:
    gateway = Gateway(GatewayPlan(), [NQ, QM], [Stream(instrument=NQ, table=sessions())], START_NS)
    some = Client(gateway).log_in()
    connection = hub(gateway, "market", some.token)
    for method in ("SubscribeContractTrades", "SubscribeContractQuotes"):
        call(connection, method, NQ_ID)

    gateway.supply(prints(*range(LAST, LAST + 50), start_ns=START_NS - 5 * SECOND, step_ns=100 * MS))
    gateway.supply(prints(LAST + 7, start_ns=START_NS + 10 * MS))
    gateway.advance(START_NS + SECOND)

    told = events_of(connection)
    assert [each["price"] for name, rows in told if name == "GatewayTrade" for each in rows] == [25_001.75]
    quote = next(data for name, data in told if name == "GatewayQuote")
    assert (quote["high"], quote["volume"]) == (25_012.25, 51)
