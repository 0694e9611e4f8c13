"""Exit codes: what each kind of failure means to a script.

0 ok, 1 failed, 2 usage, 3 bad configuration or credentials, 4 not running or not found,
5 timeout, 6 refused, 7 the venue's state is uncertain and a person must look.
"""

import sys

OK, FAILED, USAGE, BAD_CONFIGURATION, NOT_FOUND, TIMEOUT, REFUSED, UNCERTAIN = range(8)

# module:class -> exit code; by name, so that nothing is imported for a failure that did not happen
_CODES = {
    "fabio.model.errors:ConfigError": BAD_CONFIGURATION,
    "fabio.journal.world:OtherWorld": BAD_CONFIGURATION,
    "fabio.journal.world:WorldUnreadable": BAD_CONFIGURATION,
    "fabio.journal.world:FolderBusy": REFUSED,
    "fabio.journal.account_lock:AccountBusy": REFUSED,
    "fabio.journal.files:JournalDamaged": FAILED,
    "fabio.journal.pen:JournalFailed": FAILED,
    "fabio.journal.room:NoRoom": BAD_CONFIGURATION,
    "fabio.journal.tape:TapeDamaged": FAILED,
    "fabio.journal.tape:TapeRange": FAILED,
    "fabio.journal.inbox:NoAnswer": TIMEOUT,
    "fabio.runtime.recovery:RecoveryFailed": UNCERTAIN,
    "fabio.runtime.live:Uncertain": UNCERTAIN,
    "fabio.runtime.live_start:VenueSilent": TIMEOUT,
    "fabio.adapters.topstepx.errors:TemporaryError": TIMEOUT,
    "fabio.adapters.topstepx.errors:PermanentError": FAILED,
    "fabio.runtime.history:HistoryMissing": FAILED,
    "fabio.runtime.supervise.lock:SupervisorBusy": REFUSED,
    "fabio.runtime.demo:DemoOver": NOT_FOUND,
    "fabio.runtime.sinking.process:SinkSilent": TIMEOUT,
    "fabio.runtime.until:BadTime": USAGE,
    "fabio.cli.failures:Unready": BAD_CONFIGURATION,
    "fabio.cli.failures:NotFound": NOT_FOUND,
    "fabio.cli.failures:Refused": REFUSED,
    "fabio.cli.failures:Failed": FAILED,
    "fabio.cli.failures:BadUsage": USAGE,
}


class NotFound(Exception):
    """What was asked for is not there, or nothing runs."""


class Refused(Exception):
    """A guard, a lock or a missing permission says no."""


class Failed(Exception):
    """It was tried and did not work."""


class Unready(Exception):
    """Something is asked for that this installation or version does not have."""


class BadUsage(Exception):
    """Options that do not go together."""


def exit_code_of(error: Exception) -> int | None:
    """Give the exit code of a failure of a known kind; None for a bug of ours."""
    for place, code in _CODES.items():
        module, name = place.split(":")
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return code
    return None
