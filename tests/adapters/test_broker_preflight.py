"""Preflight: each thing that can be wrong before trading, in one sentence and with a cure."""

import asyncio
import datetime as dt
import random
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from gateway_worlds import ACCOUNT, LAST, NQ, NQ_ID, QM, SECOND, START_NS, gateway, prints
from pydantic import SecretStr
from rest_venue import Venue, connected, good, refusal

from fabio.adapters.gateway.faults.layer import Faults
from fabio.adapters.gateway.faults.script import Script
from fabio.adapters.gateway.faults.spec import FaultSpec
from fabio.adapters.gateway.front import Front
from fabio.adapters.gateway.inprocess import Transport
from fabio.adapters.gateway.pace import Pace
from fabio.adapters.gateway.plan import Switches
from fabio.adapters.topstepx.broker.bracket_probe import Probe, probe_brackets
from fabio.adapters.topstepx.broker.preflight import (
    look_at_account,
    look_at_brackets,
    look_at_clock,
    look_at_contract,
    look_at_credentials,
)
from fabio.adapters.topstepx.broker.tags import Tags
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.enums import TERMINAL
from fabio.adapters.topstepx.rest.session import open_rest
from fabio.adapters.topstepx.rest.tokens import Credentials
from fabio.adapters.topstepx.rest.transport import Clock as RestClock
from fabio.adapters.topstepx.signalr.timing import HubClock
from fabio.model.order import Leg
from fabio.research.reliability.virtual_time import run_virtual

TODAY = dt.date(2026, 6, 1)


@asynccontextmanager
async def at_gateway(*faults, switches=None, user="demo", ours_s=0.0):
    made = gateway(switches)
    made.supply_history(0, prints(*[LAST] * 600, start_ns=START_NS - 3600 * SECOND))
    pace = Pace(made, 1.0)
    front = Front(made, Faults(made, Script(faults=faults)), pace)
    loop = asyncio.get_running_loop()
    rest = open_rest("https://gateway.invalid", Credentials(user, SecretStr("0123456789")),
                     RestClock(loop.time, lambda: front.time.now_ns() / 1e9 + ours_s), random.Random(3).random,
                     carrier=Transport(front))
    driving = asyncio.create_task(pace.run())
    clock = HubClock(loop.time, asyncio.sleep, front.time.now_ns)
    probe = Probe(rest=rest, account_id=ACCOUNT, world="fab7", clock=clock,
                  traded=TradedContract(market=0, contract_id=NQ_ID, instrument=NQ))
    try:
        yield made, rest, probe
    finally:
        driving.cancel()
        await asyncio.wait({driving})
        await rest.aclose()


def is_complete(finding):
    assert finding.found
    assert finding.mark == "good" or finding.cure
    return finding


def test_at_a_gateway_in_order_all_is_good():
    async def story():
        async with at_gateway() as (made, rest, probe):
            assert (await look_at_credentials(rest)).mark == "good"
            finding, account = await look_at_account(rest, ACCOUNT)
            assert (finding.mark, account.id) == ("good", ACCOUNT)
            finding, roll = await look_at_contract(rest, NQ, TODAY)
            assert (finding.mark, roll.contract_id) == ("good", NQ_ID)
            assert (await look_at_brackets(rest, ACCOUNT, made.now_ns)).mark == "doubtful"
            assert is_complete(await probe_brackets(probe)).mark == "good"
            assert (await look_at_brackets(rest, ACCOUNT, made.now_ns)).mark == "good"
    run_virtual(story())


def test_the_probe_leaves_nothing_behind():
    async def story():
        async with at_gateway() as (made, _, probe):
            await probe_brackets(probe)
            orders = made.orders.of(ACCOUNT, made.now_ns)
            assert len(orders) == 3
            assert {each.status for each in orders} <= TERMINAL
            assert made.accounts[ACCOUNT].half_turns == []
            leg: Leg = "entry"
            assert Tags("fab7").read(orders[0].custom_tag).leg == leg
            assert orders[0].limit_price < LAST * NQ.tick_size * 99 / 100
    run_virtual(story())


def test_position_brackets_mode_is_found_by_the_probe_with_how_to_switch():
    async def story():
        async with at_gateway(switches=Switches(position_brackets=True)) as (_, __, probe):
            finding = is_complete(await probe_brackets(probe))
            assert finding.mark == "bad"
            assert "Position Brackets mode" in finding.found
            assert "Auto OCO Brackets" in finding.cure
    run_virtual(story())


@pytest.mark.parametrize(("name", "surface", "mark"), [
    ("drop_reply", "place", "good"), ("drop_request", "place", "bad"), ("drop_reply", "cancel", "good"),
    ("drop_request", "cancel", "bad"), ("refuse", "place", "doubtful"), ("server_error", "bars", "doubtful"),
])
def test_a_probe_under_faults_never_calls_good_what_it_did_not_see(name, surface, mark):
    async def story():
        options = {"codes": (5,), "message": "outside trading hours"} if name == "refuse" else {}
        async with at_gateway(FaultSpec(name=name, surface=surface, options=options)) as (made, _, probe):
            finding = is_complete(await probe_brackets(probe))
            assert finding.mark == mark
            live = [each for each in made.orders.of(ACCOUNT, made.now_ns) if each.status not in TERMINAL]
            assert bool(live) == (name == "drop_request" and surface == "cancel")
    run_virtual(story())


def test_an_unknown_user_is_told_what_a_user_name_is():
    async def story():
        async with at_gateway(user="someone@mail.test") as (_, rest, __):
            finding = is_complete(await look_at_credentials(rest))
            assert finding.mark == "bad"
            assert "not the e-mail address" in finding.found
    run_virtual(story())


@pytest.mark.parametrize("offset_s", [0.0, 5.0, -5.0, 30.0, -30.0])
def test_h27_a_clock_that_is_off_is_told(offset_s):
    async def story():
        venue = Venue()
        venue.skew_s = offset_s
        async with connected(venue) as rest:
            finding = await look_at_clock(rest)
            assert finding.mark == {0: "good", 5: "doubtful", 30: "bad"}[abs(offset_s)]
            assert ("ahead of" if offset_s >= 0 else "behind") in finding.found
            if offset_s:
                assert "NTP" in finding.cure
    run_virtual(story())


def accounts(*rows):
    return good(accounts=[{"id": number, "name": name, "balance": 50_000, "canTrade": can_trade,
                           "isVisible": True, "simulated": simulated} for number, name, can_trade, simulated in rows])


@pytest.mark.parametrize(("rows", "wanted", "mark", "words"), [
    ([(1, "PRAC-1", True, True)], 1, "good", "may trade"),
    ([(1, "PRAC-1", True, True)], None, "good", "may trade"),
    ([(1, "PRAC-1", True, True), (2, "50KTC-2", True, True)], 3, "bad", "1 (PRAC-1), 2 (50KTC-2)"),
    ([(1, "PRAC-1", True, True), (2, "50KTC-2", True, True)], None, "bad", "1 (PRAC-1), 2 (50KTC-2)"),
    ([], 1, "bad", "none"),
    ([(1, "PRAC-1", False, True)], 1, "bad", "is locked"),
    ([(1, "LIVE-1", True, False)], 1, "doubtful", "live funded"),
])
def test_an_account_that_does_not_fit_is_told_with_all_there_are(rows, wanted, mark, words):
    async def story():
        venue = Venue()
        venue.say("/api/Account/search", accounts(*rows))
        async with connected(venue) as rest:
            finding, account = await look_at_account(rest, wanted)
            assert is_complete(finding).mark == mark
            assert words in finding.found
            assert (account is None) == (mark == "bad")
    run_virtual(story())


def test_a_contract_that_is_not_there_or_worth_something_else_is_told():
    async def story():
        async with at_gateway() as (_, rest, __):
            for instrument, words in (
                (msgspec.structs.replace(NQ, gateway_root=None), "not traded on TopstepX"),
                (msgspec.structs.replace(NQ, gateway_root="ZZZ"), "ZZZ"),
                (msgspec.structs.replace(NQ, tick_size=QM.tick_size), "tick size"),
            ):
                finding, roll = await look_at_contract(rest, instrument, TODAY)
                assert is_complete(finding).mark == "bad"
                assert words in finding.found
                assert roll is None
            finding, _ = await look_at_contract(rest, NQ, dt.date(2026, 6, 18), live=True)
            assert finding.mark == "bad"
    run_virtual(story())


def test_a_venue_that_does_not_answer_is_told_and_not_asked_for_ever():
    async def story():
        venue = Venue()
        for path in ("/api/Account/search", "/api/Contract/available", "/api/Order/v2/query", "/api/Status/ping"):
            venue.say(path, httpx.Response(503))
        async with connected(venue) as rest:
            findings = [
                (await look_at_account(rest, 1))[0], (await look_at_contract(rest, NQ, TODAY))[0],
                await look_at_brackets(rest, 1, START_NS), await look_at_clock(rest),
            ]
            assert [is_complete(each).mark for each in findings] == ["bad", "bad", "doubtful", "bad"]
            assert len(venue.calls) < 20
    run_virtual(story())


@pytest.mark.parametrize("code", [1, 3, 7, 9, 10])
def test_a_refused_login_is_one_sentence_with_its_cure(code):
    async def story():
        venue = Venue()
        venue.say("/api/Auth/loginKey", refusal(code))
        async with connected(venue) as rest:
            finding = is_complete(await look_at_credentials(rest))
            assert finding.mark == "bad"
            assert venue.count("/api/Auth/loginKey") == 1
    run_virtual(story())
