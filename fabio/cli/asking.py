"""Asking a running agent something through its inbox."""

from pathlib import Path

from fabio.cli.failures import Failed, NotFound, Refused


def ask_agent(logs: Path, verb: str, *, name: str = "", reason: str = "", timeout_s: float = 5.0) -> str:
    """Ask, wait, and give the answer's words.

    Raises
    ------
    NotFound
        If no agent runs in the folder (exit code 4).
    NoAnswer
        If it does not answer in time (exit code 5).
    Refused
        If it says no (exit code 6).
    """
    from fabio.journal.inbox import ask
    from fabio.journal.world import is_running

    if not is_running(logs):
        raise NotFound(f"no agent runs in {logs}: start one with `fabio run --logs {logs}`")
    answer = ask(logs, verb, name=name, reason=reason, timeout_s=timeout_s)
    if answer.outcome == "refused":
        raise Refused(answer.message)
    if answer.outcome != "done":
        raise Failed(f"{verb}: {answer.outcome}: {answer.message}")
    return answer.message
