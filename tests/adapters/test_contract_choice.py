from pathlib import Path

import pytest
from tape_writing import HEADER, START_NS, csv_tape, trade

from fabio.adapters.data.errors import TapeError
from fabio.model.errors import ConfigError

THREE = HEADER + trade(0) + trade(1, "20000.50", "2", "A") + trade(2, "19999.75", "3", "N")


def test_the_tape_of_an_unnamed_instrument_is_named_by_its_file(tmp_path: Path) -> None:
    for name, symbol, contract in (
        ("nq_trades_20251009.csv", "NQ", None),
        ("ESZ5-thursday.csv", "ES", "ESZ5"),
        ("recorded_mnq.csv", "MNQ", None),
    ):
        tape = csv_tape(tmp_path, THREE, symbol=None, name=name)
        assert (tape.instrument.symbol, tape.contract) == (symbol, contract)
        assert "by the file's name" in tape.describe()
    for name in ("tape.csv", "es_or_nq.csv".replace("es_", "x_es_")):
        with pytest.raises(TapeError, match="--symbol"):
            csv_tape(tmp_path, THREE, symbol=None, name=name)


def test_a_symbol_the_table_does_not_know_is_an_error_that_says_how_to_add_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config/instruments\.toml"):
        csv_tape(tmp_path, THREE, symbol="XYZ")
    text = "ts_event,price,size,symbol\n" + f"{START_NS},1,1,XYZ\n"
    with pytest.raises(ConfigError, match=r"config/instruments\.toml"):
        csv_tape(tmp_path, text, symbol=None)


MIXED = "ts_event,price,size,side,symbol\n" + "".join(
    trade(second, price).replace("\n", f",{symbol}\n")
    for second, (price, symbol) in enumerate(
        [
            ("20000", "NQM5"),
            ("20200", "NQU5"),
            ("200", "NQM5-NQU5"),
            ("20000.25", "NQM5"),
            ("5700", "ESM5"),
            ("1", "???"),
        ]
    )
)


def test_one_contract_is_read_and_the_rest_counted(tmp_path: Path) -> None:
    tape = csv_tape(tmp_path, MIXED)
    assert tape.contract == "NQM5"
    assert tape.ticks().price_ticks.tolist() == [80000, 80001]
    assert tape.left_out == {"NQU5": 1, "NQM5-NQU5": 1, "ESM5": 1, "???": 1}
    assert "NQM5 has the most trades of NQM5, NQU5 and is read" in tape.describe()
    assert (tape.rows, tape.bad_rows) == (2, {})


@pytest.mark.parametrize("symbol", ["NQU5", "NQU25", "NQ 09-25", "nqu5"])
def test_a_contract_can_be_asked_for(tmp_path: Path, symbol: str) -> None:
    assert csv_tape(tmp_path, MIXED, symbol=symbol).ticks().price_ticks.tolist() == [80800]


def test_a_contract_the_tape_lacks_or_two_instruments_without_a_name_are_errors(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"holds no NQZ5, only .*NQM5 \(2 trades\)"):
        csv_tape(tmp_path, MIXED, symbol="NQZ5")
    with pytest.raises(TapeError, match="holds ES, NQ; name one with --symbol"):
        csv_tape(tmp_path, MIXED, symbol=None)


def test_a_row_that_names_no_contract_is_counted_not_passed_over(tmp_path: Path) -> None:
    tape = csv_tape(tmp_path, MIXED + trade(9).replace("\n", ",\n") + trade(10)[:-3])
    assert len(tape.ticks()) == 2
    assert tape.bad_rows == {"unreadable_row": 2}


def test_instrument_ids_without_names_take_the_one_with_the_most_trades(tmp_path: Path) -> None:
    text = "ts_event,price,size,side,instrument_id\n" + "".join(
        trade(second, price).replace("\n", f",{number}\n")
        for second, (price, number) in enumerate([("20000", 7), ("200", 8), ("20000", 7)])
    )
    tape = csv_tape(tmp_path, text)
    assert len(tape.ticks()) == 2
    assert tape.left_out == {"id 8": 1}
    assert "instrument ids without names" in tape.describe()
