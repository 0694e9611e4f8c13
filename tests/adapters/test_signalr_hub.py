"""A hub's life in virtual time: what ends a connection, and when the next begins."""

import asyncio
from itertools import pairwise

import pytest
from hub_side import QUOTES, TRADES, URL, Bench, Side, Tokens, Venue, refusing, unreachable

from fabio.adapters.topstepx.errors import CredentialsRefused, NoAnswer, WireError
from fabio.adapters.topstepx.signalr.hub import SubscriptionRefused
from fabio.adapters.topstepx.signalr.link import DialFailed
from fabio.adapters.topstepx.signalr.notices import AttemptFailed, Connected, Lost, Reason, RecordRefused
from fabio.adapters.topstepx.signalr.protocol import (
    BadKind,
    Close,
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    Ping,
    invocation,
    render,
)
from fabio.adapters.topstepx.signalr.session import Subscription
from fabio.research.reliability.virtual_time import run_virtual


def trade(number):
    return invocation("GatewayTrade", "CON.F.US.MNQ.Z26", {"volume": number})


def quote(**fields):
    return invocation("GatewayQuote", "CON.F.US.MNQ.Z26", fields)


def now_s():
    return asyncio.get_running_loop().time()


async def dropped_at_once(side):
    side.drop()


def lasting(seconds):
    async def script(side):
        task = asyncio.ensure_future(side.live())
        await asyncio.sleep(seconds)
        task.cancel()
        side.drop()

    return script


# connecting


def test_connected_is_told_only_after_every_subscription_is_confirmed() -> None:
    async def story():
        gate = asyncio.Event()

        async def script(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            await side.hears(lambda record: isinstance(record, Invocation) and record.invocation_id == "1")
            side.say(Completion("0"))
            await gate.wait()
            side.say(Completion("1"))

        bench = Bench(Venue(script), TRADES, QUOTES)
        async with bench.running():
            await asyncio.sleep(1.0)
            assert bench.notices == []
            assert not bench.hub.connected
            gate.set()
            assert await bench.told(Connected) == Connected("market", 1)
            assert bench.hub.connected
            [side] = bench.venue.sides
            assert side.received == [
                HandshakeRequest("json", 1),
                invocation("SubscribeContractTrades", "CON.F.US.MNQ.Z26", invocation_id="0"),
                invocation("SubscribeContractQuotes", "CON.F.US.MNQ.Z26", invocation_id="1"),
            ]

    run_virtual(story())


def test_the_token_stands_in_the_query_encoded_and_is_fetched_for_every_attempt() -> None:
    async def story():
        bench = Bench(Venue(unreachable(), unreachable(), Side.live))
        async with bench.running():
            await bench.told(Connected)
        assert bench.venue.urls == [f"{URL}?access_token=se%20cret%2F{number}" for number in (1, 2, 3)]
        assert bench.tokens.asked == [None, None, None]

    run_virtual(story())


def test_events_are_delivered_with_generation_and_the_time_their_frame_came() -> None:
    async def story():
        async def early(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            # in one frame with the answer, and before the subscription is confirmed
            side.say(HandshakeAnswer(), trade(1))
            await asyncio.sleep(0.5)
            side.say(Completion("0"), trade(2), trade(3))

        bench = Bench(Venue(early), TRADES)
        async with bench.running():
            await bench.told(Connected)
            arrivals = await bench.inbox.take()
        assert [arrival.invocation for arrival in arrivals] == [trade(1), trade(2), trade(3)]
        assert {(arrival.hub, arrival.generation) for arrival in arrivals} == {("market", 1)}
        stamps = [arrival.recv_ns for arrival in arrivals]
        assert stamps[1] == stamps[2] == stamps[0] + 500_000_000

    run_virtual(story())


def test_a_handshake_refused_is_told_in_the_hubs_words_and_tried_again() -> None:
    async def story():
        async def refuse(side):
            side.say(HandshakeAnswer("Requested protocol 'json' is not available."))

        async def no_answer(side):
            side.say(Ping())

        bench = Bench(Venue(refuse, no_answer, Side.live))
        async with bench.running():
            await bench.told(Connected)
        first, refused, second = bench.notices[:3]
        assert (refused.record.kind, bench.hub.counts) == (BadKind.HANDSHAKE, {"bad handshake": 1})
        assert (first.reason, first.failures) == (Reason.HANDSHAKE, 1)
        assert "protocol 'json' is not available" in first.detail
        assert (second.reason, second.failures) == (Reason.HANDSHAKE, 2)
        # nobody else has to be told what failed attempts left open
        assert [side.polite for side in bench.venue.sides[:2]] == [False, False]

    run_virtual(story())


@pytest.mark.parametrize("script", [refusing(None), lambda side: asyncio.Event().wait()])
def test_a_dial_or_a_handshake_that_hangs_ends_after_its_limit(script) -> None:
    async def story():
        bench = Bench(Venue(script))
        async with bench.running():
            started_s = now_s()
            failed = await bench.told(AttemptFailed)
            assert failed.reason is Reason.TOOK_TOO_LONG
            assert now_s() - started_s == pytest.approx(8.0)

    run_virtual(story())


def test_a_subscription_that_is_never_confirmed_ends_the_attempt() -> None:
    async def story():
        async def mute(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())

        bench = Bench(Venue(mute), TRADES)
        async with bench.running():
            failed = await bench.told(AttemptFailed)
            assert failed.reason is Reason.TOOK_TOO_LONG
            assert "SubscribeContractTrades" in failed.detail
            assert now_s() == pytest.approx(1010.0)

    run_virtual(story())


def test_a_refused_subscription_is_told_by_name_and_is_not_hurried() -> None:
    async def story():
        async def refuse(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            call = await side.hears(lambda record: isinstance(record, Invocation))
            side.say(Completion(call.invocation_id, error="Method does not exist."))

        bench = Bench(Venue(refuse), Subscription("SubscribeContractDepth", ("CON.F.US.MNQ.Z26",)))
        async with bench.running():
            failed = await bench.told(AttemptFailed)
        assert failed.reason is Reason.SUBSCRIPTION
        assert failed.detail == "SubscribeContractDepth('CON.F.US.MNQ.Z26',): Method does not exist."
        assert failed.pause_s >= 5.0

    run_virtual(story())


# tokens


def test_after_a_401_the_token_factory_hears_which_token_is_dead() -> None:
    async def story():
        bench = Bench(Venue(refusing(DialFailed("server rejected WebSocket connection: HTTP 401", 401)), Side.live))
        async with bench.running():
            await bench.told(Connected)
        assert bench.notices[0].reason is Reason.UNAUTHORIZED
        assert bench.tokens.asked == [None, "se cret/1"]

    run_virtual(story())


def test_any_other_refused_upgrade_does_not_blame_the_token() -> None:
    async def story():
        bench = Bench(Venue(refusing(DialFailed("server rejected WebSocket connection: HTTP 503", 503)), Side.live))
        async with bench.running():
            await bench.told(Connected)
        assert bench.notices[0].reason is Reason.REFUSED
        assert bench.tokens.asked == [None, None]

    run_virtual(story())


def test_a_token_that_cannot_be_had_now_is_waited_for_and_its_wish_is_heard() -> None:
    async def story():
        dead = refusing(DialFailed("HTTP 401", 401))
        tokens = Tokens([None, NoAnswer("login: no answer", delay_s=20.0), WireError("login: HTML")])
        bench = Bench(Venue(dead, Side.live), tokens=tokens)
        async with bench.running():
            await bench.told(Connected)
        reasons = [notice.reason for notice in bench.notices[:-1]]
        assert reasons == [Reason.UNAUTHORIZED, Reason.NO_TOKEN, Reason.NO_TOKEN]
        assert bench.notices[1].pause_s >= 20.0
        # the dead token stays dead until somebody has replaced it
        assert bench.tokens.asked == [None, "se cret/1", "se cret/1", "se cret/1"]

    run_virtual(story())


def test_a_token_factory_that_hangs_is_given_up() -> None:
    async def story():
        async def hanging(dead):
            await asyncio.Event().wait()

        bench = Bench(Venue(), tokens=hanging)
        async with bench.running():
            failed = await bench.told(AttemptFailed)
            assert failed.reason is Reason.NO_TOKEN
            assert now_s() == pytest.approx(1060.0)

    run_virtual(story())


def test_credentials_that_a_person_must_mend_end_the_run_without_a_loop() -> None:
    async def story():
        bench = Bench(Venue(), tokens=Tokens([CredentialsRefused("the API key is wrong")]))
        with pytest.raises(CredentialsRefused, match="API key is wrong"):
            await bench.hub.run()
        assert bench.venue.urls == []

    run_virtual(story())


def test_no_notice_holds_the_token() -> None:
    async def story():
        leaky = refusing(DialFailed(f"InvalidURI: {URL}?access_token=se%20cret%2F1 and raw: se cret/1"))
        bench = Bench(Venue(leaky, Side.live))
        async with bench.running():
            await bench.told(Connected)
        assert "cret" not in repr(bench.notices)
        assert "***" in bench.notices[0].detail

    run_virtual(story())


# what ends a connection


def test_a_drop_is_told_and_the_next_connection_subscribes_again() -> None:
    async def story():
        bench = Bench(Venue(lasting(90.0), Side.live), TRADES, QUOTES)
        async with bench.running():
            lost = await bench.told(Lost)
            assert (lost.generation, lost.reason) == (1, Reason.DROPPED)
            lost_s = now_s()
            assert await bench.told(Connected, 2) == Connected("market", 2)
            assert 0.5 <= now_s() - lost_s <= 1.0
            assert [call.target for call in bench.venue.sides[1].calls()] == [TRADES.method, QUOTES.method]

    run_virtual(story())


@pytest.mark.parametrize(("allowed", "least_s", "most_s"), [(True, 0.5, 1.0), (False, 5.0, 5.0)])
def test_a_close_record_is_told_in_its_own_words_and_its_wish_is_heard(allowed, least_s, most_s) -> None:
    async def story():
        async def closing(side):
            task = asyncio.ensure_future(side.live())
            await asyncio.sleep(90.0)
            side.say(trade(1), Close("Connection closed with an error.", allowed), trade(2))
            task.cancel()

        bench = Bench(Venue(closing, Side.live), TRADES)
        async with bench.running():
            lost = await bench.told(Lost)
            assert (lost.reason, lost.detail) == (Reason.CLOSED, "Connection closed with an error.")
            assert least_s <= lost.pause_s <= most_s
            await bench.told(Connected, 2)
            assert [arrival.invocation for arrival in bench.inbox.take_waiting()] == [trade(1)]
            assert bench.venue.sides[0].polite is True

    run_virtual(story())


def test_a_server_that_pings_and_says_nothing_else_is_alive_and_hears_our_pings() -> None:
    async def story():
        bench = Bench(Venue(), TRADES)
        async with bench.running():
            await bench.told(Connected)
            await asyncio.sleep(3601.0)
            assert bench.notices == [Connected("market", 1)]
            assert sum(isinstance(record, Ping) for record in bench.venue.sides[0].received) == 240

    run_virtual(story())


def test_thirty_seconds_without_a_record_are_the_end_also_when_bytes_trickle() -> None:
    async def story():
        async def trickle(side):
            task = asyncio.ensure_future(side.serve())
            await asyncio.sleep(100.0)
            task.cancel()
            for _ in range(1000):
                await asyncio.sleep(1.0)
                side.to_hub.put_nowait(b'{"type":6}'[:1])

        async def garbage(side):
            task = asyncio.ensure_future(side.serve())
            for _ in range(1000):
                await asyncio.sleep(1.0)
                side.to_hub.put_nowait(b"garbage\x1e")
            task.cancel()

        async def serve_only(side):
            await side.serve()

        for script in (serve_only, trickle, garbage):
            bench = Bench(Venue(script, Side.live), TRADES)
            async with bench.running():
                started_s = now_s()
                lost = await bench.told(Lost)
                assert lost.reason is Reason.SILENT
                assert now_s() - started_s == pytest.approx(30.0)
                assert bench.venue.sides[0].polite is False

    run_virtual(story())


def test_a_bad_record_costs_itself_and_is_told() -> None:
    async def story():
        async def script(side):
            task = asyncio.ensure_future(side.live())
            await asyncio.sleep(1.0)
            null_arguments = b'{"type":1,"target":"x","arguments":null}\x1e'
            side.to_hub.put_nowait(render(trade(1)) + null_arguments + render(trade(2)))
            side.to_hub.put_nowait(b'{"type":9,"sequenceId":4}\x1e')
            await asyncio.sleep(1.0)
            side.drop()
            task.cancel()

        bench = Bench(Venue(script, Side.live), TRADES)
        async with bench.running():
            refused = await bench.told(RecordRefused)
            assert (refused.generation, refused.record.kind) == (1, BadKind.ARGUMENTS)
            assert [arrival.invocation for arrival in await bench.inbox.take()] == [trade(1), trade(2)]
            await bench.told(Connected, 2)
            assert bench.hub.counts == {"bad arguments": 1, "unused 9": 1}

    run_virtual(story())


def test_a_completion_nobody_waits_for_is_harmless() -> None:
    async def story():
        async def script(side):
            task = asyncio.ensure_future(side.live())
            await asyncio.sleep(1.0)
            side.say(Completion("99"), Completion("0"), Completion("0", error="late"), trade(1))
            await task

        bench = Bench(Venue(script), TRADES)
        async with bench.running():
            assert [arrival.invocation for arrival in await bench.inbox.take()] == [trade(1)]
            assert bench.hub.connected

    run_virtual(story())


# asked from outside


def test_reconnect_ends_the_connection_and_makes_a_new_one_at_once() -> None:
    async def story():
        bench = Bench(Venue(), TRADES)
        async with bench.running():
            await bench.told(Connected)
            await asyncio.sleep(100.0)
            asked_s = now_s()
            bench.hub.reconnect("no market data for 20 s")
            bench.hub.reconnect("asked twice")
            lost = await bench.told(Lost)
            assert (lost.reason, lost.detail) == (Reason.ASKED, "no market data for 20 s")
            assert bench.venue.sides[0].polite is True
            await bench.told(Connected, 2)
            assert now_s() - asked_s <= 1.0

    run_virtual(story())


def test_slow_reconnects_wait_half_a_minute_to_a_minute_and_then_longer_up_to_ten() -> None:
    async def story():
        bench = Bench(Venue(), TRADES)
        pauses = []
        async with bench.running():
            for count in range(1, 9):
                await bench.told(Connected, count)
                await asyncio.sleep(70.0)  # stable for the quick backoff, not for this one
                bench.hub.reconnect("GatewayLogout", slow=True)
                pauses.append((await bench.told(Lost, count)).pause_s)
            await bench.told(Connected, 9)
            await asyncio.sleep(601.0)
            bench.hub.reconnect("GatewayLogout", slow=True)
            pauses.append((await bench.told(Lost, 9)).pause_s)
        for pause_s, whole_s in zip(pauses, [60, 120, 240, 480, 600, 600, 600, 600, 60], strict=True):
            assert whole_s / 2 <= pause_s <= whole_s

    run_virtual(story())


def test_a_slow_reconnect_between_connections_puts_the_next_attempt_off_once() -> None:
    async def story():
        bench = Bench(Venue(lasting(70.0), Side.live), TRADES)
        async with bench.running():
            await bench.told(Lost)
            lost_s = now_s()
            for _ in range(5):
                bench.hub.reconnect("GatewayLogout", slow=True)
            await bench.told(Connected, 2)
            assert 30.0 <= now_s() - lost_s <= 60.0

    run_virtual(story())


def test_a_slow_reconnect_is_slow_also_when_the_venue_closes_first() -> None:
    async def story():
        async def throwing_out(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer(), invocation("GatewayLogout"))
            await asyncio.sleep(1.0)
            side.say(Close("logged out", True))

        bench = Bench(Venue(throwing_out), TRADES)
        async with bench.running():
            for failures in (1, 2):
                await bench.inbox.take()
                bench.hub.reconnect("GatewayLogout", slow=True)  # while the subscription waits to be confirmed
                failed = await bench.told(AttemptFailed, failures)
                assert failed.reason is Reason.CLOSED
                assert 30.0 * failures <= failed.pause_s <= 60.0 * failures

    run_virtual(story())


def test_reconnect_without_a_connection_changes_nothing() -> None:
    async def story():
        bench = Bench(Venue(lasting(70.0), Side.live), TRADES)
        async with bench.running():
            await bench.told(Lost)
            lost_s = now_s()
            bench.hub.reconnect("impatient")
            await bench.told(Connected, 2)
            assert 0.5 <= now_s() - lost_s <= 1.0
            await asyncio.sleep(100.0)
            assert bench.hub.connected

    run_virtual(story())


def test_a_reconnect_asked_while_subscribing_is_not_forgotten() -> None:
    async def story():
        async def slow(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            await asyncio.sleep(5.0)
            side.say(Completion("0"))

        bench = Bench(Venue(slow, Side.live), TRADES)
        async with bench.running():
            await asyncio.sleep(2.0)
            bench.hub.reconnect("changed my mind")
            failed = await bench.told(AttemptFailed)
            assert failed.detail == "changed my mind"
            await bench.told(Connected)

    run_virtual(story())


def test_a_subscription_added_later_is_confirmed_and_kept_over_reconnects_until_taken_back() -> None:
    async def story():
        bench = Bench(Venue(), TRADES)
        async with bench.running():
            assert await bench.hub.subscribe(QUOTES) is False  # not connected yet: sent with the connection
            await bench.told(Connected)
            depth = Subscription("SubscribeContractMarketDepth", ("CON.F.US.MNQ.Z26",))
            assert await bench.hub.subscribe(depth) is True
            bench.hub.reconnect("again")
            await bench.told(Connected, 2)
            second = bench.venue.sides[1]
            assert [call.target for call in second.calls()] == [TRADES.method, QUOTES.method, depth.method]
            await bench.hub.unsubscribe(depth)
            assert second.calls()[-1].target == "UnsubscribeContractMarketDepth"
            bench.hub.reconnect("again")
            await bench.told(Connected, 3)
            assert [call.target for call in bench.venue.sides[2].calls()] == [TRADES.method, QUOTES.method]

    run_virtual(story())


def test_a_subscription_added_while_connecting_is_sent_before_connected_is_told() -> None:
    async def story():
        async def slow(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            await side.hears(lambda record: isinstance(record, Invocation))
            await asyncio.sleep(5.0)
            side.say(Completion("0"))
            await side.hears(lambda record: isinstance(record, Invocation) and record.target == QUOTES.method)
            side.say(Completion("1"))

        bench = Bench(Venue(slow), TRADES)
        async with bench.running():
            await asyncio.sleep(2.0)
            assert await bench.hub.subscribe(QUOTES) is False
            await bench.told(Connected)
            assert [call.target for call in bench.venue.sides[0].calls()] == [TRADES.method, QUOTES.method]

    run_virtual(story())


def test_a_subscription_refused_on_a_standing_connection_raises_and_leaves_it_standing() -> None:
    async def story():
        async def script(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            await side.hears(lambda record: isinstance(record, Invocation))
            side.say(Completion("0"))
            await side.hears(lambda record: isinstance(record, Invocation) and record.target == "SubscribeNonsense")
            side.say(Completion("1", error=""))

        bench = Bench(Venue(script), TRADES)
        async with bench.running():
            await bench.told(Connected)
            with pytest.raises(SubscriptionRefused, match="SubscribeNonsense"):
                await bench.hub.subscribe(Subscription("SubscribeNonsense"))
            assert bench.hub.connected

    run_virtual(story())


def test_a_hub_that_does_not_answer_a_late_subscription_is_left() -> None:
    async def story():
        async def deaf(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            while True:
                await asyncio.sleep(5.0)
                side.say(Ping())

        bench = Bench(Venue(deaf, Side.live))
        async with bench.running():
            await bench.told(Connected)
            assert await bench.hub.subscribe(QUOTES) is False
            await bench.told(Connected, 2)
            assert [call.target for call in bench.venue.sides[1].calls()] == [QUOTES.method]

    run_virtual(story())


def test_whoever_waits_for_a_completion_when_the_connection_ends_is_let_go() -> None:
    async def story():
        async def vanishing(side):
            await side.hears(lambda record: isinstance(record, HandshakeRequest))
            side.say(HandshakeAnswer())
            await side.hears(lambda record: isinstance(record, Invocation))
            side.drop()

        bench = Bench(Venue(vanishing, Side.live))
        async with bench.running():
            await bench.told(Connected)
            start_s = now_s()
            assert await bench.hub.subscribe(QUOTES) is False
            assert now_s() == start_s
            await bench.told(Connected, 2)

    run_virtual(story())


def test_a_cancelled_run_says_goodbye_and_leaves_no_task_behind() -> None:
    async def story():
        bench = Bench(Venue(), TRADES)
        async with bench.running():
            await bench.told(Connected)
        assert bench.venue.sides[0].polite is True
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(story())


@pytest.mark.parametrize("turns", range(8))
def test_a_run_cancelled_while_its_connection_drops_ends(turns) -> None:
    async def story():
        bench = Bench(Venue(), TRADES)
        run = asyncio.create_task(bench.hub.run())
        await bench.told(Connected)
        bench.venue.sides[0].drop()
        for _ in range(turns):
            await asyncio.sleep(0)
        run.cancel()
        await asyncio.wait([run], timeout=100.0)
        ended = run.cancelled()
        while not run.done():  # or the test would wait for it for ever
            run.cancel()
            await asyncio.sleep(1.0)
        assert ended

    run_virtual(story())


# the reader and a slow owner


def test_an_owner_that_takes_nothing_costs_no_trade_and_not_the_connection() -> None:
    async def story():
        async def flood(side):
            task = asyncio.ensure_future(side.live())
            await asyncio.sleep(1.0)
            for number in range(1000):
                side.say(trade(number), quote(bestBid=number), quote(volume=number))
            await task

        bench = Bench(Venue(flood), TRADES, capacity=50)
        async with bench.running():
            await bench.told(Connected)
            await asyncio.sleep(600.0)  # ten minutes: the socket holds the rest, pings too
            assert bench.notices == [Connected("market", 1)]
            assert len(bench.inbox) == 50
            assert bench.lagged == [50]
            taken = []
            while not any(each.invocation == trade(999) for each in taken):
                taken += await bench.inbox.take()
            trades = [each.invocation for each in taken if each.invocation.target == "GatewayTrade"]
            assert trades == [trade(number) for number in range(1000)]
            assert bench.inbox.merges > 0
            await asyncio.sleep(100.0)
            assert bench.notices == [Connected("market", 1)]

    run_virtual(story())


# H21 and H26


@pytest.mark.parametrize(
    "script", [dropped_at_once, unreachable(), lasting(2.0), refusing(DialFailed("HTTP 503", 503))]
)
def test_h21_ten_minutes_of_trouble_are_at_most_25_attempts_never_two_within_half_a_second(script) -> None:
    async def story(seed):
        bench = Bench(Venue(script), TRADES, seed=seed)
        async with bench.running():
            await asyncio.sleep(1800.0)
        dialled_s = bench.venue.dialled_s
        assert max(sum(1 for each in dialled_s if start <= each < start + 600.0) for start in dialled_s) <= 25
        assert min(later - earlier for earlier, later in pairwise(dialled_s)) >= 0.5
        assert max(later - earlier for earlier, later in pairwise(dialled_s)) <= 45.0

    for seed in range(5):
        run_virtual(story(seed))


def test_h21_the_pauses_begin_anew_only_after_a_stable_minute() -> None:
    async def story(lasted_s):
        bench = Bench(Venue(*[unreachable()] * 5, lasting(lasted_s), Side.live))
        async with bench.running():
            return (await bench.told(Lost)).pause_s

    assert run_virtual(story(59.0)) > 20.0
    assert run_virtual(story(61.0)) <= 1.0


def test_h26_after_a_black_out_of_two_minutes_the_hub_is_back_within_15_seconds() -> None:
    async def story(seed, phase_s):
        async def until_black(side):
            task = asyncio.ensure_future(side.live())
            await asyncio.sleep(100.0 + phase_s)
            task.cancel()

        venue = Venue(until_black, refusing(None))
        bench = Bench(venue, TRADES, seed=seed)
        async with bench.running():
            await bench.told(Connected)
            await asyncio.sleep(100.0 + phase_s + 120.0)
            venue.scripts = [Side.live]
            healed_s = now_s()
            await bench.told(Connected, 2)
            assert now_s() - healed_s <= 15.0

    for seed in range(10):
        run_virtual(story(seed, phase_s=seed * 1.5))


def test_the_hub_lives_through_a_day_of_drops() -> None:
    async def story():
        bench = Bench(Venue(lasting(300.0)), TRADES)
        async with bench.running():
            await asyncio.sleep(86_400.0)
        assert sum(isinstance(notice, Connected) for notice in bench.notices) >= 285
        assert not [notice for notice in bench.notices if isinstance(notice, AttemptFailed)]

    run_virtual(story())
