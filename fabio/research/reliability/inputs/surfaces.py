"""Every surface that takes bytes from outside, by name."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from fabio.research.reliability.inputs.files import (
    dotenv,
    inbox_file,
    settings_environment,
    settings_file,
    tables,
    tape_file,
)
from fabio.research.reliability.inputs.records import journal_line, model_answer, model_body
from fabio.research.reliability.inputs.surface import Surface
from fabio.research.reliability.inputs.wire import gateway_request, hub_frame, rest_body

SURFACES: dict[str, Callable[[Path], AbstractContextManager[Surface]]] = {
    "settings_file": settings_file, "settings_environment": settings_environment, "dotenv": dotenv,
    "tables": tables, "inbox_file": inbox_file, "hub_frame": hub_frame, "rest_body": rest_body,
    "model_answer": model_answer, "model_body": model_body, "journal_line": journal_line, "tape_file": tape_file,
    "gateway_request": gateway_request,
}
"""Name -> what opens it in an empty folder of its own."""
