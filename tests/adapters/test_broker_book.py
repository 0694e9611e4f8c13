"""The book of the venue's orders: newest word wins, whatever the order of the words."""

import random

import msgspec
from broker_venue import CONTRACT, MNQ, START_NS
from hypothesis import given
from hypothesis import strategies as st

from fabio.adapters.topstepx.broker.book import Book
from fabio.adapters.topstepx.broker.tags import Tag, Tags
from fabio.adapters.topstepx.broker.traded import TradedContract
from fabio.adapters.topstepx.records import Order
from fabio.adapters.topstepx.stamps import stamp_text

TRADED = TradedContract(market=0, contract_id=CONTRACT, instrument=MNQ)
LIVES = [  # status and filled volume, as an order of size 3 may go through them
    [(6, 0), (1, 0), (1, 1), (2, 3)], [(1, 0), (3, 0)], [(6, 0), (5, 0)], [(1, 0), (1, 2), (7, 2), (3, 2)],
    [(8, 0), (1, 0), (1, 1), (3, 1)], [(1, 0), (4, 0)],
]


def record(number=1, **fields):
    return Order(**{"id": number, "contract_id": CONTRACT, "status": 1, "type": 2, "size": 3, "fill_volume": 0,
                    "custom_tag": "fab7-O1", **fields})


@given(st.sampled_from(LIVES), st.randoms(use_true_random=False), st.booleans())
def test_h05_any_order_and_number_of_words_ends_in_the_same_book(life, chance, stamped):
    words = [
        record(status=status, fill_volume=volume, update_timestamp=stamp_text(START_NS + place) if stamped else None)
        for place, (status, volume) in enumerate(life)
    ]
    told = [word for word in words for _ in range(chance.randint(1, 3))]
    chance.shuffle(told)
    book = Book(Tags("fab7"))
    for word in told:
        book.update(word)
    assert book.record(1) == words[-1]


@given(st.sampled_from(LIVES), st.randoms(use_true_random=False))
def test_what_is_filled_never_falls_and_what_is_done_stays_done(life, chance):
    words = [record(status=status, fill_volume=volume) for status, volume in life] * 2
    chance.shuffle(words)
    book, filled, done = Book(Tags("fab7")), 0, False
    for word in words:
        book.update(word)
        now = book.record(1)
        assert now.fill_volume >= filled
        assert not done or now.status in (2, 3, 4, 5)
        filled, done = now.fill_volume, now.status in (2, 3, 4, 5)


def test_the_same_word_again_is_no_news():
    book = Book(Tags("fab7"))
    assert book.update(record())
    assert not book.update(record())
    assert book.update(record(status=2, fill_volume=3))
    assert not book.update(record())


def test_a_price_that_moved_is_news_and_an_older_one_is_not():
    book = Book(Tags("fab7"))
    first = record(type=4, stop_price=1, update_timestamp=stamp_text(START_NS))
    second = record(type=4, stop_price=2, update_timestamp=stamp_text(START_NS + 1000))
    assert book.update(first)
    assert book.update(second)
    assert not book.update(first)
    assert book.record(1).stop_price == 2


def test_a_record_that_leaves_its_tag_out_keeps_it():
    book = Book(Tags("fab7"))
    book.update(record())
    book.update(record(status=2, fill_volume=3, custom_tag=None, contract_id=""))
    assert book.tag_of(1) == Tag("O1", "entry")
    assert book.record(1).contract_id == CONTRACT


def test_children_are_known_by_tag_and_by_parent_in_any_order():
    entry = record()
    stop = record(2, type=4, status=8, custom_tag=None, parent_order_id=1)
    target = record(3, type=1, status=8, custom_tag="fab7-O1-TP", parent_order_id=1)
    for seed in range(6):
        words = [entry, stop, target]
        random.Random(seed).shuffle(words)
        book = Book(Tags("fab7"))
        for word in words:
            book.update(word)
        assert book.tag_of(2) == Tag("O1", "stop")
        assert book.tag_of(3) == Tag("O1", "target")
        assert [each.id for each in book.family("O1")] == [1, 2, 3]
        assert book.entry("O1") == entry
        assert book.stops("O1") == [stop]
        assert book.target("O1") == target


def test_a_child_whose_parent_is_not_known_yet_is_not_identified():
    book = Book(Tags("fab7"))
    book.update(record(2, type=4, custom_tag=None, parent_order_id=1))
    assert not book.identifies(2)
    book.learn(1, Tag("O1", "entry"))
    assert book.identifies(2)
    assert book.tag_of(2) == Tag("O1", "stop")


def test_what_place_was_answered_with_is_ours_before_any_record_comes():
    book = Book(Tags("fab7"))
    book.learn(1, Tag("O1", "entry"))
    assert book.identifies(1)
    assert book.entry_ids("O1") == [1]
    assert book.entry("O1") is None


def test_h12_foreign_orders_are_never_ours():
    book = Book(Tags("fab7"))
    for number, tag in enumerate((None, "manual", "fab8-O1", "fab7"), start=1):
        book.update(record(number, custom_tag=tag))
        assert book.tag_of(number) is None
        assert book.identifies(number)
    assert book.live_own(TRADED) == []


def test_of_two_orders_with_one_tag_the_one_that_counts_comes_first():
    book = Book(Tags("fab7"))
    book.update(record(2, status=5))
    book.update(record(1, status=2, fill_volume=3))
    assert book.entry("O1").id == 1
    book.update(record(3))
    assert book.entry("O1").id == 3


def test_the_oldest_that_are_done_are_forgotten_and_nothing_that_works(monkeypatch):
    monkeypatch.setattr("fabio.adapters.topstepx.broker.book.MOST_RECORDS", 100)
    monkeypatch.setattr("fabio.adapters.topstepx.broker.book._FORGET_AT_ONCE", 50)
    book = Book(Tags("fab7"))
    book.update(record(1, custom_tag="fab7-O0"))
    for number in range(2, 400):
        book.update(record(number, status=3, custom_tag=f"fab7-O{number}"))
    assert len(book) <= 100
    assert book.entry("O0") is not None
    assert book.entry("O2") is None
    assert book.entry("O399") is not None
    assert msgspec.structs.asdict(book.record(399))["status"] == 3
