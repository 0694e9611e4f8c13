"""History: pages backwards, oldest first, no bar twice."""

import json
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
from rest_venue import Venue, connected, good, refusal

from fabio.adapters.topstepx.enums import BarUnit
from fabio.adapters.topstepx.errors import BadRequest, PermanentError, WireError
from fabio.adapters.topstepx.records import Bar
from fabio.adapters.topstepx.rest.endpoints import BarsQuery
from fabio.adapters.topstepx.rest.history import Bars, retrieve_bars
from fabio.adapters.topstepx.stamps import stamp_ns, stamp_text
from fabio.research.reliability.virtual_time import run_virtual

CONTRACT = "CON.F.US.ENQ.Z26"
PATH = "/api/History/retrieveBars"
START_NS = stamp_ns("2026-11-20T14:30:00Z")
MINUTE_NS = 60_000_000_000


def page(query: BarsQuery, *answers: httpx.Response) -> tuple[tuple[Bar, ...], list[dict[str, object]]]:
    """One page against these answers, and the bodies that were sent."""
    async def story() -> tuple[tuple[Bar, ...], list[dict[str, object]]]:
        venue = Venue()
        venue.say(PATH, *answers)
        async with connected(venue) as rest:
            return await rest.bars(query), venue.bodies(PATH)

    return run_virtual(story())


def bar(minute: int) -> dict[str, object]:
    return {"t": stamp_text(START_NS + minute * MINUTE_NS, digits=0, zone="+00:00"), "o": 21000.25, "h": 21001,
            "l": 20999.75, "c": 21000.5, "v": minute, "d": None, "k": None}


def history(minutes: int, page: int, inclusive: bool) -> Callable[[httpx.Request], httpx.Response]:
    """A venue with so many minute bars that hands out `page` of them at once, newest first."""
    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        end_ns = stamp_ns(body["endTime"]) + (1 if inclusive else 0)
        rows = [bar(minute) for minute in range(minutes) if START_NS + minute * MINUTE_NS < end_ns]
        return good(bars=rows[::-1][: min(page, body["limit"])])
    return answer


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize(("minutes", "page"), [(0, 5), (1, 5), (5, 5), (23, 5), (23, 100)])
def test_bars_are_paged_backwards_and_come_out_oldest_first_and_once(minutes: int, page: int, inclusive: bool) -> None:
    async def story() -> Bars:
        venue = Venue()
        venue.say(PATH, history(minutes, page, inclusive))
        async with connected(venue) as rest:
            query = BarsQuery(contract_id=CONTRACT, start_ns=START_NS, end_ns=START_NS + 60 * MINUTE_NS)
            return await retrieve_bars(rest, query)

    found = run_virtual(story())
    assert found.complete
    assert [one.v for one in found.bars] == list(range(minutes))


def test_bars_outside_the_span_are_left_out_and_running_out_of_pages_is_said() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say(PATH, history(60, 5, True))
        async with connected(venue) as rest:
            query = BarsQuery(contract_id=CONTRACT, start_ns=START_NS + 10 * MINUTE_NS,
                              end_ns=START_NS + 30 * MINUTE_NS)
            found = await retrieve_bars(rest, query)
            assert ([one.v for one in found.bars], found.complete) == (list(range(10, 30)), True)
            found = await retrieve_bars(rest, query, most_pages=2)
            assert not found.complete
            assert found.bars[-1].v == 29

    run_virtual(story())


def test_bars_send_every_required_field_and_are_exact() -> None:
    query = BarsQuery(contract_id=CONTRACT, start_ns=START_NS, end_ns=START_NS + MINUTE_NS, unit=BarUnit.SECOND,
                      unit_number=15, limit=3, include_partial=True)
    bars, bodies = page(query, good(bars=[bar(1), bar(0)]))
    assert bodies == [{"contractId": CONTRACT, "live": False, "startTime": "2026-11-20T14:30:00.0000000Z",
                       "endTime": "2026-11-20T14:31:00.0000000Z", "unit": 1, "unitNumber": 15, "limit": 3,
                       "includePartialBar": True}]
    assert bars == tuple(
        Bar(t=f"2026-11-20T14:{30 + minute}:00+00:00", o=Decimal("21000.25"), h=Decimal(21001),
            l=Decimal("20999.75"), c=Decimal("21000.5"), v=minute) for minute in range(2))
    with pytest.raises(BadRequest, match="limit 20001"):
        page(BarsQuery(contract_id=CONTRACT, start_ns=0, end_ns=1, limit=20_001))
    with pytest.raises(WireError, match="bar without a start"):
        page(query, good(bars=[{**bar(1), "t": "noon"}]))


def test_an_unfit_live_flag_or_contract_is_named() -> None:
    query = BarsQuery(contract_id=CONTRACT, start_ns=START_NS, end_ns=START_NS + MINUTE_NS)
    with pytest.raises(PermanentError, match=r"error 1 \(CONTRACT_NOT_FOUND\)") as raised:
        page(query, refusal(1))
    assert raised.value.code == 1
