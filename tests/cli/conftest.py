"""Running the command line inside the test, and a folder of records to run it on."""

import shutil
import sys
from pathlib import Path

import pytest
from recorded_days import Cli, Said, record_day

from fabio.cli.app import run
from fabio.runtime.kernels import prepare_cache


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run `fabio ARGUMENTS` in an empty folder; no traceback ever comes out of it."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["fabio", *map(str, arguments)])
        capsys.readouterr()
        code = run()
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Said(code, captured.out, captured.err)

    return command


@pytest.fixture(scope="session")
def _recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prepare_cache()
    folder = tmp_path_factory.mktemp("recorded") / "logs"
    record_day(folder, mean_ticks=20_000, seed=7)
    return folder


@pytest.fixture
def logs(_recorded_once: Path, tmp_path: Path) -> Path:
    """A folder with one recorded synthetic session, for this test alone."""
    folder = tmp_path / "logs"
    shutil.copytree(_recorded_once, folder)
    return folder
