"""`fabio stub` as a process: what it prints, that it serves, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

LIMIT_S = 180
VERB = "import sys, typer\nfrom fabio.cli import stub, failures\ntry:\n    typer.run(stub.stub)\n" \
       "except Exception as error:\n    print(error, file=sys.stderr)\n    sys.exit(failures.exit_code_of(error))\n"


@contextmanager
def stub(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FABIO_", "OPENAI", "TOPSTEP"))}
    process = subprocess.Popen([sys.executable, "-c", VERB, *arguments], cwd=folder, env=kept, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_first_line_is_the_url_and_sigterm_ends_it_with_0(tmp_path):
    with stub(tmp_path, "--port", "0", "--print-url", "--failure", "fenced", "--latency", "0.01") as process:
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        answer = httpx.post(f"{url}/chat/completions", json=body, timeout=LIMIT_S).json()
        assert answer["choices"][0]["message"]["content"].startswith("```json")
        assert httpx.get(url.replace("/v1", "/stub/meter"), timeout=LIMIT_S).json()["failures"] == {"fenced": 1}
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(("arguments", "code", "words"), [
    (("--failure", "wobbly"), 2, "status_503"), (("--script", "missing.toml"), 2, "missing.toml"),
])
def test_what_cannot_be_is_refused_in_words(tmp_path, arguments, code, words):
    with stub(tmp_path, "--port", "0", *arguments) as process:
        out, err = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, out) == (code, "")
        assert words in err


def test_a_port_that_is_taken_is_said(tmp_path):
    from fabio.adapters.sockets import bound_socket, url_of

    with bound_socket(0) as taken, stub(tmp_path, "--port", url_of(taken).rpartition(":")[2]) as process:
        _, err = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 1
        assert "--port 0 takes a free one" in err
