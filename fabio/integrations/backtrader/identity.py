"""Who decides, for whom, in which session: four variables of the environment."""

from collections.abc import Mapping

import msgspec

VARIABLES = ("AGENT_ID", "USER_ID", "SESSION_ID", "MODE")
MODES = ("BACKTEST", "PAPER")
UNKNOWN = "unknown"
"""What a record says where the environment says nothing."""


class Identity(msgspec.Struct, frozen=True):
    """What the environment says, and what it does not.

    Parameters
    ----------
    agent_id, user_id, session_id
        `UNKNOWN` where the variable is missing.
    mode
        "BACKTEST" or "PAPER"; "BACKTEST" where the variable is missing or says something else.
    missing
        The variables that are missing, by name.
    refused_mode
        What MODE says where that is neither of the two; None where it is, or is missing.
    """

    agent_id: str
    user_id: str
    session_id: str
    mode: str
    missing: tuple[str, ...]
    refused_mode: str | None

    def complaints(self) -> list[str]:
        """Say what a person should set, one sentence each; empty where all is well."""
        said = []
        if self.missing:
            said.append(f"not set in the environment: {', '.join(self.missing)}; records say {UNKNOWN!r} "
                        "(mode BACKTEST until live data is notified)")
        if self.refused_mode is not None:
            said.append(f"MODE is {self.refused_mode!r}; expected {' or '.join(MODES)}; recorded as {self.mode}")
        return said


def read_identity(environment: Mapping[str, str]) -> Identity:
    """Read the four variables; an empty one counts as missing.

    >>> read_identity({"AGENT_ID": "a7", "MODE": "paper"})
    Identity(agent_id='a7', user_id='unknown', session_id='unknown', mode='PAPER', \
missing=('USER_ID', 'SESSION_ID'), refused_mode=None)
    """
    said = {name: environment.get(name, "").strip() for name in VARIABLES}
    mode = said["MODE"].upper()
    return Identity(
        agent_id=said["AGENT_ID"] or UNKNOWN,
        user_id=said["USER_ID"] or UNKNOWN,
        session_id=said["SESSION_ID"] or UNKNOWN,
        mode=mode if mode in MODES else MODES[0],
        missing=tuple(name for name in VARIABLES if not said[name]),
        refused_mode=said["MODE"] if mode and mode not in MODES else None,
    )
