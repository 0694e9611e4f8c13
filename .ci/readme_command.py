"""Print the shell command of the README that stands under a heading."""

import re
import sys
from pathlib import Path


def command_under(heading: str) -> str:
    """Give the first `sh` block after a heading of README.md."""
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    _, found, rest = text.partition(f"## {heading}\n")
    block = re.search(r"```sh\n(.*?)```", rest, re.DOTALL)
    if not found or block is None:
        raise SystemExit(f"README.md has no sh block under the heading {heading!r}")
    return block.group(1).strip()


if __name__ == "__main__":
    sys.stdout.write(command_under(sys.argv[1]) + "\n")
