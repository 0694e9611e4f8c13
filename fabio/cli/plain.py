"""Lines of a run: to the human log always, to stdout where no panel is shown."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

from fabio.adapters.redact import KNOWN, HidingFormatter

LOG_BYTES, LOGS_KEPT = 10 * 2**20, 5
"""agent.log becomes agent.log.1 when it has this size; so many of them stay."""
logger = logging.getLogger("fabio.agent")


class Plain:
    """Takes lines; says once, through `on_gone`, that nobody reads them any more.

    Parameters
    ----------
    printing
        Whether lines also go to stdout.

    Attributes
    ----------
    is_gone
        Whether the reader of stdout has gone away.
    """

    def __init__(self, *, printing: bool) -> None:
        self.printing = printing
        self.is_gone = False
        self.on_gone: Callable[[], None] = lambda: None

    def say(self, line: str) -> None:
        """Take one line."""
        line = KNOWN.hide_keys(line)
        logger.info(line)
        if not self.printing:
            return
        try:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self.printing, self.is_gone = False, True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still buffered
            self.on_gone()


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Let the agent's lines go to a file too; it is made with the first line."""
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8", delay=True)
    handler.setFormatter(HidingFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
