"""Tags and log lines for any name and any words; ids that depend on the record alone."""

import io
import logging
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabio.adapters.redact import HidingFormatter
from fabio.adapters.topstepx.broker.tags import MOST_STOPS, Tag, Tags
from fabio.journal.writer import Journal
from fabio.runtime.live_start import world_tag

WORLDS = st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True)
ORDERS = st.from_regex(r"O[0-9]{6}-[1-9][0-9]{0,5}", fullmatch=True)


@given(WORLDS, ORDERS, st.integers(1, MOST_STOPS))
def test_i61_a_tag_is_read_as_it_was_written(world: str, order_id: str, number: int) -> None:
    tags = Tags(world)
    entry = tags.entry(order_id)
    assert tags.read(entry) == Tag(order_id, "entry")
    assert tags.read(f"{entry}-SL") == Tag(order_id, "stop")
    assert tags.read(f"{entry}-TP") == Tag(order_id, "target")
    assert tags.read(tags.stop(order_id, number)) == Tag(order_id, "stop", native=False, number=number)


@given(WORLDS, WORLDS, ORDERS)
def test_a_tag_of_another_world_is_not_ours(world: str, other: str, order_id: str) -> None:
    assert (Tags(world).read(Tags(other).entry(order_id)) is None) == (world != other)


@given(WORLDS, st.text(max_size=70))
def test_any_text_that_reads_as_a_tag_is_what_would_be_written(world: str, rest: str) -> None:
    tags = Tags(world)
    found = tags.read(f"{world}-{rest}")
    if found is not None and found.leg == "entry":
        assert tags.entry(found.order_id) == f"{world}-{rest}"


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.integers(0, 4))
def test_i06_tags_depend_on_the_record_and_neither_on_its_place_nor_on_what_follows(build: str, more: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        logs, moved = Path(place) / "logs", Path(place) / "elsewhere"
        journal = Journal(logs)
        journal.remark("run", 1, {"build": build})
        journal.sync()
        first = world_tag(logs)
        for number in range(more):
            journal.remark("run", 2 + number, {"build": build})
        journal.close()
        shutil.copytree(logs, moved)
        assert world_tag(logs) == world_tag(moved) == first
        assert Tags(first).entry("O261120-1") == f"{first}-O261120-1"


@given(st.text(max_size=300))
def test_i63_no_text_makes_a_line_of_the_log_or_a_control_sequence(text: str) -> None:
    written = io.StringIO(newline="")
    handler = logging.StreamHandler(written)
    handler.setFormatter(HidingFormatter("%(levelname)s %(message)s"))
    handler.handle(logging.LogRecord("fabio.model", logging.INFO, "", 0, "the model said: %s", (text,), None))
    line = written.getvalue()
    assert line.endswith("\n")
    assert line[:-1].splitlines() == [line[:-1]]
    assert not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in line[:-1])
