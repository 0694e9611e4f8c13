"""What the system tells of a process: whether it is still the same one, and how much memory it has.

Linux has `/proc`; elsewhere `ps` is asked, which POSIX promises.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

_PS_LIMIT_S = 5.0


def identity(pid: int) -> str | None:
    """Give what no later process with this number shares: when it began; None where it does not run (any more)."""
    if sys.platform == "linux":
        fields = _proc_fields(pid)
        return None if fields is None or fields[0] in ("Z", "X") else f"{_boot()} {fields[19]}"
    words = _ps(pid, "state=,lstart=").split(maxsplit=1)
    return None if len(words) < 2 or words[0].startswith("Z") else " ".join(words[1].split())


def memory_mb(pid: int) -> float | None:
    """Give resident memory in MB of 2**20 bytes; None where the process is not there."""
    if sys.platform == "linux":
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return None
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    text = _ps(pid, "rss=").strip()
    return int(text) / 1024 if text.isdecimal() else None


def _proc_fields(pid: int) -> list[str] | None:
    """Give the fields of `/proc/PID/stat` behind the name, which may hold blanks and brackets itself."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields if len(fields) > 19 else None


@cache
def _boot() -> str:
    """Name this boot: after the next one, numbers and times begin again."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "-"


def _ps(pid: int, columns: str) -> str:
    try:
        done = subprocess.run(["ps", "-ww", "-o", columns, "-p", str(pid)], capture_output=True, text=True, check=False,
                              timeout=_PS_LIMIT_S, env={**os.environ, "LC_ALL": "C"})
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
