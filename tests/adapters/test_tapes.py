import gzip
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from tape_writing import HEADER, INSTRUMENTS, NS, ROOT, START_NS, csv_tape, parquet_tape, real_tape, trade

from fabio.adapters.data.tapes import Tape, open_tape
from fabio.model.tick import Ticks

THREE = HEADER + trade(0) + trade(1, "20000.50", "2", "A") + trade(2, "19999.75", "3", "N")


def same(left: Ticks, right: Ticks) -> bool:
    names = ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side", "market")
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


def test_a_csv_tape_becomes_integer_columns(tmp_path: Path) -> None:
    tape = csv_tape(tmp_path, THREE)
    ticks = tape.ticks()
    assert ticks.ts_event_ns.tolist() == [START_NS, START_NS + NS, START_NS + 2 * NS]
    assert ticks.ts_recv_ns.tolist() == ticks.ts_event_ns.tolist()
    assert ticks.price_ticks.tolist() == [80001, 80002, 79999]
    assert ticks.size_steps.tolist() == [1, 2, 3]
    assert ticks.side.tolist() == [1, -1, 0]
    assert [
        column.dtype for column in (ticks.ts_event_ns, ticks.ts_recv_ns, ticks.price_ticks, ticks.size_steps)
    ] == [np.int64] * 4
    assert (ticks.side.dtype, ticks.market.dtype) == (np.int8, np.int8)
    assert (tape.rows, tape.bad_rows, tape.left_out) == (3, {}, {})
    assert (tape.first_ns, tape.last_ns) == (START_NS, START_NS + 2 * NS)


@pytest.mark.parametrize(
    "text",
    [
        THREE.replace("\n", "\r\n"),
        THREE.replace("\n", "\r\n", 2),
        "\ufeff" + THREE,
        THREE.replace(",", ";"),
        THREE.replace(",", "\t"),
        THREE.replace(",", "|"),
        "# exported by somebody\n\n" + THREE,
        THREE.replace("ts_event", "TS_Event").replace("price", " Price "),
        "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in THREE.splitlines()) + "\n",
        THREE.replace(",side", ",side,note")
        .replace(",B\n", ",B,\n")
        .replace(",A\n", ",A,x\n")
        .replace(",N\n", ",N,y\n"),
        THREE.replace("\n", ",\n"),
        "\n".join(",".join(reversed(line.split(","))) for line in THREE.splitlines()) + "\n",
        THREE.rstrip("\n"),
        THREE.replace("\n", "\n\n"),
    ],
    ids=[
        "crlf",
        "mixed line ends",
        "byte order mark",
        "semicolon",
        "tab",
        "bar",
        "comment first",
        "case and spaces",
        "quoted",
        "extra column",
        "trailing comma",
        "other order",
        "no last line end",
        "blank lines",
    ],
)
def test_every_way_to_write_the_same_csv_reads_the_same(tmp_path: Path, text: str) -> None:
    tape = csv_tape(tmp_path, text)
    plain = csv_tape(tmp_path, THREE, name="plain.csv").ticks()
    assert same(tape.ticks(), plain)
    assert tape.bad_rows == {}


@pytest.mark.parametrize("name", ["tape.csv.gz", "tape.csv", "tape.txt"])
def test_gzip_is_seen_from_the_content_whatever_the_name(tmp_path: Path, name: str) -> None:
    assert len(csv_tape(tmp_path, gzip.compress(THREE.encode()), name=name).ticks()) == 3


def test_a_plain_csv_named_gz_is_read_as_it_is(tmp_path: Path) -> None:
    assert len(csv_tape(tmp_path, THREE, name="tape.csv.gz").ticks()) == 3


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("2025-05-04T22:00:00.123456789Z", START_NS + 123456789),
        ("2025-05-04 22:00:00.123456789", START_NS + 123456789),  # no offset: UTC
        ("2025-05-05T00:00:00.123456789+02:00", START_NS + 123456789),
        ("2025-05-04T17:00:00.1-0500", START_NS + 100_000_000),
        ("2025-05-04 22:00:00+00", START_NS),
        (str(START_NS + 123456789), START_NS + 123456789),
    ],
)
def test_times_keep_their_nanoseconds_and_honour_the_offset(
    tmp_path: Path, text: str, nanoseconds: int
) -> None:
    assert csv_tape(tmp_path, HEADER + f"{text},20000,1,B\n").ticks().ts_event_ns.tolist() == [nanoseconds]
    query = f"select '{text}' as ts_event, 20000 as price, 1 as size"
    assert parquet_tape(tmp_path, query).ticks().ts_event_ns.tolist() == [nanoseconds]


def test_the_doubled_hour_of_autumn_stays_two_hours(tmp_path: Path) -> None:
    lines = "2025-11-02T01:30:00-05:00,20000,1,B\n2025-11-02T01:30:00-06:00,20000,1,B\n"
    first, second = csv_tape(tmp_path, HEADER + lines).ticks().ts_event_ns.tolist()
    assert second - first == 3600 * NS


@pytest.mark.parametrize(
    "kind", ["timestamp", "timestamptz", "timestamp_ns", "timestamp_ms", "timestamp_s", "timestamptz_ns"]
)
def test_every_parquet_timestamp_is_read(tmp_path: Path, kind: str) -> None:
    trade_columns = "20000.25::float as price, 2::tinyint as size, 'A' as side"
    query = f"select '2025-05-04 22:00:00'::{kind} as ts_event, {trade_columns}"
    row = parquet_tape(tmp_path, query).ticks().row(0)
    assert (row.ts_event_ns, row.price_ticks, row.size_steps, row.side) == (START_NS, 80001, 2, -1)


def test_a_missing_side_is_all_unknown_and_said_so(tmp_path: Path) -> None:
    tape = csv_tape(tmp_path, f"ts_event,price,size\n{START_NS},20000,1\n")
    assert tape.ticks().side.tolist() == [0]
    assert "no column side" in tape.describe()


def test_a_side_that_is_no_letter_is_unknown_counted_and_keeps_its_trade(tmp_path: Path) -> None:
    tape = csv_tape(
        tmp_path, HEADER + trade(0, side="buy") + trade(1, side="b") + trade(2, side="") + trade(3, side="A")
    )
    assert tape.ticks().side.tolist() == [0, 1, 0, -1]
    assert "1 rows have a side that is none of B, A, N" in tape.describe()


def test_ts_recv_never_falls(tmp_path: Path) -> None:
    times = [5, 3, 9, None]
    lines = "".join(
        f"{START_NS + place},20000,1,B,{'' if recv is None else START_NS + recv}\n"
        for place, recv in enumerate(times)
    )
    ticks = csv_tape(tmp_path, HEADER.replace("\n", ",ts_recv\n") + lines).ticks()
    assert (ticks.ts_recv_ns - START_NS).tolist() == [5, 5, 9, 9]


def test_without_ts_recv_it_is_the_latest_exchange_time(tmp_path: Path) -> None:
    ticks = csv_tape(tmp_path, HEADER + trade(0) + trade(2) + trade(1.5) + trade(3)).ticks()
    assert ((ticks.ts_event_ns - START_NS) / NS).tolist() == [
        0,
        2,
        1.5,
        3,
    ]  # late rows are the kernel's business
    assert ((ticks.ts_recv_ns - START_NS) / NS).tolist() == [0, 2, 2, 3]


def test_bad_rows_are_counted_by_kind_and_the_others_stay(tmp_path: Path) -> None:
    bad = [
        trade(1, "20000.10"),
        trade(2, "nan"),
        trade(3, "inf"),
        trade(4, size="0"),
        trade(5, size="-1"),
        trade(6, "0"),
        trade(7, "-5"),
        trade(8, "x"),
        trade(9, ""),
        trade(10, size="1.5"),
        trade(11, "1e300"),
        "gone,20000,1,B\n",
        f"{START_NS},20000\n",
        f"{START_NS},20000,1,B,9\n",
        f"{START_NS // 1000},20000,1,B\n",
        "99999999999999999999,1,1,B\n",
        trade(12, size="nan"),
        trade(13, '"1'),
    ]
    tape = csv_tape(tmp_path, HEADER + trade(0) + "".join(bad) + trade(20))
    assert len(tape.ticks()) == 2
    assert tape.bad_rows == {
        "off_grid": 2,
        "not_finite": 3,
        "size_not_positive": 2,
        "price_not_positive": 2,
        "unreadable_row": 9,
    }
    assert tape.rows == 2 + len(bad)
    assert "refused: 9 rows, unreadable_row" in tape.describe()


def test_a_price_may_miss_the_grid_by_one_percent_of_a_tick(tmp_path: Path) -> None:
    tape = csv_tape(
        tmp_path, HEADER + trade(0, "20000.2524") + trade(1, "20000.2526") + trade(2, "20000.2476")
    )
    assert tape.ticks().price_ticks.tolist() == [80001, 80001]
    assert tape.bad_rows == {"off_grid": 1}


def test_crude_oil_may_trade_below_zero(tmp_path: Path) -> None:
    ticks = csv_tape(tmp_path, HEADER + trade(0, "-37.63") + trade(1, "0"), symbol="CL").ticks()
    assert ticks.price_ticks.tolist() == [-3763, 0]


def test_crypto_sizes_are_fractional(tmp_path: Path) -> None:
    tape = csv_tape(
        tmp_path, HEADER + trade(0, "61800.3", "0.006") + trade(1, "61800.3", "0.0065"), symbol="BTCUSDT"
    )
    assert tape.ticks().size_steps.tolist() == [6]
    assert tape.bad_rows == {"off_grid": 1}


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_a_time_far_ahead_of_the_next_trade_is_refused(tmp_path: Path, rows: int) -> None:
    lines = [trade(0), trade(60), trade(200), trade(200), trade(61), trade(120), trade(190), trade(130)]
    tape = csv_tape(tmp_path, HEADER + "".join(lines))
    ticks = Ticks(
        *(
            np.concatenate([getattr(part, name) for part in tape.batches(rows)])
            for name in ("ts_event_ns", "ts_recv_ns", "price_ticks", "size_steps", "side", "market")
        )
    )
    assert ((ticks.ts_event_ns - START_NS) // NS).tolist() == [
        0,
        60,
        61,
        120,
        190,
        130,
    ]  # 60 s exactly is no jump
    assert tape.bad_rows == {"time_jump": 2}


def test_a_time_far_ahead_is_left_to_the_kernel_where_the_tape_has_a_clock(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",ts_recv\n")
    lines = [trade(second).replace("\n", f",{START_NS}\n") for second in (0, 500, 1)]
    assert len(csv_tape(tmp_path, header + "".join(lines)).ticks()) == 3


def test_one_wrong_year_does_not_stretch_the_span(tmp_path: Path) -> None:
    tape = csv_tape(tmp_path, HEADER + trade(0) + trade(3e9) + trade(5) + trade(4))
    assert (tape.first_ns, tape.last_ns) == (START_NS, START_NS + 4 * NS)  # that of the last row


def test_repeated_rows_within_a_millisecond_are_kept(tmp_path: Path) -> None:
    assert len(csv_tape(tmp_path, HEADER + trade(0) * 5).ticks()) == 5


@pytest.fixture
def long_tape(tmp_path: Path) -> Tape:
    query = f"""select {START_NS} + i * 1000 as ts_event, 1 + i % 5 as size,
        case when i % 10 = 3 then 20000.1 else 20000 + i % 7 * 0.25 end as price,
        case when i % 2 = 0 then 'B' else 'A' end as side from range(1000) t(i)"""
    return parquet_tape(tmp_path, query)


@pytest.mark.parametrize("rows", [5, 7, 100, 5000])
def test_the_batches_of_any_size_hold_the_same_ticks(long_tape: Tape, rows: int) -> None:
    parts = list(long_tape.batches(rows))
    assert max(len(part) for part in parts) <= rows + 1
    joined = [
        np.concatenate([getattr(part, name) for part in parts]) for name in ("ts_event_ns", "price_ticks")
    ]
    whole = long_tape.ticks()
    assert np.array_equal(joined[0], whole.ts_event_ns)
    assert np.array_equal(joined[1], whole.price_ticks)
    assert long_tape.bad_rows == {"off_grid": 100}


@pytest.mark.parametrize("start", [0, 1, 499, 899, 900, 2000])
def test_reading_goes_on_at_a_position(long_tape: Tape, start: int) -> None:
    parts = list(long_tape.batches(64, start=start))
    times = np.concatenate([part.ts_event_ns for part in parts]) if parts else np.zeros(0)
    assert times.tolist() == long_tape.ticks().ts_event_ns[start:].tolist()


def test_records_that_are_no_trades_are_left_out(tmp_path: Path) -> None:
    text = "ts_event,price,size,side,action\n" + "".join(
        trade(second).replace("\n", f",{action}\n") for second, action in enumerate("TATFMT")
    )
    tape = csv_tape(tmp_path, text)
    assert len(tape.ticks()) == 3
    assert tape.left_out == {"action A": 1, "action F": 1, "action M": 1}


def test_databento_prices_in_billionths_are_read(tmp_path: Path) -> None:
    header = "rtype,publisher_id,ts_event,action,side,price,size\n"
    lines = f"0,1,{START_NS},T,B,20000250000000,1\n0,1,{START_NS},T,B,9223372036854775807,1\n"
    tape = csv_tape(tmp_path, header + lines)
    assert tape.ticks().price_ticks.tolist() == [80001]
    assert tape.bad_rows == {"not_finite": 1}
    query = f"select 0 as rtype, {START_NS} as ts_event, 20000250000000 as price, 1 as size, 'A' as side"
    assert parquet_tape(tmp_path, query).ticks().price_ticks.tolist() == [80001]


def test_a_path_with_pattern_characters_and_spaces_is_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "my tapes [2025] *é"
    folder.mkdir()
    (tmp_path / "my tapes 2 x").mkdir()
    assert len(csv_tape(folder, THREE, name="nq'?.csv").ticks()) == 3
    query = f"select {START_NS} as ts_event, 20000 as price, 1 as size"
    source = parquet_tape(tmp_path, query).path
    assert len(open_tape(source.rename(folder / "nq[1].parquet"), INSTRUMENTS, None).ticks()) == 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_stays_flat_in_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "nq.parquet"
    duckdb.sql(f"""copy (select {START_NS} + i * 1000 as ts_event, 20000.25 as price, 1 as size, 'B' as side
        from range(4000000) t(i)) to '{path}' (format parquet)""")
    code = f"""if True:
        from pathlib import Path
        from fabio.adapters.data.instruments import load_instruments
        from fabio.adapters.data.tapes import open_tape
        instruments = load_instruments(Path({str(ROOT / "config" / "instruments.toml")!r}))
        tape = open_tape(Path({str(path)!r}), instruments)
        marks = []
        for batch in tape.batches():
            # VmHWM, not ru_maxrss: that one remembers the parent's peak across fork and exec
            marks.append(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024)
        print(marks[3], marks[-1])
    """
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    early, late = (int(mark) for mark in out)
    assert late < early + 60  # held, the columns of all rows would be 112 MB
    assert late < 300


@pytest.mark.parametrize("module", ["tapes", "instruments", "tape_files"])
def test_reading_tapes_imports_neither_pandas_nor_databento(module: str) -> None:
    heavy = "{'pandas', 'databento_dbn'}"
    code = f"import sys, fabio.adapters.data.{module}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_real_es_tape_keeps_every_repeated_print() -> None:
    tape = open_tape(real_tape("es_trades_20130901_20130903.parquet"), INSTRUMENTS)
    ticks = tape.ticks()
    assert (tape.instrument.symbol, len(ticks), tape.bad_rows) == ("ES", 500_000, {})
    repeated = len(ticks) - len(
        np.unique(np.stack([ticks.ts_event_ns, ticks.price_ticks, ticks.size_steps]), axis=1).T
    )
    assert 0.55 < repeated / len(ticks) < 0.65
