"""Compiled kernels are kept under a name that holds the hash of all they are made of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fabio
from fabio.runtime.kernels import KERNEL_SOURCES, source_hash

PACKAGE = Path(fabio.__file__).parent

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from fabio.runtime.kernels import prepare_cache
prepare_cache()
from fabio.regime.cadence import band_limits
import numpy as np
print(band_limits(np.array([[100, 4, 12]]), 104)[0])
"""


def run(copy: Path, environment: dict[str, str]) -> str:
    answer = subprocess.run([sys.executable, "-c", PROGRAM, str(copy)], env=environment, capture_output=True,
                            text=True, check=True)
    return answer.stdout.strip()


def copy_of_the_package(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "fabio", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_a_changed_source_in_another_file_is_never_answered_from_the_cache(tmp_path: Path) -> None:
    copy = copy_of_the_package(tmp_path)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert run(copy, environment) == "2"  # compiled and kept
    source = copy / "fabio" / "regime" / "cadence.py"
    changed = source.read_text("utf-8").replace("            band = 2\n", "            band = 7\n")
    assert changed != source.read_text("utf-8")
    stamp = source.stat()
    source.write_text(changed, "utf-8")
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a restored checkout might have it
    assert run(copy, environment) == "7"
    assert len(list((tmp_path / "cache").glob("kernels-*"))) == 2


def test_a_read_only_install_without_a_home_still_runs(tmp_path: Path) -> None:
    copy = copy_of_the_package(tmp_path / "install")
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    environment = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "HOME")}
    environment |= {"HOME": str(blocked), "XDG_CACHE_HOME": str(blocked), "TMPDIR": str(tmp_path)}
    for path in (copy / "fabio").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert run(copy, environment) == "2"
    finally:
        for path in (copy / "fabio").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_every_file_with_a_kernel_is_part_of_the_hash() -> None:
    hashed = {
        path for source in KERNEL_SOURCES
        for path in ((PACKAGE / source).rglob("*.py") if (PACKAGE / source).is_dir() else [PACKAGE / source])
    }
    holders = {
        path for path in PACKAGE.rglob("*.py")
        if "@kernel\n" in path.read_text("utf-8") or "@inlined\n" in path.read_text("utf-8")
    }
    assert holders
    assert holders <= hashed


def test_the_hash_changes_with_any_kernel_source(tmp_path: Path) -> None:
    copy = copy_of_the_package(tmp_path) / "fabio"
    before = source_hash(copy)
    layout = copy / "features" / "layout.py"
    layout.write_text(layout.read_text("utf-8") + "\nANOTHER = 1\n", "utf-8")
    assert source_hash(copy) != before
