"""What the process knows to be secret stays in it: log lines, failures, what people say."""

import io
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fabio.adapters.redact import KNOWN, HidingFormatter, Redactor
from fabio.journal.inbox import Inbox, post
from fabio.model.errors import ConfigError
from fabio.settings.load import load
from fabio.settings.show import rows, texts

SECRET = 'kanari"Zz9-4Qm7Zp2Rt8'
KEY = "sk-proj-abcdefgh12345678"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    """The process's own redactor, as it was afterwards."""
    for name in ("_given", "_secrets"):
        monkeypatch.setattr(KNOWN, name, type(getattr(KNOWN, name))(getattr(KNOWN, name)))
    return KNOWN


def test_a_secret_is_masked_as_it_is_inside_json_and_inside_an_address():
    redactor = Redactor([SECRET])
    for form in (SECRET, SECRET.replace('"', '\\"'), SECRET.replace('"', "%22")):
        assert redactor.hide_keys(f"<{form}>") == "<***>"


def test_tokens_that_come_and_go_do_not_push_the_keys_out():
    redactor = Redactor(["the first key"])
    for number in range(1000):
        redactor.keep_secret(f"token number {number} of many")
    assert redactor.hide_keys("the first key, token number 999 of many") == "***, ***"


def test_a_log_line_has_no_secret_and_cannot_make_a_line_of_its_own(known):
    known.keep_secret(SECRET)
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(HidingFormatter("%(levelname)s %(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning("the venue said: %s\n2026-01-01 INFO all is well\x1b[2J", SECRET)
    try:
        raise ValueError(f"sent with {KEY}")
    except ValueError:
        logger.exception("it failed")
    lines = written.getvalue().splitlines()
    assert lines[0] == "WARNING the venue said: *** 2026-01-01 INFO all is well [2J"
    assert lines[1] == "ERROR it failed"
    assert lines[-1] == "ValueError: sent with ***"
    assert SECRET not in written.getvalue()


def test_settings_tell_the_process_what_is_secret_even_what_they_refuse(known, tmp_path):
    load(environment={"TOPSTEP_API_KEY": "kanari-of-the-venue", "TOPSTEP_PASSWORD": "kanari-of-nobody"},
         directory=tmp_path)
    with pytest.raises(ConfigError):
        load(environment={}, directory=tmp_path, overrides=("openai.api_key=kanari-on-the-line",))
    assert known.hide_keys("kanari-of-the-venue kanari-of-nobody kanari-on-the-line") == "*** *** ***"


def test_an_address_with_a_login_is_shown_and_recorded_without_it(tmp_path):
    address = "https://someone:hunter22@host.example/v1"
    settings = load(environment={"OPENAI_BASE_URL": address}, directory=tmp_path)
    shown = {row.path: row.value for row in rows(settings)}
    assert shown["openai.base_url"] == '"https://***@host.example/v1"'
    assert "openai.base_url" not in texts(settings)
    assert settings.openai.base_url == address


def test_a_refused_address_that_is_too_long_to_be_shown_whole_shows_no_login(tmp_path):
    login = "kanari07" * 9
    with pytest.raises(ConfigError) as refused:
        load(environment={"OPENAI_BASE_URL": f"http://{login}:{login}@host.example/v1"}, directory=tmp_path)
    assert "kanari07" not in str(refused.value)


def test_a_key_in_a_persons_reason_is_masked_however_it_comes(tmp_path):
    inbox = Inbox(tmp_path)
    assert post(tmp_path, "flatten", reason=f"my key is {KEY}").reason == "my key is ***"
    (tmp_path / "inbox" / "1-b.json").write_text(
        f'{{"id":"1-b","ts_ns":1,"verb":"flatten","reason":"it is {KEY}"}}')
    assert [request.reason for request in inbox.pending(1)] == ["it is ***", "my key is ***"]


@pytest.mark.skipif(os.name == "nt", reason="no modes")
def test_what_a_command_writes_is_its_users_alone_and_a_crash_dumps_nothing(tmp_path):
    code = ("import os, resource, sys; import fabio.__main__ as main, fabio.cli.app as app\n"
            "def run():\n"
            "    os.mkdir('logs'); open('logs/agent.log', 'w').close()\n"
            "    print(resource.getrlimit(resource.RLIMIT_CORE)[0]); return 0\n"
            "app.run = run; os.umask(0o022); main.main()")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "logs" / "agent.log").stat().st_mode) == 0o600


def test_a_stricter_mask_of_the_shell_stays(tmp_path: Path) -> None:
    code = ("import os, sys; import fabio.__main__ as main, fabio.cli.app as app\n"
            "app.run = lambda: print(oct(os.umask(0))) or 0\nos.umask(0o277); main.main()")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "0o277\n"


def test_a_secret_that_is_no_text_of_any_encoding_is_kept_all_the_same():
    assert Redactor(["sk-ab\udce3defghijkl"]).hide_keys("<sk-ab\udce3defghijkl>") == "<***>"


def test_a_request_nested_too_deep_is_answered_and_ends_nothing(tmp_path):
    inbox = Inbox(tmp_path)
    (tmp_path / "inbox" / "1-a.json").write_text('{"id":"1-a","ts_ns":1,"verb":"flatten","data":{"a":'
                                                 + "[" * 5000 + "]" * 5000 + "}}")
    answer, = inbox.pending(1)
    inbox.answer(answer)
    assert b"invalid" in (tmp_path / "inbox" / "done" / "1-a.json").read_bytes()
