"""Where compiled kernels are kept: a folder named by the hash of everything they are made of.

numba's own cache looks at one file alone: a callee that changes in another file leaves
stale machine code behind; and on a read-only install without a home it fails at import.
So the folder is chosen here, before numba is imported, and where none can be written
kernels are compiled anew each time, said so by `doctor`.
"""

import contextlib
import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

KERNEL_SOURCES = ("features", "exchange", "regime", "engine/advance.py")
"""Files and folders that hold kernels, and every constant frozen into them."""


def source_hash(package: Path, sources: Sequence[str] = KERNEL_SOURCES) -> str:
    """Hash sources, those that kernels are compiled from by default, with the compiler's and Python's versions."""
    digest = hashlib.sha256()
    stamps = (sys.version, platform.machine(), version("numba"), version("llvmlite"), version("numpy"))
    digest.update("\n".join(stamps).encode())
    for source in sources:
        for path in _python_files(package / source):
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _python_files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def prepare_cache(package: Path | None = None) -> Path | None:
    """Point numba to a writable folder for this version of the kernels.

    Returns the folder, or None where no folder can be written. Has an effect only before
    numba is first imported. A `NUMBA_CACHE_DIR` from the user's environment is the parent.
    """
    package = package or Path(__file__).parents[1]
    name = f"kernels-{source_hash(package)}"
    for parent in _candidates():
        folder = parent / name
        if not _is_ours(folder):
            continue
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
        return folder
    os.environ.pop("NUMBA_CACHE_DIR", None)
    return None


def is_warm(folder: Path | None) -> bool:
    """Tell whether the folder already holds compiled code."""
    return folder is not None and any(folder.rglob("*.nbi"))


def _is_ours(folder: Path) -> bool:
    """Make the folder; refuse one that another user could have filled with code."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    except OSError:
        return False


def _candidates() -> list[Path]:
    given = os.environ.get("NUMBA_CACHE_DIR")
    folders = [Path(given)] if given else []
    if folders and folders[0].name.startswith("kernels-"):  # inherited from a parent process of ours
        folders = [folders[0].parent]
    home = os.environ.get("XDG_CACHE_HOME")
    if home:
        folders.append(Path(home) / "fabio")
    with contextlib.suppress(RuntimeError):  # no home at all
        folders.append(Path.home() / ".cache" / "fabio")
    user = getattr(os, "getuid", lambda: "user")()
    folders.append(Path(tempfile.gettempdir()) / f"fabio-{user}")
    return folders
