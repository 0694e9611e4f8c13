"""Order tags: made of an id and read back, for no other world than ours."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fabio.adapters.topstepx.broker.tags import LONGEST_ENTRY_TAG, Tag, Tags
from fabio.adapters.topstepx.rest.requests import LONGEST_TAG

ids = st.from_regex(r"[A-Za-z0-9._:-]{1,40}", fullmatch=True).filter(
    lambda text: not re.fullmatch(r".*-(SL|TP|S\d*)", text)
)
worlds = st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True)


@given(worlds, ids, st.integers(1, 999))
@example("fab7", "O261120-12", 1)
def test_a_tag_is_a_pure_function_of_the_order_and_reads_back(world, order_id, number):
    tags, again = Tags(world), Tags(world)
    tag = tags.entry(order_id)
    assert tag == again.entry(order_id)
    assert tags.read(tag) == Tag(order_id, "entry")
    assert tags.read(f"{tag}-SL") == Tag(order_id, "stop")
    assert tags.read(f"{tag}-TP") == Tag(order_id, "target")
    assert tags.read(tags.stop(order_id, number)) == Tag(order_id, "stop", native=False, number=number)


@given(worlds, ids)
def test_tag_and_children_fit_the_venue(world, order_id):
    tag = Tags(world).entry(order_id)
    assert len(tag) <= LONGEST_ENTRY_TAG
    assert all(len(tag + end) <= LONGEST_TAG for end in ("-SL", "-TP", "-S999"))


@given(worlds, worlds, ids)
def test_another_worlds_tag_is_foreign(mine, theirs, order_id):
    if mine != theirs:
        assert Tags(mine).read(Tags(theirs).entry(order_id)) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text):
    tag = Tags("fab7").read(text)
    assert tag is None or Tags("fab7").entry(tag.order_id)


@pytest.mark.parametrize("text", [
    None, "", "fab7", "fab7-", "fab7--SL", "fab7-O1-S0", "fab7-O1-S01", "fab7-O1-S1000", "fab7-O1-SL-SL", "Fab7-O1",
    "fab7-O1 ", "fab7-Ö1", "fab7-" + "O" * 60, "manual",
])
def test_what_is_almost_a_tag_is_foreign(text):
    assert Tags("fab7").read(text) is None


@pytest.mark.parametrize("order_id", ["", "O1-SL", "O1-TP", "O1-S1", "O1-S", "O 1", "Ö1", "O" * 51, "O1\n"])
def test_an_id_that_could_not_be_read_back_is_not_made_a_tag(order_id):
    with pytest.raises(ValueError, match="order id"):
        Tags("fab7").entry(order_id)


@pytest.mark.parametrize("world", ["", "fab-7", "abcdefghijklm", "fäb", "a b"])
def test_a_world_is_a_short_plain_name(world):
    with pytest.raises(ValueError, match="world"):
        Tags(world)


@pytest.mark.parametrize("number", [0, -1, 1000])
def test_stops_are_counted_from_1_to_999(number):
    with pytest.raises(ValueError, match="stop number"):
        Tags("fab7").stop("O1", number)
