"""Which contract is ours: by exact root, active, the nearest expiry, and worth what our table says."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from fabio.adapters.data.contracts import MONTH_CODES
from fabio.adapters.data.instruments import load_instruments
from fabio.adapters.topstepx.contracts import expiry_of, front_month, root_of, same_contract
from fabio.adapters.topstepx.errors import AccountUnfit, ContractUnfit
from fabio.adapters.topstepx.records import Account, Contract
from fabio.adapters.topstepx.rest.accounts import pinned_account
from fabio.model.errors import ConfigError

INSTRUMENTS = load_instruments(Path(__file__).parents[2] / "config" / "instruments.toml")
NQ, MNQ = INSTRUMENTS["NQ"], INSTRUMENTS["MNQ"]


def listed(contract_id: str, active: bool = True, size: str = "0.25", value: str = "5.00") -> Contract:
    return Contract(id=contract_id, tick_size=Decimal(size), tick_value=Decimal(value), active_contract=active)


# What a search for NQ finds: the mini Nasdaq, and the two oil and gas minis whose roots look like it
LOOSE = [
    listed("CON.F.US.NQM.F27", size="0.025", value="12.5"),
    listed("CON.F.US.NQG.F27", size="0.005", value="12.5"),
    listed("CON.F.US.MNQ.Z26", value="0.5"),
    listed("CON.F.US.ENQ.H27"),
    listed("CON.F.US.ENQ.Z26"),
]


def test_the_front_month_of_nq_is_enq_and_never_its_lookalikes() -> None:
    assert front_month(LOOSE, NQ).id == "CON.F.US.ENQ.Z26"
    assert front_month(LOOSE, MNQ).id == "CON.F.US.MNQ.Z26"
    qm = msgspec.structs.replace(
        NQ, symbol="QM", gateway_root="NQM", tick_size=Decimal("0.025"), tick_value=Decimal("12.50")
    )
    assert front_month(LOOSE, qm).id == "CON.F.US.NQM.F27"


def test_the_front_month_of_ym_is_not_that_of_mym() -> None:
    both = [listed("CON.F.US.MYM.H26", size="1", value="0.5"), listed("CON.F.US.YM.Z26", size="1", value="5"),
            listed("CON.F.US.YMX.F26", size="1", value="5")]
    assert front_month(both, INSTRUMENTS["YM"]).id == "CON.F.US.YM.Z26"


def test_a_year_end_is_crossed_by_date_and_not_by_name() -> None:
    over_new_year = [listed("CON.F.US.ENQ.H26"), listed("CON.F.US.ENQ.Z25")]
    assert front_month(over_new_year, NQ).id == "CON.F.US.ENQ.Z25"


def test_an_inactive_contract_is_never_chosen() -> None:
    assert front_month([listed("CON.F.US.ENQ.Z26", active=False), listed("CON.F.US.ENQ.H27")], NQ).id.endswith("H27")
    with pytest.raises(ContractUnfit, match=r"only inactive ones \(CON.F.US.ENQ.Z26\)"):
        front_month([listed("CON.F.US.ENQ.Z26", active=False)], NQ)


@given(some.sets(some.tuples(some.integers(20, 40), some.integers(0, 11)), min_size=1, max_size=12), some.randoms())
def test_the_nearest_expiry_wins_in_any_order(expiries: set[tuple[int, int]], chance: object) -> None:
    contracts = [listed(f"CON.F.US.ENQ.{MONTH_CODES[month]}{year}") for year, month in expiries]
    chance.shuffle(contracts)  # type: ignore[attr-defined]
    chosen = expiry_of(front_month(contracts, NQ).id)
    assert chosen is not None
    assert (chosen.year - 2000, chosen.month - 1) == min(expiries)


@pytest.mark.parametrize(("size", "value", "named"), [
    ("0.5", "5", "tick size of 0.5"), ("0.25", "2.5", "tick value of 2.5"),
])
def test_a_tick_that_is_worth_something_else_stops_the_agent(size: str, value: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as raised:
        front_month([listed("CON.F.US.ENQ.Z26", size=size, value=value)], NQ)
    assert "config/instruments.toml, [NQ]" in str(raised.value)


def test_an_instrument_the_venue_does_not_trade_is_a_sentence() -> None:
    with pytest.raises(ContractUnfit, match="BTC is not traded on TopstepX"):
        front_month(LOOSE, msgspec.structs.replace(NQ, symbol="BTC", gateway_root=None))
    with pytest.raises(ContractUnfit, match="no active contract of ES"):
        front_month(LOOSE, INSTRUMENTS["ES"])


@pytest.mark.parametrize("text", ["", "ENQ", "NQZ6", "CON.F.US.ENQ.A26", "CON.F.US.ENQ.Z2026", "con.f.us.enq.z26",
                                  "CON.F.US.ENQ.Z26\n", "CON.F.US.ENQ.Z٢٦"])
def test_what_is_no_long_id_is_not_read_as_one(text: str) -> None:
    assert expiry_of(text) is None


def test_short_ids_are_compared_on_the_root() -> None:
    assert same_contract("CON.F.US.ENQ.Z26", "F.US.ENQ")
    assert same_contract("F.US.ENQ", "CON.F.US.ENQ.Z26")
    assert not same_contract("CON.F.US.ENQ.Z26", "F.US.NQM")
    assert not same_contract("CON.F.US.ENQ.Z26", "F.US.EN")
    assert not same_contract("CON.F.US.ENQ.Z26", "CON.F.US.ENQ.H27")
    assert not same_contract("CON.F.US.ENQ.Z26", "")
    assert root_of("CON.F.US.ENQ") == "ENQ"


def test_every_root_of_our_table_survives_the_way_through_an_id() -> None:
    for instrument in INSTRUMENTS.values():
        if instrument.gateway_root is not None:
            expiry = expiry_of(f"CON.F.US.{instrument.gateway_root}.Z26")
            assert expiry is not None
            assert expiry.root == instrument.gateway_root


def test_the_account_is_the_named_one_and_never_the_first_of_several() -> None:
    accounts = [Account(id=7, name="PRAC-1", can_trade=True), Account(id=8, name="50KTC-2")]
    assert pinned_account(accounts, 8) is accounts[1]
    assert pinned_account(accounts[:1], None) is accounts[0]
    with pytest.raises(AccountUnfit, match=r"lists 2 active accounts, 7 \(PRAC-1\), 8 \(50KTC-2\)"):
        pinned_account(accounts, None)
    with pytest.raises(AccountUnfit, match="no active account 9"):
        pinned_account(accounts, 9)
    with pytest.raises(AccountUnfit, match="closed or reset"):
        pinned_account([], None)
