"""Who is paged: the program of `notify.command`, read by a process of its own.

So a setting, a strategy or a library that is broken cannot keep the supervisor from starting, and its
memory stays small.
"""

import os
import subprocess
import sys
from pathlib import Path

import orjson

from fabio.model.errors import ConfigError
from fabio.runtime.paging import Pager

_LIMIT_S = 30.0


def pager_of(config: Path | None, logs: Path) -> Pager | None:
    """Give the pager that the settings ask for; None where they name no program.

    Raises
    ------
    ConfigError
        If the settings cannot be read.
    """
    words = [sys.executable, "-m", "fabio", "config", "show", "--json", *(
        [] if config is None else ["--config", str(config)])]
    try:
        done = subprocess.run(words, capture_output=True, check=False, timeout=_LIMIT_S, stdin=subprocess.DEVNULL,
                              env={**os.environ, "NO_COLOR": "1"})
        rows = orjson.loads(done.stdout)["settings"]
    except (OSError, subprocess.TimeoutExpired, orjson.JSONDecodeError, KeyError, TypeError) as error:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() if "done" in locals() else []
        raise ConfigError(said[-1].removeprefix("fabio: ") if said else f"cannot be read: {error}") from None
    found = {row["path"]: row["value"] for row in rows}
    if found.get("notify.command") is None:
        return None
    return Pager(found["notify.command"], float(found["notify.timeout_s"]), logs, [])
