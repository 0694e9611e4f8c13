"""Reads: every endpoint's request and answer, asked again within limits, never half an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from email.utils import formatdate

import httpx
import pytest
from pydantic import SecretStr
from rest_venue import WALL_S, Venue, connected, good, refusal

from fabio.adapters.topstepx.enums import LIVE, OrderStatus
from fabio.adapters.topstepx.errors import PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.records import Account, Contract, HalfTurn, Order, Position
from fabio.adapters.topstepx.rest.buckets import Limit, Urgency
from fabio.adapters.topstepx.rest.calls import Patience
from fabio.adapters.topstepx.rest.endpoints import BarsQuery, OrderQuery, Rest
from fabio.adapters.topstepx.rest.session import Limits, open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock
from fabio.adapters.topstepx.stamps import stamp_ns
from fabio.model.errors import ConfigError
from fabio.research.reliability.virtual_time import START_S, run_virtual

CONTRACT = "CON.F.US.ENQ.Z26"
START_NS = stamp_ns("2026-11-20T14:30:00Z")
MINUTE_NS = 60_000_000_000
Ask = Callable[[Rest], Awaitable[object]]


def asked(ask: Ask, path: str, *answers: httpx.Response | Exception, patience: Patience | None = None,
          calls: int | None = None) -> tuple[object, list[dict[str, object]]]:
    """One read against these answers; returns its result and the bodies that were sent."""
    async def story() -> tuple[object, list[dict[str, object]]]:
        venue = Venue()
        if answers:
            venue.say(path, *answers)
        async with connected(venue, patience) as rest:
            try:
                return await ask(rest), venue.bodies(path)
            finally:
                if calls is not None:
                    assert venue.count(path) == calls

    return run_virtual(story())


ORDER = {
    "id": 9_876_543_210, "accountId": 465, "contractId": CONTRACT, "symbolId": "F.US.ENQ",
    "creationTimestamp": "2026-11-20T14:30:00.123456+00:00", "updateTimestamp": None, "status": 1, "type": 4,
    "side": 1, "size": 2, "limitPrice": None, "stopPrice": 20990.25, "fillVolume": 0, "filledPrice": None,
    "customTag": "fabio-1-SL", "parentOrderId": 9_876_543_209,
}
READS: list[tuple[str, str, Ask, dict[str, object], dict[str, object], object]] = [
    ("accounts", "/api/Account/search", lambda rest: rest.accounts(), {"onlyActiveAccounts": True},
     {"accounts": [{"id": 465, "name": "PRAC-1", "balance": 50000.1, "canTrade": True, "isVisible": True,
                    "simulated": True}]},
     (Account(id=465, name="PRAC-1", balance=Decimal("50000.1"), can_trade=True),)),
    ("search", "/api/Contract/search", lambda rest: rest.search_contracts("NQ"), {"searchText": "NQ", "live": False},
     {"contracts": [{"id": CONTRACT, "tickSize": 0.25, "tickValue": 5, "activeContract": True}]},
     (Contract(id=CONTRACT, tick_size=Decimal("0.25"), tick_value=Decimal(5), active_contract=True),)),
    ("available", "/api/Contract/available", lambda rest: rest.available_contracts(live=True), {"live": True},
     {"contracts": []}, ()),
    ("contract", "/api/Contract/searchById", lambda rest: rest.contract(CONTRACT), {"contractId": CONTRACT},
     {"contract": {"id": CONTRACT, "name": "NQZ6"}}, Contract(id=CONTRACT, name="NQZ6")),
    ("open orders", "/api/Order/searchOpen", lambda rest: rest.open_orders(465), {"accountId": 465},
     {"orders": [ORDER]},
     (Order(id=9_876_543_210, account_id=465, contract_id=CONTRACT, symbol_id="F.US.ENQ",
            creation_timestamp="2026-11-20T14:30:00.123456+00:00", status=1, type=4, side=1, size=2,
            stop_price=Decimal("20990.25"), fill_volume=0, custom_tag="fabio-1-SL", parent_order_id=9_876_543_209),)),
    ("orders", "/api/Order/search", lambda rest: rest.orders_since(465, START_NS, START_NS + MINUTE_NS),
     {"accountId": 465, "startTimestamp": "2026-11-20T14:30:00.0000000Z",
      "endTimestamp": "2026-11-20T14:31:00.0000000Z"},
     {"orders": [{"id": 2}, {"id": 1}]}, (Order(id=1), Order(id=2))),
    ("order", "/api/Order/searchById", lambda rest: rest.order(465, 7), {"accountId": 465, "orderId": 7},
     {"order": {"id": 7, "status": 99, "size": "3", "side": None, "newField": [1]}}, Order(id=7, status=99, size=3)),
    ("positions", "/api/Position/searchOpen", lambda rest: rest.open_positions(465), {"accountId": 465},
     {"positions": [{"id": 1, "accountId": 465, "contractId": CONTRACT, "type": 2, "size": 3,
                     "averagePrice": 21000.0625}]},
     (Position(id=1, account_id=465, contract_id=CONTRACT, type=2, size=3, average_price=Decimal("21000.0625")),)),
    ("trades", "/api/Trade/search", lambda rest: rest.trades(465, START_NS),
     {"accountId": 465, "startTimestamp": "2026-11-20T14:30:00.0000000Z"},
     {"trades": [{"id": 9, "price": 21000.25, "profitAndLoss": -12.5, "fees": 0.36, "commissions": None, "side": 1,
                  "size": 1, "voided": False, "orderId": 7}, {"id": 8, "profitAndLoss": None}]},
     (HalfTurn(id=8), HalfTurn(id=9, price=Decimal("21000.25"), profit_and_loss=Decimal("-12.5"),
                               fees=Decimal("0.36"), side=1, size=1, order_id=7))),
]


@pytest.mark.parametrize(("path", "ask", "body", "answer", "result"), [row[1:] for row in READS],
                         ids=[row[0] for row in READS])
def test_each_read_sends_its_body_and_reads_its_answer(
    path: str, ask: Ask, body: dict[str, object], answer: dict[str, object], result: object
) -> None:
    assert asked(ask, path, good(**answer)) == (result, [body])


@pytest.mark.parametrize(("path", "ask", "answer"), [(row[1], row[2], row[4]) for row in READS],
                         ids=[row[0] for row in READS])
def test_every_trouble_that_passes_is_asked_again(path: str, ask: Ask, answer: dict[str, object]) -> None:
    for trouble in (httpx.Response(500), httpx.Response(502, text="<html>"), httpx.Response(408),
                    httpx.Response(200, text='{"success":true,"err'), httpx.Response(200, text=""),
                    httpx.ConnectError("down"), httpx.ReadTimeout("slow"), httpx.ReadError("reset"),
                    httpx.RemoteProtocolError("cut"), httpx.Response(401), good(),
                    refusal(77, "what?")):
        asked(ask, path, trouble, trouble if trouble.__class__ is not httpx.Response else httpx.Response(503),
              good(**answer), calls=3)


def test_a_read_is_tried_4_times_with_growing_pauses_and_then_raises_what_was_last() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say("/api/Order/searchOpen", httpx.Response(500), httpx.ReadTimeout("slow"), httpx.Response(503))
        async with connected(venue) as rest:
            with pytest.raises(TemporaryError, match="/api/Order/searchOpen: HTTP 503"):
                await rest.open_orders(465)
        times = [at_s - START_S for at_s, path, _, _ in venue.calls if path == "/api/Order/searchOpen"]
        assert times == [0.0, 0.25, 0.75, 1.75]
        assert rest.counts["asked again"] == 3

    run_virtual(story())


def test_a_pause_longer_than_what_is_left_is_not_waited_for() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say("/api/Auth/loginKey", refusal(8))
        async with connected(venue) as rest:
            with pytest.raises(TemporaryError, match="without a reason we know") as raised:
                await rest.accounts()
            assert raised.value.delay_s == 60.0
            assert asyncio.get_running_loop().time() == START_S

    run_virtual(story())


def test_a_refused_question_is_not_asked_again() -> None:
    for answer in (refusal(1), httpx.Response(404), httpx.Response(403),
                   httpx.Response(400, json={"title": "One or more errors", "status": 400, "errors": {"x": ["no"]}})):
        with pytest.raises(PermanentError):
            asked(lambda rest: rest.open_positions(465), "/api/Position/searchOpen", answer, calls=1)


def test_what_does_not_exist_is_none_and_only_that() -> None:
    assert asked(lambda rest: rest.order(465, 7), "/api/Order/searchById", refusal(1))[0] is None
    assert asked(lambda rest: rest.contract(CONTRACT), "/api/Contract/searchById", refusal(1))[0] is None
    for half in (good(), good(order=None), good(order=[])):
        with pytest.raises(WireError):
            asked(lambda rest: rest.order(465, 7), "/api/Order/searchById", half)


@pytest.mark.parametrize("answer", [
    good(), good(orders=None), good(orders={}), good(orders="[]"), good(orders=[None]), good(orders=[[]]),
    good(orders=[{"id": 1}, {"status": 1}]), good(orders=[{"id": "x"}]), good(orders=[{"id": 1, "size": {}}]),
    httpx.Response(200, text='{"success":true,"errorCode":0,"orders":[{"id":1,"stopPrice":1e400}]}'),
    httpx.Response(200, text='{"success":true,"errorCode":0,"orders":[{"id":1,"stopPrice":"NaN"}]}'),
    httpx.Response(200, text='{"success":true,"errorCode":0,"orders":[{"id":1,"stopPrice":NaN}]}'),
    httpx.Response(200, text='{"success":"yes","orders":[]}'),
    httpx.Response(200, text='{"orders":[]}'),
    httpx.Response(200, text='{"success":true,"errorCode":2,"orders":[]}'),
    httpx.Response(200, text='{"success":true,"errorCode":0.5,"orders":[]}'),
    httpx.Response(200, text="[" * 100_000),
    httpx.Response(200, content=b"\x00\xff"),
], ids=lambda answer: answer.text[:60])
def test_half_an_answer_is_never_taken_for_no_orders(answer: httpx.Response) -> None:
    with pytest.raises(WireError):
        asked(lambda rest: rest.open_orders(465), "/api/Order/searchOpen", answer, calls=4)


def test_a_byte_order_mark_and_a_missing_error_code_do_no_harm() -> None:
    answer = httpx.Response(200, content=b'\xef\xbb\xbf{"success":true,"orders":[{"id":1}]}')
    assert asked(lambda rest: rest.open_orders(465), "/api/Order/searchOpen", answer)[0] == (Order(id=1),)


class Trickle(httpx.AsyncByteStream):
    """One byte a second."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(10_000):
            await asyncio.sleep(1)
            yield b" "


def test_a_trickle_does_not_outlive_the_wall_clock_limit_of_the_whole_call() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say("/api/Order/searchOpen", lambda _: httpx.Response(200, stream=Trickle()))
        async with connected(venue) as rest:
            with pytest.raises(TemporaryError, match=r"not answered within 30 s; the last attempt: .* within 10 s"):
                await rest.open_orders(465)
            assert asyncio.get_running_loop().time() - START_S <= 30.0

    run_virtual(story())


def test_an_endless_answer_is_cut() -> None:
    class Flood(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" " * 2**20

    with pytest.raises(TemporaryError, match="more than 33554432 bytes"):
        asked(lambda rest: rest.accounts(), "/api/Account/search",
              lambda _: httpx.Response(200, stream=Flood()), patience=Patience(attempts=1))  # type: ignore[arg-type]


def test_ping_needs_no_token_and_brings_the_headers() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            pong = await rest.ping()
            assert pong.headers["x-clock"] == "7"
            assert [(path, token) for _, path, _, token in venue.calls] == [("/api/Status/ping", "")]
            venue.say("/api/Status/ping", httpx.Response(200, text="<html>login to the hotel's Wi-Fi"))
            with pytest.raises(WireError, match="is this TopstepX"):
                await rest.ping()

    run_virtual(story())


def test_after_429_reads_wait_and_exits_are_first_to_leave() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say("/api/Order/searchOpen", httpx.Response(429, headers={"Retry-After": "20"}), good(orders=[]))
        async with connected(venue) as rest:
            await rest.tokens.bearer()
            read = asyncio.create_task(rest.open_orders(465))
            await asyncio.sleep(1)
            await rest.cancel(465, 7)
            assert await read == ()
        times = {path: at_s - START_S for at_s, path, _, _ in venue.calls}
        assert times["/api/Order/cancel"] == pytest.approx(5.0, abs=0.01)
        assert times["/api/Order/searchOpen"] == pytest.approx(20.0, abs=0.01)

    run_virtual(story())


def test_retry_after_may_be_a_date_and_nonsense_is_passed_over() -> None:
    async def story(text: str) -> float:
        venue = Venue()
        limited = httpx.Response(429, headers={b"Retry-After": text.encode()})
        venue.say("/api/Order/searchOpen", limited, good(orders=[]))
        async with connected(venue) as rest:
            await rest.open_orders(465)
        return max(at_s for at_s, _, _, _ in venue.calls) - START_S

    assert run_virtual(story(formatdate(WALL_S + START_S + 12, usegmt=True))) == pytest.approx(12, abs=1.1)
    for nonsense in ("soon", "-5", "1e9", "٣", "", "Fri, 99 Foo 2026"):
        assert run_virtual(story(nonsense)) == pytest.approx(5, abs=0.01)


def test_no_minute_of_a_busy_day_carries_more_than_160_calls_nor_half_a_minute_more_than_40_for_history() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue, Patience(read_s=600)) as rest:
            query = BarsQuery(contract_id=CONTRACT, start_ns=START_NS, end_ns=START_NS + MINUTE_NS)
            await asyncio.gather(*(rest.accounts() for _ in range(190)), *(rest.cancel(465, 7) for _ in range(30)),
                                 *(rest.bars(query) for _ in range(90)))
        for history, window_s, most in ((False, 60.0, 160), (True, 30.0, 40)):
            times = [at_s for at_s, path, _, _ in venue.calls if (path == "/api/History/retrieveBars") == history]
            assert max(sum(start <= at_s <= start + window_s for at_s in times) for start in times) == most
        cancels = [at_s for at_s, path, _, _ in venue.calls if path == "/api/Order/cancel"]
        assert max(cancels) - START_S < 1.0

    run_virtual(story())


def test_hanging_reads_never_take_the_last_connection_from_an_exit() -> None:
    counts = [0, 0]  # under way now, the most at once

    async def hang(_: httpx.Request) -> httpx.Response:
        counts[0] += 1
        counts[1] = max(counts)
        await asyncio.sleep(9)
        counts[0] -= 1
        return good(accounts=[])

    async def story() -> None:
        venue = Venue()
        venue.say("/api/Account/search", hang)
        async with connected(venue, Patience(read_s=300)) as rest:
            reads = [asyncio.create_task(rest.accounts()) for _ in range(50)]
            await asyncio.sleep(1)
            before_s = asyncio.get_running_loop().time()
            await rest.cancel(465, 7)
            assert asyncio.get_running_loop().time() == before_s
            await asyncio.gather(*reads)
        assert counts[1] == 12

    run_virtual(story())


def test_clock_skew_is_the_median_of_the_last_5_answers_that_were_quick() -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(2.5)
        return httpx.Response(200, text="pong")

    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            assert rest.skew.get() is None
            for skew_s in (90.0, -90.0, 90.0, 90.0, 3600.0):
                venue.skew_s = skew_s
                await rest.ping()
            assert rest.skew.get() == pytest.approx(90.0, abs=1.0)
            venue.skew_s = -20.0
            for _ in range(3):
                await rest.ping()
            assert rest.skew.get() == pytest.approx(-20.0, abs=1.0)
            venue.skew_s = 500.0
            venue.say("/api/Status/ping", slow)
            for _ in range(5):
                await rest.ping()
            assert rest.skew.get() == pytest.approx(-20.0, abs=1.0)

    run_virtual(story())


@pytest.mark.parametrize(("url", "words"), [
    ("http://api.topstepx.com", "in the clear"), ("ftp://x", "has to be like"), ("api.topstepx.com", "has to be like"),
    ("https://", "has to be like"), ("https://me:secret@host", "has to be like"),
])
def test_an_address_that_would_leak_or_is_none_is_refused(url: str, words: str) -> None:
    clock = Clock(monotonic_s=lambda: 0.0, wall_s=lambda: 0.0)
    with pytest.raises(ConfigError, match=words) as raised:
        open_rest(url, Credentials("demo", SecretStr("key")), clock, lambda: 0.0)
    assert "secret" not in str(raised.value)
    with pytest.raises(ConfigError, match="TOPSTEP_API_KEY"):
        open_rest("https://host", Credentials("demo", SecretStr("")), clock, lambda: 0.0)


def test_statuses_and_times_of_an_order_query_reach_the_filter() -> None:
    query = OrderQuery(account_id=465, statuses=tuple(sorted(LIVE)), created_after_ns=START_NS,
                       created_before_ns=START_NS + MINUTE_NS)
    _, bodies = asked(lambda rest: rest.orders_page(query, 100, Urgency.PROTECT), "/api/Order/v2/query",
                      good(orders=[], totalCount=0))
    assert bodies == [{
        "filter": {"accountId": 465, "statuses": [1, 6, 7, 8], "createdAfter": "2026-11-20T14:30:00.0000000Z",
                   "createdBefore": "2026-11-20T14:31:00.0000000Z"},
        "pageSize": 100, "pageOffset": 100, "sortBy": 1, "sortDirection": 0, "includeTotalCount": True,
    }]
    assert OrderStatus.SUSPENDED in LIVE


def test_a_read_that_finds_no_place_in_the_queue_says_so() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue, Patience(read_s=20), Limits(general=Limit(2, 60.0))) as rest:
            await rest.accounts()
            with pytest.raises(TemporaryError, match="20 s"):
                await rest.accounts()

    run_virtual(story())
