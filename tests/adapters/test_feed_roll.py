"""Which contract a session trades (H29): never an inactive one, never one about to end, never back."""

import datetime as dt
from decimal import Decimal

import pytest
from feed_lab import INSTRUMENTS

from fabio.adapters.topstepx.contracts import Expiry
from fabio.adapters.topstepx.errors import ContractUnfit
from fabio.adapters.topstepx.expiries import last_day
from fabio.adapters.topstepx.records import Contract
from fabio.adapters.topstepx.roll import DAYS_BEFORE_END, decide_roll

MNQ = INSTRUMENTS["MNQ"]
Z26, H27, M27 = (f"CON.F.US.MNQ.{month}" for month in ("Z26", "H27", "M27"))


def listed(*ids: str, inactive: tuple[str, ...] = (), tick_size: str = "0.25") -> list[Contract]:
    return [Contract(id=each, active_contract=each not in inactive, tick_size=Decimal(tick_size),
                     tick_value=Decimal("0.50")) for each in ids]


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


# -- when contracts end


@pytest.mark.parametrize(("symbol", "year", "month", "ends"), [
    ("NQ", 2026, 12, "2026-12-18"),
    ("MES", 2027, 3, "2027-03-19"),
    ("NKD", 2026, 12, "2026-12-10"),
    ("6E", 2026, 12, "2026-12-14"),
    ("MBT", 2026, 11, "2026-11-27"),
    ("CL", 2026, 12, "2026-11-20"),
    ("MCL", 2027, 3, "2027-02-22"),   # the 25th is a Thursday
    ("QM", 2027, 5, "2027-04-20"),    # the 25th is a Sunday: three days before Friday the 23rd
    ("NG", 2027, 1, "2026-12-29"),
    ("RB", 2026, 12, "2026-11-30"),
    ("GC", 2026, 12, "2026-11-30"),
    ("ZN", 2026, 12, "2026-11-30"),
    ("ZC", 2027, 3, "2027-02-26"),
    ("LE", 2027, 2, "2027-02-26"),
    ("HE", 2027, 2, "2027-02-12"),
])
def test_a_contract_ends_by_its_exchange_s_rule(symbol: str, year: int, month: int, ends: str) -> None:
    instrument = INSTRUMENTS[symbol]
    assert instrument.gateway_root is not None
    assert last_day(Expiry(year, month, instrument.gateway_root), instrument) == day(ends)


def test_every_instrument_of_the_gateway_has_a_rule() -> None:
    for instrument in INSTRUMENTS.values():
        if instrument.gateway_root is not None:
            assert last_day(Expiry(2027, 3, instrument.gateway_root), instrument) is not None, instrument.symbol


def test_a_product_nobody_knows_has_none() -> None:
    assert last_day(Expiry(2027, 3, "XYZ"), INSTRUMENTS["BTCUSDT"]) is None


# -- the choice


def test_far_from_its_end_the_front_month_is_traded() -> None:
    roll = decide_roll(listed(H27, Z26, M27), MNQ, day("2026-11-20"))
    assert (roll.contract_id, roll.is_new, roll.refused) == (Z26, True, ())
    assert not decide_roll(listed(H27, Z26), MNQ, day("2026-11-20"), current=Z26).is_new


@pytest.mark.parametrize(("date", "wanted"), [
    ("2026-12-11", Z26), ("2026-12-13", Z26), ("2026-12-14", H27), ("2026-12-18", H27), ("2026-12-21", H27),
])
def test_on_the_monday_of_its_last_week_an_index_future_is_left(date: str, wanted: str) -> None:
    assert decide_roll(listed(Z26, H27), MNQ, day(date), current=Z26).contract_id == wanted


def test_every_day_of_a_roll_week_decides_once_and_never_goes_back() -> None:
    current, changes = Z26, []
    for offset in range(30):
        date = day("2026-12-01") + dt.timedelta(days=offset)
        # the venue's flags flicker on the way
        inactive = (Z26,) if date in (day("2026-12-08"), day("2026-12-16")) else ()
        roll = decide_roll(listed(Z26, H27, inactive=inactive), MNQ, date, current=current)
        if roll.is_new:
            changes.append((date.isoformat(), roll.contract_id))
        current = roll.contract_id
    assert changes == [("2026-12-08", H27)]


def test_an_inactive_contract_is_refused_and_said_so() -> None:
    roll = decide_roll(listed(Z26, H27, inactive=(Z26,)), MNQ, day("2026-11-20"))
    assert roll.contract_id == H27
    assert roll.refused == (f"{Z26}: not active",)


@pytest.mark.parametrize("contracts", [
    [], listed("CON.F.US.ENQ.Z26", "CON.F.US.NQM.F27"), listed(Z26, inactive=(Z26,)),
])
def test_without_a_fit_contract_nothing_is_traded_and_the_reason_is_named(contracts: list[Contract]) -> None:
    with pytest.raises(ContractUnfit, match=r"no contract of MNQ \(root MNQ\)"):
        decide_roll(contracts, MNQ, day("2026-11-20"))


def test_a_contract_about_to_end_is_refused_though_it_is_the_only_one() -> None:
    with pytest.raises(ContractUnfit, match="ends on 2026-12-18"):
        decide_roll(listed(Z26), MNQ, day("2026-12-15"))


def test_what_is_held_stays_until_it_is_gone() -> None:
    roll = decide_roll(listed(Z26, H27), MNQ, day("2026-12-16"), current=Z26, is_held=True)
    assert (roll.contract_id, roll.is_new) == (Z26, False)
    assert "stands in it" in roll.refused[0]


def test_a_contract_whose_units_are_not_ours_stops_us() -> None:
    with pytest.raises(ContractUnfit, match="tick size"):
        decide_roll(listed(Z26, tick_size="0.5"), MNQ, day("2026-11-20"))


@pytest.mark.parametrize("days", [DAYS_BEFORE_END - 3, DAYS_BEFORE_END, 8])
def test_how_early_is_a_setting(days: int) -> None:
    last = day("2026-12-18") - dt.timedelta(days=days)
    for date, wanted in ((last - dt.timedelta(days=1), Z26), (last, H27)):
        assert decide_roll(listed(Z26, H27), MNQ, date, days_before_end=days).contract_id == wanted
