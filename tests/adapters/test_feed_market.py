"""The market feed in virtual time: order of what it gives, gaps, silence, lag, logout, rolls."""

import asyncio

import numpy as np
import pytest
from feed_lab import MES, MNQ, NIGHT_NS, REGULAR_NS, Lab, S, TruthfulProbe, trade_event
from hub_side import Script, Side, Tokens, Venue, refusing, unreachable

from fabio.adapters.topstepx.errors import CredentialsRefused
from fabio.adapters.topstepx.feed.watchdog import Verdict
from fabio.adapters.topstepx.signalr.hub import SubscriptionRefused
from fabio.adapters.topstepx.signalr.protocol import (
    Close,
    Completion,
    HandshakeAnswer,
    HandshakeRequest,
    Invocation,
    invocation,
)
from fabio.model.event import FeedLost, FeedRestored
from fabio.research.reliability.virtual_time import run_virtual

SATURDAY_NS = REGULAR_NS + 26 * 3600 * S
SUNDAY_16_59_NS = REGULAR_NS + 2 * 86_400 * S + 7 * 3600 * S + 59 * 60 * S


def subscribed(side: Side) -> list[tuple[str, str]]:
    return [(call.target, bytes(call.arguments[0]).decode().strip('"')) for call in side.calls()]


# -- from the start


def test_the_feed_is_lost_until_the_first_print_and_the_gap_reaches_back_to_the_own_tape() -> None:
    async def story() -> None:
        lab = Lab(Venue(), latest_ns=REGULAR_NS - 90 * S)
        async with lab.running():
            await asyncio.sleep(1.0)
            [(_, lost)] = lab.lost()
            assert lost.from_ns == REGULAR_NS - 90 * S
            lab.quote()
            await asyncio.sleep(0.1)
            assert lab.restored() == []  # a quote proves nothing of prints
            lab.trade()
            await asyncio.sleep(0.1)
        assert lab.kinds() == "LRT"
        [(_, restored)] = lab.restored()
        assert restored.from_ns == lost.from_ns
        assert REGULAR_NS <= restored.to_ns <= REGULAR_NS + S  # whole since the subscriptions stood
        assert restored.ts_ns >= lost.ts_ns

    run_virtual(story())


def test_prints_and_quotes_are_subscribed_and_depth_is_not() -> None:
    async def story() -> None:
        lab = Lab(Venue(), symbols={"MNQ": MNQ, "MES": MES})
        async with lab.running():
            await asyncio.sleep(0.5)
            assert sorted(subscribed(lab.side)) == sorted(
                (f"SubscribeContract{what}", contract) for what in ("Trades", "Quotes") for contract in (MNQ, MES))
            lab.side.say(invocation("GatewayDepth", MNQ, [None, {"type": 4, "price": 1.0, "volume": 3}]))
            lab.side.say(invocation("SomethingNew", MNQ))
            lab.trade()
            await asyncio.sleep(0.1)
        assert lab.counts()["Depth"] == 1
        assert lab.counts()["UnknownEvent"] == 1
        assert lab.prices() == [84_001]

    run_virtual(story())


def test_what_arrived_since_the_last_take_is_one_batch() -> None:
    async def story() -> None:
        lab = Lab(Venue(), symbols={"MNQ": MNQ, "MES": MES})
        async with lab.running():
            lab.trade(6900.25, contract_id=MES)
            await lab.trade_on(1.0)
            lab.taking.clear()
            lab.trade()
            await asyncio.sleep(0.05)  # the take that was under way
            before = len(lab.ticks())
            for place in range(3):
                lab.trade(21000.25 + place, count=34)
                lab.trade(6900.25, contract_id=MES)
                await asyncio.sleep(0.05)
            lab.taking.set()
            await asyncio.sleep(0.05)
        [batch] = lab.ticks()[before:]
        assert len(batch) == 3 * 35
        assert batch.market.tolist() == ([0] * 34 + [1]) * 3
        assert (np.diff(batch.ts_recv_ns) >= 0).all()

    run_virtual(story())


def test_quotes_are_kept_by_field_and_wake_nobody() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(0.5)
            items = len(lab.items)
            lab.quote(bestBid=21000.0)
            lab.quote(bestAsk=21000.5, lastPrice=21000.25)
            lab.quote(bestBid=None, volume=17)
            lab.quote(bestBid=21000.3)  # off the grid
            await asyncio.sleep(0.2)
            quote = lab.feed.quote(0)
            assert (quote.bid_ticks, quote.ask_ticks, quote.last_ticks, quote.volume) == (84_000, 84_002, 84_001, 17)
            assert quote.spread_ticks == 2
            age_ns = quote.age_ns(lab.now_ns())
            assert age_ns is not None
            assert 0 < age_ns < S
            lab.quote(bestBid=21001.0)
            await asyncio.sleep(0.1)
            assert lab.feed.quote(0).spread_ticks is None  # crossed
            assert len(lab.items) == items
        [market] = lab.feed.status().markets
        assert market.quotes == {"taken": 5, "off_grid": 1, "crossed": 1}

    run_virtual(story())


def test_the_short_form_of_a_contract_is_known_and_a_foreign_one_is_counted() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(0.3)
            lab.trade(21001.00, contract_id="F.US.MNQ")
            lab.trade(21002.00, contract_id="CON.F.US.ENQ.Z26")
            lab.trade(21003.00, contract_id="CON.F.US.MNQ.H27")
            await asyncio.sleep(0.1)
        assert lab.prices()[-1] == 84_004
        assert lab.counts()["of other contracts"] == 2

    run_virtual(story())


# -- a lost connection (F08, F26, H23)


def test_a_lost_connection_is_a_gap_from_the_last_print_to_the_new_subscriptions() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(5.0)
            last_ns = lab.ticks()[-1].ts_event_ns[-1]
            lab.side.say(Close(error="Connection closed with an error.", allow_reconnect=True))
            await asyncio.sleep(0.1)
            assert "Connection closed with an error." in lab.lost()[-1][1].reason
            await asyncio.sleep(2.4)
            back_ns = lab.now_ns()
            await lab.trade_on(2.0)
        assert lab.kinds() == "LRTLRT"
        assert lab.lost()[1][1].from_ns == last_ns
        _, restored = lab.restored()[1]
        assert restored.from_ns == last_ns
        assert last_ns < restored.to_ns <= back_ns
        assert len(lab.venue.sides) == 2

    run_virtual(story())


@pytest.mark.parametrize("gap_s", [1.0, 20.0, 300.0])
def test_after_any_gap_ticks_are_back_within_seconds_and_every_loss_is_restored(gap_s: float) -> None:
    async def story() -> None:
        venue = Venue(Side.live)
        lab = Lab(venue)
        async with lab.running():
            await lab.trade_on(3.0)
            venue.scripts = [unreachable()]
            lab.side.drop()
            await asyncio.sleep(gap_s)
            venue.scripts = [Side.live]
            healed_s = lab.now_s()
            while len(venue.sides) == 1:
                await asyncio.sleep(0.1)
            await lab.trade_on(1.0)
            assert lab.now_s() - healed_s <= 36.0  # the longest pause between attempts, and what it takes
        assert lab.kinds() == "LRTLRT"

    run_virtual(story())


def test_after_a_black_hole_of_two_minutes_ticks_are_back_within_15_s() -> None:
    """H26: dials hang, nothing is refused; the connection that stood says nothing any more."""
    async def story() -> None:
        venue = Venue(Side.live)
        lab = Lab(venue)
        async with lab.running():
            await lab.trade_on(3.0)
            venue.scripts = [refusing(None)]
            await asyncio.sleep(120.0)
            assert lab.lost()[1][0] <= 6.0
            venue.scripts = [Side.live]
            healed_s = lab.now_s()
            while len(venue.sides) == 1:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)
            await lab.trade_on(0.5)
            assert lab.restored()[1][0] - healed_s <= 15.0
        _, restored = lab.restored()[1]
        assert restored.to_ns - restored.from_ns > 115 * S

    run_virtual(story())


def test_prints_sent_again_after_a_reconnection_are_dropped() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(1.0)
            tail = [trade_event(lab.now_ns() + place) for place in range(0, 500, 100)]
            lab.side.say(*tail)
            await asyncio.sleep(0.1)
            taken = len(lab.prices())
            lab.side.drop()
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
            lab.side.say(*tail)
            lab.trade(21001.00)
            await asyncio.sleep(0.1)
        assert lab.prices()[taken:] == [84_004]
        assert lab.feed.status().markets[0].prints["replayed"] == 5

    run_virtual(story())


def test_outside_the_session_a_lost_connection_is_nobody_s_loss() -> None:
    async def story() -> None:
        venue = Venue(Side.live)
        lab = Lab(venue, start_ns=SATURDAY_NS)
        async with lab.running():
            await asyncio.sleep(5.0)
            for _ in range(3):
                venue.sides[-1].drop()
                await asyncio.sleep(40.0)
        assert lab.items == []
        assert lab.counts()["reconnections asked for"] == 0
        assert lab.probe.asked == []

    run_virtual(story())


def test_a_session_that_opens_on_a_mute_hub_is_lost_15_s_later_and_on_none_at_once() -> None:
    async def story(*scripts: Script) -> float:
        lab = Lab(Venue(*scripts), start_ns=SUNDAY_16_59_NS)
        async with lab.running(connected=False):
            await asyncio.sleep(100.0)
        return lab.lost()[0][0] - 60.0

    assert 10.0 <= run_virtual(story()) <= 15.0
    assert 0.0 <= run_virtual(story(unreachable())) <= 0.5


# -- silence (H20, F06, F07)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.MISSED])
def test_a_hub_that_pings_and_says_nothing_is_lost_probed_and_left(verdict: Verdict) -> None:
    async def story() -> None:
        lab = Lab(Venue(), probe=TruthfulProbe(verdict))
        async with lab.running():
            await lab.trade_on(5.0)
            mute_s = lab.now_s() - 0.1
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.05)
            assert lab.lost()[1][0] - mute_s <= 3.0
            assert (lab.probe.asked[0][3] - lab.start_ns) / S - mute_s <= 5.0
            assert lab.now_s() - mute_s <= 10.0
            await lab.trade_on(1.0)
        assert lab.kinds() == "LRTLRT"
        contract_id, seen_ns, _, _ = lab.probe.asked[0]
        assert contract_id == MNQ
        assert seen_ns == lab.lost()[1][1].from_ns

    run_virtual(story())


def test_a_halt_that_rest_confirms_leaves_no_gap_and_keeps_the_connection() -> None:
    async def story() -> None:
        lab = Lab(Venue(), probe=TruthfulProbe(Verdict.QUIET))
        async with lab.running():
            await lab.trade_on(5.0)
            await asyncio.sleep(10.0)
            await lab.trade_on(1.0)
        assert lab.kinds() == "LRTLRT"
        _, restored = lab.restored()[1]
        assert restored.from_ns == restored.to_ns
        assert len(lab.venue.sides) == 1

    run_virtual(story())


def test_a_silence_nobody_explains_is_a_gap_up_to_the_next_print() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(5.0)
            await asyncio.sleep(5.0)
            back_ns = lab.now_ns()
            await lab.trade_on(1.0)
        _, restored = lab.restored()[1]
        assert restored.to_ns - restored.from_ns > 4 * S
        assert restored.to_ns <= back_ns

    run_virtual(story())


def test_quotes_without_prints_do_not_hide_that_prints_are_missing() -> None:
    async def story() -> None:
        lab = Lab(Venue(), probe=TruthfulProbe(Verdict.MISSED))
        async with lab.running():
            await lab.trade_on(5.0)
            for place in range(40):
                lab.quote(lastPrice=21001.0 + place)
                await asyncio.sleep(0.1)
            assert len(lab.lost()) == 2
            assert lab.restored()[1:] == []
            assert lab.venue.sides[0].polite is not None
        assert lab.counts()["probes missed"] == 1

    run_virtual(story())


def test_an_answer_about_a_silence_that_is_over_is_dropped() -> None:
    async def story() -> None:
        lab = Lab(Venue(), probe=TruthfulProbe(Verdict.MISSED, answer_s=1.0))
        async with lab.running():
            await lab.trade_on(5.0)
            await asyncio.sleep(4.5)
            assert len(lab.probe.asked) == 1
            await lab.trade_on(5.0)
        assert len(lab.venue.sides) == 1

    run_virtual(story())


def test_a_quiet_night_is_lived_through_on_one_connection() -> None:
    async def story() -> None:
        lab = Lab(Venue(), start_ns=NIGHT_NS, probe=TruthfulProbe(Verdict.QUIET))
        async with lab.running():
            for pause_s in (5.0, 12.0, 40.0, 130.0, 3.0, 210.0):
                lab.trade()
                await asyncio.sleep(pause_s)
            lab.trade()
            await asyncio.sleep(0.1)
        assert lab.kinds() == "LRT"
        assert len(lab.venue.sides) == 1

    run_virtual(story())


def test_one_mute_market_of_two_is_lost_alone() -> None:
    async def story() -> None:
        lab = Lab(Venue(), symbols={"MNQ": MNQ, "MES": MES}, probe=TruthfulProbe(Verdict.QUIET))
        async with lab.running():
            for _ in range(100):
                lab.trade()
                if lab.now_s() < 5.0:
                    lab.trade(6900.25, contract_id=MES)
                await asyncio.sleep(0.1)
        late = [item.market for at_s, item in lab.lost() if at_s > 1.0]
        assert late == [1]

    run_virtual(story())


# -- our own side (H27, H30, F17)


def test_a_computer_that_slept_hears_anew_before_anything_is_believed() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(3.0)
            lab.wall_step_ns = 1_800 * S
            await asyncio.sleep(0.3)
            assert "slept" in lab.lost()[1][1].reason
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.1)
            await lab.trade_on(1.0)
        assert lab.kinds() == "LRTLRT"
        _, restored = lab.restored()[1]
        assert restored.to_ns - restored.from_ns > 1_800 * S

    run_virtual(story())


def test_a_sleep_that_only_the_wall_clock_tells_of_is_a_sleep() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(3.0)
            lab.slept_s = 1_800.0
            await asyncio.sleep(0.3)
            assert "1800 s are missing on the monotonic clock: the computer slept" in lab.lost()[1][1].reason
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.1)
            lab.slept_s = 0.0  # set back: nobody slept
            await lab.trade_on(3.0)
        assert lab.kinds() == "LRTLRT"
        assert lab.counts()["slept"] == 1

    run_virtual(story())


def test_a_taker_that_stands_still_loses_nothing_and_is_told_that_it_is_late() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(3.0)
            lab.taking.clear()
            await lab.trade_on(5.0)
            lab.taking.set()
            await lab.trade_on(2.0)
        assert lab.kinds() == "LRTLTRT"
        assert len(lab.prices()) == 100
        [_, (_, lost)], [_, (_, restored)] = lab.lost(), lab.restored()
        assert "messages wait" in lost.reason
        assert restored.from_ns == restored.to_ns == lost.from_ns  # nothing is missing
        assert len(lab.venue.sides) == 1
        assert lab.counts()["behind"] == 1

    run_virtual(story())


def test_h30_a_full_inbox_merges_quotes_holds_the_socket_and_drops_no_tick() -> None:
    async def story() -> None:
        lab = Lab(Venue(), capacity=50)
        async with lab.running():
            await lab.trade_on(1.0)
            lab.taking.clear()
            await asyncio.sleep(0.3)
            for place in range(300):
                lab.quote(bestBid=21000.0 + place % 7)
                lab.trade(21000.0 + 0.25 * (place % 50))
            await asyncio.sleep(0.2)
            lab.taking.set()
            await asyncio.sleep(0.5)
            await lab.trade_on(0.5)
        assert len(lab.prices()) == 10 + 300 + 5
        assert lab.counts()["merged"] > 0
        assert lab.counts()["filled up"] >= 1
        assert lab.feed.quote(0).bid_ticks == 4 * (21000 + 299 % 7)
        assert lab.kinds().endswith("RT")

    run_virtual(story())


def test_a_connection_lost_while_we_are_behind_stays_lost() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(1.0)
            lab.taking.clear()
            await lab.trade_on(3.0)
            lab.venue.scripts = [unreachable()]
            lab.side.drop()
            await asyncio.sleep(0.2)
            lab.taking.set()
            await asyncio.sleep(1.0)
            assert len(lab.restored()) == 1
            assert lab.feed.status().markets[0].lost
            assert not lab.feed.status().connected
            lab.venue.scripts = [Side.live]
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.1)
            await lab.trade_on(0.5)
        assert len(lab.prices()) == 45
        _, restored = lab.restored()[1]
        assert restored.to_ns > restored.from_ns

    run_virtual(story())


# -- the venue's moods


def test_gateway_logout_gives_the_connection_up_and_waits_long_before_the_next() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(2.0)
            lab.side.say(invocation("GatewayLogout", {"reason": "another session"}))
            await asyncio.sleep(0.5)
            assert "GatewayLogout" in lab.lost()[1][1].reason
            since_s = lab.now_s()
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.5)
            assert 29.0 <= lab.now_s() - since_s <= 61.0
        assert lab.counts()["logouts"] == 1

    run_virtual(story())


def test_bad_events_are_counted_and_the_next_good_one_is_taken() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(0.3)
            for data in ("text", 7, [None], [{"price": 1}], {"price": "x"}, [[]], {}):
                lab.side.say(invocation("GatewayTrade", MNQ, data))
                lab.side.say(invocation("GatewayQuote", MNQ, data))
            lab.side.say(Invocation("GatewayTrade", ()))
            lab.trade(21005.0)
            await asyncio.sleep(0.2)
        assert lab.prices()[-1] == 84_020
        assert lab.counts()["BadItem"] >= 8

    run_virtual(story())


def test_a_person_s_turn_ends_the_feed() -> None:
    async def story() -> None:
        lab = Lab(Venue(), tokens=Tokens([CredentialsRefused("sign in")]))
        with pytest.raises(ExceptionGroup) as caught:
            await lab.feed.run()
        assert caught.group_contains(CredentialsRefused, match="sign in")

    run_virtual(story())


def test_a_skew_of_the_clocks_moves_the_calendar_and_the_gap_s_end() -> None:
    async def story() -> None:
        lab = Lab(Venue(), skew_s=20.0)
        async with lab.running():
            await asyncio.sleep(0.5)
            lab.trade(late_s=-19.98)
            await asyncio.sleep(0.1)
        [(_, restored)] = lab.restored()
        assert REGULAR_NS + 20 * S <= restored.to_ns <= REGULAR_NS + 21 * S
        assert lab.prices() == [84_001]

    run_virtual(story())


# -- another contract (H29)


def test_a_roll_listens_to_the_new_contract_and_no_more_to_the_old_one() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            await lab.trade_on(1.0)
            await lab.feed.change_contract(0, "CON.F.US.MNQ.H27", reference_ticks=84_800)
            assert ("UnsubscribeContractTrades", MNQ) in subscribed(lab.side)
            lab.trade(21000.25)  # a last print of the old one
            lab.trade(21200.25, contract_id="CON.F.US.MNQ.H27")
            await asyncio.sleep(0.1)
            lab.side.drop()
            while len(lab.venue.sides) == 1:
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.2)
            assert {contract for _, contract in subscribed(lab.side)} == {"CON.F.US.MNQ.H27"}
        assert lab.prices()[-1] == 84_801
        assert lab.prices().count(84_001) == 10
        assert lab.feed.status().markets[0].contract_id == "CON.F.US.MNQ.H27"

    run_virtual(story())


def test_a_contract_the_hub_refuses_leaves_everything_as_it_was() -> None:
    async def refuses_h27(side: Side) -> None:
        await side.hears(lambda record: isinstance(record, HandshakeRequest))
        side.say(HandshakeAnswer())
        number = 0
        while True:
            call = await side.hears(lambda record, wanted=str(number): getattr(record, "invocation_id", "") == wanted)
            bad = b"H27" in bytes(call.arguments[0]) and call.target.startswith("Subscribe")
            side.say(Completion(call.invocation_id, error="unknown contract" if bad else None))
            number += 1

    async def story() -> None:
        lab = Lab(Venue(refuses_h27))
        async with lab.running():
            await asyncio.sleep(0.2)
            lab.trade()
            await asyncio.sleep(0.1)
            with pytest.raises(SubscriptionRefused, match="unknown contract"):
                await lab.feed.change_contract(0, "CON.F.US.MNQ.H27")
            lab.trade(21001.0)
            await asyncio.sleep(0.1)
        assert lab.prices() == [84_001, 84_004]

    run_virtual(story())


def test_items_come_in_an_order_in_which_time_never_goes_back() -> None:
    async def story() -> None:
        lab = Lab(Venue())
        async with lab.running():
            for _ in range(5):
                await lab.trade_on(2.0, count=3)
                lab.side.drop()
                sides = len(lab.venue.sides)
                while len(lab.venue.sides) == sides:
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.1)
        now_ns = 0
        for _, item in lab.items:
            first_ns, last_ns = (item.ts_ns, item.ts_ns) if isinstance(item, FeedLost | FeedRestored) else (
                int(item.ts_recv_ns[0]), int(item.ts_recv_ns[-1]))
            assert first_ns >= now_ns
            now_ns = last_ns
        assert lab.kinds() == "LRT" * 5 + "L"

    run_virtual(story())
