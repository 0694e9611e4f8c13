"""Unit files: the system's own supervisor starts ours at login and again if it fails."""

import plistlib
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fabio.runtime.supervise.definition import Definition

LABEL = "fabio.supervise"
_MARGIN_S = 15.0
REFUSED_CODES = "2 3 6"
"""Usage, configuration, another supervisor: starting again mends none of these."""


class Unit(msgspec.Struct, frozen=True):
    """What a unit file needs to know; all paths absolute.

    Parameters
    ----------
    words
        Of the command, this Python first.
    stop_s
        How long it may take to end.
    """

    words: tuple[str, ...]
    directory: Path
    logs: Path
    stop_s: float


def unit_of(ecosystem: Path, logs: Path, config: Path | None, definitions: Mapping[str, Definition]) -> Unit:
    """Fill in the real paths."""
    words = [sys.executable, "-m", "fabio", "supervise", "--ecosystem", str(ecosystem.resolve()),
             "--logs", str(logs.resolve())]
    if config is not None:
        words += ["--config", str(config.resolve())]
    stop_s = sum(each.stop_s for each in definitions.values()) + _MARGIN_S  # at worst one waits for the other
    return Unit(tuple(words), Path.cwd(), logs.resolve(), stop_s)


def systemd(unit: Unit) -> str:
    """Write a systemd user unit.

    Notes
    -----
    `KillMode=process`: only the supervisor is told to end, and it ends the others in their order. With any
    other mode an agent would get SIGTERM twice, and the second one means: leave at once, unflattened.
    """
    command = " ".join(_quoted(word) for word in unit.words)
    return f"""\
# fabio's supervisor as a systemd user unit:
#   fabio supervise --unit systemd > ~/.config/systemd/user/fabio.service
#   systemctl --user daemon-reload && systemctl --user enable --now fabio
#   loginctl enable-linger     # so that it runs without anybody logged in
[Unit]
Description=fabio: keeps the processes of its ecosystem alive

[Service]
Type=exec
WorkingDirectory={_escaped(str(unit.directory))}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=process
TimeoutStopSec={unit.stop_s:.0f}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus={REFUSED_CODES}

[Install]
WantedBy=default.target
"""


def launchd(unit: Unit) -> str:
    """Write a launchd agent's property list."""
    out = str(unit.logs / "supervisor.launchd")
    body = plistlib.dumps({
        "Label": LABEL, "ProgramArguments": list(unit.words), "WorkingDirectory": str(unit.directory),
        "RunAtLoad": True, "KeepAlive": {"SuccessfulExit": False}, "ThrottleInterval": 10,
        "ExitTimeOut": round(unit.stop_s), "AbandonProcessGroup": True, "ProcessType": "Interactive",
        "StandardOutPath": out, "StandardErrorPath": out,
    }, sort_keys=False).decode()
    head, _, rest = body.partition("<plist")
    return f"""{head}<!-- fabio's supervisor as a launchd agent. Put it into ~/Library/LaunchAgents/{LABEL}.plist, then:
     launchctl bootstrap gui/$UID ~/Library/LaunchAgents/{LABEL}.plist -->
<plist{rest}"""


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    text = _escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return text if text and not set(text) - _PLAIN else f'"{text}"'


_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:@+,%$")
