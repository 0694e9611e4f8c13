"""What a server turned out to take, remembered per server and model in a small file."""

import contextlib
import logging
import os
from pathlib import Path

import msgspec

from fabio.adapters.llm.servers import Shape

FILE = "model_servers.json"
_LARGEST_FILE = 256 * 1024
_log = logging.getLogger(__name__)


class Memory:
    """Shapes by server and model; a file that cannot be read is as none.

    Parameters
    ----------
    folder
        Where the file lies; None remembers until the process ends.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / FILE
        self._shapes: dict[str, Shape] = {}  # "base_url model" -> shape
        if self._path is not None:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                if self._path.stat().st_size <= _LARGEST_FILE:
                    self._shapes = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Shape])

    def get(self, base_url: str, model: str) -> Shape | None:
        """Give what was learnt, None where nothing was."""
        return self._shapes.get(f"{base_url} {model}")

    def put(self, base_url: str, model: str, shape: Shape) -> None:
        """Remember; where the folder cannot be written, until the process ends."""
        key = f"{base_url} {model}"
        if self._shapes.get(key) == shape:
            return
        self._shapes[key] = shape
        self._write()

    def forget(self, base_url: str, model: str) -> None:
        """Begin anew with a server: it may have learnt something."""
        if self._shapes.pop(f"{base_url} {model}", None) is not None:
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        fresh = self._path.with_name(f"{FILE}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self._shapes, order="sorted")) + b"\n")
            fresh.replace(self._path)
        except OSError as error:
            _log.warning("%s cannot be written (%s): what was learnt is forgotten at the end", self._path,
                         error.strerror)
