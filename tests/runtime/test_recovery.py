"""A run that was killed ends with the same facts as one that was not, wherever the kill fell."""

from pathlib import Path
from typing import Any

import pytest
from recovery_lab import Lab, killed_after, live, steps_with

from fabio.journal.lines import step_digest_bytes
from fabio.journal.reader import read_steps, verify
from fabio.model.event import OperatorAsked, OrderFilled
from fabio.model.fact import (
    FillBooked,
    OrderBooked,
    OrderMoved,
    RegimeAsked,
    ShadowClosed,
    ShadowOpened,
    StopPlaced,
    StopTightened,
    StrategyChanged,
    TradeClosed,
)
from fabio.runtime.summary import Summary

RECORDS = ("decisions.jsonl", "trades.jsonl", "shadow.jsonl", "learning.jsonl", "llm_exchanges.jsonl")
SEED, TICKS = 82, 162_000  # the overnight session and the morning: trades, several shadows, a lesson


class WholeRun:
    """The day nobody interrupted."""

    def __init__(self, folder: Path) -> None:
        self.lab = Lab(SEED)
        self.folder = folder
        self.ticks = self.lab.day.ticks.slice(0, TICKS)
        driver, sink = self.lab.begin(folder)
        live(driver, self.ticks)
        self.digest = driver.digest
        self.snapshot = driver.engine.snapshot()
        sink.close()
        self.steps = list(read_steps(folder))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    return WholeRun(tmp_path_factory.mktemp("whole") / "logs")


MOMENTS: list[tuple[str, Any, int, int]] = [
    # what the journal's last line holds, its place among those, and ticks on the tape behind it
    ("a question was answered", RegimeAsked, 2_000, 0),
    ("a question was answered and the tape goes on", RegimeAsked, 2_500, 900),
    ("an order is in flight", OrderBooked, 0, 0),
    ("an order works", OrderMoved, 0, 0),
    ("a fill was booked, its bracket not yet", FillBooked, 0, 0),
    ("a fill's event stands there and the tape goes on", OrderFilled, 0, 700),
    ("stop and target work", StopPlaced, 0, 3_000),
    ("a stop was tightened", StopTightened, 0, 0),
    ("a trade was closed", TradeClosed, 0, 1),
    ("the second trade was closed", TradeClosed, 1, 0),
    ("a shadow runs", ShadowOpened, 0, 2_000),
    ("several shadows run", ShadowOpened, 2, 0),
    ("a shadow ended", ShadowClosed, 0, 50),
    ("a strategy was changed", StrategyChanged, 0, 0),
]


@pytest.mark.parametrize(("kind", "place", "ahead"), [row[1:] for row in MOMENTS], ids=[row[0] for row in MOMENTS])
def test_a_killed_run_ends_with_the_same_facts(
    whole: WholeRun, tmp_path: Path, kind: type, place: int, ahead: int
) -> None:
    seq = steps_with(whole.steps, kind, place + 1)[place]
    folder = tmp_path / "logs"
    killed_after(whole.folder, folder, seq, ahead, torn=b'{"v":1,"seq":')
    driver, sink, recovered = whole.lab.resume(folder)
    assert recovered.steps == seq
    live(driver, whole.ticks.slice(sink.tape.pos, TICKS))
    sink.close()
    assert [step_digest_bytes(step) for step in read_steps(folder)] == [
        step_digest_bytes(step) for step in whole.steps
    ]
    assert driver.digest == whole.digest
    assert driver.engine.snapshot() == whole.snapshot
    assert verify(folder).code == 0
    for name in RECORDS:
        assert (folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_records_that_a_kill_swallowed_are_made_up(whole: WholeRun, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    killed_after(whole.folder, folder, len(whole.steps), 0)
    for name in RECORDS:
        path = folder / name
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    driver, sink, _ = whole.lab.resume(folder)
    sink.close()
    assert driver.digest == whole.digest
    for name in RECORDS:
        assert (folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_coming_back_twice_changes_nothing(whole: WholeRun, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    killed_after(whole.folder, folder, len(whole.steps) - 20, 0)
    digests = []
    for _ in range(2):
        driver, sink, _ = whole.lab.resume(folder)
        sink.close()
        digests.append((driver.digest, len(list(read_steps(folder))), (folder / "decisions.jsonl").read_bytes()))
    assert digests[0] == digests[1]


def test_an_operators_request_is_remembered_as_acted(whole: WholeRun, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    killed_after(whole.folder, folder, len(whole.steps), 0)
    driver, sink, _ = whole.lab.resume(folder)
    driver.happen(OperatorAsked(ts_ns=driver.engine.state.now_ns, id="1-abc", verb="halt", reason="test"))
    sink.close()
    driver, sink, recovered = whole.lab.resume(folder)
    sink.close()
    assert recovered.acted == {"1-abc"}
    assert driver.engine.state.account.halted == "test"


def test_notes_states_and_records_of_strategies_carry_over_to_the_next_session(tmp_path: Path) -> None:
    lab = Lab(SEED)
    folder = tmp_path / "logs"
    driver, sink = lab.begin(folder)
    live(driver, lab.day.ticks)
    driver.pass_time(lab.day.end_ns)
    before = driver.engine.state
    assert before.notes
    assert sum(each.trades for each in before.performance.values()) >= 3
    sink.close()
    driver, sink, _ = lab.resume(folder)
    summary = Summary()
    driver.sinks = (*driver.sinks, summary)
    live(driver, lab.demo.day(1, 5_000).ticks)
    after = driver.engine.state
    sink.close()
    assert summary.sessions == [(0, "2026-06-02")]
    assert [note.id for note in after.notes[: len(before.notes)]] == [note.id for note in before.notes]
    for name, record in before.performance.items():
        assert after.performance[name].trades >= record.trades
    assert after.account.day_start_balance == before.account.balance
    assert driver.engine.markets[0].stats().prev_close_ticks == int(lab.day.ticks.price_ticks[-1])
