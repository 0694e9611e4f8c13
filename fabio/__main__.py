"""`python -m fabio` and `fabio`: the same."""

import sys


def main() -> None:
    """Run the command line."""
    from fabio.cli.app import run

    sys.exit(run())


if __name__ == "__main__":
    main()
