"""The token: one login for all, renewed ahead of its end, and a sentence for every refusal (H24)."""

import asyncio
import base64
import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import SecretStr
from rest_venue import KEY, WALL_S, Venue, connected, good, jwt, refusal

from fabio.adapters.topstepx.enums import LoginError
from fabio.adapters.topstepx.errors import CredentialsRefused, NoAnswer, PermanentError, TemporaryError, WireError
from fabio.adapters.topstepx.rest.buckets import Urgency
from fabio.adapters.topstepx.rest.outcomes import Accepted, NotSent, Refused
from fabio.adapters.topstepx.rest.tokens import LIFE_IF_UNREADABLE_S, token_life_s
from fabio.model.errors import ConfigError
from fabio.research.reliability.virtual_time import run_virtual

LOGIN, VALIDATE = "/api/Auth/loginKey", "/api/Auth/validate"
HOUR_S = 3600.0


def test_a_hundred_calls_with_the_same_dead_token_make_one_login() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            await rest.accounts()
            venue.good_tokens.clear()
            outcomes = await asyncio.gather(*(rest.cancel(465, number) for number in range(1, 101)))
            assert all(outcome == Accepted() for outcome in outcomes)
            assert venue.count(LOGIN) == 2
            assert venue.count(VALIDATE) == 0

    run_virtual(story())


def test_a_hundred_callers_at_the_start_make_one_login_and_share_its_failure() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say(LOGIN, httpx.Response(503))
        async with connected(venue) as rest:
            failures = await asyncio.gather(*(rest.tokens.bearer() for _ in range(100)), return_exceptions=True)
            assert all(isinstance(failure, TemporaryError) for failure in failures)
            assert venue.count(LOGIN) == 1

    run_virtual(story())


def test_a_caller_that_gives_up_does_not_end_the_login_of_the_others() -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(2)
        return good(token=jwt(WALL_S + 90_000))

    async def story() -> None:
        venue = Venue()
        venue.say(LOGIN, slow)
        async with connected(venue) as rest:
            hasty = asyncio.create_task(rest.tokens.bearer())
            patient = asyncio.create_task(rest.tokens.bearer())
            await asyncio.sleep(1)
            hasty.cancel()
            assert (await patient).get_secret_value()
            assert venue.count(LOGIN) == 1

    run_virtual(story())


def test_a_late_401_to_a_token_that_was_replaced_meanwhile_makes_no_login() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            old = await rest.tokens.bearer()
            new = await rest.tokens.renew(old)
            assert await rest.tokens.renew(old) == new != old
            assert venue.count(LOGIN) == 2

    run_virtual(story())


def test_after_many_tokens_the_key_and_the_last_tokens_are_still_hidden() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            for _ in range(30):
                token = await rest.tokens.renew(await rest.tokens.bearer())
                await asyncio.sleep(60)
            venue.say("/api/Order/cancel", refusal(3, f"{KEY} and {token.get_secret_value()}"))
            outcome = await rest.cancel(465, 7)
            assert isinstance(outcome, Refused)
            assert outcome.reason == "*** and ***"

    run_virtual(story())


def test_a_token_is_renewed_by_validate_at_20_hours_of_age() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            first = await rest.tokens.bearer()
            await asyncio.sleep(20 * HOUR_S - 1)
            assert await rest.tokens.bearer() == first
            await asyncio.sleep(2)
            assert await rest.tokens.bearer() != first
            assert (venue.count(LOGIN), venue.count(VALIDATE)) == (1, 1)

    run_virtual(story())


def test_a_short_lived_token_is_renewed_5_minutes_before_its_end() -> None:
    async def story() -> None:
        venue = Venue()
        venue.life_s = HOUR_S
        async with connected(venue) as rest:
            first = await rest.tokens.bearer()
            await asyncio.sleep(HOUR_S - 302)
            assert await rest.tokens.bearer() == first
            await asyncio.sleep(4)
            assert await rest.tokens.bearer() != first

    run_virtual(story())


@pytest.mark.parametrize("answer", [
    httpx.Response(401), httpx.Response(500), refusal(3), good(newToken=None), good(), httpx.ReadTimeout("slow"),
    httpx.Response(200, text="<html>"),
], ids=str)
def test_where_validate_fails_a_new_login_helps(answer: httpx.Response | Exception) -> None:
    async def story() -> None:
        venue = Venue()
        venue.say(VALIDATE, answer)
        async with connected(venue) as rest:
            first = await rest.tokens.bearer()
            await asyncio.sleep(21 * HOUR_S)
            assert await rest.tokens.bearer() != first
            assert venue.count(LOGIN) == 2

    run_virtual(story())


def test_a_protective_call_never_waits_for_a_renewal_ahead_of_time() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            first = await rest.tokens.bearer()
            await asyncio.sleep(21 * HOUR_S)
            assert await rest.tokens.bearer(Urgency.PROTECT) == first
            assert venue.count(VALIDATE) == 0

    run_virtual(story())


def test_a_failed_renewal_stops_nobody_while_the_token_lives_and_is_tried_a_minute_later() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            first = await rest.tokens.bearer()
            venue.say(LOGIN, httpx.Response(503))
            venue.say(VALIDATE, httpx.Response(503))
            await asyncio.sleep(21 * HOUR_S)
            for _ in range(50):
                assert await rest.tokens.bearer() == first
            assert venue.count(VALIDATE) == 1
            await asyncio.sleep(61)
            assert await rest.tokens.bearer() == first
            assert venue.count(VALIDATE) == 2

    run_virtual(story())


def test_the_root_task_keeps_it_fresh_for_a_week_and_tells_of_every_failure() -> None:
    async def story() -> None:
        venue = Venue()
        troubles: list[Exception] = []
        async with connected(venue) as rest:
            task = asyncio.create_task(rest.tokens.keep_fresh(troubles.append))
            await rest.tokens.bearer()
            await asyncio.sleep(100 * HOUR_S)
            assert venue.count(VALIDATE) == 4
            venue.say(VALIDATE, httpx.Response(500))
            venue.say(LOGIN, httpx.Response(500), httpx.Response(500), lambda _: good(token=venue.new_token()))
            await asyncio.sleep(19 * HOUR_S)
            assert [type(trouble) for trouble in troubles] == [TemporaryError, TemporaryError]
            assert await rest.accounts() == ()
            assert all(token != "" for _, path, _, token in venue.calls if path == "/api/Account/search")
            task.cancel()

    run_virtual(story())


def test_a_protective_order_with_a_dead_token_reaches_the_venue_within_5_seconds() -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(4)
        return good(token=venue.new_token())

    venue = Venue()

    async def story() -> None:
        async with connected(venue) as rest:
            await rest.tokens.bearer()
            venue.good_tokens.clear()
            venue.say(LOGIN, slow)
            began_s = asyncio.get_running_loop().time()
            assert await rest.cancel(465, 9056) == Accepted()
            assert venue.calls[-1][0] - began_s <= 5.0

    run_virtual(story())


def test_a_venue_that_refuses_its_own_tokens_gets_5_logins_a_minute_and_no_more() -> None:
    async def story() -> None:
        venue = Venue()
        venue.say("/api/Order/cancel", httpx.Response(401))
        async with connected(venue) as rest:
            for number in range(1, 41):
                assert isinstance(await rest.cancel(465, number), NotSent)
                await asyncio.sleep(1)
            assert venue.count(LOGIN) == 5
            assert venue.count("/api/Order/cancel") <= 2 * 40

    run_virtual(story())


@pytest.mark.parametrize(("code", "words"), [
    (LoginError.USER_NOT_FOUND, "TOPSTEP_USERNAME"),
    (LoginError.PASSWORD_VERIFICATION_FAILED, "TOPSTEP_API_KEY"),
    (LoginError.INVALID_CREDENTIALS, "TOPSTEP_API_KEY"),
    (LoginError.APP_NOT_FOUND, "make an API key"),
    (LoginError.APP_VERIFICATION_FAILED, "make an API key"),
    (LoginError.INVALID_DEVICE, "device"),
    (LoginError.AGREEMENTS_NOT_SIGNED, "accept them"),
    (LoginError.API_SUBSCRIPTION_NOT_FOUND, "subscribe"),
    (LoginError.API_KEY_AUTHENTICATION_DISABLED, "support"),
])
def test_a_refused_login_is_one_sentence_for_a_person_and_no_loop(code: LoginError, words: str) -> None:
    async def story() -> None:
        venue = Venue()
        venue.say(LOGIN, refusal(code, token=None))
        async with connected(venue) as rest:
            for _ in range(5):
                with pytest.raises(CredentialsRefused, match=words) as raised:
                    await rest.accounts()
                await asyncio.sleep(10)
            assert isinstance(raised.value, ConfigError)
            assert "'demo'" in str(raised.value)
            outcome = await rest.close_contract(465, "CON.F.US.ENQ.Z26")
            assert isinstance(outcome, NotSent)
            assert words in outcome.why
            assert venue.count(LOGIN) == 1
            await asyncio.sleep(300)
            venue.say(LOGIN, lambda _: good(token=venue.new_token()))
            assert await rest.accounts() == ()  # the person has mended it

    run_virtual(story())


def test_a_key_that_was_good_is_tried_again_within_10_s_so_that_exits_leave() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            assert await rest.accounts() == ()
            venue.say(LOGIN, httpx.Response(401))
            venue.say("/api/Position/closeContract", httpx.Response(401))
            assert isinstance(await rest.close_contract(465, "CON.F.US.ENQ.Z26"), NotSent)
            for _ in range(60):
                await asyncio.sleep(1)
                assert isinstance(await rest.close_contract(465, "CON.F.US.ENQ.Z26"), NotSent)
            assert 5 <= venue.count(LOGIN) <= 8  # no loop
            venue.say(LOGIN, lambda _: good(token=venue.new_token()))
            venue.say("/api/Position/closeContract", good())
            began_s = asyncio.get_running_loop().time()
            while await rest.close_contract(465, "CON.F.US.ENQ.Z26") != Accepted():
                await asyncio.sleep(0.5)
            assert asyncio.get_running_loop().time() - began_s <= 10.5

    run_virtual(story())


def test_every_login_error_is_either_a_persons_or_passes() -> None:
    async def story(code: int) -> BaseException:
        venue = Venue()
        venue.say(LOGIN, refusal(code, "try later"))
        async with connected(venue) as rest:
            with pytest.raises((CredentialsRefused, TemporaryError)) as raised:
                await rest.tokens.bearer()
            assert "try later" in str(raised.value)
            return raised.value

    kinds = {code: type(run_virtual(story(code))) for code in range(1, 14)}
    assert {code for code, kind in kinds.items() if kind is TemporaryError} == {8, 11, 12, 13}


@pytest.mark.parametrize(("answer", "kind"), [
    (httpx.Response(400, json={"title": "no"}), PermanentError),
    (httpx.Response(401), CredentialsRefused),
    (httpx.Response(403), CredentialsRefused),
    (httpx.Response(429), TemporaryError),
    (httpx.Response(500), TemporaryError),
    (httpx.Response(200, text=""), WireError),
    (httpx.Response(200, text="[]"), WireError),
    (good(token=None), WireError),
    (good(token=""), WireError),
    (good(token="a b"), WireError),
    (good(token="a\r\nX-Evil: 1"), WireError),
    (good(token="ö"), WireError),
    (good(token=5), WireError),
    (good(token="x" * 20_000), WireError),
    (httpx.ReadTimeout("slow"), NoAnswer),
], ids=str)
def test_every_other_answer_to_a_login_is_a_typed_error(
    answer: httpx.Response | Exception, kind: type[Exception]
) -> None:
    async def story() -> None:
        venue = Venue()
        venue.say(LOGIN, answer)
        async with connected(venue) as rest:
            with pytest.raises(kind):
                await rest.tokens.bearer()

    run_virtual(story())


def test_the_tokens_life_is_counted_from_the_venues_clock_not_from_ours() -> None:
    async def story() -> None:
        venue = Venue()
        venue.life_s, venue.skew_s = 2 * HOUR_S, 5 * HOUR_S  # our clock is 5 h behind
        venue.say(LOGIN, lambda _: good(token=jwt(
            WALL_S + asyncio.get_running_loop().time() + venue.skew_s + venue.life_s, venue.count(LOGIN))))
        venue.say(VALIDATE, httpx.Response(401))
        async with connected(venue) as rest:
            first = await rest.tokens.bearer()
            await asyncio.sleep(2 * HOUR_S - 290)
            assert await rest.tokens.bearer() != first

    run_virtual(story())


@given(some.binary(max_size=200) | some.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_token_is_too_odd_to_have_a_life(payload: bytes) -> None:
    for token in (payload.decode("latin-1"), "a." + base64.urlsafe_b64encode(payload).decode().rstrip("=") + ".b"):
        assert 0 < token_life_s(SecretStr(token), WALL_S) <= 86_400


@pytest.mark.parametrize(("claims", "life_s"), [
    ({"exp": WALL_S + 100}, 100.0),
    ({"exp": WALL_S + 10**7}, 86_400.0),
    ({"exp": WALL_S - 1}, LIFE_IF_UNREADABLE_S),
    ({"exp": "soon"}, LIFE_IF_UNREADABLE_S),
    ({"exp": 1e308}, 86_400.0),
    ({}, LIFE_IF_UNREADABLE_S),
    ([], LIFE_IF_UNREADABLE_S),
])
def test_the_end_of_a_token_is_read_without_checking_its_signature(claims: object, life_s: float) -> None:
    token = "head." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".signature"
    assert token_life_s(SecretStr(token), WALL_S) == life_s


def test_logout_gives_the_token_back_and_its_failure_does_not_matter() -> None:
    async def story() -> None:
        venue = Venue()
        async with connected(venue) as rest:
            token = await rest.tokens.bearer()
            venue.say("/api/Auth/logout", httpx.ConnectError("gone"))
            await rest.tokens.logout()
            await rest.tokens.logout()
            assert [called for _, path, _, called in venue.calls if path == "/api/Auth/logout"] == [
                token.get_secret_value()
            ]

    run_virtual(story())
