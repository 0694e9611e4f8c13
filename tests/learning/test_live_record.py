"""A recorded live session: it comes out again, what is planted in it is found, and every report reads it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from live_days import SETTINGS, exchanged, plant, plant_tick, plant_version, record_live

from fabio import __version__
from fabio.journal.reader import read_steps, verify
from fabio.learning.cycle import learn
from fabio.learning.guard_effect import guard_report
from fabio.learning.report.data import report as report_of
from fabio.learning.report.page import page
from fabio.learning.shadows import shadow_report
from fabio.learning.whatif import Variant, what_if
from fabio.learning.window import read_window
from fabio.model.event import OrderAccepted, OrderFilled
from fabio.model.fact import FillBooked, RegimeAsked, SignalApproved, TradeClosed
from fabio.research.reliability.lab import LIVE_SETTINGS
from fabio.runtime.causes import Cause, find_cause
from fabio.runtime.differences import Difference
from fabio.runtime.explain import explain
from fabio.runtime.recorded import Again, Recorded, empty_machine
from fabio.runtime.reloading import IN_PLACE
from fabio.settings.load import Settings, load


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live") / "logs"
    record_live(folder)
    return folder


@pytest.fixture
def logs(live: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(live, tmp_path / "logs"))


def again(folder: Path, settings: Settings = SETTINGS) -> tuple[Difference, Cause]:
    """As `fabio replay --against` does it, where there is a difference."""
    first, cause = compared(folder, settings)
    assert first is not None
    assert cause is not None
    return first, cause


def compared(folder: Path, settings: Settings = SETTINGS) -> tuple[Difference | None, Cause | None]:
    recorded = Recorded(settings, folder)
    others = recorded.circumstances(__version__, recorded.began_with(), IN_PLACE)
    first, beyond = Again(empty_machine(recorded), recorded).run_through()
    if first is None:
        return None, None
    return first, find_cause(settings, folder, (first, beyond), others, __version__)


def step_of(folder: Path, kind: type, number: int = 0) -> int:
    """Number of the n-th step that has a fact or an event of a kind."""
    return [step.seq for step in read_steps(folder)
            if isinstance(step.event, kind) or any(isinstance(fact, kind) for fact in step.facts)][number]


def test_it_comes_out_as_it_was_recorded(logs: Path) -> None:
    assert compared(logs) == (None, None)


# -- planted differences ----------------------------------------------------------------


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body.replace(old, new, 1)


def test_a_changed_fact_differs_alone_and_is_named(logs: Path) -> None:
    seq = step_of(logs, TradeClosed)
    plant(logs, seq, replaced(b'"net_pnl":"271.56"', b'"net_pnl":"371.56"'))
    assert verify(logs).code == 0
    first, cause = again(logs)
    assert (first.seq, first.fact, first.recorded, first.replayed) == (seq, "TradeClosed", "371.56", "271.56")
    assert first.place.endswith(".trade.net_pnl")
    assert cause.kind == "record"


def test_a_changed_event_of_the_venue_leaves_its_mark_behind_it(logs: Path) -> None:
    seq = step_of(logs, OrderFilled)
    price = next(step.event.fill.price_ticks for step in read_steps(logs) if isinstance(step.event, OrderFilled))
    plant(logs, seq, replaced(b'"price_ticks":%d' % price, b'"price_ticks":%d' % (price - 4)))
    first, cause = again(logs)
    assert (first.seq, first.event, first.fact) == (seq, "OrderFilled", "FillBooked")
    assert (first.recorded, first.replayed) == (price, price - 4)
    assert cause.kind == "event"
    assert "OrderFilled came there from outside" in cause.why


def test_events_of_the_venue_that_changed_places_are_found_at_the_first(logs: Path) -> None:
    accepted, filled = step_of(logs, OrderAccepted), step_of(logs, OrderFilled)
    exchanged(logs, accepted, filled)
    assert verify(logs).code == 0
    first, cause = again(logs)
    assert (first.seq, cause.kind) == (accepted, "event")


def test_a_changed_tick_is_found_where_a_question_first_tells_of_it(logs: Path) -> None:
    plant_tick(logs, 5_000, 40)
    first, cause = again(logs)
    assert (first.fact, first.event, cause.kind) == ("RegimeAsked", "", "ticks")
    assert first.place == "facts[0].request_hash"
    assert first.tape_pos > 5_000


def test_another_setting_is_tried_and_named(logs: Path) -> None:
    given = load(environment={}, directory=Path("/"), overrides=("guards.min_confidence.minimum=0.6",))
    first, cause = again(logs, given)
    assert (first.recorded, first.replayed, cause.kind) == (0.5, 0.6, "settings")
    assert "guards.min_confidence.minimum was 0.5 and is 0.6" in cause.why


def test_another_setting_does_not_hide_what_was_changed_besides(logs: Path) -> None:
    seq = step_of(logs, TradeClosed)
    plant(logs, seq, replaced(b'"net_pnl":"271.56"', b'"net_pnl":"371.56"'))
    given = load(environment={}, directory=Path("/"), overrides=("guards.min_confidence.minimum=0.6",))
    _, cause = again(logs, given)
    assert cause.kind == "record"


def test_another_build_is_no_difference_but_the_cause_of_one(logs: Path) -> None:
    plant_version(logs, "0.0.7")
    assert compared(logs) == (None, None)
    plant(logs, step_of(logs, RegimeAsked, 3), replaced(b'"request_hash":"', b'"request_hash":"0'))
    first, cause = again(logs)
    assert (first.fact, cause.kind) == ("RegimeAsked", "build")
    assert "fabio 0.0.7 recorded" in cause.why
    assert "it differs alone" in cause.why


# -- the reports ------------------------------------------------------------------------


def test_the_reports_read_it_and_say_what_a_live_record_cannot_tell(live: Path) -> None:
    window = read_window(live, 24)
    shadows, guards = shadow_report(window), guard_report(window)
    for report in (shadows, guards):
        assert any("how the venue would have filled what was not sent is not known" in words
                   for words in report["remarks"])
        assert report["problems"]["left_out"] == 0
    assert shadows["against_trades"]["pairs"] == shadows["total_trades"] == 1
    lessons = learn(SETTINGS, lambda overrides: SETTINGS, live, 24)
    assert "how the venue would have filled other orders" in lessons["feedback"]["how"]
    assert lessons["signal_decay"]["fills"] == 1
    page_of = page(report_of(SETTINGS, live, 24))
    assert "mode live" in page_of
    assert "18204311" in page_of


def test_what_if_says_that_its_fills_are_not_the_venues(live: Path) -> None:
    override = "guards.session_hours.entries=all"
    changed = load(environment={}, directory=Path("/"), overrides=(*LIVE_SETTINGS, override))
    answer = what_if(SETTINGS, [(Variant(overrides=(override,)), changed)], live)
    assert answer["recorded"]["trades"] == answer["baseline"]["trades"] == 1
    assert any("its fills were the venue's, here they are the paper exchange's" in words
               for words in answer["baseline_differs"])


def test_explain_follows_a_live_decision_to_the_venues_fills(live: Path) -> None:
    decision, = [fact.decision for step in read_steps(live) for fact in step.facts if isinstance(fact, SignalApproved)]
    chain = {each["name"]: each for each in explain(SETTINGS, live, decision.id)["chain"]}
    fills = [fact.fill.id for step in read_steps(live) for fact in step.facts if isinstance(fact, FillBooked)]
    assert len(fills) == 2
    for leg, id_ in zip(("fill entry", "fill target"), fills, strict=True):
        assert id_ in chain[leg]["reason"]
