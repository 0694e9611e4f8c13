"""`supervisor.json`: what a supervisor tells of itself and its processes, for people and for the next one."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from fabio.journal.sync import replace_file
from fabio.journal.times import iso
from fabio.runtime.supervise.system import identity

NAME = "supervisor.json"
NS = 1_000_000_000


def write_told(logs: Path, state: str, ecosystem: Path, processes: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the file in one step."""
    now_ns = time.time_ns()
    replace_file(logs / NAME, orjson.dumps({
        "v": 1, "state": state, "pid": os.getpid(), "identity": identity(os.getpid()), "ts_ns": now_ns,
        "ts": iso(now_ns), "ecosystem": str(ecosystem), "processes": processes,
    }, option=orjson.OPT_INDENT_2), durable=False)


def read_told(logs: Path) -> dict[str, Any] | None:
    """Read what a supervisor has told; None where there is nothing, or nothing that can be read."""
    try:
        told = orjson.loads((logs / NAME).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    processes = told.get("processes") if isinstance(told, dict) else None
    whole = isinstance(processes, dict) and all(isinstance(each, dict) for each in processes.values())
    return told if whole and isinstance(told.get("ts_ns"), int) else None


def is_same(pid: object, mark: object) -> bool:
    """Tell whether a process is the one that was written down."""
    return isinstance(pid, int) and pid > 0 and mark is not None and identity(pid) == mark


def shown(logs: Path) -> dict[str, Any] | None:
    """Give what `fabio status` shows: the supervisor, whether it lives, and its processes; None where there is none."""
    told = read_told(logs)
    if told is None:
        return None
    now_ns = time.time_ns()
    lives = is_same(told.get("pid"), told.get("identity"))
    found = {}
    for name, each in told["processes"].items():
        runs = is_same(each.get("pid"), each.get("identity"))
        began_ns = each.get("started_ns")
        found[name] = {
            **{key: each.get(key) for key in (
                "state", "note", "starts", "restarts", "memory_mb", "last_exit", "reducing", "started", "next_start")},
            "pid": each.get("pid") if runs else None,
            "uptime_s": round((now_ns - began_ns) / NS, 1) if runs and isinstance(began_ns, int) else None,
        }
        if not lives:
            found[name]["state"] = "left alone, it runs" if runs else "stopped"
    return {"running": lives, "pid": told.get("pid"), "ecosystem": told.get("ecosystem"),
            "age_s": round((now_ns - told["ts_ns"]) / NS, 1), "processes": found}
