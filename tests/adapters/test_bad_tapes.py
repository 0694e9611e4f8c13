"""Files that are no tape, or a damaged one: read rightly, or refused with what, where, and the cure."""

import gzip
from pathlib import Path

import pytest
from tape_writing import HEADER, INSTRUMENTS, START_NS, csv_tape, parquet_tape, trade

from fabio.adapters.data.errors import TapeError
from fabio.adapters.data.tapes import open_tape

GOOD = HEADER + trade(0) + trade(1)
LONG = HEADER + "".join(trade(second) for second in range(20_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "no CSV header"),
        (HEADER, "has a header and no rows"),
        (HEADER.strip(), "has a header and no rows"),
        (trade(0) + trade(1), "line 1 is data, not a header"),
        (GOOD.replace("price", "prize"), r"column price missing \(did you mean prize\?\)"),
        (GOOD.replace("ts_event", "timestamp"), "column ts_event missing"),
        (GOOD.replace("price,size", "price,price"), "stands there twice"),
        (GOOD.replace("price", "PRICE").replace("size", "price"), "stands there twice"),
        (
            GOOD.replace(",", ";").replace("20000.25", "20000,25"),
            r"line 2, column price: '20000,25' .* decimal point",
        ),
        (HEADER + f'"{START_NS}","20,000.25","1","B"\n', "column price: '20,000.25' .* thousands"),
        (HEADER + f"{START_NS // 10**9},20000,1,B\n", "these are seconds"),
        (HEADER + f"{START_NS // 10**6},20000,1,B\n", "line 2, column ts_event: .* these are milliseconds"),
        (HEADER + f"{START_NS // 10**3},20000,1,B\n", "these are microseconds"),
        (HEADER + "1970-01-01T00:00:00Z,20000,1,B\n", "in the 1970s"),
        (HEADER + "0,20000,1,B\n", "in the 1970s"),
        (HEADER + "04/05/2025 22:00,20000,1,B\n", "column ts_event: '04/05/2025 22:00' is no time"),
        (HEADER + f"{START_NS}000000,20000,1,B\n", "is no time"),
        (HEADER + f"{START_NS},twenty,1,B\n", "line 2, column price: 'twenty' is no number"),
        (HEADER + f"{START_NS},20000,,B\n", "column size: '' is no number"),
        (GOOD.encode("utf-16"), "UTF-16"),
        (b"\x00\x01\x02\x03" * 50, "no CSV header"),
        (gzip.compress(LONG.encode(), mtime=0)[:4000], "gzip|complete"),
        (gzip.compress(GOOD.encode(), mtime=0)[:12], "gzip|complete"),
        (b"\x1f\x8b" + b"x" * 40, "gzip"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 40, "zstd"),
        (b"{" + b'"a":' * 10 + b"}", "column ts_event"),
        (b"PAR1" + b"x" * 100, "cannot be read"),
        (b"DBN\x03" + b"x" * 100, "no complete DBN"),
    ],
)
def test_a_file_that_is_no_tape_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(TapeError, match=message) as caught:
        csv_tape(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "tape.csv"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("damage", "good", "unreadable"),
    [
        (GOOD + trade(2)[:-4], 2, 1),  # the last line is cut within its cells
        (GOOD.replace(",1,B", ",1,B,7,8", 1), 1, 1),
        (GOOD + "\x00" * 300 + "\n" + trade(3), 3, 1),
        (GOOD + trade(2).replace("20000", "20\x00000") + trade(3), 3, 1),
        (GOOD + '"open quote,1,1\n' + trade(3), 3, 1),  # swallows nothing
        (GOOD + f'{START_NS},"20000\n.25",1,B\n' + trade(3), 3, 2),
        (GOOD.encode() + f"{START_NS},20000,1,\xff\xfe\n".encode("latin-1") + trade(3).encode(), 3, 1),
        (GOOD + "ts_event,price,size,side\n" + trade(3), 3, 1),  # two exports pasted together
        (GOOD + f"{START_NS},20000.25,99999999999999999999,B\n", 2, 1),
        (GOOD + f"{START_NS},1e308,1,B\n" + f"{START_NS},20000.25,1e-400,B\n", 2, 1),
        (GOOD + f"{START_NS},0x10,1,B\n" + f"{START_NS},1_000,1,B\n", 2, None),
        (GOOD + "9" * 5000 + ",20000,1,B\n", 2, 1),
    ],
)
def test_one_damaged_line_costs_only_itself(
    tmp_path: Path, damage: str | bytes, good: int, unreadable: int | None
) -> None:
    tape = csv_tape(tmp_path, damage)
    assert len(tape.ticks()) == good
    if unreadable is not None:
        assert tape.bad_rows["unreadable_row"] == unreadable


def test_a_gzip_that_is_cut_far_into_the_file_is_refused_not_shortened(tmp_path: Path) -> None:
    packed = gzip.compress(LONG.encode(), compresslevel=1)
    with pytest.raises(TapeError, match=r"tape\.csv"):
        csv_tape(tmp_path, packed[: len(packed) * 3 // 4]).ticks()


def test_a_spike_ten_times_the_price_is_a_trade_for_others_to_judge(tmp_path: Path) -> None:
    assert len(csv_tape(tmp_path, GOOD + trade(2, "200002.5")).ticks()) == 3


def test_unsorted_and_equal_times_are_handed_on_in_the_file_s_order(tmp_path: Path) -> None:
    ticks = csv_tape(tmp_path, HEADER + trade(3) + trade(1) + trade(1) + trade(2)).ticks()
    assert ((ticks.ts_event_ns - START_NS) // 10**9).tolist() == [3, 1, 1, 2]
    assert ticks.ts_recv_ns.tolist() == sorted(ticks.ts_recv_ns.tolist())


ROW = f"{START_NS} as ts_event, 20000.25 as price, 1 as size"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"select {ROW} where false", "holds no rows"),
        (f"select {ROW.replace('ts_event', 'time')}", "column ts_event missing"),
        (f"select {ROW.replace(str(START_NS), '1746396000::integer')}", "INTEGER.*nanosecond"),
        (f"select {ROW.replace(str(START_NS), '1746396000.5::double')}", "DOUBLE.*nanosecond"),
        (f"select {ROW.replace(str(START_NS), 'date ' + repr('2025-05-04'))}", "DATE.*nanosecond"),
        (f"select {ROW.replace('20000.25', '[20000.25]')}", "column price is .*a number is expected"),
        (f"select {ROW.replace('20000.25', '{a: 20000.25}')}", "a number is expected"),
        (f"select {ROW.replace('1 as', 'true as')}", "column size is BOOLEAN"),
        (f"select {ROW.replace('1 as', 'date ' + repr('2025-05-04') + ' as')}", "column size is DATE"),
        (f"select {ROW.replace('20000.25', repr('n/a'))}", "first row, column price: 'n/a' is no number"),
        (f"select {ROW.replace(str(START_NS), 'null::bigint')}", "column ts_event: '' is no time"),
        (f"select {START_NS // 10**6} as ts_event, 1.0 as price, 1 as size", "these are milliseconds"),
        (f'select {ROW}, 1 as "Price "', "stands there twice"),
    ],
)
def test_a_parquet_file_that_is_no_tape_is_refused(tmp_path: Path, query: str, message: str) -> None:
    with pytest.raises(TapeError, match=message) as caught:
        parquet_tape(tmp_path, query)
    assert str(caught.value).startswith(str(tmp_path / "tape.parquet"))


def test_nulls_and_texts_in_parquet_cost_only_their_row(tmp_path: Path) -> None:
    rows = [("20000.25", "1"), ("null", "1"), ("'20000.50'", "'2'"), ("'x'", "1"), ("20000", "null")]
    query = " union all ".join(
        f"select {START_NS} as ts_event, {price}::varchar as price, {size}::varchar as size"
        for price, size in rows
    )
    tape = parquet_tape(tmp_path, query)
    assert tape.ticks().price_ticks.tolist() == [80001, 80002]
    assert tape.bad_rows == {"unreadable_row": 3}


def test_dictionary_and_decimal_columns_and_infinite_times_are_read(tmp_path: Path) -> None:
    query = f"""select ts_event, 20000.25::decimal(12, 2) as price, 1::ubigint as size, side from (values
        ('2025-05-04 22:00:00'::timestamp, 'A'::enum('A', 'B')), ('infinity'::timestamp, 'B'::enum('A', 'B')),
        (null, 'B'::enum('A', 'B'))) t(ts_event, side) -- {START_NS}"""
    tape = parquet_tape(tmp_path, query.split(" --")[0])
    assert tape.ticks().row(0).side == -1
    assert tape.bad_rows == {"unreadable_row": 2}


@pytest.mark.parametrize("keep", [4, 50, -4, -1])
def test_a_cut_parquet_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = parquet_tape(tmp_path, f"select {ROW}").path
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TapeError, match="Is it complete"):
        open_tape(path, INSTRUMENTS, "NQ")


def test_a_damaged_page_in_a_parquet_file_is_refused_when_it_is_reached(tmp_path: Path) -> None:
    path = parquet_tape(
        tmp_path,
        f"select {START_NS} + hash(i) % 1000 as ts_event, 20000.25 as price, "
        "1 + i % 9 as size from range(50000) t(i)",
    ).path
    content = bytearray(path.read_bytes())
    content[100:2000] = b"\xaa" * 1900
    path.write_bytes(bytes(content))
    with pytest.raises(TapeError, match=r"tape\.parquet"):
        open_tape(path, INSTRUMENTS, "NQ").ticks()


def test_a_csv_named_parquet_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="what its name says"):
        csv_tape(tmp_path, GOOD, name="tape.parquet")


def test_a_missing_file_a_folder_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.csv", "no such file"),
        (tmp_path, "is a directory"),
        (Path("/dev/null"), "no such file"),
        (tmp_path / ("x" * 300), "cannot be opened|no such"),
        (Path("a\x00b.csv"), "cannot be opened|no such"),
    ):
        with pytest.raises(TapeError, match=message):
            open_tape(path, INSTRUMENTS, "NQ")


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = Path(str(tmp_path) + "/nq\udcff.csv")
    path.write_text(GOOD)
    with pytest.raises(TapeError, match="rename"):
        open_tape(path, INSTRUMENTS, None)
