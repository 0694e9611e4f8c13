from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tape_writing import INSTRUMENTS, ROOT, SESSIONS, real_tape

from fabio.adapters.data.instruments import find_instrument, load_instruments
from fabio.adapters.data.session_rules import read_rules
from fabio.model.errors import ConfigError

GOOD = """[NQ]
description = "E-mini Nasdaq-100"
tick_size = "0.25"
tick_value = "5"
size_step = "1"
product_group = "cme_equity"
trading_seconds_per_year = 20865600
poc_cross_band_ticks = 4
"""


def loaded(folder: Path, text: str | bytes) -> dict:
    path = folder / "instruments.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_instruments(path)


def test_the_shipped_table_knows_the_contracts_of_the_reference() -> None:
    assert len(INSTRUMENTS) == 54
    nq = INSTRUMENTS["NQ"]
    assert (nq.tick_size, nq.tick_value, nq.gateway_root, nq.poc_cross_band_ticks) == (
        Decimal("0.25"),
        Decimal("5.00"),
        "ENQ",
        4,
    )
    assert INSTRUMENTS["ZT"].tick_size == Decimal(1) / 256
    assert INSTRUMENTS["QM"].gateway_root == "NQM"
    assert {symbol for symbol, instrument in INSTRUMENTS.items() if instrument.allows_negative_price} == {
        "CL",
        "MCL",
        "QM",
    }


def test_point_values_agree_with_the_contract_specifications() -> None:
    points = {
        "NQ": 20,
        "MNQ": 2,
        "ES": 50,
        "MES": 5,
        "YM": 5,
        "RTY": 50,
        "GC": 100,
        "SI": 5000,
        "CL": 1000,
        "NG": 10_000,
        "HO": 42_000,
        "6E": 125_000,
        "6J": 12_500_000,
        "ZB": 1000,
        "ZN": 1000,
        "ZT": 2000,
        "ZC": 50,
        "LE": 400,
        "BTCUSDT": 1,
    }
    for symbol, value in points.items():
        instrument = INSTRUMENTS[symbol]
        assert instrument.tick_value / instrument.tick_size == value, symbol


def test_every_product_group_has_trading_hours() -> None:
    for instrument in INSTRUMENTS.values():
        assert read_rules(SESSIONS, instrument.product_group).name == instrument.product_group


def test_gateway_roots_are_unique() -> None:
    roots = [
        instrument.gateway_root for instrument in INSTRUMENTS.values() if instrument.gateway_root is not None
    ]
    assert len(roots) == len(set(roots)) == 51


@pytest.mark.parametrize("name", ["btcusdt_perp_trades_20240808", "ltcusdt_trades_20250621"])
def test_real_crypto_trades_lie_on_the_grid(name: str) -> None:
    instrument = INSTRUMENTS[name.split("_")[0].upper()]
    rows = duckdb.sql(
        f"select distinct price::varchar, size::varchar from '{real_tape(name + '.parquet')}'"
    ).fetchall()
    for price, size in rows:
        instrument.price_ticks(Decimal(price))
        instrument.size_steps(Decimal(size))


@pytest.mark.parametrize(
    ("name", "root", "contract"),
    [
        ("NQ", "NQ", None),
        ("nq", "NQ", None),
        ("NQM5", "NQ", "NQM5"),
        ("NQM25", "NQ", "NQM25"),
        ("NQ 06-25", "NQ", "NQM25"),
        ("MNQZ5", "MNQ", "MNQZ5"),
        ("6EH6", "6E", "6EH6"),
        ("E7U6", "E7", "E7U6"),
        ("M2KH6", "M2K", "M2KH6"),
        ("BTCUSDT", "BTCUSDT", None),
    ],
)
def test_an_instrument_is_found_by_root_and_by_contract(name: str, root: str, contract: str | None) -> None:
    instrument, found = find_instrument(INSTRUMENTS, name)
    assert instrument.symbol == root
    assert (str(found) if found is not None else None) == contract


@pytest.mark.parametrize(
    "name", ["NQX", "NQM", "NQM5-NQU5", "NQ 13-25", "", "SPY", "../etc", "N" * 400, "ＮＱ"]
)
def test_an_unknown_instrument_is_refused_with_the_cure(name: str) -> None:
    with pytest.raises(ConfigError, match=r"config/instruments\.toml"):
        find_instrument(INSTRUMENTS, name)


def test_an_unknown_instrument_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean BTCUSDT"):
        find_instrument(INSTRUMENTS, "BTCUSD")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("tick_size =", "tick_sise ="), r"\[NQ\]: unknown key 'tick_sise' \(did you mean tick_size"),
        (("tick_size =", "Tick_Size ="), "did you mean tick_size"),
        (('tick_size = "0.25"\n', ""), "tick_size missing"),
        (('"0.25"', "0.25"), "tick_size: write 0.25 in quotes"),
        (('"0.25"', '"0,25"'), "not a decimal"),
        (('"0.25"', '"NaN"'), "not a decimal"),
        (('"0.25"', '"Infinity"'), "not a decimal"),
        (('"0.25"', '"1e400"'), "has to be between"),
        (('"0.25"', '"0"'), "above 0"),
        (('"0.25"', '"-0.25"'), "above 0"),
        (('"0.25"', f'"{"9" * 5000}"'), "has to be between"),
        (("= 4", "= 4.5"), "whole number"),
        (("= 4", "= true"), "whole number"),
        (("= 4", '= "four"'), "whole number"),
        (("= 4", "= 0"), "above 0"),
        (('"cme_equity"', "7"), "not a text"),
        (("= 4\n", '= 4\nallows_negative_price = "yes"\n'), "not true or false"),
        (("[NQ]", "[nq]"), "upper-case"),
        (("= 4\n", "= 4\npoc_cross_band_ticks = 2\n"), "is not TOML"),
    ],
)
def test_a_wrong_entry_is_named_with_file_table_and_key(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(tmp_path, GOOD.replace(*change))
    assert "instruments.toml" in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(tmp_path)) or change[1].startswith('"9')


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no instrument"),
        (b"\xff\xfe[\x00N\x00", "not UTF-8"),
        (b"[NQ\n", "not TOML"),
        (b"NQ = 1", "outside any table"),
        (b"#" * 1_100_000, "larger than"),
        (b"schema = " + b"9" * 5000, "not TOML: .*4300 digits"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, content)


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    assert loaded(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())["NQ"].tick_size == Decimal("0.25")


def test_a_missing_file_and_a_directory_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fabio config init"):
        load_instruments(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is a directory"):
        load_instruments(tmp_path)
    assert (ROOT / "config" / "instruments.toml").is_file()
