"""One account is one agent's, whatever folders and processes there are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabio.cli.failures import REFUSED, exit_code_of
from fabio.journal.account_lock import AccountBusy, NoStateFolder, claim_account
from fabio.journal.world import FolderBusy

URL = "https://api.example.com"
SCRIPT = """
import os, pathlib, signal, sys
from fabio.journal import account_lock
try:
    held = account_lock.claim_account(sys.argv[1], "7", pathlib.Path(sys.argv[2]))
except account_lock.AccountBusy as busy:
    print("busy", busy.pid, busy.folder)
else:
    print("mine")
    if "die" in sys.argv:
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    held.release()
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def other(folder: Path, *words: str) -> str:
    """Claim the account in another process, and give what it said."""
    return subprocess.run([sys.executable, "-c", SCRIPT, URL, str(folder), *words], capture_output=True, text=True,
                          check=False).stdout.strip()


def test_a_second_agent_in_another_folder_is_refused_and_told_which(tmp_path: Path) -> None:
    held = claim_account(URL, "7", tmp_path / "one")
    assert other(tmp_path / "two") == f"busy {os.getpid()} {tmp_path / 'one'}"
    with pytest.raises(AccountBusy, match=r"process \d+\) is live on account 7 .*/one`\)") as refused:
        claim_account(URL + "/", "7", tmp_path / "two")
    assert exit_code_of(refused.value) == REFUSED
    held.release()
    held.release()
    assert other(tmp_path / "two") == "mine"


def test_in_the_same_folder_it_is_the_folder_that_is_busy(tmp_path: Path) -> None:
    held = claim_account(URL, "7", tmp_path)
    with pytest.raises(FolderBusy, match=f"process {os.getpid()}"):
        claim_account(URL, "7", tmp_path)
    held.release()


def test_other_accounts_and_the_same_number_elsewhere_are_free(tmp_path: Path) -> None:
    for held in (claim_account(URL, "7", tmp_path), claim_account(URL, "8", tmp_path),
                 claim_account("http://127.0.0.1:8000", "7", tmp_path)):
        held.release()


def test_a_killed_agent_leaves_the_account_free(tmp_path: Path, state: Path) -> None:
    assert other(tmp_path, "die") == "mine"
    assert len(list((state / "fabio" / "accounts").iterdir())) == 1
    claim_account(URL, "7", tmp_path).release()
    assert not list((state / "fabio" / "accounts").iterdir())


def test_a_name_that_is_taken_away_under_the_lock_is_locked_again(tmp_path: Path, state: Path) -> None:
    first = claim_account(URL, "7", tmp_path / "one")
    (path,) = (state / "fabio" / "accounts").iterdir()
    path.unlink()
    second = claim_account(URL, "7", tmp_path / "two")
    with pytest.raises(AccountBusy, match="two"):
        claim_account(URL, "7", tmp_path / "three")
    second.release()
    first.release()


def test_one_that_does_not_say_who_it_is_is_busy_all_the_same(tmp_path: Path, state: Path) -> None:
    held = claim_account(URL, "7", tmp_path / "one")
    (path,) = (state / "fabio" / "accounts").iterdir()
    for text in (b"", b"[1]", b'{"pid": "x", "folder": 3}'):
        path.write_bytes(text)
        with pytest.raises(AccountBusy, match=r"^another agent is live on account 7"):
            claim_account(URL, "7", tmp_path / "two")
    held.release()


def test_without_a_state_folder_the_home_is_taken_and_without_both_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # by the specification such a one counts for nothing
    held = claim_account(URL, "7", tmp_path)
    assert len(list((tmp_path / ".local" / "state" / "fabio" / "accounts").iterdir())) == 1
    held.release()
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.raises(NoStateFolder, match="file"):
        claim_account(URL, "7", tmp_path)
