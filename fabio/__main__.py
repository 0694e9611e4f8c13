"""`python -m fabio` and `fabio`: the same."""

import contextlib
import os
import sys


def limit_core_dumps() -> None:
    """Let a crash of the interpreter leave no memory behind: keys stand in it in the clear."""
    try:
        import resource
    except ImportError:  # Windows writes none by itself
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main() -> None:
    """Run the command line."""
    # what is written holds an account's data: nobody else on this machine reads it, whatever the shell's mask is
    os.umask(os.umask(0o077) | 0o077)
    with contextlib.suppress(ValueError, OSError):
        limit_core_dumps()
    from fabio.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
