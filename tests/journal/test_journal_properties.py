"""Lines hold for any words and numbers; what an older version does not know stays where it is."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_stories import ES, START_NS, step, trade

from fabio.journal.lines import FIRST_PREV, check_line, decode_remark, decode_step, remark_line, step_line
from fabio.journal.reader import read_steps, verify
from fabio.journal.writer import Journal
from fabio.model import fact
from fabio.model.event import OperatorAsked
from fabio.model.step import Step

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
MONEY = st.decimals(-10**9, 10**9, places=2, allow_nan=False, allow_infinity=False)
FACTS = st.one_of(
    st.builds(fact.Halted, reason=WORDS, until_trade_date=WORDS),
    st.builds(lambda text, balance: fact.TradeClosed(market=0, balance=balance, trade=msgspec.structs.replace(
        trade("T", "D", "O"), reason=text, net_pnl=balance)), WORDS, MONEY),
)


@st.composite
def steps(draw: st.DrawFn, seq: int = 1) -> Step:
    asked = OperatorAsked(ts_ns=START_NS, id="1", verb="halt", reason=draw(WORDS))
    return step(seq, *draw(st.lists(FACTS, min_size=1, max_size=3)), event=draw(st.sampled_from([None, asked])),
                ts_ns=draw(st.integers(0, 2**62)), tape_pos=draw(st.integers(0, 2**62)), consumed=0)


@given(steps())
def test_i61_any_step_is_read_as_it_was_written(written: Step) -> None:
    line, crc = step_line(written, FIRST_PREV)
    assert check_line(line[:-1]) == (FIRST_PREV, crc)
    assert decode_step(line[:-1]) == written


@given(WORDS, st.dictionaries(WORDS, st.one_of(WORDS, st.integers(-2**62, 2**62), st.booleans(), st.none())))
def test_i61_any_remark_is_read_as_it_was_written(kind: str, data: dict[str, Any]) -> None:
    line, _ = remark_line(kind, START_NS, data, FIRST_PREV)
    read = decode_remark(line[:-1])
    assert (read.kind, read.ts_ns, read.data) == (kind, START_NS, data)


@given(st.integers(-10**9, 10**9), st.integers(0, 10**9))
def test_i61_prices_and_sizes_come_back(price_ticks: int, steps_held: int) -> None:
    assert ES.price_ticks(ES.price(price_ticks)) == price_ticks
    assert ES.money(steps_held) == Decimal(steps_held) * ES.tick_value * ES.size_step


@given(steps(), WORDS)
def test_i63_no_text_breaks_a_line_of_the_record(written: Step, text: str) -> None:
    for line, _ in (step_line(written, FIRST_PREV), remark_line(text, START_NS, {text: text}, FIRST_PREV)):
        assert line.endswith(b"\n")
        assert min(line[:-1]) >= 0x20


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(["known", "unknown fact", "unknown remark"]), min_size=1, max_size=12),
       st.integers(1, 3))
def test_i55_what_is_not_known_is_passed_over_and_stays_in_the_file(kinds: list[str], more: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder)
        known, unknown = _written(logs, kinds)
        path = next((logs / "journal").glob("*.jsonl"))
        before = path.read_bytes()
        journal = Journal(logs)
        for number in range(more):
            journal.append(step(journal.last_seq + 1, fact.Halted(reason=f"later {number}")))
        journal.close()
        assert path.read_bytes().startswith(before)
        skipped: list[str] = []
        found = list(read_steps(logs, skipped))
        assert [each.seq for each in found] == list(range(1, known + more + 1))
        assert len(skipped) == unknown
        assert verify(logs).code == 0


def _written(logs: Path, kinds: list[str]) -> tuple[int, int]:
    """Write a journal as a later version would; give its steps, and the facts that only that one knows."""
    from zlib import crc32
    folder = logs / "journal"
    folder.mkdir()
    lines, prev, seq = [], FIRST_PREV, 0
    for kind in kinds:
        if kind == "unknown remark":
            line, prev = remark_line("weather", START_NS, {"rain": True}, prev)
        else:
            seq += 1
            line, crc = step_line(step(seq, fact.Halted(reason="x")), prev)
            if kind == "unknown fact":
                head = line[: line.rindex(b',"crc"')].replace(b'"type":"Halted"', b'"type":"MoonRose"')
                crc = f"{crc32(head):08x}"
                line = b'%b,"crc":"%b"}\n' % (head, crc.encode())
            prev = crc
        lines.append(line)
    (folder / "2013-09-03.jsonl").write_bytes(b"".join(lines))
    return seq, kinds.count("unknown fact")
