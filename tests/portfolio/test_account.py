"""The account's fold and TopstepX's limits."""

from decimal import Decimal

import msgspec
from holding_nouns import MNQ, NQ, a_fill, an_order
from hypothesis import given
from hypothesis import strategies as st

from fabio.portfolio.account import (
    AccountSettings,
    begin_trade_date,
    book_result,
    mark,
    mini_equivalents,
    open_account,
    reaches_daily_loss,
    touches_floor,
)
from fabio.portfolio.positions import fold_fill

FIFTY_K = AccountSettings()


def test_the_floor_rises_at_the_end_of_the_day_only() -> None:
    account = book_result(open_account(FIFTY_K, "2026-11-20"), Decimal("812.50"))
    assert account.loss_floor == 48_000
    account = begin_trade_date(account, FIFTY_K, "2026-11-23")
    assert (account.loss_floor, account.day_start_balance) == (Decimal("48812.50"), Decimal("50812.50"))


def test_the_floor_never_falls_and_stops_at_the_start_balance() -> None:
    account = open_account(FIFTY_K, "1")
    floors = []
    for day, made in enumerate([1500, -900, 5000, -2500], start=2):
        account = begin_trade_date(book_result(account, Decimal(made)), FIFTY_K, str(day))
        floors.append(account.loss_floor)
    assert floors == [49_500, 49_500, 50_000, 50_000]


def test_the_same_trade_date_begins_once() -> None:
    account = book_result(open_account(FIFTY_K, "1"), Decimal(700))
    assert begin_trade_date(account, FIFTY_K, "1") is account


def test_an_express_funded_account_trails_up_to_zero() -> None:
    funded = AccountSettings(start_balance=Decimal(0))
    account = open_account(funded, "1")
    assert account.loss_floor == -2000
    account = begin_trade_date(book_result(account, Decimal(2600)), funded, "2")
    assert account.loss_floor == 0


def test_the_floor_is_checked_against_open_pnl() -> None:
    account = open_account(FIFTY_K, "1")
    assert not touches_floor(mark(account, Decimal("-1999.99")))
    assert touches_floor(mark(account, Decimal(-2000)))


def test_the_daily_loss_counts_open_pnl_and_is_off_by_default() -> None:
    account = mark(book_result(open_account(FIFTY_K, "1"), Decimal(-600)), Decimal(-400))
    chosen = AccountSettings(daily_loss=Decimal(1000))
    assert reaches_daily_loss(account, chosen)
    assert not reaches_daily_loss(mark(account, Decimal("-399.99")), chosen)
    assert not reaches_daily_loss(account, FIFTY_K)
    assert not reaches_daily_loss(begin_trade_date(mark(account, Decimal(0)), chosen, "2"), chosen)


def test_ten_micros_are_one_mini_long_and_short_alike() -> None:
    mini = fold_fill(None, a_fill("entry", -1, 2, 1000), an_order(-1))
    micro = msgspec.structs.replace(fold_fill(None, a_fill("entry", 1, 5, 1000), an_order()), market=1)
    assert mini_equivalents([mini, micro], [NQ, MNQ]) == Decimal("2.5")
    assert mini_equivalents([], [NQ]) == 0


@given(st.lists(st.lists(st.decimals(-900, 900, places=2), max_size=4), max_size=12))
def test_the_floor_is_the_highest_closing_balance_less_the_limit_at_most_the_start(
        days: list[list[Decimal]]) -> None:
    account, highest = open_account(FIFTY_K, "0"), FIFTY_K.start_balance
    for day, results in enumerate(days, start=1):
        floor_of_the_day = account.loss_floor
        for result in results:
            account = book_result(account, result)
            assert account.loss_floor == floor_of_the_day
        account = begin_trade_date(account, FIFTY_K, str(day))
        highest = max(highest, account.balance)
        assert account.loss_floor == min(highest - FIFTY_K.loss_limit, FIFTY_K.start_balance)
    made = sum((result for results in days for result in results), Decimal(0))
    assert account.balance == FIFTY_K.start_balance + made
