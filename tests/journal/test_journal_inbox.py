import errno
import shutil
import threading
import time
from pathlib import Path

import msgspec
import pytest

from fabio.journal import inbox as inbox_module
from fabio.journal.inbox import EXPIRES_AFTER_NS, Answer, Inbox, NoAnswer, Request, ask, post
from fabio.journal.sync import SystemDisk

NOW_NS = 1_800_000_000_000_000_000


def _put(logs, id_, verb="halt", ts_ns=NOW_NS, **more):
    request = Request(id=id_, ts_ns=ts_ns, verb=verb, **more)
    (logs / "inbox").mkdir(parents=True, exist_ok=True)
    (logs / "inbox" / f"{id_}.json").write_bytes(msgspec.json.encode(request))
    return request


def _answer(logs, id_):
    return msgspec.json.decode((logs / "inbox" / "done" / f"{id_}.json").read_bytes(), type=Answer)


def _done(id_):
    return Answer(id=id_, ts_ns=NOW_NS, outcome="done", message="halted")


def _settled(inbox, now_ns=NOW_NS):
    """Look once, and answer what is broken or expired, as the agent does; give the requests."""
    found = inbox.pending(now_ns)
    for each in found:
        if isinstance(each, Answer):
            inbox.answer(each)
    return [each for each in found if isinstance(each, Request)]


def test_requests_come_in_id_order_and_once(tmp_path):
    for id_ in ("3", "1", "2"):
        _put(tmp_path, id_)
    inbox = Inbox(tmp_path)
    assert [request.id for request in inbox.pending(NOW_NS)] == ["1", "2", "3"]
    assert inbox.pending(NOW_NS) == []
    inbox.answer(_done("2"))
    assert not (tmp_path / "inbox" / "2.json").exists()
    assert _answer(tmp_path, "2").outcome == "done"


def test_an_answered_id_never_acts_again(tmp_path):
    _put(tmp_path, "1")
    inbox = Inbox(tmp_path)
    inbox.pending(NOW_NS)
    inbox.answer(_done("1"))
    _put(tmp_path, "1", verb="flatten")
    assert inbox.pending(NOW_NS) == []
    assert Inbox(tmp_path).pending(NOW_NS) == []
    assert _answer(tmp_path, "1").message == "halted"


def test_an_id_that_acted_before_a_crash_is_answered_and_does_not_act(tmp_path):
    _put(tmp_path, "1")
    _put(tmp_path, "2")
    inbox = Inbox(tmp_path, acted=frozenset({"1"}))
    assert [request.id for request in _settled(inbox)] == ["2"]
    assert _answer(tmp_path, "1").outcome == "done"


@pytest.mark.parametrize(("verb", "expires"), [("arm", True), ("enable", True), ("resume", True),
                                               ("undo", True), ("halt", False), ("flatten", False), ("disable", False)])
def test_only_what_could_increase_expires(tmp_path, verb, expires):
    _put(tmp_path, "1", verb=verb, ts_ns=NOW_NS - EXPIRES_AFTER_NS - 1)
    assert bool(_settled(Inbox(tmp_path))) is not expires
    assert (tmp_path / "inbox" / "done" / "1.json").exists() is expires


@pytest.mark.parametrize(("id_", "content"), [
    ("1", b""), ("1", b"[]"), ("1", b'{"id":"1"}'), ("1", b'{"id":"2","ts_ns":1,"verb":"halt"}'),
    ("1", b"\xff"),
    ("1", b" " * 70_000), (".hidden", b"{}"), ("a b", b"{}"), ("x" * 120, b"{}"),
])
def test_a_broken_request_is_answered_and_does_not_stop_the_next(tmp_path, id_, content):
    _put(tmp_path, "9")
    (tmp_path / "inbox" / f"{id_}.json").write_bytes(content)
    inbox = Inbox(tmp_path)
    assert [request.id for request in _settled(inbox)] == ["9"]
    (answered,) = (tmp_path / "inbox" / "done").iterdir()
    assert msgspec.json.decode(answered.read_bytes(), type=Answer).outcome == "invalid"
    assert not (tmp_path / "inbox" / f"{id_}.json").exists()


@pytest.fixture
def full_drive(monkeypatch):
    def write(self, descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SystemDisk, "write", write)


def test_on_a_full_drive_requests_still_come_and_each_once(tmp_path, request):
    _put(tmp_path, "1", verb="arm", ts_ns=NOW_NS - EXPIRES_AFTER_NS - 1)
    _put(tmp_path, "2")
    inbox = Inbox(tmp_path)
    request.getfixturevalue("full_drive")
    expired, flatten = inbox.pending(NOW_NS)
    assert (expired.outcome, flatten.id) == ("expired", "2")
    with pytest.raises(OSError, match="No space left"):
        inbox.answer(expired)
    assert inbox.pending(NOW_NS) == []


def test_a_folder_named_as_a_request_is_none_and_stops_nothing(tmp_path):
    _put(tmp_path, "9")
    (tmp_path / "inbox" / "1.json").mkdir()
    inbox = Inbox(tmp_path)
    assert [each.id for each in inbox.pending(NOW_NS)] == ["9"]


def test_an_inbox_that_was_removed_comes_back_with_the_next_request(tmp_path):
    inbox = Inbox(tmp_path)
    shutil.rmtree(tmp_path / "inbox")
    assert inbox.pending(NOW_NS) == []
    _put(tmp_path, "1")
    assert [each.id for each in inbox.pending(NOW_NS)] == ["1"]
    inbox.answer(_done("1"))
    assert _answer(tmp_path, "1").outcome == "done"


def test_a_file_that_cannot_be_read_now_is_looked_at_again(tmp_path, monkeypatch):
    _put(tmp_path, "1")
    inbox = Inbox(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "read_bytes", lambda self: _raise(OSError(errno.EIO, "Input/output error")))
        assert inbox.pending(NOW_NS) == []
    assert [each.id for each in inbox.pending(NOW_NS)] == ["1"]


def _raise(error):
    raise error


def test_half_written_requests_are_not_seen(tmp_path):
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "1.json.tmp").write_bytes(b"{")
    assert Inbox(tmp_path).pending(NOW_NS) == []


def test_the_file_halt_is_enough(tmp_path):
    inbox = Inbox(tmp_path)
    assert not inbox.halted_by_file
    (tmp_path / "HALT").touch()
    assert inbox.halted_by_file


def test_asking_waits_for_the_answer(tmp_path):
    inbox = Inbox(tmp_path)

    def agent():
        while not (found := inbox.pending(time.time_ns())):
            time.sleep(0.002)
        inbox.answer(Answer(id=found[0].id, ts_ns=found[0].ts_ns, outcome="refused", message=found[0].name))

    thread = threading.Thread(target=agent)
    thread.start()
    answer = ask(tmp_path, "disable", name="mean_reversion", timeout_s=60)
    thread.join()
    assert (answer.outcome, answer.message) == ("refused", "mean_reversion")


def test_nobody_answering_is_said(tmp_path, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(inbox_module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(inbox_module.time, "sleep", lambda seconds: None)
    with pytest.raises(NoAnswer, match="no answer to stop within 5 s"):
        ask(tmp_path, "stop")


def test_ids_of_requests_follow_the_time(tmp_path):
    first, second = post(tmp_path, "halt"), post(tmp_path, "flatten")
    assert [request.verb for request in Inbox(tmp_path).pending(second.ts_ns)] == ["halt", "flatten"]
    assert first.id != second.id


def test_what_the_record_has_not_is_answered_and_taken_again_by_the_next_boot(tmp_path):
    _put(tmp_path, "1", "disarm")
    inbox = Inbox(tmp_path)
    (request,) = inbox.pending(NOW_NS)
    inbox.answer(Answer(id=request.id, ts_ns=NOW_NS, outcome="done", message="in memory only", recorded=False))
    assert inbox.pending(NOW_NS) == []
    following = Inbox(tmp_path)
    (again,) = following.pending(NOW_NS)
    assert again == request
    following.answer(Answer(id=again.id, ts_ns=NOW_NS, outcome="done", message="recorded"))
    assert Inbox(tmp_path).pending(NOW_NS) == []
