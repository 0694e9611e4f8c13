import datetime as dt
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tape_writing import INSTRUMENTS, START_NS, csv_tape

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tapes import open_tape

dbn = pytest.importorskip("databento_dbn", reason="needs the extra [dbn]")

CONTRACTS = {"NQM5": 11, "NQU5": 12, "NQM5-NQU5": 13}


@dataclass
class Interval:
    start_date: dt.date
    end_date: dt.date
    symbol: str


@dataclass
class Mapping:
    raw_symbol: str
    intervals: list[Interval]


def dbn_bytes() -> bytes:
    """Write 100 trades: 90 of NQM5, 7 of NQU5, 3 of the spread."""
    span = (dt.date(2025, 5, 4), dt.date(2025, 5, 6))
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3",
        start=START_NS,
        end=START_NS + 10**15,
        stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=dbn.Schema.TRADES,
        symbols=list(CONTRACTS),
        mappings=[Mapping(name, [Interval(*span, str(number))]) for name, number in CONTRACTS.items()],
    )
    content = bytes(metadata)
    for place in range(100):
        name = "NQM5-NQU5" if place in (10, 20, 30) else "NQU5" if place % 15 == 1 else "NQM5"
        price = 200_000_000_000 if "-" in name else 20_000_250_000_000 + place * 250_000_000
        side = (dbn.Side.BID, dbn.Side.ASK, dbn.Side.NONE)[place % 3]
        content += bytes(
            dbn.TradeMsg(
                1,
                CONTRACTS[name],
                START_NS + place * 1001,
                price,
                1 + place % 4,
                dbn.Action.TRADE,
                side,
                0,
                START_NS + place * 1001 + 500,
            )
        )
    return content


def zstd(content: bytes) -> bytes:
    packed = io.BytesIO()
    with dbn.Transcoder(packed, dbn.Encoding.DBN, dbn.Compression.ZSTD) as transcoder:
        transcoder.write(content)
    return packed.getvalue()


@pytest.mark.parametrize(("name", "packed"), [("nq.dbn", False), ("nq.dbn.zst", True), ("nq.dbn", True)])
def test_a_dbn_tape_is_read_with_its_contracts(tmp_path: Path, name: str, packed: bool) -> None:
    content = dbn_bytes()
    tape = csv_tape(tmp_path, zstd(content) if packed else content, symbol=None, name=name)
    ticks = tape.ticks()
    assert (tape.contract, tape.rows, tape.left_out) == ("NQM5", 90, {"NQM5-NQU5": 3, "NQU5": 7})
    assert len(ticks) == 90
    row = ticks.row(0)
    assert (row.ts_event_ns, row.ts_recv_ns, row.price_ticks, row.size_steps, row.side) == (
        START_NS,
        START_NS + 500,
        80001,
        1,
        1,
    )
    assert np.all(np.diff(ticks.ts_event_ns) % 1001 == 0)
    assert set(ticks.side.tolist()) == {-1, 0, 1}


def test_a_dbn_file_cut_within_a_record_keeps_the_rest_and_says_so(tmp_path: Path) -> None:
    tape = csv_tape(tmp_path, dbn_bytes()[:-20], symbol="NQ", name="nq.dbn")
    assert len(tape.ticks()) == 89
    assert tape.bad_rows == {"unreadable_row": 1}
    assert "it was cut" in tape.describe()


def test_dbn_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nq.dbn"
    path.write_bytes(dbn_bytes())
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(TapeError, match=r"pip install 'fabio\[dbn\]'"):
        open_tape(path, INSTRUMENTS)
