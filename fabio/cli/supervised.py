"""The supervisor's part of `fabio status`, in words."""

from typing import Any

_UP = ("starting", "ready", "running")


def supervisor_lines(shown: dict[str, Any] | None) -> list[str]:
    """Write the supervisor and its processes; nothing where there never was one."""
    if shown is None:
        return []
    head = (f"process {shown['pid']} keeps {shown['ecosystem']}" if shown["running"] else
            f"does not run (last seen {span(shown['age_s'])} ago): nobody starts anything again")
    found = [f"supervisor {head}"]
    width = max((len(name) for name in shown["processes"]), default=0)
    for name, each in shown["processes"].items():
        found.append(f"  {name:<{width}}  {process_words(each)}")
    return found


def process_words(each: dict[str, Any]) -> str:
    """Say how one process is.

    >>> process_words({"state": "ready", "pid": 7, "uptime_s": 3700.0, "restarts": 1, "memory_mb": 151.24,
    ...                "last_exit": "killed by SIGKILL", "note": "", "reducing": False, "next_start": None})
    'ready, process 7 for 1 h 1 min, 1 restart, 151 MB; the last end: killed by SIGKILL'
    """
    words = [each["state"]]
    if each["reducing"]:
        words = [f"{each['state'].upper()} AFTER A CRASH LOOP, halted: it only reduces"]
    if each["pid"] is not None:
        words.append(f"process {each['pid']} for {span(each['uptime_s'] or 0.0)}")
    if each["restarts"]:
        words.append(f"{each['restarts']} restart{'s' if each['restarts'] != 1 else ''}")
    if each["memory_mb"] is not None:
        words.append(f"{each['memory_mb']:.0f} MB")
    if each["next_start"] is not None and each["state"] != "runs elsewhere":
        words.append(f"next start {each['next_start'][:19].replace('T', ' ')} UTC")
    text = ", ".join(words)
    if each["state"] not in _UP and each["note"]:
        return f"{text} ({each['note']})"
    return f"{text}; the last end: {each['last_exit']}" if each["last_exit"] else text


def span(seconds: float) -> str:
    """Say how long.

    >>> span(4.2), span(130), span(90_000)
    ('4 s', '2 min', '1 d 1 h')
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
