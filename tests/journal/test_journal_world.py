import subprocess
import sys

import msgspec
import orjson
import pytest
from journal_stories import START_NS

from fabio.journal.world import (
    FolderBusy,
    OtherWorld,
    World,
    WorldUnreadable,
    claim,
    is_running,
    read_status,
    read_world,
    running_pid,
    write_status,
)

DEMO = World(mode="test", feed="demo", account="paper", instruments=("MNQ",))


def test_a_new_folder_takes_the_first_world(tmp_path):
    logs = tmp_path / "logs"
    with claim(logs, DEMO, START_NS):
        assert read_world(logs) == DEMO
        assert orjson.loads((logs / "world.json").read_bytes())["started"].startswith("2013-09-03T13:20:00")
        assert is_running(logs)
        assert running_pid(logs) is not None
    assert not is_running(logs)
    assert running_pid(logs) is None
    claim(logs, DEMO, START_NS).release()


@pytest.mark.parametrize(("changed", "suggested"), [
    ({"mode": "live", "feed": "topstepx", "account": "S1-77"}, "logs-live-topstepx-mnq-s1-77"),
    ({"feed": "tapes/es day.csv.gz"}, "logs-test-es_day-mnq"),
    ({"instruments": ("NQ", "ES")}, "logs-test-demo-nq-es"),
    ({"account": "other"}, "logs-test-demo-mnq"),
])
def test_another_world_is_refused_with_a_folder_to_use(tmp_path, changed, suggested):
    logs = tmp_path / "logs"
    claim(logs, DEMO, START_NS).release()
    with pytest.raises(OtherWorld, match="Use another folder: --logs") as error:
        claim(logs, msgspec.structs.replace(DEMO, **changed), START_NS)
    assert error.value.suggested == tmp_path / suggested
    assert read_world(logs) == DEMO
    assert not is_running(logs)


def test_two_agents_never_share_a_folder(tmp_path):
    held = claim(tmp_path, DEMO, START_NS)
    script = ("import sys, pathlib\nfrom fabio.journal import world\n"
              "w = world.World(mode='test', feed='demo', account='paper', instruments=('MNQ',))\n"
              "try:\n    world.claim(pathlib.Path(sys.argv[1]), w, 1)\n"
              "except world.FolderBusy as busy:\n    print(busy.pid)\n")
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True,
                          check=True)
    assert int(done.stdout) == running_pid(tmp_path)
    with pytest.raises(FolderBusy, match="stop it"):
        claim(tmp_path, DEMO, START_NS)
    held.release()


def test_a_killed_agent_leaves_the_folder_free(tmp_path):
    script = ("import sys, os, signal, pathlib\nfrom fabio.journal import world\n"
              "w = world.World(mode='test', feed='demo', account='paper', instruments=('MNQ',))\n"
              "held = world.claim(pathlib.Path(sys.argv[1]), w, 1)\nos.kill(os.getpid(), signal.SIGKILL)\n")
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert running_pid(tmp_path) is not None
    assert not is_running(tmp_path)
    claim(tmp_path, DEMO, START_NS).release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"mode": 1}', b"\xff\xfe"])
def test_a_world_nobody_can_read_is_said(tmp_path, content):
    (tmp_path / "world.json").write_bytes(content)
    with pytest.raises(WorldUnreadable, match=r"world\.json"):
        claim(tmp_path, DEMO, START_NS)
    assert not is_running(tmp_path)


def test_status_is_replaced_whole(tmp_path):
    assert read_status(tmp_path) is None
    write_status(tmp_path, {"state": "running", "price": 1646.75})
    write_status(tmp_path, {"state": "stopped"})
    assert read_status(tmp_path) == {"state": "stopped"}
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
